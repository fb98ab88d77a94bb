"""Memory and open files of this process, and whom it ends with."""

import ctypes
import faulthandler
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import NoReturn

from .errors import CcdlibError

__all__ = [
    *("TooLong", "allow_open_files", "end_with_parent", "interrupts_held", "keep_freed_memory"),
    *("machine_memory", "note_interrupts", "processor_time", "refuse_without_memory"),
    *("resident_bytes", "tried_apart", "was_interrupted"),
]

# linux/prctl.h
_SET_PARENT_DEATH_SIGNAL = 1

# glibc's malloc.h
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGE = 1 << 30

# room for libraries, logs and pipes
_OTHERS = 64
# bytes of a message, fewer than a pipe takes at once
_LONGEST = 1000


_interrupts: list[int] = []


@cache
def note_interrupts() -> None:
    """Remember that this process was interrupted; what an interrupt does stays as it is.

    One that ends the process because nothing caught it is told in one word, not in a traceback.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    _shorten_interrupts()
    before = signal.getsignal(signal.SIGINT)

    def note(number, frame):
        _interrupts.append(number)
        if callable(before):
            before(number, frame)

    signal.signal(signal.SIGINT, note)


def _shorten_interrupts():
    before = sys.excepthook

    def tell(kind, error, trace):
        if issubclass(kind, KeyboardInterrupt):
            print("interrupted", file=sys.stderr)
        else:
            before(kind, error, trace)

    sys.excepthook = tell


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Have Ctrl-C wait for the end of a block; processes that are started in it never see it."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def was_interrupted() -> bool:
    """Whether Ctrl-C was seen since `note_interrupts`."""
    return bool(_interrupts)


class TooLong(Exception):
    """Something took longer than it may."""


@contextmanager
def processor_time(seconds: float) -> Iterator[None]:
    """Raise `TooLong` in a block that takes more of this process's time.

    Time in which it waits does not count. Signals reach the main thread alone: in another one
    there is no limit.

    Parameters
    ----------
    seconds : float
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number, frame):
        raise TooLong(f"more than {seconds:g} s of processor time")

    before = signal.signal(signal.SIGVTALRM, stop)
    # again each second, should the block have caught the first
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds, 1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def tried_apart(task: Callable[[], object], seconds: int, size: int) -> str | None:
    """Do something in a fork of this process, which may crash and take only so much.

    Parameters
    ----------
    task : callable
        What it returns is lost.
    seconds : int
        Of processor time.
    size : int
        Bytes of memory besides what this process has.

    Returns
    -------
    str or None
        What went wrong: the error that it raised, or the signal that ended it.
    """
    answer, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        _try(task, told, seconds, size)
    os.close(told)
    with open(answer, "rb") as file:
        text = file.read().decode(errors="replace")
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code == -signal.SIGXCPU:
        return f"takes more than {seconds} s"
    return f"crashed ({signal.strsignal(-code)})" if code < 0 else text or None


def _try(task: Callable[[], object], told: int, seconds: int, size: int) -> NoReturn:
    """What the fork does; it does not return."""
    try:
        faulthandler.disable()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
        most = _memory(0) + size
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        task()
    except BaseException as error:
        text = str(error).partition("\n")[0] or "no more memory"
        # our own messages need no name of a class before them
        kind = "" if isinstance(error, CcdlibError) else f"{type(error).__name__}: "
        os.write(told, f"{kind}{text}".encode()[:_LONGEST])
    finally:
        os._exit(0)


def _memory(field):
    with open("/proc/self/statm") as file:
        return int(file.read().split()[field]) * os.sysconf("SC_PAGESIZE")


def resident_bytes() -> int:
    """Resident memory of this process."""
    return _memory(1)


def machine_memory() -> float:
    """Memory and swap of this machine in MB."""
    with open("/proc/meminfo") as file:
        lines = dict(line.split(":") for line in file)
    return sum(int(lines[part].split()[0]) * 1024 / 1e6 for part in ("MemTotal", "SwapTotal"))


def refuse_without_memory(megabytes: float, name: str) -> None:
    """Refuse what needs more memory and swap than this machine has, before the system kills.

    Parameters
    ----------
    megabytes : float
    name : str
        What needs it, for the message.

    Raises
    ------
    CcdlibError
    """
    has = machine_memory()
    if megabytes > has:
        raise CcdlibError(
            f"{name} needs about {megabytes:.0f} MB of memory, this machine has {has:.0f}"
        )


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
