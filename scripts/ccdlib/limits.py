"""Memory and open files of this process."""

import ctypes
import os
import resource

__all__ = ["allow_open_files", "keep_freed_memory", "resident_bytes"]

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
