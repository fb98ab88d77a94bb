"""Small pictures, against astropy's zscale and Pillow's reading of the file."""

import base64
import io
import re

import numpy as np
import pytest
from astropy.visualization import ZScaleInterval
from PIL import Image

from ccdlib.frame import image as images
from ccdlib.quality.records import FLAG_COLOURS, Before
from ccdlib.quality.thumbnails import Reducing, pack, reduced, shades, unpack, zscale
from ccdlib.report.pictures import picture, picture_of_array, picture_of_record


def _pixels(html):
    """The pictures of a piece of HTML, opened by Pillow."""
    uris = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    return [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(uri))).convert("RGBA")) for uri in uris
    ]


@pytest.mark.parametrize("seed", range(4))
def test_zscale_shows_what_that_of_astropy_shows(seed):
    rng = np.random.default_rng(seed)
    sky = rng.normal(400, 20, (60, 60))
    sky[10:13, 20:23] += 5000
    limits = zscale(sky)
    theirs = ZScaleInterval(n_samples=sky.size).get_limits(sky)
    # a fiftieth of the range is a step of grey less than the pictures have
    assert limits == pytest.approx(theirs, abs=(theirs[1] - theirs[0]) / 50)


def test_zscale_leaves_out_what_is_not_good():
    image = np.full((50, 50), 100.0) + np.arange(50)
    spoilt = image.copy()
    spoilt[:20] = 1e6
    good = spoilt < 1e5
    assert zscale(spoilt, good)[1] < 1000


@pytest.mark.parametrize(
    "image", [np.zeros((4, 4)), np.full((40, 40), 7.0), np.full((9, 9), np.nan)]
)
def test_zscale_of_a_constant_is_a_range(image):
    low, high = zscale(image)
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
    small = reduced(image, side)
    assert small.shape == expected
    assert (small == 1).all()


def test_reduced_flags_keep_every_bit():
    flags = np.zeros((64, 64), np.uint16)
    flags[5, 5], flags[6, 6] = 2, 32
    small = reduced(flags, 16, np.bitwise_or.reduce)
    assert small[1, 1] == 34
    assert np.count_nonzero(small) == 1


def test_a_picture_has_the_first_row_at_the_bottom():
    image = np.array([[0.0, 10.0, 20.0], [0.0, 0.0, np.nan]])
    (pixels,) = _pixels(picture_of_array(image, 0, 10, "<x>"))
    assert pixels.shape == (2, 3, 4)
    assert pixels[1, :, 0].tolist() == [0, 255, 255]
    assert pixels[0, :, 0].tolist() == [0, 0, 0]


def test_flags_are_clear_where_there_are_none_and_lie_on_their_pixels():
    flags = np.array([[0, 1, 2, 1], [0, 0, 0, 2]], np.uint8)
    _, pixels = _pixels(picture(np.zeros((2, 4), np.uint8), "x", flags))
    first, second = list(FLAG_COLOURS.values())[:2]
    assert pixels[1, :, 3].tolist() == [0, 255, 255, 255]
    assert pixels[1, 1:, :3].tolist() == [list(first), list(second), list(first)]
    assert pixels[0, :, 3].tolist() == [0, 0, 0, 255]


def test_a_stored_picture_is_shown_with_other_limits_as_if_made_with_them():
    image = np.random.default_rng(1).normal(100, 30, (40, 50))
    stored = pack(shades(image, 80, 120))
    record = {"limits": [80, 120], "size": [40, 50], "picture": stored}
    assert (unpack(stored, (40, 50)) == shades(image, 80, 120)).all()
    (own,) = _pixels(picture_of_record(record, "x"))
    (direct,) = _pixels(picture_of_array(image, 80, 120, "x"))
    assert (own == direct).all()
    (wider,) = _pixels(picture_of_record(record, "x", (50, 150)))
    expected = np.clip((image[::-1] - 50) / 100, 0, 1) * 255
    # half a step of the shades that are stored, and half a step of those that are shown
    assert np.abs(wider[..., 0] - expected).max() <= 255 / 2 * (1 / 40 * 40 / 100 + 1 / 39) + 1


@pytest.mark.parametrize("height", [1, 3, 7, 50, 200])
@pytest.mark.parametrize("shape", [(200, 130), (101, 7), (3, 90), (1, 500), (20, 20)])
def test_an_image_that_comes_by_rows_is_reduced_to_the_same_bits(shape, height):
    image = np.random.default_rng(1).normal(100, 30, shape).astype(np.float32)
    for side in (5, 20, 64, 500):
        small = Reducing(shape, side)
        for first in range(0, shape[0], height):
            small.add(image[first : first + height])
        np.testing.assert_array_equal(small.image(), reduced(image, side))


def test_the_record_of_a_raw_frame_does_not_depend_on_how_its_rows_come():
    rng = np.random.default_rng(2)
    shape = (700, 300)
    data = rng.normal(100, 30, shape).astype(np.float32)
    flags = rng.choice([0, 0, 0, 2], shape).astype(np.uint16)
    image = images.Image(data, data, flags, "adu")
    found = []
    for height in (700, 64, 1):
        before = Before(shape)
        for first in range(0, shape[0], height):
            before.add(image.rows(slice(first, first + height)))
        found.append(before.record())
    assert found[0] == found[1] == found[2]
    # every third row, and of these what is not flagged
    assert found[0]["median"] == np.median(data[::3][flags[::3] == 0])
