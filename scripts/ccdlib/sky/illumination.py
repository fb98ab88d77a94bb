"""What the skies of many lights have in common: the illumination that their flat does not have.

The sky of light i in block b is ``l_ib = s_i I_b (1 + g_ib)``: its level s_i, the illumination I
that all share, and its own gradient g_ib (moon, clouds, wings of sources). The scatter between
the lights beyond the noise of their pixels tells of g, so the error of I needs no model of it.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..statistics.mesh import WIDTHS, Smooth, smoothed
from ..statistics.robust import median, robust_sigma

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..statistics.mesh import Levels

__all__ = ["FEWEST", "Illumination", "common_illumination"]

# a block further than this many sigma from the lights' median shows something of its own
_CLIP = 4.0
_ROUNDS = 4
# fewest lights in which a block, or a pixel, must show sky
FEWEST = 3
# width, in blocks, over which the squares of the lights' gradients are averaged
_WIDE = 4.0
# narrowest kernel, in blocks, that does not follow fringes
_OVER_FRINGES = 2.0


@dataclass(frozen=True)
class Illumination:
    """The illumination that lights share, 1 in the median.

    Attributes
    ----------
    mesh : Smooth
        Its values; `variance` is all of its error, what lights do not share included.
    scales : ndarray of float64, shape (n,)
        Level of the sky of each light.
    weights : ndarray of float64, shape (n,)
        What each counts for; their sum is 1.
    gradient : float
        Root mean square of a single light's own gradient, relative.
    count : ndarray of int, shape (by, bx)
        In how many lights each block shows sky.
    """

    mesh: Smooth
    scales: np.ndarray
    weights: np.ndarray
    gradient: float
    count: np.ndarray


def common_illumination(lights: Sequence[Levels], fringed: bool = False) -> Illumination:
    """What the skies of lights have in common.

    Parameters
    ----------
    lights : list of Levels
        Each with a positive level in most blocks.
    fringed : bool
        Whether the lights have fringes, which the surface must not follow.

    Returns
    -------
    Illumination
    """
    levels = np.stack([each.level for each in lights])
    noise = np.stack([each.variance for each in lights])
    scales = np.array([_middle(each) for each in levels])
    known, own = np.isfinite(levels), 0.0
    use = known
    for _ in range(_ROUNDS):
        relative = levels / scales[:, None, None]
        white = noise / np.square(scales)[:, None, None]
        weights = 1 / (np.nanmean(white, axis=(1, 2)) + own)
        mean, share = _mean(relative, use, weights)
        alike = _alike(relative, white, own)
        # where no more than half are alike none is odd: all count, and their scatter is the error
        unlike = 2 * alike.sum(axis=0) <= known.sum(axis=0)
        use = known & (alike | unlike)
        square = _square(relative, white, mean, use)
        ordinary = np.where(unlike, np.nan, square)
        own = max(float(np.nanmean(ordinary)), 0.0)
        scales = scales * np.array([_middle(each / mean) for each in relative])
    mean[use.sum(axis=0) < FEWEST] = np.nan
    widths = [width for width in WIDTHS if not fringed or width >= _OVER_FRINGES]
    mesh = smoothed(mean, (np.square(share) * np.where(use, white, 0)).sum(axis=0), widths)
    variance = mesh.variance + _gradients(square, unlike) * _of_mean(share, use)
    middle = float(median(mesh.value))
    return Illumination(
        Smooth(mesh.value / middle, variance / (middle * middle), mesh.width),
        scales * middle,
        weights / weights.sum(),
        float(np.sqrt(own)),
        use.sum(axis=0),
    )


def _middle(values):
    return float(median(values[np.isfinite(values)]))


def _mean(relative, use, weights):
    """Weighted mean of each block, and what share each light has of it."""
    share = np.where(use, weights[:, None, None], 0)
    total = share.sum(axis=0)
    with np.errstate(invalid="ignore"):
        share = share / total
    share[:, total == 0] = 0
    mean = np.where(use, relative * share, 0).sum(axis=0)
    mean[total == 0] = np.nan
    return mean, share


def _alike(relative, white, own):
    """Where a light shows nothing of its own; the others' median does not see a nebula in one."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        # of blocks that no light shows
        warnings.simplefilter("ignore", RuntimeWarning)
        distance = relative - np.nanmedian(relative, axis=0)
    sigma = np.sqrt(white + own)
    there = np.isfinite(distance)
    # a few bright wings in many blocks must not make the limit wide
    spread = robust_sigma((distance / np.where(there, sigma, 1))[there])
    with np.errstate(invalid="ignore"):
        return np.abs(distance) <= _CLIP * max(spread, 1e-12) * sigma


def _square(relative, white, mean, use):
    """Mean square of the lights' own gradients in each block, NaN where too few lights tell."""
    number = use.sum(axis=0)
    square = np.where(use, np.square(relative - mean), 0).sum(axis=0) / np.maximum(number - 1, 1)
    noise = np.where(use, white, 0).sum(axis=0) / np.maximum(number, 1)
    return np.where(number >= FEWEST, square - noise, np.nan)


def _gradients(square, unlike):
    """Mean square of a light's own gradient, as smooth as that is; as found where none are alike.

    It does not average out over blocks.
    """
    none = np.zeros(square.shape)
    smooth = np.maximum(smoothed(np.where(unlike, np.nan, square), none, (_WIDE,)).value, 0)
    return np.where(unlike, np.fmax(square, smooth), smooth)


def _of_mean(share, use):
    """What is left of a light's variance in the mean of lights.

    A block that no light shows is as its neighbours, and no better known than from one light.
    """
    return np.where(use.any(axis=0), np.square(share).sum(axis=0), 1.0)
