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
_ROUNDS = 40
_CLOSE = 1e-4
_OFFSETS = np.arange(-HALF, HALF + 1, dtype=np.float64)


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

    def core(self, reach: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Values, variances and offsets of the part within a reach of where centroids may lie."""
        cut = max(int(HALF - HALF / 3 - reach), 0)
        part = slice(cut, _SIDE - cut)
        return self.values[:, part, part], self.variance[:, part, part], _OFFSETS[part]


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


def _ring(values, good, inner):
    """Median of the good pixels of a ring that is three pixels wide, 0 without any."""
    distance = np.hypot(_OFFSETS[:, None], _OFFSETS)
    ring = (distance >= inner) & (distance <= inner + _RING)
    values = np.where(good[:, ring], values[:, ring], np.inf)
    values.sort(axis=1)
    number = good[:, ring].sum(axis=1)
    rows = np.arange(len(values))
    low, high = np.maximum(number - 1, 0) // 2, np.minimum(number // 2, ring.sum() - 1)
    middle = (values[rows, low] + values[rows, high]) / 2
    return np.where(number > 0, middle, 0)


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
    kept = around(good, x, y, HALF, False)
    values = around(data, x, y, HALF, 0).astype(np.float64)
    if isinstance(variance, np.ndarray):
        spread = around(variance, x, y, HALF, 0).astype(np.float64)
    else:
        spread = np.full(values.shape, float(variance))
    values -= _ring(values, kept, HALF - _RING)[:, None, None]
    # where both sides are bad there is nothing
    other = np.where(kept[:, ::-1, ::-1], values[:, ::-1, ::-1], 0)
    values = np.where(kept, values, other)
    spread = np.where(kept, spread, spread[:, ::-1, ::-1])
    return Stamps(x, y, values, np.where(np.isfinite(spread), spread, 0), kept)


def _weights(dx, dy, radius):
    """(1 - r^2 / R^2)^2 within R: near a Gaussian of sigma R / 2, of products alone."""
    share = 1 - (np.square(dy)[:, :, None] + np.square(dx)[:, None, :]) / radius**2
    np.maximum(share, 0, out=share)
    return share * share


def on_their_sky(stamps: Stamps, width: float) -> Stamps:
    """Stamps above the sky in a ring from three widths on: the same part of each star is lost."""
    level = _ring(stamps.values, stamps.good, min(3 * width, HALF - _RING))
    return replace(stamps, values=stamps.values - level[:, None, None])


def refilled(stamps: Stamps, x: np.ndarray, y: np.ndarray) -> Stamps:
    """Stamps whose bad pixels have the value on the other side of the centroids."""
    k, j, i = np.nonzero(~stamps.good)
    across, up = (
        np.clip(2 * (middle[k] + HALF) - place, 0, _SIDE - 1.001)
        for middle, place in ((x, i), (y, j))
    )
    column, row = across.astype(int), up.astype(int)
    right, above = across - column, up - row
    below = stamps.values[k, row, column] * (1 - right)
    below += stamps.values[k, row, column + 1] * right
    over = stamps.values[k, row + 1, column] * (1 - right)
    over += stamps.values[k, row + 1, column + 1] * right
    values = stamps.values.copy()
    values[k, j, i] = below * (1 - above) + over * above
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
    x, y = np.zeros(len(stamps)), np.zeros(len(stamps))
    all_values, variance, offsets = stamps.core(radius)
    left = np.arange(len(stamps))
    total = np.ones(len(stamps))
    for _ in range(_ROUNDS):
        values = all_values[left]
        dx, dy = offsets - x[left, None], offsets - y[left, None]
        weighted = _weights(dx, dy, radius) * values
        total[left] = weighted.sum(axis=(1, 2))
        with np.errstate(divide="ignore", invalid="ignore"):
            move_x = factor * (weighted.sum(axis=1) * dx).sum(axis=1) / total[left]
            move_y = factor * (weighted.sum(axis=2) * dy).sum(axis=1) / total[left]
        x[left] += move_x
        y[left] += move_y
        lost = ~((np.hypot(x[left], y[left]) < HALF / 3) & (total[left] > 0))
        x[left[lost]] = y[left[lost]] = np.nan
        left = left[~lost & (np.maximum(abs(move_x), abs(move_y)) > _CLOSE)]
        if not left.size:
            break
    x[left] = y[left] = np.nan
    dx, dy = offsets - x[:, None], offsets - y[:, None]
    power = np.square(_weights(dx, dy, radius)) * variance
    moment = (power.sum(axis=1) * np.square(dx)).sum(axis=1)
    moment += (power.sum(axis=2) * np.square(dy)).sum(axis=1)
    return x, y, factor * np.sqrt(moment / 2) / total


def _radii(offsets, x, y):
    return np.sqrt(
        np.square(offsets[:, None] - y[:, None, None]) + np.square(offsets - x[:, None, None])
    )


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
    reach = min(reach, HALF - 1.0)
    values, _, offsets = stamps.core(reach)
    distance = _radii(offsets, x, y).reshape(len(x), offsets.size**2)
    order = np.argsort(distance, axis=1, kind="stable")
    light = np.take_along_axis(values.reshape(distance.shape), order, axis=1).cumsum(axis=1)
    # the light within n pixels around a place is that of a circle of their area
    within = int(np.pi * reach**2)
    whole = light[:, within]
    number = np.argmax(light[:, : within + 1] >= whole[:, None] / 2, axis=1)
    rows = np.arange(len(x))
    high, low = light[rows, number], np.where(number, light[rows, np.maximum(number - 1, 0)], 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        pixels = number + (whole / 2 - low) / (high - low)
    return np.where(whole > 0, 2 * np.sqrt(np.maximum(pixels, 0) / np.pi), np.nan)


def shapes(stamps: Stamps, x: np.ndarray, y: np.ndarray, radius: float) -> np.ndarray:
    """Longest over shortest axis of each star, by its moments within a window of radius R.

    What the window takes from the moments is given back as for Gaussians: ``1 / star = 1 / seen -
    1 / window`` with the variances along each axis.
    """
    values, _, offsets = stamps.core(radius)
    dx, dy = offsets - x[:, None], offsets - y[:, None]
    weighted = _weights(dx, dy, radius) * values
    total = weighted.sum(axis=(1, 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        xx = (weighted.sum(axis=1) * np.square(dx)).sum(axis=1) / total
        yy = (weighted.sum(axis=2) * np.square(dy)).sum(axis=1) / total
        xy = (weighted * dy[:, :, None] * dx[:, None, :]).sum(axis=(1, 2)) / total
        root = np.sqrt(np.square(xx - yy) / 4 + xy * xy)
        window = radius * radius / 4
        long, short = (xx + yy) / 2 + root, (xx + yy) / 2 - root
        ratio = (1 / short - 1 / window) / (1 / long - 1 / window)
        found = np.sqrt(ratio)
    return np.where((short > 0) & (long < window), found, np.nan)


def fluxes(
    stamps: Stamps, x: np.ndarray, y: np.ndarray, radius: float
) -> tuple[np.ndarray, np.ndarray]:
    """Light within a circle, pixels on its edge by their share, and its standard deviation."""
    values, variance, offsets = stamps.core(radius + 0.5)
    share = np.clip(radius + 0.5 - _radii(offsets, x, y), 0, 1)
    flux = (share * values).sum(axis=(1, 2))
    return flux, np.sqrt((np.square(share) * variance).sum(axis=(1, 2)))
