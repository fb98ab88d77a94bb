"""Pictures made by hand, against astropy's zscale and Pillow's reading of the file."""

import io

import numpy as np
import pytest
from astropy.visualization import ZScaleInterval
from PIL import Image

from ccdlib import png


def _pixels(content):
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGBA"))


@pytest.mark.parametrize("seed", range(4))
def test_zscale_shows_what_that_of_astropy_shows(seed):
    rng = np.random.default_rng(seed)
    sky = rng.normal(400, 20, (60, 60))
    sky[10:13, 20:23] += 5000
    limits = png.zscale(sky)
    theirs = ZScaleInterval(n_samples=sky.size).get_limits(sky)
    # a fiftieth of the range is a step of grey less than the pictures have
    assert limits == pytest.approx(theirs, abs=(theirs[1] - theirs[0]) / 50)


def test_zscale_leaves_out_what_is_not_good():
    image = np.full((50, 50), 100.0) + np.arange(50)
    spoilt = image.copy()
    spoilt[:20] = 1e6
    good = spoilt < 1e5
    assert png.zscale(spoilt, good)[1] < 1000


@pytest.mark.parametrize(
    "image", [np.zeros((4, 4)), np.full((40, 40), 7.0), np.full((9, 9), np.nan)]
)
def test_zscale_of_a_constant_is_a_range(image):
    low, high = png.zscale(image)
    assert high > low


@pytest.mark.parametrize(
    ("shape", "side", "expected"),
    [
        ((512, 512), 256, (256, 256)),
        ((4128, 2080), 256, (242, 122)),
        ((100, 80), 256, (100, 80)),
        ((1, 1000), 100, (1, 100)),
    ],
)
def test_reduced_fits_and_keeps_the_mean(shape, side, expected):
    image = np.ones(shape)
    small = png.reduced(image, side)
    assert small.shape == expected
    assert (small == 1).all()


def test_reduced_flags_keep_every_bit():
    flags = np.zeros((64, 64), np.uint16)
    flags[5, 5], flags[6, 6] = 2, 32
    small = png.reduced(flags, 16, np.bitwise_or.reduce)
    assert small[1, 1] == 34
    assert np.count_nonzero(small) == 1


def test_grey_has_the_first_row_at_the_bottom():
    image = np.array([[0.0, 10.0, 20.0], [0.0, 0.0, np.nan]])
    pixels = _pixels(png.grey(image, 0, 10))
    assert pixels.shape == (2, 3, 4)
    assert pixels[1, :, 0].tolist() == [0, 255, 255]
    assert pixels[0, :, 0].tolist() == [0, 0, 0]


def test_overlay_is_clear_where_nothing_is_flagged_and_shows_the_first_bit():
    flags = np.array([[0, 1, 2, 3]], np.uint16)
    pixels = _pixels(png.overlay(flags, [2, 1], [(200, 0, 0), (0, 0, 200)]))[0]
    assert pixels[:, 3].tolist() == [0, 255, 255, 255]
    assert pixels[1:, :3].tolist() == [[0, 0, 200], [200, 0, 0], [200, 0, 0]]
