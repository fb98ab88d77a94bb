"""A frame far below zero was calibrated with what is not its own, and is refused."""

import numpy as np
import pytest

from ccdlib import dq
from ccdlib.errors import CcdlibError
from ccdlib.frame.below_zero import flag_below_zero, flag_stuck, refuse_below_zero
from ccdlib.frame.image import Image


def image(level, shape=(300, 400), sigma=4.0):
    rng = np.random.default_rng(3)
    data = rng.normal(level, sigma, shape).astype(np.float32)
    variance = np.full(shape, sigma * sigma, np.float32)
    return Image(data, variance, np.zeros(shape, np.uint16), "adu")


@pytest.mark.parametrize("shape", [(300, 400), (9, 7)])
def test_a_level_far_below_zero_is_refused_with_both_numbers(shape):
    message = r"a\.fits: its level is -8[23]\.?\d* adu after .* a pixel's noise is 4: bias or dark"
    with pytest.raises(CcdlibError, match=message):
        refuse_below_zero("a.fits", image(-83, shape))


@pytest.mark.parametrize("level", [0, -30, 5000])
def test_a_drift_of_the_level_is_not(level):
    refuse_below_zero("a.fits", image(level))


def test_pixels_that_are_flagged_do_not_count():
    own = image(10)
    own.data[:, :300] = -1e4
    own.dq[:, :300] = dq.NO_DATA
    refuse_below_zero("a.fits", own)
    own.dq[:] = dq.SATURATED
    refuse_below_zero("a.fits", own)


def test_a_stack_goes_by_the_noise_of_one_frame():
    refuse_below_zero("a.fits", image(-20, sigma=1.0), sigma=4.0)
    with pytest.raises(CcdlibError, match="its level is -20"):
        refuse_below_zero("a.fits", image(-20, sigma=1.0))


@pytest.mark.parametrize("shape", [(300, 400), (40, 30)])
def test_rows_and_columns_far_below_zero_are_flagged(shape):
    """They hold no exposure, as where a transfer broke off; all else is as it was."""
    own = image(10, shape)
    own.data[5:9] = -800
    own.data[:, 7] = -800
    found = flag_below_zero(own)
    below = own.data == -800
    assert np.array_equal(found.dq == dq.NO_DATA, below)
    assert not own.dq.any()
    assert np.array_equal(found.data, own.data)


@pytest.mark.parametrize("level", [0, -30, -800])
def test_no_row_is_flagged_that_drifts_or_is_as_all_are(level):
    own = image(level)
    # some pixels of a row are no row
    own.data[5, :150] = -800
    assert flag_below_zero(own) is own


def test_no_row_is_flagged_in_an_image_without_a_good_pixel():
    own = image(-800)
    own.dq[:] = dq.SATURATED
    assert flag_below_zero(own) is own


def test_rows_and_columns_of_one_value_far_below_the_level_of_a_bias_are_flagged():
    own = image(800)
    own.data[20:22] = 0
    own.data[:, 7] = 3
    flagged = flag_stuck(own, 4.0).dq == dq.NO_DATA
    expected = np.zeros(own.shape, bool)
    expected[20:22] = expected[:, 7] = True
    assert np.array_equal(flagged, expected)


@pytest.mark.parametrize("change", ["dark rows", "one value at the level", "most of it", "none"])
def test_what_a_detector_may_give_is_not_stuck(change):
    own = image(800)
    if change == "dark rows":
        own.data[20:22] -= 300
    if change == "one value at the level":
        own.data[20:22] = 795
    if change == "most of it":
        own.data[: len(own.data) // 2 + 1] = 0
    assert flag_stuck(own, 4.0) is own
