"""Differences of consecutive frames over their sigma: whether the quoted noise is true.

What two frames have in common is gone in their difference: the sky, the response of the pixels,
and the errors of the masters that both were calibrated with. What is left is the noise that each
has by itself, so its scatter over the sigma of the two, less what they share, is 1 where sigma
is true. Pixels near a star, flagged ones and what is beyond 4 sigma do not count, so that the
telescope may have moved in between.
"""

import base64

import numpy as np

from .robust import robust_sigma
from .steps import dark_variance

__all__ = ["pick", "scatter", "scatter_of_picks"]

# of an image; the scatter of so many is known to 1 %
_PIXELS = 5000
_FEWEST = 100
_CUT = 4.0
# pixels around one that tell whether a star is near, and how far their mean is off then, in sigma
_NEAR, _STAR = 3, 2.5
# standard deviation of a normal distribution that is cut at 4 sigma
_CUT_DEVIATION = 0.99946


def scatter(difference, variance):
    """Standard deviation of differences over the square root of their variance.

    Parameters
    ----------
    difference, variance : ndarray
        NaN where there is nothing to compare.

    Returns
    -------
    float or None
        Outliers beyond 4 sigma left out; None of too few pixels.
    """
    good = np.isfinite(difference) & (variance > 0)
    if np.count_nonzero(good) < _FEWEST:
        return None
    difference = difference[good]
    pull = (difference - np.median(difference)) / np.sqrt(variance[good])
    spread = robust_sigma(pull)
    # the median of whole adu is whole: it only says what to leave out
    kept = pull[np.abs(pull) <= _CUT * max(spread, 1e-6)]
    return float(kept.std() / _CUT_DEVIATION)


def _encoded(values, kind):
    return base64.b64encode(values.astype(kind).tobytes()).decode()


def _decoded(text, kind):
    return np.frombuffer(base64.b64decode(text), kind).astype(np.float64)


def _shared(image, number, calibration, gain, common, where):
    """What of an image's variance its difference from another does not show, at some pixels."""

    def at(values):
        return values.ravel()[where]

    bias, dark, flat, _ = calibration.of_image(number)
    variance = 0.0 if bias is None else at(bias.variance)
    if dark is not None:
        shared = calibration.shared_bias
        variance = dark_variance(variance, at(dark.variance), calibration.dark_scale, shared)
    variance = variance + at(np.broadcast_to(common, image.data.shape))
    gain = at(np.broadcast_to(gain, image.data.shape))
    factor = 1.0 if image.unit == "adu" else gain
    variance = variance * factor**2
    if flat is None:
        return variance
    return (variance + at(image.data) ** 2 * at(flat.variance)) / at(flat.data) ** 2


def _sky(image, rows, columns):
    """Whether the surroundings of pixels are as those of most: no star is near.

    The pixel itself has no say, or its noise would be cut.
    """
    shape = image.data.shape
    total, count = np.zeros(rows.size), np.zeros(rows.size)
    for dy in range(-_NEAR, _NEAR + 1):
        for dx in range(-_NEAR, _NEAR + 1):
            y, x = np.clip(rows + dy, 0, shape[0] - 1), np.clip(columns + dx, 0, shape[1] - 1)
            use = (image.dq[y, x] == 0) & ((y != rows) | (x != columns))
            total += np.where(use, image.data[y, x], 0)
            count += use
    mean = total / np.maximum(count, 1)
    known = mean[count > 0]
    if known.size == 0:
        return count > 0
    return (count > 0) & (np.abs(mean - np.median(known)) <= _STAR * robust_sigma(known))


def pick(image, number, calibration, gain, common=0.0):
    """Values and own noise of a few thousand pixels of a calibrated image, for its record.

    Parameters
    ----------
    image : Image
    number : int
        Which image of the frame it is.
    calibration : Calibration
        What it was calibrated with.
    gain : float or ndarray
    common : float or ndarray
        Variance of the frame's level as a whole, adu^2: a difference less its median has none.

    Returns
    -------
    dict
        values, sigma: float32 and float16 as text; sigma is without the masters' part and
        without `common`, NaN where the pixel is flagged.
    """
    size = image.data.size
    where = np.linspace(0, size - 1, min(_PIXELS, size)).astype(int)
    good = (image.dq.ravel()[where] == 0) & _sky(image, *np.unravel_index(where, image.data.shape))
    with np.errstate(invalid="ignore", divide="ignore"):
        own = image.variance.ravel()[where] - _shared(
            image, number, calibration, gain, common, where
        )
        sigma = np.where(good & (own > 0), np.sqrt(np.maximum(own, 0)), np.nan)
    return {
        "values": _encoded(image.data.ravel()[where], "<f4"),
        "sigma": _encoded(sigma, "<f2"),
    }


def scatter_of_picks(first, second):
    """The scatter of two frames' difference from their records; see `scatter`."""
    values = [_decoded(each["values"], "<f4") for each in (first, second)]
    sigmas = [_decoded(each["sigma"], "<f2") for each in (first, second)]
    if values[0].size != values[1].size:
        return None
    return scatter(values[1] - values[0], sigmas[0] ** 2 + sigmas[1] ** 2)
