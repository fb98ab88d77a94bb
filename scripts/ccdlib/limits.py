"""Memory and open files of this process, and whom it ends with."""

import ctypes
import os
import resource
import signal

__all__ = ["allow_open_files", "end_with_parent", "keep_freed_memory", "resident_bytes"]

# linux/prctl.h
_SET_PARENT_DEATH_SIGNAL = 1

# glibc's malloc.h
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGE = 1 << 30

# room for libraries, logs and pipes
_OTHERS = 64


def resident_bytes() -> int:
    """Resident memory of this process."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def allow_open_files(number: int) -> None:
    """Raise the limit on open files for a stack of many frames, as far as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = number + _OTHERS
    unlimited = hard == resource.RLIM_INFINITY
    if soft != resource.RLIM_INFINITY and soft < needed:
        wanted = needed if unlimited else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(wanted, soft), hard))


def keep_freed_memory() -> None:
    """Let malloc reuse the memory of large arrays instead of giving it back and asking again.

    The system clears each page that it hands out; without that a light's system time is a
    third less. Only glibc knows this switch.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE)
        mallopt(_M_TRIM_THRESHOLD, _LARGE)


def end_with_parent(parent: int) -> None:
    """Have Linux kill this process when its parent ends.

    A worker of a pool whose owner was killed would wait for work for ever.

    Parameters
    ----------
    parent : int
        The parent's process number; if it has ended already, so does this process.
    """
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
