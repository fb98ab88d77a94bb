"""Measured gain and read noise: true on average, with an error that is one sigma."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from ccdlib.camera.amplifiers import Amplifier, amplifiers_to_rows
from ccdlib.camera.sections import Section
from ccdlib.errors import CcdlibError
from ccdlib.frame.noise import clipped_variance, near_median
from ccdlib.master.gain_kernels import inverse_gains
from ccdlib.master.gain_read_noise import (
    gain_doubt,
    measure_detector,
    measure_gain,
    measure_read_noise,
)
from ccdlib.master.member import Member
from ccdlib.report.last_lines import detector_warnings
from ccdlib.simulate import exposures as simulate

GAIN, NOISE = 1.7, 7.0
SIZE = 192
PLAIN = simulate.Detector(
    (SIZE, SIZE), (simulate.Amplifier(0, SIZE, GAIN, NOISE, 500.0, overscan=0),)
)
# everything that must not matter
HARD = replace(
    PLAIN,
    pixel_response=0.02,
    bias_columns=3.0,
    bias_gradient=6.0,
    vignetting=(("V", 0.3),),
    hot_pixels=tuple((y, 31, 4000.0) for y in range(0, SIZE, 9)),
    low_pixels=tuple((7, x, 0.2) for x in range(0, SIZE, 11)),
    bad_columns=(simulate.BadColumn(60, 0, SIZE, response=0.05),),
    cosmic_rays=simulate.CosmicRays(rate=2e-6),
)


def pixels(detector, rng, kind, level=0.0):
    """One frame above its level, adu."""
    scene = simulate.Scene(level / 5) if kind == "flat" else None
    lit = "V" if kind == "flat" and detector.vignetting else None
    exptime = 5.0 if kind == "flat" else 0
    frame = simulate.expose(detector, rng, kind, exptime, filter=lit, scene=scene)
    return frame.raw.astype(np.float32) - 500


def night(detector, seed, biases, levels):
    """(value, error) of read noise in adu and of gain."""
    rng = simulate.generator(seed)
    bias = [pixels(detector, rng, "bias") for _ in range(biases)]
    noise = measure_read_noise(bias)
    flats = [pixels(detector, rng, "flat", level) - np.mean(bias, axis=0) for level in levels]
    return noise, measure_gain(list(pairwise(flats)), noise[0])


def assert_errors_are_true(found, truth):
    """Pulls of `found`, rows of (value, error): mean 0, standard deviation 1."""
    values, errors = np.transpose(found)
    pull = (values - truth) / errors
    error = len(pull) ** -0.5
    assert abs(pull.mean()) < 3 * error
    assert abs(pull.std(ddof=1) - 1) < 3 * error / 2**0.5


@pytest.mark.parametrize("detector", [PLAIN, HARD], ids=["plain", "hard"])
@pytest.mark.parametrize(
    ("biases", "levels"),
    [
        (2, (30_000, 30_000)),
        # a lamp that drifts, an odd number of flats
        (5, (20_000, 26_000, 31_000)),
        # where read noise matters as much as photons
        (10, (100, 100, 100)),
    ],
)
def test_pulls(detector, biases, levels):
    nights = [night(detector, seed, biases, levels) for seed in range(60)]
    assert_errors_are_true([noise for noise, _ in nights], NOISE / GAIN)
    assert_errors_are_true([gain for _, gain in nights], GAIN)


def test_more_frames_make_it_better():
    few, many = (night(PLAIN, 1, number, [20_000] * number) for number in (2, 20))
    for one, other in zip(few, many, strict=True):
        assert other[1] < one[1] / 2


def test_clipped_variance_leaves_noise_alone():
    rng = np.random.default_rng(1)
    values = rng.normal(0, 3, 400_000)
    values[:100] = 1e5
    assert abs(clipped_variance(values) / 9 - 1) < 3 * (2 / values.size) ** 0.5


def test_biases_that_differ_by_less_than_their_digitisation():
    rng = np.random.default_rng(1)
    biases = [(rng.random((64, 64)) < 0.01).astype(float) for _ in range(2)]
    with pytest.raises(CcdlibError, match="differ by less than their digitisation"):
        measure_read_noise(biases)


def test_the_error_of_few_boxes_is_that_of_the_noise_at_least():
    """Of two boxes the scatter may be nothing, and the gain was 400 sigma from the true one."""
    found = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        flats = [rng.poisson(20000.0, (64, 48)) / 1.6 for _ in range(4)]
        pairs = [(a.astype(np.float32), b.astype(np.float32)) for a, b in pairwise(flats)]
        found.append(measure_gain(pairs, 0.0))
    pulls = [(gain - 1.6) / error for gain, error in found]
    # scatter of two boxes adds to the error of some; 40 pulls tell their deviation to 0.11
    assert 0.5 < np.std(pulls) < 1.2


def test_a_pair_of_equal_pixels_measures_nothing():
    """It has no noise: beside good pairs it would make the read noise and 1/gain too small."""
    rng = np.random.default_rng(1)
    first, second = (rng.normal(1000, 5, (64, 64)) for _ in range(2))
    with pytest.raises(CcdlibError, match="two of the biases have the same pixels"):
        measure_read_noise([first, second, second])
    with pytest.raises(CcdlibError, match="two of the flats have the same pixels"):
        measure_gain([(first, second), (second, second)], 3.0)


@pytest.mark.parametrize("how", ["shifted", "noisy", "a sum of two"])
@pytest.mark.parametrize("place", [0, 1, 3])
def test_one_odd_flat_leaves_the_gain_or_makes_it_doubtful(how, place):
    """It gave a gain of 0.9 for 1.6, which was believed before the declared one."""
    rng = np.random.default_rng(8)
    response = rng.normal(1, 0.03, (SIZE, SIZE))
    flats = [
        rng.poisson(20_000 * response) / GAIN + rng.normal(0, NOISE / GAIN, response.shape)
        for _ in range(4)
    ]
    flats[place] = {
        "shifted": np.roll(flats[place], 3, 1),
        "noisy": flats[place] + rng.normal(0, 150, response.shape),
        "a sum of two": 2 * flats[place],
    }[how]
    pairs = list(pairwise(flats))
    gain, error = measure_gain(pairs, NOISE / GAIN)
    assert gain_doubt(len(pairs), gain, error) is not None
    # of the pairs it is in one of three, or in two
    assert place == 1 or abs(gain / GAIN - 1) < 0.02


def test_flats_without_light():
    rng = np.random.default_rng(1)
    dark = [rng.normal(-5, 4, (64, 64)) for _ in range(2)]
    with pytest.raises(CcdlibError, match="no part of the flats gives a gain"):
        measure_gain([dark], 4.0)


def write_night(folder, detector, declared):
    """Raw frames of a night and their `Member`s."""
    amps = []
    for amp, where in zip(detector.amplifiers, simulate.sections(detector), strict=True):
        gain, noise = declared if declared else (None, None)
        place = Section(0, SIZE, amp.x0, amp.x1)
        amps.append(Amplifier(where["image"], place, place, None, gain, noise, None, None))
    members = []
    for number, kind in enumerate(["bias"] * 4 + ["flat"] * 3):
        scene = simulate.Scene(20_000.0) if kind == "flat" else None
        rng = simulate.generator(3, number)
        exposure = simulate.expose(detector, rng, kind, scene is not None, scene=scene)
        head = simulate.header(detector, kind, float(scene is not None), simulate.MJD_ZERO)
        path = folder / f"{number}.fits"
        simulate.write_raw(path, detector, exposure, head)
        facts = {"imagetyp": kind, "filter": "V", "amplifiers": amplifiers_to_rows(amps)}
        members.append(Member(str(path), path.name, facts))
    return members


OVERSCAN = {"method": "none", "degree": 0, "clip": 4.0}


@pytest.mark.parametrize("boxes", [20_000, 24])
def test_each_amplifier_has_its_own(tmp_path, monkeypatch, boxes):
    monkeypatch.setattr("ccdlib.master.gain_read_noise._MOST_BOXES", boxes)
    left = simulate.Amplifier(0, 96, 1.2, 5.0, 500.0, overscan=0)
    right = simulate.Amplifier(96, SIZE, 2.4, 11.0, 900.0, overscan=0)
    detector = replace(PLAIN, amplifiers=(left, right))
    found = measure_detector(write_night(tmp_path, detector, None), OVERSCAN)
    for amp, measured in zip((left, right), found, strict=True):
        for fact in ("gain", "read_noise"):
            error = measured[f"{fact}_error"]
            assert abs(measured[fact] - getattr(amp, fact)) < 4 * error
            assert error < 0.03 * measured[fact]
            assert measured[f"{fact}_discrepancy"] is None
        assert (measured["bias_pairs"], measured["flat_pairs"]) == (3, 2)


def test_biases_alone_give_the_read_noise_and_say_what_they_do_not(tmp_path):
    frames = write_night(tmp_path, PLAIN, (GAIN, NOISE))
    biases = [frame for frame in frames if frame.facts["imagetyp"] == "bias"]
    (found,) = measure_detector(biases, OVERSCAN)
    assert (found["gain"], found["gain_lack"]) == (None, "no flats")
    assert abs(found["read_noise"] - NOISE) < 4 * found["read_noise_error"]
    assert abs(found["read_noise_discrepancy"]) < 4
    assert found["gain_discrepancy"] is None and found["pairs_of"] == "bias"
    assert detector_warnings("NIGHT", [found]) == []


def test_darks_give_an_upper_limit_of_the_read_noise(tmp_path):
    frames = write_night(tmp_path, PLAIN, (GAIN, NOISE / 2))
    darks = [
        replace(frame, facts=frame.facts | {"imagetyp": "dark"})
        for frame in frames
        if frame.facts["imagetyp"] == "bias"
    ]
    (found,) = measure_detector(darks, OVERSCAN)
    assert found["pairs_of"] == "dark" and found["read_noise_discrepancy"] is None


def test_frames_that_tell_nothing_are_no_error(tmp_path):
    """The same frame under two names, for example."""
    frames = write_night(tmp_path, PLAIN, None)
    bias = next(frame for frame in frames if frame.facts["imagetyp"] == "bias")
    (found,) = measure_detector([bias, bias], OVERSCAN)
    assert found["read_noise"] is None and found["read_noise_adu"] is None
    assert "have the same pixels" in found["read_noise_lack"]
    assert detector_warnings("NIGHT", [found]) == []


@pytest.mark.parametrize(("declared", "warns"), [((GAIN, NOISE), False), ((1.0, NOISE), True)])
def test_discrepancy_with_what_is_declared(tmp_path, declared, warns):
    (found,) = measure_detector(write_night(tmp_path, PLAIN, declared), OVERSCAN)
    expected = (found["gain"] - declared[0]) / found["gain_error"]
    assert found["gain_discrepancy"] == pytest.approx(expected)
    assert abs(found["read_noise_discrepancy"]) < 4
    lines = detector_warnings("NIGHT", [found])
    assert bool(lines) == warns
    if warns:
        assert "NIGHT, amplifier 1: measured gain 1." in lines[0]
        assert "1 is declared" in lines[0]


def _inverse_gain(first, second, read_variance):
    """What the kernel does in each box, as numpy says it."""
    good = np.isfinite(first) & np.isfinite(second)
    if good.sum() < good.size / 2:
        return np.nan
    first, second = first[good].astype(np.float64), second[good].astype(np.float64)
    ratio = np.median(first) / np.median(second)
    alike = near_median(first + ratio * second)
    first, second = first[alike], second[alike]
    difference = first - ratio * second
    kept = near_median(difference)
    signal = first[kept].mean() + ratio**2 * second[kept].mean()
    if not signal > 0:
        return np.nan
    return (difference[kept].var(ddof=1) - (1 + ratio**2) * read_variance) / signal


@pytest.mark.parametrize("box", [(32, 32), (5, 32), (1, 7)])
def test_the_kernel_has_the_bits_of_numpy(box):
    """Boxes with outliers, holes and whole adu, large and small, and one without light."""
    rng = np.random.default_rng(3)
    height, width = box
    first, second = rng.poisson(5000, (2, 12 * height, 9 * width)).astype(np.float32)
    second *= np.float32(0.9)
    second[: 2 * height] += rng.normal(0, 3, (2 * height, 9 * width)).astype(np.float32)
    first[rng.random(first.shape) < 0.004] *= 3
    first[rng.random(first.shape) < 0.03] = np.nan
    first[:height, :width] = np.nan
    second[-height:] = first[-height:] = rng.normal(-5, 1, (height, 9 * width))
    found = inverse_gains(first, second, height, width, 9.0, 5.0)
    boxes = [
        each.reshape(12, height, 9, width).swapaxes(1, 2).reshape(-1, height, width)
        for each in (first, second)
    ]
    expected = [_inverse_gain(*pair, 9.0) for pair in zip(*boxes, strict=True)]
    assert 9 <= np.count_nonzero(np.isnan(expected)) < 40
    assert found.tobytes() == np.array(expected).tobytes()


@pytest.mark.parametrize("threads", [2, 3, 50])
def test_threads_change_no_bit_of_the_gain(threads):
    rng = np.random.default_rng(2)
    flats = [rng.normal(20_000, 100, (150, 100)).astype(np.float32) for _ in range(3)]
    pairs = list(pairwise(flats))
    assert measure_gain(pairs, 3.0, threads) == measure_gain(pairs, 3.0)
