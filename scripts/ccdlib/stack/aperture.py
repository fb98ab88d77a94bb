"""Sigma of a sum of a stack's pixels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["RADII", "disc", "factor_of", "sigma_of_sum", "sigma_on_sky"]

# of the apertures for which the factors are tabulated, pixels
RADII = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 15.0, 20.0)
# places whose pixels are looked at together
_BATCH = 256


def disc(x: float, y: float, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Pixels no further than a radius from the pixel that a point lies in."""
    reach = int(np.ceil(radius))
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    inside = rows * rows + columns * columns <= radius * radius
    return columns[inside] + np.rint(x), rows[inside] + np.rint(y)


def factor_of(kernel: np.ndarray, radius: float) -> float:
    """Variance of a sum of like pixels in an aperture over the sum of their variances.

    Parameters
    ----------
    kernel : ndarray, shape (odd, odd)
        Correlation of a pixel with those around it; beyond it there is none.
    radius : float
    """
    columns, rows = (each.astype(int) for each in disc(0.0, 0.0, radius))
    inside = np.zeros((2 * rows.max() + 1, 2 * columns.max() + 1))
    inside[rows, columns] = 1.0
    own, shape = _as_large_as(kernel, inside.shape)
    # pairs of pixels that are so far apart: whole numbers, so that no bit depends on the processor
    pairs = np.rint(np.fft.irfft2(np.abs(np.fft.rfft2(inside, shape)) ** 2, shape))
    return float((own * pairs).sum() / rows.size)


def _as_large_as(kernel, shape):
    """A kernel for images of a shape, its middle in the first pixel, and its own shape."""
    found = np.zeros([2 * length - 1 for length in shape])
    reach = [min(length // 2, side - 1) for length, side in zip(kernel.shape, shape, strict=True)]
    y, x = (np.arange(-far, far + 1) for far in reach)
    middle = [length // 2 for length in kernel.shape]
    # negative ones are counted from the end
    found[np.ix_(y, x)] = kernel[np.ix_(y + middle[0], x + middle[1])]
    return found, found.shape


def sigma_on_sky(
    variance: float, shared: float, kernels: tuple[np.ndarray, np.ndarray], radius: float
) -> float:
    """Sigma of the sum of the pixels within a radius where all are alike.

    Parameters
    ----------
    variance, shared : float
        Of a pixel, as `sigma_of_sum` has them.
    kernels : (ndarray, ndarray)
        Correlations of own and of shared noise.
    radius : float
    """
    pixels, square = disc(0.0, 0.0, radius)[0].size, shared * shared
    own, common = (factor_of(kernel, radius) for kernel in kernels)
    return math.sqrt(pixels * (own * (variance - square) + common * square))


def sigma_of_sum(
    variance: np.ndarray,
    shared: np.ndarray,
    use: np.ndarray,
    kernels: tuple[np.ndarray, np.ndarray],
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
    kernels : (ndarray, ndarray), each of shape (odd, odd)
        Correlations of own and of shared noise of a pixel with those around it.
    radius : float
    x, y : array_like, shape (n,)
        Columns and rows from 0 at the middle of the first pixel.

    Returns
    -------
    ndarray of float64, shape (n,)
        The root of the sum over all pairs of pixels p, q of ``s_p s_q kernel(p - q)``, of own and
        of shared noise; NaN where no pixel of the aperture is used.
    """
    columns, rows = (np.rint(np.atleast_1d(each)).astype(np.intp) for each in (x, y))
    parts = [
        _variances(variance, shared, use, kernels, radius, columns[some], rows[some])
        for some in (slice(first, first + _BATCH) for first in range(0, rows.size, _BATCH))
    ]
    return np.sqrt(np.concatenate(parts)) if parts else np.empty(0)


def _variances(variance, shared, use, kernels, radius, x, y):
    """The squares of `sigma_of_sum` at a few pixels."""
    ny, nx = variance.shape
    reach = math.ceil(radius)
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    at_x, at_y = x[:, None, None] + columns, y[:, None, None] + rows
    inside = (at_x >= 0) & (at_x < nx) & (at_y >= 0) & (at_y < ny)
    at = np.clip(at_y, 0, ny - 1), np.clip(at_x, 0, nx - 1)
    inside &= use[at] & (rows * rows + columns * columns <= radius * radius)
    common = np.where(inside, shared[at].astype(float), 0.0)
    # planes of single precision: a little below zero where a pixel has no noise of its own
    own = np.sqrt(np.maximum(np.where(inside, variance[at], 0.0) - common * common, 0.0))
    found = sum(map(_summed, (own, common), kernels))
    return np.where(inside.any(axis=(1, 2)), found, np.nan)


def _summed(sigma, kernel):
    """Variances of the sums of images of sigmas, shape (n, side, side)."""
    own, shape = _as_large_as(kernel, sigma.shape[1:])
    power = np.abs(np.fft.fft2(sigma, shape, axes=(1, 2))) ** 2
    return (power * np.fft.fft2(own).real).sum(axis=(1, 2)) / own.size
