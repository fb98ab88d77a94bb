"""Where the pixels of an image in an extension lie on the sky, whichever HDU says it."""

from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from making import amplifier

from ccdlib.frame.raw_image import open_raw
from ccdlib.products.frame_headers import _true_cards

SHAPE, DATA = (50, 40), "[5:40,3:48]"
PLACE = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRPIX1": 20.0, "CRPIX2": 25.0}
PLACE |= {"CRVAL1": 83.6, "CRVAL2": 22.0, "RADESYS": "ICRS"}
ROTATED = {"CD1_1": -2e-4, "CD1_2": 1e-4, "CD2_1": 1e-4, "CD2_2": 2e-4}
SCALED = {"CDELT1": -3e-4, "CDELT2": 3e-4, "PC1_2": 0.5, "PC2_1": -0.5}


def true_header(tmp_path, primary, own, turned=False):
    """The product's header of an image under an empty primary HDU."""
    pixels = np.arange(2000, dtype=np.uint16).reshape(SHAPE)
    hdus = [fits.PrimaryHDU(), fits.ImageHDU(pixels)]
    for hdu, cards in zip(hdus, (primary, own), strict=True):
        hdu.header.update(cards)
    fits.HDUList(hdus).writeto(tmp_path / "light.fits")
    amp = replace(amplifier(SHAPE, DATA, None), hdu=1, turned=turned)
    overscan = {"method": "none", "degree": 1, "clip": 3.0}
    with open_raw(tmp_path / "light.fits", [amp], "light.fits", overscan) as (header, raws):
        return _true_cards(header, raws)[0].to_astropy()


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("primary", "own"),
    [(PLACE | ROTATED, {}), ({}, PLACE | ROTATED), (PLACE | SCALED, PLACE | ROTATED)],
)
def test_each_pixel_keeps_its_place(tmp_path, primary, own, turned):
    header = true_header(tmp_path, primary, own, turned)
    column, row = 7, 11
    raw = WCS(fits.Header(own or primary)).pixel_to_world_values
    there = row + 2 if not turned else SHAPE[0] - 1 - (row + 2)
    np.testing.assert_allclose(
        WCS(header).pixel_to_world_values(column, row), raw(column + 4, there), rtol=0, atol=1e-9
    )
    # of a world of its own the extension has all cards, and none of the other's stays beside them
    assert ("CDELT1" in header) is False


def test_a_sensors_colours_are_those_of_the_turned_rows(tmp_path):
    cards = {"BAYERPAT": "RGGB", "ROWORDER": "TOP-DOWN"}
    assert true_header(tmp_path, cards, {}, turned=True)["BAYERPAT"] == "GBRG"
