"""Relative gains of amplifiers from the sky on both sides of their borders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

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
    where = np.arange(len(medians)) + 0.5
    basis = np.column_stack([np.ones_like(where), where])
    line, *_ = np.linalg.lstsq(basis, medians, rcond=None)
    scatter = np.sum((medians - basis @ line) ** 2) / (len(medians) - 2)
    return line[0], scatter * np.linalg.inv(basis.T @ basis)[0, 0]


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
    variance = one_variance / one**2 + two_variance / two**2
    return (np.log(two / one), variance) if variance < _WORST**2 else None


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
    ndarray
        One factor an amplifier; 1 for one without a border that tells.
    """
    rows, ratios = [], []
    for one, first in enumerate(places):
        for two, second in enumerate(places):
            strips = _strips(values, first, second) if one != two else None
            found = strips and _log_ratio(strips)
            if found:
                row = np.zeros(len(places))
                row[one], row[two] = 1, -1
                rows.append(row / found[1] ** 0.5)
                ratios.append(found[0] / found[1] ** 0.5)
    if not rows:
        return np.ones(len(places))
    # of all solutions lstsq gives the smallest, whose mean is zero
    return np.exp(np.linalg.lstsq(np.array(rows), np.array(ratios), rcond=None)[0])


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
    for factor, place in zip(factors.astype(np.float32), places, strict=True):
        data[place.slices] *= factor
        variance[place.slices] *= factor**2
    return replace(image, data=data, variance=variance), [float(factor) for factor in factors]
