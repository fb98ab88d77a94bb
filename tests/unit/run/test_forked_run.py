"""What is in the way of the log of a run that is a fork."""

import os

import pytest

from ccdlib.errors import CcdlibError
from ccdlib.run.forked_run import fork_run


@pytest.mark.parametrize("make", [os.mkdir, lambda path: os.symlink("raw.fits", path)])
def test_what_is_in_the_place_of_the_log_is_named_before_the_fork(tmp_path, make, monkeypatch):
    """A fork would end with a traceback, or empty what the link leads to."""
    monkeypatch.setattr(os, "fork", lambda: pytest.fail("it forked"))
    make(tmp_path / "round.log")
    with pytest.raises(CcdlibError, match=r"round.log is a (folder|link), where a file should be"):
        fork_run([], str(tmp_path), str(tmp_path / "round.log"), lambda: None)
