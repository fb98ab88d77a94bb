"""The signals that end a watch: noted when they come, heeded between two steps.

A handler that raised would be silent in a place whose exceptions Python drops, such as what it runs
at a fork: the watch would go on though it was told to end.
"""

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

__all__ = ["Ending", "held", "let_through"]

_ENDING = signal.SIGINT, signal.SIGTERM, signal.SIGHUP


class Ending:
    """Whether this process was told to end; the second time it is interrupted where it is.

    Attributes
    ----------
    told : bool
    """

    def __init__(self) -> None:
        self.told = False
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        for number in _ENDING:
            signal.signal(number, self._note)

    def _note(self, number: int, frame: object) -> None:
        if self.told:
            raise KeyboardInterrupt
        self.told = True
        # a full pipe wakes as well
        with suppress(OSError):
            os.write(self._write, b".")

    def wait(self, seconds: float, process: int | None = None) -> None:
        """Wait until told to end, at most so many seconds.

        Parameters
        ----------
        seconds : float
        process : int or None
            A child whose end is waited for as well.
        """
        watched = [self._read]
        # without it, as before Linux 5.3 or where it has been waited for, the time is waited
        with suppress(OSError, AttributeError):
            if process is not None:
                watched.append(os.pidfd_open(process))
        try:
            select.select(watched, [], [], seconds)
        finally:
            for each in watched[1:]:
                os.close(each)


@contextmanager
def held() -> Iterator[None]:
    """Have the signals wait for the end of a block, as around a fork; the child has them held."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def let_through() -> None:
    """In a child: have the signals do what they do to any process, those held as well."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
