"""The small night for the tests: as raw frames, reduced, and with nothing left to do."""

import os
import shutil
import subprocess
import time

import pytest
from small_night import NIGHT, Work, copied

from ccdlib.simulate.exposures import simulate_demo


@pytest.fixture(scope="session")
def simulated(tmp_path_factory):
    """The raw folder of the small night; not to be changed."""
    folder = tmp_path_factory.mktemp("simulated")
    simulate_demo(folder / "raw", folder / "truth", night=NIGHT)
    return folder / "raw"


@pytest.fixture(scope="session")
def reduced(simulated, tmp_path_factory):
    """The small night, reduced; not to be changed."""
    work = Work(tmp_path_factory.mktemp("reduced") / "work", simulated)
    began = time.monotonic()
    work.first = work.run()
    work.seconds = time.monotonic() - began
    return work


@pytest.fixture
def raw(simulated, tmp_path):
    """The small night's raw frames, not reduced."""
    shutil.copytree(simulated, tmp_path / "raw")
    return Work(tmp_path / "work", tmp_path / "raw")


@pytest.fixture
def night(reduced, tmp_path):
    """A reduced night of one's own: to Snakemake it was copied from elsewhere."""
    return copied(reduced, tmp_path)


@pytest.fixture
def settled(night):
    """A reduced night of one's own on which nothing is left to do."""
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
