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

__all__ = ["multiplied", "subtracted"]


def _is_plain(ccd):
    """Whether pixels are numbers of numpy, and sigma, if there is one, in a result's type."""
    if not isinstance(ccd.data, np.ndarray) or ccd.data.dtype.kind not in "fiu":
        return False
    if ccd.uncertainty is None:
        return True
    sigma = ccd.uncertainty.array
    known = type(ccd.uncertainty) is nddata.StdDevUncertainty and isinstance(sigma, np.ndarray)
    return known and sigma.dtype == _kind(ccd) and sigma.shape == ccd.shape


def _deviation(ccd):
    return None if ccd.uncertainty is None else ccd.uncertainty.array


def _result(ccd, data, sigma, flags, masters=(), unit=None):
    spread = None if sigma is None else nddata.StdDevUncertainty(sigma, copy=False)
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
        None where one is not plain, the master is in a wider type, or has values that are not
        finite. Where it is masked the bit is NO_CALIBRATION.
    """
    sigmas = [_deviation(each) for each in (ccd, master)]
    flagged = any(getattr(each, "dq", None) is not None for each in (ccd, master))
    if flagged or not ccd.data.ndim or not all(map(_is_plain, (ccd, master))):
        return None
    kind = _kind(ccd)
    wider = np.result_type(kind, _kind(master)) != kind
    if wider or any(s is not None and s.dtype != kind for s in sigmas) or not ccd.data.size:
        return None
    from .plane_kernels import subtract

    less = np.empty(ccd.shape, kind)
    planes = (_rows(each.data, kind) for each in (ccd, master))
    if not subtract(*planes, kind.type(scale), _rows(less, kind)):
        return None
    return _result(
        ccd, less, _in_quadrature(sigmas[0], sigmas[1], scale), _missing(master), (master,)
    )


def _in_quadrature(sigma, added, scale):
    """The deviation of a difference; None where neither is known."""
    if sigma is None and added is None:
        return None
    if added is None:
        return sigma.copy()
    share = added.dtype.type(scale * scale)
    if sigma is None:
        return np.sqrt(share * (added * added))
    from .plane_kernels import add_in_quadrature

    grown = np.empty(sigma.shape, sigma.dtype)
    first, second, result = (_rows(each, sigma.dtype) for each in (sigma, added, grown))
    add_in_quadrature(first, second, share, result)
    return grown


def _missing(master):
    """The bits of pixels of which a master has none; None without such pixels."""
    if not np.any(master.mask):
        return None
    return np.broadcast_to(np.asarray(master.mask, bool), master.shape) * np.uint16(
        dq.NO_CALIBRATION
    )


def _rows(plane, kind):
    """A plane as rows of a type, the same memory where it has it and lies in one piece."""
    return np.ascontiguousarray(plane, kind).reshape(len(plane), -1)
