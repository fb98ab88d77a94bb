"""The small night for the tests: as raw frames, reduced, and with nothing left to do."""

import fcntl
import os
import pickle
import shutil
import subprocess

import pytest
from small_night import NIGHT, Work, copied

from ccdlib.simulate.exposures import simulate_demo


def _once(factory, name, make):
    """What `make(folder)` returns: the first of a session's workers makes it, the others wait."""
    own = factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    kept = shared / f"{name}.pickle"
    with open(shared / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            folder = shared / name
            # of a worker that failed
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            made = make(folder)
            kept.write_bytes(pickle.dumps(made))
    return pickle.loads(kept.read_bytes())


@pytest.fixture(scope="session")
def simulated(tmp_path_factory):
    """The raw folder of the small night, the same for all workers; not to be changed."""

    def make(folder):
        simulate_demo(folder / "raw", folder / "truth", night=NIGHT)
        return folder / "raw"

    return _once(tmp_path_factory, "simulated", make)


@pytest.fixture(scope="session")
def reduced(simulated, tmp_path_factory):
    """The small night, reduced by its `first` run and looked at by its `second`.

    It is the same for all workers, and not to be changed. Both are started as a user starts them.
    """

    def make(folder):
        work = Work(folder / "work", simulated)
        work.forks = False
        work.first = work.run()
        work.second = work.run()
        return work

    return _once(tmp_path_factory, "reduced", make)


@pytest.fixture
def raw(simulated, tmp_path):
    """The small night's raw frames, not reduced."""
    shutil.copytree(simulated, tmp_path / "raw")
    return Work(tmp_path / "work", tmp_path / "raw")


@pytest.fixture
def night(reduced, tmp_path):
    """A reduced night of one's own: to Snakemake it was copied from elsewhere."""
    return copied(reduced, tmp_path)


def _stats(folder):
    found = ((path, path.stat()) for path in folder.rglob("*"))
    return {path: (stat.st_size, stat.st_mtime_ns) for path, stat in found}


@pytest.fixture
def again(reduced, tmp_path):
    """A reduced night on the raw frames that all share: nothing is left to do."""
    shutil.copytree(reduced.folder, tmp_path / "work", symlinks=True)
    before = _stats(reduced.raw)
    yield Work(tmp_path / "work", reduced.raw)
    assert _stats(reduced.raw) == before, "the test changed raw frames that others share"


@pytest.fixture
def settled(night):
    """A reduced night with raw frames of one's own on which nothing is left to do."""
    night.run()
    return night


@pytest.fixture
def without_privilege():
    """A prefix of a command under which files' modes hold, which root may else ignore."""
    if os.geteuid():
        return []
    drop = "-dac_override,-dac_read_search"
    prefix = ["setpriv", f"--bounding-set={drop}", f"--inh-caps={drop}"]
    try:
        subprocess.run([*prefix, "true"], check=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("needs setpriv and the right to give up privileges")
    return prefix
