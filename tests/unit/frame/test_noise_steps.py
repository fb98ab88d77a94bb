"""Each step of a calibration by itself: value and quoted sigma against the truth."""

from dataclasses import replace

import numpy as np
import pytest
from pulls import assert_true

from ccdlib import dq
from ccdlib.frame.image import Image
from ccdlib.frame.noise import DIGITISATION
from ccdlib.frame.overscan import overscan_level
from ccdlib.frame.steps import (
    add_photon_noise,
    divide_flat,
    flag_bad_pixels,
    grow_saturation,
    subtract_bias,
    subtract_dark,
    to_adu,
    to_electrons,
)
from ccdlib.frame.subtraction import dark_charge
from ccdlib.simulate import exposures as simulate

SHAPE = (280, 300)
GAIN, NOISE = np.float32(1.4), 6.0
FLOOR = np.float32((NOISE / GAIN) ** 2 + DIGITISATION)


def image(data, variance=0.0, flags=0, unit="adu"):
    data = np.asarray(data, np.float32)
    return Image(
        data,
        np.full(data.shape, variance, np.float32),
        np.full(data.shape, flags, np.uint16),
        unit,
    )


def exposure(rng, electrons, pedestal=0.0):
    """One frame in adu."""
    charge = rng.poisson(electrons, SHAPE) + rng.normal(0, NOISE, SHAPE)
    return np.rint(charge / GAIN + pedestal).astype(np.float32)


def master(rng, electrons, pedestal, number):
    """The mean of several frames with its true variance."""
    mean = np.mean([exposure(rng, electrons, pedestal) for _ in range(number)], axis=0)
    return image(mean, (electrons / GAIN**2 + FLOOR) / number)


def pull(result, truth):
    return (result.data - truth) / np.sqrt(result.variance)


@pytest.mark.parametrize("number", [3, 10])
def test_subtract_bias(number):
    rng = simulate.generator(1)
    bias = master(rng, 0, 300, number)
    frame = image(exposure(rng, 0, 300), FLOOR)
    assert_true(pull(subtract_bias(frame, bias), 0))


@pytest.mark.parametrize("scale", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("shared", [True, False])
def test_subtract_dark(scale, shared):
    """Frame and dark with the same master bias, and each with its own."""
    rng = simulate.generator(2)
    dark_electrons = 200.0
    bias = master(rng, 0, 300, 3)
    other = bias if shared else master(rng, 0, 300, 3)
    dark = subtract_bias(master(rng, dark_electrons, 300, 3), other)
    frame = exposure(rng, 500 + scale * dark_electrons, 300)
    own = (500 + scale * dark_electrons) / GAIN**2 + FLOOR
    frame = subtract_bias(image(frame, own), bias)
    result = subtract_dark(frame, dark, scale, bias.variance if shared else 0.0)
    assert_true(pull(result, 500 / GAIN))


@pytest.mark.parametrize("scale", [0.5, 1.0, 4.0])
def test_the_dark_that_is_taken_away_leaves_its_noise(scale):
    rng = simulate.generator(3)
    dark = master(rng, 400, 0, 5)
    frame = image(exposure(rng, 50 + scale * 400))
    frame = subtract_dark(frame, dark, scale)
    floor = FLOOR + dark_charge(dark, scale) / GAIN
    assert_true(pull(add_photon_noise(frame, GAIN, floor), 50 / GAIN))


def test_the_charge_of_a_hot_pixel_is_its_own():
    rng = simulate.generator(4)
    electrons = np.full(SHAPE, 10.0)
    electrons[::7, ::7] = 20_000.0
    dark = master(rng, electrons, 0, 5)
    charge = dark_charge(dark, 1.0)
    hot = electrons > 10
    np.testing.assert_allclose(charge[hot], electrons[hot] / GAIN, rtol=0.02)
    np.testing.assert_allclose(charge[~hot].mean(), 10 / GAIN, rtol=0.02)


def test_the_charge_of_a_dark_that_holds_its_pedestal():
    rng = simulate.generator(5)
    dark = master(rng, 40, 500, 5)
    charge = dark_charge(dark, 2.0, pedestal=500)
    np.testing.assert_allclose(charge.mean(), 2 * 40 / GAIN, rtol=0.01)


@pytest.mark.parametrize("electrons", [0, 100, 20_000])
@pytest.mark.parametrize("number", [3, 20])
def test_divide_flat(electrons, number):
    rng = simulate.generator(6)
    response = np.clip(rng.normal(1, 0.1, SHAPE), 0.5, 1.5)
    level = 20_000.0
    flat = master(rng, level * response, 0, number)
    flat = replace(
        flat, data=flat.data * GAIN / level, variance=flat.variance * (GAIN / level) ** 2
    )
    own = electrons * response / GAIN**2 + FLOOR
    frame = image(exposure(rng, electrons * response), own)
    assert_true(pull(divide_flat(frame, flat, 0.05), electrons / GAIN))


def test_flat_times_result_is_the_frame():
    rng = simulate.generator(7)
    flat = image(rng.uniform(0.5, 1.5, SHAPE), 1e-5, unit="")
    frame = image(exposure(rng, 1000), 900.0)
    result = divide_flat(frame, flat, 0.05)
    np.testing.assert_allclose(result.data * flat.data, frame.data, rtol=3e-7)


def test_low_flat_is_flagged_and_not_divided():
    frame, flat = image(np.full((2, 2), 50.0), 4.0), image([[1, 0.04], [0, -1]], 0.1, unit="")
    result = divide_flat(frame, flat, 0.05)
    assert (result.dq == [[0, dq.LOW_FLAT], [dq.LOW_FLAT, dq.LOW_FLAT]]).all()
    assert result.data[0, 1] == 50
    assert result.variance[0, 1] == 4


def test_units_there_and_back():
    rng = simulate.generator(8)
    frame = image(exposure(rng, 1000), 900.0)
    there = to_electrons(frame, GAIN)
    assert there.unit == "electron"
    np.testing.assert_allclose(there.variance, frame.variance * GAIN**2, rtol=1e-6)
    back = to_adu(there, GAIN)
    assert back.unit == "adu"
    np.testing.assert_allclose(back.data, frame.data, rtol=3e-7)
    np.testing.assert_allclose(back.variance, frame.variance, rtol=3e-7)


def test_saturation_grows_along_columns_only():
    flags = np.zeros((6, 3), np.uint16)
    flags[2, 1], flags[2, 0] = dq.SATURATED, dq.HOT
    frame = replace(image(np.ones(flags.shape)), dq=flags)
    column = [[0, 2, 2, 2, 0, 0], [2, 2, 2, 2, 2, 0], [2, 2, 2, 2, 2, 2]]
    for rows, expected in zip((1, 2, 9), column, strict=True):
        grown = grow_saturation(frame, rows).dq
        np.testing.assert_array_equal(grown[:, 1], expected)
        np.testing.assert_array_equal(grown[:, [0, 2]], flags[:, [0, 2]])
    np.testing.assert_array_equal(grow_saturation(frame, 0).dq, flags)


def test_growth_covers_what_bled():
    """All of a trail but its ends is saturated; two rows of growth take nearly all of them."""
    detector = simulate.Detector(
        (120, 40), (simulate.Amplifier(0, 40, overscan=0),), full_well=80_000.0
    )
    scene = simulate.Scene(50.0, np.array([[20.0, 60.0, 1e7]]), 3.0)
    exposure = simulate.expose(detector, simulate.generator(1), "light", 1.0, scene=scene)
    frame = image(exposure.raw)
    raw = exposure.raw >= detector.saturation
    frame = replace(frame, dq=np.where(raw, np.uint16(dq.SATURATED), np.uint16(0)))
    np.testing.assert_array_equal(exposure.saturated, raw)
    grown = (grow_saturation(frame, 2).dq & dq.SATURATED) != 0
    assert (exposure.bleed & ~raw).any()
    assert grown[exposure.bleed].all()


def test_steps_leave_their_input_alone():
    rng = simulate.generator(9)
    frame = image(exposure(rng, 1000), 900.0)
    other = image(np.full(SHAPE, 0.5), 0.1)
    before = [plane.copy() for plane in (frame.data, frame.variance, frame.dq)]
    subtract_bias(frame, other)
    subtract_dark(frame, other, 2.0)
    divide_flat(frame, other, 0.9)
    add_photon_noise(frame, GAIN, FLOOR)
    to_electrons(frame, GAIN)
    flag_bad_pixels(frame, np.full(SHAPE, dq.BAD, np.uint16))
    for plane, copy in zip((frame.data, frame.variance, frame.dq), before, strict=True):
        np.testing.assert_array_equal(plane, copy)


@pytest.mark.parametrize("columns", [8, 32])
@pytest.mark.parametrize(
    ("method", "degree"), [("mean", 0), ("median", 0), ("polynomial", 0), ("polynomial", 3)]
)
@pytest.mark.parametrize("clip", [0.0, 4.0])
def test_overscan_level(method, degree, columns, clip):
    """The level of a row against its truth; a polynomial's error is shared by its rows."""
    rng = simulate.generator(10)
    rows, strips = 300, 60
    found = []
    for _ in range(strips):
        drift = 900 + 3 * np.linspace(-1, 1, rows) ** 2 if degree else np.full(rows, 900.0)
        strip = np.rint(rng.normal(drift[:, None], 6.0, (rows, columns)))
        level = overscan_level(strip, method, degree, clip)
        found.append((level.values - drift) / np.sqrt(level.variance))
    found = np.array(found)
    if method == "polynomial":
        # degree + 1 independent numbers a strip
        error = (strips * (degree + 1)) ** -0.5
        assert abs(found.mean()) < 3 * error
        assert abs(found.std() - 1) < 3 * error / 2**0.5
    else:
        assert_true(found, allowed=0.03)
