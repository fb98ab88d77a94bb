"""Correction of a detector's non-linear response."""

from __future__ import annotations

import numpy as np

from ..errors import CcdlibError

__all__ = ["corrected"]


def corrected(values: np.ndarray, linearity: tuple) -> np.ndarray:
    """Adu as a linear detector would have measured them.

    Saturated and non-linear pixels were flagged on the raw values; their bits stay.

    Parameters
    ----------
    values : ndarray of float32
        Adu above the pedestal. Not changed.
    linearity : tuple
        ("polynomial", c1, c2 ...): ``values * (1 + c1 values + c2 values^2 ...)``.
        ("table", (measured, true), ...): linear between the pairs; below the first and above
        the last its factor true / measured, or 1 where the first measured value is not positive.

    Returns
    -------
    ndarray of float32

    Raises
    ------
    CcdlibError
        If the table does not rise.
    """
    kind, *numbers = linearity
    if kind == "polynomial":
        factor = np.polynomial.polynomial.polyval(values.astype(np.float64), (1.0, *numbers))
        return (values * factor).astype(np.float32)
    measured, true = np.transpose(numbers)
    if not (np.all(np.diff(measured) > 0) and np.all(np.diff(true) > 0)):
        raise CcdlibError("detector.linearity: the table's measured and true adu do not both rise")
    found = np.interp(values, measured, true)
    first = true[0] / measured[0] if measured[0] > 0 else 1.0
    found = np.where(values < measured[0], true[0] + (values - measured[0]) * first, found)
    last = true[-1] / measured[-1]
    return np.where(values > measured[-1], values * last, found).astype(np.float32)
