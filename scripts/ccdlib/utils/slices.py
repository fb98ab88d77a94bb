"""Slices from texts, under the name of ccdproc's module."""

import re

from ..errors import CcdlibError

__all__ = ["slice_from_string"]

_WHOLE = re.compile(r"(?P<flip>-?)\*(:(?P<step>.*))?")


def slice_from_string(string: str, fits_convention: bool = False) -> tuple[slice, ...]:
    """The slices that a text such as ``[1:10, 5:20]`` stands for.

    Parameters
    ----------
    string : str
        In square brackets; spaces do not matter. An empty one has no slices.
    fits_convention : bool
        Whether the ranges are FITS's: counted from 1 with their last pixel, the axis that changes
        most rapidly first, ``*`` for a whole axis and ``-*`` for one that is read backwards.

    Returns
    -------
    tuple of slice
        For numpy's order of axes. No image is there to hold them against: `ccdlib.trim_image`
        tells what is outside.

    Raises
    ------
    CcdlibError
        If the brackets are missing, a bound is not a whole number, or a FITS range begins or ends
        below 1.

    Examples
    --------
    >>> from ccdlib.utils.slices import slice_from_string
    >>> slice_from_string("[1:10, 5:20:2]")
    (slice(1, 10, None), slice(5, 20, 2))
    >>> slice_from_string("[1:10, 20:5]", fits_convention=True)
    (slice(19, 3, -1), slice(0, 10, None))
    """
    text = string.replace(" ", "")
    if not text:
        return ()
    if not (text.startswith("[") and text.endswith("]")):
        raise CcdlibError(f"Slice string must be enclosed in square brackets: {string!r}")
    ranges = text.strip("[]").split(",")
    if fits_convention:
        return tuple(_from_fits(each, string) for each in reversed(ranges))
    return tuple(slice(*_bounds(each, string)) for each in ranges)


def _bounds(text, string):
    """First, behind the last, and step, each a number or None."""
    try:
        bounds = [int(each) if each else None for each in text.split(":")]
    except ValueError:
        raise CcdlibError(
            f"{text!r} in the section {string!r} is not made of whole numbers"
        ) from None
    if len(bounds) > 3:
        raise CcdlibError(f"{text!r} in the section {string!r} has more than start, stop and step")
    return bounds


def _from_fits(text, string):
    """The slice of a FITS range, which runs backwards where its first pixel is the larger one."""
    if whole := _WHOLE.fullmatch(text):
        return slice(*_bounds(f"::{whole['flip']}{whole['step'] or (whole['flip'] and 1)}", string))
    # a lone number is where to stop, as in numpy
    bounds = slice(*_bounds(text, string))
    first, last, step = bounds.start, bounds.stop, bounds.step
    if first is not None and first < 1:
        raise CcdlibError(
            f"Smallest permissible FITS index is 1: {text!r} in {string!r} begins below 1"
        )
    if last is not None and last < 1:
        raise CcdlibError(
            f"Negative final index not allowed for FITS slice: {text!r} in {string!r} ends below 1"
        )
    if first is None:
        return bounds
    if last is None or first <= last:
        return slice(first - 1, last, step)
    # a slice that stopped at -1 would stop at the last pixel
    return slice(first - 1, last - 2 if last > 1 else None, -1 if step is None else -step)
