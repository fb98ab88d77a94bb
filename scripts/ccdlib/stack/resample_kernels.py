"""Compiled kernels of `ccdlib.stack.resample`: values between the pixels of an image.

A sine is a sum of powers here: that of a library has other last bits on another processor.
"""

import numpy as np
from numba import njit

from .. import dq

__all__ = [
    "KINDS",
    "NO_DATA",
    "footprint",
    "pixels_of",
    "powers",
    "resample",
    "weights_of",
]

# for compiled code alone, see `ccdlib.statistics.combine_kernels`
jit = njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
inlined = njit(nogil=True, error_model="numpy", inline="always")
entry = njit(cache=True, nogil=True, error_model="numpy")

NO_DATA, NONE = np.uint16(dq.NO_DATA), np.uint16(0)
# a pixel that is not to be used may have this weight in a value; the others then stand for it
LARGEST_LOST = 0.01
# fractions of a pixel for which weights are tabulated; between them they are interpolated, to 1e-6
PHASES = 1024
# so many values side by side are worth to be made at once
SHORTEST = 16
# of a place
MARRED, DONE = np.int64(-1), np.int64(-2)


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
    size, wide = table.shape[1], u.shape[1]
    marks = _marks(flags, size)
    places = np.empty((2, wide), np.int64)
    weights, sums = np.zeros((2, size, wide)), np.zeros((3, wide))
    for r in range(u.shape[0]):
        _whole_places(u[r], v[r], size, marks, places)
        row = (u[r], v[r], factor[r], out[0][r], out[1][r], out[2][r], out_flags[r])
        if size == 6:
            _runs(planes, row, places, table, weights, sums)
        _others(planes, flags, row, places, table)


@jit
def _others(planes, flags, row, places, table):
    """Fill in the values of a row that are in no run."""
    u, v, factor, value_out, variance_out, shared_out, flags_out = row
    size = table.shape[1]
    wx, wy = np.empty(size), np.empty(size)
    for c in range(u.size):
        x0, y0, bits, total = places[0, c], places[1, c], NONE, 1.0
        if x0 == DONE:
            continue
        if x0 == MARRED:
            bits, value, spread, total = _apart(planes, flags, u[c], v[c], table, wx, wy)
        # lines of a known length are many times as fast as loops
        elif size == 6:
            across, up = _six(u[c], table), _six(v[c], table)
            value = _of_six(planes[0], x0, y0, across, up)
            spread = _of_six(planes[1], x0, y0, _squares(across), _squares(up))
        else:
            _taps(u[c], table, wx)
            _taps(v[c], table, wy)
            value, spread = _of_many(planes, x0, y0, wx, wy)
        there = total != 0
        scale = factor[c] / total if there else 0.0
        value_out[c] = value * scale
        variance_out[c] = spread * scale * scale
        shared_out[c] = _between(planes[2], u[c], v[c]) * factor[c] if there else 0.0
        flags_out[c] = bits


@jit
def _apart(planes, flags, u, v, table, wx, wy):
    """Flags, value, variance and weight where a pixel is marred; all 0 where there is none."""
    ny, nx = flags.shape
    # NaN is beyond the edge as well
    if not (-0.5 <= u < nx - 0.5 and -0.5 <= v < ny - 0.5):
        return NO_DATA, 0.0, 0.0, 0.0
    x0, y0 = _taps(u, table, wx), _taps(v, table, wy)
    return _marred(planes, flags, x0, y0, wx, wy)


@jit
def _whole_places(u, v, size, marks, places):
    """Fill in the first pixels around the places of a row; MARRED where one is, or not there."""
    ny, nx = marks.shape
    for c in range(u.size):
        places[0, c] = places[1, c] = MARRED
        if -0.5 <= u[c] < nx - 0.5 and -0.5 <= v[c] < ny - 0.5:
            x0, y0 = _first(u[c], size), _first(v[c], size)
            inside = x0 >= 0 and y0 >= 0 and x0 + size <= nx and y0 + size <= ny
            if inside and marks[y0, x0] == 0:
                places[0, c], places[1, c] = x0, y0


@inlined
def _run_from(places, c):
    """How many places from one on lie on pixels side by side, and the step from each to the next.

    Where the pixels of both images are of one size nearly all do, to the left after a meridian
    flip; what is marred is alone.
    """
    x, y = places[0], places[1]
    step, end = 1, c + 1
    if x[c] >= 0 and end < x.size and abs(x[end] - x[c]) == 1:
        step = x[end] - x[c]
        while end < x.size and x[end] == x[c] + step * (end - c) and y[end] == y[c] and x[end] >= 0:
            end += 1
    return end - c, step


@jit
def _runs(planes, row, places, table, weights, sums):
    """Fill in the runs of a row, to the bits of `_others`, many values at once."""
    u, v, factor, value_out, variance_out, shared_out, flags_out = row
    end = 0
    while end < u.size:
        start = end
        length, step = _run_from(places, start)
        end = start + length
        if length < SHORTEST:
            continue
        # from left to right on the light
        leftmost = start if step > 0 else end - 1
        x0, y0 = places[0, leftmost], places[1, leftmost]
        for c in range(length):
            _keep(_six(u[leftmost + step * c], table), weights[0], c)
            _keep(_six(v[leftmost + step * c], table), weights[1], c)
        _sum_run(planes[0], x0, y0, length, weights, sums[0])
        _square(weights, length)
        _sum_run(planes[1], x0, y0, length, weights, sums[1])
        low, high = planes[2][y0 + 2, x0 + 2 :], planes[2][y0 + 3, x0 + 2 :]
        for c in range(length):
            p, q = u[leftmost + step * c] - (x0 + 2 + c), v[leftmost + step * c] - (y0 + 2)
            under = (1 - p) * low[c] + p * low[c + 1]
            sums[2, c] = (1 - q) * under + q * ((1 - p) * high[c] + p * high[c + 1])
        for c in range(start, end):
            scale, k = factor[c], step * (c - leftmost)
            value_out[c] = sums[0, k] * scale
            variance_out[c] = sums[1, k] * scale * scale
            shared_out[c] = sums[2, k] * scale
            flags_out[c] = NONE
            places[0, c] = DONE


@inlined
def _keep(six, weights, c):
    for k in range(6):
        weights[k, c] = six[k]


@inlined
def _square(weights, length):
    for n in range(2):
        for k in range(6):
            for c in range(length):
                weights[n, k, c] *= weights[n, k, c]


@jit
def _sum_run(plane, x0, y0, length, weights, total):
    """The sums of `_of_six`, to the same bits, for pixels side by side at once."""
    up = weights[1]
    for i in range(6):
        left, end, across = x0 + i, x0 + i + length, weights[0, i]
        p, q, r = plane[y0, left:end], plane[y0 + 1, left:end], plane[y0 + 2, left:end]
        s, t, z = plane[y0 + 3, left:end], plane[y0 + 4, left:end], plane[y0 + 5, left:end]
        for k in range(length):
            column = up[0, k] * p[k] + up[1, k] * q[k] + up[2, k] * r[k] + up[3, k] * s[k]
            own = across[k] * (column + up[4, k] * t[k] + up[5, k] * z[k])
            total[k] = own if i == 0 else total[k] + own


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
    sums = _add_row((0.0, 0.0, 0.0, 0.0, 0.0, 0.0), up[0], plane, y0, x0)
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
    u: np.ndarray,
    v: np.ndarray,
    shares: np.ndarray,
    table: np.ndarray,
    left: int,
    bottom: int,
    out: np.ndarray,
) -> None:
    """Add to `out` how much of each pixel goes into the sum of the values at some places.

    Parameters
    ----------
    u, v, shares : ndarray of float64, shape (n,)
        The places, and what the value at each counts for.
    table : ndarray of float64
        From `weights_of`.
    left, bottom : int
        Column and row of the first pixel of `out`; what lies outside it is left out.
    out : ndarray of float64, shape (rows, columns)
    """
    ny, nx = out.shape
    size = table.shape[1]
    wx, wy = np.empty(size), np.empty(size)
    for n in range(u.size):
        x0, y0 = _taps(u[n], table, wx) - left, _taps(v[n], table, wy) - bottom
        for j in range(max(-y0, 0), min(ny - y0, size)):
            for i in range(max(-x0, 0), min(nx - x0, size)):
                out[y0 + j, x0 + i] += shares[n] * wx[i] * wy[j]


@entry
def seen(
    u: np.ndarray,
    v: np.ndarray,
    table: np.ndarray,
    left: int,
    bottom: int,
    pixels: np.ndarray,
    out: np.ndarray,
) -> None:
    """Fill in the sum over the pixels that go into the value at each of some places.

    Parameters
    ----------
    u, v : ndarray of float64, shape (n,)
    table : ndarray of float64
        From `weights_of`.
    left, bottom : int
        Column and row of the first one of `pixels`; those outside count nothing.
    pixels : ndarray of float64, shape (rows, columns)
    out : ndarray of float64, shape (n,)
    """
    ny, nx = pixels.shape
    size = table.shape[1]
    wx, wy = np.empty(size), np.empty(size)
    for n in range(u.size):
        x0, y0 = _taps(u[n], table, wx) - left, _taps(v[n], table, wy) - bottom
        total = 0.0
        for j in range(max(-y0, 0), min(ny - y0, size)):
            for i in range(max(-x0, 0), min(nx - x0, size)):
                total += wx[i] * wy[j] * pixels[y0 + j, x0 + i]
        out[n] = total


@entry
def pixels_of(
    u: np.ndarray, v: np.ndarray, table: np.ndarray, places: np.ndarray, out: np.ndarray
) -> None:
    """Fill in how much of which pixels goes into the value at each of some places.

    Parameters
    ----------
    u, v : ndarray of float64, shape (n,)
    table : ndarray of float64
        From `weights_of`.
    places : ndarray of int64, shape (n, pixels)
        2^32 times the row of each pixel, and its column.
    out : ndarray of float64, shape (n, pixels)
    """
    size = table.shape[1]
    wx, wy = np.empty(size), np.empty(size)
    for n in range(u.size):
        x0, y0 = _taps(u[n], table, wx), _taps(v[n], table, wy)
        for j in range(size):
            for i in range(size):
                places[n, size * j + i] = (y0 + j) * (1 << 32) + x0 + i
                out[n, size * j + i] = wx[i] * wy[j]


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
