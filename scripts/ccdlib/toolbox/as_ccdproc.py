"""Images and stacks by ccdproc's own formulae, for `conf.as_ccdproc`.

Numbers agree with ccdproc's to rounding, where these are wrong, too: deviations of n and not n - 1,
medians whose sigma leaves out their efficiency, clips of unscaled and of masked values, weights of
masked values, uncertainties that stay in the old unit. docs/differences.md says what and why. Only
whole numbers that wrap round are not copied.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from astropy import nddata
from astropy import units as u
from numpy.typing import ArrayLike

from ..statistics.robust import MAD_TO_SIGMA
from .ccddata import CCDData
from .conversion import warn

__all__ = [
    "background_deviation_box",
    "blocks",
    "ccdmask",
    "clipped_by_sigma",
    "clipped_extrema",
    "combined",
    "cosmicray_lacosmic",
    "cosmicray_median",
    "flat_correct",
    "gain_correct",
    "gained",
    "rebin",
    "subtract",
    "subtract_overscan",
    "tell_lost",
]


def _with_header(result, ccd):
    """`result` with the header of the image that it is made from."""
    result.meta = ccd.meta.copy()
    return result


def subtract(ccd: nddata.CCDData, master: nddata.CCDData, factor: Any = None) -> CCDData:
    """An image minus a master, which may be multiplied by a dimensionless Quantity before."""
    master = CCDData(master)
    scaled = master if factor is None else master.multiply(factor)
    return _with_header(CCDData(ccd).subtract(scaled), ccd)


def gain_correct(ccd: nddata.CCDData, gain: u.Quantity | float) -> CCDData:
    """An image times the gain."""
    return _with_header(CCDData(ccd).multiply(gain), ccd)


def flat_correct(
    ccd: nddata.CCDData,
    flat: nddata.CCDData,
    min_value: float | u.Quantity | None,
    norm_value: float | u.Quantity | None,
) -> CCDData:
    """An image over a flat that is divided by the plain mean of all its pixels, or by `norm_value`.

    Masked pixels of the flat count in the mean and are not divided by.
    """
    divisor = CCDData(flat, copy=True)
    if min_value is not None:
        least = u.Quantity(min_value, flat.unit).value
        divisor.data[divisor.data < least] = least
    norm = np.mean(divisor.data) if norm_value is None else norm_value
    divisor = divisor.divide(u.Quantity(norm, flat.unit))
    if divisor.mask is not None:
        divisor.data[np.broadcast_to(divisor.mask, divisor.shape)] = 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        return _with_header(CCDData(ccd).divide(divisor), ccd)


def subtract_overscan(
    ccd: nddata.CCDData, overscan: nddata.CCDData, axis: int, median: bool, model: Any
) -> CCDData:
    """An image minus the mean or median of all overscan pixels of a row, or a line through these.

    The uncertainty stays as it was.
    """
    level = (np.median if median else np.mean)(np.asarray(overscan.data, float), axis=axis)
    if model is not None:
        from astropy.modeling import fitting

        rows = np.arange(len(level))
        level = fitting.LinearLSQFitter()(model, rows, level)(rows)
    level = np.expand_dims(level, axis)
    result = CCDData(ccd, copy=True)
    kind = ccd.data.dtype if ccd.data.dtype.kind == "f" else float
    result.data = ccd.data - level.astype(kind)
    return result


def blocks(ccd: nddata.CCDData, data: np.ndarray) -> CCDData:
    """New pixels of an image, without its uncertainty, mask and WCS."""
    return CCDData(data, unit=ccd.unit, meta=ccd.meta.copy())


def tell_lost(ccd: nddata.CCDData) -> None:
    """Warn of what `blocks` leaves out."""
    lost = [name for name in ("uncertainty", "mask", "wcs") if getattr(ccd, name) is not None]
    if lost:
        warn(
            "The following attributes were set on the data object, but will be ignored by the "
            f"function: {', '.join(lost)}"
        )


def rebin(ccd: nddata.CCDData, places: tuple[np.ndarray, ...]) -> CCDData:
    """Some pixels of an image; the WCS stays the old one."""
    spread = ccd.uncertainty
    if spread is not None:
        spread = type(spread)(np.asarray(spread.array)[places], copy=False)
    result = blocks(ccd, np.asarray(ccd.data)[places])
    result.uncertainty = spread
    result.mask = None if ccd.mask is None else np.asarray(ccd.mask)[places]
    result.wcs = None if ccd.wcs is None else ccd.wcs.deepcopy()
    return result


def background_deviation_box(data: np.ndarray, bbox: int) -> np.ndarray:
    """The noise of boxes about every `bbox`-th pixel, the later over the earlier.

    What no box covers, the last row and column always, has the standard deviation of all.
    """
    from .filters import sigma_func

    result = np.full(data.shape, data.std(), np.result_type(data.dtype, 0.0))
    reach = max(bbox // 2, 1)
    for x in range(bbox // 2, data.shape[1], bbox):
        for y in range(bbox // 2, data.shape[0], bbox):
            box = tuple(
                slice(max(0, middle - reach), min(middle + reach + 1, length - 1))
                for middle, length in zip((y, x), data.shape, strict=True)
            )
            if data[box].size:
                result[box] = sigma_func(data[box])
    return result


def ccdmask(
    data: np.ndarray,
    findbadcolumns: bool,
    byblocks: bool,
    sides: tuple[tuple[int, int], tuple[int, int]],
    thresholds: tuple[float, float],
    ngood: int,
) -> np.ndarray:
    """Bad pixels of a ratio of flats, by a sigma that is half of one.

    Parameters
    ----------
    data : ndarray, shape (ny, nx)
        Masked pixels count as others; those not finite are bad, but by blocks.
    findbadcolumns, byblocks, ngood
        See `ccdlib.master.ccdmask.ccdmask`.
    sides : pair of (int, int)
        Lines and columns of the boxes of the median and of sigma.
    thresholds : (float, float)
        Below and above, in their sigma.
    """
    from scipy.ndimage import median_filter, percentile_filter

    residual = data - median_filter(data, size=sides[0])
    if byblocks:
        bad = np.zeros(data.shape, bool)
        for y in range(0, data.shape[0], sides[1][0]):
            for x in range(0, data.shape[1], sides[1][1]):
                block = slice(y, y + sides[1][0]), slice(x, x + sides[1][1])
                bad[block] = _bad_in_block(residual[block], thresholds, findbadcolumns)
    else:
        low, high = (percentile_filter(residual, each, size=sides[1]) for each in (30.9, 69.1))
        bad = ~np.isfinite(data) | _beyond(residual, (high - low) / 2, thresholds)
    if findbadcolumns:
        for column in bad.T:
            _close_short_gaps(column, ngood)
    return bad


def _beyond(values, sigma, thresholds):
    return (values < -thresholds[0] * sigma) | (values > thresholds[1] * sigma)


def _bad_in_block(residual, thresholds, columns):
    """Bad pixels of a block; a column's sum is compared with the root of a number of pixels.

    The number less the sum, in fact; below zero 1 takes its place.
    """
    low, high = np.percentile(residual, (30.9, 69.1))
    bad = _beyond(residual, (high - low) / 2, thresholds)
    if columns:
        total = np.maximum(np.where(bad, 0, residual).sum(axis=0), 0)
        number = residual.shape[1] - total
        bad |= total > thresholds[1] * np.sqrt(np.where(number < 0, 1, number))
    return bad


def _close_short_gaps(bad, ngood):
    """Flag up to `ngood` pixels of a column between bad ones; not near its end."""
    for first in range(len(bad) - ngood - 1):
        if bad[first]:
            for last in range(first + 2, first + ngood + 2):
                if bad[last]:
                    bad[first:last] = True


def gained(cleaned: np.ndarray, gain: float, gain_apply: bool) -> np.ndarray:
    """Cleaned pixels times a gain, in float64 where it is not 1."""
    return cleaned * np.float64(gain) if gain_apply and gain != 1 else cleaned


def cosmicray_lacosmic(
    ccd: nddata.CCDData, cleaned: np.ndarray, hit: np.ndarray, gain: u.Quantity, gain_apply: bool
) -> CCDData:
    """An image of cleaned pixels: its unit follows the gain in any case, its uncertainty never."""
    result = CCDData(ccd, copy=True)
    result.unit = ccd.unit * gain.unit
    result.data = gained(cleaned, gain.value, gain_apply)
    result.mask = hit if ccd.mask is None else np.asarray(ccd.mask, bool) | hit
    return result


def cosmicray_median(
    data: np.ndarray, error: float | np.ndarray, thresh: float, mbox: int, gbox: int, rbox: int
) -> tuple[np.ndarray, np.ndarray]:
    """Pixels above the median filter; replaced by that of `rbox`, cosmic rays included."""
    from scipy.ndimage import maximum_filter, median_filter

    data = np.asarray(data)
    hit = (data - median_filter(data, mbox)) / error > thresh
    if gbox > 0:
        hit = maximum_filter(hit, gbox)
    cleaned = data.copy()
    if rbox > 0:
        cleaned[hit] = median_filter(data, rbox)[hit]
    return cleaned, hit


def clipped_extrema(values: np.ndarray, nlow: int, nhigh: int) -> np.ndarray:
    """Where the lowest and highest values (n, ...) are, masked ones among them."""
    order = np.argsort(values, axis=0)
    out = np.zeros(values.shape, bool)
    for places in (order[:nlow], order[len(order) - nhigh :]):
        np.put_along_axis(out, places, True, axis=0)
    return out


def clipped_by_sigma(
    values: np.ndarray,
    low: float | None,
    high: float | None,
    func: str | Callable | None,
    dev_func: str | Callable | None,
    maxiters: int | None,
) -> np.ndarray:
    """Where values (n, ...) are too far from their center; unscaled, masked ones among them.

    Where `func` gives NaN, as numpy's functions for masked arrays do of a NaN, all are.
    """
    from astropy.stats import sigma_clip

    limits = [np.inf if each is None else abs(each) for each in (low, high)]
    if not np.isfinite(values).all():
        warn("Input data contains invalid values (NaNs or infs), which were automatically clipped.")
    with warnings.catch_warnings():
        # said above, from the caller's line
        warnings.simplefilter("ignore")
        # without a copy astropy holds the values against the last limits alone
        clipped = sigma_clip(
            values,
            sigma_lower=limits[0],
            sigma_upper=limits[1],
            cenfunc="mean" if func is None else func,
            stdfunc="std" if dev_func is None else dev_func,
            maxiters=maxiters,
            axis=0,
            copy=False,
        )
    return np.ma.getmaskarray(clipped).copy()


def _median_spread(values):
    """1.4826 times the median absolute deviation, of n values without their efficiency."""
    return MAD_TO_SIGMA * np.nanmedian(np.abs(values - np.nanmedian(values, axis=0)), axis=0)


def _weighted(values, weights, total):
    """Sums of weighted values and of the weights; those of masked values count."""
    weights = np.asarray(weights, float)
    if weights.shape != values.shape:
        weights = weights.reshape(-1, *[1] * (values.ndim - 1))
    return total(values * weights, axis=0), total(weights, axis=0)


def _value(method, values, weights, function, sum_func):
    """The combined value, by ccdproc's default functions or the caller's."""
    defaults: dict[str, Callable] = {"mean": np.nanmean, "median": np.nanmedian, "sum": np.nansum}
    combine = function or defaults[method]
    if weights is None or method == "median":
        return combine(values, axis=0)
    if method == "sum":
        return _weighted(values, weights, combine)[0]
    value, norm = _weighted(values, weights, sum_func or np.nansum)
    return value / norm


def combined(
    method: str,
    data: np.ma.MaskedArray,
    weights: ArrayLike | None,
    function: Callable | None,
    sum_func: Callable | None,
    uncertainty_func: Callable | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Combine scaled values.

    Parameters
    ----------
    method : {'mean', 'median', 'sum'}
    data : MaskedArray, shape (n, ...)
    weights : ndarray or None
    function, sum_func, uncertainty_func : callable or None
        In place of the mean, median or sum; of the sum in weighted means; of the deviation.

    Returns
    -------
    value, sigma : ndarray
    empty : ndarray of bool
        Where no value was left.
    """
    values: Any = data if function is not None else np.ma.filled(data, np.nan)
    lost = (np.ma.getmaskarray(data) if function is not None else np.isnan(values)).sum(axis=0)
    default = _median_spread if method == "median" else lambda each: np.nanstd(each, axis=0)
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        # of pixels without a value
        warnings.simplefilter("ignore", RuntimeWarning)
        value = _value(method, values, weights, function, sum_func)
        if uncertainty_func is None:
            spread = default(np.ma.filled(values, np.nan))
        else:
            spread = uncertainty_func(values, axis=0)
        sigma = np.asarray(spread) / np.sqrt(len(data) - lost)
    if method == "sum":
        sigma = sigma * (len(data) - lost)
    return np.asarray(value), sigma, lost == len(data)
