"""One run at a time in a working directory."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from .errors import CcdlibError
from .files import refuse_link, refuse_special

__all__ = ["JOBS", "LOCK", "at_work", "hold", "wait_for_jobs", "wait_for_run"]

LOCK, JOBS = ".ccdlib/lock", ".ccdlib/jobs"


def hold(
    tell: Callable[[str], None], shared: bool = False, path: str = LOCK, what: str = "run"
) -> TextIO:
    """Take the lock of a working directory until this process ends.

    The kernel releases it however the process ends, so no lock is ever stale;
    Snakemake's own lock files outlive a kill or a power cut. On a shared file system the server
    releases it when the machine is gone (NFS: after the lease).

    Parameters
    ----------
    tell : callable
        Is given one line where the file system has no locks.
    shared : bool
        Whether other runs may share it at the same time.
    path : str
        The file that is locked.
    what : str
        What holds it, for the message.

    Returns
    -------
    file
        Keep it open: closing it releases the lock.

    Raises
    ------
    CcdlibError
        If another run holds it, or a link is in its place.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    refuse_link(path)
    refuse_special(path)
    file = open(path, "a+", errors="replace")  # noqa: SIM115
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        with file:
            file.seek(0)
            holder = file.read().strip()
        raise CcdlibError(
            f"another {what} is at work in {Path.cwd()} ({holder}); wait for it or end it"
        ) from None
    except OSError as error:
        # as on some cluster file systems; products are still written whole
        tell(
            f"{Path.cwd()} has no locks ({error.strerror}): a second run at the same time, or jobs "
            "of a run that was killed, would not be noticed; see to it that there are none"
        )
        return file
    file.truncate(0)
    file.write(f"process {os.getpid()} on {os.uname().nodename}\n")
    file.flush()
    return file


@contextmanager
def at_work() -> Iterator[None]:
    """Show that a job is at work in this working directory, also when its run is killed."""
    Path(JOBS).parent.mkdir(parents=True, exist_ok=True)
    refuse_special(JOBS)
    with open(JOBS, "a") as file:
        _try(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        yield


def wait_for_jobs(tell: Callable[[str], None]) -> None:
    """Wait for the jobs of a run that was killed: what they still write is of its settings.

    Parameters
    ----------
    tell : callable
        Is given one line when there is something to wait for.
    """
    if not Path(JOBS).exists():
        return
    with open(LOCK, "a") as run, open(JOBS, "a") as jobs:
        # those of a run that is at work are its own
        if not _try(run, fcntl.LOCK_SH | fcntl.LOCK_NB):
            return
        if not _try(jobs, fcntl.LOCK_EX | fcntl.LOCK_NB):
            tell("jobs of a run that was killed are still at work: waiting for them to end")
            _try(jobs, fcntl.LOCK_EX)


def wait_for_run(folder: str | Path) -> None:
    """Wait until no run is at work in a working directory, nor a job that a killed one left.

    Parameters
    ----------
    folder : path

    Raises
    ------
    CcdlibError
        If something else than a file is in the place of a lock.
    """
    for name in (LOCK, JOBS):
        refuse_special(Path(folder, name))
        if Path(folder, name).exists():
            with open(Path(folder, name), "a") as file:
                _try(file, fcntl.LOCK_EX)


def _try(file, kind):
    """Whether a lock could be had, as far as the file system knows locks."""
    try:
        fcntl.flock(file, kind)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
