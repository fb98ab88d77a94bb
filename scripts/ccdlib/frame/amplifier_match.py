"""Relative gains of amplifiers from the sky on both sides of their borders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..statistics.small_systems import fitted_line, inverse

if TYPE_CHECKING:
    from ..camera.sections import Section
    from .image import Image

__all__ = ["border_factors", "match_amplifiers"]

# the level at a border is fitted to so many columns on each side of it
_WIDTH = 32
# relative error of a level beyond which it says nothing about a gain
_WORST = 0.02


def _edge_level(strip):
    """Level at the first column of a strip, and its variance.

    A line through the columns' medians, which stars do not reach.
    """
    medians = np.array([np.median(column[np.isfinite(column)]) for column in strip.T])
    _, level, _, variance = fitted_line(np.arange(len(medians)) + 0.5, medians)
    return level, variance


def _strips(values, first, second):
    """Pixels on both sides of a border, counted away from it; None when the two do not touch."""
    if first.x1 == second.x0 and min(first.y1, second.y1) > max(first.y0, second.y0):
        rows = slice(max(first.y0, second.y0), min(first.y1, second.y1))
        left = values[rows, max(first.x0, first.x1 - _WIDTH) : first.x1][:, ::-1]
        return left, values[rows, second.x0 : min(second.x1, second.x0 + _WIDTH)]
    if first.y1 == second.y0 and min(first.x1, second.x1) > max(first.x0, second.x0):
        columns = slice(max(first.x0, second.x0), min(first.x1, second.x1))
        low = values[max(first.y0, first.y1 - _WIDTH) : first.y1, columns][::-1].T
        return low, values[second.y0 : min(second.y1, second.y0 + _WIDTH), columns].T
    return None


def _log_ratio(strips):
    """Logarithm of the second level over the first, and its variance; None when unknown."""
    if any(strip.shape[1] < 3 or not np.isfinite(strip).any(axis=0).all() for strip in strips):
        return None
    (one, one_variance), (two, two_variance) = map(_edge_level, strips)
    if one <= 0 or two <= 0:
        return None
    variance = one_variance / (one * one) + two_variance / (two * two)
    return (np.log(two / one), variance) if variance < _WORST * _WORST else None


def border_factors(values: np.ndarray, places: list[Section]) -> np.ndarray:
    """Factors on amplifiers that make the sky continuous over their borders.

    Least squares over all borders: ``ln f1 - ln f2 = ln(level2 / level1)`` for each, with the
    mean of ln f at zero.

    Parameters
    ----------
    values : ndarray, shape (ny, nx)
        Pedestal subtracted; NaN is left out.
    places : list of Section
        Where the amplifiers lie in the image.

    Returns
    -------
    ndarray of float32
        One factor an amplifier; 1 for one without a border that tells.
    """
    number = len(places)
    normal, right = np.zeros((number, number)), np.zeros(number)
    for one, first in enumerate(places):
        for two, second in enumerate(places):
            strips = _strips(values, first, second) if one != two else None
            found = strips and _log_ratio(strips)
            if found:
                ratio, weight = found[0], 1 / found[1]
                normal[one, one] += weight
                normal[two, two] += weight
                normal[one, two] -= weight
                normal[two, one] -= weight
                right[one] += weight * ratio
                right[two] -= weight * ratio
    # the mean of those that are joined is zero
    joined = _joined(normal != 0)
    logs = inverse(normal + joined / joined.sum(axis=1)) * right
    # in single precision, which hides how a C library rounds exp and log
    return np.exp(logs.sum(axis=1)).astype(np.float32)


def _joined(touching):
    """Which of some are joined with which, through others too."""
    reached = touching | np.eye(len(touching), dtype=bool)
    for _ in range(len(touching)):
        reached = (reached[:, :, None] & reached[None]).any(axis=1)
    return reached


def match_amplifiers(image: Image, places: list[Section]) -> tuple[Image, list[float]]:
    """Bring the amplifiers of an image to one response.

    Parameters
    ----------
    image : Image
        A light in electrons, not divided by a flat.
    places : list of Section

    Returns
    -------
    image : Image
    factors : list of float
        One an amplifier. All its pixels share the factor's error, which is not in the variance.
    """
    from dataclasses import replace

    values = np.where(image.dq == 0, image.data, np.nan)
    factors = border_factors(values, places)
    data, variance = image.data.copy(), image.variance.copy()
    for factor, place in zip(factors, places, strict=True):
        data[place.slices] *= factor
        variance[place.slices] *= factor * factor
    return replace(image, data=data, variance=variance), [float(factor) for factor in factors]
