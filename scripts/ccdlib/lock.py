"""One run at a time in a working directory."""

import fcntl
import os
from pathlib import Path

from .errors import CcdlibError

__all__ = ["LOCK", "hold"]

LOCK = ".ccdlib/lock"


def hold(shared=False):
    """Take the lock of a working directory until this process ends.

    The kernel gives it back however the process ends, so that no lock is ever stale;
    Snakemake's own lock files outlive a kill or a power cut. On a file system that several
    machines share its server does, when the machine is gone (NFS: after the lease).

    Parameters
    ----------
    shared : bool
        Whether others that share it may be at work at the same time.

    Returns
    -------
    file
        To be kept: closing it gives the lock back.

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
        # some cluster file systems know no locks; products are written whole all the same
        return file
    file.truncate(0)
    file.write(f"process {os.getpid()} on {os.uname().nodename}\n")
    file.flush()
    return file
