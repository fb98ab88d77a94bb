"""The steps: identities, variances by formula and by Monte Carlo, flags that only accumulate."""

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccdlib import dq
from ccdlib.errors import CcdlibError
from ccdlib.frame.image import Image
from ccdlib.frame.steps import (
    add_photon_noise,
    divide_flat,
    flag_bad_pixels,
    subtract_bias,
    subtract_dark,
    to_adu,
    to_electrons,
)
from ccdlib.frame.subtraction import dark_variance

SHAPE = (30, 40)


def image(level=100.0, variance=25.0, seed=1, unit="adu", flags=0):
    rng = np.random.default_rng(seed)
    data = (level + rng.normal(0, 3, SHAPE)).astype(np.float32)
    spread = (variance * rng.uniform(0.8, 1.2, SHAPE)).astype(np.float32)
    return Image(data, spread, np.full(SHAPE, flags, np.uint16), unit)


def normalised(seed=2):
    rng = np.random.default_rng(seed)
    data = rng.uniform(0.5, 1.5, SHAPE).astype(np.float32)
    return Image(data, np.full(SHAPE, 1e-4, np.float32), np.zeros(SHAPE, np.uint16), "")


STEPS = {
    "bias": lambda each: subtract_bias(each, image(50, seed=3)),
    "dark": lambda each: subtract_dark(each, image(20, 4, seed=4), 0.5),
    "noise": lambda each: add_photon_noise(each, 2.0, 16.0),
    "bad pixels": lambda each: flag_bad_pixels(each, np.full(SHAPE, dq.HOT, np.uint16)),
    "electrons": lambda each: to_electrons(each, np.float32(1.5)),
    "adu": lambda each: to_adu(each, np.float32(1.5)),
    "flat": lambda each: divide_flat(each, normalised(), 0.6),
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_a_step_changes_nothing_that_it_is_given(step):
    given_ = image()
    before = copy.deepcopy(given_)
    result = step(given_)
    for name in ("data", "variance", "dq"):
        np.testing.assert_array_equal(getattr(given_, name), getattr(before, name))
        assert not np.shares_memory(getattr(result, name), getattr(given_, name)) or (
            np.array_equal(getattr(result, name), getattr(before, name))
        )


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_flags_only_accumulate_and_types_stay(step):
    flags = np.random.default_rng(5).integers(0, 1024, SHAPE).astype(np.uint16)
    first = image()
    first = Image(first.data, first.variance, flags, first.unit)
    result = step(first)
    assert ((result.dq & flags) == flags).all()
    assert (result.data.dtype, result.variance.dtype, result.dq.dtype) == ("f4", "f4", "u2")
    assert (result.variance >= 0).all()


@pytest.mark.parametrize(
    ("step", "name"), [(subtract_bias, "bias"), (subtract_dark, "dark"), (divide_flat, "flat")]
)
def test_masters_of_another_shape_are_refused_with_both(step, name):
    other = Image(*(np.zeros((3, 4), kind) for kind in ("f4", "f4", "u2")), "adu")
    with pytest.raises(CcdlibError, match=rf"the {name} has shape \(3, 4\), the frame"):
        step(image(), other, *((0.1,) if name == "flat" else ()))
    with pytest.raises(CcdlibError, match=r"the bad-pixel map has shape \(3, 4\), the frame has"):
        flag_bad_pixels(image(), np.zeros((3, 4), np.uint16))


# --- identities


def test_what_was_subtracted_can_be_added():
    raw, bias = image(1100), image(1000, seed=3)
    result = subtract_bias(raw, bias)
    np.testing.assert_allclose(result.data + bias.data, raw.data, rtol=1e-6)
    np.testing.assert_allclose(result.variance, raw.variance + bias.variance, rtol=1e-6)


def test_the_flat_times_the_result_is_the_frame():
    raw, flat = image(), normalised()
    result = divide_flat(raw, flat, 0.1)
    np.testing.assert_allclose(result.data * flat.data, raw.data, rtol=1e-6)


def test_a_flat_of_one_without_noise_changes_nothing():
    one = Image(np.ones(SHAPE, "f4"), np.zeros(SHAPE, "f4"), np.zeros(SHAPE, "u2"), "")
    raw = image()
    result = divide_flat(raw, one, 0.1)
    np.testing.assert_array_equal(result.data, raw.data)
    np.testing.assert_array_equal(result.variance, raw.variance)


def test_electrons_and_back():
    raw = image()
    gain = np.linspace(1, 3, 40, dtype=np.float32) + np.zeros(SHAPE, np.float32)
    there = to_electrons(raw, gain)
    assert there.unit == "electron"
    np.testing.assert_allclose(there.data, raw.data * gain, rtol=1e-6)
    np.testing.assert_allclose(there.variance, raw.variance * gain**2, rtol=1e-6)
    back = to_adu(there, gain)
    assert back.unit == "adu"
    np.testing.assert_allclose(back.data, raw.data, rtol=1e-6)
    np.testing.assert_allclose(back.variance, raw.variance, rtol=1e-6)


def test_a_dark_of_scale_zero_takes_nothing():
    raw = image()
    result = subtract_dark(raw, image(20, seed=4), 0.0)
    np.testing.assert_array_equal(result.data, raw.data)
    np.testing.assert_allclose(result.variance, raw.variance, rtol=1e-6)


# --- the flat's flags and variance


def test_low_flats_are_flagged_and_left_undivided():
    raw, flat = image(), normalised()
    flat.data[0, :5] = [0.0, -1.0, 0.0499, 0.05, np.nan]
    result = divide_flat(raw, flat, 0.05)
    expected = np.zeros(SHAPE, bool)
    expected[0, [0, 1, 2, 4]] = True
    np.testing.assert_array_equal(result.dq == dq.LOW_FLAT, expected)
    np.testing.assert_array_equal(result.data[expected], raw.data[expected])
    np.testing.assert_array_equal(result.variance[expected], raw.variance[expected])
    assert np.isfinite(result.data).all()
    assert np.isfinite(result.variance).all()


@pytest.mark.parametrize("step", ["bias", "dark", "flat"])
def test_a_master_without_a_value_is_said_so(step):
    master = normalised()
    master.dq[3, 4] = dq.NO_DATA | dq.SATURATED
    master.dq[5, 6] = dq.UNSTABLE
    function = {
        "bias": lambda: subtract_bias(image(), master),
        "dark": lambda: subtract_dark(image(), master),
        "flat": lambda: divide_flat(image(), master, 0.1),
    }[step]
    result = function()
    assert result.dq[3, 4] == dq.NO_CALIBRATION
    assert result.dq[5, 6] == dq.UNSTABLE
    assert np.count_nonzero(result.dq) == 2
    if step == "flat":
        assert result.data[3, 4] == image().data[3, 4]


def test_the_variance_of_a_division_against_drawn_values():
    rng = np.random.default_rng(7)
    count, truth, sigma, flat_truth, flat_sigma = 200_000, 500.0, 30.0, 0.8, 0.01
    frames = rng.normal(truth, sigma, count).astype(np.float32)[None]
    flats = rng.normal(flat_truth, flat_sigma, count).astype(np.float32)[None]

    def of(data, spread):
        return Image(data, np.full(data.shape, spread**2, "f4"), np.zeros(data.shape, "u2"), "")

    quoted = divide_flat(
        of(np.full((1, 1), truth, "f4"), sigma),
        of(np.full((1, 1), flat_truth, "f4"), flat_sigma),
        0.1,
    ).variance[0, 0]
    drawn = divide_flat(of(frames, sigma), of(flats, flat_sigma), 0.1).data
    error = np.sqrt(2 / count)
    assert abs(drawn.var() / quoted - 1) < 4 * error + (flat_sigma / flat_truth) ** 2 * 8


def test_the_variance_at_zero_signal_is_finite():
    raw = Image(np.zeros(SHAPE, "f4"), np.full(SHAPE, 25.0, "f4"), np.zeros(SHAPE, "u2"), "adu")
    flat = normalised()
    np.testing.assert_allclose(divide_flat(raw, flat, 0.1).variance, 25 / flat.data**2, rtol=1e-5)


# --- the bias that frame and dark share


@pytest.mark.parametrize("scale", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("shared", [True, False])
def test_a_bias_shared_by_frame_and_dark_against_drawn_values(scale, shared):
    """frame = raw - b, dark = mean - b (or - another bias): what is left is known exactly."""
    rng = np.random.default_rng(11)
    pixels = (400, 500)
    sigma_raw, sigma_bias, sigma_mean = 6.0, 3.0, 2.0

    def drawn(level, sigma):
        return (level + rng.normal(0, sigma, pixels)).astype(np.float32)

    def spread(value):
        return np.full(pixels, value, np.float32)

    none = np.zeros(pixels, np.uint16)
    bias = Image(drawn(1000, sigma_bias), spread(sigma_bias**2), none, "adu")
    other = bias if shared else Image(drawn(1000, sigma_bias), spread(sigma_bias**2), none, "adu")
    frame = Image(drawn(1050, sigma_raw), spread(sigma_raw**2), none, "adu")
    mean = drawn(1100, sigma_mean)
    dark = Image(mean - other.data, spread(sigma_mean**2 + sigma_bias**2), none, "adu")
    result = subtract_dark(
        subtract_bias(frame, bias), dark, scale, bias.variance if shared else 0.0
    )
    quoted = float(result.variance.mean())
    assert result.variance.std() < 1e-3 * quoted
    error = np.sqrt(2 / result.data.size)
    assert abs(result.data.var(ddof=1, dtype=float) / quoted - 1) < 4 * error
    level = 50 - scale * 100
    assert abs(result.data.mean(dtype=float) - level) < 4 * np.sqrt(quoted / result.data.size)


@given(st.floats(0, 100), st.floats(0, 100), st.floats(0, 3))
@settings(max_examples=50)
def test_the_algebra_of_the_shared_bias(bias, mean, scale):
    shared = dark_variance(bias, mean + bias, scale, True)
    assert shared == pytest.approx((1 - scale) ** 2 * bias + scale**2 * mean, abs=1e-9)
    apart = dark_variance(bias, mean + bias, scale, False)
    # the covariance is 2 * scale * Var(bias), and at scale 1 nothing of the bias is left
    assert apart - shared == pytest.approx(2 * scale * bias, abs=1e-9)


def test_at_scale_one_the_noise_of_the_shared_bias_cancels():
    bias = image(1000, 9.0, seed=3)
    dark = image(50, 4.0 + 9.0, seed=4)
    dark = Image(dark.data, bias.variance + 4, dark.dq, "adu")
    raw = image(1100, 36.0)
    result = subtract_dark(subtract_bias(raw, bias), dark, 1.0, bias.variance)
    np.testing.assert_allclose(result.variance, raw.variance + 4, rtol=1e-5)


# --- photon noise


@pytest.mark.parametrize("level", [0.0, 50.0, 20000.0])
def test_the_noise_of_a_smooth_frame(level):
    gain, floor = 2.0, 16.0
    rng = np.random.default_rng(13)
    shape = (200, 200)
    truth = level / gain + floor
    data = (level + rng.normal(0, np.sqrt(truth), shape)).astype(np.float32)
    raw = Image(data, np.full(shape, 1.5, "f4"), np.zeros(shape, "u2"), "adu")
    result = add_photon_noise(raw, gain, floor)
    # the expected signal is a mean of neighbours: of a smooth frame good to a few parts in 100
    assert float(np.median(result.variance)) == pytest.approx(truth + 1.5, rel=0.03)
    np.testing.assert_array_equal(result.data, data)


def test_a_frame_without_light_has_the_floor_alone():
    raw = image(1000, 2.0)
    result = add_photon_noise(raw, np.float32(np.inf), 16.0)
    np.testing.assert_allclose(result.variance, raw.variance + 16, rtol=1e-6)
