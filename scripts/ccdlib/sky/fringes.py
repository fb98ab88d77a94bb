"""Fringes: the pattern that lights of a filter share, and how strongly each shows it.

The sky's lines interfere in the thin silicon. The pattern F is the same in all lights of a
filter, its strength is not: it goes with the lines, the sky with all light.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..statistics.gaussian import blurred, kernel
from ..statistics.mesh import block_levels, cells, smoothed, surface
from .illumination import FEWEST

if TYPE_CHECKING:
    from ..frame.image import Image
    from .pixels import CommonPixels

__all__ = ["FringePattern", "Strength", "fringe_pattern", "strength_of"]

# widths of the kernels that are tried, in pixels
_WIDTHS = (0.0, 0.6, 0.8, 1.1, 1.5, 2.0, 2.8)


@dataclass(frozen=True)
class FringePattern:
    """Fringes over the level of the sky, without what varies over many pixels.

    Attributes
    ----------
    data : ndarray of float32, shape (ny, nx)
        Mean 0; 0 where there is no value.
    variance : ndarray of float32
        Of its noise, and the mean square of what the kernel smooths away.
    good : ndarray of bool
        Where there is a value.
    width : float
        Standard deviation of the kernel, pixels; 0 for none.
    peak : float
        What a pixel counts for in its own smoothed value.
    amplitude : float
        Root mean square of the true pattern: that of `data` less its noise; 0 where it has none.
    """

    data: np.ndarray
    variance: np.ndarray
    good: np.ndarray
    width: float
    peak: float
    amplitude: float


def fringe_pattern(pixels: CommonPixels) -> FringePattern:
    """The fringes in the mean of lights.

    The width of the kernel is that of the least estimated error, as in
    `ccdlib.statistics.mesh.smoothed`.

    Parameters
    ----------
    pixels : CommonPixels
        Of lights over their skies and their illumination.
    """
    good = (pixels.count >= FEWEST) & np.isfinite(pixels.data)
    edges = cells(pixels.data.shape)
    levels = block_levels(pixels.data, good, *edges)
    slow = surface(smoothed(levels.level, levels.variance).value, *edges)
    raw = np.where(good, pixels.data - slow, np.float32(0))
    noise = np.where(good, pixels.variance, np.float32(0))
    tried = [(_risk(raw, noise, good, width), width) for width in _WIDTHS]
    risk, width = min(tried)
    data, own, peak = _smoothed(raw, noise, good, width)
    lost = max(risk - float(own[good].mean()), 0.0)
    variance = np.where(good, own + np.float32(lost), np.float32(0))
    amplitude = math.sqrt(max(float(np.square(data[good]).mean() - own[good].mean()), 0.0))
    return FringePattern(data, variance, good, width, peak, amplitude)


def _risk(raw, noise, good, width):
    """The estimated mean square error of a pattern after a kernel."""
    data, _, peak = _smoothed(raw, noise, good, width)
    return float(np.square((data - raw)[good]).mean()) + (2 * peak - 1) * float(noise[good].mean())


def _smoothed(raw, noise, good, width):
    """A pattern after a kernel, its variance, and the weight of a pixel in its own value."""
    if not width:
        return raw, noise, 1.0
    share = blurred(good.astype(np.float32), width)
    share = np.where(good, np.maximum(share, np.float32(1e-6)), np.float32(1))
    data = np.where(good, blurred(raw, width) / share, np.float32(0))
    line = kernel(width)
    peak = float(np.square(line.max()))
    # the squares of a Gaussian kernel are a narrower one, times their sum
    total = float(np.square(np.square(line).sum()))
    own = blurred(noise, width / math.sqrt(2)) * np.float32(total)
    return data, own / np.square(share), peak


@dataclass(frozen=True)
class Strength:
    """How strongly a light shows the fringes.

    Attributes
    ----------
    value, sigma : float
        What the pattern is multiplied by, and its standard deviation.
    before, after : float
        Root mean square of the fringes in the light, and of the errors that stay when they are
        subtracted.
    """

    value: float
    sigma: float
    before: float
    after: float


def strength_of(
    image: Image, show: np.ndarray, fringes: FringePattern, own: np.ndarray
) -> Strength:
    """Fit the fringes to a light.

    The pattern F has an error of its own, and a light that went into it shares its noise with it.
    Both are known on average, and taken off: ::

        a = sum((F r - C) / V) / sum((F^2 - V_F) / V),   C the covariance of F and r

    Parameters
    ----------
    image : Image
        The light, divided by the illumination.
    show : ndarray of bool
        Pixels that show the sky alone.
    fringes : FringePattern
    own : ndarray of float32
        Covariance of the pattern's noise with the light's, C.
    """
    edges = cells(image.shape)
    use = show & fringes.good & (image.variance > 0)
    levels = block_levels(image.data, use, *edges)
    if not np.isfinite(levels.level).any():
        return Strength(0.0, 0.0, 0.0, 0.0)
    mesh = smoothed(levels.level, levels.variance, (1.0,)).value
    rest = (image.data - surface(mesh, *edges))[use].astype(np.float64)
    pattern, noise = (each[use].astype(np.float64) for each in (fringes.data, fringes.variance))
    weight = 1 / image.variance[use].astype(np.float64)
    power = float(((np.square(pattern) - noise) * weight).sum())
    if not power > 0:
        return Strength(0.0, 0.0, 0.0, 0.0)
    value = float(((pattern * rest - own[use]) * weight).sum()) / power
    sigma = math.sqrt(float((np.square(pattern) * weight).sum())) / power
    square = float((np.square(pattern) - noise).mean())
    error = float(noise.mean())
    before = abs(value) * math.sqrt(max(square, 0.0))
    after = math.sqrt(value * value * error + sigma * sigma * max(square, 0.0))
    return Strength(value, sigma, before, after)
