"""A declared value gives way only where the frames contradict it for sure."""

import numpy as np
import pytest

from ccdlib.frame.detector_noise import contradicts
from ccdlib.master.gain_read_noise import gain_doubt, measure_read_noise, read_noise_doubt

SHAPE, NOISE = (48, 64), 4.0


def biases(seed, count=3, step=0.0):
    rng = np.random.default_rng(seed)
    right = np.arange(SHAPE[1]) >= 32
    return [
        np.round(rng.normal(0, NOISE, SHAPE) + step * number * right).astype(np.float32)
        for number in range(count)
    ]


def test_chance_contradicts_nothing():
    """Small frames, where the error is largest: no false alarm in 1000 nights."""
    alarms = 0
    for seed in range(1000):
        frames = biases(seed)
        alarms += contradicts(*measure_read_noise(frames), NOISE)
    assert alarms == 0


@pytest.mark.parametrize("declared", [NOISE * 0.8, NOISE * 1.25])
def test_a_fifth_is_seen(declared):
    frames = biases(1, count=6)
    noise, error = measure_read_noise(frames)
    assert contradicts(noise, error, declared)
    assert read_noise_doubt(frames, noise, error) is None


def test_what_is_not_sure_says_why():
    two = biases(1, count=2)
    assert read_noise_doubt(two, *measure_read_noise(two)) == "2 frames are too few to be sure"
    stepped = biases(1, step=6.0)
    text = read_noise_doubt(stepped, *measure_read_noise(stepped))
    assert text.startswith("the difference of two frames is uneven: its variance is ")
    assert "too large to be sure" in read_noise_doubt(biases(1), NOISE, 0.2 * NOISE)
    assert gain_doubt(1, 1.5, 0.01) == "1 pair of flats is too few to be sure"
    assert "too large to be sure" in gain_doubt(3, 1.5, 0.1)
    assert gain_doubt(3, 1.5, 0.01) is None
