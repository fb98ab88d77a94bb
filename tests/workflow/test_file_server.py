"""Calls that fail as those of a file server do: never a wrong product, and the next run goes on.

The calls of the C library are made to fail in all processes of a run, by a library that is loaded
before it (tests/helpers/failing_calls.c).
"""

import errno
import shutil
import subprocess
from pathlib import Path

import pytest
import small_night
from small_night import PRODUCTS, R1

SOURCE = Path(small_night.__file__).with_name("failing_calls.c")
ALWAYS = 10**4

OFTEN = ("rename of a master, once", "no locks")


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    path = tmp_path_factory.mktemp("library") / "failing_calls.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", path, SOURCE, "-ldl"], check=True)
    return path


@pytest.fixture
def failing(library, raw, tmp_path):
    """A function that runs the night while some calls fail."""

    def run(call, error, path, times=1, skip=0, code=1):
        notes = tmp_path / "notes"
        notes.mkdir()
        told = {"CALL": call, "ERRNO": error, "PATH": path, "TIMES": times, "SKIP": skip}
        environment = {f"FAULT_{name}": str(value) for name, value in told.items()}
        environment |= {"FAULT_NOTES": str(notes), "LD_PRELOAD": str(library)}
        done = raw.run(code=code, environment=environment)
        assert call == "late" or list(notes.iterdir()), "no call failed"
        return done

    return run


def _completed(work, reduced, done):
    """What was made is right, no line is a traceback, and the next run makes the rest."""
    right = reduced.content()
    print(done.text)
    assert all(right[name] == content for name, content in work.content().items())
    assert "Traceback" not in done.text
    work.run()
    assert work.content() == right
    assert not list(work.folder.rglob(".*.part"))
    assert not work.run().made


# what fails, how, where, how often, after how many; exit code, and what is said
CASES = {
    "rename of a master, once": (
        ("rename", errno.ESTALE, "masters/bias/2", 1),
        1,
        "failed: results/masters/bias/",
    ),
    "rename of lights, always": (("rename", errno.EIO, "calibrated/M13", ALWAYS), 1, "M13_V_002"),
    "rename across devices": (("rename", errno.EXDEV, "masters/flat/2", ALWAYS), 1, "cross-device"),
    "rename of the index": (("rename", errno.EIO, "results/index.csv", 1), 1, "index.csv"),
    "rename of the plan": (("rename", errno.ESTALE, "results/plan.csv", 1), 1, "plan.csv"),
    "rename of the state": (("rename", errno.EIO, ".ccdlib/listing", 1), 1, ".ccdlib/listing"),
    "rename of a note": (("rename", errno.EIO, ".ccdlib/made/", 1), 1, "Input/output error"),
    "content that does not reach the disk": (("fsync", errno.EIO, "masters/dark", 1), 1, "dark"),
    "no locks": (("lock", errno.ENOLCK, "/.ccdlib/", ALWAYS), 0, "no locks"),
    "a master that is opened": (("open", errno.ESTALE, "/masters/flat/2", 1, 3), 1, "Stale"),
    "more than the quota": (("close", errno.EDQUOT, "/calibrated/.M13", ALWAYS), 1, "quota"),
    "more than the quota, state": (("close", errno.EDQUOT, ".ccdlib/made", 1), 1, "quota"),
    "a product that appears late": (("stat", errno.ENOENT, "masters/bias/2", 3), 0, ""),
    "a table that appears late": (("stat", errno.ENOENT, "results/members.csv", 3), 0, ""),
    "times that are seen late": (("late", 0, "/results/", 1), 0, ""),
}


@pytest.mark.parametrize(
    "what",
    [
        pytest.param(what, marks=pytest.mark.faults if what in OFTEN else pytest.mark.slow)
        for what in CASES
    ],
)
def test_a_call_that_fails(failing, raw, reduced, what):
    call, code, told = CASES[what]
    done = failing(*call, code=code)
    assert told in done.text
    _completed(raw, reduced, done)


@pytest.mark.faults
def test_a_raw_file_that_could_not_be_read_for_the_moment_is_read_by_the_next_run(
    failing, raw, reduced
):
    """Though nothing in the folder has changed since."""
    done = failing("open", errno.ESTALE, "M13_R_001", code=0)
    assert "M13_R_001.fits: cannot be read: OSError: Stale file handle" in done.text
    assert R1 not in raw.content()
    _completed(raw, reduced, done)
    assert set(raw.content()) == PRODUCTS
