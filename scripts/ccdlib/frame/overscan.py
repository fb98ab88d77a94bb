"""The bias level of each row, from the overscan."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..errors import CcdlibError
from ..statistics.robust import robust_sigma
from ..statistics.small_systems import inverse
from .noise import clipped_variance

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["QUANTISATION", "Level", "overscan_level"]

# the most rounds of rejecting rows; two or three are usual
_ROUNDS = 5
# standard deviation of the uniform error of rounding to whole adu
QUANTISATION = 1 / math.sqrt(12)
# with fewer pixels than this their noise is not measured
_FEWEST = 100
# block means are compared where there are at least this many blocks
_BLOCKS = 16
_METHODS = ("median", "mean", "polynomial")


class Level:
    """The bias level of each row.

    Attributes
    ----------
    values : ndarray, shape (rows,)
        float64, in the unit of the overscan.
    variance : ndarray, shape (rows,)
        Variance of `values`. The error of a row's level is shared by all its pixels, that of
        a polynomial by all rows.
    rejected : int
        Overscan pixels left out.
    measured : bool
        Whether there was an overscan; a level of zero may be measured too.
    mean_variance : float
        Variance of the mean of `values`.
    pixel_variance : float
        Variance of one of its pixels about the level; the read noise of this very frame.
    pixels : int
        How many pixels that was measured from; 0 where they were too few.
    """

    def __init__(
        self,
        values: np.ndarray,
        variance: np.ndarray,
        rejected: int,
        measured: bool = True,
        *,
        shared: float | None = None,
        noise: tuple[float, int] = (np.nan, 0),
    ) -> None:
        self.values, self.variance, self.rejected = values, variance, rejected
        self.measured = measured
        rows = len(values)
        self.mean_variance = float(np.sum(variance) / (rows * rows) if shared is None else shared)
        self.pixel_variance, self.pixels = noise

    @classmethod
    def none(cls, rows: int, level: float = 0.0) -> Level:
        """A known level, mostly zero, for an amplifier whose overscan is not subtracted."""
        return cls(np.full(rows, float(level)), np.zeros(rows), 0, measured=False)


def _robust_sigma(overscan):
    """Standard deviation of a pixel, from the differences of neighbours in a row.

    Not from the deviations from the rows' medians: of three pixels one is the median itself,
    so that a third of them are zero.
    """
    differences = np.diff(overscan, axis=1)
    finite = np.isfinite(differences)
    differences = differences.ravel() if finite.all() else differences[finite]
    if differences.size == 0:
        return QUANTISATION
    return max(robust_sigma(differences, 0) / math.sqrt(2), QUANTISATION)


def _medians(rows):
    """The median of each row's values that are not NaN, of which there is one at least."""
    # numpy's own medians of short rows take five times as long, and of NaN ten times
    ordered, known = np.sort(rows, axis=1), ~np.isnan(rows)
    if known.all():
        length = rows.shape[1]
        return (ordered[:, (length - 1) // 2] + ordered[:, length // 2]) / 2
    count = np.count_nonzero(known, axis=1)
    low, high = (
        np.take_along_axis(ordered, middle[:, None], axis=1)[:, 0]
        for middle in ((count - 1) // 2, count // 2)
    )
    return (low + high) / 2


def _good_pixels(overscan, clip):
    """Pixels that are finite and near their row's median; one wild pixel shifts no row."""
    finite = np.isfinite(overscan)
    # most strips have no such pixel, and rows are short: looking at each row takes longer
    whole = bool(finite.all())
    if not whole and not finite.any(axis=1).all():
        row = int(np.argmin(finite.any(axis=1)))
        raise CcdlibError(f"overscan row {row + 1} has no finite pixel")
    if clip == 0:
        return finite
    values = overscan if whole else np.where(finite, overscan, np.nan)
    medians = _medians(values)
    limit = clip * _robust_sigma(values)
    good = finite & (np.abs(overscan - medians[:, None]) <= limit)
    # half of the pixels are wild: the median lies between and all are far from it
    for wild in np.flatnonzero(~good.any(axis=1)):
        good[wild, np.nanargmin(np.abs(values[wild] - np.median(medians)))] = True
    return good


def _pixel_variance(kept, values, parameters):
    """Variance of a good pixel about the level, and how many pixels it was measured from.

    It is measured about the mean of each column: charge that trails out of the data is no noise.
    """
    residual = kept - values[:, None]
    good = np.isfinite(residual)
    count = good.sum(axis=0)
    residual -= np.where(good, residual, 0).sum(axis=0) / np.maximum(count, 1)
    freedom = int(good.sum() - parameters - np.count_nonzero(count))
    if freedom < _FEWEST:
        return np.nan, 0
    return clipped_variance(residual[good]) * good.sum() / freedom, freedom


def _shared_by_rows(residual, parameters):
    """Variance of the means of successive rows over the variance for independent rows.

    The largest excess over blocks of 2, 4, 8 ... rows that is beyond three of its errors; a
    slow drift that the polynomial does not follow moves whole blocks.
    """
    shared, length, variance = 1.0, 2, residual.var()
    while variance > 0 and residual.size >= _BLOCKS * length:
        blocks = residual.size // length
        means = residual[: blocks * length].reshape(blocks, length).mean(axis=1)
        ratio = means.var() * length / variance / (1 - min(parameters, blocks - 1) / blocks)
        if ratio > 1 + 3 * math.sqrt(2 / blocks):
            shared = max(shared, ratio)
        length *= 2
    return shared


def _polynomial(means, variances, degree, clip):
    """Legendre fit to the rows' means without odd rows; its variance and that of its mean."""
    rows = np.linspace(-1.0, 1.0, len(means))
    basis = np.polynomial.legendre.legvander(rows, min(degree, len(means) - 1))
    kept = np.ones(len(means), bool)
    for _ in range(_ROUNDS):
        weight = np.where(kept, 1.0 / variances, 0.0)
        # no matrix products: their last bits depend on threads and processor
        covariance = inverse(np.einsum("ni,n,nj->ij", basis, weight, basis))
        right = np.einsum("ni,n->i", basis, weight * means)
        fit = np.einsum("ni,ij,j->n", basis, covariance, right)
        residual = means - fit
        if clip == 0:
            break
        # charge trailed from a saturated star lifts whole rows of the overscan. Most rows may
        # be exactly alike: none is rejected that its own error explains
        spread = robust_sigma(residual[kept], 0)
        again = np.abs(residual) <= clip * np.maximum(spread, np.sqrt(variances))
        if again.sum() <= basis.shape[1] or (again == kept).all():
            break
        kept = again
    scatter = np.sum(weight * np.square(residual)) / max(kept.sum() - basis.shape[1], 1)
    covariance *= max(scatter, 1.0)
    covariance *= _shared_by_rows((residual / np.sqrt(variances))[kept], basis.shape[1])
    mean = basis.mean(axis=0)
    return (
        fit,
        np.einsum("ij,jk,ik->i", basis, covariance, basis),
        float(np.einsum("i,ij,j->", mean, covariance, mean)),
    )


def overscan_level(
    overscan: ArrayLike,
    method: str = "median",
    degree: int = 3,
    clip: float = 4.0,
    *,
    noise: bool = True,
) -> Level:
    """The bias level of each row.

    Parameters
    ----------
    overscan : array_like, shape (rows, columns)
        The overscan of one amplifier, any real dtype.
    method : {'median', 'mean', 'polynomial'}
        Median or mean of each row's pixels, or a Legendre polynomial along the rows fitted
        to their means.
    degree : int
        Degree of the polynomial.
    clip : float
        Pixels further than `clip` robust sigma (from the differences of neighbours) from
        their row's median are left out, and rows as far from the polynomial; 0 keeps all.
    noise : bool
        Whether `Level.pixel_variance` is measured.

    Returns
    -------
    Level
        With n good pixels of standard deviation s in a row the variance of its level is
        s^2/n for the mean; the median's is larger by `median_variance_ratio`. The
        polynomial's is that of its coefficients, of rows that scatter as they do and drift
        together as they do.

    Raises
    ------
    CcdlibError
        If the overscan is empty or a row has no finite pixel.
    """
    overscan = np.asarray(overscan, dtype=np.float64)
    if overscan.ndim != 2 or overscan.size == 0:
        raise CcdlibError(f"an overscan of shape {overscan.shape} has no pixels")
    if method not in _METHODS:
        raise CcdlibError(f"overscan method {method!r} is none of {', '.join(_METHODS)}")
    good = _good_pixels(overscan, clip)
    kept = np.where(good, overscan, np.nan)
    count = good.sum(axis=1)
    means = np.nanmean(kept, axis=1)
    squares = np.nansum(np.square(kept - means[:, None]))
    sigma2 = max(squares / max(good.sum() - len(count), 1), QUANTISATION * QUANTISATION)
    variance = sigma2 / count
    values, parameters, shared = means, len(means), None
    if method == "median":
        # only this method needs the compiled code: import it here
        from ..statistics.combine import median_variance_ratio

        ratios = {number: median_variance_ratio(number) for number in np.unique(count).tolist()}
        variance = variance * [ratios[number] for number in count.tolist()]
        values = _medians(kept)
    elif method == "polynomial":
        values, variance, shared = _polynomial(means, variance, degree, clip)
        parameters = min(degree + 1, len(means))
    measured = _pixel_variance(kept, values, parameters) if noise else (np.nan, 0)
    rejected = int(overscan.size - good.sum())
    return Level(values, variance, rejected, shared=shared, noise=measured)
