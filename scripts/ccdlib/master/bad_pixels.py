"""Bad pixels of a detector, from its master dark and flat."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .. import dq
from ..errors import CcdlibError
from ..frame.image import Image
from ..frame.rows import row_blocks
from ..statistics.robust import robust_sigma
from .ccdmask import ccdmask, ccdmask_at

if TYPE_CHECKING:
    from .master_frames import MasterFrames
    from .master_result import MasterResult

__all__ = [
    *("NoMap", "flag_non_linear", "flags_of_dark", "flags_of_flat", "map_image"),
    "responses_differ",
]

# a pixel of the dark beyond this many sigma of its neighbours' spread is hot
_HOT = 6.0
# part of a column is hot whose mean lies so many of its errors above the columns beside it
_COLUMN = 7.0
# beyond this fraction from the median around it a pixel of the flat is bad
_RESPONSE = 0.3
# ccdmask's finds are bad beyond this fraction; less is response, which a flat corrects
_ODD = 0.1
# part of a column that differs by more than this fraction has lost or gained charge
_ODD_COLUMN = 0.03
_BOX = 15
# the median is taken at every so many pixels
_STRIDE = 4
# a larger share of all pixels is no fault of single ones, but of the detector or the light
_MOST = 0.2
# parts of a column have so many rows
_PART = 64
# non-linear pixels are sought where the brighter half of the flats is so much brighter
_SPAN = 1.3


class NoMap(CcdlibError):
    """A master does not tell bad pixels from good ones."""


def flags_of_dark(dark: Image) -> np.ndarray:
    """HOT and UNSTABLE pixels.

    Parameters
    ----------
    dark : Image
        A master dark, in adu.

    Returns
    -------
    ndarray of uint16
        HOT where the dark lies above its smooth background by more than 6 robust sigma of
        the dark itself, and in parts of columns whose mean lies above that of the columns
        beside them by more than 7 of its errors; UNSTABLE where its frames scattered more
        than their noise.

    Raises
    ------
    NoMap
        If more than a fifth of the pixels would be HOT.
    """
    good = (dark.dq & dq.NO_DATA) == 0
    excess = dark.data - _local_median(dark.data)
    sigma = max(robust_sigma(excess[good]), 1e-6)
    flags = np.where(dark.dq & dq.UNSTABLE, np.uint16(dq.UNSTABLE), np.uint16(0))
    flags[good & (excess > _HOT * sigma)] |= dq.HOT
    above, error = _columns(excess, good & (excess <= _HOT * sigma))
    flags[good & (above > _COLUMN * error) & (above > sigma / 2)] |= dq.HOT
    _check_share(((flags & dq.HOT) != 0)[good])
    return flags


def _share(bad):
    return float(np.mean(bad)) if bad.size else 0.0


def _check_share(bad):
    if _share(bad) > _MOST:
        raise NoMap(f"{_share(bad):.0%} of the pixels would be bad")


def flags_of_flat(flat: Image) -> np.ndarray:
    """BAD pixels: dead, low, too bright in the flat, in a bad column, or non-linear.

    Parameters
    ----------
    flat : Image
        A normalised master flat.

    Returns
    -------
    ndarray of uint16
        BAD where the flat differs by more than 30 % from the median around it, by more than
        10 % and in the eyes of `ccdmask` too; where the mean of 64 rows of a column differs
        from that of the columns beside it by more than 3 % and 7 of its errors; where no frame
        had a usable value; and where the master says BAD (`flag_non_linear`). Of a detector whose
        odd and even rows, or columns, have amplifiers of their own, each of these is over its
        median first.

    Raises
    ------
    NoMap
        If that is more than a fifth of the pixels.
    CcdlibError
        If that is so because of a colour sensor's pattern.
    """
    lost = (flat.dq & dq.NO_DATA) != 0
    odd = _unlike_neighbours(flat.data, lost)
    if _share(odd[~lost]) > _MOST:
        odd = _by_turns(flat.data, lost, odd)
    bad = odd | ((flat.dq & dq.BAD) != 0)
    _check_share(bad[~lost])
    return np.where(bad, np.uint16(dq.BAD), np.uint16(0))


def _unlike_neighbours(response, lost):
    """Pixels of a flat that are lost, or differ from those around them, alone or by columns."""
    around = _local_median(response)
    odd = response / np.where(around > 0, around, 1) - 1
    bad = lost | (np.abs(odd) > _RESPONSE)
    bad |= ccdmask_at(np.where(lost, np.nan, odd), np.abs(odd) > _ODD)
    difference, error = _columns(odd, ~bad)
    return bad | (np.abs(difference) > np.maximum(_ODD_COLUMN, _COLUMN * error))


def _by_turns(response, lost, odd):
    """The odd pixels of a flat that is even once rows, or columns, are levelled in turns.

    Where neither helps they are `odd`, unless they are a colour sensor's.
    """
    every, other, whole = slice(0, None, 2), slice(1, None, 2), slice(None)
    for cells in (((every, whole), (other, whole)), ((whole, every), (whole, other))):
        own = _unlike_neighbours(_levelled(response, cells), lost)
        if _share(own[~lost]) <= _MOST:
            return own
    mosaic = (every, every), (every, other), (other, every), (other, other)
    own = _unlike_neighbours(_levelled(response, mosaic), lost)
    if _share(own[~lost]) > _MOST:
        return odd
    raise CcdlibError(
        f"bad_pixels=measure finds {_share(odd[~lost]):.0%} of the pixels unlike those around "
        "them in the flat, in a pattern of 2 x 2 pixels: a colour sensor (BAYERPAT in the "
        "header) wants bad_pixels: dark and cosmic_rays: {method: none}"
    )


def _levelled(response, cells):
    """A flat in which each of these parts has the median 1."""
    flat = response.copy()
    for cell in cells:
        middle = np.nanmedian(flat[cell])
        flat[cell] /= middle if middle > 0 else 1
    return flat


def flag_non_linear(
    result: MasterResult, frames: MasterFrames, levels: list[float]
) -> MasterResult:
    """A master flat's result with BAD where pixels respond otherwise to more light.

    Parameters
    ----------
    result : MasterResult
    frames : object
        With `values(number)`, the frames it is made of.
    levels : list of float
        What each frame was divided by. Below four frames, or where the brighter half is not
        1.3 times as bright as the other, nothing is sought.
    """
    order, half = np.argsort(levels, kind="stable"), len(levels) // 2
    dim, bright = order[:half], order[len(levels) - half :]
    if half < 2 or np.mean(np.take(levels, bright)) < _SPAN * np.mean(np.take(levels, dim)):
        return result
    means = [
        [_mean_flat(frames, levels, group[start::2]) for start in range(2)]
        for group in (dim, bright)
    ]
    bad = np.where(responses_differ(*means), np.uint16(dq.BAD), np.uint16(0))
    return replace(result, image=replace(result.image, dq=result.image.dq | bad))


def _mean_flat(frames, levels, numbers):
    """Mean of some flats over their levels, and where it has no value."""
    total, masked = 0, False
    for number in numbers:
        data, flags = frames.values(number)
        total = total + data / np.float32(levels[number])
        masked = masked | ((flags & ~np.uint16(dq.INHERITED)) != 0)
    return total / len(numbers), masked


def responses_differ(
    dim: list[tuple[np.ndarray, np.ndarray]], bright: list[tuple[np.ndarray, np.ndarray]]
) -> np.ndarray:
    """Pixels that respond otherwise to much light than to little.

    Parameters
    ----------
    dim, bright : list of (ndarray, ndarray)
        Two flats each over their level, and their masks. What one ratio of two flats shows
        alone is a star's or a cosmic ray's.

    Returns
    -------
    ndarray of bool
        Where `ccdmask` says so of both ratios.
    """
    (first, in_first), (second, in_second) = (
        _ratio(*pair) for pair in zip(dim, bright, strict=True)
    )
    found = ccdmask(first, byblocks=True)
    return ccdmask_at(second, found & in_first & in_second)


def _ratio(dim, bright):
    """One flat over another, NaN where either has no value, and where both have one."""
    (low, low_mask), (high, high_mask) = dim, bright
    usable = ~(low_mask | high_mask) & (low > 0)
    return np.where(usable, high / np.where(usable, low, 1), np.nan), usable


def _columns(values, good):
    """Means of parts of columns above the median of the columns beside them, and their error.

    Both as images. The error is robust, from all parts in these rows.
    """
    from scipy.ndimage import median_filter

    difference, error = np.zeros_like(values), np.ones_like(values)
    edges = range(0, max(values.shape[0] - _PART // 2, 1), _PART)
    for first in edges:
        rows = slice(first, None if first == edges[-1] else first + _PART)
        count = np.count_nonzero(good[rows], axis=0)
        mean = np.where(good[rows], values[rows], 0).sum(axis=0) / np.maximum(count, 1)
        own = np.where(count > 0, mean - median_filter(mean, _BOX, mode="mirror"), 0)
        difference[rows] = own
        error[rows] = max(robust_sigma(own, 0), 1e-6)
    return difference, error


def _local_median(data):
    """Median over a box wide enough that a bad column is a minority in it.

    It is taken at every fourth pixel of every fourth row and linearly interpolated between them:
    what it follows is wider than the box, and taking it at each pixel needs ten times as long.
    """
    nodes = [_nodes(length) for length in data.shape]
    padded = np.pad(data, _BOX // 2, mode="reflect" if min(data.shape) > _BOX // 2 else "edge")
    boxes = np.lib.stride_tricks.sliding_window_view(padded, (_BOX, _BOX))
    # an index array makes a copy, which may be sorted in place
    coarse = np.stack([_medians(boxes[row, nodes[1]]) for row in nodes[0]])
    tall, smooth = _between(coarse, nodes[0], data.shape[0]), np.empty(data.shape, data.dtype)
    for rows in row_blocks(data.shape):
        smooth[rows] = _between(tall[rows].T, nodes[1], data.shape[1]).T
    return smooth


def _nodes(length):
    """Every fourth index, and the last."""
    return np.unique(np.append(np.arange(0, length, _STRIDE), length - 1))


def _medians(boxes):
    """Median of each box; the boxes are left in another order."""
    values, middle = boxes.reshape(len(boxes), -1), _BOX * _BOX // 2
    values.partition(middle, axis=1)
    return values[:, middle].copy()


def _between(values, nodes, length):
    """Rows at `nodes`, linearly interpolated to all rows."""
    if length == 1:
        return values
    rows = np.arange(length)
    lower = np.clip(np.searchsorted(nodes, rows, "right") - 1, 0, len(nodes) - 2)
    share = ((rows - nodes[lower]) / np.diff(nodes)[lower]).astype(values.dtype)[:, None]
    return values[lower] * (1 - share) + values[lower + 1] * share


def map_image(flags: np.ndarray) -> Image:
    """A bad-pixel map as an image: 1 where a pixel is bad, with the reason in DQ."""
    bad = (flags != 0).astype(np.float32)
    return Image(bad, np.zeros_like(bad), flags.astype(np.uint16), "")
