"""Differences of consecutive frames over their sigma, on images of known noise."""

from types import SimpleNamespace

import numpy as np
import pytest

from ccdlib import dq
from ccdlib.frame.calibrate import Calibration
from ccdlib.frame.image import Image
from ccdlib.quality.frame_pairs import pick, scatter, scatter_of_picks

SHAPE = (300, 320)
FLAGLESS = np.zeros(SHAPE, np.uint16)


def _frame(rng, shared, own=20.0, quoted=20.0, share=9.0):
    """A frame of noise of its own on what it shares with others through its bias."""
    data = 400 + rng.normal(0, own, SHAPE) + shared
    variance = np.full(SHAPE, quoted**2 + share**2)
    return Image(data.astype("f4"), variance.astype("f4"), np.zeros(SHAPE, np.uint16), "electron")


def _even(value, variance, unit):
    return Image(*(np.full(SHAPE, each, "f4") for each in (value, variance)), FLAGLESS, unit)


def _calibration(share=9.0, flat=None):
    bias = Image(
        np.zeros(SHAPE, "f4"), np.full(SHAPE, share**2, "f4"), np.zeros(SHAPE, np.uint16), "adu"
    )
    return Calibration(
        bias=SimpleNamespace(images=[bias], header={}, sha256="x", name="bias"), flat=flat
    )


@pytest.mark.parametrize("ratio", [0.8, 1.0, 1.25])
def test_the_ratio_of_true_to_quoted_noise_is_found_whatever_is_shared(ratio):
    rng = np.random.default_rng(1)
    shared = rng.normal(0, 9, SHAPE)
    picks = [
        pick(_frame(rng, shared, own=20 * ratio), 0, _calibration(), np.float32(1))
        for _ in range(2)
    ]
    # 5000 pixels give 1 %
    assert scatter_of_picks(*picks) == pytest.approx(ratio, rel=0.03)


def test_stars_that_moved_flagged_pixels_and_another_sky_do_not_count():
    rng = np.random.default_rng(2)
    frames = [_frame(rng, 0) for _ in range(2)]
    frames[1].data[...] += 50
    frames[0].data[::50], frames[1].data[7::50] = 5000, 5000
    frames[0].data[:, ::10] = 1e6
    frames[0].dq[:, ::10] = dq.HOT
    picks = [pick(frame, 0, _calibration(), np.float32(1)) for frame in frames]
    assert scatter_of_picks(*picks) == pytest.approx(1, rel=0.03)


def test_the_noise_of_a_shared_flat_and_the_unit_are_taken_into_account():
    rng = np.random.default_rng(3)
    error = 0.05
    images = [_even(0.8, (0.8 * error) ** 2, "")]
    flat = SimpleNamespace(images=images, header={}, sha256="y", name="flat")
    wrong = 1 + rng.normal(0, error, SHAPE)
    picks = []
    for _ in range(2):
        gain, own, share = 2.0, 20.0, 9.0
        data = 400 * wrong + rng.normal(0, own * gain / 0.8, SHAPE)
        variance = (own**2 + share**2) * gain**2 / 0.8**2 + data**2 * error**2
        image = Image(data.astype("f4"), variance.astype("f4"), np.zeros(SHAPE, int), "electron")
        picks.append(pick(image, 0, _calibration(flat=flat), np.float32(gain)))
    assert scatter_of_picks(*picks) == pytest.approx(1, rel=0.03)


def test_frames_of_other_sizes_and_of_few_pixels_are_not_compared():
    rng = np.random.default_rng(4)
    one = pick(_frame(rng, 0), 0, _calibration(), np.float32(1))
    assert scatter_of_picks(one, one | {"values": one["values"][:400], "sigma": ""}) is None
    assert scatter(np.zeros(50), np.ones(50)) is None
    assert scatter(np.full(500, np.nan), np.ones(500)) is None
