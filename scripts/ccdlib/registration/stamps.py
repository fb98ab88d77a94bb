"""Small images around stars, all of one size in one array, and what is measured in them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

__all__ = [
    "HALF",
    "Stamps",
    "around",
    "centroids",
    "cut_stamps",
    "fluxes",
    "half_light",
    "on_their_sky",
    "refilled",
    "shapes",
]

HALF = 15
_SIDE = 2 * HALF + 1
_RING = 3.0
# row and column of each pixel from the middle, the nearest first
_NEAREST = np.indices((_SIDE, _SIDE)).reshape(2, -1).T - HALF
_NEAREST = _NEAREST[np.argsort(np.square(_NEAREST).sum(axis=1), kind="stable")]


def _kernels():
    # numba takes longer to load than all the rest
    from . import star_kernels

    return star_kernels


@dataclass(frozen=True)
class Stamps:
    """Boxes of 31 by 31 pixels around stars, above the sky beside them.

    Attributes
    ----------
    x, y : ndarray of int, shape (n,)
        The pixel in the middle.
    values : ndarray of float64, shape (n, 31, 31)
        Bad pixels have the value of the one on the other side of the middle: no value would draw
        the centroid to the side.
    variance : ndarray of float64, shape (n, 31, 31)
    good : ndarray of bool, shape (n, 31, 31)
    """

    x: np.ndarray
    y: np.ndarray
    values: np.ndarray
    variance: np.ndarray
    good: np.ndarray

    def __len__(self) -> int:
        return len(self.x)

    def take(self, kept: np.ndarray) -> Stamps:
        """Some of them."""
        columns = self.x, self.y, self.values, self.variance, self.good
        return Stamps(*(each[kept] for each in columns))


def around(plane: np.ndarray, x: np.ndarray, y: np.ndarray, half: int, fill: Any) -> np.ndarray:
    """Boxes of 2 half + 1 pixels around pixels, copied; `fill` beyond the edges of the plane."""
    steps = np.arange(-half, half + 1)
    rows, columns = y[:, None] + steps, x[:, None] + steps
    inside = ((rows >= 0) & (rows < plane.shape[0]))[:, :, None]
    inside = inside & ((columns >= 0) & (columns < plane.shape[1]))[:, None, :]
    rows, columns = (
        np.clip(each, 0, length - 1)
        for each, length in zip((rows, columns), plane.shape, strict=True)
    )
    return np.where(inside, plane[rows[:, :, None], columns[:, None, :]], plane.dtype.type(fill))


def _ring(inner):
    return inner, inner + _RING


def cut_stamps(
    data: np.ndarray, variance: np.ndarray | float, good: np.ndarray, x: np.ndarray, y: np.ndarray
) -> Stamps:
    """Stamps around some pixels.

    Parameters
    ----------
    data : ndarray, shape (ny, nx)
    variance : ndarray of the same shape or float
    good : ndarray of bool
    x, y : ndarray of int
        Columns and rows.
    """
    shape = len(x), _SIDE, _SIDE
    values, spread, kept = np.empty(shape), np.empty(shape), np.empty(shape, bool)
    plane = variance if isinstance(variance, np.ndarray) else data
    planes = tuple(np.ascontiguousarray(each, np.float32) for each in (data, plane))
    _kernels().cut(planes, good, x, y, _ring(HALF - _RING), values, spread, kept)
    if not isinstance(variance, np.ndarray):
        spread = np.full(shape, float(variance))
    return Stamps(x, y, values, spread, kept)


def on_their_sky(stamps: Stamps, width: float) -> Stamps:
    """Stamps above the sky in a ring from three widths on: the same part of each star is lost."""
    values = stamps.values.copy()
    _kernels().lower(values, stamps.good, _ring(min(3 * width, HALF - _RING)))
    return replace(stamps, values=values)


def refilled(stamps: Stamps, x: np.ndarray, y: np.ndarray) -> Stamps:
    """Stamps whose bad pixels have the value on the other side of the centroids."""
    values = stamps.values.copy()
    _kernels().refill(values, stamps.good, x, y)
    return replace(stamps, values=values)


def centroids(
    stamps: Stamps, radius: float, width: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Windowed centroids.

    ::

        x <- x + f sum w I (x_i - x) / sum w I,   w = (1 - r^2 / R^2)^2

    until it stays. A Gaussian star of variance s^2 is f = 1 + s^2 / (R / 2)^2 times further from
    the middle of the window than its light within the window is.

    Parameters
    ----------
    stamps : Stamps
    radius : float
        R in pixels.
    width : float
        Full width at half maximum of the stars in pixels; with 0, f is 1: slow and sure.

    Returns
    -------
    x, y : ndarray of float64
        Pixels from the middle of the stamp; NaN where there is none within a third of the stamp.
    error : ndarray of float64
        Standard deviation of either from the noise, ``f sqrt(sum w^2 (x_i - x)^2 variance) /
        sum w I``.
    """
    factor = 1 + (2 * width / 2.35482 / radius) ** 2
    x, y, error = np.empty((3, len(stamps)))
    _kernels().centroids(stamps.values, stamps.variance, radius, factor, x, y, error)
    return x, y, error


def half_light(stamps: Stamps, x: np.ndarray, y: np.ndarray, reach: float) -> np.ndarray:
    """Diameter of the circle with half of a star's light, in pixels.

    It is the full width at half maximum of a Gaussian, and the size of a star that is a ring.

    Parameters
    ----------
    stamps : Stamps
    x, y : ndarray of float64
        Centroids.
    reach : float
        Pixels: the light further out is another's.
    """
    diameter = np.empty(len(stamps))
    _kernels().half_light(stamps.values, _NEAREST, x, y, min(reach, HALF - 1.0), diameter)
    return diameter


def shapes(stamps: Stamps, x: np.ndarray, y: np.ndarray, radius: float) -> np.ndarray:
    """Longest over shortest axis of each star, by its moments within a window of radius R.

    What the window takes from the moments is given back as for Gaussians: ``1 / star = 1 / seen -
    1 / window`` with the variances along each axis.
    """
    ratio = np.empty(len(stamps))
    _kernels().shapes(stamps.values, x, y, radius, ratio)
    return ratio


def fluxes(
    stamps: Stamps, x: np.ndarray, y: np.ndarray, radius: float
) -> tuple[np.ndarray, np.ndarray]:
    """Light within a circle, pixels on its edge by their share, and its standard deviation."""
    flux, error = np.empty((2, len(stamps)))
    _kernels().fluxes(stamps.values, stamps.variance, x, y, radius, flux, error)
    return flux, error
