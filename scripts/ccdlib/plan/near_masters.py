"""Masters of many nights, found by their night."""

from __future__ import annotations

from bisect import bisect_left, insort
from datetime import date, datetime, timedelta
from functools import cache
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .frames import Frame
    from .matching import Master

__all__ = ["NearMasters", "span"]

# this many on each side are candidates however old they are, so that the plan says why they lost
_SIDE = 4


# days between any two dates that there can be
_ANY = (datetime.max - datetime.min).days


def span(moment: datetime, days: float) -> tuple[datetime, datetime]:
    """The first and the last moment that are so many days from one, at most.

    Where no calendar has them they are the first and the last that there are.

    Parameters
    ----------
    moment : datetime
    days : float
        May be infinite.
    """
    reach = timedelta(days=min(days, _ANY))
    first = moment - reach if moment - datetime.min > reach else datetime.min
    last = moment + reach if datetime.max - moment > reach else datetime.max
    return first, last


@cache
def _day(night):
    """A night as a number, None of one without a date."""
    return None if night == "undated" else date.fromisoformat(night).toordinal()


class NearMasters:
    """The masters of a kind, found by their night.

    A frame of an archive looks at the few whose night is near, instead of at those of all
    nights: the cost of a frame does not grow with the archive.

    Parameters
    ----------
    masters : iterable of Master
    """

    def __init__(self, masters: Iterable[Master] = ()) -> None:
        self._masters: list[Master] = []
        self._days: list[tuple[int, ...]] = []
        self._dateless: list[int] = []
        for master in masters:
            self.append(master)

    def append(self, master: Master) -> None:
        """Add one."""
        day, number = _day(master.night), len(self._masters)
        if day is None:
            self._dateless.append(number)
        else:
            insort(self._days, (day, number))
        self._masters.append(master)

    def __iter__(self) -> Iterator[Master]:
        return iter(self._masters)

    def near(self, frame: Frame, max_age: float) -> list[Master]:
        """Masters that may be at most `max_age` days from a frame, and the nearest of the others.

        All of them for a frame without a date, or for one whose masters the user names.

        Returns
        -------
        list of Master
            In the order in which they were added.
        """
        day = _day(frame.night)
        if day is None or frame.pins:
            return list(self._masters)
        # a night lasts a day, and its masters are of any moment of it
        reach = ceil(min(max_age, _ANY)) + 1
        own = bisect_left(self._days, (day,))
        first = min(bisect_left(self._days, (day - reach,)), max(own - _SIDE, 0))
        last = max(bisect_left(self._days, (day + reach + 1,)), own + _SIDE)
        dated = [number for _, number in self._days[first:last]]
        return [self._masters[number] for number in sorted(dated + self._dateless)]
