"""The start of an exposure from the date and time cards of a header, whatever their form."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from .card_values import DAYS, number_of
from .headers import Card, Headers

__all__ = ["DAY_FIRST", "moment"]

# the remark on a date that can be read in two ways
DAY_FIRST = "is read as day/month/year"

_MJD_ZERO, _JD_OF_MJD_ZERO = datetime(1858, 11, 17), 2400000.5
_UNIX_ZERO = datetime(1970, 1, 1)
# a chip was first used at a telescope in 1976; what is beyond is no date of a frame
_FIRST, _LAST = datetime(1970, 1, 1), datetime(2100, 1, 1)
_LONGEST = 100
_DATE = r"(?P<a>\d{1,4})[-/.](?P<b>\d{1,2})[-/.](?P<c>\d{1,4})"
_SECOND = r"(?P<second>\d{1,2})(?:[.,](?P<part>\d*))?"
_TIME = rf"(?P<hour>\d{{1,2}})[:h ](?P<minute>\d{{1,2}})(?:[:m ]{_SECOND})?s?"
_ZONE = r"(?P<zone>Z|UTC?|[-+]\d{2}:?\d{2})"
_MOMENT = re.compile(rf"{_DATE}(?:[T\s]\s*{_TIME}\s*{_ZONE}?)?\s*", re.IGNORECASE)
_MONTH_FIRST = re.compile(r"m(on|onth|m)\s*[-/.]\s*d(ay|d)?", re.IGNORECASE)


def _year(text):
    # the standard's old form had two digits, and years of the century in which it was used
    year = int(text)
    return year if len(text) > 2 else year + (1900 if year >= 50 else 2000)


def _day(parts, cards, headers):
    """Year, month and day; a date that can be read in two ways is said to be."""
    first, second, third = parts["a"], parts["b"], parts["c"]
    if len(first) == 4:
        return int(first), int(second), int(third)
    month_first = bool(_MONTH_FIRST.search(cards[0].comment)) or int(second) > 12
    if not month_first and int(first) <= 12 and first != second:
        headers.note(f"{cards[0].name}={cards[0].value!r} {DAY_FIRST}")
        headers.day_order.append("either")
    elif first != second:
        headers.day_order.append("month" if month_first else "day")
    day, month = (second, first) if month_first else (first, second)
    return _year(third), int(month), int(day)


def _of_text(text, cards, headers):
    """The moment in a text, None when it has no date with a time; ValueError when impossible."""
    parts = _MOMENT.fullmatch(text) if len(text) <= _LONGEST else None
    if parts is None or parts["hour"] is None:
        return None
    hour, minute, second = (int(parts[name] or 0) for name in ("hour", "minute", "second"))
    microseconds = int(f"{parts['part'] or ''}000000"[:6])
    year, month, day = _day(parts, cards, headers)
    found = datetime(year, month, day, hour, minute, second, microseconds)
    zone = parts["zone"]
    if zone is None or zone.upper() in ("Z", "UT", "UTC"):
        return found
    return (
        found.replace(tzinfo=datetime.strptime(zone, "%z").tzinfo)
        .astimezone(UTC)
        .replace(tzinfo=None)
    )


def _has_time(text):
    """Whether a date has its time, so that a card with the time as well has nothing to add."""
    parts = _MOMENT.fullmatch(text.rstrip(".")) if len(text) <= _LONGEST else None
    return parts is not None and parts["hour"] is not None


def _of_days(card, unit, headers):
    """A moment from a count of days or seconds."""
    count = number_of(headers, card, DAYS)
    if count is None:
        return None
    zero = _UNIX_ZERO if unit == "unix" else _MJD_ZERO
    try:
        found = zero + (
            timedelta(seconds=count)
            if unit == "unix"
            else timedelta(days=count - (_JD_OF_MJD_ZERO if unit == "jd" else 0))
        )
    except OverflowError:
        found = None
    if found is None or not _FIRST <= found < _LAST:
        headers.note(f"{card.name}={card.value!r} is no date as {unit}")
        return None
    return found


def moment(headers: Headers, cards: Sequence[Card], options: dict[str, Any]) -> datetime | None:
    """The moment that cards hold together, in UTC; None when they hold no date with a time.

    ISO dates, DD/MM/YY(YY) and MM/DD/YY(YY) with a time in the same or in another card, and counts
    of days (jd, mjd) or seconds (unix).

    Parameters
    ----------
    headers : Headers
        They keep a note on an impossible date, and on one that could be read in two ways.
    cards : list of Card
        One, or a date and a time.
    options : dict
        unit, utc_offset of the camera file.
    """
    offset = timedelta(hours=options.get("utc_offset", 0))
    if "unit" in options:
        found = _of_days(cards[0], options["unit"], headers)
        return None if found is None else found - offset
    texts = [str(card.value).strip() for card in cards]
    if _has_time(texts[0]):
        cards, texts = cards[:1], texts[:1]
    text = " ".join(texts).rstrip(".")
    names = " ".join(card.name for card in cards)
    try:
        found = _of_text(text, cards, headers)
    except (ValueError, OverflowError):
        headers.note(f"{names}={text!r} is not a date")
        return None
    if found is not None and not _FIRST <= found < _LAST:
        headers.note(f"{names}={text!r} is no date of a frame")
        return None
    return None if found is None else found - offset
