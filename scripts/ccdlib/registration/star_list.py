"""The stars of an image: where they are, how bright and how wide."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np

from ..errors import CcdlibError
from ..statistics.robust import median, robust_sigma
from .sky import above_sky, block_mean
from .stamps import (
    HALF,
    Stamps,
    around,
    centroids,
    cut_stamps,
    fluxes,
    half_light,
    on_their_sky,
    refilled,
    shapes,
)

__all__ = ["StarList", "find_stars"]

# standard deviations of the smoothed image above the sky
_THRESHOLD = 5.0
# pixels: of each block of this side the brightest one is looked at
_BLOCK = 6
# of the brightest of a star's neighbours, against its peak
_ALONE = 0.1
# binning until stars are no wider than this many pixels; wider than that they may be rings
_BINNINGS = 1, 2, 4, 8
_WIDEST, _TOO_WIDE = 4.0, 8.0
# pixels: the first look; a window that is not twice as wide as a ring is drawn onto it
_LOOK = 8.0
# of the widths of bright stars: neighbours and nebulae make them wider, few things narrower
_QUANTILE = 0.25
# widths from the middle that a star's light reaches
_REACH = 2.5
_SIZED = 40
_SAMPLE = 50_000
# pixels: half the light of any star is in a circle of this diameter at least
_NARROWEST = 1.4


@dataclass(frozen=True)
class StarList:
    """Stars, the brightest first; each attribute is an ndarray of float64, shape (n,).

    Attributes
    ----------
    x, y : ndarray
        Column and row in pixels; 0 is the middle of the first pixel (FITS counts from 1).
    error : ndarray
        Standard deviation of x and of y, in pixels, from the noise.
    flux, flux_error : ndarray
        Light within a circle of 1.5 times the usual width, in the unit of the image.
    fwhm : ndarray
        Width in pixels: diameter of the circle with half the light.
    elongation : ndarray
        Longest over shortest axis; NaN where it could not be measured.
    """

    x: np.ndarray
    y: np.ndarray
    error: np.ndarray
    flux: np.ndarray
    flux_error: np.ndarray
    fwhm: np.ndarray
    elongation: np.ndarray

    def __len__(self) -> int:
        return len(self.x)

    def take(self, kept: np.ndarray | slice) -> StarList:
        """Some of them, by number, by truth or a run of them."""
        return StarList(*(getattr(self, field.name)[kept] for field in fields(self)))


def _empty():
    return StarList(*(np.empty(0) for _ in fields(StarList)))


def _peaks(left, good):
    """Columns and rows of the brightest pixels of their surroundings, brightest first."""
    from . import star_kernels

    smooth = np.empty_like(left)
    star_kernels.smooth(left, smooth)
    step = max(smooth.size // _SAMPLE, 1) | 1
    sample = smooth.ravel()[::step][good.ravel()[::step]]
    # half of the stars' own light is above the median, none of it below
    middle = float(median(sample))
    noise = robust_sigma(sample[sample <= middle], middle)
    if not noise > 0:
        return np.empty(0, np.intp), np.empty(0, np.intp)
    blocks = [-(-length // _BLOCK) for length in smooth.shape]
    x, y = np.empty((2, math.prod(blocks)), np.intp)
    least = middle + _THRESHOLD * noise
    number = star_kernels.brightest(smooth, _BLOCK, least, x, y)
    x, y = x[:number], y[:number]
    highest = smooth[y, x] >= around(smooth, x, y, 2, -np.inf).max(axis=(1, 2))
    x, y = x[highest], y[highest]
    order = np.argsort(-smooth[y, x], kind="stable")
    return x[order], y[order]


def _not_alone(left, good, x, y):
    """Which peaks have light beside their brightest pixel; a hot pixel or a hit has none."""
    values, kept = around(left, x, y, 2, 0), around(good, x, y, 2, False)
    core = values[:, 1:4, 1:4].reshape(-1, 9)
    rows = np.arange(len(x))
    brightest = core.argmax(axis=1)
    row, column = 1 + brightest // 3, 1 + brightest % 3
    beside, number = np.zeros(len(x)), np.zeros(len(x))
    for dy, dx in ((-1, 0), (1, 0), (0, -1), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1)):
        fine = kept[rows, row + dy, column + dx]
        beside += np.where(fine, values[rows, row + dy, column + dx], 0)
        number += fine
    whole = kept[:, 1:4, 1:4].all(axis=(1, 2))
    return whole & (beside > _ALONE * core[rows, brightest] * np.maximum(number, 1))


def _apart(x, y):
    """The places but those that a brighter one has come to as well."""
    near = (np.abs(x[:, None] - x) < 2) & (np.abs(y[:, None] - y) < 2)
    kept = np.zeros(len(x), bool)
    for number, beside in enumerate(near):
        kept[number] = not (beside & kept).any()
    return np.flatnonzero(kept)


def _usual_width(stamps):
    """How wide most stars are, in pixels; None without any."""
    x, y, _ = centroids(stamps, _LOOK, 0.0)
    found = np.isfinite(x)
    stamps, x, y = stamps.take(found), x[found], y[found]
    width = float(HALF)
    # as far as stars reach, so that neighbours count less each time
    for _ in range(3):
        sizes = half_light(on_their_sky(stamps, width), x, y, _REACH * width)
        sizes = sizes[sizes >= _NARROWEST]
        if not sizes.size:
            return None
        width = float(np.quantile(sizes, _QUANTILE))
    return width


def _measured(stamps: Stamps, limit: int) -> StarList:
    """The stars of some stamps, places in the pixels that the stamps are of."""
    width = _usual_width(stamps.take(np.arange(min(len(stamps), _SIZED))))
    if width is None:
        return _empty()
    radius = min(width + 0.5, HALF - 1.0)
    stamps = on_their_sky(stamps, width)
    for _ in range(2):
        x, y, _ = centroids(stamps, radius, width)
        found = np.isfinite(x)
        stamps = refilled(stamps.take(found), x[found], y[found])
    x, y, error = centroids(stamps, radius, width)
    found = np.flatnonzero(np.isfinite(x) & np.isfinite(error))
    stamps, x, y, error = stamps.take(found), x[found], y[found], error[found]
    flux, flux_error = fluxes(stamps, x, y, min(1.5 * width, HALF - 2.0))
    fwhm = half_light(stamps, x, y, _REACH * width)
    elongation = shapes(stamps, x, y, radius * 1.5)
    stars = StarList(stamps.x + x, stamps.y + y, error, flux, flux_error, fwhm, elongation)
    stars = stars.take((fwhm >= _NARROWEST) & (flux > 0))
    stars = stars.take(np.argsort(-stars.flux, kind="stable"))
    return stars.take(_apart(stars.x, stars.y)[:limit])


def _binned(stars, side):
    """A list of a binned image, in the pixels of the whole one."""
    if side == 1:
        return stars
    half = (side - 1) / 2
    # the variance of a wider pixel, as that of a Gaussian's width
    narrower = np.square(stars.fwhm * side) - 8 * np.log(2) * (side**2 - 1) / 12
    return StarList(
        stars.x * side + half,
        stars.y * side + half,
        stars.error * side,
        stars.flux * side**2,
        stars.flux_error * side**2,
        np.sqrt(np.maximum(narrower, 0)),
        stars.elongation,
    )


def _at(left, variance, good, side, limit):
    """The stars of an image that is binned first."""
    if side > 1:
        if isinstance(variance, np.ndarray):
            variance = block_mean(variance, good, side)[0]
        variance = variance / side**2
        left, good = block_mean(left, good, side)
    x, y = _peaks(left, good)
    if not x.size:
        return _empty()
    some = slice(0, 6 * limit)
    x, y = x[some], y[some]
    kept = _not_alone(left, good, x, y)
    x, y = x[kept][: 2 * limit], y[kept][: 2 * limit]
    return _measured(cut_stamps(left, variance, good, x, y), limit)


def find_stars(
    image: np.ndarray,
    sigma: np.ndarray | float | None = None,
    dq: np.ndarray | None = None,
    *,
    limit: int = 200,
) -> StarList:
    """Find the brightest stars of an image and measure them.

    Hot pixels and hits are none: what has no light beside its brightest pixel, or half of it in a
    circle of less than 1.4 pixels; nor is what stands on flagged pixels.
    Where stars are wider than 4 pixels, out of focus say, they are looked for and measured in the
    image binned by 2, 4 or 8.

    Parameters
    ----------
    image : ndarray, shape (ny, nx)
    sigma : ndarray of the same shape, float or None
        Standard deviation of each pixel; None: what the pixels scatter.
    dq : ndarray or None
        Pixels that are not 0 are not used.
    limit : int
        How many are wanted.

    Returns
    -------
    StarList
        Empty when there is none.

    Raises
    ------
    CcdlibError
        If `sigma` or `dq` is of another shape than the image, or the image has not two axes.

    Examples
    --------
    >>> import numpy as np
    >>> from ccdlib import find_stars
    >>> y, x = np.mgrid[:64, :64]
    >>> image = 100 + 500 * np.exp(-((x - 30.2) ** 2 + (y - 20.5) ** 2) / 5)
    >>> stars = find_stars(image + np.random.default_rng(1).normal(0, 1, (64, 64)))
    >>> [round(float(each[0]), 1) for each in (stars.x, stars.y)]
    [30.2, 20.5]
    """
    image = np.asarray(image)
    if image.ndim != 2:
        raise CcdlibError(f"an image has two axes, this one has the shape {image.shape}")
    for name, plane in (("sigma", sigma), ("dq", dq)):
        if plane is not None and np.ndim(plane) and np.shape(plane) != image.shape:
            raise CcdlibError(f"{name} has the shape {np.shape(plane)}, the image {image.shape}")
    good = np.isfinite(image)
    if dq is not None:
        good &= np.asarray(dq) == 0
    if not good.any() or min(image.shape) <= 2 * HALF:
        return _empty()
    left = above_sky(image, good)
    variance = _variance(sigma, left, good)
    stars, width = _empty(), np.inf
    for side in _BINNINGS:
        found = _binned(_at(left, variance, good, side, limit), side)
        # few stars are lost by binning, unless they were pieces of rings
        if len(found) < len(stars) / 2 and width <= _TOO_WIDE * side / 2:
            break
        if len(found):
            stars, width = found, np.quantile(found.fwhm[:_SIZED], _QUANTILE)
        if width <= _WIDEST * side:
            break
    return stars


def _variance(sigma, left, good):
    if sigma is None:
        step = max(left.size // _SAMPLE, 1) | 1
        return robust_sigma(left.ravel()[::step][good.ravel()[::step]]) ** 2
    return np.square(np.asarray(sigma, np.float32)) if np.ndim(sigma) else float(sigma) ** 2
