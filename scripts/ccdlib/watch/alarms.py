"""What an observer should know at once: one line each, said once."""

import sys
from collections.abc import Iterable, Iterator

from .night_so_far import Frame, NightSoFar

__all__ = ["Alarms", "alarms_of"]

# a larger part of saturated pixels is more than a bright star
_SATURATED = 0.01


def alarms_of(frame: Frame) -> Iterator[str]:
    """What is wrong with a frame: saturation, and what is odd about its sky and its stars."""
    if frame.saturated > _SATURATED:
        yield f"{frame.saturated:.1%} of its pixels are saturated"
    yield from frame.odd


class Alarms:
    """Tells alarms on the terminal, each once.

    Parameters
    ----------
    bell : bool
        Whether the terminal is to ring.
    """

    def __init__(self, bell: bool = False) -> None:
        self.bell = bell
        self._told: set[tuple[str, str]] = set()

    def of(self, night: NightSoFar, new: Iterable[Frame], silent: bool = False) -> list[str]:
        """The alarms that were not told before.

        Parameters
        ----------
        night : NightSoFar
        new : list of Frame
            Frames that were made since the last call.
        silent : bool
            Whether the terminal does not ring in any case.
        """
        found = [(frame.name, why) for frame in new for why in alarms_of(frame)]
        found += [(file, f"of no known type: {why}") for file, why in night.untyped]
        news = [each for each in dict.fromkeys(found) if each not in self._told]
        self._told.update(news)
        if self.bell and news and not silent:
            # to the terminal itself: what is shown of texts has no such characters
            print("\a", end="", file=sys.__stderr__, flush=True)
        return [f"ALARM {what}: {why}" for what, why in news]
