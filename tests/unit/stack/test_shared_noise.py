"""The noise that lights share."""

import errno
import os

import pytest

from ccdlib.errors import CcdlibError
from ccdlib.stack import shared_noise


def test_a_full_tmpdir_is_said_to_be_full(monkeypatch):
    """The first value that was written there killed the process, and memory was blamed."""

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with pytest.raises(CcdlibError, match=r"TMPDIR.: no 0.4 MB .*No space left on device"):
        shared_noise._scratch((300, 333))
