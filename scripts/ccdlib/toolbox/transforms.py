"""Images moved to other pixels, under the names of ccdproc."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from astropy import nddata

from .. import dq
from ..errors import CcdlibError
from .ccddata import CCDData
from .conversion import WrongType, floats, require_ccd, uncertainty_of, warn
from .cut_headers import remove_cards_of
from .keywords import AddKeyword
from .metadata import conf, log_step

__all__ = ["transform_image", "wcs_project"]

# pixels of the result that are projected at once, on the way thirty numbers each; far fewer take
# longer, as the system gets their memory back after each band
_BAND = 1 << 20
_ORDERS = {"nearest-neighbor": 0, "bilinear": 1, "biquadratic": 2, "bicubic": 3}


def _bits(flags, carry):
    """DQ bits, each carried as a plane of its own."""
    found = np.bitwise_or.reduce(flags, axis=None)
    result = None
    for bit in (1 << n for n in range(32) if int(found) >> n & 1):
        plane = np.where(carry((flags & bit) != 0), flags.dtype.type(bit), flags.dtype.type(0))
        result = plane if result is None else result | plane
    return result if result is not None else np.where(carry(flags != 0), flags.dtype.type(1), 0)


def _transformed(function, plane, kwargs):
    """What a function makes of a plane that it must not change, copied only where need be."""
    if not isinstance(plane, np.ndarray):
        return function(plane.copy(), **kwargs)
    held = plane.view()
    held.flags.writeable = False
    try:
        moved = function(held, **kwargs)
    except ValueError:
        # a function that writes into its argument; what else is wrong is so with a copy, too
        return function(plane.copy(), **kwargs)
    # in the order that it has: a turned plane is a view
    return moved.copy(order="K") if np.may_share_memory(moved, plane) else moved


def transform_image(
    ccd: nddata.CCDData,
    transform_func: Callable[..., np.ndarray],
    *,
    wcs: Any = None,
    add_keyword: AddKeyword = True,
    **kwargs: Any,
) -> CCDData:
    """Apply a function to data, uncertainty, mask and DQ bits.

    Parameters
    ----------
    ccd : CCDData
    transform_func : callable
        Takes an array and `kwargs`, returns an array.
    wcs : WCS or None
        WCS of the result. None: the old one, with a warning, for it need not be true any more.
    add_keyword : str, Keyword, dict, bool or None
        See `ccdlib.toolbox.metadata.log_step`.
    **kwargs
        For the function.

    Returns
    -------
    CCDData
        The function is applied to the mask and to each bit as a plane of 0 and 1; a pixel is
        masked, or has the bit, where the result is above zero. It is also applied to the
        standard deviation, which is right where it moves pixels and too large where it averages.

    Raises
    ------
    WrongType
        If `ccd` is not a CCDData, or `transform_func` not a function.

    Examples
    --------
    >>> import numpy as np
    >>> from ccdlib import CCDData, transform_image
    >>> ccd = CCDData([[1.0, 2.0]], unit="adu", dq=[[0, 8]])
    >>> turned = transform_image(ccd, np.rot90)
    >>> turned.data.tolist(), turned.dq.tolist()
    ([[2.0], [1.0]], [[8], [0]])
    """
    require_ccd("ccd", ccd)
    if not callable(transform_func):
        raise WrongType(f"transform_func is not a callable, it is {transform_func!r}")
    flags = getattr(ccd, "dq", None)

    def moved(plane):
        return _transformed(transform_func, plane, kwargs)

    def carried(plane):
        return np.asarray(moved(plane)) > 0

    if wcs is None and ccd.wcs is not None:
        warn("WCS information may be incorrect as no transformation was applied to it")
        wcs = ccd.wcs.deepcopy()
    spread = ccd.uncertainty
    result = CCDData(
        moved(ccd.data),
        unit=ccd.unit,
        uncertainty=None if spread is None else type(spread)(moved(spread.array), copy=False),
        mask=None if ccd.mask is None else carried(np.asarray(ccd.mask)),
        dq=None if flags is None else _bits(flags, carried),
        meta=ccd.meta.copy(),
        wcs=wcs,
    )
    return log_step(result, "transform_image", add_keyword, transform_func=transform_func)


def _corners(x, y, shape):
    """Flat places and weights of the four pixels around each point, nearest at the edges."""
    ny, nx = shape
    x, y = np.clip(x, 0, nx - 1), np.clip(y, 0, ny - 1)
    x0 = np.minimum(x.astype(int), max(nx - 2, 0))
    y0 = np.minimum(y.astype(int), max(ny - 2, 0))
    right, up = x - x0, y - y0
    x1, y1 = np.minimum(x0 + 1, nx - 1), np.minimum(y0 + 1, ny - 1)
    yield y0 * nx + x0, (1 - up) * (1 - right)
    yield y0 * nx + x1, (1 - up) * right
    yield y1 * nx + x0, up * (1 - right)
    yield y1 * nx + x1, up * right


def _snapped(places):
    """Places rounded to whole pixels where only the WCS's rounding keeps them apart."""
    whole = np.rint(places)
    return np.where(np.abs(places - whole) < 1e-6, whole, places)


def _interpolated(coefficients, x, y, order):
    from scipy.ndimage import map_coordinates

    ny, nx = coefficients.shape
    places = np.clip(y, 0, ny - 1), np.clip(x, 0, nx - 1)
    return map_coordinates(coefficients, places, order=order, mode="constant", prefilter=False)


def _order(order):
    number = _ORDERS.get(order, order)
    if number not in _ORDERS.values():
        raise CcdlibError(f"order is {order!r}, not one of {', '.join(_ORDERS)}")
    return number


def wcs_project(
    ccd: nddata.CCDData,
    target_wcs: Any,
    target_shape: Sequence[int] | None = None,
    order: str | int = "bilinear",
    *,
    add_keyword: AddKeyword = True,
) -> CCDData:
    """Project an image onto another celestial WCS.

    Values are per pixel, so they are multiplied by the ratio of the pixels' areas.

    Parameters
    ----------
    ccd : CCDData, shape (ny, nx)
        With a celestial WCS.
    target_wcs : WCS
    target_shape : tuple of int or None
        None: that of `ccd`.
    order : {'nearest-neighbor', 'bilinear', 'biquadratic', 'bicubic'} or int
        Order of the interpolation, 0 to 3.
    add_keyword : str, Keyword, dict, bool or None
        See `ccdlib.toolbox.metadata.log_step`.

    Returns
    -------
    CCDData
        The variance is ``sum(w^2 variance)`` over the pixels with weight w; for orders above 1
        with the weights of order 1. Interpolated pixels are correlated. A pixel has the bits and
        the mask of all pixels that it is made from. Outside the image it is NaN, NO_DATA
        and masked.

    Raises
    ------
    CcdlibError
        If a WCS is missing or not celestial, or the order is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.wcs import WCS
    >>> from ccdlib import CCDData, wcs_project
    >>> wcs = WCS(naxis=2)
    >>> wcs.wcs.ctype, wcs.wcs.cdelt = ["RA---TAN", "DEC--TAN"], [-0.001, 0.001]
    >>> shifted = wcs.deepcopy()
    >>> shifted.wcs.crpix = [-1.0, 0.0]
    >>> ccd = CCDData([[1.0, 2.0, 3.0]], unit="adu", wcs=wcs)
    >>> wcs_project(ccd, shifted).data.round(6).tolist()
    [[2.0, 3.0, nan]]
    """
    from astropy.wcs.utils import proj_plane_pixel_area

    require_ccd("ccd", ccd)
    for name, wcs in (("the image's WCS", ccd.wcs), ("target_wcs", target_wcs)):
        if wcs is None or not wcs.is_celestial:
            raise CcdlibError(
                f"one or both WCS is not celestial: {name} is "
                f"{'none' if wcs is None else wcs.axis_type_names}"
            )
    number = _order(order)
    shape = ccd.shape if target_shape is None else tuple(target_shape)
    area = proj_plane_pixel_area(target_wcs) / proj_plane_pixel_area(ccd.wcs)
    project = _bands_of(ccd, target_wcs, number, area)
    length = max(_BAND // max(shape[1], 1), 1)
    planes: Any = None
    for first in range(0, max(shape[0], 1), length):
        rows = slice(first, min(first + length, shape[0]))
        band = project(rows, shape[1])
        if planes is None:
            planes = _Projected(*(_whole(plane, shape) for plane in band))
        for plane, part in zip(planes, band, strict=True):
            if plane is not None:
                plane[rows] = part
    result = _projected(ccd, planes, target_wcs)
    if conf.as_ccdproc:
        result.uncertainty = result.dq = None
        result.mask = result.mask if result.mask is not None and result.mask.any() else None
    arguments = {"target_wcs": target_wcs, "target_shape": shape, "order": order}
    return log_step(result, "wcs_project", add_keyword, **arguments)


class _Projected(NamedTuple):
    """Planes of rows of the result: values, which lie inside the image, and what they carry."""

    data: np.ndarray
    inside: np.ndarray
    variance: np.ndarray | None
    flags: np.ndarray | None
    mask: np.ndarray | None


def _whole(plane, shape):
    """An empty plane for all rows, of the type of some; None for none."""
    return None if plane is None else np.empty(shape, plane.dtype)


def _bands_of(ccd, target_wcs, number, area):
    """What projects a slice of rows of the result, which have a number of columns."""
    from astropy.wcs.utils import pixel_to_pixel
    from scipy.ndimage import spline_filter

    ny, nx = ccd.shape
    # weights are float64, whatever the image is in
    kind = np.float64 if conf.as_ccdproc else floats(ccd.data[:0]).dtype
    pixels, flags, variance = np.asarray(ccd.data), getattr(ccd, "dq", None), None
    if number > 1:
        pixels = spline_filter(np.asarray(pixels, float), number, mode="constant")
    if ccd.uncertainty is not None:
        variance = np.asarray(ccd.uncertainty.represent_as(nddata.VarianceUncertainty).array)
    mask = None if ccd.mask is None else np.asarray(ccd.mask, bool)

    def project(band, columns):
        rows, places = np.mgrid[band, :columns]
        x, y = pixel_to_pixel(target_wcs, ccd.wcs, places, rows)
        inside = (x >= -0.5) & (x <= nx - 0.5) & (y >= -0.5) & (y <= ny - 0.5)
        x, y = (_snapped(np.where(inside, each, 0)) for each in (x, y))
        if number == 0:
            x, y = np.floor(x + 0.5), np.floor(y + 0.5)
        corners = list(_corners(x, y, (ny, nx)))
        data = _interpolated(pixels, x, y, number) if number > 1 else _weighted(pixels, corners)
        spread = None if variance is None else _weighted(variance, corners, power=2) * area**2
        return _Projected(
            np.where(inside, data * area, np.nan).astype(kind, copy=False),
            inside,
            spread if spread is None else np.where(inside, spread, np.nan).astype(kind, copy=False),
            None if flags is None else _joined(flags, corners),
            None if mask is None else _joined(mask, corners),
        )

    return project


def _weighted(plane, corners, power=1):
    """Sum over the corners; those without weight do not count, even if NaN."""
    values = np.asarray(plane, float).ravel()
    return sum(np.where(weight > 0, values[place], 0) * weight**power for place, weight in corners)


def _joined(plane, corners):
    values = np.asarray(plane).ravel()
    none = values.dtype.type(0)
    parts = [np.where(weight > 0, values[place], none) for place, weight in corners]
    return parts[0] | parts[1] | parts[2] | parts[3]


def _projected(ccd, planes, wcs):
    flags, spread, lost = None, None, np.isnan(planes.data)
    if planes.flags is not None or not planes.inside.all():
        bits = np.zeros(lost.shape, np.uint16) if planes.flags is None else planes.flags
        flags = np.where(planes.inside, bits, bits.dtype.type(dq.NO_DATA))
    if planes.variance is not None:
        spread = uncertainty_of(type(ccd.uncertainty), planes.variance)
    if planes.mask is not None:
        lost = lost | planes.mask
    header = ccd.meta.copy()
    remove_cards_of(ccd.wcs, header)
    return CCDData(
        planes.data,
        unit=ccd.unit,
        uncertainty=spread,
        mask=lost if lost.any() else None,
        dq=flags,
        meta=header,
        wcs=wcs.deepcopy(),
    )
