"""What raw files are called in the results."""

import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccdlib.errors import CcdlibError
from ccdlib.raw.frame_names import frame_name, periodic

ENDINGS = [".fits", ".fit", ".fts", ".FITS", ".Fit", ".fits.gz", ".fits.bz2", ".fits.fz", ".FTS.GZ"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_ending_goes_and_nothing_else(ending):
    assert frame_name(f"sub/m 13.a{ending}") == "sub/m 13.a"


@pytest.mark.parametrize("name", ["a.txt", "fits", ".fits", "a.fits.zip", "a.gz", "a.fitsx"])
def test_other_names_are_no_frames(name):
    with pytest.raises(CcdlibError, match="not a FITS file name"):
        frame_name(name)


def test_braces_are_percent_encoded():
    assert frame_name("m{13}.fits") == "m%7B13%7D"


def decoded(frame):
    """The name behind a FRAME that was not cut."""
    code = "%(?:25|2E|3[CE]|7[BDF]|[01][0-9A-F]|[89A-F][0-9A-F])"
    return re.sub(f"(?:{code})+", lambda all: unquote(all[0], errors="surrogateescape"), frame)


# what file names can hold, what the encoding uses, and what Snakemake reads
NAMES = st.one_of(
    st.binary(min_size=1, max_size=12).map(lambda name: name.decode("utf-8", "surrogateescape")),
    st.text("a%{}<>257BDCEF.~\x1b\n\r\u202e\u2028\x85\udcff\u0301\u00e9e", min_size=1, max_size=12),
    st.text(alphabet="ab", min_size=20, max_size=300),
    st.text(min_size=60, max_size=300),
).map(lambda name: name.replace("/", "_").replace("\0", "_"))  # fmt: skip


@given(st.text(alphabet="a%{}<>257BDCEF.\x1b\udcff\u00e9", min_size=1, max_size=12))
def test_the_name_can_be_taken_back(stem):
    assert decoded(frame_name(stem + ".fits")) == stem


@given(st.lists(NAMES, min_size=1, max_size=3), st.lists(NAMES, min_size=1, max_size=3))
def test_every_name_can_be_borne_and_two_stay_two(parts, others):
    path = "/".join(parts)
    frame = frame_name(path + ".fits")
    assert not set(frame) & set("{}<>\n\r\x1b\x7f\x85\u202e\u2028")
    assert len(frame.encode()) <= 1500
    assert all(len(part.encode()) <= 200 for part in frame.split("/"))
    assert not periodic(frame)
    if others != parts:
        assert frame_name("/".join(others) + ".fits") != frame


@pytest.mark.parametrize(
    "path, frame",
    [
        ("<script>.fits", "%3Cscript%3E"),
        ("a\r\nb.fits", "a%0D%0Ab"),
        ("\x1b[31mred.fits", "%1B[31mred"),
        ("B\udce9r\udce9nice.fits", "B%E9r%E9nice"),
        ("Bérénice 🔭.fits", "Bérénice 🔭"),
        ("e\u0301.fits", "e\u0301"),
        ("calibrate_frame.fits", "calibrate_frame"),
        ("--help.fits", "--help"),
        ("a.fits/b.fit", "a%2Efits/b"),
        ("a.LOG/b.tsv/c.fits.fits", "a%2ELOG/b%2Etsv/c.fits"),
        ("M%2031.fits", "M%2031"),
        ("a%3C.fits", "a%253C"),
    ],
)
def test_names_of_all_kinds(path, frame):
    assert frame_name(path) == frame


@pytest.mark.parametrize(
    "stem", ["x" * 245, "0" * 20, "ab" * 25, "é" * 120, "🔭" * 60, "d/" * 1500 + "x"]
)
def test_a_name_that_is_too_long_or_repeats_is_cut_and_bears_a_digest(stem):
    frame = frame_name(stem + ".fits")
    assert re.search("~[0-9a-f]{12}$", frame)
    assert frame != frame_name(stem + "x.fits")


def test_a_plain_percent_stays():
    assert frame_name("50%.fits") == "50%"
