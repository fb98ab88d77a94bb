"""The compiled kernel of `ccdlib.frame.noise.expected_signal`, which says what is done and why.

An image is worked through row by row, so that the sums of the five rows around a row stay in the
processor's first cache. Single precision sums over 5 x 5 pixels are grouped as pairs of pairs, and
no sum is grouped by the width of the processor's registers: the bits are the same on all of them.
Why zero is added to some of what is stored is said in `ccdlib.statistics.combine_kernels`.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

__all__ = ["Limits", "Surface", "expected_rows"]

# for compiled code alone, Python would crash: what it needs to call them is a sixth of the work
jit = njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
entry = njit(cache=True, nogil=True, error_model="numpy")

Real = float | np.floating

MARGIN, BOX, CENTER = 2, 5, 12
ZERO, ONE, TWO, THREE = (np.float32(number) for number in range(4))
INF, NAN = np.float32(np.inf), np.float32(np.nan)
# pixels that are worked on side by side
BATCH = 128
OWN, GAIN, FLOOR, NUMBER, MIDDLE, LIMIT, COUNT = range(7)
# behind the six terms of a surface: a value, the sum of squares, what is predicted, its scatter
SINGLE, SQUARE, VALUE, SCATTER = range(6, 10)
# how 25 values are added, as numpy does it
PAIRS = np.array(
    [(i, i + j) for i in range(8) for j in (8, 16)]
    + [(0, 1), (2, 3), (0, 2), (4, 5), (6, 7), (4, 6), (0, 4), (0, 24)]
)


def network(number: int) -> np.ndarray:
    """Places of a list to compare and exchange, in turn, so that it is sorted.

    Batcher's merge exchange: Knuth, The Art of Computer Programming 3, algorithm 5.2.2M.

    Returns
    -------
    ndarray of int, shape (n, 2)
    """
    pairs = []
    top = 1 << ((number - 1).bit_length() - 1)
    p = top
    while p:
        q, r, d = top, 0, p
        while True:
            pairs += [(i, i + d) for i in range(number - d) if i & p == r]
            if q == p:
                break
            d, q, r = q - p, q // 2, p
        p //= 2
    return np.array(pairs)


NETWORK = network(BOX * BOX)


class Limits(NamedTuple):
    """Numbers of float32: [sigma], [sigma], a ratio of variances, electron^2."""

    disagrees: Real
    outlier: Real
    structure: Real
    bright: Real


class Surface(NamedTuple):
    """Surfaces through n neighbours: an orthonormal basis, (n, 6), and its values in the center.

    `used` says which of the 25 pixels these are, `noise` is the variance of what is predicted over
    that of one pixel.
    """

    basis: np.ndarray
    center: np.ndarray
    used: np.ndarray
    noise: Real


class Row(NamedTuple):
    """What is known of the pixels of a row; the first three with a margin."""

    kept: np.ndarray
    square: np.ndarray
    weight: np.ndarray
    own: np.ndarray
    number: np.ndarray
    mean: np.ndarray
    spread: np.ndarray
    gain: np.ndarray
    floor: np.ndarray
    plain: np.ndarray


class Batch(NamedTuple):
    """Pixels that are worked on side by side, a column each.

    `places` are their rows and columns, `pixels` what is known of each (`OWN` to `COUNT`), `values`
    the 25 around it, NaN where they are not good; `ordered` the neighbours in order, then those
    near their median; `fits` what the two surfaces are found from, and say.
    """

    places: np.ndarray
    pixels: np.ndarray
    values: np.ndarray
    ordered: np.ndarray
    fits: np.ndarray


@jit
def variance_of(signal: Real, gain: Real, floor: Real) -> Real:
    """`frame.noise.photon_variance`, in the precision of the signal."""
    return max(signal / gain, -floor / TWO) + floor


@jit
def put_row(plane: np.ndarray, y: int, row: np.ndarray) -> None:
    """Fill a row from a plane, which may have one row, or one column, that stands for all."""
    own = plane[y if plane.shape[0] > 1 else 0]
    for x in range(row.size):
        row[x] = own[x if own.size > 1 else 0]


@jit
def sum_along_row(padded: np.ndarray, out: np.ndarray) -> None:
    """Sums of five neighbours of a row."""
    for x in range(out.size):
        out[x] = ((padded[x] + padded[x + 1]) + (padded[x + 2] + padded[x + 3])) + padded[x + 4]


@jit
def sum_of_rows(ring: np.ndarray, last: int, out: np.ndarray) -> None:
    """Sum of the five rows of a ring that ends with row `last`."""
    a, b, c = ring[(last + 1) % BOX], ring[(last + 2) % BOX], ring[(last + 3) % BOX]
    d, e = ring[(last + 4) % BOX], ring[last % BOX]
    for x in range(out.size):
        out[x] = ((a[x] + b[x]) + (c[x] + d[x])) + e[x]


@jit
def take_in(
    data: np.ndarray,
    good: np.ndarray,
    y: int,
    row: Row,
    sums: np.ndarray,
    squares: np.ndarray,
    weights: np.ndarray,
) -> None:
    """Put the sums along row y into the rings; one outside the image has no good pixel."""
    ny, nx = data.shape
    row.kept[:], row.square[:], row.weight[:] = ZERO, ZERO, ZERO
    if 0 <= y < ny:
        value, use = data[y], good[y]
        for x in range(nx):
            kept = value[x] if use[x] else ZERO
            row.kept[MARGIN + x] = kept
            row.square[MARGIN + x] = kept * kept
            row.weight[MARGIN + x] = ONE if use[x] else ZERO
    sum_along_row(row.kept, sums[y % BOX])
    sum_along_row(row.square, squares[y % BOX])
    sum_along_row(row.weight, weights[y % BOX])


@jit
def describe_neighbours(data: np.ndarray, good: np.ndarray, row: Row) -> None:
    """Mean, sample variance and number of the good ones of the 24 neighbours, from their sums."""
    for x in range(data.size):
        kept = data[x] if good[x] else ZERO
        row.own[x] = data[x]
        count = row.number[x] - (ONE if good[x] else ZERO)
        mean = (row.mean[x] - kept) / max(count, ONE)
        spread = (row.spread[x] - kept * kept) - count * (mean * mean)
        row.number[x], row.mean[x] = count, mean
        row.spread[x] = spread / max(count - ONE, ONE)


@jit
def plain_row(row: Row, limits: Limits, out: np.ndarray) -> None:
    """The mean of the neighbours where these, and the pixel, scatter no more than their noise."""
    far = limits.disagrees * limits.disagrees
    for x in range(out.size):
        mean, own, count = row.mean[x], row.own[x], row.number[x]
        variance = variance_of(mean, row.gain[x], row.floor[x])
        off = own - mean
        plain = row.spread[x] <= limits.structure * variance
        plain &= count >= np.float32(8)
        plain &= off * off <= far * variance * (ONE + ONE / max(count, ONE))
        row.plain[x] = plain
        out[x] = mean if plain else (ZERO if own < ZERO else own)


@jit
def gather(data: np.ndarray, good: np.ndarray, batch: Batch, k: int, y: int, x: int) -> None:
    """Put the values around a pixel into place `k` of a batch."""
    ny, nx = data.shape
    for i in range(BOX):
        row = min(max(y + i - MARGIN, 0), ny - 1)
        for j in range(BOX):
            column = min(max(x + j - MARGIN, 0), nx - 1)
            # one that is not where it was looked for is outside
            there = (row == y + i - MARGIN) & (column == x + j - MARGIN)
            value, use = data[row, column], there & good[row, column]
            batch.values[BOX * i + j, k] = value if use else NAN
            batch.ordered[BOX * i + j, k] = value if use else INF
    batch.ordered[CENTER, k] = INF


@jit
def middle(batch: Batch) -> None:
    """Median of the good neighbours, of which each pixel has at least one."""
    ordered, pixels = batch.ordered, batch.pixels
    for pair in range(len(NETWORK)):
        i, j = NETWORK[pair, 0], NETWORK[pair, 1]
        for k in range(BATCH):
            low, high = ordered[i, k], ordered[j, k]
            ordered[i, k], ordered[j, k] = min(low, high) + ZERO, max(low, high)
    for k in range(BATCH):
        number = int(pixels[NUMBER, k])
        pixels[MIDDLE, k] = (ordered[(number - 1) // 2, k] + ordered[number // 2, k]) / TWO


@jit
def without_outliers(batch: Batch, limits: Limits) -> None:
    """Sum and number of the neighbours near their median."""
    values, near, pixels = batch.values, batch.ordered, batch.pixels
    for k in range(BATCH):
        variance = variance_of(pixels[MIDDLE, k], pixels[GAIN, k], pixels[FLOOR, k])
        pixels[LIMIT, k], pixels[COUNT, k] = limits.outlier * np.sqrt(variance), ZERO
    for i in range(BOX * BOX):
        for k in range(BATCH):
            use = i != CENTER and abs(values[i, k] - pixels[MIDDLE, k]) <= pixels[LIMIT, k]
            near[i, k] = values[i, k] if use else ZERO
            pixels[COUNT, k] += ONE if use else ZERO
    # pairs of pairs
    for pair in range(len(PAIRS)):
        i, j = PAIRS[pair, 0], PAIRS[pair, 1]
        for k in range(BATCH):
            near[i, k] += near[j, k]


@jit
def predict(values: np.ndarray, surface: Surface, fit: np.ndarray) -> None:
    """What a surface predicts, NaN where a pixel of it is not known, and its scatter.

    Six products are added as the three even ones and the three odd ones, as numpy's einsum does.
    """
    fit[:] = 0.0
    number = 0
    for i in range(BOX * BOX):
        if surface.used[i]:
            for k in range(BATCH):
                # double precision: the scatter is a small difference of large sums
                fit[SINGLE, k] = np.float64(values[i, k])
                fit[SQUARE, k] += fit[SINGLE, k] * fit[SINGLE, k]
            for j in range(6):
                factor = surface.basis[number, j]
                for k in range(BATCH):
                    fit[j, k] += fit[SINGLE, k] * factor
            number += 1
    a, b, c, d, e, f = surface.center
    for k in range(BATCH):
        p, q, r, s, t, u = fit[0, k], fit[1, k], fit[2, k], fit[3, k], fit[4, k], fit[5, k]
        explained = ((p * p + r * r) + t * t) + ((q * q + s * s) + u * u)
        fit[SCATTER, k] = (fit[SQUARE, k] - explained) / max(number - 6, 1)
        fit[VALUE, k] = ((p * a + r * c) + t * e) + ((q * b + s * d) + u * f)


@jit
def agrees(
    own: Real,
    value: Real,
    scatter: Real,
    noise: Real,
    gain: Real,
    floor: Real,
    limits: Limits,
) -> bool:
    """Whether neighbours scatter no more than their noise and the pixel does not contradict."""
    variance = variance_of(value, gain, floor)
    near = (own - value) ** 2 <= limits.disagrees**2 * variance * (1 + noise)
    return near and scatter <= limits.structure * variance


@jit
def choose(batch: Batch, k: int, surfaces: tuple[Surface, Surface], limits: Limits) -> Real:
    """The expected signal of a pixel from what was found of its neighbours; NaN agrees with none.

    The first of these that describes the neighbours within their noise and that the pixel's own
    value does not contradict: their mean without outliers, if few of them are outliers; the
    quadratic surface through 5 x 5 pixels; the one through 3 x 3, and again the one through 5 x 5,
    whatever they leave over; else its own value.
    """
    wide, narrow = surfaces
    pixels, fits = batch.pixels, batch.fits
    own, gain, floor = pixels[OWN, k], pixels[GAIN, k], pixels[FLOOR, k]
    count = np.float64(pixels[COUNT, k])
    if count >= 0.75 * np.float64(pixels[NUMBER, k]):
        mean, noise = np.float64(batch.ordered[0, k]) / max(count, 1.0), 1 / max(count, 1.0)
        if agrees(own, mean, 0.0, noise, gain, floor, limits):
            return np.float32(max(mean, 0.0) + noise / gain)
    value, beside = fits[0, VALUE, k], fits[1, VALUE, k]
    if agrees(own, value, fits[0, SCATTER, k], wide.noise, gain, floor, limits):
        return np.float32(max(value, 0.0) + np.float32(wide.noise) / gain)
    if agrees(own, beside, 0.0, narrow.noise, gain, floor, limits):
        return np.float32(max(beside, 0.0) + np.float32(narrow.noise) / gain)
    if agrees(own, value, 0.0, wide.noise, gain, floor, limits):
        return np.float32(max(value, 0.0) + np.float32(wide.noise) / gain)
    return ZERO if own < ZERO else own


@jit
def among_structure(
    batch: Batch,
    size: int,
    surfaces: tuple[Surface, Surface],
    limits: Limits,
    out: np.ndarray,
) -> None:
    """The expected signal of the first pixels of a batch, whose neighbours differ by too much."""
    middle(batch)
    without_outliers(batch, limits)
    for number in range(2):
        predict(batch.values, surfaces[number], batch.fits[number])
    for k in range(size):
        out[batch.places[0, k], batch.places[1, k]] = choose(batch, k, surfaces, limits)


@jit
def rough_pixels(
    data: np.ndarray,
    good: np.ndarray,
    y: int,
    row: Row,
    batch: Batch,
    size: int,
    surfaces: tuple[Surface, Surface],
    limits: Limits,
    out: np.ndarray,
) -> int:
    """The pixels of a row that are not plain, but for bright ones, which keep their own value.

    They are put behind the `size` pixels that wait in the batch; how many wait then is returned.
    """
    pixels = batch.pixels
    for x in range(row.own.size):
        if row.plain[x] or not row.number[x] > ZERO:
            continue
        gain, floor = row.gain[x], row.floor[x]
        if variance_of(out[y, x], gain, floor) < limits.bright / (gain * gain):
            batch.places[0, size], batch.places[1, size] = y, x
            pixels[OWN, size], pixels[NUMBER, size] = row.own[x], row.number[x]
            pixels[GAIN, size], pixels[FLOOR, size] = gain, floor
            gather(data, good, batch, size, y, x)
            size += 1
            if size == BATCH:
                among_structure(batch, size, surfaces, limits, out)
                size = 0
    return size


@entry
def expected_rows(
    data: np.ndarray,
    good: np.ndarray,
    gain: np.ndarray,
    floor: np.ndarray,
    surfaces: tuple[Surface, Surface],
    limits: Limits,
    out: np.ndarray,
) -> None:
    """Fill `out` with the expected signal.

    Parameters
    ----------
    data : ndarray of float32, shape (ny, nx)
    good : ndarray of bool
    gain, floor : ndarray of float32
        Of one row, or one column, where that stands for all.
    surfaces : tuple of Surface
        Through 5 x 5 and through 3 x 3 pixels.
    limits : Limits
    out : ndarray of float32
    """
    ny, nx = data.shape
    sums, squares, weights = (
        np.empty((BOX, nx), np.float32),
        np.empty((BOX, nx), np.float32),
        np.empty((BOX, nx), np.float32),
    )
    wide, pixels = nx + 2 * MARGIN, np.empty((7, nx), np.float32)
    padded = np.empty((3, wide), np.float32)
    row = Row(
        padded[0],
        padded[1],
        padded[2],
        *(pixels[0], pixels[1], pixels[2], pixels[3], pixels[4], pixels[5]),
        np.empty(nx, np.bool_),
    )
    # a batch may have places that no pixel was put into, and a number of 0 there
    batch, waiting = (
        Batch(
            np.empty((2, BATCH), np.int64),
            np.zeros((7, BATCH), np.float32),
            np.zeros((BOX * BOX, BATCH), np.float32),
            np.zeros((BOX * BOX, BATCH), np.float32),
            np.empty((2, 10, BATCH), np.float64),
        ),
        np.int64(0),
    )
    for y in range(-MARGIN, MARGIN):
        take_in(data, good, y, row, sums, squares, weights)
    for y in range(ny):
        last = y + MARGIN
        take_in(data, good, last, row, sums, squares, weights)
        sum_of_rows(sums, last, row.mean)
        sum_of_rows(squares, last, row.spread)
        sum_of_rows(weights, last, row.number)
        put_row(gain, y, row.gain)
        put_row(floor, y, row.floor)
        describe_neighbours(data[y], good[y], row)
        plain_row(row, limits, out[y])
        waiting = rough_pixels(data, good, y, row, batch, waiting, surfaces, limits, out)
        signal = out[y]
        for x in range(nx):
            lowest = -THREE * np.sqrt(row.floor[x] * (ONE / max(row.number[x], ONE)))
            signal[x] = (ZERO if signal[x] < lowest else signal[x]) + ZERO
    among_structure(batch, waiting, surfaces, limits, out)
