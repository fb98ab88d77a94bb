"""Compiled kernel: the median over the box of n x n pixels around each pixel.

The values of a box are sorted along its columns, which boxes side by side have in common, then
along its rows. Most of them can then be neither above nor below the middle, and the rest is sorted
by as few compare-and-exchange steps as its order leaves. A step acts on whole rows, so that the
compiler turns it into vector instructions over pixels, and none makes a new value.

`sort_lines` is `combine_kernels.sort_values`: numba's cache notices changes only in the file of the
function that is called. Why zero is added to what is stored is said there.
"""

from __future__ import annotations

from functools import cache
from itertools import combinations_with_replacement

import numpy as np
from numba import njit

from .combine_kernels import network

__all__ = ["LARGEST", "box_medians", "median_network"]

# for compiled code alone, Python would crash: what it needs to call them is a sixth of the work
jit = njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
entry = njit(cache=True, nogil=True, error_model="numpy")

ZERO = np.float32(0)
# sides of the box; the orders that its values can have grow fourfold with each pixel
LARGEST = 9
# so many boxes of 7 x 7 side by side stay in the processor's first cache
WIDTH = 128


@cache
def median_network(side: int) -> tuple[np.ndarray, np.ndarray, int]:
    """How the median of a box is found whose columns are sorted.

    Parameters
    ----------
    side : int
        Odd.

    Returns
    -------
    columns : ndarray, shape (k, 2)
        Steps that sort a column.
    steps : ndarray, shape (k, 2)
        Steps among the values of the box, row by row.
    middle : int
        Which of these is the median in the end.
    """
    columns = network(side)
    rows = [(side * row + low, side * row + high) for row in range(side) for low, high in columns]
    ordered, left = _orders(side), _undecided(side)
    found = []
    for low, high in network(len(left)):
        first, second = left[low], left[high]
        # with values of 0 and 1 alone it is seen whether any order needs the step
        if (ordered[first] & ~ordered[second]).any():
            smaller, larger = ordered[first] & ordered[second], ordered[first] | ordered[second]
            ordered[first], ordered[second] = smaller, larger
            found.append((first, second))
    middle = left[len(left) // 2]
    return columns, np.array(_needed(rows + found, middle), np.int64), middle


def _orders(side):
    """All values of 0 and 1 of a box that is sorted along columns and rows, (side^2, orders)."""
    ones = combinations_with_replacement(range(side + 1), side)
    boxes = [[[column >= side - own for column in range(side)] for own in each] for each in ones]
    return np.array(boxes).reshape(-1, side * side).T.copy()


def _undecided(side):
    """Places of the values of a sorted box that may be its median."""
    half = side * side // 2 + 1
    return [
        side * row + column
        for row in range(side)
        for column in range(side)
        if (row + 1) * (column + 1) <= half and (side - row) * (side - column) <= half
    ]


def _needed(steps, place):
    """Those of some steps on which what is in a place in the end depends."""
    places, kept = {place}, []
    for step in reversed(steps):
        if not places.isdisjoint(step):
            places.update(step)
            kept.append(step)
    return kept[::-1]


@jit
def sort_lines(value: np.ndarray, steps: np.ndarray, width: int) -> None:
    """Sort the columns of `value` (n, width), or do as much of it as `steps` say."""
    for k in range(steps.shape[0]):
        a = value[steps[k, 0]]
        b = value[steps[k, 1]]
        for p in range(width):
            x = a[p]
            y = b[p]
            a[p] = (y if y < x else x) + ZERO
            b[p] = x if y < x else y


@entry
def box_medians(
    padded: np.ndarray, columns: np.ndarray, steps: np.ndarray, middle: int, out: np.ndarray
) -> None:
    """Fill an image with the medians of the boxes of a larger one.

    Parameters
    ----------
    padded : ndarray of float32, shape (ny + side - 1, nx + side - 1)
    columns, steps, middle
        Of `median_network`.
    out : ndarray of float32, shape (ny, nx)
    """
    ny, nx = out.shape
    side = padded.shape[0] - ny + 1
    lines = np.empty((side, padded.shape[1]), np.float32)
    lanes = np.empty((side * side, WIDTH), np.float32)
    for y in range(ny):
        for row in range(side):
            # a whole row at once would compile the message of rows that do not fit
            for x in range(padded.shape[1]):
                lines[row, x] = padded[y + row, x]
        sort_lines(lines, columns, padded.shape[1])
        for x in range(0, nx, WIDTH):
            width = min(WIDTH, nx - x)
            for row in range(side):
                for column in range(side):
                    source, lane = lines[row], lanes[side * row + column]
                    for p in range(width):
                        lane[p] = source[x + column + p]
            sort_lines(lanes, steps, width)
            for p in range(width):
                out[y, x + p] = lanes[middle, p]
