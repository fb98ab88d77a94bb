"""Noise, gain, bias, dark and flat of CCDData, under the names of ccdproc."""

from dataclasses import replace

import numpy as np
from astropy import nddata
from astropy import units as u

from .. import dq
from ..camera.sections import parse_section
from ..errors import CcdlibError
from ..frame import steps
from ..frame.noise import DIGITISATION
from . import as_ccdproc, plain_planes
from .by_rows import by_rows
from .ccddata import CCDData
from .conversion import (
    UnitsMismatch,
    WrongType,
    finite_mask,
    floats,
    in_memory,
    in_unit,
    require_ccd,
    same_shape,
    to_image,
    unit_factor,
    warn,
)
from .keywords import AddKeyword, Keyword, card_value
from .metadata import conf, log_step

__all__ = ["create_deviation", "flat_correct", "gain_correct", "subtract_bias", "subtract_dark"]


def _check_noise_units(ccd, gain, readnoise):
    for name, value in (("gain", gain), ("readnoise", readnoise)):
        if value is not None and not isinstance(value, u.Quantity):
            raise WrongType(f"{name} must be a Quantity, not {value!r}")
    signal = ccd.unit if gain is None else gain.unit * ccd.unit
    if signal != readnoise.unit:
        raise UnitsMismatch(
            f"units of data, gain and readnoise do not match: gain times data is in {signal}, "
            f"readnoise in {readnoise.unit}"
        )


def _own_signal(data, gain, readnoise, disregard_nan):
    """The deviation from the pixel's own value; a negative value counts as 0 or NaN."""
    electrons = gain * data
    if disregard_nan:
        np.maximum(electrons, 0, out=electrons)
    else:
        electrons[electrons < 0] = np.nan
    electrons += readnoise * readnoise
    np.sqrt(electrons, out=electrons)
    electrons /= gain
    return electrons


def create_deviation(
    ccd_data: nddata.CCDData,
    gain: u.Quantity | None = None,
    readnoise: u.Quantity | None = None,
    disregard_nan: bool = False,
    *,
    signal: str = "own",
    digitisation: float | None = None,
    add_keyword: AddKeyword = True,
) -> CCDData:
    """Give an image the deviation of photons and read-out.

    ::

        uncertainty = sqrt(gain * data + readnoise^2) / gain

    in the unit of the data; with ``signal="expected"`` ::

        variance = signal / gain + (readnoise / gain)^2 + step^2 / 12

    where the signal is estimated from the pixels around, or is the pixel's own value where that
    differs too much (`ccdlib.frame.noise.expected_signal`). The pixel's own value as signal
    makes low values look precise and high ones uncertain. The pedestal must be gone.

    Parameters
    ----------
    ccd_data : CCDData, shape (ny, nx)
    gain : Quantity or None
        Electrons per unit of the data; None is 1 for data in electrons.
    readnoise : Quantity
        In the unit of gain times data.
    disregard_nan : bool
        With ``signal="own"``: whether a negative value counts as 0; else its deviation is NaN.
    signal : {'own', 'expected'}
        'own': the first formula; an uncertainty that was there is replaced. 'expected': the
        second, of which the pipeline's noise is made too; an uncertainty that was there (of a
        master bias, say) is added in quadrature.
    digitisation : float or None
        With ``signal="expected"``: step of the digitisation in the unit of the data; None: 1 in
        adu, else 0.
    add_keyword : str, Keyword, dict, bool or None
        See `ccdlib.toolbox.metadata.log_step`.

    Returns
    -------
    CCDData
        Data, mask and DQ are those of the input. For the expected signal, masked pixels do not
        count in their neighbours'.

    Raises
    ------
    CcdlibError
        Without readnoise, or with an unknown `signal`.
    UnitsMismatch
        If the units of gain, readnoise and data disagree.

    Notes
    -----
    Source: Janesick, Scientific Charge-Coupled Devices (2001); `ccdlib.frame.noise` for the signal.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy import units as u
    >>> from ccdlib import CCDData, create_deviation
    >>> sky = CCDData(np.full((9, 9), 200.0), unit="adu")
    >>> noisy = create_deviation(sky, gain=2 * u.electron / u.adu, readnoise=10 * u.electron)
    >>> round(float(noisy.uncertainty.array[4, 4]) ** 2, 3)  # 200 / 2 + (10 / 2)^2
    125.0
    """
    require_ccd("ccd_data", ccd_data)
    if signal not in ("own", "expected"):
        raise CcdlibError(f"signal is {signal!r}, not one of own, expected")
    if readnoise is None:
        raise CcdlibError("must provide a readnoise: there is no deviation without it")
    ccd_data = in_memory(ccd_data)
    _check_noise_units(ccd_data, gain, readnoise)
    electrons, noise = 1.0 if gain is None else float(gain.value), float(readnoise.value)
    data = to_image(ccd_data).data
    if signal == "own":
        sigma = _own_signal(data, electrons, noise, disregard_nan)
    else:
        step = float(ccd_data.unit == u.adu) if digitisation is None else digitisation
        sigma = np.sqrt(_expected_signal(ccd_data, electrons, noise, step))
    bare = CCDData(ccd_data)
    # what is replaced is not copied first
    bare.uncertainty = None
    result = CCDData(bare, copy=True)
    result.uncertainty = nddata.StdDevUncertainty(sigma.astype(data.dtype, copy=False), copy=False)
    return log_step(result, "create_deviation", add_keyword, gain=gain, readnoise=readnoise)


def _expected_signal(ccd, gain, readnoise, step):
    """The variance from the signal that the pixels around let expect, and what was there."""
    read_variance = (readnoise / gain) * (readnoise / gain) + DIGITISATION * step * step
    usable = replace(to_image(ccd), dq=finite_mask(ccd).astype(np.uint16))
    return steps.add_photon_noise(usable, gain, read_variance).variance


def _multiplication(ccd, factor, unit):
    """The step that multiplies rows by a number, or by as many numbers as there are pixels."""
    whole = np.broadcast_to(factor, ccd.shape) if np.ndim(factor) else factor

    def step(rows, image):
        part = whole[rows] if np.ndim(whole) else whole
        return steps.multiply(image, np.asarray(part).astype(image.data.dtype)[()], unit)

    return step


def _multiplied(ccd, factor, unit):
    try:
        np.broadcast_to(factor, ccd.shape)
    except ValueError:
        raise CcdlibError(
            f"the gain has shape {np.shape(factor)}, the image has {ccd.shape}"
        ) from None
    plain = plain_planes.multiplied(ccd, factor, unit)
    if plain is not None:
        return plain
    return by_rows(_multiplication(ccd, factor, str(unit)), ccd, unit=unit)


def gain_correct(
    ccd: nddata.CCDData,
    gain: u.Quantity | Keyword | float,
    gain_unit: u.UnitBase | None = None,
    *,
    add_keyword: AddKeyword = True,
) -> CCDData:
    """Multiply data and uncertainty by the gain.

    ::

        data * gain,  uncertainty * gain

    Parameters
    ----------
    ccd : CCDData
    gain : Quantity, Keyword or number
        A Quantity may be an array of the image's shape, with a gain for each pixel.
    gain_unit : Unit or None
        Unit of a plain number.
    add_keyword : str, Keyword, dict, bool or None
        See `ccdlib.toolbox.metadata.log_step`.

    Returns
    -------
    CCDData
        In the unit of the data times that of the gain; mask and DQ as they were.

    Raises
    ------
    CcdlibError
        If a gain is not positive, or there are not as many as pixels.

    Warns
    -----
    AstropyUserWarning
        If the data are in electrons and the gain is in electrons per something.

    Examples
    --------
    >>> from astropy import units as u
    >>> from ccdlib import CCDData, gain_correct
    >>> result = gain_correct(CCDData([[10.0, 20.0]], unit="adu"), 1.5 * u.electron / u.adu)
    >>> result.data.tolist(), str(result.unit)
    ([[15.0, 30.0]], 'electron')
    """
    require_ccd("ccd", ccd)
    value = gain.value_from(ccd.header) if isinstance(gain, Keyword) else gain
    if gain_unit is not None and not isinstance(value, u.Quantity):
        value = value * u.Unit(gain_unit)
    value = u.Quantity(value)
    if not np.all(value.value > 0):
        raise CcdlibError(f"gain is {value}, not positive")
    unit = ccd.unit * value.unit
    if ccd.unit == u.electron and value.unit != u.dimensionless_unscaled:
        warn(f"the image is in electron already, with a gain in {value.unit} it is in {unit}")
    if conf.as_ccdproc:
        # a number of Python's widens no float32
        plain = value.value.item() if value.isscalar and not value.unit.to_string() else value
        result = as_ccdproc.gain_correct(ccd, plain)
    else:
        result = _multiplied(ccd, value.value, unit)
    return log_step(result, "gain_correct", add_keyword, gain=gain, gain_unit=gain_unit)


def subtract_bias(
    ccd: nddata.CCDData, master: nddata.CCDData, *, add_keyword: AddKeyword = True
) -> CCDData:
    """Subtract a master bias.

    ::

        data - master,  sigma^2 + sigma_master^2

    Parameters
    ----------
    ccd, master : CCDData
        Both have the same shape, in convertible units.
    add_keyword : str, Keyword, dict, bool or None
        See `ccdlib.toolbox.metadata.log_step`.

    Returns
    -------
    CCDData
        Masks are OR-ed, DQ bits too; a pixel that the master has masked is NO_CALIBRATION.

    Raises
    ------
    CcdlibError
        If the shapes differ.
    UnitsMismatch
        If the units do.

    Examples
    --------
    >>> from ccdlib import CCDData, subtract_bias
    >>> raw, bias = CCDData([[1005, 1010]], unit="adu"), CCDData([[1000, 1001]], unit="adu")
    >>> subtract_bias(raw, bias).data.tolist()
    [[5.0, 9.0]]
    """
    factor = _factor(ccd, master, "the bias")
    if conf.as_ccdproc:
        result = as_ccdproc.subtract(ccd, master)
    else:
        result = _subtracted(steps.subtract_bias, ccd, master, factor)
    return log_step(result, "subtract_bias", add_keyword, master=master)


def _subtracted(step, ccd, master, factor, *scale):
    """`ccd` less a master, by a step that does it, or at once where both are plain."""
    plain = plain_planes.subtracted(ccd, master, *scale) if factor == 1 else None
    if plain is not None:
        return plain
    return by_rows(
        lambda rows, image, other: step(image, other, *scale), ccd, [master], factor=factor
    )


def _factor(ccd, master, name):
    """The factor that brings a master of the same shape to the unit of the image."""
    require_ccd("ccd", ccd)
    require_ccd(name, master)
    same_shape(ccd, master, name)
    return unit_factor(ccd, master, name)


def _from_text(value, keyword):
    """A number that a header holds as text; other values as they are."""
    if not isinstance(value, str):
        return value
    try:
        return float(value)
    except ValueError:
        raise CcdlibError(f"{keyword}: the exposure time is {value!r}, not a number") from None


def _exposure(value, ccd, keyword, unit, name):
    """An exposure time as a Quantity, from the argument or the header."""
    if value is None:
        if keyword is None:
            raise WrongType(
                "must specify either exposure_time or both dark_exposure and data_exposure"
            )
        from_keyword = isinstance(keyword, Keyword)
        value = keyword.value_from(ccd.header) if from_keyword else card_value(ccd.header, keyword)
        value = _from_text(value, keyword)
    if not isinstance(value, u.Quantity):
        if unit is None:
            raise WrongType(f"must provide unit for exposure time: {name} is {value!r}")
        value = value * u.Unit(unit)
    return value


def _exposures(ccd, master, dark_exposure, data_exposure, exposure_time, exposure_unit):
    given = dark_exposure is not None, data_exposure is not None
    if any(given) and exposure_time is not None:
        raise WrongType(
            "specify either exposure_time or (dark_exposure and data_exposure), not both"
        )
    if given[0] != given[1]:
        raise WrongType("must specify either exposure_time or both dark_exposure and data_exposure")
    light = _exposure(data_exposure, ccd, exposure_time, exposure_unit, "data_exposure")
    dark = _exposure(dark_exposure, master, exposure_time, exposure_unit, "dark_exposure")
    if not light.unit.is_equivalent(dark.unit):
        raise UnitsMismatch(f"the image was exposed {light}, the dark {dark}")
    return light, dark


def subtract_dark(
    ccd: nddata.CCDData,
    master: nddata.CCDData,
    dark_exposure: u.Quantity | float | None = None,
    data_exposure: u.Quantity | float | None = None,
    exposure_time: str | Keyword | None = None,
    exposure_unit: u.UnitBase | None = None,
    scale: bool = False,
    *,
    tolerance: float = 0.01,
    add_keyword: AddKeyword = True,
) -> CCDData:
    """Subtract a master dark, scaled to the image's exposure when asked.

    ::

        data - k master,  sigma^2 + k^2 sigma_master^2,  k = data_exposure / dark_exposure or 1

    Parameters
    ----------
    ccd, master : CCDData
        Both have the same shape, in convertible units. A dark that is scaled must not contain the
        bias.
    dark_exposure, data_exposure : Quantity or number
        The two exposure times.
    exposure_time : str or Keyword
        The header card to read both from instead.
    exposure_unit : Unit
        Unit of plain numbers.
    scale : bool
    tolerance : float
        Without `scale`: largest difference of the exposures over that of the image without a
        warning.
    add_keyword : str, Keyword, dict, bool or None
        See `ccdlib.toolbox.metadata.log_step`.

    Returns
    -------
    CCDData
        Masks are OR-ed, DQ bits too; a pixel that the master has masked is NO_CALIBRATION.

    Raises
    ------
    CcdlibError
        If shapes differ, or the dark's exposure is not positive and it has to be scaled.
    MissingCard
        If a header has no card with the exposure; it is a KeyError too.
    WrongType
        If exposures are given twice, once for one of them, or without a unit.
    UnitsMismatch
        If units do not go together.

    Warns
    -----
    AstropyUserWarning
        If the exposures differ and `scale` is off.

    Examples
    --------
    >>> from astropy import units as u
    >>> from ccdlib import CCDData, subtract_dark
    >>> light, dark = CCDData([[50.0]], unit="adu"), CCDData([[4.0]], unit="adu")
    >>> times = {"data_exposure": 30 * u.s, "dark_exposure": 10 * u.s}
    >>> subtract_dark(light, dark, scale=True, **times).data.tolist()
    [[38.0]]
    """
    unit = _factor(ccd, master, "the dark")
    times = dark_exposure, data_exposure, exposure_time, exposure_unit
    exposed, dark_exposed = _exposures(ccd, master, *times)
    light, dark = exposed.value, dark_exposed.to_value(exposed.unit)
    if scale and not (dark > 0 and light >= 0):
        raise CcdlibError(f"a dark of {dark_exposed} cannot be scaled to {exposed}")
    if not scale and not abs(dark - light) <= tolerance * light:
        warn(f"the dark was exposed {dark_exposed}, the image {exposed}: scale=True scales it")
    factor = (exposed / dark_exposed).to(u.dimensionless_unscaled) if scale else None
    if conf.as_ccdproc:
        result = as_ccdproc.subtract(ccd, master, factor)
    else:
        number = 1.0 if factor is None else float(factor.value)
        result = _subtracted(steps.subtract_dark, ccd, master, unit, number)
    arguments = {"master": master, "data_exposure": exposed, "dark_exposure": dark_exposed}
    return log_step(result, "subtract_dark", add_keyword, **arguments, scale=scale)


def _usable(flat):
    """The pixels of a flat, and which of them are finite and not masked."""
    data = floats(flat.data)
    return data, ~finite_mask(CCDData(data, unit=flat.unit, mask=flat.mask))


def _norm(flat, least, norm_value, normalise):
    """The level of the flat in its own unit, its values raised to `least`."""
    if norm_value is not None:
        value = in_unit(norm_value, flat.unit, "norm_value")
        if not value > 0:
            raise CcdlibError(f"norm_value must be greater than zero, not {norm_value}")
        return float(value)
    value = plain_planes.mean(flat, least) if normalise == "mean" else None
    if value is None:
        value = _level(flat, least, normalise)
    if not value > 0:
        raise CcdlibError(f"the flat's norm is {value}, not positive")
    return float(value)


def _level(flat, least, normalise):
    """The mean or median of the pixels that are finite and not masked, or of those in a section."""
    data, good = _usable(flat)
    if normalise.startswith("["):
        inside = np.zeros(flat.shape, bool)
        inside[parse_section(normalise, flat.shape).slices] = True
        good &= inside
    elif normalise not in ("mean", "median"):
        raise CcdlibError(f"normalise is {normalise!r}, not mean, median or a section")
    if not good.any():
        warn("the flat has no pixel that is not masked: no pixel of the image is divided")
        return 1.0
    values = data.ravel() if good.all() else data[good]
    if least is not None:
        values = np.maximum(values, values.dtype.type(least))
    return values.mean(dtype=np.float64) if normalise == "mean" else np.median(values)


def _least(flat, min_value):
    """`min_value` as a number in the unit of the flat, or None."""
    if min_value is None:
        return None
    least = float(in_unit(min_value, flat.unit, "min_value"))
    # a comparison with NaN is False
    if flat.mask is None and flat.data.size and np.max(flat.data) >= least:
        return least
    data, good = _usable(flat)
    largest = data[good].max(initial=-np.inf)
    if good.any() and largest < least:
        warn(f"no pixel of the flat reaches min_value {least:g}, the largest is {largest:g}")
    return least


def _raised(flat, least):
    """The flat with its low values raised to `least`, and where that was done."""
    if least is None:
        return flat, np.zeros(flat.shape, bool)
    low = (flat.data < least) & ((flat.dq & dq.NO_DATA) == 0)
    return replace(flat, data=np.where(low, flat.data.dtype.type(least), flat.data)), low


def _division(norm, least):
    """The step that divides rows by those of a flat over its norm."""

    def step(rows, image, flat):
        raised, low = _raised(flat, least)
        normed = steps.multiply(raised, 1 / norm, "")
        # the step divides by values at its limit too, so the limit must be above zero
        done = steps.divide_flat(image, normed, float(np.finfo(np.float32).tiny))
        return replace(done, dq=np.where(low, done.dq | np.uint16(dq.LOW_FLAT), done.dq))

    return step


def flat_correct(
    ccd: nddata.CCDData,
    flat: nddata.CCDData,
    min_value: float | u.Quantity | None = None,
    norm_value: float | u.Quantity | None = None,
    *,
    normalise: str = "mean",
    add_keyword: AddKeyword = True,
) -> CCDData:
    """Divide by a flat that is first divided by its own level.

    ::

        f = flat / norm,  data / f,  (sigma^2 + (data / f)^2 sigma_f^2) / f^2

    Parameters
    ----------
    ccd, flat : CCDData
        Both have the same shape; the flat may have any unit.
    min_value : float, Quantity or None
        The lowest value of the flat, in its unit: lower ones are raised to it before the flat
        is normalised, and their pixels flagged LOW_FLAT. Where the flat is still at or below
        zero, pixels are flagged and not divided.
    norm_value : float, Quantity or None
        The norm; None takes it from the flat.
    normalise : {'mean', 'median'} or str
        How: over the pixels that are finite and not masked; a FITS section is the median over
        it. One norm for the whole image, so that amplifiers keep their relative response.
    add_keyword : str, Keyword, dict, bool or None
        See `ccdlib.toolbox.metadata.log_step`.

    Returns
    -------
    CCDData
        In the unit of `ccd`. Masks are OR-ed, DQ bits too; a pixel that the flat has masked
        is not divided and is NO_CALIBRATION.

    Raises
    ------
    CcdlibError
        If shapes differ, or the norm is not positive.
    UnitsMismatch
        If a Quantity does not go with the unit of the flat.

    Warns
    -----
    AstropyUserWarning
        If no pixel of the flat reaches `min_value`, or all are masked.

    Examples
    --------
    >>> from ccdlib import CCDData, flat_correct
    >>> sky, flat = CCDData([[50.0, 150.0]], unit="adu"), CCDData([[1.0, 3.0]], unit="adu")
    >>> flat_correct(sky, flat).data.tolist()
    [[100.0, 100.0]]
    """
    require_ccd("ccd", ccd)
    require_ccd("the flat", flat)
    same_shape(ccd, flat, "the flat")
    arguments = {"min_value": min_value, "norm_value": norm_value, "normalise": normalise}
    if conf.as_ccdproc and normalise == "mean" and (norm_value is None or norm_value > 0):
        result = as_ccdproc.flat_correct(ccd, flat, min_value, norm_value)
        return log_step(result, "flat_correct", add_keyword, flat=flat, **arguments)
    # its norm needs all of it
    flat = in_memory(flat) if norm_value is None or min_value is not None else flat
    least = _least(flat, min_value)
    norm = _norm(flat, least, norm_value, normalise)
    plain = plain_planes.divided(ccd, flat, norm, least)
    result = by_rows(_division(norm, least), ccd, [flat]) if plain is None else plain
    return log_step(result, "flat_correct", add_keyword, flat=flat, **arguments)
