"""All the steps of a calibration in one call, under ccdproc's name."""

from typing import Any

import numpy as np
from astropy import nddata
from astropy import units as u

from ..errors import CcdlibError
from .calibration import (
    create_deviation,
    flat_correct,
    gain_correct,
    subtract_bias,
    subtract_dark,
)
from .ccddata import CCDData
from .conversion import WrongType, require_ccd
from .keywords import AddKeyword, Keyword
from .metadata import conf, log_step
from .overscan_and_trim import subtract_overscan, trim_image

__all__ = ["ccd_process"]


def _kind(value):
    return type(value).__name__


def _check_kinds(oscan, trim, gain, masters):
    """Refuse arguments of the wrong kind, in the words that users of ccdproc know."""
    if oscan is not None and not isinstance(oscan, (str, nddata.CCDData)):
        raise WrongType(f"oscan is not None, a string, or CCDData object, it is a {_kind(oscan)}")
    if trim is not None and not isinstance(trim, str):
        raise WrongType(f"trim is not None or a string, it is {trim!r}")
    if gain is not None and not isinstance(gain, u.Quantity):
        raise WrongType(f"gain is not None or astropy.units.Quantity, it is {gain!r}")
    for name, master in masters.items():
        if master is not None and not isinstance(master, nddata.CCDData):
            raise WrongType(f"{name} is not None or a CCDData object, it is a {_kind(master)}")


def _with_bad_pixels(ccd, bad):
    if bad is None:
        return ccd
    if not isinstance(bad, np.ndarray):
        raise WrongType(f"bad_pixel_mask is not None or numpy.ndarray, it is a {_kind(bad)}")
    if bad.shape != ccd.shape:
        raise CcdlibError(f"bad_pixel_mask has shape {bad.shape}, the image has {ccd.shape}")
    replaced = ccd.mask is None or conf.as_ccdproc
    ccd.mask = bad.astype(bool) if replaced else ccd.mask | bad.astype(bool)
    return ccd


def _without_overscan(ccd, oscan, trim, median, model):
    if oscan is not None:
        where: dict[str, Any] = {"fits_section" if isinstance(oscan, str) else "overscan": oscan}
        ccd = subtract_overscan(ccd, **where, median=median, model=model, add_keyword=None)
    return ccd if trim is None else trim_image(ccd, trim, add_keyword=None)


def _deviation(ccd, gain, readnoise, in_electrons, signal):
    step = gain.value if in_electrons else None
    gain = None if in_electrons else gain
    return create_deviation(
        ccd, gain=gain, readnoise=readnoise, signal=signal, digitisation=step, add_keyword=None
    )


def ccd_process(
    ccd: nddata.CCDData,
    oscan: nddata.CCDData | str | None = None,
    trim: str | None = None,
    error: bool = False,
    master_bias: nddata.CCDData | None = None,
    dark_frame: nddata.CCDData | None = None,
    master_flat: nddata.CCDData | None = None,
    bad_pixel_mask: np.ndarray | None = None,
    gain: u.Quantity | None = None,
    readnoise: u.Quantity | None = None,
    oscan_median: bool = True,
    oscan_model: Any = None,
    min_value: float | u.Quantity | None = None,
    dark_exposure: u.Quantity | float | None = None,
    data_exposure: u.Quantity | float | None = None,
    exposure_key: str | Keyword | None = None,
    exposure_unit: u.UnitBase | None = None,
    dark_scale: bool = False,
    gain_corrected: bool = True,
    *,
    signal: str = "own",
    add_keyword: AddKeyword = True,
) -> CCDData:
    """Overscan, trim, bad pixels, gain, bias, noise, dark and flat, in this order.

    The noise is computed after the bias and before the dark is subtracted, because dark current
    has photon noise and the pedestal has none; see `create_deviation`.

    Parameters
    ----------
    ccd : CCDData, shape (ny, nx)
    oscan : CCDData, str or None
        The overscan or its FITS section.
    trim : str or None
        FITS section.
    error : bool
        Whether to add the noise to the uncertainty; needs `gain` and `readnoise`.
    master_bias, dark_frame, master_flat : CCDData or None
    bad_pixel_mask : ndarray or None
        Non-zero where bad; OR-ed with the existing mask.
    gain, readnoise : Quantity or None
    oscan_median : bool
    oscan_model : astropy.modeling.Model or None
    min_value : float, Quantity or None
        See `flat_correct`.
    dark_exposure, data_exposure, exposure_key, exposure_unit, dark_scale
        See `subtract_dark`.
    gain_corrected : bool
        True: the masters are in the unit that the gain leads to, and it is applied before
        them; False: it is applied at the end.
    signal : {'own', 'expected'}
        See `create_deviation`.
    add_keyword : str, Keyword, dict, bool or None
        See `ccdlib.toolbox.metadata.log_step`.

    Returns
    -------
    CCDData

    Raises
    ------
    CcdlibError
        As the steps do, and for ``error=True`` without gain or readnoise.
    WrongType
        If an argument is of the wrong kind.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy import units as u
    >>> from ccdlib import CCDData, ccd_process
    >>> raw = CCDData(np.full((4, 6), 1100.0), unit="adu")
    >>> raw.data[:, 4:] = 1000
    >>> done = ccd_process(raw, oscan="[5:6,:]", trim="[1:4,:]", gain=2 * u.electron / u.adu)
    >>> done.shape, float(done.data[0, 0]), str(done.unit)
    ((4, 4), 200.0, 'electron')
    """
    require_ccd("ccd", ccd)
    masters = {"master_bias": master_bias, "dark_frame": dark_frame, "master_flat": master_flat}
    _check_kinds(oscan, trim, gain, masters)
    if error and (gain is None or readnoise is None):
        raise CcdlibError(
            "gain and readnoise must be specified to create error frame: "
            f"gain={gain}, readnoise={readnoise}"
        )
    done = CCDData(ccd, copy=True)
    done = _without_overscan(done, oscan, trim, oscan_median, oscan_model)
    done = _with_bad_pixels(done, bad_pixel_mask)
    early = gain is not None and gain_corrected
    # as ccdproc does it, the noise is that of data with their bias
    late_noise = error and not conf.as_ccdproc
    if error and not late_noise:
        done = create_deviation(done, gain=gain, readnoise=readnoise, add_keyword=None)
    if early:
        done = gain_correct(done, gain, add_keyword=None)
    if master_bias is not None:
        done = subtract_bias(done, master_bias, add_keyword=None)
    if late_noise:
        done = _deviation(done, gain, readnoise, early, signal)
    if dark_frame is not None:
        times = (dark_exposure, data_exposure, exposure_key, exposure_unit, dark_scale)
        done = subtract_dark(done, dark_frame, *times, add_keyword=None)
    if master_flat is not None:
        done = flat_correct(done, master_flat, min_value, add_keyword=None)
    if gain is not None and not gain_corrected:
        done = gain_correct(done, gain, add_keyword=None)
    arguments = {
        **{"oscan": oscan, "oscan_median": oscan_median if oscan is not None else None},
        **{"oscan_model": oscan_model, "trim": trim, "error": error, **masters},
        **{"bad_pixel_mask": bad_pixel_mask, "gain": gain, "readnoise": readnoise},
        **{"min_value": min_value, "gain_corrected": gain_corrected},
    }
    return log_step(done, "ccd_process", add_keyword, **arguments)
