"""The noise of a frame from its own scatter."""

from itertools import pairwise

import numpy as np
import pytest

from ccdlib.errors import CcdlibError
from ccdlib.frame.image import Image
from ccdlib.frame.own_scatter import (
    boxes_of_image,
    boxes_of_one,
    boxes_of_pair,
    joined_boxes,
    noise_line,
    strips,
    whole_pair,
)

SHAPE, GAIN, FLOOR = (160, 160), 1.5, 20.0
RNG = np.random.default_rng(4)


def frame(light, seed):
    """Adu of a light in electrons, with a variance of FLOOR without light."""
    rng = np.random.default_rng(seed)
    return rng.poisson(light, SHAPE) / GAIN + rng.normal(0, FLOOR**0.5, SHAPE)


def sloping(low, high):
    return np.broadcast_to(np.linspace(low, high, SHAPE[1]), SHAPE)


def test_a_plane_with_stars_and_hot_pixels_is_no_noise():
    values = frame(sloping(900, 1100), 1)
    y, x = np.indices(SHAPE)
    for where in (30, 77, 121):
        values += 4e3 * np.exp(-((y - where) ** 2 + (x - where) ** 2) / 5)
    values[::9, ::31] += 500
    slope, floor = noise_line(boxes_of_one(values))
    assert slope == 0
    assert floor == pytest.approx(1000 / GAIN**2 + FLOOR, rel=0.05)


def stars(density, width, seed):
    """Light of Moffat stars, 300 electrons and more, so many in each box of 16 x 16 pixels."""
    rng, size = np.random.default_rng(seed), 320
    y, x = np.indices((size, size))
    light = np.zeros((size, size))
    core = width * 2.355 / 2 / (2 ** (1 / 3) - 1) ** 0.5
    for _ in range(rng.poisson(density * (size / 16) ** 2)):
        row, column = rng.uniform(0, size, 2)
        flux = min(300 / rng.random(), 1e6)
        near = tuple(slice(max(int(at) - 30, 0), int(at) + 31) for at in (row, column))
        distance2 = (y[near] - row) ** 2 + (x[near] - column) ** 2
        light[near] += flux * 2 / (np.pi * core**2) * (1 + distance2 / core**2) ** -3.0
    return light


@pytest.mark.parametrize("sky", [30, 400, 4000])
@pytest.mark.parametrize(("density", "width"), [(0.3, 0.7), (1, 0.7), (1, 1.6), (3, 1.6), (3, 3)])
def test_stars_do_not_shift_sigma(density, width, sky):
    """Also where every box has stars, one pixel wide or three; the level slopes by a third."""
    light = stars(density, width, 1) + sky * np.linspace(0.8, 1.2, 320)
    rng = np.random.default_rng(2)
    values = rng.poisson(light) / GAIN + rng.normal(0, 4, light.shape)
    line = noise_line(boxes_of_one(values), gain=GAIN)
    sigma, truth = (np.sqrt(sky / GAIN**2 + floor) for floor in (line.floor, 16))
    assert sigma / truth == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("turned", [False, True])
def test_rows_that_differ_are_no_noise(turned):
    """Two amplifiers read in turns, and the traces of a spectrum, along either axis."""
    rows = np.indices((320, 320))[0]
    light = 400 + 60 * (rows % 2) + 3000 * np.exp(-(((rows % 40) - 20.0) ** 2) / 8)
    light = light.T if turned else light
    values = light + np.random.default_rng(3).normal(0, 4, light.shape)
    assert noise_line(boxes_of_one(values)).floor == pytest.approx(16, rel=0.03)


def test_a_strip_of_two_rows_shows_its_noise_along_them():
    values = np.random.default_rng(1).normal(100, 3, (2, 4096))
    assert np.median(boxes_of_one(values).variances) == pytest.approx(9, rel=0.05)


def test_levels_that_differ_show_the_gain():
    pair = frame(sloping(400, 9000), 1), frame(sloping(400, 9000), 2)
    for boxes in (boxes_of_one(pair[0]), boxes_of_pair(*pair)):
        line = noise_line(boxes)
        assert line.light == pytest.approx(GAIN, rel=0.08)


def test_what_is_known_is_kept():
    boxes = boxes_of_one(frame(1000, 3))
    assert noise_line(boxes, gain=GAIN).floor == pytest.approx(FLOOR, rel=0.3)
    assert noise_line(boxes, floor=FLOOR).light == pytest.approx(GAIN, rel=0.1)
    # biases that are noisier than the frame say nothing of it
    line = noise_line(boxes, floor=1e4)
    assert (line.light, line.floor) == (np.inf, pytest.approx(1000 / GAIN**2 + FLOOR, rel=0.05))


def test_masters_bring_their_own_part():
    """The response of the pixels is divided out; the variance of bias and flat is not its own."""
    response, bias = RNG.normal(1, 0.05, SHAPE), RNG.normal(0, 3, SHAPE)
    values = frame(1000 * response, 5) + bias
    quiet, none = np.zeros(SHAPE, np.float32), np.zeros(SHAPE, np.uint16)
    flat = Image(response.astype(np.float32), quiet, none, "")
    image = Image(values.astype(np.float32), quiet + 9, none, "adu")
    part = slice(0, SHAPE[0]), slice(0, SHAPE[1])
    boxes = joined_boxes([boxes_of_image(image, flat, part)], lit=True)
    assert np.median(boxes.levels) == pytest.approx(1000 / GAIN, rel=0.01)
    assert np.median(boxes.variances) == pytest.approx(1000 / GAIN**2 + FLOOR, rel=0.03)


def test_what_is_uneven_between_two_biases_is_an_error_too():
    pair = frame(0, 1), frame(0, 2) + sloping(-8, 8)
    assert whole_pair(*pair).variances[0] == pytest.approx(FLOOR + 16**2 / 12 / 2, rel=0.05)


def test_an_image_that_is_all_flagged_has_no_noise():
    with pytest.raises(CcdlibError, match="no part of the image shows its noise"):
        noise_line(boxes_of_one(np.full(SHAPE, np.nan)))


def test_strips_are_within_the_image_and_apart():
    assert strips((10, 5)) == [slice(0, 10)]
    many = strips((4000, 10))
    assert len(many) == 16 and many[-1].stop <= 4000
    assert all(one.stop <= two.start for one, two in pairwise(many))
