"""Sigma of a sum of a stack's pixels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from .footprints import disc

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["factors_at", "sigma_of_sum", "sigma_on_sky"]


def factors_at(table: np.ndarray, radius: float) -> tuple[float, float]:
    """What the sums of own and of shared variances are multiplied by.

    Parameters
    ----------
    table : structured ndarray
        RADIUS, OWN and SHARED of a stack; between its radii they are interpolated, beyond the
        last one they are that of the last.
    radius : float
    """
    own, shared = (np.interp(radius, table["RADIUS"], table[name]) for name in ("OWN", "SHARED"))
    return float(own), float(shared)


def sigma_on_sky(
    variance: float, shared: float, factors: tuple[float, float], radius: float
) -> float:
    """Sigma of the sum of the pixels within a radius where all are alike.

    Parameters
    ----------
    variance, shared : float
        Of a pixel, as `sigma_of_sum` has them.
    factors : (float, float)
        From `factors_at`.
    radius : float
    """
    pixels, square = disc(0.0, 0.0, radius)[0].size, shared * shared
    return math.sqrt(pixels * (factors[0] * (variance - square) + factors[1] * square))


def sigma_of_sum(
    variance: np.ndarray,
    shared: np.ndarray,
    use: np.ndarray,
    factors: tuple[float, float],
    radius: float,
    x: ArrayLike,
    y: ArrayLike,
) -> np.ndarray:
    """Sigma of the sums of the pixels within a radius of some points.

    Parameters
    ----------
    variance, shared : ndarray, shape (ny, nx)
        Of each pixel: variance, and the part of sigma that its lights share.
    use : ndarray of bool
        Pixels that are added up.
    factors : (float, float)
        From `factors_at`.
    radius : float
    x, y : array_like, shape (n,)
        Columns and rows from 0 at the middle of the first pixel.

    Returns
    -------
    ndarray of float64, shape (n,)
        NaN where no pixel of the aperture is used.
    """
    ny, nx = variance.shape
    columns, rows = disc(0.0, 0.0, radius)
    at_x = np.rint(np.atleast_1d(x))[:, None].astype(np.intp) + columns.astype(np.intp)
    at_y = np.rint(np.atleast_1d(y))[:, None].astype(np.intp) + rows.astype(np.intp)
    inside = (at_x >= 0) & (at_x < nx) & (at_y >= 0) & (at_y < ny)
    at_x, at_y = np.clip(at_x, 0, nx - 1), np.clip(at_y, 0, ny - 1)
    inside &= use[at_y, at_x]
    square = np.square(shared[at_y, at_x].astype(float))
    own = np.where(inside, variance[at_y, at_x] - square, 0.0).sum(axis=1)
    common = np.where(inside, square, 0.0).sum(axis=1)
    found = np.sqrt(factors[0] * own + factors[1] * common)
    return np.where(inside.any(axis=1), found, np.nan)
