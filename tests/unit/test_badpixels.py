"""Bad pixels: what is found of hot and low ones, and how few good ones go with them."""

import numpy as np
import pytest

from ccdlib import dq, simulate
from ccdlib.badpixels import flags_of_dark, flags_of_flat
from ccdlib.images import Image

SHAPE = (200, 200)
NOISE, FRAMES = 8.0, 5


def image(data, flags=0):
    variance = np.full(SHAPE, NOISE**2 / FRAMES, np.float32)
    return Image(data.astype(np.float32), variance, np.full(SHAPE, flags, np.uint16), "adu")


def chosen(rng, number):
    mask = np.zeros(SHAPE, bool)
    mask.flat[rng.choice(mask.size, number, replace=False)] = True
    return mask


@pytest.mark.parametrize("sigma", [10, 30, 1000])
def test_hot_pixels(sigma):
    """99 % of what is 10 sigma of the master above its neighbours."""
    rng = simulate.generator(1)
    hot = chosen(rng, 2000)
    electrons = np.where(hot, 5 + sigma * NOISE / FRAMES**0.5, 5.0)
    frames = rng.poisson(electrons, (FRAMES, *SHAPE)) + rng.normal(0, NOISE, (FRAMES, *SHAPE))
    found = (flags_of_dark(image(frames.mean(axis=0))) & dq.HOT) != 0
    assert found[hot].mean() > 0.99
    # beyond 6 sigma a Gaussian has one of a billion; the skewness of electrons a few more
    assert found[~hot].sum() <= 1


def test_pixels_that_flicker_are_handed_on():
    dark = image(np.zeros(SHAPE))
    dark.dq[7, 9] = dq.UNSTABLE
    flags = flags_of_dark(dark)
    assert flags[7, 9] & dq.UNSTABLE
    assert (flags != 0).sum() == 1


def test_dead_low_and_bright_pixels_and_columns_of_a_flat():
    rng = simulate.generator(2)
    y, x = np.ogrid[: SHAPE[0], : SHAPE[1]]
    flat = 1 - 0.4 * ((y - 100) ** 2 + (x - 100) ** 2) / 20_000
    flat = flat * rng.normal(1, 0.01, SHAPE)
    odd = chosen(rng, 400)
    flat[odd] *= rng.choice([0.0, 0.1, 0.6, 1.5], 400)
    flat[:, 70] *= 0.05
    odd[:, 70] = True
    found = (flags_of_flat(image(flat)) & dq.BAD) != 0
    assert found[odd].mean() > 0.99
    assert not found[~odd].any()
