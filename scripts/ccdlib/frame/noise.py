"""The noise model: what one standard deviation of a pixel is, and why.

After the pedestal is gone the variance of a pixel in adu is

    signal / gain + (read_noise / gain)^2 + 1/12

with the *expected* signal. The pixel's own value is the wrong estimate of it: it makes low
values look precise and high ones uncertain, so that (value - truth) / sigma is biased.
docs/noise.md derives the terms.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

import numpy as np

from ..errors import CcdlibError
from ..statistics.robust import median
from ..statistics.small_systems import orthonormal

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from .image import Map

__all__ = [
    "DIGITISATION",
    "MARGIN",
    "clipped_variance",
    "compile_kernels",
    "excess_variance",
    "expected_signal",
    "master_variance",
    "near_median",
    "photon_variance",
]

# variance of rounding to whole adu
DIGITISATION = 1 / 12

# rows and columns around a pixel that its expected signal is made from
MARGIN = 2

# [sigma] beyond this a pixel does not follow its neighbours
_DISAGREES = 4.0
# [sigma] beyond this from the neighbours' median a neighbour is an outlier
_OUTLIER = 3.0
# scatter of the neighbours over their noise, as variances; beyond this they hold structure.
# With 24 neighbours chance exceeds it in one pixel of 10 000
_STRUCTURE = 2.5
# [electron^2] above this variance a pixel's own value is good enough: it biases the mean pull by
# -1 / (2 sqrt(variance)) = -0.005
_BRIGHT = 10_000.0
_CENTER = 12
# [standard deviations] where `near_median` clips
_CLIP = 5.0
# an excess is significant beyond this many standard errors
_SURE = 4.0


def near_median(values: np.ndarray, clip: float = _CLIP) -> np.ndarray:
    """Which values remain when they are clipped about the median until nothing changes.

    Not by the MAD, which for data in whole adu moves in steps of half an adu.
    """
    near = np.ones(values.size, bool)
    while near.sum() > 1:
        kept = values[near]
        again = near & (np.abs(values - median(kept)) <= clip * kept.std(ddof=1))
        if again.sum() == near.sum():
            return near
        near = again
    raise CcdlibError("no pixels are left to measure a variance from")


def clipped_variance(values: ArrayLike, clip: float = _CLIP) -> float:
    """Variance without outliers: clipped about the median until nothing changes."""
    values = np.asarray(values, np.float64).ravel()
    return float(values[near_median(values, clip)].var(ddof=1))


@functools.cache
def _surface(reach):
    """The quadratic surface through the neighbours of a pixel, the pixel itself left out.

    Least squares of 1, x, y, x^2, xy, y^2 through all pixels within `reach` of the center.

    Returns
    -------
    basis : ndarray, shape (n, 6)
        Orthonormal, of the surfaces in the n pixels.
    center : ndarray, shape (6,)
        The same surfaces in the center.
    used : ndarray of bool, shape (25,)
        Which pixels these are.
    """
    y, x = np.mgrid[-2:3, -2:3].reshape(2, -1)
    used = (np.maximum(np.abs(x), np.abs(y)) <= reach) & ((x != 0) | (y != 0))
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)
    basis = orthonormal(terms, used)
    return basis[used], basis[_CENTER], used


def _variance(signal, gain, read_variance):
    """Variance of one value; a signal that chance made negative leaves half of read_variance."""
    return np.maximum(signal / gain, -read_variance / 2) + read_variance


def compile_kernels() -> None:
    """Compile what `expected_signal` uses, and fill the cache on disk with it."""
    data = np.zeros((5, 5), np.float32)
    expected_signal(data, data == 0, np.float32(1), data)


@functools.cache
def _constants():
    """What the kernel is given besides the image: surfaces and limits."""
    from . import noise_kernels as kernels

    surfaces = []
    for reach in (2, 1):
        basis, center, used = _surface(reach)
        surfaces.append(kernels.Surface(basis, center, used, float(np.square(center).sum())))
    numbers = (np.float32(each) for each in (_DISAGREES, _OUTLIER, _STRUCTURE, _BRIGHT))
    return tuple(surfaces), kernels.Limits(*numbers)


def _as_plane(value):
    """A map as the kernel takes it: one number stands for all pixels."""
    plane = np.asarray(value, np.float32)
    return np.ascontiguousarray(plane.reshape(1, 1) if plane.ndim == 0 else plane)


def expected_signal(
    data: np.ndarray, good: np.ndarray, gain: Map, read_variance: Map
) -> np.ndarray:
    """The signal that a pixel was expected to have, an estimate without its own noise.

    The mean of the 24 neighbours where these scatter no more than their noise and the pixel
    agrees with them within 4 sigma. Elsewhere (near stars, hot pixels and cosmic rays) what
    `noise_kernels.among_structure` finds, and for bright pixels, whose noise is small against
    them, their own value.

    Parameters
    ----------
    data : ndarray, shape (ny, nx)
        adu above the pedestal.
    good : ndarray of bool
        Pixels that may speak for their neighbours.
    gain : float or ndarray
        Electrons per adu.
    read_variance : float or ndarray
        (read_noise / gain)^2 + 1/12, adu^2.

    Returns
    -------
    ndarray of float32
        adu. Where chance makes the neighbours' mean negative it is left so, or the variance
        of an empty frame would be too large on average; below three standard errors it is 0.
    """
    from .noise_kernels import expected_rows

    signal = np.empty(data.shape, np.float32)
    expected_rows(
        np.ascontiguousarray(data, np.float32),
        np.ascontiguousarray(good),
        _as_plane(gain),
        _as_plane(read_variance),
        *_constants(),
        signal,
    )
    return signal


def excess_variance(own: float, pixels: int, usual: float) -> float:
    """Noise that a frame's overscan shows beyond the usual, such as pickup.

    Parameters
    ----------
    own : float
        Variance of a pixel of this frame's overscan, adu^2.
    pixels : int
        How many pixels `own` was measured from; its standard error is ``own sqrt(2 / pixels)``.
    usual : float
        The variance expected there, adu^2.

    Returns
    -------
    float
        ``own - usual`` where that is more than four standard errors, else 0.
    """
    if pixels == 0 or own - usual <= _SURE * own * math.sqrt(2 / pixels):
        return 0.0
    return own - usual


def photon_variance(signal: Map, gain: Map, read_variance: Map) -> np.ndarray:
    """signal / gain + read_variance, float32, adu^2; never below half of read_variance."""
    return np.asarray(_variance(signal, gain, read_variance), dtype=np.float32)


def master_variance(
    model: np.ndarray, scatter: np.ndarray, count: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Variance of a master: the noise model's, unless the frames scatter far more than it.

    With a handful of frames the scatter of one pixel is too rough to quote (with three its
    own relative error is 100 %), while the model is smooth; but the model knows nothing of
    a pixel that flickers.

    Parameters
    ----------
    model, scatter : ndarray
        Variance of the combined value from the noise model and from the frames.
    count : ndarray of int
        Frames used in each pixel.

    Returns
    -------
    variance : ndarray of float32
    unstable : ndarray of bool
        Where the scatter won: it exceeds the model by more than chance allows in one pixel
        of a million (Wilson and Hilferty's approximation of chi-square).
    """
    # once for each number of frames
    freedom = np.maximum(np.arange(int(count.max(initial=0)) + 1, dtype=np.float32) - 1, 1)
    root = 1 - 2 / (9 * freedom) + 4.75 * np.sqrt(2 / (9 * freedom))
    limit = (root * root * root)[count]
    unstable = (count > 1) & (scatter > limit * model)
    return np.where(unstable, scatter, model).astype(np.float32), unstable
