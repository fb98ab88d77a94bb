"""The noise model against nature: Poisson electrons, normal read noise, whole adu."""

import os
import subprocess
import sys

import expected_signal as oracle
import numpy as np
import pytest
from pulls import assert_gaussian_tail, assert_true

from ccdlib.frame.noise import (
    DIGITISATION,
    expected_signal,
    master_variance,
    photon_variance,
)
from ccdlib.frame.rows import at
from ccdlib.simulate import exposures as simulate

SHAPE = (150, 160)


def read_variance(gain, noise):
    return np.float32((noise / gain) ** 2 + DIGITISATION)


def frames(electrons, gain, noise, number, seed=1):
    """Frames of a map of expected electrons, in adu above the pedestal."""
    rng = simulate.generator(seed)
    for _ in range(number):
        charge = rng.poisson(electrons) + rng.normal(0, noise, electrons.shape)
        yield np.rint(charge / gain).astype(np.float32)


def pulls(electrons, gain, noise, number=8, good=None):
    """Pulls of `number` frames, (number, ny, nx)."""
    good = np.ones(electrons.shape, bool) if good is None else good
    floor = read_variance(gain, noise)
    found = []
    for frame in frames(electrons, gain, noise, number):
        signal = expected_signal(frame, good, np.float32(gain), floor)
        found.append((frame - electrons / gain) / np.sqrt(photon_variance(signal, gain, floor)))
    return np.array(found)


def stars(fwhm, sky):
    """A field of 24 stars from 200 to 20000 electrons."""
    rng = simulate.generator(5)
    x, y = rng.uniform(8, SHAPE[0] - 8, (2, 24))
    flux = np.exp(rng.uniform(np.log(200), np.log(20_000), 24))
    return simulate.light_rate(simulate.Scene(sky, np.column_stack([x, y, flux]), fwhm), SHAPE)


@pytest.mark.parametrize("gain", [0.5, 1.5])
@pytest.mark.parametrize(
    ("electrons", "noise"), [(0, 3), (0, 8), (3, 3), (20, 3), (100, 8), (3000, 8), (40_000, 5)]
)
def test_even_light(electrons, noise, gain):
    pull = pulls(np.full(SHAPE, float(electrons)), gain, noise)
    assert_true(pull)
    # of 20 electrons with skewness 1/sqrt(20), 3e-6 lie beyond 5 sigma of a read noise of 3
    assert_gaussian_tail(pull, tail=1e-5 if 0 < electrons <= 100 else 0)


@pytest.mark.parametrize("electrons", [0, 50])
def test_digitisation_as_coarse_as_the_read_noise(electrons):
    assert_true(pulls(np.full(SHAPE, float(electrons)), 4.0, 3.0))


def test_empty_frames_have_no_signal_on_average():
    """Neighbours that chance makes negative count as they are."""
    found = [
        expected_signal(frame, np.ones(SHAPE, bool), np.float32(1), read_variance(1.0, 3.0)).mean()
        for frame in frames(np.zeros(SHAPE), 1.0, 3.0, 8)
    ]
    # a mean of all pixels, each of which is in 24 means
    assert abs(np.mean(found)) < 4 * 3.0 / np.sqrt(8 * SHAPE[0] * SHAPE[1])


def test_own_value_would_be_wrong():
    """What the estimate is for: with the pixel's own value both moments are off."""
    found = []
    for frame in frames(np.zeros(SHAPE), 1.0, 3.0, 4):
        variance = photon_variance(np.maximum(frame, 0), 1.0, read_variance(1.0, 3.0))
        found.append(frame / np.sqrt(variance))
    assert np.mean(found) < -0.05
    assert np.std(found) < 0.93


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("sky", "noise"),
    [(0, 3), pytest.param(20, 8, marks=SLOW), pytest.param(100, 5, marks=SLOW), (2000, 8)],
)
def test_well_sampled_stars(sky, noise):
    electrons = stars(3.2, sky)
    pull = pulls(electrons, 1.0, noise, 100)
    star = electrons - sky > np.sqrt(sky + noise**2)
    assert_true(pull[:, ~star])
    assert_true(pull[:, star])
    assert_gaussian_tail(pull, tail=1e-5)


@pytest.mark.parametrize(("sky", "noise"), [(0, 3), (100, 5)])
def test_cost_at_poorly_sampled_stars(sky, noise):
    """Nothing but its own value tells what a peak between two pixels is expected to be."""
    electrons = stars(1.5, sky)
    star = electrons - sky > np.sqrt(sky + noise**2)
    pull = pulls(electrons, 1.0, noise, 100)[:, star]
    error = pull.size**-0.5
    # -1 / (2 sigma) in electrons for a pixel that is judged by its own value alone
    worst = -np.mean(1 / (2 * np.sqrt(electrons[star] + noise**2)))
    assert worst - 2 * error < pull.mean() < 0.02
    assert abs(pull.std() - 1) + 2 * error / 2**0.5 < 0.03


@pytest.mark.parametrize(
    ("high", "cost"), [(40, 0.1), (60, 0.1), (100, 0.05), (1e3, 0.05), (1e5, 0.05)]
)
def test_cost_at_a_sharp_edge(high, cost):
    """Sigma in the columns on both sides of a step from 20 electrons, with a read noise of 5.

    A step of 3 to 6 sigma is not told from noise by everything: up to 10 % there.
    """
    electrons = np.full((600, 30), 20.0)
    electrons[:, 15:] = high
    pull = pulls(electrons, 1.0, 5.0, 20)
    for column in range(12, 18):
        near = pull[:, :, column]
        error = near.size**-0.5
        assert abs(near.std() - 1) + 2 * error / 2**0.5 < cost
        assert abs(near.mean()) < 0.05 + 3 * error


def test_outlier_does_not_spoil_its_neighbours():
    electrons = np.full(SHAPE, 50.0)
    electrons[5::12, 5::12] = 30_000.0
    pull = pulls(electrons, 1.0, 5.0)
    assert_true(pull)


def test_bad_pixel_does_not_speak_for_its_neighbours():
    flat = np.full((9, 9), 100, np.float32)
    flat[4, 4] = 130
    good = np.ones(flat.shape, bool)
    good[4, 4] = False
    signal = expected_signal(flat, good, np.float32(1), np.float32(25))
    assert signal[3, 4] == 100
    assert expected_signal(flat, good | True, np.float32(1), np.float32(25))[3, 4] > 101


def test_alone_a_pixel_is_judged_by_its_own_value():
    good = np.zeros((3, 3), bool)
    data = np.array([[-5, 0, 5]] * 3, np.float32)
    signal = expected_signal(data, good, np.float32(1), np.float32(25))
    np.testing.assert_array_equal(signal, np.maximum(data, 0))


def test_over_subtracted_frame_keeps_its_read_noise():
    """Chance does not make a whole neighbourhood negative: no variance is taken off."""
    data = np.full((20, 20), -50, np.float32)
    signal = expected_signal(data, np.ones(data.shape, bool), np.float32(1), np.float32(25))
    assert (signal == 0).all()


def test_maps_of_gain_and_read_noise():
    gain = np.ones(SHAPE, np.float32)
    gain[:, 80:] = 2.0
    noise = np.where(gain == 1, 5.0, 9.0)
    electrons = np.full(SHAPE, 300.0)
    floor = read_variance(gain, noise).astype(np.float32)
    found = []
    for frame in frames(electrons, gain, noise, 12):
        # each amplifier its own level in adu: a structure at the border
        signal = expected_signal(frame, np.ones(SHAPE, bool), gain, floor)
        found.append((frame - electrons / gain) / np.sqrt(photon_variance(signal, gain, floor)))
    for part in (slice(0, 80), slice(80, None)):
        assert_true(np.array(found)[:, :, part])


def test_rows_do_not_depend_on_the_rows_that_are_passed_along():
    (frame,) = frames(stars(3.2, 20), 1.0, 5.0, 1)
    good = np.ones(SHAPE, bool)
    whole = expected_signal(frame, good, np.float32(1), np.float32(25))
    part = expected_signal(frame[40:100], good[40:100], np.float32(1), np.float32(25))
    np.testing.assert_array_equal(whole[42:98], part[2:-2])


def test_input_is_not_changed():
    (frame,) = frames(stars(3.2, 20), 1.0, 5.0, 1)
    before = frame.copy()
    expected_signal(frame, np.ones(SHAPE, bool), np.float32(1), np.float32(25))
    np.testing.assert_array_equal(frame, before)


@pytest.mark.parametrize("number", [3, 5, 10, 20])
def test_master_variance_calls_few_good_pixels_unstable(number):
    rng = simulate.generator(7)
    values = rng.normal(0, 1, (number, 1_000_000)).astype(np.float32)
    scatter = values.var(axis=0, ddof=1) / number
    model = np.full(scatter.shape, 1 / number, np.float32)
    quoted, unstable = master_variance(model, scatter, np.full(scatter.shape, number, np.uint16))
    # one in a million is meant; Wilson and Hilferty's approximation gives up to ten
    assert unstable.sum() <= 10 + 3 * 10**0.5
    assert (quoted[~unstable] == model[~unstable]).all()


def test_master_variance_finds_a_pixel_that_flickers():
    model = np.full(1000, 0.1, np.float32)
    quoted, unstable = master_variance(model, 20 * model, np.full(1000, 10, np.uint16))
    assert unstable.all()
    np.testing.assert_array_equal(quoted, 20 * model)


def _rough(seed):
    """Stars on a faint sky, hot and dead pixels, cosmic rays and holes; no whole adu."""
    rng = simulate.generator(seed)
    (frame,) = frames(stars(2.5, 40), 1.3, 5.0, 1, seed)
    frame += rng.normal(0, 0.3, SHAPE).astype(np.float32)
    for share, factor in ((0.01, 8), (0.01, -1), (0.002, 300)):
        frame[rng.random(SHAPE) < share] *= factor
    frame[rng.random(SHAPE) < 0.001] = np.nan
    return frame, (rng.random(SHAPE) > 0.02) & np.isfinite(frame)


_MAP = np.linspace(0.8, 2.2, SHAPE[0] * SHAPE[1], dtype=np.float32).reshape(SHAPE)


@pytest.mark.parametrize("gain", [np.float32(1.3), np.float32(np.inf), _MAP])
@pytest.mark.parametrize("floor", [np.float32(30), 15 + 10 * _MAP])
@pytest.mark.parametrize("shape", [SHAPE, (1, 160), (150, 1), (3, 4)])
def test_the_kernel_has_the_bits_of_numpy(gain, floor, shape):
    frame, good = (each[: shape[0], : shape[1]] for each in _rough(8))
    gain, floor = (at(each, tuple(map(slice, shape))) for each in (gain, floor))
    found = expected_signal(frame, good, gain, floor)
    with np.errstate(invalid="ignore"):
        expected = oracle.expected_signal(frame, good, gain, floor)
    np.testing.assert_array_equal(found, expected)


# a last bit of the scatter makes a pixel of a million change its estimate
THREADS = """
import hashlib
import numpy as np
from ccdlib.frame.noise import expected_signal
frame = np.random.default_rng(5).normal(1000, 100, (400, 400)).astype(np.float32)
signal = expected_signal(frame, frame > 800, np.float32(1), np.float32(25))
print(hashlib.sha256(signal.tobytes()).hexdigest())
"""


def test_the_bits_do_not_depend_on_the_threads_of_the_linear_algebra():
    found = set()
    for number in ("1", "2"):
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        environment = os.environ | dict.fromkeys(names, number)
        done = subprocess.run(
            [sys.executable, "-c", THREADS], env=environment, check=True, capture_output=True
        )
        found.add(done.stdout)
    assert len(found) == 1
