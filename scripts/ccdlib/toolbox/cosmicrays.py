"""Cosmic rays in CCDData and arrays, under the names of ccdproc."""

from dataclasses import replace

import numpy as np
from astropy import nddata
from astropy import units as u
from astropy.utils.exceptions import AstropyDeprecationWarning

from .. import dq
from ..errors import CcdlibError
from ..frame.cosmic_rays import median_hits, replace_hits, replacements
from ..frame.image import Image
from ..statistics.robust import robust_sigma
from . import as_ccdproc
from .ccddata import CCDData
from .conversion import (
    UnitsMismatch,
    WrongType,
    finite_mask,
    from_image,
    in_unit,
    require_numpy,
    to_image,
    warn,
)
from .keywords import AddKeyword
from .metadata import conf, log_step

__all__ = ["cosmicray_lacosmic", "cosmicray_median"]


def _flag(flags, where, bit):
    return np.where(where, flags | flags.dtype.type(bit), flags)


def _lacosmic_numbers(ccd, gain, readnoise, satlevel):
    """Gain with its unit, and read noise and saturation in the unit of gain times data."""
    bare = not isinstance(gain, u.Quantity)
    twice = ccd.unit == u.electron and (gain if bare else gain.value) != 1
    # as ccdproc does it, the result is in electron2 / adu, and nothing else looks at units
    theirs = twice and conf.as_ccdproc
    if twice and (bare or theirs):
        warn(
            f"Image unit is electron but gain value is not 1.0 but {gain}: its data may end up "
            "gain corrected twice"
        )
    if bare:
        gain = gain * (u.one if ccd.unit == u.electron and not theirs else u.electron / u.adu)
    if theirs:
        return gain, *(u.Quantity(each).value for each in (readnoise, satlevel))
    unit = ccd.unit * gain.unit
    numbers = []
    for name, value in (("readnoise", readnoise), ("satlevel", satlevel)):
        value = value if isinstance(value, u.Quantity) else value * u.electron
        if name == "satlevel" and value.unit == ccd.unit != unit:
            value = value * gain
        if not value.unit.is_equivalent(unit):
            raise UnitsMismatch(
                f"Inconsistent units: gain times data is in {unit}, {name} in {value.unit}"
            )
        numbers.append(value.to_value(unit))
    return gain, *numbers


def _found(data, inmask, settings):
    """Hits and cleaned image, in the unit of the data."""
    from ..frame.lacosmic import detect_cosmics

    pssl = settings.pop("pssl")
    if pssl and (settings["inbkg"] is not None or settings["invar"] is not None):
        raise CcdlibError(f"Cannot set both pssl, which is {pssl}, and inbkg or invar")
    if pssl:
        warn("pssl is deprecated: give the background as inbkg", AstropyDeprecationWarning)
    for name in ("inbkg", "invar"):
        if settings[name] is not None and np.ndim(settings[name]) == 0:
            settings[name] = np.full(np.shape(data), settings[name], np.float32)
    hit, cleaned = detect_cosmics(np.asarray(data) + pssl, inmask, **settings)
    return hit, cleaned - np.float32(pssl)


def cosmicray_lacosmic(
    ccd: nddata.CCDData | np.ndarray,
    sigclip: float = 4.5,
    sigfrac: float = 0.3,
    objlim: float = 5.0,
    gain: float | u.Quantity = 1.0,
    readnoise: float | u.Quantity = 6.5,
    satlevel: float | u.Quantity = 65535.0,
    pssl: float = 0.0,
    niter: int = 4,
    sepmed: bool = True,
    cleantype: str = "meanmask",
    fsmode: str = "median",
    psfmodel: str = "gauss",
    psffwhm: float = 2.5,
    psfsize: int = 7,
    psfk: np.ndarray | None = None,
    psfbeta: float = 4.765,
    verbose: bool = False,
    gain_apply: bool = True,
    inbkg: np.ndarray | None = None,
    invar: np.ndarray | None = None,
    *,
    add_keyword: AddKeyword = True,
) -> CCDData | tuple[np.ndarray, np.ndarray]:
    """Find cosmic rays by LA Cosmic and replace them.

    An iteration compares the Laplacian of the image with its noise, replaces what stands out
    and looks again; see `ccdlib.frame.lacosmic.detect_cosmics` for the formulae.

    Parameters
    ----------
    ccd : CCDData or ndarray, shape (ny, nx)
        With its sky, or with `inbkg`: the noise is computed from it.
    sigclip, sigfrac, objlim : float
        Limits of the Laplacian over the noise, of neighbours as a fraction of it, and of its
        contrast with the fine structure of stars.
    gain : float or Quantity
        Electrons per unit of the data. Must be 1 for data in electrons.
    readnoise : float or Quantity
        Electrons, or a Quantity in the unit of gain times data.
    satlevel : float or Quantity
        Electrons; a Quantity may be in the unit of the data.
    pssl : float
        A sky level that was subtracted, in the unit of the data. Deprecated: `inbkg` takes its
        place.
    niter : int
        Largest number of iterations.
    sepmed, cleantype, fsmode, psfmodel, psffwhm, psfsize, psfk, psfbeta
        See `ccdlib.frame.lacosmic.detect_cosmics`.
    verbose : bool
        Has no effect.
    gain_apply : bool
        Whether data and uncertainty of the result are multiplied by the gain.
    inbkg, invar : ndarray, number or None
        Background to be subtracted during the search, in the unit of the data, and variance in
        its square.
    add_keyword : str, Keyword, dict, bool or None
        See `ccdlib.toolbox.metadata.log_step`.

    Returns
    -------
    CCDData
        Found pixels carry COSMIC_RAY and INTERPOLATED, and the variance of the pixels around
        them; NaN carry NO_DATA, pixels at saturation SATURATED. All of them are masked.
    (ndarray, ndarray of bool)
        For an array: the cleaned image and the cosmic rays.

    Raises
    ------
    UnitsMismatch
        If gain, readnoise, satlevel and data do not go together.
    WrongType
        If `ccd` is neither.

    Notes
    -----
    Source: van Dokkum 2001, PASP 113, 1420, as in astroscrappy 1.3.

    Examples
    --------
    >>> import numpy as np
    >>> from ccdlib import CCDData, cosmicray_lacosmic, dq
    >>> image = CCDData(np.full((40, 40), 100.0, np.float32), unit="adu")
    >>> image.data[20, 20] = 3000
    >>> clean = cosmicray_lacosmic(image, gain=2.0, readnoise=5.0)
    >>> dq.names(clean.dq[20, 20]), float(clean.data[20, 20]), str(clean.unit)
    (['COSMIC_RAY', 'INTERPOLATED'], 200.0, 'electron')
    """
    settings = {
        **{"sigclip": sigclip, "sigfrac": sigfrac, "objlim": objlim, "niter": niter},
        **{"sepmed": sepmed, "cleantype": cleantype, "fsmode": fsmode, "psfmodel": psfmodel},
        **{"psffwhm": psffwhm, "psfsize": psfsize, "psfk": psfk, "psfbeta": psfbeta},
        **{"inbkg": inbkg, "invar": invar, "pssl": pssl},
    }
    if isinstance(ccd, nddata.CCDData):
        require_numpy("ccd", ccd.data)
        gain, readnoise, satlevel = _lacosmic_numbers(ccd, gain, readnoise, satlevel)
        settings |= {"gain": gain.value, "readnoise": readnoise, "satlevel": satlevel}
        result = _lacosmic_ccd(ccd, dict(settings), gain, gain_apply)
        return log_step(_with_mask(result), "cosmicray_lacosmic", add_keyword, **settings)
    if not isinstance(ccd, np.ndarray):
        raise WrongType(f"ccd is not a CCDData or ndarray object, it is a {type(ccd).__name__}")
    gain, readnoise, satlevel = (
        getattr(each, "value", each) for each in (gain, readnoise, satlevel)
    )
    settings |= {"gain": gain, "readnoise": readnoise, "satlevel": satlevel}
    hit, cleaned = _found(ccd, None, settings)
    if conf.as_ccdproc:
        return as_ccdproc.gained(cleaned, gain, gain_apply), hit
    return cleaned * np.float32(gain) if gain_apply else cleaned, hit


def _lacosmic_ccd(ccd, settings, gain, gain_apply):
    image, unusable = to_image(ccd), finite_mask(ccd)
    if conf.as_ccdproc:
        hit, cleaned = _found(image.data, ccd.mask, settings)
        return as_ccdproc.cosmicray_lacosmic(ccd, cleaned, hit, gain, gain_apply)
    hit, cleaned = _found(image.data, unusable, settings)
    flags = _flag(image.dq, ~np.isfinite(image.data), dq.NO_DATA)
    flags = _flag(flags, image.data * gain.value >= settings["satlevel"], dq.SATURATED)
    flags = _flag(flags, hit, dq.COSMIC_RAY | dq.INTERPOLATED)
    data = np.where(hit, cleaned, image.data).astype(image.data.dtype)
    variance = np.array(np.broadcast_to(np.asarray(image.variance), data.shape))
    if ccd.uncertainty is not None and hit.any():
        spread = replacements(image.data, hit, ~unusable & (flags == image.dq))[1]
        variance[hit] = np.where(np.isfinite(spread), spread, variance[hit])
    factor = float(gain.value) if gain_apply else 1.0
    image = replace(image, data=data * factor, variance=variance * factor**2, dq=flags)
    return from_image(ccd, image, unit=ccd.unit * gain.unit if gain_apply else ccd.unit)


def _sigma(data, good, box):
    """Robust noise of an image above its own median filter."""
    from scipy.ndimage import median_filter

    residual = (data - median_filter(data, box))[good]
    return robust_sigma(residual)


def _median_search(image, unusable, sigma, numbers):
    """Hits of the median method, and the image with them replaced where rbox is not 0."""
    from scipy.ndimage import maximum_filter

    thresh, mbox, gbox, rbox = numbers
    good = ~unusable
    if not good.any():
        warn("the image has no pixel that is not masked: no cosmic rays are looked for")
        return np.zeros(image.shape, bool), image
    # a median filter cannot order NaN
    filled = np.where(np.isfinite(image.data), image.data, np.median(image.data[good]))
    sigma = _sigma(filled, good, mbox) if sigma is None else sigma
    hit = median_hits(filled, sigma, thresh, mbox, "reflect") & good
    if gbox > 0:
        hit = maximum_filter(hit, gbox) & good
    if rbox > 0:
        image = replace_hits(image, hit, good & ~hit, [rbox // 2, rbox, 2 * rbox])
    return hit, image


def _with_mask(result):
    """`result` with a mask, which a caller counts, where nothing was found, too."""
    if result.mask is None:
        result.mask = np.zeros(result.shape, bool)
    return result


def _median_as_ccdproc(ccd, error, numbers, add_keyword):
    """As `cosmicray_median`, with the standard deviation of all data where no error is given."""
    is_ccd = isinstance(ccd, nddata.CCDData)
    if error is None and is_ccd and ccd.uncertainty is not None:
        error = ccd.uncertainty.array
    data = ccd.data if is_ccd else ccd
    error = np.std(data) if error is None else getattr(error, "value", error)
    cleaned, hit = as_ccdproc.cosmicray_median(data, error, *numbers)
    if not is_ccd:
        return cleaned, hit
    result = CCDData(ccd, copy=True)
    result.data = cleaned
    result.mask = hit if ccd.mask is None else np.asarray(ccd.mask, bool) | hit
    arguments = dict(zip(("thresh", "mbox", "gbox", "rbox"), numbers, strict=True))
    return log_step(result, "cosmicray_median", add_keyword, **arguments)


def _check_error(error, shape):
    """Refuse what is no number and no number for each pixel."""
    if np.asarray(error).dtype.kind not in "fiu":
        raise WrongType(f"error_image is not a float or ndarray, it is a {type(error).__name__}")
    if np.ndim(error) and np.shape(error) != shape:
        raise CcdlibError(
            f"error_image is not the same shape as data: {np.shape(error)}, the image has {shape}"
        )


def cosmicray_median(
    ccd: nddata.CCDData | np.ndarray,
    error_image: float | np.ndarray | u.Quantity | None = None,
    thresh: float = 5,
    mbox: int = 11,
    gbox: int = 0,
    rbox: int = 0,
    *,
    add_keyword: AddKeyword = True,
) -> CCDData | tuple[np.ndarray, np.ndarray]:
    """Find cosmic rays as pixels far above the median around them.

    ::

        (data - median over mbox x mbox) / error > thresh

    Parameters
    ----------
    ccd : CCDData or ndarray, shape (ny, nx)
    error_image : float, ndarray, Quantity or None
        Standard deviation, in the unit of the data. None takes the uncertainty, and without
        one 1.4826 times the median absolute deviation of data minus median filter.
    thresh : float
    mbox : int
        Side of the box of the median.
    gbox : int
        Hits grow to squares of this side; 0 for none.
    rbox : int
        Hits are replaced by the median of the unmasked pixels in a box of this side that are not
        hits, of larger boxes where there are fewer than three; 0 replaces none.
    add_keyword : str, Keyword, dict, bool or None
        See `ccdlib.toolbox.metadata.log_step`.

    Returns
    -------
    CCDData
        Hits carry COSMIC_RAY; replaced ones INTERPOLATED and the variance of the pixels that
        replace them. Masks are OR-ed.
    (ndarray, ndarray of bool)
        For an array: the image and the cosmic rays.

    Raises
    ------
    CcdlibError
        If `error_image` has another shape than the data.
    UnitsMismatch
        If it is a Quantity in a unit that does not go with that of a CCDData.
    WrongType
        If `ccd` is neither.

    Notes
    -----
    Source: the task crmedian of IRAF's crutil package, without its noise model.

    Examples
    --------
    >>> import numpy as np
    >>> from ccdlib import cosmicray_median
    >>> image = np.full((20, 20), 50.0)
    >>> image[7, 9] = 900
    >>> clean, hit = cosmicray_median(image, error_image=5.0, rbox=5)
    >>> float(clean[7, 9]), int(hit.sum())
    (50.0, 1)
    """
    numbers = thresh, mbox, gbox, rbox
    if not isinstance(ccd, (nddata.CCDData, np.ndarray)):
        raise WrongType(f"ccd is not a CCDData or ndarray object, it is a {type(ccd).__name__}")
    if isinstance(ccd, nddata.CCDData):
        require_numpy("ccd", ccd.data)
    if error_image is not None:
        _check_error(error_image, ccd.shape)
    if conf.as_ccdproc:
        return _median_as_ccdproc(ccd, error_image, numbers, add_keyword)
    if isinstance(ccd, nddata.CCDData):
        image, error_image = to_image(ccd), in_unit(error_image, ccd.unit, "error_image")
        if error_image is None and ccd.uncertainty is not None:
            error_image = np.sqrt(np.asarray(image.variance))
        hit, image = _median_search(image, finite_mask(ccd), error_image, numbers)
        result = from_image(ccd, replace(image, dq=_flag(image.dq, hit, dq.COSMIC_RAY)))
        arguments = {"thresh": thresh, "mbox": mbox, "gbox": gbox, "rbox": rbox}
        return log_step(_with_mask(result), "cosmicray_median", add_keyword, **arguments)
    unusable = ~np.isfinite(ccd) | np.ma.getmaskarray(ccd)
    data = np.array(np.ma.getdata(ccd), dtype=np.result_type(ccd, np.float32))
    image = Image(data, np.zeros_like(data), np.zeros(data.shape, np.uint16), "")
    error_image = getattr(error_image, "value", error_image)
    hit, image = _median_search(image, np.asarray(unusable), error_image, numbers)
    return image.data, hit
