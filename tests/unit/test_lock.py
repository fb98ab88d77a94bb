"""One run at a time, and what is said where the file system cannot tell."""

import errno
import fcntl
import os

import pytest

from ccdlib import lock
from ccdlib.errors import CcdlibError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_second_run_is_refused(folder):
    lines = []
    told = f"another run is at work in {folder} .process "
    with lock.hold(lines.append), pytest.raises(CcdlibError, match=told):
        lock.hold(lines.append)
    with lock.hold(lines.append):
        assert not lines


def test_a_link_in_place_of_the_lock_is_refused(folder):
    """A lock is emptied and written to."""
    (folder / ".ccdlib").mkdir()
    (folder / "raw.fits").write_text("pixels")
    (folder / lock.LOCK).symlink_to("../raw.fits")
    with pytest.raises(CcdlibError, match=f"^{lock.LOCK} is a link, where a file should be"):
        lock.hold(print)
    assert (folder / "raw.fits").read_text() == "pixels"


@pytest.mark.parametrize("name", [lock.LOCK, lock.JOBS])
def test_a_fifo_in_place_of_a_lock_is_not_waited_for(folder, name):
    """The job of a night of an archive waits for a run that may be at work in the night."""
    os.makedirs(os.path.dirname(name), exist_ok=True)
    os.mkfifo(name)
    with pytest.raises(CcdlibError, match=f"{name} is no regular file, where one should be"):
        lock.wait_for_run(".")
    take = lock.hold if name == lock.LOCK else lambda tell: lock.at_work().__enter__()
    with pytest.raises(CcdlibError, match=f"^{name} is no regular file"):
        take(print)


def test_a_folder_without_locks_is_told(folder, monkeypatch):
    def fail(file, kind):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", fail)
    lines = []
    with lock.hold(lines.append), lock.hold(lines.append):
        pass
    assert lines[0].startswith(f"{folder} has no locks (No locks available): a second run")
    assert len(lines) == 2
