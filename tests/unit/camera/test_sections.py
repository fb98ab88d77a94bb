"""FITS sections: the grammar, its inverse, and everything that must be refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccdlib.camera.sections import Section, parse_section
from ccdlib.errors import CcdlibError

SHAPE = (90, 100)


@pytest.mark.parametrize(
    ("text", "slices"),
    [
        ("[1:100,1:90]", np.s_[0:90, 0:100]),
        ("[11:50,1:90]", np.s_[0:90, 10:50]),
        ("[:,1:45]", np.s_[0:45, 0:100]),
        ("[11:,:45]", np.s_[0:45, 10:100]),
        ("[5,1:5]", np.s_[0:5, 4:5]),
        ("[  17: 52,   1: 20]", np.s_[0:20, 16:52]),
        (" [17:52, 1:20] ", np.s_[0:20, 16:52]),
    ],
)
def test_first_axis_is_x_and_both_ends_are_in(text, slices):
    section = parse_section(text, SHAPE)
    assert section.slices == slices
    assert np.zeros(SHAPE)[section.slices].shape == section.shape
    assert not section.flip_x
    assert not section.flip_y


def test_a_reversed_range_is_a_flip_of_the_same_pixels():
    section = parse_section("[100:51,45:1]", SHAPE)
    assert section == Section(0, 45, 50, 100, flip_y=True, flip_x=True)
    assert parse_section("[100:51,1:45]", SHAPE).flip_y is False


@pytest.mark.parametrize(
    "text",
    ["[11:500,1:90]", "[1:100,1:91]", "[0:10,1:90]", "[101,1:90]", "[500:11,1:90]", "[:0,1:90]"],
)
def test_what_reaches_outside_is_refused_with_both_ranges(text):
    with pytest.raises(CcdlibError, match=r"reaches from \d+ to \d+, outside the image's 1 to"):
        parse_section(text, SHAPE)


@pytest.mark.parametrize(
    "text",
    ["", "UNKNOWN", "1:5,1:5", "[1:5", "[a:b,1:5]", "[1:5:2,1:5]", "[-5:5,1:5]", "[1.0:5,1:5]",
     "[,1:5]", "[**,1:5]", "[1 2:5,1:5]", "[1:5,1:5]x", "[१:5,1:5]", "[1:5\n,1:5]", None],
)  # fmt: skip
def test_what_is_no_section_is_refused_by_its_text(text):
    with pytest.raises(CcdlibError, match=r"is not of the form \[x1:x2,y1:y2\]"):
        parse_section(text, SHAPE)


@pytest.mark.parametrize("text", ["[1:5]", "[1:5,1:5,1:5]", "[]"])
def test_another_number_of_axes_is_refused(text):
    with pytest.raises(CcdlibError, match=r"ranges, a FITS image section has 2|not of the form"):
        parse_section(text, SHAPE)


@st.composite
def sections(draw):
    ny, nx = draw(st.integers(1, 5000)), draw(st.integers(1, 5000))
    y0, x0 = draw(st.integers(0, ny - 1)), draw(st.integers(0, nx - 1))
    y1, x1 = draw(st.integers(y0 + 1, ny)), draw(st.integers(x0 + 1, nx))
    # a single row or column has no direction
    flip_y = draw(st.booleans()) and y1 - y0 > 1
    flip_x = draw(st.booleans()) and x1 - x0 > 1
    return Section(y0, y1, x0, x1, flip_y, flip_x), (ny, nx)


@given(sections())
def test_writing_and_reading_gives_the_section_back(drawn):
    section, shape = drawn
    assert parse_section(section.fits(), shape) == section


@given(sections(), st.sampled_from(["", " ", "   "]))
def test_spaces_between_tokens_do_not_count(drawn, space):
    section, shape = drawn
    text = section.fits()
    for token in ("[", ":", ",", "]"):
        text = text.replace(token, f"{space}{token}{space}")
    assert parse_section(text, shape) == section


@given(st.text(alphabet="[]:,0123456789 *-", max_size=14))
def test_any_text_is_a_section_inside_the_image_or_a_clear_refusal(text):
    try:
        section = parse_section(text, SHAPE)
    except CcdlibError as error:
        assert f"'{text}'" in str(error)
    else:
        assert 0 <= section.y0 < section.y1 <= SHAPE[0]
        assert 0 <= section.x0 < section.x1 <= SHAPE[1]
