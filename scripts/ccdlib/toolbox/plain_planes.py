"""Steps of images that are plain: each plane of the result is written at once.

`ccdlib.toolbox.by_rows` carries variances, flags and masters without a value, for which it needs
several passes. Where there is nothing of that, fewer will do; the values are the same.
"""

from typing import Any

import numpy as np
from astropy import nddata
from astropy import units as u

from .ccddata import CCDData
from .conversion import result_of

__all__ = ["multiplied", "subtracted"]


def _is_plain(ccd, kind):
    """Whether pixels and uncertainty, if there is one, are arrays of one type of floats."""
    planes = [ccd.data]
    if ccd.uncertainty is not None:
        if type(ccd.uncertainty) is not nddata.StdDevUncertainty:
            return False
        planes.append(ccd.uncertainty.array)
    return kind in (np.float32, np.float64) and all(
        isinstance(plane, np.ndarray) and plane.dtype == kind and plane.shape == ccd.shape
        for plane in planes
    )


def _deviation(ccd):
    return None if ccd.uncertainty is None else ccd.uncertainty.array


def _result(ccd, data, sigma, masters=(), unit=None):
    spread = None if sigma is None else nddata.StdDevUncertainty(sigma, copy=False)
    flags = getattr(ccd, "dq", None)
    return result_of(ccd, data, spread, None if flags is None else flags.copy(), masters, unit)


def multiplied(ccd: nddata.CCDData, factor: Any, unit: u.UnitBase) -> CCDData | None:
    """An image and its uncertainty times a positive number, or an array of such.

    Returns
    -------
    CCDData or None
        None where `ccd` is not plain.
    """
    if not _is_plain(ccd, ccd.data.dtype):
        return None
    factor = np.broadcast_to(np.asarray(factor, ccd.data.dtype), ccd.shape)
    sigma = _deviation(ccd)
    grown = None if sigma is None else sigma * factor
    return _result(ccd, ccd.data * factor, grown, unit=unit)


def subtracted(ccd: nddata.CCDData, master: nddata.CCDData, scale: float = 1.0) -> CCDData | None:
    """An image minus `scale` times a master, their uncertainties in quadrature.

    Returns
    -------
    CCDData or None
        None where one is not plain, one of them alone has an uncertainty, or the master has
        pixels without a value.
    """
    data, given = ccd.data, (_deviation(ccd) is None, _deviation(master) is None)
    flagged = any(getattr(each, "dq", None) is not None for each in (ccd, master))
    plain = _is_plain(ccd, data.dtype) and _is_plain(master, data.dtype) and data.size
    if not plain or flagged or given[0] != given[1] or np.any(master.mask):
        return None
    from .plane_kernels import add_in_quadrature, subtract

    kind, less = data.dtype.type, np.empty(data.shape, data.dtype)
    if not subtract(*map(_rows, (data, master.data)), kind(scale), _rows(less)):
        return None
    grown = None
    if not given[0]:
        grown = np.empty(data.shape, data.dtype)
        sigmas = map(_rows, (_deviation(ccd), _deviation(master)))
        add_in_quadrature(*sigmas, kind(scale * scale), _rows(grown))
    return _result(ccd, less, grown, (master,))


def _rows(plane):
    """A plane as rows, the same memory where it lies in one piece."""
    return np.ascontiguousarray(plane).reshape(len(plane), -1)
