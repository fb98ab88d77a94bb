"""Where an image shows sources: what the sky is measured without.

A pixel belongs to a source where the image, smoothed with a narrow and with a wide kernel, is above
the sky by some sigmas of the smoothed noise; the narrow one finds stars, the wide one their wings,
galaxies and trails. What is found is grown. All of it is done in blocks of 2 x 2 pixels. What
lights show at the same pixels whatever they point at is of the detector: it is divided out before.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..statistics.combine import combine_values
from ..statistics.gaussian import blurred
from ..statistics.mesh import block_levels, smoothed, surface
from ..statistics.robust import median, robust_sigma

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..frame.image import Image

__all__ = ["Small", "bright_pixels", "common_of", "in_blocks", "sources_in", "whole"]

# widths of the kernels, and what is found grows by, in blocks of 2 x 2 pixels
_WIDTHS, _GROW = (0.75, 2.5), 2
# sigmas of what is smoothed, and of single blocks of what is bright; that is beyond the blocks' own
# spread by a factor, too
_LIMIT, _BRIGHT, _OF_SPREAD = 3.0, 10.0, 5.0
# rounds of sky without sources and sources above the sky
_ROUNDS = 2
# of the sky, in blocks of the mesh
_SMOOTH = 1.0
# pi / 2 times the variance of a mean is about that of a median
_OF_MEDIAN = 1.57


@dataclass(frozen=True)
class Small:
    """An image in blocks of 2 x 2 pixels.

    Attributes
    ----------
    data, sigma : ndarray of float32
        Means of the good pixels, and their standard deviations.
    good : ndarray of bool
        Where there are any.
    """

    data: np.ndarray
    sigma: np.ndarray
    good: np.ndarray

    @property
    def level(self) -> float:
        """Median of the good blocks, NaN without one."""
        return float(median(self.data[self.good])) if self.good.any() else float("nan")

    def over(self, common: np.ndarray, number: int) -> Small:
        """The image over what a number of lights have in common."""
        factor = 1 / np.where(common > 0, common, np.float32(1))
        wider = np.float32(np.sqrt(1 + _OF_MEDIAN / number))
        return Small(self.data * factor, self.sigma * factor * wider, self.good & (common > 0))


def in_blocks(image: Image) -> Small:
    """An image in blocks of 2 x 2 pixels; flagged pixels do not count."""
    good = image.dq == 0
    number = _sums(good.astype(np.float32))
    some = np.maximum(number, 1)
    data = _sums(np.where(good, image.data, 0)) / some
    sigma = np.sqrt(_sums(np.where(good, image.variance, 0))) / some
    return Small(data, sigma, (number > 0) & (sigma > 0))


def _sums(plane):
    """Sums of 2 x 2 pixels; beyond an odd row or column at the end is nothing."""
    ny, nx = (-(-length // 2) for length in plane.shape)
    padded = np.zeros((2 * ny, 2 * nx), np.float32)
    padded[: plane.shape[0], : plane.shape[1]] = plane
    rows = padded[0::2] + padded[1::2]
    return rows[:, 0::2] + rows[:, 1::2]


def whole(blocks: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Blocks of 2 x 2 pixels as pixels of an image of a shape."""
    return np.repeat(np.repeat(blocks, 2, axis=0), 2, axis=1)[: shape[0], : shape[1]]


def common_of(lights: Sequence[Small], levels: Sequence[float], threads: int = 1) -> np.ndarray:
    """What lights show at the same pixels: the median of them over their levels.

    Parameters
    ----------
    lights : list of Small
        The same rows of each.
    levels : list of float
        Of the whole lights, positive.
    threads : int
        The result does not depend on them.

    Returns
    -------
    ndarray of float32
        NaN where no light has a good pixel.
    """
    return combine_values(
        [each.data for each in lights],
        mask=[~each.good for each in lights],
        scale=1 / np.array(levels),
        method="median",
        threads=threads,
    ).data


def bright_pixels(light: Small, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The blocks in which a source is bright, without those around.

    An uneven sky and fringes are no sources: bright is what stands out of the sky around it, and of
    all that it varies by.

    Parameters
    ----------
    light : Small
    y, x : ndarray of int
        See `sources_in`.
    """
    above = _above(light, light.good, -(-y // 2), -(-x // 2))
    if above is None:
        return np.zeros(light.good.shape, bool)
    limit = max(_BRIGHT, _OF_SPREAD * robust_sigma(above[light.good]))
    return light.good & (above > limit)


def _above(light, free, y, x):
    """An image above the sky of what is free of sources, in its sigma; None if nothing is."""
    levels = block_levels(light.data, free, y, x)
    if not np.isfinite(levels.level).any():
        return None
    sky = surface(smoothed(levels.level, levels.variance, (_SMOOTH,)).value, y, x)
    return np.divide(light.data - sky, light.sigma, out=np.zeros_like(sky), where=light.good)


def sources_in(light: Small, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The blocks in which there is more than sky.

    Parameters
    ----------
    light : Small
        Over what lights have in common.
    y, x : ndarray of int
        Blocks of pixels in which the sky is measured, from `ccdlib.statistics.mesh.cells`.

    Returns
    -------
    ndarray of bool
        True for a source, of 2 x 2 pixels each; see `whole`.
    """
    edges = -(-y // 2), -(-x // 2)
    found = np.zeros(light.data.shape, bool)
    noise = [_spread(light.good, width) for width in _WIDTHS]
    for _ in range(_ROUNDS):
        above = _above(light, light.good & ~found, *edges)
        if above is None:
            break
        found = _found(above, noise)
    return found


def _spread(there, width):
    """Sigma of an image of unit noise after it is smoothed, where few pixels of it are good."""
    share = blurred(there.astype(np.float32), width / math.sqrt(2))
    return np.sqrt(np.maximum(share, 1e-6) / (4 * math.pi * width * width))


def _found(above, noise):
    """Where an image in units of its sigma is above 0 when it is smoothed, and around that."""
    from scipy.ndimage import maximum_filter

    found = np.zeros(above.shape, bool)
    for width, sigma in zip(_WIDTHS, noise, strict=True):
        level = blurred(above, width, 3.0)
        found |= level > _LIMIT * sigma
    return maximum_filter(found, size=2 * _GROW + 1)
