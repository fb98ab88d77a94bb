"""Cards that the collection reads without astropy's objects are those that astropy reads."""

import warnings

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from ccdlib import ImageFileCollection
from ccdlib.raw.plain_header import PlainHeader
from ccdlib.toolbox import collection

TEXTS = st.text("abcXYZ 0159'/.:=-_,()", max_size=30)
VALUES = st.one_of(
    TEXTS, st.booleans(), st.integers(-(10**9), 10**9), st.none(),
    st.floats(-1e20, 1e20, allow_nan=False),
)  # fmt: skip
NAMES = st.text("ABCDEFGH0123456789-_", min_size=1, max_size=8).map(lambda name: "A" + name[1:])


def written(path, cards):
    hdu = fits.PrimaryHDU(np.zeros((2, 3), np.int16))
    for name, value in cards:
        hdu.header.append((name, value))
    hdu.writeto(path, overwrite=True)
    return path


def rows(path):
    """The cards by keyword, what is told of them, and whether they were read without astropy."""
    header = collection._header(path, path.name, 0)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        values = collection._values(header, path)
    told = [str(each.message) for each in told if "multiple entries" in str(each.message)]
    return values, told, isinstance(header, PlainHeader)


def by_astropy(path):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collection, "open_quickly", collection.open_checked)
        return rows(path)


def same(first, second):
    assert list(first) == list(second)
    for key, value in first.items():
        assert type(value) is type(second[key]) and value == second[key]


@given(st.lists(st.tuples(NAMES, VALUES), max_size=9), st.lists(TEXTS, max_size=3), st.booleans())
def test_cards_are_astropys(tmp_path_factory, cards, texts, twice):
    path = tmp_path_factory.getbasetemp() / "cards.fits"
    cards = [*cards, *(cards[:1] if twice else ()), *(("HISTORY", text) for text in texts)]
    with warnings.catch_warnings():
        # of keywords that are given twice
        warnings.simplefilter("ignore")
        written(path, cards)
        (values, told, _), (theirs, theirs_told, _) = rows(path), by_astropy(path)
    same(values, theirs)
    assert told == theirs_told


def test_a_plain_file_is_read_without_astropy(tmp_path):
    path = written(
        tmp_path / "a.fits", [("OBJECT", "M 51"), ("COMMENT", "one"), ("COMMENT", "two")]
    )
    values, _, quick = rows(path)
    assert quick and values["object"] == "M 51" and values["comment"] == "one,two"


def test_equal_cards_are_told_as_any_card_given_twice(tmp_path):
    path = written(tmp_path / "a.fits", [("OBJECT", "M 51"), ("OBJECT", "M 51")])
    values, told, quick = rows(path)
    assert quick and values["object"] == "M 51"
    assert len(told) == 1 and "object=M 51" in told[0]


@pytest.mark.parametrize("name", ["a.fits.gz", "several.fits", "tiles.fits.fz", "table.fits"])
def test_other_files_have_their_cards_from_astropy(tmp_path, name):
    pixels, path = np.arange(64, dtype=np.int16).reshape(8, 8), tmp_path / name
    header = fits.Header({"OBJECT": "M 51"})
    hdus = {
        "a.fits.gz": [fits.PrimaryHDU(pixels, header)],
        "several.fits": [fits.PrimaryHDU(), fits.ImageHDU(pixels, header)],
        "tiles.fits.fz": [fits.PrimaryHDU(), fits.CompImageHDU(pixels, header)],
        "table.fits": [
            fits.PrimaryHDU(pixels, header),
            fits.BinTableHDU.from_columns([fits.Column("A", "J", array=[1])]),
        ],
    }
    fits.HDUList(hdus[name]).writeto(path)
    assert not rows(path)[2]
    night = ImageFileCollection(tmp_path, keywords=["object", "naxis"])
    assert night.summary["object"].tolist() == ["M 51"]
