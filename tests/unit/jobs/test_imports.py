"""What the jobs import: a job of a second must not spend half of it on modules it does not use."""

import subprocess
import sys

import pytest

from ccdlib.config import PIPELINE

_JOBS = sorted(
    path.stem
    for pattern in ("calibrate_*.py", "combine_*.py", "measure_*.py")
    for path in (PIPELINE / "scripts").glob(pattern)
)


# what its functions import later counts as well; only tables.py may, where a DataFrame is asked for
_LISTING = """
import ast, sys
from pathlib import Path
for name, module in list(sys.modules.items()):
    if name.startswith("ccdlib.") and name != "ccdlib.tables":
        for node in ast.walk(ast.parse(Path(module.__file__).read_text())):
            if isinstance(node, ast.Import) and any(each.name == "pandas" for each in node.names):
                print(name)
print("pandas" in sys.modules)
"""


def test_there_are_jobs_on_pixels():
    assert {"calibrate_frame", "measure_detector", "measure_bad_pixels"} <= set(_JOBS)


@pytest.mark.parametrize("job", _JOBS)
def test_a_job_on_pixels_does_not_import_pandas(job):
    code = (PIPELINE / f"scripts/{job}.py").read_text() + _LISTING
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False"]
