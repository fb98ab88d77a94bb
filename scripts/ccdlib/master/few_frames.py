"""Masters of one or two frames, of which no rule can reject a value: their cosmic rays.

A hit is always positive: of two values that disagree the lower one stands alone. In a single bias
or flat hits are found as in a light; the pixels of a single dark that are hot look just like them,
so that it is not searched.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .. import dq
from ..frame.own_scatter import boxes_of_one
from ..frame.subtraction import subtracted

if TYPE_CHECKING:
    from ..frame.image import Image
    from ..frame.raw_image import Band

__all__ = ["FEWEST", "higher_of_two", "without_hits"]

# so many frames can outvote a value
FEWEST = 3
# [sigma] two values further apart are no chance
_APART = 5.0
_SEARCH = {"engine": "ccdlib", "sigclip": 4.5, "sigfrac": 0.3, "objlim": 5.0, "iterations": 4}


def higher_of_two(
    bands: list[Band], rows: slice, calibration: dict, scale: np.ndarray, variance: Callable
) -> list[np.ndarray]:
    """Which values of two frames lie above the other one's by more than chance.

    Parameters
    ----------
    bands : list of Band
    rows : slice
        Which rows of the bands are wanted.
    calibration : dict
        bias and dark of these rows, see `MasterFrames.calibration`.
    scale : ndarray, shape (2,)
        What each frame is multiplied by.
    variance : callable
        The noise model: (frame, first row, last row) to adu^2.
    """
    dark, factors = calibration["dark"] or (None, (1.0, 1.0))
    values, variances = [], []
    for number, band in enumerate(bands):
        own = subtracted(
            band.values[rows].astype(np.float32),
            level=band.level[rows, None],
            bias=calibration["bias"],
            dark=dark,
            scale=factors[number],
        )
        values.append(own * np.float32(scale[number]))
        variances.append(variance(number, 0, len(own)) * scale[number] * scale[number])
    apart = values[0] - values[1]
    limit = _APART * np.sqrt(variances[0] + variances[1])
    return [apart > limit, -apart > limit]


def without_hits(image: Image) -> tuple[Image, int]:
    """A single frame without its cosmic rays: these pixels have no value.

    Found by LA Cosmic with the noise that the frame shows, as the structure of a bias or the
    response of a flat's pixels is no hit.

    Parameters
    ----------
    image : Image
        In adu over its level.

    Returns
    -------
    image : Image
        NO_DATA and COSMIC_RAY where it was hit.
    hits : int
    """
    from ..frame.cosmic_rays import find_lacosmic

    good = image.dq == 0
    shown = np.nanmedian(boxes_of_one(np.where(good, image.data, np.float32(np.nan))).variances)
    known = float(np.median(image.variance[good])) if good.any() else np.nan
    if not (np.isfinite(shown) and known > 0):
        return image, 0
    noise = image.variance * np.float32(max(shown / known, 1.0))
    # where there is no value there is no noise either
    hit = find_lacosmic(image, np.where(noise > 0, noise, np.float32(shown)), _SEARCH) & good
    flags = image.dq | np.where(hit, np.uint16(dq.NO_DATA | dq.COSMIC_RAY), np.uint16(0))
    data, variance = (np.where(hit, np.float32(0), each) for each in (image.data, image.variance))
    return replace(image, data=data, variance=variance, dq=flags), int(hit.sum())
