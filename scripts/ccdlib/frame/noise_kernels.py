"""The compiled kernel of `ccdlib.frame.noise.expected_signal`, which says what is done and why.

An image is worked through row by row, so that the sums of the five rows around a row stay in the
processor's first cache. Single precision sums over 5 x 5 pixels are grouped as pairs of pairs, and
no sum is grouped by the width of the processor's registers: the bits are the same on all of them.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

__all__ = ["Limits", "Surface", "expected_rows"]

jit = njit(nogil=True, error_model="numpy")
entry = njit(cache=True, nogil=True, error_model="numpy")

Real = float | np.floating

MARGIN, BOX, CENTER = 2, 5, 12
ZERO, ONE, TWO, THREE = (np.float32(number) for number in range(4))
INF = np.float32(np.inf)


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
def gather(
    data: np.ndarray, good: np.ndarray, y: int, x: int, values: np.ndarray, known: np.ndarray
) -> None:
    """The 25 values around a pixel, 0 where they are not good, and whether they are."""
    ny, nx = data.shape
    for i in range(BOX):
        for j in range(BOX):
            row, column = y + i - MARGIN, x + j - MARGIN
            inside = 0 <= row < ny and 0 <= column < nx
            use = inside and good[row, column]
            known[BOX * i + j] = use
            values[BOX * i + j] = data[row, column] if use else ZERO


@jit
def middle(values: np.ndarray, known: np.ndarray, ordered: np.ndarray) -> tuple[Real, int]:
    """Median of the good neighbours."""
    number = 0
    for i in range(values.size):
        if known[i] and i != CENTER:
            place = number
            while place > 0 and ordered[place - 1] > values[i]:
                ordered[place] = ordered[place - 1]
                place -= 1
            ordered[place] = values[i]
            number += 1
    return (ordered[(number - 1) // 2] + ordered[number // 2]) / TWO, number


@jit
def without_outliers(
    values: np.ndarray,
    known: np.ndarray,
    gain: Real,
    floor: Real,
    limits: Limits,
    ordered: np.ndarray,
) -> tuple[Real, int]:
    """Mean and number of the neighbours near their median; NaN if over a quarter is not."""
    center, number = middle(values, known, ordered)
    limit = limits.outlier * np.sqrt(variance_of(center, gain, floor))
    near = ordered
    count = 0
    for i in range(values.size):
        use = known[i] and i != CENTER and abs(values[i] - center) <= limit
        near[i] = values[i] if use else ZERO
        count += use
    if count < 0.75 * number:
        return np.nan, count
    total = ZERO
    for i in range(8):
        near[i] = (near[i] + near[i + 8]) + near[i + 16]
    total = (near[0] + near[1]) + (near[2] + near[3])
    total += (near[4] + near[5]) + (near[6] + near[7])
    return np.float64(total + near[24]) / max(count, 1), count


@jit
def sum_of_products(a: np.ndarray, b: np.ndarray) -> Real:
    """Sum of six products: the three even ones and the three odd ones, as numpy's einsum has it."""
    even = (a[0] * b[0] + a[2] * b[2]) + a[4] * b[4]
    return even + ((a[1] * b[1] + a[3] * b[3]) + a[5] * b[5])


@jit
def predicted(values: np.ndarray, known: np.ndarray, surface: Surface) -> tuple[Real, Real]:
    """What a surface predicts, NaN where a pixel of it is not known, and its scatter."""
    terms = np.zeros(6)
    square, number = 0.0, 0
    for i in range(values.size):
        if surface.used[i]:
            if not known[i]:
                return np.nan, np.nan
            # double precision: the scatter is a small difference of large sums
            value = np.float64(values[i])
            square += value * value
            for j in range(6):
                terms[j] += value * surface.basis[number, j]
            number += 1
    explained = sum_of_products(terms, terms)
    return sum_of_products(terms, surface.center), (square - explained) / max(number - 6, 1)


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
def among_structure(
    own: Real,
    values: np.ndarray,
    known: np.ndarray,
    gain: Real,
    floor: Real,
    surfaces: tuple[Surface, Surface],
    limits: Limits,
    ordered: np.ndarray,
) -> Real:
    """The expected signal of a pixel whose neighbours differ by more than their noise.

    The first of these that describes the neighbours within their noise and that the pixel's own
    value does not contradict: their mean without outliers, if few of them are outliers; the
    quadratic surface through 5 x 5 pixels; the one through 3 x 3, and again the one through 5 x 5,
    whatever they leave over; else its own value.
    """
    mean, count = without_outliers(values, known, gain, floor, limits, ordered)
    noise = 1 / max(count, 1)
    if agrees(own, mean, 0.0, noise, gain, floor, limits):
        return np.float32(max(mean, 0.0) + noise / gain)
    wide, narrow = surfaces
    value, scatter = predicted(values, known, wide)
    if agrees(own, value, scatter, wide.noise, gain, floor, limits):
        return np.float32(max(value, 0.0) + np.float32(wide.noise) / gain)
    beside, _ = predicted(values, known, narrow)
    if agrees(own, beside, 0.0, narrow.noise, gain, floor, limits):
        return np.float32(max(beside, 0.0) + np.float32(narrow.noise) / gain)
    if agrees(own, value, 0.0, wide.noise, gain, floor, limits):
        return np.float32(max(value, 0.0) + np.float32(wide.noise) / gain)
    return ZERO if own < ZERO else own


@jit
def rough_pixels(
    data: np.ndarray,
    good: np.ndarray,
    y: int,
    row: Row,
    surfaces: tuple[Surface, Surface],
    limits: Limits,
    out: np.ndarray,
) -> None:
    """The pixels of a row that are not plain, but for bright ones, which keep their own value."""
    values, ordered = np.empty(BOX * BOX, np.float32), np.empty(BOX * BOX, np.float32)
    known = np.empty(BOX * BOX, np.bool_)
    for x in range(out.size):
        if row.plain[x] or not row.number[x] > ZERO:
            continue
        gain, floor = row.gain[x], row.floor[x]
        if variance_of(out[x], gain, floor) < limits.bright / (gain * gain):
            gather(data, good, y, x, values, known)
            own = row.own[x]
            out[x] = among_structure(own, values, known, gain, floor, surfaces, limits, ordered)


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
        rough_pixels(data, good, y, row, surfaces, limits, out[y])
        signal = out[y]
        for x in range(nx):
            lowest = -THREE * np.sqrt(row.floor[x] * (ONE / max(row.number[x], ONE)))
            signal[x] = ZERO if signal[x] < lowest else signal[x]
