"""How much brighter the stars of one image are than the same stars in another."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..statistics.robust import robust_sigma

__all__ = ["FluxRatio", "flux_ratio"]

_ROUNDS = 20
_CLIP = 4.0
# stars fainter than this, in standard deviations, tell little and draw a mean of ratios aside
_FAINTEST = 10.0
# no flat is better, no star steadier: one star alone never tells the ratio
_LEAST = 0.003


class FluxRatio(NamedTuple):
    """A ratio of fluxes, its standard deviation, and of how many stars it is."""

    ratio: float
    error: float
    n_stars: int


def _ratio(values, scatter, start):
    """The R that makes sum of (first - R second)^2 / variance least, and its error."""
    first, second, first_error, second_error = values
    ratio = start
    for _ in range(_ROUNDS):
        variance = np.square(first_error) + np.square(ratio * second_error)
        variance = variance + np.square(scatter * first)
        weight = 1 / variance
        # both are noisy: the place between them that is nearest to both is as bright
        between = np.square(first_error) * ratio * second + np.square(ratio * second_error) * first
        noise = np.square(first_error) + np.square(ratio * second_error)
        true = between / noise / ratio
        new = float((weight * first * true).sum() / (weight * second * true).sum())
        if abs(new - ratio) <= 1e-12 * abs(ratio):
            break
        ratio = new
    error = float(1 / np.sqrt((weight * np.square(true)).sum()))
    return new, error


def flux_ratio(
    first: np.ndarray, second: np.ndarray, first_error: np.ndarray, second_error: np.ndarray
) -> FluxRatio:
    """The ratio first / second of the fluxes of the same stars.

    Weighted by the errors of both and a scatter in proportion to the flux (flat field, variable
    stars) that makes the deviations fit; stars beyond four standard deviations are left out.

    Parameters
    ----------
    first, second : ndarray of float64, shape (n,)
    first_error, second_error : ndarray of float64, shape (n,)
        Standard deviations.

    Returns
    -------
    FluxRatio
        NaN where no star is ten standard deviations bright in both.
    """
    bright = (first > _FAINTEST * first_error) & (second > _FAINTEST * second_error)
    values = [each[bright] for each in (first, second, first_error, second_error)]
    if not bright.any():
        return FluxRatio(np.nan, np.nan, 0)
    # a bright variable star would draw a first weighted mean to itself
    ratio = float(np.median(values[0] / values[1]))
    own = np.hypot(values[2] / values[0], values[3] / values[1])
    used = np.ones(len(own), bool)
    unsure = 1.25 * robust_sigma(values[0] / (ratio * values[1])) / np.sqrt(len(own))
    for _ in range(_ROUNDS):
        off = values[0] / (ratio * values[1]) - 1
        scatter = _excess(off[used], own[used])
        now = np.square(off) <= _CLIP**2 * (np.square(own) + scatter**2 + unsure**2)
        if now.sum() < max(len(now) / 2, 1):
            break
        ratio, error = _ratio([each[now] for each in values], scatter, ratio)
        unsure = error / ratio
        if (now == used).all():
            break
        used = now
    ratio, error = _ratio([each[used] for each in values], scatter, ratio)
    return FluxRatio(ratio, error, int(used.sum()))


def _excess(off, own):
    """Scatter of the bright half beyond its errors."""
    if len(off) < 4:
        return _LEAST
    bright = own <= np.median(own)
    seen = robust_sigma(off[bright], float(np.median(off)))
    return float(np.sqrt(max(seen**2 - float(np.median(np.square(own[bright]))), _LEAST**2)))
