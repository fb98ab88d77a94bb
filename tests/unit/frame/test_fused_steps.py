"""Several steps in one pass give the bits of the steps one after the other."""

from dataclasses import replace

import numpy as np
import pytest

from ccdlib import dq
from ccdlib.errors import CcdlibError
from ccdlib.frame.fused_steps import add_noise_and_divide, subtract_masters
from ccdlib.frame.image import Image, empty_image
from ccdlib.frame.noise import expected_signal
from ccdlib.frame.steps import (
    add_photon_noise,
    divide_flat,
    flag_bad_pixels,
    multiply,
    subtract_bias,
    subtract_dark,
)

SHAPE = (37, 53)
ALL = list(dq.BITS)


def image(seed, level, spread, unit="adu"):
    """Noise about a level, and a few pixels of every kind of flag."""
    rng = np.random.default_rng(seed)
    flags = np.where(rng.random(SHAPE) < 0.05, rng.choice(ALL, SHAPE), 0).astype(np.uint16)
    variance = rng.uniform(0.01, spread, SHAPE).astype(np.float32)
    return Image(rng.normal(level, spread, SHAPE).astype(np.float32), variance, flags, unit)


FRAME, BIAS, DARK = image(1, 1500, 20), image(2, 1000, 1), image(3, 30, 3)
FLAT, BAD = image(4, 1, 0.3, ""), image(5, 0, 1, "").dq
# responses of zero, below it and without a value
FLAT.data[0, :3] = 0, -0.5, np.nan


def same(found, expected):
    for name in ("data", "variance", "dq"):
        one, other = getattr(found, name), getattr(expected, name)
        assert one.dtype == other.dtype
        assert one.tobytes() == other.tobytes(), name


@pytest.mark.parametrize("bad", [None, BAD])
@pytest.mark.parametrize(
    ("bias", "dark", "scale", "shared"),
    [
        (None, None, 1.0, False),
        (BIAS, None, 1.0, False),
        (None, DARK, 1.0, False),
        (BIAS, DARK, 1.0, False),
        (BIAS, DARK, 0.7, False),
        (BIAS, DARK, 1.0, True),
        (BIAS, DARK, 2.3, True),
    ],
)
def test_masters_are_subtracted_as_one_after_the_other(bias, dark, scale, shared, bad):
    expected = FRAME
    if bias is not None:
        expected = subtract_bias(expected, bias)
    if dark is not None:
        expected = subtract_dark(expected, dark, scale, bias.variance if shared else 0.0)
    if bad is not None:
        expected = flag_bad_pixels(expected, bad)
    same(subtract_masters(FRAME, bias, dark, bad, scale, shared), expected)


@pytest.mark.parametrize("flat", [None, FLAT])
@pytest.mark.parametrize("light", [np.float32(1.7), np.float32(np.inf)])
@pytest.mark.parametrize("maps", ["numbers", "planes"])
def test_noise_gain_and_flat_are_as_one_after_the_other(maps, light, flat):
    floor, gain = np.float32(25.3), np.float32(1.7)
    if maps == "planes":
        floor, gain = BIAS.variance + floor, FLAT.variance + gain
    frame = replace(FRAME, data=FRAME.data - 1000)
    signal = expected_signal(frame.data, frame.dq == 0, light, floor + frame.variance)
    found = empty_image(SHAPE, "electron")
    add_noise_and_divide(frame, signal, light, floor, gain, flat, 0.1, found)
    expected = multiply(add_photon_noise(frame, light, floor), gain, "electron")
    if flat is not None:
        expected = divide_flat(expected, flat, 0.1)
        assert (expected.dq & dq.LOW_FLAT).any()
    same(found, expected)


def test_masters_may_be_stored_in_any_way():
    """Bytes of a file, rows that cannot be written, columns of a wider image: the same values."""
    unwritable = BIAS.variance.copy()
    unwritable.flags.writeable = False
    stored = Image(BIAS.data.astype(">f4"), unwritable, np.asfortranarray(BIAS.dq), "adu")
    same(subtract_masters(FRAME, stored, None, None), subtract_masters(FRAME, BIAS, None, None))


def test_no_input_is_changed():
    before = [np.copy(each.data) for each in (FRAME, BIAS, DARK)]
    subtract_masters(FRAME, BIAS, DARK, BAD, 1.5, True)
    for each, data in zip((FRAME, BIAS, DARK), before, strict=True):
        np.testing.assert_array_equal(each.data, data)


def test_a_master_of_another_shape_is_refused():
    with pytest.raises(CcdlibError, match=r"the bias has shape \(36, 53\), the frame has"):
        subtract_masters(FRAME, BIAS.rows(slice(1, None)), None, None)
