"""A frame far below zero was calibrated with what is not its own, and is refused."""

import numpy as np
import pytest

from ccdlib import dq
from ccdlib.errors import CcdlibError
from ccdlib.frame.below_zero import refuse_below_zero
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
