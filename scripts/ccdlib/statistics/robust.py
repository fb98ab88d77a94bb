"""A standard deviation that outliers do not reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["MAD_TO_SIGMA", "robust_sigma"]

# 1 over the normal distribution's quantile of 3/4
MAD_TO_SIGMA = 1.482602218505602


def robust_sigma(values: ArrayLike, center: float | None = None) -> float:
    """The standard deviation of normal noise that has this median absolute deviation.

    ::

        1.4826 median(|value - center|)

    Parameters
    ----------
    values : array_like
        Finite.
    center : float or None
        None: their median.

    Returns
    -------
    float
    """
    values = np.asarray(values)
    center = np.median(values) if center is None else center
    return MAD_TO_SIGMA * float(np.median(np.abs(values - center)))
