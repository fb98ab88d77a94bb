"""One run at a time in a working directory."""

import fcntl
import os
from pathlib import Path

from .errors import CcdlibError

__all__ = ["LOCK", "hold"]

LOCK = ".ccdlib/lock"


def hold(path=LOCK):
    """Take the lock of a working directory until this process ends.

    The kernel gives it back however the process ends, so that no lock is ever stale;
    Snakemake's own lock files outlive a kill or a power cut.

    Parameters
    ----------
    path : path

    Returns
    -------
    file
        To be kept: closing it gives the lock back.

    Raises
    ------
    CcdlibError
        If another run holds it.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    file = open(path, "a+")  # noqa: SIM115
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        raise CcdlibError(
            f"another run is at work in {Path.cwd()} ({file.read().strip()}); wait for it or end it"
        ) from None
    except OSError:
        # some cluster file systems know no locks; products are written whole all the same
        return file
    file.truncate(0)
    file.write(f"process {os.getpid()} on {os.uname().nodename}\n")
    file.flush()
    return file
