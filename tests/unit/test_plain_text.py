"""Texts from strangers: nothing in them acts on a terminal, a table or a spreadsheet."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccdlib.plain_text import ShownStream, cell, of_cell, shown
from ccdlib.tables import Table

# also what is no character by itself: bytes of a name that are not UTF-8
TEXTS = st.one_of(
    st.text(),
    st.binary().map(lambda content: content.decode("utf-8", "surrogateescape")),
    st.text("\\x0123abef=+-@ \t\r\n\x1b\x85\u2028\u202e\udcff\udce9é🔭\u0301"),
)
ACTING = "\x00\x1b\r\n\t\x7f\x85\x9b\u2028\u2029\u061c\u200e\u202e\u2066\udcff"


@pytest.mark.parametrize("character", ACTING)
def test_what_acts_is_escaped(character):
    text = shown(f"a{character}b")
    assert text.isprintable() and text.startswith("a\\x") and text.endswith("b")
    assert shown(f"a{character}b", but=character) == f"a{character}b"


@pytest.mark.parametrize(
    "text", ["Bérénice", "e\u0301", "🔭", "👩\u200d🚀", "a b", "<script>", "C:\\x"]
)
def test_what_does_not_act_is_shown_as_it_is(text):
    assert shown(text) == text


@given(TEXTS)
def test_what_is_shown_can_be_written_and_is_one_line(text):
    assert len(shown(text).encode().decode().splitlines()) <= 1


@given(TEXTS)
def test_a_cell_gives_its_text_back_and_is_no_formula(text):
    found = cell(text)
    assert of_cell(found) == text
    assert found.encode().decode().splitlines() in ([], [found])
    if found[:1] in ("=", "+", "-", "@"):
        float(found)


@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_a_table_gives_every_text_back_and_is_utf8(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("t") / "t.csv"
    table = Table("t.csv", {"name": "text"})
    rows = [{"name": text or None} for text in texts]
    table.write(rows, path)
    assert table.rows(path) == rows
    assert len(list(csv.reader(io.StringIO(path.read_bytes().decode(), newline="")))) == (
        len(rows) + 1
    )


def test_numbers_stay_numbers():
    for text in ("-10", "+1.5", "-1e-3", "1.5;1.6"):
        assert cell(text) == text


def test_a_stream_keeps_lines_and_no_more():
    stream = io.StringIO()
    print("a\x1b[31mb\rc\nd", file=ShownStream(stream))
    assert stream.getvalue() == "a\\x1b[31mb\\x0dc\nd\n"
