"""The compiled kernel of `ccdlib.master.gain_read_noise`: the gain of each box of a pair of flats.

A night's flats hold tens of thousands of boxes of a thousand pixels, for which numpy would need a
dozen calls each. Sums are grouped as numpy groups them, so that no bit depends on who sums.
"""

import numpy as np
from numba import njit

__all__ = ["inverse_gains"]

# for compiled code alone, Python would crash: what it needs to call them is a sixth of the work
jit = njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
entry = njit(cache=True, nogil=True, error_model="numpy")

# values that numpy adds in eight columns before it halves what is longer
_BLOCK = 128
# [standard deviations] about the mean, where the median of a box is nearly always
_BRACKET = 0.12


@jit
def total(values: np.ndarray) -> float:
    """Sum of float64 values by numpy's pairwise summation."""
    n = values.size
    if n > _BLOCK:
        half = n // 2
        half -= half % 8
        return total(values[:half]) + total(values[half:])
    if n < 8:
        rest = 0.0
        for i in range(n):
            rest += values[i]
        return rest
    a, b, c, d, e, f, g, h = values[:8]
    for i in range(8, n - n % 8, 8):
        a += values[i]
        b += values[i + 1]
        c += values[i + 2]
        d += values[i + 3]
        e += values[i + 4]
        f += values[i + 5]
        g += values[i + 6]
        h += values[i + 7]
    found = ((a + b) + (c + d)) + ((e + f) + (g + h))
    for i in range(n - n % 8, n):
        found += values[i]
    return found


@jit
def sample_variance(values: np.ndarray) -> float:
    """Variance with n - 1."""
    off = values - total(values) / values.size
    return total(off * off) / (values.size - 1)


@jit
def sort(values: np.ndarray) -> None:
    """Sort a few values in place."""
    for i in range(1, values.size):
        value, place = values[i], i
        while place > 0 and values[place - 1] > value:
            values[place] = values[place - 1]
            place -= 1
        values[place] = value


@jit
def median(values: np.ndarray) -> float:
    """Median, sought among the values near the mean, or else among all."""
    mean, reach = total(values) / values.size, _BRACKET * np.sqrt(sample_variance(values))
    inside = np.empty(values.size)
    while True:
        low, high = mean - reach, mean + reach
        below, count = 0, 0
        for value in values:
            below += value < low
            inside[count] = value
            count += (value >= low) & (value <= high)
        first, second = (values.size - 1) // 2 - below, values.size // 2 - below
        if first >= 0 and second < count:
            sort(inside[:count])
            return (inside[first] + inside[second]) / 2
        reach = reach * 4 if reach > 0 else 1.0


@jit
def near(values: np.ndarray, clip: float) -> np.ndarray:
    """Which values `frame.noise.near_median` keeps; none where it finds no variance."""
    kept = np.ones(values.size, np.bool_)
    number = values.size
    while number > 1:
        some = values[kept]
        sigma = np.sqrt(sample_variance(some))
        # a median lies within one standard deviation of the mean: no need to know it
        if np.abs(some - total(some) / number).max() < 0.999 * (clip - 1) * sigma:
            return kept
        limit, middle = clip * sigma, median(some)
        again = kept & (np.abs(values - middle) <= limit)
        count = int(np.count_nonzero(again))
        if count == number:
            return kept
        kept, number = again, count
    return np.zeros(values.size, np.bool_)


@jit
def inverse_gain(first: np.ndarray, second: np.ndarray, read_variance: float, clip: float) -> float:
    """1/gain of one box from its good pixels; see `gain_read_noise.measure_gain`."""
    ratio = median(first) / median(second)
    # a hot or dead pixel may have the same value twice; the sum of both frames gives it away
    # and is independent of their difference
    alike = near(first + ratio * second, clip)
    first, second = first[alike], second[alike]
    difference = first - ratio * second
    kept = near(difference, clip)
    if not kept.any():
        return np.nan
    variance = sample_variance(difference[kept])
    # the variance belongs to the mean signal of the pixels that it was measured from
    signal = total(first[kept]) / np.count_nonzero(kept)
    signal += ratio**2 * (total(second[kept]) / np.count_nonzero(kept))
    if not signal > 0:
        return np.nan
    return (variance - (1 + ratio**2) * read_variance) / signal


@entry
def inverse_gains(
    first: np.ndarray,
    second: np.ndarray,
    height: int,
    width: int,
    read_variance: float,
    clip: float,
) -> np.ndarray:
    """1/gain from each box of a pair of flats, NaN where too few of its pixels are good.

    Parameters
    ----------
    first, second : ndarray of float, shape (ny, nx)
    height, width : int
        Of a box; edges that fill none are left out.
    read_variance : float
    clip : float
        [standard deviations] where `near` clips.

    Returns
    -------
    ndarray of float64, shape (boxes,)
    """
    ny, nx = first.shape[0] // height, first.shape[1] // width
    found = np.empty(ny * nx)
    a, b = np.empty(height * width), np.empty(height * width)
    for box in range(ny * nx):
        y, x = box // nx * height, box % nx * width
        size = 0
        for row in range(y, y + height):
            for column in range(x, x + width):
                one, other = np.float64(first[row, column]), np.float64(second[row, column])
                if np.isfinite(one) and np.isfinite(other):
                    a[size], b[size] = one, other
                    size += 1
        few = 2 * size < height * width
        found[box] = np.nan if few else inverse_gain(a[:size], b[:size], read_variance, clip)
    return found
