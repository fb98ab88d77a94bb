"""The expected signal as numpy says it, for a whole image at once: what the kernel is held to.

Sums that numpy leaves to the width of the processor's registers are written out.
"""

import numpy as np

from ccdlib.frame.noise import MARGIN, _surface
from ccdlib.frame.rows import at

_DISAGREES, _OUTLIER, _STRUCTURE, _BRIGHT, _CENTER = 4.0, 3.0, 2.5, 10_000.0, 12


def expected_signal(data, good, gain, read_variance):
    """See `ccdlib.frame.noise.expected_signal`."""
    return _expected_block(np.pad(data, MARGIN), np.pad(good, MARGIN), gain, read_variance)


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
    # numpy's pairwise summation
    eight = np.where(near, boxes, 0)[:, :24].reshape(-1, 3, 8)
    eight = (eight[:, 0] + eight[:, 1]) + eight[:, 2]
    two = eight[:, ::2] + eight[:, 1::2]
    total = ((two[:, 0] + two[:, 1]) + (two[:, 2] + two[:, 3])) + np.where(near, boxes, 0)[:, 24]
    mean = total / np.maximum(count, 1)
    return np.where(count >= 0.75 * number, mean, np.nan), count


def _in_turns(terms):
    """Sum of six: the even ones and the odd ones."""
    a, b, c, d, e, f = terms.T
    return ((a + c) + e) + ((b + d) + f)


def _predicted(boxes, known, reach):
    """What a surface predicts, NaN where a pixel of it is not known; its scatter and its noise."""
    basis, center, used = _surface(reach)
    # double precision: the scatter is a small difference of large sums
    values = boxes[:, used].astype(np.float64)
    terms = sum(each[:, None] * row for each, row in zip(values.T, basis, strict=True))
    value = np.where(known[:, used].all(axis=1), _in_turns(terms * center), np.nan)
    left = sum(np.square(values.T)) - _in_turns(np.square(terms))
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
