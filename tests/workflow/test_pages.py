"""Python and commands of the pages, run in the folder of a reduced night."""

import os
import re
import shlex
import shutil
import subprocess
import sys

import numpy as np
import pytest
from archive_records import night
from astropy.io import fits
from pages import PAGES, ROOT, blocks, commands
from small_night import V1

from ccdlib.archives import catalogue

ALL = [block for page in PAGES for block in blocks(page)]
PROGRAMS = {"ccdlib": "ccdlib.cli", "snakemake": "snakemake"}
# a frame, as the pages call it
FRAMES = "d1074", "FRAME"


@pytest.fixture
def folder(again, monkeypatch):
    """A working directory with nothing left to do, and with the frames that the pages name."""
    for name in FRAMES:
        shutil.copy(again.folder / "results" / V1, again.folder / f"results/calibrated/{name}.fits")
    # a stack has more planes, and is read in the same way
    (again.folder / "results/stacks").mkdir()
    shutil.copy(again.folder / "results" / V1, again.folder / "results/stacks/M13_V.fits")
    # a working directory, and an archive of a night
    work = again.folder / "WORK"
    work.mkdir()
    for name in ("results", ".ccdlib"):
        (work / name).symlink_to(again.folder / name)
    monkeypatch.chdir(work)
    catalogue.update(["2024-05-13"], {"2024-05-13": night("2024-05-13")})
    fits.writeto(again.folder / "ccd.014.0.fits", np.zeros((8, 2080), np.uint16))
    return again.folder


def run(command, folder):
    """What a command writes; it must end well and warn of nothing."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "scripts"), "MPLBACKEND": "agg"}
    done = subprocess.run(
        command, cwd=folder, env=environment, text=True, capture_output=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


# parts of a Snakefile; tests/workflow/test_module.py has them in one
SNAKEFILE = "docs/cluster.md"


def test_python_of_the_pages_runs(folder):
    """Block after block, each in a namespace of its own."""
    found = [b for b in ALL if b.language == "python" and b.page != SNAKEFILE]
    assert len(found) >= 5
    lines = ["import ccdlib"]
    for block in found:
        lines += [f"exec(compile({block.text!r}, {str(block)!r}, 'exec'), {{}})"]
        lines += ["ccdlib.conf.as_ccdproc = False"]
    told = run([sys.executable, "-W", "error", "-c", "\n".join(lines)], folder)
    assert "[[1.15470054]] [[0.94280904]]" in told


def _of_readme():
    """README's commands that look at a night or make one, once each."""
    page = ROOT / "README.md"
    told = [each for b in blocks(page) if b.language == "bash" for each in commands(b.text)]
    told += re.findall(r"`(ccdlib [^`\n]+)`", page.read_text())
    kinds = r"ccdlib (run|init|why|verify|show) |snakemake .*raw_dir="
    return sorted({each for each in told if re.match(kinds, each) and "ARGS" not in each})


@pytest.mark.parametrize("command", _of_readme())
def test_a_command_of_readme_does_what_it_should(command, again, folder):
    for place, stands_for in {
        "/data/2024-05-13": str(again.raw),
        "RAW_DIR": str(again.raw),
        "--directory WORK": f"--directory {folder}",
        "PIPELINE": str(ROOT),
        "lick_nickel": "demo",
        "--cores 8": "--cores 2",
        "[PRODUCT ...]": f"results/{V1}",
        "PRODUCT": f"results/{V1}",
    }.items():
        command = command.replace(place, stands_for)
    program, *words = shlex.split(command)
    before = again.files()
    told = run([sys.executable, "-m", PROGRAMS[program], *words], folder)
    assert told
    # a look at a night changes no product, and a run finds nothing to do
    assert {name: again.files()[name] for name in before} == before
