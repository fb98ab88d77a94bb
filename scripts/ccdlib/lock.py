"""One run at a time in a working directory."""

import fcntl
import os
from pathlib import Path
from typing import TextIO

from .errors import CcdlibError

__all__ = ["LOCK", "hold"]

LOCK = ".ccdlib/lock"


def hold(shared: bool = False) -> TextIO:
    """Take the lock of a working directory until this process ends.

    The kernel releases it however the process ends, so no lock is ever stale;
    Snakemake's own lock files outlive a kill or a power cut. On a shared file system the server
    releases it when the machine is gone (NFS: after the lease).

    Parameters
    ----------
    shared : bool
        Whether other runs may share it at the same time.

    Returns
    -------
    file
        Keep it open: closing it releases the lock.

    Raises
    ------
    CcdlibError
        If another run holds it.
    """
    Path(LOCK).parent.mkdir(parents=True, exist_ok=True)
    file = open(LOCK, "a+")  # noqa: SIM115
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        raise CcdlibError(
            f"another run is at work in {Path.cwd()} ({file.read().strip()}); wait for it or end it"
        ) from None
    except OSError:
        # some cluster file systems have no locks; products are still written whole
        return file
    file.truncate(0)
    file.write(f"process {os.getpid()} on {os.uname().nodename}\n")
    file.flush()
    return file
