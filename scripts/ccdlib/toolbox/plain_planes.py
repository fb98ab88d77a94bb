"""Steps of images that are plain: each plane of the result is written at once.

`ccdlib.toolbox.by_rows` carries variances, flags and masters without a value, for which it needs
several passes. Where there is nothing of that, fewer will do; the values are the same.
"""

from typing import Any

import numpy as np
from astropy import nddata
from astropy import units as u

from .. import dq
from .ccddata import CCDData
from .conversion import floats, result_of

__all__ = ["divided", "mean", "multiplied", "subtracted"]


def _is_plain(ccd, kinds=(nddata.StdDevUncertainty,)):
    """Whether pixels are numbers of numpy, and sigma, if there is one, in a result's type."""
    if not isinstance(ccd.data, np.ndarray) or ccd.data.dtype.kind not in "fiu":
        return False
    if ccd.uncertainty is None:
        return True
    sigma = ccd.uncertainty.array
    known = type(ccd.uncertainty) in kinds and isinstance(sigma, np.ndarray)
    return known and sigma.dtype == _kind(ccd) and sigma.shape == ccd.shape


def _are_plain(ccd, master, kinds):
    """Whether a step of both can be written at once: no bits, sigmas of one kind and type."""
    if not ccd.data.ndim or not ccd.data.size:
        return False
    if any(getattr(each, "dq", None) is not None for each in (ccd, master)):
        return False
    if not all(_is_plain(each, kinds) for each in (ccd, master)):
        return False
    known = [each.uncertainty for each in (ccd, master) if each.uncertainty is not None]
    kind = np.result_type(_kind(ccd), _kind(master))
    return len(set(map(type, known))) < 2 and all(each.array.dtype == kind for each in known)


def _deviation(ccd):
    return None if ccd.uncertainty is None else ccd.uncertainty.array


def _result(ccd, data, sigma, flags, masters=(), unit=None):
    spreads = [each.uncertainty for each in (ccd, *masters) if each.uncertainty is not None]
    spread = None if sigma is None else type(spreads[0])(sigma, copy=False)
    return result_of(ccd, data, spread, flags, masters, unit)


def _kind(ccd):
    """The type of floats that a step makes of the pixels."""
    return floats(np.empty(0, ccd.data.dtype)).dtype


def multiplied(ccd: nddata.CCDData, factor: Any, unit: u.UnitBase) -> CCDData | None:
    """An image and its uncertainty times a positive number, or an array of such.

    Returns
    -------
    CCDData or None
        None where `ccd` is not plain.
    """
    if not _is_plain(ccd):
        return None
    kind, sigma, flags = _kind(ccd), _deviation(ccd), getattr(ccd, "dq", None)
    factor = np.broadcast_to(np.asarray(factor, kind), ccd.shape)
    data = np.multiply(ccd.data, factor, dtype=kind)
    grown = None if sigma is None else sigma * factor
    return _result(ccd, data, grown, None if flags is None else flags.copy(), unit=unit)


def subtracted(ccd: nddata.CCDData, master: nddata.CCDData, scale: float = 1.0) -> CCDData | None:
    """An image minus `scale` times a master, their uncertainties in quadrature.

    Returns
    -------
    CCDData or None
        None where one is not plain, or the master has values that are not finite. Where it is
        masked the bit is NO_CALIBRATION.
    """
    if not _are_plain(ccd, master, (nddata.StdDevUncertainty, nddata.VarianceUncertainty)):
        return None
    from .plane_kernels import subtract

    kind = _kind(ccd)
    less = np.empty(ccd.shape, np.result_type(kind, _kind(master)))
    factor = less.dtype.type(kind.type(scale))
    if not subtract(_readable(ccd), _readable(master), factor, _rows(less)):
        return None
    grown = _added(ccd, master, scale)
    return _result(ccd, less, grown, _missing(master), (master,))


def _added(ccd, master, scale):
    """The array of the uncertainty of a difference; None where neither is known."""
    sigma, added = _deviation(ccd), _deviation(master)
    if added is None:
        return None if sigma is None else sigma.copy()
    share = added.dtype.type(scale * scale)
    spreads = ccd.uncertainty, master.uncertainty
    if any(isinstance(each, nddata.VarianceUncertainty) for each in spreads):
        return _sum(sigma, added, share)
    if sigma is None:
        return np.sqrt(share * (added * added))
    from .plane_kernels import add_in_quadrature

    grown = np.empty_like(sigma)
    add_in_quadrature(_rows(sigma), _rows(added), share, _rows(grown))
    return grown


def _sum(variance, added, share):
    """A new array of ``variance + share * added``; without a variance the second alone."""
    if variance is not None and share == 1:
        return variance + added
    grown = share * added
    if variance is not None:
        grown += variance
    return grown


def divided(
    ccd: nddata.CCDData, flat: nddata.CCDData, norm: float, least: float | None
) -> CCDData | None:
    """An image over a flat that is divided by its norm, and their uncertainties.

    Parameters
    ----------
    ccd, flat : CCDData
        Of the same shape.
    norm : float
    least : float or None
        Lower values of the flat are raised to it, and their pixels flagged LOW_FLAT.

    Returns
    -------
    CCDData or None
        None where one is not plain, or a divisor is not finite or not above zero. Where the flat
        is masked pixels are not divided, and the bit is NO_CALIBRATION.
    """
    if not _are_plain(ccd, flat, (nddata.StdDevUncertainty,)):
        return None
    from .plane_kernels import divide, divide_deviations

    kind = _kind(flat)
    quotient = np.empty(ccd.shape, np.result_type(_kind(ccd), kind))
    # the types are those of the steps by rows, which round as often
    limits = kind.type(-np.inf if least is None else least), kind.type(1 / norm)
    lost, other = _lost(flat), _readable(flat)
    raised = divide(_readable(ccd), other, lost, *limits, _rows(quotient))
    if raised < 0:
        return None
    flags, sigmas = _missing(flat), [_deviation(each) for each in (ccd, flat)]
    if raised:
        low = (flat.data < limits[0]) & ~np.asarray(False if flat.mask is None else flat.mask)
        flags = (0 if flags is None else flags) | low * np.uint16(dq.LOW_FLAT)
    if sigmas[0] is None and sigmas[1] is None:
        return _result(ccd, quotient, None, flags, (flat,))
    sigma, spread = (
        np.zeros(ccd.shape, _kind(each)) if array is None else array
        for each, array in zip((ccd, flat), sigmas, strict=True)
    )
    grown, share = np.empty_like(quotient), kind.type((1 / norm) * (1 / norm))
    planes = _rows(sigma), _rows(quotient), other, _rows(spread)
    divide_deviations(planes, lost, *limits, share, _rows(grown))
    return _result(ccd, quotient, grown, flags, (flat,))


def mean(flat: nddata.CCDData, least: float | None) -> float | None:
    """The mean of a flat's pixels that are not masked, lower ones raised to `least`.

    Returns
    -------
    float or None
        None where they are no numbers of numpy, or not all finite, or all masked.
    """
    plain = isinstance(flat.data, np.ndarray) and flat.data.dtype.kind in "fiu"
    if not plain or not flat.data.ndim or not flat.data.size:
        return None
    from .plane_kernels import add_to_columns

    lost, rows = _lost(flat), _readable(flat)
    total = np.zeros(rows.shape[1])
    lowest = _kind(flat).type(-np.inf if least is None else least)
    add_to_columns(rows, lost, lowest, total)
    number = lost.size - np.count_nonzero(lost)
    value = float(total.sum()) / number if number else np.nan
    return value if np.isfinite(value) else None


def _lost(master):
    """The rows of a master's mask; all False without one."""
    lost = False if master.mask is None else np.asarray(master.mask, bool)
    whole = np.broadcast_to(lost, master.shape) if np.any(lost) else np.zeros(master.shape, bool)
    return _rows(whole)


def _missing(master):
    """The bits of pixels of which a master has none; None without such pixels."""
    if not np.any(master.mask):
        return None
    return np.broadcast_to(np.asarray(master.mask, bool), master.shape) * np.uint16(
        dq.NO_CALIBRATION
    )


def _readable(ccd):
    """The pixels as rows of a type that kernels read: whole numbers as they are, and floats."""
    whole = ccd.data.dtype.kind in "iu"
    return _rows(ccd.data, ccd.data.dtype.newbyteorder("=") if whole else _kind(ccd))


def _rows(plane, kind=None):
    """A plane as rows of a type, the same memory where it has it and lies in one piece."""
    return np.ascontiguousarray(plane, kind).reshape(len(plane), -1)
