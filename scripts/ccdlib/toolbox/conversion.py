"""From CCDData to the Image of the steps, and back to a new CCDData."""

import sys
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from astropy import nddata
from astropy import units as u
from astropy.utils.exceptions import AstropyUserWarning

from ..errors import CcdlibError
from ..frame.image import Image
from .ccddata import CCDData

__all__ = [
    "UnitsMismatch",
    "WrongType",
    "finite_mask",
    "floats",
    "from_image",
    "in_memory",
    "in_unit",
    "is_dask",
    "require_ccd",
    "require_numpy",
    "result_of",
    "same_shape",
    "to_image",
    "uncertainty_of",
    "unit_factor",
    "variance_of",
    "warn",
]


_PACKAGE = __name__.partition(".")[0] + "."


class UnitsMismatch(CcdlibError, u.UnitConversionError):
    """Units that cannot be brought together; also an astropy UnitConversionError."""


class WrongType(CcdlibError, TypeError):
    """An argument of the wrong kind; also a TypeError."""


def warn(message: str, kind: type[Warning] = AstropyUserWarning) -> None:
    """Say that a result may not be what was meant, as from the line that calls the toolbox."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, kind, stacklevel=level)


def require_ccd(name: str, ccd: object) -> None:
    """Raise `WrongType` unless `ccd` is a CCDData, ours or astropy's, that numpy can read."""
    if not isinstance(ccd, nddata.CCDData):
        raise WrongType(f"{name} is not a CCDData object, it is a {type(ccd).__name__}")
    require_numpy(name, ccd.data)


def is_dask(data: object) -> bool:
    """Whether this is an array of dask, whose rows are computed when they are asked for."""
    return type(data).__module__.startswith("dask.")


def in_memory(ccd: nddata.CCDData) -> nddata.CCDData:
    """`ccd` with pixels of numpy: the same where it has them, else all computed at once."""
    if isinstance(ccd.data, np.ndarray):
        return ccd
    computed = CCDData(ccd)
    computed.data = np.asarray(ccd.data)
    return computed


def require_numpy(name: str, data: Any) -> None:
    """Raise `WrongType` for an array that does not become one of numpy by itself, as cupy's."""
    # asking dask for no rows makes it compute some
    if isinstance(data, np.ndarray) or is_dask(data):
        return
    try:
        np.asarray(data[:0])
    except (TypeError, ValueError) as error:
        kind = f"{type(data).__module__}.{type(data).__name__}"
        raise WrongType(
            f"{name} has pixels of {kind}, which numpy cannot read: {error}. Hand over an array of "
            "numpy or dask, or one that converts itself"
        ) from None


def same_shape(ccd: nddata.CCDData, master: nddata.CCDData, name: str) -> None:
    """Raise CcdlibError unless both have the same shape."""
    if ccd.shape != master.shape:
        raise CcdlibError(f"{name} has shape {master.shape}, the image has {ccd.shape}")


def unit_factor(ccd: nddata.CCDData, master: nddata.CCDData, name: str) -> float:
    """The factor that converts `master` to the unit of `ccd`.

    Raises
    ------
    UnitsMismatch
        If one cannot be converted into the other.
    """
    if master.unit == ccd.unit:
        return 1.0
    try:
        return float(master.unit.to(ccd.unit))
    except u.UnitConversionError:
        raise UnitsMismatch(
            f"{name} is in {master.unit}, the uncalibrated image in {ccd.unit}"
        ) from None


def in_unit(value: Any, unit: u.UnitBase, name: str) -> Any:
    """The value of a Quantity in `unit`; a plain number or array unchanged.

    Raises
    ------
    UnitsMismatch
        If its unit cannot be converted.
    """
    if not isinstance(value, u.Quantity):
        return value
    try:
        return value.to_value(unit)
    except u.UnitConversionError:
        raise UnitsMismatch(f"{name} is in {value.unit}, not in {unit}") from None


def floats(data: Any) -> np.ndarray:
    """Floats as they are, at least of 32 bits; whole numbers as float64."""
    data = np.asarray(data)
    narrow = data.dtype.kind == "f" and data.dtype.itemsize <= 4
    return data.astype(np.float32 if narrow else np.float64, copy=False)


def finite_mask(ccd: nddata.CCDData) -> np.ndarray:
    """Pixels that must not be used: masked, flagged or not finite; bool array."""
    bad = ~np.isfinite(np.asarray(ccd.data))
    if ccd.mask is not None:
        bad |= np.asarray(ccd.mask, bool)
    return bad


def variance_of(uncertainty: Any, rows: slice = slice(None)) -> np.ndarray:
    """The variance of an uncertainty, or some rows of it; astropy's own conversion copies twice."""
    if type(uncertainty) is nddata.StdDevUncertainty:
        array = np.asarray(uncertainty.array[rows])
        return array * array
    if type(uncertainty) is nddata.VarianceUncertainty:
        return np.asarray(uncertainty.array[rows])
    return np.asarray(uncertainty[rows].represent_as(nddata.VarianceUncertainty).array)


def _variance(ccd):
    if ccd.uncertainty is None:
        return np.float32(0)
    return variance_of(ccd.uncertainty)


def to_image(ccd: nddata.CCDData, factor: float = 1.0) -> Image:
    """The Image of a CCDData, its values multiplied by `factor`.

    Parameters
    ----------
    ccd : CCDData
    factor : float

    Returns
    -------
    Image
        In the type of the input, and float64 for whole numbers; the variance is the number 0
        where `ccd` has no uncertainty. Masked pixels without DQ bits have none here either.
    """
    flags = getattr(ccd, "dq", None)
    data, variance = floats(ccd.data), _variance(ccd)
    if factor != 1.0:
        data, variance = data * factor, variance * factor**2
    if flags is None:
        flags = np.zeros(ccd.shape, np.uint16)
    return Image(data, variance, flags, str(ccd.unit))


def _masks(sources):
    # a mask may be one value for all pixels
    masks = [
        np.broadcast_to(np.asarray(source.mask, bool), source.shape)
        for source in sources
        if source.mask is not None
    ]
    return np.logical_or.reduce(masks) if masks else None


def uncertainty_of(kind: type, variance: np.ndarray) -> Any:
    """An uncertainty of a kind from the variance, sharing no memory with it."""
    if kind is nddata.StdDevUncertainty:
        return kind(np.sqrt(variance), copy=False)
    return nddata.VarianceUncertainty(np.array(variance), copy=False).represent_as(kind)


def from_image(
    ccd: nddata.CCDData,
    image: Image,
    others: Sequence[nddata.CCDData] = (),
    unit: u.UnitBase | None = None,
) -> CCDData:
    """New CCDData with the header and WCS of `ccd` and the pixels of `image`.

    Parameters
    ----------
    ccd : CCDData
        Input of the step; it is not changed.
    image : Image
        Output of the step.
    others : sequence of CCDData
        Masters that took part: masks are OR-ed, and there is an uncertainty where any of
        them had one.
    unit : Unit or None
        None: that of `ccd`.
    """
    sources = (ccd, *others)
    kinds = [type(each.uncertainty) for each in sources if each.uncertainty is not None]
    known = image.dq.any() or any(getattr(each, "dq", None) is not None for each in sources)
    spread = None
    if kinds:
        spread = uncertainty_of(kinds[0], np.broadcast_to(image.variance, image.data.shape))
    shared = any(
        isinstance(each.data, np.ndarray) and np.may_share_memory(image.data, each.data)
        for each in sources
    )
    data = np.array(image.data) if shared else image.data
    return result_of(ccd, data, spread, np.array(image.dq) if known else None, others, unit)


def result_of(
    ccd: nddata.CCDData,
    data: np.ndarray,
    spread: Any,
    flags: np.ndarray | None,
    others: Sequence[nddata.CCDData] = (),
    unit: u.UnitBase | None = None,
) -> CCDData:
    """New CCDData of new planes, with the header and WCS of `ccd`.

    Parameters
    ----------
    ccd : CCDData
        Input of the step; it is not changed.
    data, spread, flags : ndarray, uncertainty or None, ndarray or None
        Not copied.
    others, unit
        See `from_image`.
    """
    return CCDData(
        data,
        uncertainty=spread,
        mask=_masks((ccd, *others)),
        dq=flags,
        unit=unit or ccd.unit,
        meta=ccd.meta.copy(),
        wcs=None if ccd.wcs is None else ccd.wcs.deepcopy(),
        psf=None if ccd.psf is None else ccd.psf.copy(),
    )
