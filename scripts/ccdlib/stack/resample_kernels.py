"""Compiled kernels of `ccdlib.stack.resample`: values between the pixels of an image.

A sine is a sum of powers here: that of a library has other last bits on another processor.
"""

import numpy as np
from numba import njit

from .. import dq

__all__ = ["KINDS", "NO_DATA", "footprint", "overlaps", "powers", "resample", "weights_of"]

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


@inlined
def _first(place, size):
    """The first of the pixels around a place."""
    if size == 1:
        return int(np.floor(place + 0.5))
    return int(np.floor(place)) - size // 2 + 1


@inlined
def _six(place, table):
    """Six weights around a place; numbers of their own are faster than an array."""
    first = int(np.floor(place))
    phase = (place - first) * PHASES
    row = min(int(phase), PHASES - 1)
    rest, low, high = phase - row, table[row], table[row + 1]
    return (
        low[0] + rest * (high[0] - low[0]),
        low[1] + rest * (high[1] - low[1]),
        low[2] + rest * (high[2] - low[2]),
        low[3] + rest * (high[3] - low[3]),
        low[4] + rest * (high[4] - low[4]),
        low[5] + rest * (high[5] - low[5]),
    )


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
    marks = _marks(flags, size)
    for r in range(u.shape[0]):
        for c in range(u.shape[1]):
            # NaN is beyond the edge as well
            if not (-0.5 <= u[r, c] < nx - 0.5 and -0.5 <= v[r, c] < ny - 0.5):
                out[0][r, c] = out[1][r, c] = out[2][r, c] = 0.0
                out_flags[r, c] = NO_DATA
                continue
            x0, y0 = _first(u[r, c], size), _first(v[r, c], size)
            inside = x0 >= 0 and y0 >= 0 and x0 + size <= nx and y0 + size <= ny
            total, bits = 1.0, NONE
            if not inside or marks[y0, x0] != 0:
                _taps(u[r, c], table, wx)
                _taps(v[r, c], table, wy)
                bits, value, spread, total = _marred(planes, flags, x0, y0, wx, wy)
            # lines of a known length are many times as fast as loops
            elif size == 6:
                across, up = _six(u[r, c], table), _six(v[r, c], table)
                value = _of_six(planes[0], x0, y0, across, up)
                spread = _of_six(planes[1], x0, y0, _squares(across), _squares(up))
            else:
                _taps(u[r, c], table, wx)
                _taps(v[r, c], table, wy)
                value, spread = _of_many(planes, x0, y0, wx, wy)
            scale = factor[r, c] / total
            out[0][r, c] = value * scale
            out[1][r, c] = spread * scale * scale
            out[2][r, c] = _between(planes[2], u[r, c], v[r, c]) * factor[r, c]
            out_flags[r, c] = bits


@jit
def _marks(flags, size):
    """All flags of the squares of pixels that begin at each one and are whole."""
    ny, nx = flags.shape
    found, line = np.zeros((ny, nx), np.uint16), np.empty(nx, np.uint16)
    for y in range(ny - size + 1):
        line[:] = flags[y]
        for k in range(1, size):
            for x in range(nx):
                line[x] |= flags[y + k, x]
        for k in range(size):
            for x in range(nx - size + 1):
                found[y, x] |= line[x + k]
    return found


@inlined
def _add_row(sums, weight, plane, y, x0):
    return (
        sums[0] + weight * plane[y, x0],
        sums[1] + weight * plane[y, x0 + 1],
        sums[2] + weight * plane[y, x0 + 2],
        sums[3] + weight * plane[y, x0 + 3],
        sums[4] + weight * plane[y, x0 + 4],
        sums[5] + weight * plane[y, x0 + 5],
    )


@inlined
def _squares(weights):
    a, b, c, d, e, f = weights
    return a * a, b * b, c * c, d * d, e * e, f * f


@inlined
def _of_six(plane, x0, y0, across, up):
    """A sum over six by six pixels: first up each column, all columns at once."""
    sums = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    sums = _add_row(sums, up[0], plane, y0, x0)
    sums = _add_row(sums, up[1], plane, y0 + 1, x0)
    sums = _add_row(sums, up[2], plane, y0 + 2, x0)
    sums = _add_row(sums, up[3], plane, y0 + 3, x0)
    sums = _add_row(sums, up[4], plane, y0 + 4, x0)
    a, b, c, d, e, f = _add_row(sums, up[5], plane, y0 + 5, x0)
    u, v, w, x, y, z = across
    return u * a + v * b + w * c + x * d + y * e + z * f


@jit
def _of_many(planes, x0, y0, wx, wy):
    """The same of any number of good pixels."""
    data, variance = planes[0], planes[1]
    value = spread = 0.0
    for j in range(wy.size):
        y = y0 + j
        of_value = of_spread = 0.0
        for i in range(wx.size):
            of_value += wx[i] * data[y, x0 + i]
            of_spread += wx[i] * wx[i] * variance[y, x0 + i]
        value += wy[j] * of_value
        spread += wy[j] * wy[j] * of_spread
    return value, spread


@inlined
def _between(plane, u, v):
    """The value of a smooth plane at a place that lies on it."""
    ny, nx = plane.shape
    x = min(max(int(np.floor(u)), 0), max(nx - 2, 0))
    y = min(max(int(np.floor(v)), 0), max(ny - 2, 0))
    right, up = min(x + 1, nx - 1), min(y + 1, ny - 1)
    p, q = min(max(u - x, 0.0), 1.0), min(max(v - y, 0.0), 1.0)
    low = (1 - p) * plane[y, x] + p * plane[y, right]
    return (1 - q) * low + q * ((1 - p) * plane[up, x] + p * plane[up, right])


@jit
def _marred(planes, flags, x0, y0, wx, wy):
    """The same, with flags and weight, where some pixels are not to be used, or not there.

    One that has little weight is left out, and the others stand for it. Where one has more, all
    that are there are used: it is the best value that there is, and it is flagged.
    """
    data, variance = planes[0], planes[1]
    ny, nx = data.shape
    bits = NONE
    for j in range(wy.size):
        for i in range(wx.size):
            y, x = y0 + j, x0 + i
            there = 0 <= x < nx and 0 <= y < ny
            flag = flags[y, x] if there else NO_DATA
            if flag != 0 and abs(wx[i] * wy[j]) > LARGEST_LOST:
                bits |= flag
    value = spread = total = 0.0
    for j in range(wy.size):
        for i in range(wx.size):
            y, x = y0 + j, x0 + i
            if 0 <= x < nx and 0 <= y < ny and (bits != 0 or flags[y, x] == 0):
                weight = wx[i] * wy[j]
                value += weight * data[y, x]
                spread += weight * weight * variance[y, x]
                total += weight
    return bits, value, spread, total


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


@entry
def powers(u: np.ndarray, v: np.ndarray, table: np.ndarray, out: np.ndarray) -> None:
    """Variances of the values at some places, of pixels of the variance 1.

    Parameters
    ----------
    u, v : ndarray of float64, shape (n,)
    table : ndarray of float64
        From `weights_of`.
    out : ndarray of float64, shape (n,)
    """
    wx, wy = np.empty(table.shape[1]), np.empty(table.shape[1])
    for n in range(u.size):
        _taps(u[n], table, wx)
        _taps(v[n], table, wy)
        across = up = 0.0
        for k in range(wx.size):
            across += wx[k] * wx[k]
            up += wy[k] * wy[k]
        out[n] = across * up
