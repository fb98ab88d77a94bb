"""The compiled passes of an overscan: the mean of each row, its subtraction, and its uncertainty.

numpy goes through an image with a number for each row at half the speed.
"""

import numpy as np
from numba import njit

from ..statistics.robust import MAD_TO_SIGMA

__all__ = ["grow_sigma", "mean_levels", "subtract_levels"]

# values are counted in boxes to find their median; the middle of a sample lies in the first
# quarter of the boxes, and fewer values are put in order
_BOXES, _SAMPLE, _FEW = 1024, 64, 4096


@njit(cache=True, nogil=True, error_model="numpy")
def _differences(strip, every):
    """Finite absolute differences of neighbours in a row, of each `every`-th pair."""
    rows, columns = strip.shape
    values, found = np.empty(rows * (columns - 1) // every + 1), 0
    for pair in range(0, rows * (columns - 1), every):
        y, x = divmod(pair, columns - 1)
        value = abs(np.float64(strip[y, x + 1]) - np.float64(strip[y, x]))
        if value < np.inf:
            values[found] = value
            found += 1
    return values[:found]


@njit(cache=True, nogil=True, error_model="numpy")
def _boxes(strip, scale, counts, boxes):
    """Count the finite differences in boxes of the width of 1 / `scale`; the last has no end.

    `boxes` is filled with the box of each difference, -1 where it is not finite.
    """
    rows, columns = strip.shape
    for y in range(rows):
        row = strip[y]
        for x in range(1, columns):
            value, box = abs(np.float64(row[x]) - np.float64(row[x - 1])), -1
            if value < np.inf:
                box = int(min(value * scale, _BOXES - 1.0))
                counts[box] += 1
            boxes[y, x - 1] = box


@njit(cache=True, nogil=True, error_model="numpy")
def _in_boxes(strip, boxes, low, high, near):
    """Fill `near` with the differences in some boxes."""
    found = 0
    for y in range(strip.shape[0]):
        row, of_row, inside = strip[y], boxes[y], 0
        # most rows have none there, which takes less than to look at each
        for x in range(of_row.size):
            inside += (of_row[x] >= low) & (of_row[x] <= high)
        for x in range(of_row.size if inside else 0):
            if low <= of_row[x] <= high:
                near[found] = abs(np.float64(row[x + 1]) - np.float64(row[x]))
                found += 1


@njit(cache=True, nogil=True, error_model="numpy")
def _middle(ordered, number, first):
    """The median of `number` values, of which these are some in order, from the `first` on."""
    return (ordered[(number - 1) // 2 - first] + ordered[number // 2 - first]) / 2


@njit(cache=True, nogil=True, error_model="numpy")
def _median_difference(strip):
    """The median of the finite differences; NaN where there is none.

    They are counted and not kept, but for the box of each, which takes a quarter of their memory.
    """
    pairs = strip.shape[0] * (strip.shape[1] - 1)
    every = pairs // _SAMPLE if pairs >= _FEW else 1
    values = np.sort(_differences(strip, every))
    scale = 0.25 * _BOXES / values[values.size // 2] if values.size else np.inf
    if every > 1 and not scale < np.inf:
        every, values = 1, np.sort(_differences(strip, 1))
    if every == 1:
        return _middle(values, values.size, 0) if values.size else np.nan
    counts = np.zeros(_BOXES, np.int64)
    boxes = np.empty((strip.shape[0], strip.shape[1] - 1), np.int16)
    _boxes(strip, scale, counts, boxes)
    number = counts.sum()
    upto = np.cumsum(counts)
    low = np.searchsorted(upto, (number - 1) // 2, "right")
    high = np.searchsorted(upto, number // 2, "right")
    near = np.empty(counts[low : high + 1].sum())
    _in_boxes(strip, boxes, np.int16(low), np.int16(high), near)
    return _middle(np.sort(near), number, upto[low] - counts[low])


@njit(cache=True, nogil=True, error_model="numpy")
def _near_median(row, limit):
    """The values of a row that are within a limit of its median."""
    finite = row[np.isfinite(row)].astype(np.float64)
    if finite.size == 0:
        return finite
    ordered = np.sort(finite)
    median = _middle(ordered, ordered.size, 0)
    return finite[np.abs(finite - median) <= limit]


# sums may be taken in any order, and indices let the compiler take several pixels at once
@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc"})
def _moments(row):
    """Mean of a row and sum of the squares about it."""
    total, squares = 0.0, 0.0
    for x in range(row.size):
        total += row[x]
    mean = total / row.size
    for x in range(row.size):
        squares += (row[x] - mean) * (row[x] - mean)
    return mean, squares


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"nnan", "nsz", "reassoc"})
def _all_near(row, limit):
    """Whether finite values are all within a limit of their median, which need not be known.

    It is where both of its sides have no more than half of them.
    """
    low, high = row[0], row[0]
    for x in range(row.size):
        low, high = min(low, row[x]), max(high, row[x])
    below, above, least, most = 0, 0, high - limit, low + limit
    for x in range(row.size):
        below += row[x] < least
        above += row[x] > most
    return max(below, above) <= (row.size - 1) // 2


@njit(cache=True, nogil=True, error_model="numpy")
def mean_levels(
    strip: np.ndarray, clip: float, least: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """The mean of each row without wild pixels, as `ccdlib.frame.overscan.overscan_level` has it.

    Parameters
    ----------
    strip : ndarray of float32 or float64, shape (rows, columns)
        Values that are not finite are left out.
    clip : float
        Values further than this many robust sigma from their row's median are left out; 0: none.
    least : float
        The smallest sigma.

    Returns
    -------
    mean : ndarray, shape (rows,)
    count : ndarray of int, shape (rows,)
        How many values each is made of; 0 for rows of which no value is left.
    squares : float
        Sum of the squares about the means.
    """
    rows, columns = strip.shape
    means, counts, total = np.empty(rows), np.empty(rows, np.int64), 0.0
    limit = np.inf
    if clip > 0:
        sigma = MAD_TO_SIGMA * _median_difference(strip) / np.sqrt(2.0)
        # not "max": NaN where there are no differences
        limit = clip * (sigma if sigma > least else least)
    for y in range(rows):
        count = columns
        mean, squares = _moments(strip[y])
        if not (np.isfinite(squares) and _all_near(strip[y], limit)):
            kept = _near_median(strip[y], limit)
            mean, squares = _moments(kept)
            count = kept.size
        means[y], counts[y] = mean, count
        total += squares
    return means, counts, total


@njit(cache=True, nogil=True, error_model="numpy")
def subtract_levels(
    data: np.ndarray,
    less: np.ndarray,
    section: tuple[int, int, int, int],
    levels: np.ndarray,
    axis: int,
) -> None:
    """Fill a section of `less` with ``data - level``.

    Parameters
    ----------
    data, less : ndarray, shape (ny, nx)
        They may be the same.
    section : tuple of int
        First row, the one behind the last, and the same of the columns.
    levels : ndarray, shape (rows,) or (columns,)
        Of each row or column of the section, in the type of `less`.
    axis : {1, 0}
        1: `levels` has a value for each row.
    """
    y0, y1, x0, x1 = section
    for y in range(y0, y1):
        row, out = data[y, x0:x1], less[y, x0:x1]
        if axis == 1:
            of_row = levels[y - y0]
            for x in range(row.size):
                out[x] = row[x] - of_row
        else:
            for x in range(row.size):
                out[x] = row[x] - levels[x]


@njit(cache=True, nogil=True, error_model="numpy")
def grow_sigma(
    sigma: np.ndarray,
    grown: np.ndarray,
    section: tuple[int, int, int, int],
    variance: np.ndarray,
    axis: int,
) -> None:
    """Fill a section of `grown` with ``sqrt(sigma^2 + variance)``.

    Parameters
    ----------
    sigma, grown : ndarray of float, shape (ny, nx)
        They may be the same.
    section : tuple of int
        First row, the one behind the last, and the same of the columns.
    variance : ndarray, shape (rows,) or (columns,)
        Of each row or column of the section.
    axis : {1, 0}
        1: `variance` has a value for each row.
    """
    y0, y1, x0, x1 = section
    for y in range(y0, y1):
        # indices from 0 on let the compiler take several pixels at once
        row, out = sigma[y, x0:x1], grown[y, x0:x1]
        if axis == 1:
            of_row = variance[y - y0]
            for x in range(row.size):
                out[x] = np.sqrt(row[x] * row[x] + of_row)
        else:
            for x in range(row.size):
                out[x] = np.sqrt(row[x] * row[x] + variance[x])
