"""Noise, gain, bias, dark and flat against ccdproc, identities and errors."""

import ccdproc
import numpy as np
import pytest
from astropy import units as u
from astropy.nddata import VarianceUncertainty
from astropy.utils.exceptions import AstropyUserWarning
from hypothesis import given
from hypothesis import strategies as st
from toolbox_images import SHAPE, assert_same, assert_unchanged, both, frozen, make, masks, planes

import ccdlib
from ccdlib import CCDData, dq
from ccdlib.errors import CcdlibError

GAIN, NOISE = 1.7 * u.electron / u.adu, 8.0 * u.electron
data, other, sigma = planes(-300, 60000), planes(-300, 60000), planes(0.5, 300)
STEPS = {
    "bias": lambda ccd, master: ccdlib.subtract_bias(ccd, master),
    "dark": lambda ccd, master: ccdlib.subtract_dark(
        ccd, master, data_exposure=3 * u.s, dark_exposure=2 * u.s, scale=True
    ),
    "flat": lambda ccd, master: ccdlib.flat_correct(ccd, master),
    "gain": lambda ccd, _: ccdlib.gain_correct(ccd, GAIN),
    "deviation": lambda ccd, _: ccdlib.create_deviation(ccd, GAIN, NOISE),
}
MASTER_STEPS = ["bias", "dark", "flat"]


def ones(value=1.0, **kwd):
    kwd = {"unit": "adu"} | kwd
    return CCDData(np.full(SHAPE, float(value)), **kwd)


def somewhere(y, x, value=True, dtype=bool):
    plane = np.zeros(SHAPE, dtype)
    plane[y, x] = value
    return plane


@given(data, other, sigma, sigma, masks, masks)
def test_bias_is_ccdprocs(image, bias, noise, bias_noise, mask, bias_mask):
    ours, theirs = both(image, noise, mask)
    master, their_master = both(bias, bias_noise, bias_mask)
    result = ccdlib.subtract_bias(ours, master)
    expected = ccdproc.subtract_bias(theirs, their_master)
    if bias_mask is not None:
        # a masked pixel of the master is masked in both, whatever its value
        assert_same(result, expected, 60000)
    assert_same(result, expected, 60000)


@given(data, other, sigma, masks, st.floats(0.1, 1e4), st.floats(0.1, 1e4))
def test_scaled_dark_is_ccdprocs(image, dark, noise, mask, exposed, dark_exposed):
    ours, theirs = both(image, noise, mask)
    master, their_master = both(dark, noise)
    times = {"data_exposure": exposed * u.s, "dark_exposure": dark_exposed * u.s, "scale": True}
    result = ccdlib.subtract_dark(ours, master, **times)
    expected = ccdproc.subtract_dark(theirs, their_master, **times)
    assert_same(result, expected, 60000 * max(1, exposed / dark_exposed))


@given(data, planes(1, 60000), sigma, sigma, masks)
def test_flat_is_ccdprocs(image, flat, noise, flat_noise, mask):
    ours, theirs = both(image, noise, mask)
    master, their_master = both(flat, flat_noise)
    norm = float(np.mean(flat, dtype=float))
    expected = ccdproc.flat_correct(theirs, their_master, norm_value=norm)
    scale = float(np.abs(image).max() * norm / flat.min()) * max(1, flat_noise.max() / flat.min())
    assert_same(ccdlib.flat_correct(ours, master), expected, scale)
    assert_same(ccdlib.flat_correct(ours, master, norm_value=norm), expected, scale)


@given(data, sigma, masks, st.floats(0.01, 100))
def test_gain_is_ccdprocs(image, noise, mask, gain):
    ours, theirs = both(image, noise, mask)
    gain = gain * u.electron / u.adu
    scale = 60000 * gain.value
    assert_same(ccdlib.gain_correct(ours, gain), ccdproc.gain_correct(theirs, gain), scale)


@given(planes(0, 60000), st.floats(0.5, 5), st.floats(1, 50))
def test_deviation_of_the_own_signal_is_ccdprocs(image, gain, noise):
    ours, theirs = both(image)
    gain, noise = gain * u.electron / u.adu, noise * u.electron
    result = ccdlib.create_deviation(ours, gain, noise, signal="own")
    assert_same(result, ccdproc.create_deviation(theirs, gain, noise), 60000)


@pytest.mark.parametrize("name", STEPS)
def test_input_is_unchanged_and_not_shared(name):
    flags = somewhere(1, 2, dq.HOT, np.uint16)
    ccd = ones(1000, dq=flags, mask=somewhere(3, 3), uncertainty=np.ones(SHAPE), meta={"A": 1})
    master = ones(10, mask=somewhere(0, 0), uncertainty=np.ones(SHAPE), dq=flags, meta={"B": 2})
    before = frozen(ccd), frozen(master)
    result = STEPS[name](ccd, master)
    for each in (result.data, result.mask, result.dq, result.uncertainty.array):
        each[...] = 1
    result.meta["A"] = 5
    assert_unchanged(ccd, before[0])
    assert_unchanged(master, before[1])


@pytest.mark.parametrize("name", STEPS)
def test_bits_and_masks_come_through(name):
    ccd = ones(1000, dq=somewhere(1, 2, dq.HOT, np.uint16), mask=somewhere(3, 3))
    master = ones(10, dq=somewhere(2, 2, dq.BAD, np.uint16), mask=somewhere(0, 0))
    result = STEPS[name](ccd, master)
    assert result.dq[1, 2] == dq.HOT
    assert result.mask[3, 3] and result.mask[1, 2]
    if name in MASTER_STEPS:
        assert result.mask[0, 0] and result.mask[2, 2]
        assert result.dq[0, 0] == dq.NO_CALIBRATION


@pytest.mark.parametrize("name", STEPS)
def test_integer_pixels_do_not_wrap(name):
    ccd = CCDData(np.full(SHAPE, 5, np.uint16), unit="adu")
    master = CCDData(np.full(SHAPE, 10, np.uint16), unit="adu")
    expected = {"bias": -5, "dark": -10, "flat": 5, "gain": 8.5, "deviation": 5}[name]
    np.testing.assert_allclose(STEPS[name](ccd, master).data, expected, rtol=1e-6)


@pytest.mark.parametrize("name", STEPS)
def test_kind_of_the_uncertainty_stays(name):
    ccd = ones(1000, uncertainty=VarianceUncertainty(np.full(SHAPE, 4.0)))
    result = STEPS[name](ccd, ones(10))
    if name != "deviation":
        assert type(result.uncertainty) is VarianceUncertainty
    expected = {"bias": 4, "dark": 4, "flat": 4, "gain": 4 * 1.7**2}
    if name in expected:
        np.testing.assert_allclose(result.uncertainty.array, expected[name], rtol=1e-6)


@pytest.mark.parametrize("name", MASTER_STEPS)
def test_shapes_must_agree(name):
    master = CCDData(np.ones((2, 3)), unit="adu")
    with pytest.raises(CcdlibError, match=r"shape \(2, 3\), the image has \(6, 7\)"):
        STEPS[name](ones(), master)


@pytest.mark.parametrize("name", ["bias", "dark"])
def test_units_must_agree(name):
    with pytest.raises(
        u.UnitConversionError, match="is in electron, the uncalibrated image in adu"
    ) as error:
        STEPS[name](ones(), ones(unit="electron"))
    assert isinstance(error.value, CcdlibError)


def test_units_that_can_be_converted_are():
    result = ccdlib.subtract_bias(ones(100, unit="m"), ones(500, unit="cm"))
    np.testing.assert_allclose(result.data, 95)


@pytest.mark.parametrize("name", STEPS)
def test_only_ccddata(name):
    with pytest.raises(TypeError, match="is not a CCDData object, it is a ndarray"):
        STEPS[name](np.ones(SHAPE), ones())


@pytest.mark.parametrize("name", MASTER_STEPS)
def test_what_a_master_does_not_know_reaches_no_pixel(name):
    master = ones(10)
    master.data[2, 2] = np.nan
    result = STEPS[name](ones(1000), master)
    assert np.isfinite(result.data).all()
    assert result.dq[2, 2] == dq.NO_CALIBRATION
    assert result.mask.sum() == 1


def test_unequal_exposures_are_subtracted_unscaled_with_a_warning():
    times = {"data_exposure": 30 * u.s, "dark_exposure": 60 * u.s}
    with pytest.warns(AstropyUserWarning, match="the dark was exposed 60.0 s, the image 30.0 s"):
        result = ccdlib.subtract_dark(ones(7), ones(), **times)
    np.testing.assert_allclose(result.data, 6)
    result = ccdlib.subtract_dark(ones(7), ones(), **times, tolerance=np.inf)
    np.testing.assert_allclose(result.data, 6)


def test_exposures_of_other_units():
    times = {"data_exposure": 1 * u.min, "dark_exposure": 30 * u.s}
    result = ccdlib.subtract_dark(ones(7), ones(), **times, scale=True)
    np.testing.assert_allclose(result.data, 5)
    with pytest.raises(u.UnitsError, match=r"the image was exposed 1.0 min, the dark 30.0 m"):
        ccdlib.subtract_dark(ones(), ones(), data_exposure=1 * u.min, dark_exposure=30 * u.m)


@pytest.mark.parametrize("card", ["EXPTIME", ccdlib.Keyword("EXPTIME", unit=u.s)])
def test_exposures_from_the_header(card):
    light, dark = ones(7, meta={"EXPTIME": 30.0}), ones(1, meta={"EXPTIME": 10.0})
    result = ccdlib.subtract_dark(light, dark, exposure_time=card, exposure_unit=u.s, scale=True)
    np.testing.assert_allclose(result.data, 4)


def test_exposures_that_the_header_does_not_tell():
    light, dark = ones(5, meta={"EXPTIME": 30.0}), ones(1, meta={"EXPTIME": "30"})
    times = {"exposure_time": "EXPTIME", "exposure_unit": u.s}
    assert (ccdlib.subtract_dark(light, dark, **times).data == 4).all()
    dark.meta["EXPTIME"] = "long"
    with pytest.raises(CcdlibError, match="EXPTIME: the exposure time is 'long', not a number"):
        ccdlib.subtract_dark(light, dark, **times)
    for card in ("EXPOSURE", ccdlib.Keyword("EXPOSURE", unit=u.s)):
        with pytest.raises(KeyError, match="EXPOSURE: the header has no such card") as error:
            ccdlib.subtract_dark(light, dark, exposure_time=card, exposure_unit=u.s)
        assert isinstance(error.value, CcdlibError)


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ({}, "either exposure_time or both"),
        ({"data_exposure": 3 * u.s}, "both dark_exposure and data_exposure"),
        (
            {"data_exposure": 3, "dark_exposure": 3},
            "must provide unit for exposure time: data_exposure is 3",
        ),
        ({"data_exposure": 3 * u.s, "dark_exposure": 3 * u.s, "exposure_time": "A"}, "not both"),
    ],
)
def test_exposures_must_be_told_once(times, message):
    with pytest.raises(TypeError, match=message):
        ccdlib.subtract_dark(ones(), ones(), **times)


def test_a_dark_of_no_exposure_is_not_scaled():
    times = {"data_exposure": 30 * u.s, "dark_exposure": 0 * u.s}
    with pytest.raises(CcdlibError, match=r"a dark of 0.0 s cannot be scaled to 30.0 s"):
        ccdlib.subtract_dark(ones(), ones(), **times, scale=True)


@given(planes(100, 1000), planes(0.5, 2))
def test_flat_times_result_is_data_times_mean(image, flat):
    ours, _ = both(image)
    master, _ = both(flat)
    result = ccdlib.flat_correct(ours, master).data.astype(float)
    mean = flat.mean(dtype=float)
    np.testing.assert_allclose(result * flat, image * mean, rtol=1e-5)


def test_flat_uncertainty_is_finite_at_no_signal():
    flat = ones(2, uncertainty=np.full(SHAPE, 0.1))
    result = ccdlib.flat_correct(ones(0, uncertainty=np.full(SHAPE, 3.0)), flat)
    np.testing.assert_allclose(result.uncertainty.array, 3)


def test_masked_and_lost_pixels_do_not_shift_the_norm_of_a_flat():
    flat = ones(2, mask=somewhere(0, 0))
    flat.data[0, 0], flat.data[1, 1] = 1e6, np.nan
    result = ccdlib.flat_correct(ones(5), flat)
    np.testing.assert_allclose(result.data, 5)
    assert result.mask.sum() == 2


@pytest.mark.parametrize("value", [0.0, -0.5])
def test_pixels_without_light_in_the_flat_are_flagged_and_not_divided(value):
    flat = ones(2)
    flat.data[3, 4] = value
    result = ccdlib.flat_correct(ones(5), flat, norm_value=2)
    np.testing.assert_allclose(result.data, 5)
    assert result.dq[3, 4] == dq.LOW_FLAT
    assert result.mask.sum() == 1


@pytest.mark.parametrize("least", [100.0, 100 * u.adu])
def test_low_values_of_the_flat_are_raised_and_their_pixels_flagged(least):
    flat = ones(200)
    flat.data[3, 4] = 90
    theirs = make(ccdproc.CCDData, flat.data)
    result = ccdlib.flat_correct(ones(5), flat, min_value=least)
    expected = ccdproc.flat_correct(make(ccdproc.CCDData, ones(5).data), theirs, min_value=100.0)
    np.testing.assert_allclose(result.data, expected.data, rtol=1e-6)
    assert result.dq[3, 4] == dq.LOW_FLAT
    assert result.mask.sum() == 1


def test_min_value_above_the_whole_flat():
    with pytest.warns(AstropyUserWarning, match="reaches min_value 50000, the largest is 30000"):
        result = ccdlib.flat_correct(ones(7), ones(30000), min_value=50000)
    np.testing.assert_allclose(result.data, 7)
    assert (result.dq == dq.LOW_FLAT).all()


def test_a_flat_that_is_masked_out():
    flat = ones(3, mask=np.ones(SHAPE, bool))
    with pytest.warns(AstropyUserWarning, match="no pixel that is not masked"):
        result = ccdlib.flat_correct(ones(7), flat)
    np.testing.assert_allclose(result.data, 7)
    assert (result.dq == dq.NO_CALIBRATION).all()


def test_norms():
    flat = ones(1)
    flat.data[:, 0], flat.data[0, :] = 4, 8
    for how, level in {"mean": flat.data.mean(), "median": 1, "[1:1,2:6]": 4}.items():
        result = ccdlib.flat_correct(ones(5), flat, normalise=how)
        np.testing.assert_allclose(result.data[2, 2], 5 * level, rtol=1e-6)
    with pytest.raises(CcdlibError, match="normalise is 'mode', not mean, median or a section"):
        ccdlib.flat_correct(ones(), flat, normalise="mode")


@pytest.mark.parametrize("norm", [0, -3])
def test_impossible_norm(norm):
    with pytest.raises(CcdlibError, match="norm_value must be greater than zero, not"):
        ccdlib.flat_correct(ones(), ones(), norm_value=norm)
    with pytest.raises(CcdlibError, match=r"norm is .*, not positive"):
        ccdlib.flat_correct(ones(), ones(norm))


def test_gain_in_all_its_forms():
    card = ccdlib.Keyword("GAIN", unit=u.electron / u.adu)
    ccd = ones(10, meta={"GAIN": 2.0})
    per_pixel = np.full(SHAPE, 2.0) * u.electron / u.adu
    for gain in (card, 2 * u.electron / u.adu, per_pixel):
        result = ccdlib.gain_correct(ccd, gain)
        assert result.unit == u.electron
        np.testing.assert_allclose(result.data, 20)
    assert ccdlib.gain_correct(ccd, 2.0, u.electron / u.adu).unit == u.electron


@pytest.mark.parametrize("gain", [0, -1, np.nan])
def test_impossible_gain(gain):
    with pytest.raises(CcdlibError, match="not positive"):
        ccdlib.gain_correct(ones(), gain * u.electron / u.adu)


def test_gain_twice():
    with pytest.warns(AstropyUserWarning, match="in electron already"):
        result = ccdlib.gain_correct(ones(10, unit="electron"), GAIN)
    np.testing.assert_allclose(result.data, 17)
    assert result.unit == u.electron**2 / u.adu


def test_deviation_of_an_empty_frame_is_the_read_noise():
    empty = ones(0)
    result = ccdlib.create_deviation(empty, GAIN, NOISE, signal="expected")
    np.testing.assert_allclose(result.uncertainty.array**2, (8 / 1.7) ** 2 + 1 / 12, rtol=1e-5)


def test_deviation_is_true():
    """(value - truth) / sigma has mean 0 and standard deviation 1 at a faint sky."""
    rng = np.random.default_rng(3)
    electrons = rng.poisson(20, (300, 300)) + rng.normal(0, 8, (300, 300))
    sky = CCDData(np.round(electrons / 1.7), unit="adu")
    result = ccdlib.create_deviation(sky, GAIN, NOISE, signal="expected")
    pull = (result.data - 20 / 1.7) / result.uncertainty.array
    assert abs(pull.mean()) < 4 / 300
    assert abs(pull.std() - 1) < 0.01


def test_deviation_adds_to_what_there_is():
    ccd = ones(0, uncertainty=np.full(SHAPE, 3.0))
    result = ccdlib.create_deviation(ccd, None, 4 * u.adu, signal="expected")
    np.testing.assert_allclose(result.uncertainty.array**2, 25 + 1 / 12, rtol=1e-5)


def test_deviation_of_negative_pixels_is_a_number():
    expected = ccdlib.create_deviation(ones(-50), GAIN, NOISE, signal="expected")
    assert np.isfinite(expected.uncertainty.array).all()
    assert np.isnan(ccdlib.create_deviation(ones(-50), GAIN, NOISE).uncertainty.array).all()
    zero = ccdlib.create_deviation(ones(-50), GAIN, NOISE, disregard_nan=True)
    np.testing.assert_allclose(zero.uncertainty.array, 8 / 1.7, rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ((2.0, NOISE), TypeError, "gain must be a Quantity, not 2.0"),
        ((GAIN, 3.0), TypeError, "readnoise must be a Quantity, not 3.0"),
        ((GAIN, None), ValueError, "must provide a readnoise"),
        ((GAIN, 5 * u.adu), u.UnitsError, "is in electron, readnoise in adu"),
    ],
)
def test_deviation_checks_its_numbers(arguments, kind, message):
    with pytest.raises(kind, match=message):
        ccdlib.create_deviation(ones(), *arguments)


def test_keyword():
    card = ccdlib.Keyword("GAIN", unit=u.electron / u.adu, value=2)
    assert card.value == 2 * u.electron / u.adu
    assert ccdlib.Keyword("A", value=3 * u.s).unit == u.s
    assert ccdlib.Keyword("A", value="dark").value == "dark"
    with pytest.raises(CcdlibError, match=r"no unit provided for .*, whose value is 3"):
        ccdlib.Keyword("A", value=3)
    with pytest.raises(
        CcdlibError, match=r"keyword with a unit cannot have a string value: .* in s, '3'"
    ):
        ccdlib.Keyword("A", unit=u.s, value="3")
    with pytest.raises(KeyError):
        card.value_from({})


def test_plain_astropy_image_gives_ours():
    theirs = make(ccdproc.CCDData, np.ones(SHAPE))
    assert type(ccdlib.subtract_bias(theirs, theirs)) is CCDData
