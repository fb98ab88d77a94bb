"""Headers: what is no longer true is gone, what still is has moved with the pixels."""

import warnings
from itertools import product

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from making import camera, headers

from ccdlib.camera.assembly import place_wcs
from ccdlib.camera.camera_file import amplifiers
from ccdlib.camera.sections import Section
from ccdlib.raw.header_cards import ascii_name, common_header, product_header, put

STALE = {
    "BIASSEC": "[91:100,1:100]", "DATASEC": "[1:90,1:100]", "TRIMSEC": "[1:90,1:100]",
    "CCDSEC": "[1:90,1:100]", "DETSEC": "[1:90,1:100]", "AMPSEC": "[1:90,1:100]",
    "BIASSEC1": "[1:5,1:100]", "LTV1": -10.0, "LTV2": 0.0, "LTM1_1": 0.5, "LTM2_2": 0.5,
    "GAIN": 1.5, "GAIN2": 1.6, "EGAIN": 1.5, "RDNOISE": 5.0, "SATURATE": 60000, "BZERO": 32768,
    "BSCALE": 1.0, "DATAMAX": 65535, "DATAMIN": 0, "BUNIT": "adu", "CHECKSUM": "x", "DATASUM": "1",
    "DATE": "2024-05-13T03:04:05", "BIASFILE": "old", "BIASSHA": "ab", "FLATFILE": "old",
    "DARKFILE": "old", "DARKSCAL": 2.0, "RAWFILE": "older.fits", "RAWSHA": "cd",
}  # fmt: skip
TRUE = {
    "OBJECT": "M 101", "EXPTIME": 30.0, "DATE-OBS": "2024-05-13T03:04:05", "AIRMASS": 1.2,
    "TELESCOP": "Nickel", "INSTRUME": "Cam", "CCD-TEMP": -20.1, "XBINNING": 2, "CCDSUM": "2 2",
    "ROTATOR": True,
}  # fmt: skip


def raw_header(**more):
    header = fits.Header()
    for key, value in (STALE | TRUE | more).items():
        header[key] = value
    return header


def test_what_is_stale_goes_and_what_is_true_stays():
    kept = product_header(raw_header())
    assert set(kept) == set(TRUE)
    assert all(kept[key] == value for key, value in TRUE.items())


def test_comments_and_history_stay():
    header = raw_header()
    header["COMMENT"] = "seen through clouds"
    header["HISTORY"] = "moved once"
    kept = product_header(header)
    assert list(kept["COMMENT"]) == ["seen through clouds"]
    assert list(kept["HISTORY"]) == ["moved once"]


def test_of_a_card_given_twice_the_first_counts():
    header = fits.Header([("EXPTIME", 30.0), ("EXPTIME", "31")])
    kept = product_header(header)
    assert len(kept) == 1
    assert kept["EXPTIME"] == 30.0


def test_cards_that_break_the_standard_do_not_reach_the_product():
    text = (
        "OBJECT  = 'M 101'".ljust(80) + "BAD     = 1.2.3 'x".ljust(80) + "lower   =    1".ljust(80)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kept = product_header(fits.Header.fromstring(text))
        assert kept["OBJECT"] == "M 101"
        hdu = fits.PrimaryHDU(np.zeros((2, 2)), kept.to_astropy())
    hdu.verify("exception")


_NAMES = (
    "FOO",
    "CTYPE2",
    "COMMENT",
    "HISTORY",
    "CONTINUE",
    "END",
    "",
    "fOO",
    "F O",
    "\xc9A",
    "F\x01",
)
_VALUES = (
    "'a\x12'",
    "T\x01",
    "1\n2",
    "\xe9",
    "'x' / \x1b[31m",
    "'long&'",
    "(1,\x02)",
    "''",
    "' ' / [us]",
)


def test_whatever_a_card_holds_the_others_reach_the_product():
    """Of a card without "=" in its place the library does not look at the letters; END has none."""
    for name, equals, value in product(_NAMES, ("= ", "  ", "=", " ="), _VALUES):
        text = f"{name:8}{equals}{value}".ljust(80) + "GOOD    =                    5".ljust(80)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kept = product_header(fits.Header.fromstring(text))
            written = kept.to_astropy().tostring()
        assert kept["GOOD"] == 5
        assert written.isprintable(), text


def test_deprecated_names_are_renamed():
    kept = product_header(fits.Header([("EPOCH", 2000.0), ("RADECSYS", "FK5")]))
    assert (kept["EQUINOX"], kept["RADESYS"]) == (2000.0, "FK5")
    assert "EPOCH" not in kept


def test_the_raw_header_is_not_changed():
    header = raw_header(EPOCH=2000.0)
    before = header.tostring()
    product_header(header)
    common_header([header, raw_header(AIRMASS=3.0)])
    assert header.tostring() == before


def test_a_master_keeps_what_all_frames_agree_on():
    first, second = raw_header(CRVAL1=10.0, CRPIX1=5.0), raw_header(AIRMASS=1.3, CRVAL1=10.0)
    second.remove("ROTATOR")
    common = common_header([first, second])
    assert set(common) == set(TRUE) - {"AIRMASS", "ROTATOR"}
    assert set(common_header([second, first])) == set(common)


def test_names_become_ascii():
    assert ascii_name("night 1/m%7B13%7D.fits") == "night 1/m%7B13%7D.fits"
    assert ascii_name("H\u03b1.fits") == "H%CE%B1.fits"
    assert ascii_name("line\nbreak") == "line%0Abreak"


@pytest.mark.parametrize("length", [5, 40, 68, 69, 200])
def test_a_long_text_is_kept_whole_and_valid(length):
    header = fits.Header()
    put(header, "RAWFILE", "x" * (length - 1) + "'", "raw frame")
    again = fits.Header.fromstring(header.tostring())
    assert again["RAWFILE"] == "x" * (length - 1) + "'"
    fits.PrimaryHDU(header=header).verify("exception")


# --- the WCS moves with the pixels


def wcs_header(form, sip=False):
    header = fits.Header(
        {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 210.8, "CRVAL2": 54.3,
         "CRPIX1": 51.5, "CRPIX2": 30.0, "CUNIT1": "deg", "CUNIT2": "deg"}
    )  # fmt: skip
    header.update(
        {
            "CD": {"CD1_1": -2e-4, "CD1_2": 3e-5, "CD2_1": 4e-5, "CD2_2": 2.1e-4},
            "PC": {"PC1_1": 0.9, "PC1_2": 0.1, "PC2_1": -0.1, "CDELT1": -2e-4, "CDELT2": 2e-4},
            "CDELT": {"CDELT1": -2e-4, "CDELT2": 2e-4},
        }[form]
    )
    if sip:
        header["CTYPE1"], header["CTYPE2"] = "RA---TAN-SIP", "DEC--TAN-SIP"
        header.update({"A_ORDER": 3, "B_ORDER": 2, "A_2_0": 1e-5, "A_1_1": 2e-5, "A_0_2": -1e-5,
                   "A_3_0": 1e-7, "B_2_0": 3e-5, "B_1_1": -1e-5, "B_0_2": 2e-5})  # fmt: skip
    return header


@pytest.mark.parametrize("form", ["CD", "PC", "CDELT"])
@pytest.mark.parametrize("sip", [False, True])
@pytest.mark.parametrize("flips", [(False, False), (True, False), (False, True), (True, True)])
def test_every_pixel_keeps_its_place_on_the_sky(form, sip, flips):
    header = wcs_header(form, sip)
    before = WCS(header)
    data = Section(5, 85, 10, 95, *flips)
    place = Section(0, 80, 7, 92)
    place_wcs(header, data, place, flips)
    after = WCS(header)
    y, x = np.mgrid[0:80:13, 0:85:13]
    raw_y = data.y1 - 1 - y if flips[0] else data.y0 + y
    raw_x = data.x1 - 1 - x if flips[1] else data.x0 + x
    expected = before.all_pix2world(raw_x, raw_y, 0)
    found = after.all_pix2world(x + place.x0, y + place.y0, 0)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


def test_every_version_of_a_wcs_moves():
    header = fits.Header({"CRPIX1": 50.0, "CRPIX2": 40.0, "CRPIX1A": 1.0, "CRPIX2A": 2.0})
    place_wcs(header, Section(4, 90, 10, 95), Section(0, 86, 0, 85), (False, False))
    assert (header["CRPIX1"], header["CRPIX2"]) == (40, 36)
    assert (header["CRPIX1A"], header["CRPIX2A"]) == (-9, -2)


def test_the_second_amplifier_moves_by_the_same_when_nothing_lies_between():
    layout = [{"data": "[11:50,1:100]"}, {"data": "[51:90,1:100]"}]
    first, second = amplifiers(headers(), camera(amplifiers=layout))
    both = []
    for amp in (first, second):
        header = fits.Header({"CRPIX1": 50.0, "CRPIX2": 40.0})
        place_wcs(header, amp.data, amp.place, amp.flips)
        both.append((header["CRPIX1"], header["CRPIX2"]))
    assert both == [(40, 40), (40, 40)]
