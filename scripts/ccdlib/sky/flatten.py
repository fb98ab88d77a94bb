"""A light without the sky's own structure: divided by its illumination, fringes subtracted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .. import dq
from ..frame.image import Image

if TYPE_CHECKING:
    from .fringes import FringePattern, Strength

__all__ = ["divided", "missing_flags", "response_of", "without_fringes"]


def response_of(illumination: Image) -> tuple[np.ndarray, np.ndarray]:
    """Where an illumination has a value, and what is divided by: 1 where it has none."""
    there = (illumination.dq == 0) & (illumination.data > 0)
    return there, np.where(there, illumination.data, np.float32(1))


def missing_flags(there: np.ndarray) -> np.ndarray:
    """NO_CALIBRATION where what the sky is corrected by has no value, uint16."""
    return np.where(there, 0, dq.NO_CALIBRATION).astype(np.uint16)


def divided(
    light: Image, illumination: Image, share: np.ndarray | None = None, scale: float = 1.0
) -> Image:
    """A light over its illumination.

    With the illumination I of variance V_I, and the share w of the light of sky level s in it: ::

        y = x / I,   V = (V_x + y^2 V_I) / I^2 - 2 y w V_x / (s I^2)

    as a light that went into I shares its noise with it.

    Parameters
    ----------
    light : Image
    illumination : Image
        1 in the median; flagged where it has no value.
    share : ndarray of float32 or None
        What the light counts for in it, pixel by pixel; None where that is next to nothing.
    scale : float
        Level of the light's sky, by which it was divided there.

    Returns
    -------
    Image
        Not divided, and flagged, where the illumination has no value.
    """
    there, response = response_of(illumination)
    data = light.data / response
    variance = light.variance + data * data * np.where(there, illumination.variance, 0)
    if share is not None:
        variance -= 2 * data * share * light.variance / np.float32(scale)
    variance /= response * response
    flags = light.dq | missing_flags(there)
    return Image(data, np.maximum(variance, 0, dtype=np.float32), flags, light.unit)


def without_fringes(
    light: Image, fringes: FringePattern, strength: Strength, own: np.ndarray
) -> Image:
    """A light less its fringes.

    With the pattern F of variance V_F, its strength a of sigma s_a, and the covariance C of F with
    the light: ::

        y = x - a F,   V = V_x + a^2 V_F + s_a^2 F^2 - 2 a C

    Parameters
    ----------
    light : Image
    fringes : FringePattern
    strength : Strength
    own : ndarray of float32
        C of each pixel.

    Returns
    -------
    Image
        Flagged where the pattern has no value.
    """
    value, sigma = np.float32(strength.value), np.float32(strength.sigma)
    data = light.data - value * fringes.data
    variance = light.variance + value * value * fringes.variance + np.square(sigma * fringes.data)
    variance -= 2 * value * own
    flags = light.dq | missing_flags(fringes.good)
    return Image(data, np.maximum(variance, 0, dtype=np.float32), flags, light.unit)
