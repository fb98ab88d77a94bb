"""A frame that has not the hot pixels of its dark is of other pixels, and is refused."""

import numpy as np
import pytest

from ccdlib import dq
from ccdlib.errors import CcdlibError
from ccdlib.frame.hot_pixels import HotPixels
from ccdlib.frame.image import Image

SHAPE, SIGMA = (120, 160), 10.0
RNG = np.random.default_rng(4)
HOT = RNG.random(SHAPE) < 0.005
CHARGE = np.where(HOT, RNG.uniform(300, 3000, SHAPE), 0.0)


def plane(data, flags=None, sigma=SIGMA):
    data = np.asarray(data, np.float32)
    flags = np.zeros(SHAPE, np.uint16) if flags is None else flags
    return Image(data, np.full(SHAPE, sigma * sigma, np.float32), flags, "electron")


def seen(dark=CHARGE, frames=5, flags=None):
    """The hot pixels of a dark, looked at in blocks of rows with others around."""
    found = HotPixels(frames)
    hot = np.where(HOT, np.uint16(dq.HOT), np.uint16(0))
    dark = plane(dark + 30, flags)
    for start in range(0, SHAPE[0], 25):
        outer = slice(max(start - 4, 0), min(start + 29, SHAPE[0]))
        inner = slice(start - outer.start, min(start + 25, SHAPE[0]) - outer.start)
        found.add(dark.rows(outer), hot[outer], outer, inner)
    return found


def light(charge, flat=1.0):
    """A frame with its dark taken off, over a sky with stars."""
    rng = np.random.default_rng(5)
    sky = 500 + np.where(rng.random(SHAPE) < 0.03, rng.exponential(5000, SHAPE), 0)
    return (sky + rng.normal(0, SIGMA, SHAPE) + charge - CHARGE) / flat


@pytest.mark.parametrize(
    "charge",
    [CHARGE[::-1], CHARGE[:, ::-1], np.roll(CHARGE, 1, axis=1), np.roll(CHARGE, 1, axis=0), 0.0],
)
def test_a_frame_of_other_pixels_is_refused(charge):
    flat = 1 + 0.3 * np.linspace(-1, 1, SHAPE[1])
    with pytest.raises(
        CcdlibError, match=r"a\.fits: \d+ of \d+ hot pixels of its dark are not hot"
    ):
        seen().refuse_without("a.fits", plane(light(charge, flat)), 1.0)


def test_scales_count():
    """Here electrons per adu, and a dark ten times as long."""
    with pytest.raises(CcdlibError, match="are not hot in it"):
        seen(CHARGE * 4).refuse_without("a.fits", plane(light(0.0)), np.full(SHAPE, 0.25))


@pytest.mark.parametrize("share", [0.6, 0.8, 1.0, 1.3])
def test_a_frame_of_another_temperature_is_not(share):
    seen().refuse_without("a.fits", plane(light(share * CHARGE)), 1.0)


def test_structure_makes_no_holes():
    """As of a crowded field, or of lines across the frame."""
    for seed in range(20):
        field = np.random.default_rng(seed).exponential(3000, SHAPE)
        seen().refuse_without("a.fits", plane(field), 1.0)


def test_little_is_said_of_few_pixels_and_darks():
    """Cosmic rays in one dark, saturated pixels, hot ones that the noise hides, no dark."""
    other = plane(light(0.0))
    seen(frames=2).refuse_without("a.fits", other, 1.0)
    saturated = np.where(HOT, np.uint16(dq.SATURATED), np.uint16(0))
    seen(flags=saturated).refuse_without("a.fits", other, 1.0)
    seen().refuse_without("a.fits", plane(light(0.0), saturated), 1.0)
    seen().refuse_without("a.fits", plane(light(0.0), sigma=400.0), 1.0)
    found = HotPixels(5)
    found.add(None, None, slice(0, 9), slice(0, 9))
    found.refuse_without("a.fits", other, 1.0)


@pytest.mark.parametrize("share", [3.5, 80.0])
@pytest.mark.parametrize("sigma", [SIGMA, 200.0])
def test_a_frame_that_was_exposed_far_longer_than_its_header_says_is_refused(share, sigma):
    """Of a light of 40 s that says 0.5 s next to nothing was taken off, and it was made."""
    scale = 1 / share
    flat = 1 + 0.3 * np.linspace(-1, 1, SHAPE[1])
    noise = np.random.default_rng(6).normal(0, sigma, SHAPE)
    values = (light(CHARGE) - SIGMA + noise + (1 - scale) * CHARGE) / flat
    with pytest.raises(CcdlibError, match=r"a\.fits: \d+ hot pixels of its dark are [\d.]+ times"):
        seen().refuse_hotter("a.fits", plane(values, sigma=sigma), scale)


@pytest.mark.parametrize("share", [0.0, 0.6, 1.0, 1.3, 2.0])
@pytest.mark.parametrize("scale", [0.01, 0.3, 1.0])
def test_a_frame_that_was_a_little_warmer_is_not_too_hot(share, scale):
    values = light(CHARGE) + (share - 1) * scale * CHARGE
    seen().refuse_hotter("a.fits", plane(values), scale)


def test_structure_heats_no_pixels():
    """As of a crowded field, whose stars lie on hot pixels, too."""
    for seed in range(20):
        field = np.random.default_rng(seed).exponential(3000, SHAPE)
        for scale in (0.001, 0.1, 1.0):
            seen().refuse_hotter("a.fits", plane(field), scale)


def test_few_hot_pixels_or_none_tell_no_heat():
    values = light(CHARGE) + 3 * CHARGE
    seen(frames=2).refuse_hotter("a.fits", plane(values), 1.0)
    saturated = np.where(HOT, np.uint16(dq.SATURATED), np.uint16(0))
    seen().refuse_hotter("a.fits", plane(values, saturated), 1.0)
    seen().refuse_hotter("a.fits", plane(values, sigma=4e4), 1.0)


def test_a_frame_whose_values_are_inverted_is_refused():
    values = 5e4 - light(2 * CHARGE) - CHARGE
    with pytest.raises(CcdlibError, match="holes in it, deeper than what its dark took off"):
        seen().refuse_hotter("a.fits", plane(values), 1.0)
