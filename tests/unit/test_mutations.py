"""The mutants of tests/benchmarks/mutations.py still cut into the code, and their tests exist."""

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MUTANTS = runpy.run_path(str(ROOT / "tests/benchmarks/mutations.py"))["MUTANTS"]


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_cuts_into_one_place(name):
    module, text, other, likely = MUTANTS[name]
    source = (ROOT / "scripts/ccdlib" / f"{module}.py").read_text()
    assert source.count(text) == 1 and text != other
    path, _, test = likely.partition("::")
    assert f"def {test}(" in (ROOT / path).read_text()
