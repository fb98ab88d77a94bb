"""Where compiled kernels are kept when neither installation nor home can be written."""

import os
from pathlib import Path

import pytest

from ccdlib.run import kernels


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """A package and a home below a file: no user, root neither, can make a folder there."""
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr(kernels, "_PACKAGE", tmp_path / "file/ccdlib")
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "file"))
    return tmp_path


def test_in_the_working_directory_and_said(nowhere, monkeypatch):
    # taken back after the test
    monkeypatch.setenv("NUMBA_CACHE_DIR", "")
    (line,) = kernels.keep_somewhere()
    assert line.startswith("compiled kernels are kept in .ccdlib/numba")
    assert str(nowhere / "file/ccdlib") in line and "NUMBA_CACHE_DIR" in line
    assert Path(os.environ["NUMBA_CACHE_DIR"]) == nowhere / ".ccdlib/numba"
    # once it is set, by the run that a job belongs to or by the user, nothing is said
    assert kernels.keep_somewhere() == []


@pytest.mark.parametrize("place", ["_PACKAGE", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR"])
def test_nothing_is_said_where_there_is_a_place(nowhere, monkeypatch, place):
    if place == "_PACKAGE":
        monkeypatch.setattr(kernels, "_PACKAGE", nowhere / "ccdlib")
    else:
        monkeypatch.setenv(place, str(nowhere / "cache"))
    before = os.environ.get("NUMBA_CACHE_DIR")
    assert kernels.keep_somewhere() == []
    assert os.environ.get("NUMBA_CACHE_DIR") == before
