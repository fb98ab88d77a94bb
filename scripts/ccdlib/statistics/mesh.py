"""A mesh of blocks over an image: levels of the sky in them, and a smooth surface through them.

What varies over many pixels is known from few numbers. The surface is as smooth as its noise asks
for: the width of the kernel is that of the least estimated error (Stein 1981, Annals of Statistics
9, 1135), and the local fit is of planes (Cleveland 1979, JASA 74, 829), so that gradients go on to
the edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .gaussian import decay

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["WIDTHS", "Levels", "Smooth", "block_levels", "cells", "smoothed", "surface"]

# blocks along the longer side of an image, and the fewest pixels on a side of one
_BLOCKS, _FEWEST_PIXELS = 32, 16
# sigmas beyond which a pixel is not of the sky, and how often that is looked at
_CLIP, _ROUNDS = 3.0, 5
# sigmas between the quartiles of a normal distribution
_QUARTILES = 1.349
# of a block's pixels, so many must be left
_LEAST_FRACTION = 0.2
# widths of the kernel that are tried, in blocks
WIDTHS = (0.4, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0)


@dataclass(frozen=True)
class Levels:
    """The sky of each block of an image.

    Attributes
    ----------
    level : ndarray of float64, shape (by, bx)
        Mean of the pixels that are left, NaN where too few are.
    variance : ndarray of float64
        Of that mean, from the pixels' scatter.
    """

    level: np.ndarray
    variance: np.ndarray


@dataclass(frozen=True)
class Smooth:
    """A smooth surface through the values of a mesh.

    Attributes
    ----------
    value : ndarray of float64, shape (by, bx)
    variance : ndarray of float64
        Of the noise that is left, and the mean square of what the kernel smooths away.
    width : float
        Standard deviation of the kernel, in blocks.
    """

    value: np.ndarray
    variance: np.ndarray
    width: float


def cells(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """The first pixel of each block along y and along x, and the end.

    A block's side is a 32nd of the longer side of the image, 16 pixels at least.

    Parameters
    ----------
    shape : tuple of int
        (ny, nx) of the image.

    Returns
    -------
    y, x : ndarray of int
    """
    side = max(-(-max(shape) // _BLOCKS), _FEWEST_PIXELS)
    numbers = [max(round(length / side), 1) for length in shape]
    y, x = (
        np.linspace(0, length, number + 1).round().astype(int)
        for length, number in zip(shape, numbers, strict=True)
    )
    return y, x


def block_levels(data: np.ndarray, use: np.ndarray, y: np.ndarray, x: np.ndarray) -> Levels:
    """The sky of each block: the mean within 3 sigma of the median.

    Parameters
    ----------
    data : ndarray of float32, shape (ny, nx)
    use : ndarray of bool
        Pixels that may count.
    y, x : ndarray of int
        From `cells`.

    Returns
    -------
    Levels
    """
    shape = len(y) - 1, len(x) - 1
    level, variance = np.full(shape, np.nan), np.full(shape, np.nan)
    for j in range(shape[0]):
        for i in range(shape[1]):
            place = slice(y[j], y[j + 1]), slice(x[i], x[i + 1])
            allowed = use[place]
            values = data[place][allowed]
            if values.size >= max(_LEAST_FRACTION * allowed.size, 2):
                level[j, i], variance[j, i] = _sky(values)
    return Levels(level, variance)


def _sky(values):
    """Mean of values and its variance, without those that are not of the sky.

    Once in order, medians and quartiles are looked up, and what is left out is at the ends.
    """
    values = np.sort(values)
    for _ in range(_ROUNDS):
        number = values.size
        middle = (values[(number - 1) // 2] + values[number // 2]) / 2
        spread = (values[3 * number // 4] - values[number // 4]) / _QUARTILES
        # where a coarse converter gives most pixels one value, its step is what they scatter by
        reach = _CLIP * (spread or _step(values))
        first = np.searchsorted(values, middle - reach, "left")
        last = np.searchsorted(values, middle + reach, "right")
        if last - first in (number, 0, 1):
            break
        values = values[first:last]
    return values.mean(dtype=float), values.var(ddof=1, dtype=float) / values.size


def _step(values):
    """The smallest difference between values in order, without an end where all are alike."""
    steps = np.diff(values)
    return steps[steps > 0].min(initial=np.inf)


def smoothed(value: np.ndarray, variance: np.ndarray, widths: Sequence[float] = WIDTHS) -> Smooth:
    """The surface of least error through the values of a mesh.

    With a kernel that makes ``s = H y`` of the values y of variances v, the mean square error
    is estimated by ``mean((s - y)^2) + 2 mean(diag(H) v) - mean(v)``.

    Parameters
    ----------
    value : ndarray of float64, shape (by, bx)
        NaN where none is known; the surface goes over it.
    variance : ndarray of float64
        Of what is independent from block to block.
    widths : list of float
        Of the kernels that are tried, in blocks.

    Returns
    -------
    Smooth
    """
    known = np.isfinite(value) & np.isfinite(variance)
    noise = np.where(known, variance, 0.0).ravel()
    flat = np.where(known, value, 0.0).ravel()
    best = None
    for width in widths:
        kernel = _local_planes(known, width)
        if kernel is None:
            continue
        fit = (kernel * flat).sum(axis=1)
        own = (kernel * kernel * noise).sum(axis=1)
        there = known.ravel()
        square = np.square(fit - flat)[there].mean()
        free = (np.diagonal(kernel) * noise)[there].mean()
        risk = square + 2 * free - noise[there].mean()
        lost = max(risk - own[there].mean(), 0.0)
        if best is None or risk < best[0]:
            best = risk, Smooth(fit.reshape(value.shape), (own + lost).reshape(value.shape), width)
    if best is None:
        # so few blocks that no plane can be laid through them
        middle = float(np.mean(value[known]))
        error = float(variance[known].mean() / known.sum())
        return Smooth(np.full(value.shape, middle), np.full(value.shape, error), np.inf)
    return best[1]


def _local_planes(known, width):
    """The kernel that fits a plane around each block; None where some have too few others."""
    by, bx = known.shape
    rows, columns = (each.ravel().astype(float) for each in np.mgrid[:by, :bx])
    dy, dx = rows[None, :] - rows[:, None], columns[None, :] - columns[:, None]
    weight = decay((dx * dx + dy * dy) / (2.0 * width * width)) * known.ravel()
    s, sx, sy, sxx, sxy, syy = (
        (weight * each).sum(axis=1) for each in (1.0, dx, dy, dx * dx, dx * dy, dy * dy)
    )
    # a single row, or column, of blocks has no slope across it
    syy, sxx = (s if by == 1 else syy), (s if bx == 1 else sxx)
    # the first row of the inverse of the normal equations
    a, b, c = sxx * syy - sxy * sxy, sxy * sy - sx * syy, sx * sxy - sxx * sy
    whole = s * a + sx * b + sy * c
    if not (whole > 1e-9 * s * s * s).all():
        return None
    return weight * (a[:, None] + b[:, None] * dx + c[:, None] * dy) / whole[:, None]


def surface(mesh: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The values of a mesh between the middles of its blocks, by cubic convolution.

    The kernel is that of Keys (1981, IEEE Trans. ASSP 29, 1153), exact for planes and parabolas.

    Parameters
    ----------
    mesh : ndarray, shape (by, bx)
    y, x : ndarray of int
        From `cells`.

    Returns
    -------
    ndarray of float32, shape (ny, nx)
    """
    along = _between(_extended(mesh.T), x, np.arange(x[-1])).T
    return _between(_extended(along), y, np.arange(y[-1])).astype(np.float32)


def _extended(mesh):
    """Two more rows on each side, on the line through the two outermost."""
    if mesh.shape[0] == 1:
        return np.repeat(mesh, 5, axis=0)
    first, last = mesh[0] - mesh[1], mesh[-1] - mesh[-2]
    before = [mesh[0] + 2 * first, mesh[0] + first]
    return np.vstack([*before, mesh, mesh[-1] + last, mesh[-1] + 2 * last])


def _between(mesh, edges, wanted):
    """Rows of an extended mesh at pixels `wanted`."""
    number = len(edges) - 1
    if number == 1:
        return np.repeat(mesh[:1], len(wanted), axis=0)
    # blocks are alike but for a pixel
    places = (wanted + 0.5) * number / edges[-1] - 0.5
    base = np.clip(np.floor(places).astype(int), -1, number - 1)
    t = (places - base)[:, None]
    weights = (
        ((-0.5 * t + 1.0) * t - 0.5) * t,
        (1.5 * t - 2.5) * t * t + 1.0,
        ((-1.5 * t + 2.0) * t + 0.5) * t,
        (0.5 * t - 0.5) * t * t,
    )
    found = np.zeros((len(wanted), mesh.shape[1]))
    for shift, weight in enumerate(weights):
        found += weight * mesh[base + shift + 1]
    return found
