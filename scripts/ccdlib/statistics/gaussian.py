"""Gaussians whose last bits depend on no processor: nothing but sums, products and quotients.

The exponential functions of C libraries and of numpy have other code for other processors.
"""

from __future__ import annotations

import numpy as np

__all__ = ["blurred", "decay", "kernel"]

# exp(-x) is exp(-x / 2^10) to the power of 2^10; beyond the largest x it is nothing
_SQUARINGS, _LARGEST, _TERMS = 10, 60.0, 9
# sigmas at which a kernel ends
_REACH = 4.0


def decay(x: np.ndarray) -> np.ndarray:
    """exp(-x) to 1e-11 of its value, for x from 0 to 60; that of 60 beyond.

    Parameters
    ----------
    x : ndarray of float64
    """
    small = np.minimum(x, _LARGEST) / 1024.0
    found = np.ones_like(small)
    for term in range(_TERMS, 0, -1):
        found = 1.0 - small * found / term
    for _ in range(_SQUARINGS):
        found = found * found
    return found


def kernel(width: float, reach: float = _REACH) -> np.ndarray:
    """The values of a Gaussian at whole pixels, of sum 1.

    Parameters
    ----------
    width : float
        Standard deviation, pixels.
    reach : float
        Sigmas at which it ends.
    """
    end = int(reach * width + 0.5)
    places = np.arange(-end, end + 1, dtype=float)
    values = decay(places * places / (2.0 * width * width))
    return values / values.sum()


def blurred(plane: np.ndarray, width: float, reach: float = _REACH) -> np.ndarray:
    """A plane of float32 after a Gaussian along both axes; 0 beyond its edges.

    Parameters
    ----------
    plane : ndarray of float32, shape (ny, nx)
    width, reach : float
        See `kernel`.
    """
    from scipy.ndimage import correlate1d

    weights = kernel(width, reach)
    return correlate1d(correlate1d(plane, weights, 0, mode="constant"), weights, 1, mode="constant")
