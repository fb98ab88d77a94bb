"""Overscan and trim of CCDData, under the names of ccdproc."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from astropy import nddata

from ..camera.sections import parse_section
from ..errors import CcdlibError
from ..frame.overscan import QUANTISATION, Level, overscan_level
from . import as_ccdproc
from .ccddata import CCDData
from .conversion import (
    WrongType,
    floats,
    in_memory,
    require_ccd,
    result_of,
    uncertainty_of,
    unit_factor,
    variance_of,
    warn,
)
from .cut_headers import flip_wcs, without_wcs
from .keywords import AddKeyword
from .metadata import conf, log_step

__all__ = ["subtract_overscan", "trim_image"]


def _fit(model, level, clip):
    """An astropy model fitted to the level along rows numbered from 0, in its place."""
    from astropy.modeling import fitting

    rows = np.arange(len(level.values), dtype=float)
    fitter = fitting.LinearLSQFitter() if model.linear else fitting.TRFLSQFitter()
    fitted = fitter(model, rows, level.values)
    values = fitted(rows)
    # a linear fit's variance, averaged over the rows, is parameters over points
    share = min(len(model.parameters) / len(rows), 1.0)
    return Level(values, level.variance * share, level.rejected)


class _Pixels(NamedTuple):
    """Pixels of an overscan, which needs no header and no WCS, and their mask."""

    data: Any
    mask: np.ndarray | None

    @property
    def shape(self):
        return self.data.shape


def _section(text, shape):
    """A section of an image, cut to it with a warning where it reaches outside."""
    try:
        return parse_section(text, shape)
    except CcdlibError as outside:
        section = parse_section(text, shape, cut=True)
        if 0 in section.shape:
            raise
        warn(f"{outside}: cut to {section.fits()}")
        return section


def _strip(overscan, axis):
    """Overscan pixels with a row for each level; masked pixels are NaN."""
    kind = np.float32 if overscan.data.dtype == np.float32 else np.float64
    values = np.array(overscan.data, kind)
    if overscan.mask is not None:
        unusable = np.broadcast_to(np.asarray(overscan.mask, bool), values.shape)
        unusable = unusable | ~np.isfinite(values)
        lost = unusable.all(axis=axis, keepdims=True) & np.isfinite(values)
        if lost.any():
            warn(
                "the overscan has rows in which all pixels are masked: these are used all the same"
            )
        values[unusable & ~lost] = np.nan
    return values if axis == 1 else values.T


def _cut(ccd, section):
    """The pixels of a section and their mask."""
    mask = None
    if ccd.mask is not None:
        mask = np.broadcast_to(np.asarray(ccd.mask, bool), ccd.shape)[section.slices]
    return _Pixels(ccd.data[section.slices], mask)


def _pixels_of(overscan, axis):
    """The pixels of an overscan; those of one column or row as an image."""
    data = np.asarray(overscan.data)
    mask = None if overscan.mask is None else np.asarray(overscan.mask)
    if data.ndim == 1:
        column = (slice(None), None) if axis != 0 else (None, slice(None))
        data, mask = data[column], mask if mask is None or mask.ndim == 0 else mask[column]
    return _Pixels(data, mask)


def _mean_level(strip, clip):
    """The mean of each row by the compiled pass; None for a strip that needs a closer look."""
    from .level_kernels import mean_levels

    values, count, squares = mean_levels(np.ascontiguousarray(strip), float(clip), QUANTISATION)
    if not count.all():
        return None
    variance = max(squares / max(count.sum() - len(count), 1), QUANTISATION * QUANTISATION)
    return Level(values, variance / count, int(strip.size - count.sum()))


def _levels(overscan, axis, model, settings):
    strip = _strip(overscan, axis)
    level = None
    if settings["method"] == "mean" and strip.size:
        level = _mean_level(strip, settings["clip"])
    if level is None:
        level = overscan_level(strip, **settings, noise=False)
    return level if model is None else _fit(model, level, settings["clip"])


def _less_levels(ccd, levels):
    """`ccd` less its levels, with its uncertainty grown by theirs.

    Parameters
    ----------
    ccd : CCDData, shape (ny, nx)
    levels : list of (Section, Level, int)
        Where each level is subtracted, and the axis that it was averaged over.
    """
    from .level_kernels import subtract_levels

    data = np.asarray(ccd.data)
    kind = floats(data[:0]).dtype
    whole = len(levels) == 1 and levels[0][0].shape == data.shape
    # whole numbers are read as they are stored
    as_stored = whole and data.dtype.kind in "iu"
    data = np.ascontiguousarray(data, data.dtype.newbyteorder("=") if as_stored else kind)
    less = np.empty(data.shape, kind) if whole else data.copy()
    for section, level, axis in levels:
        values = np.asarray(level.values, kind)
        subtract_levels(data if whole else less, less, _bounds(section), values, axis)
    spread = None if ccd.uncertainty is None else _grown(ccd.uncertainty, levels, less, whole)
    flags = getattr(ccd, "dq", None)
    return result_of(ccd, less, spread, None if flags is None else flags.copy())


def _bounds(section):
    """First row, the one behind the last, and the same of the columns."""
    return section.y0, section.y1, section.x0, section.x1


def _grown(spread, levels, data, whole):
    """An uncertainty grown by that of levels, in the type and shape of the result."""
    kind = type(spread)
    if kind is nddata.StdDevUncertainty:
        from .level_kernels import grow_sigma

        sigma = np.broadcast_to(np.asarray(spread.array), data.shape)
        sigma = np.ascontiguousarray(sigma, data.dtype)
        grown = np.empty_like(sigma) if whole else sigma.copy()
        for section, level, axis in levels:
            variance = np.asarray(level.variance, data.dtype)
            grow_sigma(sigma if whole else grown, grown, _bounds(section), variance, axis)
        return kind(grown, copy=False)
    variance = np.array(np.broadcast_to(variance_of(spread), data.shape), data.dtype)
    for section, level, axis in levels:
        variance[section.slices] += np.expand_dims(np.asarray(level.variance, data.dtype), axis)
    return uncertainty_of(kind, variance)


def _axis(strip, axis):
    """The axis that is averaged over: the one asked for, or the shorter one."""
    if axis is not None:
        return axis
    return 0 if strip.shape[1] > strip.shape[0] else 1


def _given(ccd, overscan, axis, fits_section, amplifiers):
    if sum(each is not None for each in (overscan, fits_section, amplifiers)) != 1:
        raise WrongType(
            "specify either overscan or fits_section, but not both; or amplifiers without them"
        )
    if amplifiers is not None:
        return [
            (parse_section(data, ccd.shape), _cut(ccd, parse_section(strip, ccd.shape)))
            for data, strip in amplifiers
        ]
    whole = parse_section("[*,*]", ccd.shape)
    if overscan is not None:
        require_ccd("overscan", overscan)
        factor = unit_factor(ccd, overscan, "the overscan")
        if factor != 1:
            overscan = overscan.multiply(factor * ccd.unit / overscan.unit)
        return [(whole, _pixels_of(overscan, axis))]
    if not isinstance(fits_section, str):
        raise WrongType(f"fits_section must be a string, not {fits_section!r}")
    return [(whole, _cut(ccd, _section(fits_section, ccd.shape)))]


def subtract_overscan(
    ccd: nddata.CCDData,
    overscan: nddata.CCDData | None = None,
    overscan_axis: int | None = 1,
    fits_section: str | None = None,
    median: bool = False,
    model: Any = None,
    *,
    method: str | None = None,
    degree: int = 3,
    clip: float = 4.0,
    amplifiers: Sequence[tuple[str, str]] | None = None,
    add_keyword: AddKeyword = True,
) -> CCDData:
    """Subtract the bias level that the overscan has in each row.

    ::

        data - level(row),  sigma^2 + sigma_level^2

    with the standard deviation s of n overscan pixels, sigma_level^2 = s^2 / n for the mean;
    for the median it is larger by `ccdlib.statistics.combine.median_variance_ratio`.

    Parameters
    ----------
    ccd : CCDData, shape (ny, nx)
    overscan : CCDData or None
        The overscan itself, with as many rows as `ccd`; one column may have one axis.
    overscan_axis : {1, 0, None}
        The axis that is averaged over: 1 for a level a row, 0 for a level a column; None
        takes the shorter one.
    fits_section : str or None
        Where in `ccd` the overscan is, ``[x1:x2,y1:y2]``, one-based and inclusive; what lies
        outside the image is cut off with a warning.
    median : bool
        Median and not mean of each row.
    model : astropy.modeling.Model or None
        Fitted to the levels; row numbers start at 0.
    method : {'mean', 'median', 'polynomial'} or None
        'polynomial' is a Legendre polynomial through the rows' means that leaves out rows far
        from it. None: as `median` says.
    degree : int
        Degree of the polynomial.
    clip : float
        Overscan pixels further than this many robust sigma from their row's median are left
        out; 0 keeps all, as ccdproc does.
    amplifiers : list of (str, str) or None
        Data and overscan section of each amplifier, in place of the two arguments above.
    add_keyword : str, Keyword, dict, bool or None
        See `ccdlib.toolbox.metadata.log_step`.

    Returns
    -------
    CCDData
        Shape, mask and DQ stay the same; masked overscan pixels are not used. An existing
        uncertainty grows by that of the level.

    Raises
    ------
    CcdlibError
        If nothing of a section is inside the image, rows do not agree or a row has no finite
        pixel.
    WrongType
        If the overscan is not given, or given twice.
    UnitsMismatch
        If the overscan's unit cannot be converted into the image's.

    Examples
    --------
    >>> import numpy as np
    >>> from ccdlib import CCDData, subtract_overscan
    >>> raw = CCDData(np.array([[1010, 1000, 1000], [1025, 1005, 1005]]), unit="adu")
    >>> subtract_overscan(raw, fits_section="[2:3,:]").data[:, 0].tolist()
    [10.0, 20.0]
    """
    require_ccd("ccd", ccd)
    # the levels need every row
    ccd = in_memory(ccd)
    regions = _given(ccd, overscan, overscan_axis, fits_section, amplifiers)
    if conf.as_ccdproc and method is None and amplifiers is None:
        ((_, strip),) = regions
        axis = _axis(strip, overscan_axis)
        result = as_ccdproc.subtract_overscan(ccd, strip, axis, median, model)
        how = {"overscan": overscan, "fits_section": fits_section, "median": median, "model": model}
        return log_step(result, "subtract_overscan", add_keyword, **how)
    method = method or ("median" if median else "mean")
    settings = {"method": method, "degree": degree, "clip": clip}
    levels = []
    for section, strip in regions:
        axis = _axis(strip, overscan_axis)
        if strip.shape[1 - axis] != section.shape[1 - axis]:
            rows = ("rows", "columns")[1 - axis]
            raise CcdlibError(
                f"the overscan has {strip.shape[1 - axis]} {rows}, the data {section.fits()} "
                f"have {section.shape[1 - axis]}"
            )
        levels.append((section, _levels(strip, axis, model, settings), axis))
    result = _less_levels(ccd, levels)
    arguments = {"overscan": overscan, "fits_section": fits_section, "amplifiers": amplifiers}
    arguments |= {"method": settings["method"], "clip": clip, "model": model}
    return log_step(result, "subtract_overscan", add_keyword, **arguments)


def _flipped(ccd, section):
    """`ccd` mirrored along the axes on which the section runs backwards."""
    from astropy.wcs import WCS

    view = tuple(slice(None, None, -1 if flip else 1) for flip in (section.flip_y, section.flip_x))
    wcs = ccd.wcs
    ccd.wcs = None
    flipped = ccd[view].copy()
    if wcs is not None:
        header = wcs.to_header(relax=True)
        ny, nx = ccd.shape
        for flip, axis, length in ((section.flip_x, 1, nx), (section.flip_y, 2, ny)):
            if flip:
                flip_wcs(header, axis, length)
        flipped.wcs = WCS(header)
    return flipped


def _without_distortions(ccd):
    """`ccd` without a WCS whose distortions cannot be mirrored."""
    in_cards = any(f"{name}_ORDER" in ccd.meta for name in ("A", "B", "AP", "BP"))
    if in_cards or (ccd.wcs is not None and ccd.wcs.has_distortion):
        warn("a WCS with distortions cannot be flipped: the result has none")
        ccd.wcs, ccd.meta = None, without_wcs(ccd.meta)
    return ccd


def trim_image(
    ccd: nddata.CCDData, fits_section: str | None = None, *, add_keyword: AddKeyword = True
) -> CCDData:
    """Cut a section out of an image.

    Parameters
    ----------
    ccd : CCDData, shape (ny, nx)
        Without a section it is copied.
    fits_section : str or None
        ``[x1:x2,y1:y2]``, one-based and inclusive; a range that runs backwards is a flip. What
        lies outside the image is cut off with a warning.
    add_keyword : str, Keyword, dict, bool or None
        See `ccdlib.toolbox.metadata.log_step`.

    Returns
    -------
    CCDData
        With uncertainty, mask and DQ cut alike. WCS, LTV, LTM and section cards follow the
        cut, so that a second trim to the header's TRIMSEC changes nothing.

    Raises
    ------
    CcdlibError
        If nothing of the section is inside the image.
    WrongType
        If `fits_section` is not a text.

    Examples
    --------
    >>> import numpy as np
    >>> from ccdlib import CCDData, trim_image
    >>> trim_image(CCDData(np.arange(12).reshape(3, 4), unit="adu"), "[2:3,:2]").data.tolist()
    [[1, 2], [5, 6]]
    """
    from .ccddata import CCDData

    require_ccd("ccd", ccd)
    if fits_section is not None and not isinstance(fits_section, str):
        raise WrongType(f"fits_section must be a string, not {fits_section!r}")
    if 0 in ccd.shape:
        raise CcdlibError(f"an image of shape {ccd.shape} has no pixels")
    if fits_section is None:
        return log_step(CCDData(ccd, copy=True), "trim_image", add_keyword)
    section = _section(fits_section, ccd.shape)
    trimmed = CCDData(ccd)[section.slices].copy()
    if section.flip_x or section.flip_y:
        trimmed = _flipped(_without_distortions(trimmed), section)
    return log_step(trimmed, "trim_image", add_keyword, fits_section=fits_section)
