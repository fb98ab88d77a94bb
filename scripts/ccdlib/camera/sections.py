"""FITS section strings such as ``[1:1024,5:512]`` and numpy slices."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import CcdlibError

__all__ = ["Section", "parse_section", "section_of_slices"]

_RANGE = re.compile(r"(?P<only>[0-9]+)|(?P<start>[0-9]*) *: *(?P<stop>[0-9]*)")


@dataclass(frozen=True)
class Section:
    """A rectangle of pixels, zero-based and half-open, in numpy's order.

    Attributes
    ----------
    y0, y1, x0, x1 : int
        Rows ``y0 <= y < y1`` and columns ``x0 <= x < x1``.
    flip_y, flip_x : bool
        Whether the section ran backwards: its pixels are read in reverse order.
    """

    y0: int
    y1: int
    x0: int
    x1: int
    flip_y: bool = False
    flip_x: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.y1 - self.y0, self.x1 - self.x0

    @property
    def slices(self) -> tuple[slice, slice]:
        """The pair of slices that cuts the section out of an array, flips not applied."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    def fits(self) -> str:
        """The section as a FITS string, one-based and inclusive."""
        xs = (self.x1, self.x0 + 1) if self.flip_x else (self.x0 + 1, self.x1)
        ys = (self.y1, self.y0 + 1) if self.flip_y else (self.y0 + 1, self.y1)
        return f"[{xs[0]}:{xs[1]},{ys[0]}:{ys[1]}]"


def _parse_range(text, length, section, cut):
    if text.strip(" ") in ("*", "-*"):
        return 0, length, text.strip(" ") == "-*"
    match = _RANGE.fullmatch(text.strip(" "))
    if match is None:
        raise CcdlibError(f"section '{section}' is not of the form [x1:x2,y1:y2]")
    if match["only"]:
        first = last = int(match["only"])
    elif not match["stop"] and math.isinf(length):
        raise CcdlibError(f"section '{section}' has an open end, but the image's size is not known")
    else:
        first = int(match["start"] or 1)
        last = int(match["stop"] or length)
    low, high = min(first, last), max(first, last)
    if cut:
        low, high = max(low, 1), min(high, length)
        return low - 1, max(high, low - 1), first > last
    if low < 1 or high > length:
        raise CcdlibError(
            f"section '{section}' reaches from {low} to {high}, outside the image's 1 to {length}"
        )
    return low - 1, high, first > last


def parse_section(text: str, shape: Sequence[float], cut: bool = False) -> Section:
    """Read a FITS section string.

    Parameters
    ----------
    text : str
        ``[x1:x2,y1:y2]``, one-based and inclusive, x first. Spaces around numbers do not
        count, a missing end means the edge of the image (``[:,1:90]``), a single number is
        one row or column, and a reversed range is a flip. IRAF's ``*`` is everything, ``-*``
        backwards.
    shape : tuple of int
        (ny, nx) of the image; the section must lie inside it.
    cut : bool
        Whether what lies outside is cut off, even if nothing is left.

    Returns
    -------
    Section

    Raises
    ------
    CcdlibError
        If `text` is not a section, or reaches outside the image.

    Examples
    --------
    >>> parse_section("[  17: 528,   1: 520]", (520, 536)).slices
    (slice(0, 520, None), slice(16, 528, None))
    """
    inner = str(text).strip(" ")
    if not (inner.startswith("[") and inner.endswith("]")):
        raise CcdlibError(f"section '{text}' is not of the form [x1:x2,y1:y2]")
    parts = inner[1:-1].split(",")
    if len(parts) != 2:
        raise CcdlibError(f"section '{text}' has {len(parts)} ranges, a FITS image section has 2")
    x0, x1, flip_x = _parse_range(parts[0], shape[1], text, cut)
    y0, y1, flip_y = _parse_range(parts[1], shape[0], text, cut)
    return Section(y0, y1, x0, x1, flip_y, flip_x)


def section_of_slices(item: object, shape: Sequence[int]) -> Section | None:
    """The section that a numpy index cuts out of an image.

    Parameters
    ----------
    item : object
        The index in the brackets.
    shape : tuple of int
        (ny, nx).

    Returns
    -------
    Section or None
        None if the index is not a rectangle of adjacent pixels, or is empty.

    Examples
    --------
    >>> section_of_slices((slice(2, None), slice(0, 4)), (10, 10)).fits()
    '[1:4,3:10]'
    """
    items = item if isinstance(item, tuple) else (item,)
    if len(shape) != 2 or len(items) > 2 or not all(isinstance(each, slice) for each in items):
        return None
    ranges = [each.indices(n) for each, n in zip((*items, slice(None)), shape, strict=False)]
    if any(abs(step) != 1 or (stop - start) * step <= 0 for start, stop, step in ranges):
        return None
    (y0, y1, ystep), (x0, x1, xstep) = (
        (start, stop, 1) if step == 1 else (stop + 1, start + 1, -1) for start, stop, step in ranges
    )
    return Section(y0, y1, x0, x1, ystep < 0, xstep < 0)
