"""Which images of a file are frames of the camera."""

import pytest
from astropy.io import fits

from ccdlib.camera.image_choice import frame_images


def image(number, width=100, height=80, bits=16, name=None):
    header = fits.Header({"NAXIS1": width, "NAXIS2": height, "BITPIX": bits})
    if name:
        header["EXTNAME"] = name
    return number, header


@pytest.mark.parametrize(
    ("images", "kept"),
    [
        # a preview, by its size, its bits, its name
        ([image(0), image(1, 25, 20)], [0]),
        ([image(0), image(1, bits=8)], [0]),
        ([image(0), image(1, name="Preview")], [0]),
        ([image(1, 20, 16, name="X"), image(2, bits=-32), image(3, bits=-32, name="VAR")], [2]),
        # the amplifiers of a chip, of which one is read half
        ([image(1, name="SCI"), image(2, 100, 40, name="SCI")], [1, 2]),
        # an 8-bit camera
        ([image(1, bits=8), image(2, bits=8)], [1, 2]),
        # a file that calls its only image so
        ([image(0, name="MASK")], [0]),
    ],
)
def test_images_of_a_file(images, kept):
    found, left = frame_images(images)
    assert [number for number, _ in found] == kept
    assert len(found) + len(left) == len(images)


def test_what_is_left_out_is_said():
    (text,) = frame_images([image(0), image(1, 25, 20, 8, "THUMB")])[1]
    assert text.startswith("HDU 1 'THUMB' (25 x 20, 8 bits) left out")
