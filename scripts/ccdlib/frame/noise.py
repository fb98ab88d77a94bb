"""The noise model: what one standard deviation of a pixel is, and why.

After the pedestal is gone the variance of a pixel in adu is

    signal / gain + (read_noise / gain)^2 + 1/12

with the *expected* signal. The pixel's own value is the wrong estimate of it: it makes low
values look precise and high ones uncertain, so that (value - truth) / sigma is biased.
docs/noise.md derives the terms.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from ..errors import CcdlibError
from .rows import at, row_blocks, with_margin

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from .image import Map

__all__ = [
    "DIGITISATION",
    "MARGIN",
    "clipped_variance",
    "excess_variance",
    "expected_signal",
    "master_variance",
    "near_median",
    "photon_variance",
]

# variance of rounding to whole adu
DIGITISATION = 1 / 12

# rows and columns around a pixel that its expected signal is made from
MARGIN = 2

# [sigma] beyond this a pixel does not follow its neighbours
_DISAGREES = 4.0
# [sigma] beyond this from the neighbours' median a neighbour is an outlier
_OUTLIER = 3.0
# scatter of the neighbours over their noise, as variances; beyond this they hold structure.
# With 24 neighbours chance exceeds it in one pixel of 10 000
_STRUCTURE = 2.5
# [electron^2] above this variance a pixel's own value is good enough: it biases the mean pull by
# -1 / (2 sqrt(variance)) = -0.005
_BRIGHT = 10_000.0
_CENTER = 12
# [standard deviations] where `near_median` clips
_CLIP = 5.0
# an excess is significant beyond this many standard errors
_SURE = 4.0


def near_median(values: np.ndarray, clip: float = _CLIP) -> np.ndarray:
    """Which values remain when they are clipped about the median until nothing changes.

    Not by the MAD, which for data in whole adu moves in steps of half an adu.
    """
    near = np.ones(values.size, bool)
    while near.sum() > 1:
        kept = values[near]
        again = near & (np.abs(values - np.median(kept)) <= clip * kept.std(ddof=1))
        if again.sum() == near.sum():
            return near
        near = again
    raise CcdlibError("no pixels are left to measure a variance from")


def clipped_variance(values: ArrayLike, clip: float = _CLIP) -> float:
    """Variance without outliers: clipped about the median until nothing changes."""
    values = np.asarray(values, np.float64).ravel()
    return float(values[near_median(values, clip)].var(ddof=1))


def _box_sum(padded):
    """Sum over the 5 x 5 box around each pixel that is not in the margin, in its type."""
    pairs = padded[:, :-1] + padded[:, 1:]
    columns = pairs[:, :-3] + pairs[:, 2:-1]
    columns += padded[:, 4:]
    pairs = columns[:-1] + columns[1:]
    rows = pairs[:-3] + pairs[2:-1]
    rows += columns[4:]
    return rows


def _neighbours(data, good):
    """Mean, sample variance and number of the good ones of each pixel's 24 neighbours."""
    inner = slice(MARGIN, -MARGIN), slice(MARGIN, -MARGIN)
    kept = np.where(good, data, np.float32(0))
    squares = np.square(kept)
    weight = good.view(np.uint8)
    count = (_box_sum(weight) - weight[inner]).astype(np.float32)
    mean = _box_sum(kept)
    mean -= kept[inner]
    mean /= np.maximum(count, 1)
    spread = _box_sum(squares)
    spread -= squares[inner]
    spread -= count * np.square(mean)
    spread /= np.maximum(count - 1, 1)
    return mean, spread, count


@functools.cache
def _surface(reach):
    """The quadratic surface through the neighbours of a pixel, the pixel itself left out.

    Least squares of 1, x, y, x^2, xy, y^2 through all pixels within `reach` of the center.

    Returns
    -------
    basis : ndarray, shape (n, 6)
        Orthonormal, of the surfaces in the n pixels.
    center : ndarray, shape (6,)
        The same surfaces in the center.
    used : ndarray of bool, shape (25,)
        Which pixels these are.
    """
    y, x = np.mgrid[-2:3, -2:3].reshape(2, -1)
    used = (np.maximum(np.abs(x), np.abs(y)) <= reach) & ((x != 0) | (y != 0))
    terms = np.stack([x**0, x, y, x * x, x * y, y * y], axis=1)
    basis, triangle = np.linalg.qr(terms[used])
    return basis, np.linalg.solve(triangle.T, terms[_CENTER]), used


def _without_outliers(boxes, known, gain, read_variance):
    """Mean and number of the neighbours near their median; NaN if over a quarter is not."""
    others = known.copy()
    others[:, _CENTER] = False
    number = np.count_nonzero(others, axis=1)
    ordered = np.sort(np.where(others, boxes, np.float32(np.inf)), axis=1)
    row = np.arange(len(boxes))
    center = (ordered[row, (number - 1) // 2] + ordered[row, number // 2]) / 2
    limit = _OUTLIER * np.sqrt(_variance(center, gain, read_variance))
    near = others & (np.abs(boxes - center[:, None]) <= limit[:, None])
    count = np.count_nonzero(near, axis=1)
    mean = np.where(near, boxes, 0).sum(axis=1) / np.maximum(count, 1)
    return np.where(count >= 0.75 * number, mean, np.nan), count


def _predicted(boxes, known, reach):
    """What a surface predicts, NaN where a pixel of it is not known; its scatter and its noise."""
    basis, center, used = _surface(reach)
    # double precision: the scatter is a small difference of large sums
    values = boxes[:, used].astype(np.float64)
    # no matrix product: its last bits depend on the number of threads
    terms = np.einsum("nk,kj->nj", values, basis)
    value = np.where(known[:, used].all(axis=1), np.einsum("nj,j->n", terms, center), np.nan)
    left = np.einsum("nk,nk->n", values, values) - np.einsum("nj,nj->n", terms, terms)
    return value, left / (used.sum() - 6), float(center @ center)


def _variance(signal, gain, read_variance):
    """Variance of one value; a signal that chance made negative leaves half of read_variance."""
    return np.maximum(signal / gain, -read_variance / 2) + read_variance


def _among_structure(boxes, known, gain, read_variance):
    """The expected signal of pixels whose neighbours differ by more than their noise.

    The first of these that describes the neighbours within their noise and that the pixel's
    own value does not contradict: their mean without outliers, if few of them are outliers;
    the quadratic surface through 5 x 5 pixels; the one through 3 x 3, and again the one
    through 5 x 5, whatever they leave over; else its own value.

    Parameters
    ----------
    boxes, known : ndarray, shape (n, 25)
        The values around each pixel and whether they are good.
    gain, read_variance : float or ndarray, shape (n,)
    """
    own = boxes[:, _CENTER].copy()
    boxes = np.where(known, boxes, 0)
    found = np.maximum(own, 0)
    undecided = np.ones(len(own), bool)
    mean, count = _without_outliers(boxes, known, gain, read_variance)
    wide, wide_scatter, wide_noise = _predicted(boxes, known, 2)
    narrow, _, narrow_noise = _predicted(boxes, known, 1)
    for value, scatter, noise in (
        (mean, 0, 1 / np.maximum(count, 1)),
        (wide, wide_scatter, wide_noise),
        (narrow, 0, narrow_noise),
        (wide, 0, wide_noise),
    ):
        variance = _variance(value, gain, read_variance)
        agrees = (own - value) ** 2 <= _DISAGREES**2 * variance * (1 + noise)
        agrees &= undecided & (scatter <= _STRUCTURE * variance)
        found[agrees] = (np.maximum(value, 0) + noise / gain)[agrees]
        undecided &= ~agrees
    return found


def expected_signal(
    data: np.ndarray, good: np.ndarray, gain: Map, read_variance: Map
) -> np.ndarray:
    """The signal that a pixel was expected to have, an estimate without its own noise.

    The mean of the 24 neighbours where these scatter no more than their noise and the pixel
    agrees with them within 4 sigma. Elsewhere (near stars, hot pixels and cosmic rays) what
    `_among_structure` finds, and for bright pixels, whose noise is small against them, their
    own value.

    Parameters
    ----------
    data : ndarray, shape (ny, nx)
        adu above the pedestal.
    good : ndarray of bool
        Pixels that may speak for their neighbours.
    gain : float or ndarray
        Electrons per adu.
    read_variance : float or ndarray
        (read_noise / gain)^2 + 1/12, adu^2.

    Returns
    -------
    ndarray of float32
        adu. Where chance makes the neighbours' mean negative it is left so, or the variance
        of an empty frame would be too large on average; below three standard errors it is 0.
    """
    signal = np.empty(data.shape, np.float32)
    for rows in row_blocks(data.shape):
        outer, inner = with_margin(rows, len(data), MARGIN)
        border = (MARGIN - inner.start, MARGIN - (outer.stop - rows.stop)), (MARGIN, MARGIN)
        padded = np.pad(data[outer], border), np.pad(good[outer], border)
        signal[rows] = _expected_block(*padded, at(gain, rows), at(read_variance, rows))
    return signal


def _expected_block(data, good, gain, read_variance):
    """`expected_signal` of all pixels of `data` that are not in its margin."""
    own = data[MARGIN:-MARGIN, MARGIN:-MARGIN]
    mean, spread, count = _neighbours(data, good)
    error = 1 / np.maximum(count, 1)
    variance = _variance(mean, gain, read_variance)
    plain = (spread <= _STRUCTURE * variance) & (count >= 8)
    plain &= np.square(own - mean) <= _DISAGREES**2 * variance * (1 + error)
    signal = np.where(plain, mean, np.maximum(own, 0))
    # `nonzero` is slow on two axes
    rest = np.unravel_index(np.flatnonzero(~plain & (count > 0)), plain.shape)
    noise = _variance(signal[rest], at(gain, rest), at(read_variance, rest))
    dim = noise < _BRIGHT / np.square(at(gain, rest))
    rest = tuple(axis[dim] for axis in rest)
    y, x = np.mgrid[0:5, 0:5].reshape(2, 1, -1)
    box = rest[0][:, None] + y, rest[1][:, None] + x
    signal[rest] = _among_structure(data[box], good[box], at(gain, rest), at(read_variance, rest))
    np.copyto(signal, 0, where=signal < -3 * np.sqrt(read_variance * error))
    return signal


def excess_variance(own: float, pixels: int, usual: float) -> float:
    """Noise that a frame's overscan shows beyond the usual, such as pickup.

    Parameters
    ----------
    own : float
        Variance of a pixel of this frame's overscan, adu^2.
    pixels : int
        How many pixels `own` was measured from; its standard error is ``own sqrt(2 / pixels)``.
    usual : float
        The variance expected there, adu^2.

    Returns
    -------
    float
        ``own - usual`` where that is more than four standard errors, else 0.
    """
    if pixels == 0 or own - usual <= _SURE * own * (2 / pixels) ** 0.5:
        return 0.0
    return own - usual


def photon_variance(signal: Map, gain: Map, read_variance: Map) -> np.ndarray:
    """signal / gain + read_variance, float32, adu^2; never below half of read_variance."""
    return np.asarray(_variance(signal, gain, read_variance), dtype=np.float32)


def master_variance(
    model: np.ndarray, scatter: np.ndarray, count: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Variance of a master: the noise model's, unless the frames scatter far more than it.

    With a handful of frames the scatter of one pixel is too rough to quote (with three its
    own relative error is 100 %), while the model is smooth; but the model knows nothing of
    a pixel that flickers.

    Parameters
    ----------
    model, scatter : ndarray
        Variance of the combined value from the noise model and from the frames.
    count : ndarray
        Frames used in each pixel.

    Returns
    -------
    variance : ndarray of float32
    unstable : ndarray of bool
        Where the scatter won: it exceeds the model by more than chance allows in one pixel
        of a million (Wilson and Hilferty's approximation of chi-square).
    """
    freedom = np.maximum(count.astype(np.float32) - 1, 1)
    limit = (1 - 2 / (9 * freedom) + 4.75 * np.sqrt(2 / (9 * freedom))) ** 3
    unstable = (count > 1) & (scatter > limit * model)
    return np.where(unstable, scatter, model).astype(np.float32), unstable
