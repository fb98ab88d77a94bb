"""A frame's own read noise and level: what its overscan shows, and what it does not."""

import numpy as np
import pytest
from astropy.io.fits import Header
from making import camera, headers

from ccdlib.camera.camera_file import amplifiers
from ccdlib.frame.detector_noise import excess_variances, read_variance
from ccdlib.frame.image import Image
from ccdlib.frame.noise import DIGITISATION, excess_variance
from ccdlib.frame.raw_image import RawImage
from ccdlib.master.level_scatter import add_level_scatter, level_scatter
from ccdlib.master.master_result import MasterResult
from ccdlib.raw.stored_pixels import ArrayPixels

SHAPE = (200, 140)
GAIN, NOISE = 2.0, 8.0
OVERSCAN = {"method": "polynomial", "degree": 1, "clip": 4.0}
JITTER = np.array([1.0, 3.0])


def frame(rng, noise=NOISE, jitter=(0.0, 0.0)):
    """Two amplifiers of 50 columns with 20 of overscan each."""
    pixels = 1000 + rng.normal(0, noise / GAIN, SHAPE)
    pixels[:, :50] += rng.normal(0, jitter[0])
    pixels[:, 50:100] += rng.normal(0, jitter[1])
    spec = [
        {"data": "[1:50,1:200]", "overscan": "[101:120,1:200]"},
        {"data": "[51:100,1:200]", "overscan": "[121:140,1:200]"},
    ]
    amps = amplifiers(
        headers(shape=SHAPE),
        camera(amplifiers=spec, detector={"gain": GAIN, "read_noise": NOISE}),
    )
    raw = np.rint(pixels).astype(np.uint16)
    return RawImage(ArrayPixels(raw), Header(), amps, "a.fits", OVERSCAN)


class Biases:
    """Overscan-subtracted biases of two amplifiers whose levels jitter."""

    shape = (200, 100)

    def __init__(self, seed, count=10, jitter=JITTER):
        rng = np.random.default_rng(seed)
        self.raws = [frame(rng, jitter=jitter) for _ in range(count)]

    def values(self, number, first=0, last=None):
        image = self.raws[number].read(first, last)
        return image.data, image.dq

    def result(self):
        images = [raw.read() for raw in self.raws]
        data = np.mean([image.data for image in images], axis=0)
        variance = np.full(self.shape, NOISE**2 / GAIN**2 / len(images), np.float32)
        image = Image(data, variance, images[0].dq.copy(), "adu")
        return MasterResult(image, [], [], [], 1.0)


def test_the_scatter_of_levels_is_each_amplifiers_own():
    found = [level_scatter(own, own.result().image) for own in map(Biases, range(20))]
    error = (2 / (20 * 9)) ** 0.5
    np.testing.assert_allclose(np.mean(np.square(found), axis=0), JITTER**2, rtol=4 * error)


def test_levels_that_follow_their_overscan_have_no_scatter_of_their_own():
    """The overscan's own error is in its variance already; half of all is below it by chance."""
    found = [Biases(seed, jitter=(0, 0)) for seed in range(20)]
    scatters = np.square([level_scatter(own, own.result().image) for own in found])
    expected = found[0].raws[0].levels[0].mean_variance
    assert scatters.mean() < 0.5 * expected
    assert (scatters == 0).any()


def test_a_bias_with_light_in_it_says_nothing_of_the_others():
    biases = Biases(3, jitter=(0, 0))
    leaking = frame(np.random.default_rng(4), jitter=(0, 0))
    leaking.levels[0].values -= 200
    biases.raws[0] = leaking
    assert max(level_scatter(biases, biases.result().image)) < 1


def test_one_frame_has_no_scatter():
    one = Biases(1, count=1)
    assert level_scatter(one, one.result().image) == [0.0, 0.0]


def test_a_masters_variance_holds_the_scatter_of_its_levels():
    biases = Biases(3)
    plain = biases.result()
    plain.image.dq[5, 5] = 16
    result = add_level_scatter(plain, biases)
    added = result.image.variance - plain.image.variance
    expected = np.repeat([each**2 / 10 for each in result.level_scatter], 50)
    good = plain.image.dq == 0
    np.testing.assert_allclose(added[good], np.tile(expected, (200, 1))[good], rtol=1e-4)
    assert added[5, 5] == 0


def test_a_frame_learns_from_the_biases():
    raw = frame(np.random.default_rng(1))
    before = raw.read().variance
    raw.use_bias(Header({"BLEV0_1": 1.5, "BLEV0_2": 0.5, "BOSC0_1": 4.0, "BOSC0_2": 4.0}))
    added = raw.read().variance - before
    np.testing.assert_allclose(added[:, :50], 1.5**2, rtol=1e-5)
    np.testing.assert_allclose(added[:, 50:], 0.5**2, rtol=1e-5)


@pytest.mark.parametrize("quiet", [None, 3.0, 9.0])
def test_a_noisier_overscan_adds_its_excess(quiet):
    """Over that of the biases' overscan, or what gain and read noise say if that is less."""
    usual = (NOISE / GAIN) ** 2 + DIGITISATION
    raw = frame(np.random.default_rng(2), noise=12.0)
    if quiet is not None:
        raw.use_bias(Header({"BOSC0_1": quiet, "BOSC0_2": quiet}))
    expected = usual + 36 + DIGITISATION - min(usual, np.inf if quiet is None else quiet**2)
    for value in np.unique(read_variance(raw)):
        assert value == pytest.approx(expected, rel=5 * (2 / 4000) ** 0.5)


def test_a_usual_overscan_adds_nothing():
    """Of 200 amplifiers none is noisier by more than four of its errors."""
    rng = np.random.default_rng(4)
    assert not np.any([excess_variances(frame(rng)) for _ in range(100)])


def test_excess_is_what_is_beyond_four_errors():
    assert excess_variance(30.0, 3200, 25.0) == 5.0
    assert excess_variance(27.0, 3200, 25.0) == 0.0
    assert excess_variance(20.0, 3200, 25.0) == 0.0
    assert excess_variance(np.nan, 0, 25.0) == 0.0
