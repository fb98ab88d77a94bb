"""The level that stars stand on, and how much pixels scatter about it."""

from __future__ import annotations

import numpy as np

__all__ = ["above_sky", "block_mean"]

# pixels: side of the blocks that one value of the sky is taken from
_BLOCK = 64
# values of a block that are looked at
_LOOKED_AT = 500
# of which so many must be good
_FEWEST = 0.2


def _edges(length):
    """Limits of blocks of nearly one size."""
    number = max(round(length / _BLOCK), 1)
    return np.linspace(0, length, number + 1).round().astype(int)


def _levels(data, good):
    """Median of each block; NaN where too few pixels are good."""
    from . import star_kernels

    rows, columns = _edges(data.shape[0]), _edges(data.shape[1])
    levels = np.empty((len(rows) - 1, len(columns) - 1))
    star_kernels.block_medians(data, good, rows, columns, _LOOKED_AT, _FEWEST, levels)
    return levels, rows, columns


def _smooth(levels):
    """Blocks without a level have that of the others; a bright star in one is not the sky."""
    from scipy.ndimage import median_filter

    known = np.isfinite(levels)
    filled = np.where(known, levels, np.median(levels[known]))
    return median_filter(filled, 3, mode="nearest")


def _between(edges, length):
    """For each pixel the blocks before and after it, and the share of the one after."""
    centers = (edges[:-1] + edges[1:] - 1) / 2
    place = np.interp(np.arange(length), centers, np.arange(len(centers)))
    before = np.minimum(place.astype(int), max(len(centers) - 2, 0))
    return before, np.minimum(before + 1, len(centers) - 1), (place - before).astype(np.float32)


def above_sky(data: np.ndarray, good: np.ndarray) -> np.ndarray:
    """An image without its sky; 0 in bad pixels.

    The sky is the median of blocks of about 64 pixels, smoothed by a median of 3 by 3 blocks, and
    linear between their centers.

    Parameters
    ----------
    data : ndarray of float, shape (ny, nx)
    good : ndarray of bool, shape (ny, nx)
        At least one pixel.

    Returns
    -------
    ndarray of float32, shape (ny, nx)
    """
    from . import star_kernels

    left = np.array(data, np.float32, order="C")
    levels, rows, columns = _levels(left, good)
    if not np.isfinite(levels).any():
        levels = np.full(levels.shape, np.median(left[good]))
    levels = _smooth(levels).astype(np.float32)
    before, after, share = _between(columns, left.shape[1])
    lines = levels[:, before] * (1 - share) + levels[:, after] * share
    star_kernels.subtract_sky(left, good, lines, *_between(rows, left.shape[0]))
    return left


def block_mean(data: np.ndarray, good: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Means of the good pixels of blocks, and which blocks are good by half.

    Parameters
    ----------
    data : ndarray of float32, shape (ny, nx)
        0 where it is not good.
    good : ndarray of bool
    side : int
        Pixels. Rows and columns beyond the last whole block are left out.
    """
    ny, nx = (length // side for length in data.shape)
    cut = slice(0, ny * side), slice(0, nx * side)
    number = good[cut].reshape(ny, side, nx, side).sum(axis=(1, 3), dtype=np.float32)
    total = data[cut].reshape(ny, side, nx, side).sum(axis=(1, 3), dtype=np.float32)
    return total / np.maximum(number, 1), number >= side * side / 2
