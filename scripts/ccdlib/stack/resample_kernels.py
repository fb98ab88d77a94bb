"""Compiled kernels of `ccdlib.stack.resample`: values between the pixels of an image.

A sine is a sum of powers here: that of a library has other last bits on another processor.
"""

import numpy as np
from numba import njit

from .. import dq

__all__ = ["KINDS", "NO_DATA", "footprint", "overlaps", "resample", "weights_of"]

# for compiled code alone, see `ccdlib.statistics.combine_kernels`
jit = njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
inlined = njit(nogil=True, error_model="numpy", inline="always")
entry = njit(cache=True, nogil=True, error_model="numpy")

NO_DATA, NONE = np.uint16(dq.NO_DATA), np.uint16(0)
# a pixel that is not to be used may have this weight in a value; the others then stand for it
LARGEST_LOST = 0.01
# fractions of a pixel for which weights are tabulated; between them they are interpolated, to 1e-6
PHASES = 1024


def _sine(x):
    """The sine of pi x for x from 0 to 1, by a sum of powers good to 1e-11."""
    x = np.minimum(x, 1 - x)
    term = total = np.pi * x
    for k in range(1, 9):
        term = -term * (np.pi * x) ** 2 / (2 * k * (2 * k + 1))
        total = total + term
    return total


def _lanczos(apart):
    """``sinc(d) sinc(d / 3)``."""
    # sin(pi d) of a whole number and a rest
    whole = np.floor(apart)
    sign = np.where(whole % 2 == 0, 1.0, -1.0)
    near = np.where(apart > 0, apart, 1.0)
    found = 3 * sign * _sine(apart - whole) * _sine(near / 3) / (np.pi * near) ** 2
    return np.where(apart > 0, found, 1.0)


def _cubic(apart):
    """Cubic convolution of six pixels, exact for cubic polynomials (Keys 1981)."""
    first = (4 / 3 * apart - 7 / 3) * apart * apart + 1
    second = ((-7 / 12 * apart + 3) * apart - 59 / 12) * apart + 15 / 6
    third = ((apart / 12 - 2 / 3) * apart + 21 / 12) * apart - 3 / 2
    return np.where(apart < 1, first, np.where(apart < 2, second, third))


def _linear(apart):
    return 1 - apart


# {name: (kernel, pixels on each side that it reaches)}; a shift takes the nearest pixel
KINDS = {
    "cubic": (_cubic, 3),
    "lanczos": (_lanczos, 3),
    "bilinear": (_linear, 1),
    "shift": (None, 0),
}


def weights_of(name: str, stretch: float = 1.0) -> np.ndarray:
    """Weights of the pixels around a place some fraction of a pixel behind the middle ones' first.

    Parameters
    ----------
    name : str
        One of `KINDS`.
    stretch : float
        1 or more: by so much the kernel is wider, where a value is of a larger pixel.

    Returns
    -------
    ndarray of float64, shape (1025, pixels)
        Their sum is 1.
    """
    kernel, reach = KINDS[name]
    fraction = np.arange(PHASES + 1) / PHASES
    if kernel is None:
        return np.ones((fraction.size, 1))
    side = int(np.ceil(reach * stretch))
    apart = np.abs(fraction[:, None] + np.arange(side - 1, -side - 1, -1.0)) / stretch
    found = np.where(apart < reach, kernel(np.minimum(apart, reach)), 0.0)
    return found / found.sum(axis=1, keepdims=True)


@jit
def _taps(place, table, weights):
    """Weights of the pixels around a place, and where they begin."""
    number = table.shape[1]
    if number == 1:
        weights[0] = 1.0
        return int(np.floor(place + 0.5))
    first = int(np.floor(place))
    phase = (place - first) * PHASES
    row = min(int(phase), PHASES - 1)
    rest = phase - row
    # a loop of a known length is faster
    if number == 6:
        for k in range(6):
            weights[k] = table[row, k] + rest * (table[row + 1, k] - table[row, k])
    else:
        for k in range(number):
            weights[k] = table[row, k] + rest * (table[row + 1, k] - table[row, k])
    return first - number // 2 + 1


@entry
def resample(
    planes: tuple[np.ndarray, np.ndarray, np.ndarray],
    flags: np.ndarray,
    u: np.ndarray,
    v: np.ndarray,
    table: np.ndarray,
    factor: np.ndarray,
    out: tuple[np.ndarray, np.ndarray, np.ndarray],
    out_flags: np.ndarray,
) -> None:
    """Values of an image at some places, with their variance and their flags.

    Parameters
    ----------
    planes : tuple of three ndarrays of float32, shape (ny, nx)
        Values, variances, and the part of sigma that the image shares with others.
    flags : ndarray of uint16
    u, v : ndarray of float64, shape (rows, columns)
        Column and row of each place, from 0 at the middle of the first pixel.
    table : ndarray of float64
        From `weights_of`.
    factor : ndarray of float64, shape (rows, columns)
        On the values.
    out : tuple of three ndarrays of float32, shape (rows, columns)
    out_flags : ndarray of uint16
        All bits of the pixels with more than a hundredth of the weight; NO_DATA where one of these
        is not there.
    """
    ny, nx = flags.shape
    size = table.shape[1]
    wx, wy = np.empty(size), np.empty(size)
    for r in range(u.shape[0]):
        for c in range(u.shape[1]):
            out[0][r, c] = out[1][r, c] = out[2][r, c] = 0.0
            # NaN is beyond the edge as well
            if not (-0.5 <= u[r, c] < nx - 0.5 and -0.5 <= v[r, c] < ny - 0.5):
                out_flags[r, c] = NO_DATA
                continue
            x0, y0 = _taps(u[r, c], table, wx), _taps(v[r, c], table, wy)
            inside = x0 >= 0 and y0 >= 0 and x0 + size <= nx and y0 + size <= ny
            # loops of a known length are three times as fast
            if inside and size == 6 and not _any_flag(flags, x0, 6, y0, 6):
                bits = NONE
                value, spread, common = _clear(planes, x0, 6, y0, 6, wx, wy)
                total = 1.0
            elif inside and size != 6 and not _any_flag(flags, x0, size, y0, size):
                bits = NONE
                value, spread, common = _clear(planes, x0, size, y0, size, wx, wy)
                total = 1.0
            else:
                bits, value, spread, common, total = _marred(
                    planes, flags, x0, size, y0, size, wx, wy
                )
            scale = factor[r, c] / total
            out[0][r, c] = value * scale
            out[1][r, c] = spread * scale * scale
            out[2][r, c] = common * scale
            out_flags[r, c] = bits


@inlined
def _any_flag(flags, x0, across, y0, up):
    found = NONE
    for y in range(y0, y0 + up):
        for x in range(x0, x0 + across):
            found |= flags[y, x]
    return found != NONE


@inlined
def _clear(planes, x0, across, y0, up, wx, wy):
    """Value, variance and shared sigma where all pixels are good; the weights' sum is 1."""
    data, variance, shared = planes
    value = spread = common = 0.0
    for j in range(up):
        y = y0 + j
        of_value = of_spread = of_common = 0.0
        for i in range(across):
            x, weight = x0 + i, wx[i]
            of_value += weight * data[y, x]
            of_spread += weight * weight * variance[y, x]
            of_common += weight * shared[y, x]
        value += wy[j] * of_value
        spread += wy[j] * wy[j] * of_spread
        common += wy[j] * of_common
    return value, spread, common


@jit
def _marred(planes, flags, x0, across, y0, up, wx, wy):
    """The same with their weight and flags where some pixels are not to be used, or not there.

    One that has little weight is left out, and the others stand for it. Where one has more, all
    that are there are used: it is the best value that there is, and it is flagged.
    """
    data, variance, shared = planes
    ny, nx = data.shape
    bits = NONE
    for j in range(up):
        for i in range(across):
            y, x = y0 + j, x0 + i
            there = 0 <= x < nx and 0 <= y < ny
            flag = flags[y, x] if there else NO_DATA
            if flag != 0 and abs(wx[i] * wy[j]) > LARGEST_LOST:
                bits |= flag
    value = spread = common = total = 0.0
    for j in range(up):
        for i in range(across):
            y, x = y0 + j, x0 + i
            if 0 <= x < nx and 0 <= y < ny and (bits != 0 or flags[y, x] == 0):
                weight = wx[i] * wy[j]
                value += weight * data[y, x]
                spread += weight * weight * variance[y, x]
                common += weight * shared[y, x]
                total += weight
    return bits, value, spread, common, total


@entry
def footprint(
    u: np.ndarray, v: np.ndarray, table: np.ndarray, left: int, bottom: int, out: np.ndarray
) -> None:
    """Add to `out` how much of each pixel goes into the sum of the values at some places.

    Parameters
    ----------
    u, v : ndarray of float64, shape (n,)
    table : ndarray of float64
        From `weights_of`.
    left, bottom : int
        Column and row of the first pixel of `out`, which is large enough.
    out : ndarray of float64, shape (rows, columns)
    """
    size = table.shape[1]
    wx, wy = np.empty(size), np.empty(size)
    for n in range(u.size):
        x0, y0 = _taps(u[n], table, wx), _taps(v[n], table, wy)
        for j in range(size):
            for i in range(size):
                out[y0 + j - bottom, x0 + i - left] += wx[i] * wy[j]


@jit
def _overlap(first, weights, other_first, other_weights):
    """The sum of the products of two sets of weights where they are of the same pixels."""
    total = 0.0
    for k in range(weights.size):
        other = first + k - other_first
        if 0 <= other < weights.size:
            total += weights[k] * other_weights[other]
    return total


@entry
def overlaps(u: np.ndarray, v: np.ndarray, which: int, table: np.ndarray, out: np.ndarray) -> None:
    """Covariances of the values at some places with one of them, of pixels of the variance 1.

    Parameters
    ----------
    u, v : ndarray of float64, shape (n,)
    which : int
        The number of that one.
    table : ndarray of float64
        From `weights_of`.
    out : ndarray of float64, shape (n,)
    """
    size = table.shape[1]
    wx, wy, own_x, own_y = np.empty(size), np.empty(size), np.empty(size), np.empty(size)
    x, y = _taps(u[which], table, own_x), _taps(v[which], table, own_y)
    for n in range(u.size):
        x0, y0 = _taps(u[n], table, wx), _taps(v[n], table, wy)
        out[n] = _overlap(x0, wx, x, own_x) * _overlap(y0, wy, y, own_y)
