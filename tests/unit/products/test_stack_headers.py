"""The header of a stack."""

import numpy as np
from astropy.io import fits

from ccdlib.frame.image import Image
from ccdlib.products.stack_headers import stack_header


def test_each_wcs_of_the_reference_moves_to_the_first_pixel():
    """A second WCS stayed where it was, and a text in place of a number ended the job."""
    cards = [("CTYPE1", "RA---TAN"), ("CRPIX1", 100.5), ("CRPIX2", 50)]
    cards += [("CRPIX1A", 10.0), ("CRPIX2A", 20.0), ("CRPIX1B", "none")]
    plane = np.ones((4, 4), np.float32)
    image = Image(plane, plane, np.zeros((4, 4), np.uint16), "electron")
    light = fits.Header(cards)
    own = {"STKREFX": -7, "STKREFY": 3, "STKSCALE": 1.0, "EXPTIME": 60.0}
    header = stack_header([light], light, [{"object": "M13"}], own, image)
    found = [header[f"CRPIX{axis}"] for axis in ("1", "2", "1A", "2A", "1B")]
    assert found == [107.5, 47, 17.0, 17.0, "none"]
