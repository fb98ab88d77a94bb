"""Compiled kernels of `ccdlib.stack.combine`: what the values of a pixel make of it."""

import numpy as np
from numba import njit

from .. import dq

__all__ = ["MEAN", "MEDIAN", "combine", "medians", "slopes"]

jit = njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
entry = njit(cache=True, nogil=True, error_model="numpy")

MEAN, MEDIAN = range(2)
NO_DATA, NONE = np.uint16(dq.NO_DATA), np.uint16(0)
# how much of the steepest slope beside a pixel seeing and guiding may change its value by
SLOPE = 1.2
# sigmas by which the steepest of eight differences of an even sky lies off
CHANCE = 3.0


# so few values are sooner put where they belong one by one than sorted
FEW = 40


@jit
def _middle(values, count):
    """The median of the first values of a buffer, which is sorted; of an even number the lower."""
    if count > FEW:
        own = values[:count]
        own.sort()
    else:
        for i in range(1, count):
            value, place = values[i], i
            while place > 0 and values[place - 1] > value:
                values[place] = values[place - 1]
                place -= 1
            values[place] = value
    return values[(count - 1) // 2]


@entry
def medians(values: np.ndarray, flags: np.ndarray, out: np.ndarray) -> None:
    """The median of the unflagged values of each pixel; NaN where there is none.

    Parameters
    ----------
    values : ndarray of float32, shape (n, rows, columns)
    flags : ndarray of uint16
    out : ndarray of float32, shape (rows, columns)
    """
    n, ny, nx = values.shape
    buffer = np.empty(n, np.float32)
    for y in range(ny):
        for x in range(nx):
            count = 0
            for i in range(n):
                if flags[i, y, x] == 0:
                    buffer[count] = values[i, y, x]
                    count += 1
            out[y, x] = _middle(buffer, count) if count else np.nan


@entry
def slopes(image: np.ndarray, out: np.ndarray) -> None:
    """The largest difference between a pixel and one of the eight around it."""
    ny, nx = image.shape
    for y in range(ny):
        for x in range(nx):
            most = np.float32(0)
            for j in range(max(y - 1, 0), min(y + 2, ny)):
                for i in range(max(x - 1, 0), min(x + 2, nx)):
                    apart = abs(image[j, i] - image[y, x])
                    # not where one is NaN
                    if apart > most:
                        most = apart
            out[y, x] = most


@entry
def combine(
    block: tuple[np.ndarray, np.ndarray, np.ndarray],
    flags: np.ndarray,
    frames: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    blocks: np.ndarray,
    center: np.ndarray,
    slope: np.ndarray,
    clip: float,
    method: int,
    ratios: np.ndarray,
    out: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    counts: tuple[np.ndarray, np.ndarray],
    bits: tuple[np.ndarray, np.ndarray],
) -> None:
    """Combine the values of each pixel.

    Parameters
    ----------
    block : tuple of three ndarrays of float32, shape (n, rows, columns)
        Values, variances, and sigmas of what a value shares with others of its group.
    flags : ndarray of uint16, shape (n, rows, columns)
    frames : tuple of five ndarrays, shape (n,) but for the last
        Weight, exposure time, sky that is added to its values, and group of each light; and of
        each block of columns and each group, shape (blocks, groups, 2), how much of the shared
        variance of one light interpolation leaves, and how much of that of two is the same.
    blocks : ndarray of intp, shape (columns,)
        The block of columns that each column lies in.
    center, slope : ndarray of float32, shape (rows, columns)
        From `medians` and `slopes`.
    clip : float
        In sigma; 0 keeps all.
    method : int
    ratios : ndarray of float64, shape (n + 1,)
        Variance of the median of so many values over that of their mean.
    out : tuple of four ndarrays of float32
        Value, variance, the shared part of the variance, and exposure time.
    counts : tuple of two ndarrays of uint16
        Lights that are used, and those that were rejected as outliers.
    bits : tuple of two ndarrays of uint16
        Flags of the result, and all flags of the lights.
    """
    values, variances, shared = block
    weights, times, skies, groups, coherence = frames
    n, ny, nx = values.shape
    use, buffer = np.empty(n, np.uint8), np.empty(n, np.float32)
    linear, square = np.empty(coherence.shape[1]), np.empty(coherence.shape[1])
    for y in range(ny):
        for x in range(nx):
            good = 0
            every = NONE
            for i in range(n):
                use[i] = flags[i, y, x] == 0
                good += use[i]
                every |= flags[i, y, x] & ~NO_DATA
            bits[0][y, x] = NONE
            bits[1][y, x] = every
            rejected = 0
            if good == 0:
                for i in range(n):
                    use[i] = flags[i, y, x] != NO_DATA
                    good += use[i]
                bits[0][y, x] = every if good else NO_DATA
            elif clip > 0 and good > 1:
                rejected = _reject(
                    values, variances, use, good, center[y, x], slope[y, x], clip, y, x
                )
            counts[0][y, x], counts[1][y, x] = good - rejected, rejected
            linear[:], square[:] = 0.0, 0.0
            total = value = spread = time = 0.0
            number = 0
            for i in range(n):
                if not use[i]:
                    continue
                weight = weights[i] if method == MEAN else 1.0
                own_value = values[i, y, x] + skies[i]
                buffer[number] = own_value
                number += 1
                total += weight
                value += weight * own_value
                spread += weight * weight * variances[i, y, x]
                part = weight * shared[i, y, x]
                linear[groups[i]] += part
                square[groups[i]] += part * part
                time += times[i]
            if number == 0:
                out[0][y, x] = out[1][y, x] = out[2][y, x] = out[3][y, x] = 0.0
                continue
            # what lights share does not average out as far as they see the same pixels
            extra = common = 0.0
            for g in range(coherence.shape[1]):
                cross = coherence[blocks[x], g, 1] * (linear[g] * linear[g] - square[g])
                extra += cross
                common += cross + coherence[blocks[x], g, 0] * square[g]
            if method == MEDIAN:
                own = buffer[:number]
                own.sort()
                value = 0.5 * (own[(number - 1) // 2] + own[number // 2]) * total
                spread *= ratios[number]
            out[0][y, x] = value / total
            out[1][y, x] = (spread + extra) / (total * total)
            out[2][y, x] = common / (total * total)
            out[3][y, x] = time


@jit
def _reject(values, variances, use, good, center, slope, clip, y, x):
    """Leave out of `use` what no noise explains; how many these are."""
    mean = 0.0
    for i in range(use.size):
        if use[i]:
            mean += variances[i, y, x] / good
    # the median's own variance, pi / 2 times that of the mean of many
    floor = mean * 1.5707963 / good
    # noise makes slopes, too
    steep = SLOPE * max(slope - CHANCE * np.sqrt(2 * floor), 0.0)
    found = 0
    for i in range(use.size):
        if use[i]:
            limit = clip * np.sqrt(variances[i, y, x] + floor) + steep
            if abs(values[i, y, x] - center) > limit:
                use[i] = 0
                found += 1
    # at least the median itself stays
    return found
