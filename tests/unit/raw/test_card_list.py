"""Cards that are written without a FITS library: those that astropy writes."""

import warnings

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from ccdlib.raw.card_list import CardList, card_image

ASCII = st.characters(min_codepoint=32, max_codepoint=126)
VALUES = st.one_of(
    st.booleans(),
    st.integers(-(2**62), 2**62),
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(width=32, allow_nan=False, allow_infinity=False).map(np.float32),
    st.text(ASCII, max_size=75),
    st.sampled_from(["DP: 1", "AXIS.1: 2", "it's", "", " ", "ends in blanks   ", np.int16(-3)]),
    st.sampled_from([np.bool_(True), np.float64(1e-300), 1e22, 0.1 + 0.2, -0.0, None]),
)


@pytest.mark.filterwarnings("ignore")
@given(st.sampled_from(["A", "KEY-_9", "LONGNAME"]), VALUES, st.text(ASCII, max_size=60))
def test_a_card_looks_as_astropy_makes_it(keyword, value, comment):
    assert card_image(keyword, value, comment) == fits.Card(keyword, value, comment).image


@pytest.mark.parametrize(
    ("value", "comment"),
    [(np.nan, ""), (np.inf, ""), ("r\xe9sum\xe9", ""), (1, "r\xe9sum\xe9"), ("a\nb", ""), ([], "")],
)
def test_what_no_card_can_hold_is_refused(value, comment):
    with pytest.raises(ValueError):
        CardList()["KEY"] = (value, comment)


# a name and a number in a text become a keyword of their own, which nothing here asks for
PLAIN = VALUES.filter(lambda value: not (isinstance(value, str) and ": " in value))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.sampled_from("ABCDE"), PLAIN, st.text(ASCII, max_size=20)),
        st.tuples(st.just("value"), st.sampled_from("ABCDE"), st.integers(-5, 5)),
        st.tuples(st.sampled_from(["comment", "history"]), st.text(ASCII, max_size=160)),
        st.tuples(st.just("remove"), st.sampled_from(["A", "B", "COMMENT"]), st.booleans()),
    ),
    max_size=12,
)


def _done(header, steps):
    for step, *given_ in steps:
        if step == "set":
            keyword, value, comment = given_
            header[keyword] = (value, comment)
        elif step == "value":
            header[given_[0]] = given_[1]
        elif step == "remove":
            header.remove(given_[0], ignore_missing=True, remove_all=given_[1])
        else:
            getattr(header, f"add_{step}")(*given_)
    return header


@pytest.mark.filterwarnings("ignore")
@given(STEPS)
def test_cards_stand_in_the_order_of_astropy(steps):
    own, expected = _done(CardList(), steps), _done(fits.Header(), steps)
    assert own.tostring() == expected.tostring()
    assert list(own) == list(expected)
    assert own.copy().tostring() == own.tostring()
    assert CardList.of(expected).tostring() == own.tostring()
    assert own.to_astropy().tostring() == own.tostring()
    for keyword in "ABCDE":
        assert (keyword in own) == (keyword in expected)


def test_a_copy_is_another_list():
    first = CardList([("A", 1, "one")])
    first.add_comment("a line")
    second = first.copy()
    second["A"] = 2
    second.add_comment("another")
    assert first["A"] == 1
    assert len(first) == 2
    assert second.comments == {"A": "one"}


def test_a_missing_card_is_an_error_where_it_is_asked_for():
    with pytest.raises(KeyError, match="'A' not found"):
        CardList().remove("A")
    CardList().remove("A", ignore_missing=True)


def test_cards_of_a_file_stay_as_they_are_written():
    text = "A       =               1.5000 / a comment".ljust(80) + "END".ljust(80)
    header = fits.Header.fromstring(text.ljust(2880))
    assert CardList.of(header).tostring() == header.tostring()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert CardList.of(header)["A"] == 1.5
