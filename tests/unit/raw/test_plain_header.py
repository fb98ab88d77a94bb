"""Headers read without a FITS library: values and comments are those that astropy has."""

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from ccdlib.raw.plain_hdus import plain_hdus
from ccdlib.raw.plain_header import plain_header

VALUES = (
    *("T", "F", "0", "-0", "+5", "007", "-32768", "12345678901234567890", "1.", ".5", "-1.50"),
    *("1E3", "1.5D-3", "2d4", "+0.0", "1.2E+05", "", "  ", "- 5", "1 E5", "(1.0, 2.0)"),
    *("'text'", "'trailing   '", "'  leading'", "''", "'it''s'", "'a / b'", "'a' 'b'"),
    *("'x' trailing", "'unfinished", "1,5", "12abc", "[1:3,2:4]", "'2024-05-12T01:02:03'"),
    *("'      '", "'a''", "'''a'", "1.0 2.0", "T F", "0x12", "inf", "nan", "1e400"),
)
COMMENTS = (
    *("", "/", "/ a comment", "/no blank", "/  two  blanks ", "/ observer's note"),
    *("/ 'a' / b", "/ [s] exposure", "/ it' s / odd", "a comment without a slash"),
)


def _header(*cards):
    text = "".join(f"{card[:80]:80}" for card in (*cards, "END"))
    return text.ljust(-(-len(text) // 2880) * 2880).encode("latin1")


def _seen(header, key):
    """What a header has under a key, or the kind of the error."""
    try:
        value = header[key]
        comment = header.comments[key]
    except Exception as error:
        return type(error)
    # nan is not itself; the order of types matters: True == 1
    return type(value), repr(value), comment


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("comment", COMMENTS)
@pytest.mark.parametrize("value", VALUES)
def test_a_card_is_what_it_is_to_astropy(value, comment):
    for shown in (f"{value:>20} {comment}", f"{value} {comment}", f"{value}{comment}"):
        content = _header(f"KEY     = {shown}", "NAXIS   = 2")
        found = plain_header(content)
        # some are left to astropy as they are
        if found is not None:
            assert _seen(found, "KEY") == _seen(fits.Header.fromstring(content), "KEY"), shown


@pytest.mark.filterwarnings("ignore")
@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=70))
def test_whatever_stands_in_a_card(text):
    content = _header(f"KEY     = {text}")
    found = plain_header(content)
    if found is not None:
        assert _seen(found, "KEY") == _seen(fits.Header.fromstring(content), "KEY")


@pytest.mark.parametrize(
    "key",
    [
        *("KEY", "key", " KEY", "NOT", "HIERARCH KEY", "HIERARCH ESO PRO", "ESO PRO CATG"),
        *("DP1.AXIS", "", "COMMENT", "HISTORY", "TOO-LONG-A-KEY"),
    ],
)
def test_a_key_finds_the_card_that_astropy_finds(key):
    content = _header(
        *("SIMPLE  =                    T", "KEY     = 'first'", "KEY     = 'first'"),
        *("HISTORY one", "HISTORY two", "COMMENT three", ""),
    )
    found, expected = plain_header(content), fits.Header.fromstring(content)
    assert (key in found) == (key in expected)
    for header in (found, expected):
        assert (header.get(key, "nothing") == "nothing") == (key not in expected)
    if key in ("COMMENT", "HISTORY"):
        assert list(found[key]) == list(expected[key])
    else:
        assert str(found.get(key)) == str(expected.get(key))


@pytest.mark.parametrize(
    "card",
    [
        "HIERARCH ESO DET = 1",
        "lower   = 1",
        "TEXT    = 'is continued&'\nCONTINUE  'here'",
        "NOEQUALS 'a text'",
        "NOBLANK =1",
        "DP1     = 'AXIS.1: 2'",
        "KEY     = 'r\xe9sum\xe9'",
        "KEY     = 'tab\t'",
        "A B     = 1",
        "KEY     = 'first'\nKEY     = 'second'",
    ],
)
def test_what_is_left_to_astropy(card):
    assert plain_header(_header(*card.split("\n"))) is None


def test_what_follows_an_end_or_has_none():
    assert plain_header(_header("KEY     = 1", "END", "MORE    = 2")) is None
    assert plain_header(_header("KEY     = 1").replace(b"END", b"   ")) is None


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "f4", "f8", "i8"])
def test_rows_are_those_of_astropy(tmp_path, dtype):
    pixels = (np.arange(20).reshape(5, 4) * 3000 % 251).astype(dtype)
    hdus = [fits.PrimaryHDU(), fits.ImageHDU(pixels)]
    fits.HDUList(hdus).writeto(tmp_path / "a.fits")
    with open(tmp_path / "a.fits", "rb") as file, fits.open(tmp_path / "a.fits") as expected:
        found = plain_hdus(file, "a.fits")
        section = found[1].section[(slice(1, 3),)]
        np.testing.assert_array_equal(section, expected[1].section[1:3])
        assert section.dtype.newbyteorder("=") == expected[1].data.dtype.newbyteorder("=")
        np.testing.assert_array_equal(found[1].data, pixels)


@pytest.mark.parametrize(
    "card", [("BSCALE", 2.0), ("BZERO", 100.0), ("BLANK", -1), ("GROUPS", True), ("SIMPLE", False)]
)
def test_pixels_that_are_scaled_are_left_to_astropy(tmp_path, card):
    path = tmp_path / "a.fits"
    fits.PrimaryHDU(np.ones((3, 4), np.int16)).writeto(path)
    content = path.read_bytes()
    text = f"{card[0]:8}= {fits.Card(*card).image[10:30]}".encode().ljust(80)
    end = content.index(b"END" + b" " * 77)
    changed = content[:end] + text + content[end : 2880 - 80] + content[2880:]
    if card[0] == "SIMPLE":
        changed = text + content[80:]
    path.write_bytes(changed)
    with open(path, "rb") as file:
        assert plain_hdus(file, "a.fits") is None


@pytest.mark.parametrize("axis", ["-5", "3.5"])
def test_axes_that_are_no_lengths_are_left_to_astropy(tmp_path, axis):
    path = tmp_path / "a.fits"
    fits.PrimaryHDU(np.ones((3, 4), np.int16)).writeto(path)
    shown = f"NAXIS2  = {axis:>20}".encode().ljust(40)
    path.write_bytes(path.read_bytes().replace(f"NAXIS2  = {3:20}".encode().ljust(40), shown))
    with open(path, "rb") as file:
        assert plain_hdus(file, "a.fits") is None
