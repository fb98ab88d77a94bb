"""Windows: which part of the chip a frame was read from.

A window is a FITS section in unbinned pixels of the chip, where the exposed pixels of a frame lie.
"""

import math
import re
from typing import Any

from ..errors import CcdlibError
from .amplifiers import Amplifier
from .card_values import number_of
from .headers import Headers
from .sections import Section, parse_section

__all__ = ["common_window", "cut_between", "starts_at_corner", "window_of"]

_ANY = (math.inf, math.inf)
_FOUR = re.compile(
    r"[\[(]?\s*(\d{1,6})\s*[,; ]\s*(\d{1,6})\s*[,;: ]\s*(\d{1,6})\s*[,; ]\s*(\d{1,6})\s*[\])]?"
)


def window_of(
    headers: Headers, candidates: list, amps: list[Amplifier], binning: str | None
) -> str | None:
    """The window of a frame with one image, by the first cards that say it.

    Parameters
    ----------
    headers : Headers
    candidates : list
        `facts.window` of the camera file: the name of a card with a section, ``origin`` with two
        cards, ``corners`` with four, or ``rectangle``, a card with four numbers.
    amps : list of Amplifier
    binning : str or None
        Such as ``2x2``.

    Returns
    -------
    str or None
        A FITS section; None where no card says it, or where it does not have the frame's size.
    """
    if len({amp.hdu for amp in amps}) != 1:
        return None
    data, together = _exposed(amps)
    bx, by = (int(float(factor)) for factor in (binning or "1x1").split("x"))
    for candidate in candidates:
        if not together and "origin" in candidate:
            continue
        found = _section(headers, candidate, data, (by, bx))
        if found is not None:
            return found.fits()
    return None


def _exposed(amps):
    """The exposed pixels of all amplifiers as one section, and whether they lie together.

    Where overscan lies between them the section has their size alone.
    """
    y0, x0 = (min(getattr(amp.data, edge) for amp in amps) for edge in ("y0", "x0"))
    height, width = (max(getattr(amp.place, edge) for amp in amps) for edge in ("y1", "x1"))
    together = all(
        (amp.data.y0 - y0, amp.data.x0 - x0) == (amp.place.y0, amp.place.x0) for amp in amps
    )
    return Section(y0, y0 + height, x0, x0 + width), together


def _section(headers, candidate, data, binning):
    if isinstance(candidate, str):
        return _of_size(_card_section(headers, candidate), data, binning)
    if "rectangle" in candidate:
        return _rectangle(headers, candidate["rectangle"], data, binning)
    numbers = _numbers(headers, candidate.get("origin") or candidate["corners"])
    if numbers is None:
        return None
    if "corners" in candidate:
        (x1, x2), (y1, y2) = sorted(numbers[::2]), sorted(numbers[1::2])
        found = Section(y1 - 1, y2, x1 - 1, x2) if min(x1, y1) > 0 else None
        return _of_size(found, data, binning)
    # whether an origin counts the columns before the data is not known
    if data.x0 or data.y0:
        return None
    by, bx = binning if candidate.get("binned") else (1, 1)
    x0, y0 = (number - candidate.get("first", 0) for number in numbers)
    if min(x0, y0) < 0:
        return None
    height, width = (size * factor for size, factor in zip(data.shape, binning, strict=True))
    return Section(y0 * by, y0 * by + height, x0 * bx, x0 * bx + width)


def _rectangle(headers, name, data, binning):
    """The window of a card with four numbers; of the two orders in use that with the size of it."""
    card = headers.card(name, 0)
    numbers = _FOUR.fullmatch(str(card.value)) if card else None
    if numbers is None:
        return None
    a, b, c, d = map(int, numbers.groups())
    for x1, y1, x2, y2 in ((a, b, c, d), (a, c, b, d)):
        (x1, x2), (y1, y2) = sorted((x1, x2)), sorted((y1, y2))
        found = Section(y1 - 1, y2, x1 - 1, x2) if min(x1, y1) > 0 else None
        found = _of_size(found, data, binning)
        if found is not None:
            return found
    return None


def _card_section(headers, name):
    card = headers.card(name, 0)
    if card is None:
        return None
    try:
        found = parse_section(str(card.value), _ANY)
    except CcdlibError:
        return None
    return None if found.flip_x or found.flip_y else found


def _numbers(headers, names):
    """Whole numbers of several cards, None unless all have one."""
    cards = [headers.card(name, 0) for name in names]
    if None in cards:
        return None
    values = [number_of(headers, card) for card in cards]
    whole = [int(value) for value in values if value is not None and value == int(value)]
    return whole if len(whole) == len(names) else None


def _of_size(section, data, binning):
    """A section as unbinned pixels; None where it does not have the size of the data."""
    if section is None:
        return None
    if section.shape == data.shape:
        by, bx = binning
        return Section(section.y0 * by, section.y1 * by, section.x0 * bx, section.x1 * bx)
    # rows and columns that fill no binned pixel are not read
    if tuple(s // factor for s, factor in zip(section.shape, binning, strict=True)) != data.shape:
        return None
    height, width = (size * factor for size, factor in zip(data.shape, binning, strict=True))
    return Section(section.y0, section.y0 + height, section.x0, section.x0 + width)


def starts_at_corner(window: str) -> bool:
    """Whether a window starts with the chip's first pixel, as that of a whole frame does."""
    section = parse_section(window, _ANY)
    return (section.y0, section.x0) == (0, 0)


def cut_between(window: str, whole: str, binning: str | None) -> Section | None:
    """Where the pixels of one window lie in the image of another.

    Parameters
    ----------
    window, whole : str
    binning : str or None
        That of both.

    Returns
    -------
    Section or None
        In binned pixels of the image of `whole`; None unless all of `window` is in it, pixel on
        pixel.

    Examples
    --------
    >>> cut_between("[31:90,21:80]", "[1:120,1:96]", "2x2").fits()
    '[16:45,11:40]'
    """
    inner, outer = (parse_section(text, _ANY) for text in (window, whole))
    bx, by = (int(float(factor)) for factor in (binning or "1x1").split("x"))
    y0, x0 = inner.y0 - outer.y0, inner.x0 - outer.x0
    outside = y0 < 0 or x0 < 0 or inner.y1 > outer.y1 or inner.x1 > outer.x1
    if outside or y0 % by or x0 % bx:
        return None
    ny, nx = inner.shape[0] // by, inner.shape[1] // bx
    return Section(y0 // by, y0 // by + ny, x0 // bx, x0 // bx + nx)


def common_window(windows: list[Any]) -> str | None:
    """The part of the chip that several windows share; None where one of them is not known."""
    if None in windows:
        return None
    sections = [parse_section(text, _ANY) for text in windows]
    return Section(
        max(each.y0 for each in sections),
        min(each.y1 for each in sections),
        max(each.x0 for each in sections),
        min(each.x1 for each in sections),
    ).fits()
