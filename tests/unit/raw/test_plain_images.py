"""Images that are found in a file without a FITS library, and what is left to one."""

from contextlib import nullcontext

import numpy as np
import pytest
from astropy.io import fits

from ccdlib.errors import CcdlibError
from ccdlib.raw.fits_structure import check_structure
from ccdlib.raw.plain_images import plain_images

PIXELS = np.arange(12, dtype=np.uint16).reshape(3, 4)


def _found(path):
    with open(path, "rb") as file:
        images = plain_images(file)
        return images and [
            (each.name, each.unit, each.offset, each.shape and each.pixels(file, "it")[:, :])
            for each in images
        ]


def test_images_are_where_astropy_finds_them(tmp_path):
    path = tmp_path / "a.fits"
    hdus = fits.HDUList(
        [
            fits.PrimaryHDU(),
            fits.ImageHDU(PIXELS, fits.Header([("BUNIT", "adu", "a unit")]), name="sci"),
            fits.ImageHDU(PIXELS.astype(np.float32), name="UNCERT", ver=2),
            fits.ImageHDU(PIXELS.astype(np.uint8)),
        ]
    )
    # a header of more than one block
    hdus[2].header.extend(fits.Header([(f"K{number}", number) for number in range(80)]))
    hdus.writeto(path)
    found = _found(path)
    assert [each[0] for each in found] == ["", "SCI", "UNCERT", ""]
    assert [each[1] for each in found] == ["", "adu", "", ""]
    with fits.open(path) as expected:
        for own, hdu in zip(found, expected, strict=True):
            assert own[2] == hdu.fileinfo()["datLoc"]
            if hdu.data is not None:
                np.testing.assert_array_equal(own[3], hdu.data)


def _card(keyword, value):
    return f"{keyword:8}= {value:>20}".encode()


def _table(path):
    fits.BinTableHDU.from_columns([fits.Column("a", "J", array=[1])]).writeto(path)


def _tiles(path):
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(PIXELS)]).writeto(path)


def _cube(path):
    fits.PrimaryHDU(PIXELS[None]).writeto(path)


def _truncated(path):
    fits.PrimaryHDU(PIXELS).writeto(path)
    path.write_bytes(path.read_bytes()[:2890])


def _without_end(path):
    path.write_bytes(b"SIMPLE  =                    T".ljust(80) * 36)


def _doubled(path):
    fits.PrimaryHDU(PIXELS).writeto(path)
    content = path.read_bytes()
    path.write_bytes(
        content.replace(b"EXTEND  =                    T", b"BITPIX  =                   16")
    )


def _unreadable(path):
    fits.PrimaryHDU(PIXELS).writeto(path)
    path.write_bytes(
        path.read_bytes().replace(
            b"BITPIX  =                   16", b"BITPIX  =                   17"
        )
    )


def _empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize(
    "make",
    [_table, _tiles, _cube, _truncated, _without_end, _doubled, _unreadable, _empty],
)
def test_what_is_not_plain_is_left_to_a_library(tmp_path, make):
    make(tmp_path / "a.fits")
    assert _found(tmp_path / "a.fits") is None


def _with_card(path, *cards):
    """A frame with more cards in its header, which are none that astropy would write."""
    header = fits.Header([(f"OBJECT{number}", "M13") for number in range(len(cards))])
    fits.writeto(path, np.zeros((4, 5), np.int16), header, overwrite=True)
    content, at = path.read_bytes(), 80 * len(cards)
    start = content.index(b"OBJECT0")
    changed = b"".join(card.ljust(80) for card in cards)
    path.write_bytes(content[:start] + changed + content[start + at :])
    return path


@pytest.mark.parametrize(
    "card",
    [
        *(b"NAXIS2  =                    '", b"NAXIS2  =                  nan", b"NAXIS1  ="),
        *(b"EXTEND  =                  nan", b"BITPIX  =                (1,2)", b"GROUPS  = T"),
    ],
)
def test_a_structure_that_is_not_plainly_said_is_left_to_astropy(tmp_path, card):
    with open(_with_card(tmp_path / "a.fits", card), "rb") as file:
        assert plain_images(file) is None


@pytest.mark.parametrize("value", ["16", "999999999999999999999999"])
def test_a_structure_that_is_said_in_two_ways_is_refused(tmp_path, value):
    """astropy took the first for the size of the data and the last for the number of axes."""
    path = _with_card(tmp_path / "a.fits", f"NAXIS   = {value:>20}".encode())
    message = f"^a.fits: NAXIS=2 and NAXIS={value} in one header"
    with open(path, "rb") as file, pytest.raises(CcdlibError, match=message):
        check_structure("a.fits", file, path.stat().st_size)


@pytest.mark.parametrize("value", ["NaN", "-inf", "1E308", "-1E30"])
def test_a_scaling_that_no_frame_has_is_refused(tmp_path, value):
    path = _with_card(tmp_path / "a.fits", f"BZERO   = {value}".encode())
    # numbers that are none are found before
    why = "no value that FITS knows" if value in ("NaN", "-inf") else "no scaling"
    raised = pytest.raises(CcdlibError, match=f"^a.fits: BZERO={value} is {why}")
    with open(path, "rb") as file, raised:
        check_structure("a.fits", file, path.stat().st_size)


def test_what_does_not_follow_the_standard_is_refused(tmp_path):
    path = tmp_path / "a.fits"
    fits.writeto(path, PIXELS)
    path.write_bytes(path.read_bytes().replace(b"T / conforms", b"F / conforms", 1))
    with open(path, "rb") as file, pytest.raises(CcdlibError, match=r"^a.fits: SIMPLE=F"):
        check_structure("a.fits", file, path.stat().st_size)


@pytest.mark.parametrize("keyword", ["BSCALE", "BZERO", "BLANK", "ZBLANK"])
def test_a_scaling_that_is_said_in_two_ways_is_refused(tmp_path, keyword):
    for value, refused in (("2", True), ("1.0", False), ("'x'", True)):
        path = _with_card(
            tmp_path / "a.fits", *(f"{keyword:8}= {v}".encode() for v in ("1", value))
        )
        raised = pytest.raises(CcdlibError, match=f"^a.fits: {keyword}=1.0 and {keyword}=")
        with open(path, "rb") as file, raised if refused else nullcontext():
            check_structure("a.fits", file, path.stat().st_size)
