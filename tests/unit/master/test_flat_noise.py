"""Flats are noisier where they are brighter; others are refused."""

from types import SimpleNamespace

import numpy as np
import pytest

from ccdlib.camera.sections import parse_section
from ccdlib.errors import CcdlibError
from ccdlib.master.flat_noise import refuse_falling_noise

SHAPE, GAIN, FLOOR = (128, 160), 1.5, 20.0
LIGHT = 20e3 * np.linspace(0.85, 1.1, SHAPE[1]) * np.ones(SHAPE)
HALVES = ("[1:80,1:128]", "[81:160,1:128]")


def flat(seed, light=LIGHT):
    rng = np.random.default_rng(seed)
    return rng.poisson(light) / GAIN + rng.normal(0, FLOOR**0.5, SHAPE)


def inverted(seed, light=LIGHT):
    return 64_000 - flat(seed, light)


class Frames:
    """Flats as `MasterFrames` gives them."""

    def __init__(self, flats, sections=("[1:160,1:128]",)):
        amplifiers = [SimpleNamespace(place=parse_section(text, SHAPE)) for text in sections]
        self._flats, self.shape, self.read_variance = flats, SHAPE, np.float32(FLOOR)
        self.raws = [SimpleNamespace(name="flat0.fits", amplifiers=amplifiers)] * len(flats)

    def values(self, number, first, last):
        rows = self._flats[number][first:last].astype(np.float32)
        flags = np.zeros(rows.shape, np.uint16)
        flags[::7, ::9] = 1
        return np.where(flags == 0, rows, 1e6), flags


@pytest.mark.parametrize("count", [2, 3, 5, 9])
def test_inverted_flats_are_refused(count):
    flats = [inverted(seed, LIGHT * (1 + 0.1 * seed)) for seed in range(count)]
    with pytest.raises(CcdlibError, match=r"^night_V, flat0\.fits first: the noise of its"):
        refuse_falling_noise("night_V", Frames(flats))


def test_one_amplifier_of_two_is_named():
    left = np.arange(SHAPE[1]) < 80
    light = LIGHT * np.where(left, 1.0, 1.2) * np.linspace(0.8, 1.1, SHAPE[0])[:, None]
    flats = [np.where(left, flat(seed, light), inverted(seed, light)) for seed in range(4)]
    with pytest.raises(CcdlibError, match=r"flat0\.fits first, amplifier 2: the noise"):
        refuse_falling_noise("night_V", Frames(flats, HALVES))


@pytest.mark.parametrize("level", [20.0, 300.0, 5e3, 8e4])
@pytest.mark.parametrize("even", [True, False])
def test_flats_are_not(level, even):
    light = np.full(SHAPE, level) if even else level * LIGHT / 20e3
    for seed in range(10):
        refuse_falling_noise("V", Frames([flat(10 * seed + each, light) for each in range(2)]))


def test_one_odd_flat_does_not_stop_the_others():
    """It leaves the master by its pixels."""
    for odd in range(4):
        flats = [inverted(seed) if seed == odd else flat(seed) for seed in range(4)]
        refuse_falling_noise("V", Frames(flats))


def test_uneven_noise_of_flats_with_little_light_is_none():
    noisier = np.random.default_rng(1).normal(0, 8, (2, *SHAPE)) * np.linspace(1, 0.2, SHAPE[1])
    flats = [flat(seed, LIGHT / 2e3) + noisier[seed] for seed in range(2)]
    frames = Frames(flats)
    frames.read_variance = np.float32(FLOOR + 23)
    refuse_falling_noise("V", frames)


def test_one_flat_or_a_small_one_tells_nothing():
    refuse_falling_noise("V", Frames([inverted(0)]))
    refuse_falling_noise("V", Frames([inverted(0), inverted(1)], ["[1:16,1:128]"]))
