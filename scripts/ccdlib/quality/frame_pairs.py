"""Differences of consecutive frames over their sigma: whether the quoted noise is true.

What two frames have in common is gone in their difference: the sky, the response of the pixels,
and the errors of the masters that both were calibrated with. What is left is the noise that each
has by itself, so its scatter over the sigma of the two, less what they share, is 1 where sigma
is true. Pixels near a star, flagged ones and what is beyond 4 sigma do not count, so that the
telescope may have moved in between.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import numpy as np

from ..frame.image import Image, Map
from ..frame.rows import at
from ..frame.subtraction import dark_variance
from ..statistics.robust import median, robust_sigma

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..frame.calibrate import Calibration

__all__ = ["pick", "scatter", "scatter_of_picks"]

# rows and columns of an image that are looked at; the scatter of so many pixels is known to 1 %
_SIDE = 71
_FEWEST = 100
_CUT = 4.0
# pixels around one that tell whether a star is near, and how far their mean is off then, in sigma
_NEAR, _STAR = 3, 2.5
# standard deviation of a normal distribution that is cut at 4 sigma
_CUT_DEVIATION = 0.99946


def scatter(difference: np.ndarray, variance: np.ndarray) -> float | None:
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
    pull = (difference - median(difference)) / np.sqrt(variance[good])
    spread = robust_sigma(pull)
    # the median of whole adu is whole: it only says what to leave out
    kept = pull[np.abs(pull) <= _CUT * max(spread, 1e-6)]
    return float(kept.std() / _CUT_DEVIATION)


def _encoded(values, kind):
    return base64.b64encode(values.astype(kind).tobytes()).decode()


def _decoded(text, kind):
    return np.frombuffer(base64.b64decode(text), kind).astype(np.float64)


def _shared(image, masters, calibration, gain, common):
    """What of an image's variance its difference from another does not show."""
    bias, dark, flat = masters
    variance = 0.0 if bias is None else bias.variance
    if dark is not None:
        shared = calibration.shared_bias
        variance = dark_variance(variance, dark.variance, calibration.dark_scale, shared)
    variance = variance + common
    variance = variance * (1.0 if image.unit == "adu" else gain) ** 2
    if flat is None:
        return variance
    return (variance + image.data**2 * flat.variance) / flat.data**2


def _picked(image, rows, columns):
    """Some pixels of an image, of which only their rows are read."""
    lines = image.rows(rows.tolist())
    return Image(
        lines.data[:, columns], lines.variance[:, columns], lines.dq[:, columns], lines.unit
    )


def _sky(image, rows, columns):
    """Whether the surroundings of pixels are as those of most: no star is near.

    The pixel itself has no say, or its noise would be cut.
    """
    shape = image.data.shape
    total, count = np.zeros((rows.size, columns.size)), np.zeros((rows.size, columns.size))
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
    return (count > 0) & (np.abs(mean - median(known)) <= _STAR * robust_sigma(known))


def pick(
    image: Image, number: int, calibration: Calibration, gain: Map, common: Map = 0.0
) -> dict[str, str]:
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
    rows, columns = (
        np.unique(np.linspace(0, length - 1, _SIDE).astype(int)) for length in image.shape
    )
    *masters, _ = calibration.of_image(number, image.shape)
    masters = [master and _picked(master, rows, columns) for master in masters]
    gain, common = (at(each, np.ix_(rows, columns)) for each in (gain, common))
    picked = _picked(image, rows, columns)
    good = (picked.dq == 0) & _sky(image, rows[:, None], columns)
    with np.errstate(invalid="ignore", divide="ignore"):
        own = picked.variance - _shared(picked, masters, calibration, gain, common)
        sigma = np.where(good & (own > 0), np.sqrt(np.maximum(own, 0)), np.nan)
    return {"values": _encoded(picked.data, "<f4"), "sigma": _encoded(sigma, "<f2")}


def scatter_of_picks(first: Mapping[str, str], second: Mapping[str, str]) -> float | None:
    """The scatter of two frames' difference from their records; see `scatter`."""
    values = [_decoded(each["values"], "<f4") for each in (first, second)]
    sigmas = [_decoded(each["sigma"], "<f2") for each in (first, second)]
    if values[0].size != values[1].size:
        return None
    return scatter(values[1] - values[0], sigmas[0] ** 2 + sigmas[1] ** 2)
