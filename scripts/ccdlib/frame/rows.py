"""Blocks of rows, so that little of an image is worked on at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["CACHED_PIXELS", "at", "places", "row_blocks", "strips", "with_margin"]

# a handful of such blocks fit in the processor's cache; with smaller ones numpy's overhead counts
CACHED_PIXELS = 1 << 18
# a sample of an image: strips of it, and pixels in them
_STRIPS = 16
_SAMPLED = 250_000
# pixels in the samples of all frames together, so that a thousand are no more work than ten
_ALL_SAMPLED = 2_500_000


def places(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the marked pixels; np.nonzero takes many times as long for them."""
    rows, columns = np.divmod(np.flatnonzero(mask), mask.shape[1])
    return rows, columns


def row_blocks(shape: tuple[int, int], height: int | None = None) -> list[slice]:
    """Blocks of rows from the first row to the last.

    Parameters
    ----------
    shape : tuple of int
        (ny, nx).
    height : int or None
        None: all about as high, and as many as make about `CACHED_PIXELS` each.

    Returns
    -------
    list of slice
    """
    ny, nx = shape
    if height is None:
        height = -(-ny // max(round(ny * nx / CACHED_PIXELS), 1))
    return [slice(first, min(first + height, ny)) for first in range(0, ny, height)]


def with_margin(rows: slice, ny: int, margin: int) -> tuple[slice, slice]:
    """Some rows with those around them, for steps that look at a pixel's neighbours.

    Returns
    -------
    outer : slice
        `rows` and up to `margin` more on each side, within 0 and `ny`.
    inner : slice
        Where `rows` are in `outer`.
    """
    outer = slice(max(rows.start - margin, 0), min(rows.stop + margin, ny))
    return outer, slice(rows.start - outer.start, rows.stop - outer.start)


def at(value: Any, where: Any) -> Any:
    """Values of an array in some rows or pixels; a number stands for all pixels."""
    return value[where] if getattr(value, "ndim", 0) else value


def strips(shape: tuple[int, int], frames: int = 1) -> list[tuple[int, int]]:
    """Ranges of rows, evenly spaced, that hold about a quarter of a million pixels, or fewer.

    Parameters
    ----------
    shape : tuple of int
        (ny, nx).
    frames : int
        How many frames are sampled.

    Returns
    -------
    list of (int, int)
        First row and the one behind the last.
    """
    ny, nx = shape
    number = min(_STRIPS, ny)
    pixels = min(_SAMPLED, _ALL_SAMPLED // frames)
    height = max(min(pixels // (number * nx), ny // number), 1)
    first = np.linspace(0, ny - height, number).astype(int)
    return [(int(row), int(row) + height) for row in first]
