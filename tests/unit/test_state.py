"""What is kept for the next run counts only as it was written."""

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccdlib import state
from ccdlib.errors import CcdlibError
from ccdlib.files import write_atomically
from ccdlib.tables import Table

TABLE = Table("results/t.csv", {"name": "text", "count": "integer"})
ROWS = [{"name": "a", "count": 1}, {"name": "b", "count": None}]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(state, "_found", {})
    return tmp_path


def damages(content):
    """Files with one bit turned, cut short, or of other bytes."""
    bits = st.integers(0, 8 * len(content) - 1).map(
        lambda bit: bytes(
            byte ^ (1 << bit % 8) * (bit // 8 == at) for at, byte in enumerate(content)
        )
    )
    cuts = st.integers(0, len(content) - 1).map(lambda length: content[:length])
    return st.one_of(bits, cuts, st.binary(max_size=200).filter(lambda other: other != content))


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_as_good_as_none_and_not_waited_for(make):
    os.mkdir(".ccdlib")
    make(".ccdlib/a")
    make("b.json")
    assert state.kept(".ccdlib/a") is None
    assert state.unsealed("b.json") is None


def test_a_folder_is_not_deleted_but_named(folder):
    os.mkdir("results")
    os.mkdir("results/a.json")
    with pytest.raises(CcdlibError, match=r"^results/a.json is a folder, where a file should be"):
        state.drop("results/a.json")


def test_what_is_kept_comes_back(folder):
    state.keep_json(".ccdlib/a", {"b": [1, "\udcff"]})
    assert state.kept_json(".ccdlib/a") == {"b": [1, "\udcff"]}
    assert state.kept(".ccdlib/none") is state.kept_json(".ccdlib/none") is None
    assert state.discarded() == []


def test_what_was_moved_into_the_place_of_another_is_as_good_as_none(folder):
    """Whole as it is, it may be another kind of file: its reader ended with a traceback."""
    state.keep(".ccdlib/tables/a.csv", b"some digests")
    state.keep_json(".ccdlib/made/a.json", {"recipe": "1"})
    os.rename(".ccdlib/tables/a.csv", ".ccdlib/made/a.json")
    assert state.kept_json(".ccdlib/made/a.json") is None
    assert state.discarded()[0].startswith(".ccdlib/made/a.json is not as a run here wrote it")


def test_a_folder_that_is_moved_keeps_its_state(folder):
    state.keep(folder / "one/.ccdlib/made/a", b"content")
    os.rename("one", "two")
    assert state.kept("two/.ccdlib/made/a") == b"content"
    state.keep(folder / "package/code.json", b"{}")
    os.rename("package", "other")
    assert state.kept(folder / "other/code.json") == b"{}"


@given(st.data())
def test_what_was_damaged_is_as_good_as_none(data):
    state.keep(".ccdlib/a", b"some content\nof two lines")
    path = state.Path(".ccdlib/a")
    path.write_bytes(data.draw(damages(path.read_bytes())))
    assert state.kept(path) is None


@given(st.data())
def test_a_sealed_file_is_json_and_counts_only_whole(data):
    path = state.Path("a.json")
    path.write_bytes(state.sealed({"gain": 1.5, "list": [1]}))
    assert json.loads(path.read_bytes()).keys() == {"sha256", "gain", "list"}
    assert state.unsealed(path) == {"gain": 1.5, "list": [1]}
    path.write_bytes(data.draw(damages(path.read_bytes())))
    assert state.unsealed(path) is None


def test_a_record_is_not_believed_in_the_place_of_another(tmp_path):
    """Of two lights with one name in two folders the page would show the other."""
    first, second = (f"results/qa/calibrated/{night}/raw/a.json" for night in (1, 2))
    for path in (first, second):
        state.Path(path).parent.mkdir(parents=True)
        state.Path(path).write_bytes(state.sealed({"median": 1.5}, None, path))
        assert state.unsealed(path) == state.unsealed(tmp_path / path) == {"median": 1.5}
    os.replace(first, second)
    assert state.unsealed(second) is None


@given(st.data())
def test_a_damaged_table_is_not_read_and_made_again(data):
    TABLE.write(ROWS)
    assert TABLE.rows() == ROWS
    path = state.Path(TABLE.path)
    path.write_bytes(data.draw(damages(path.read_bytes())))
    with pytest.raises(CcdlibError, match=r"results/t.csv: not as it was written"):
        TABLE.rows()
    state.discard([TABLE.path])
    assert not path.exists()


def test_a_table_that_is_written_again_is_one_of_two_in_between(monkeypatch):
    TABLE.write(ROWS)
    old = state.Path(TABLE.path).read_bytes()
    TABLE.write([])
    assert TABLE.rows() == []
    state.Path(TABLE.path).write_bytes(old)
    assert TABLE.rows() == ROWS


def test_a_table_says_what_it_was_made_of():
    assert not state.is_made_of(TABLE.path, "")
    TABLE.write(ROWS, made_of="1a")
    assert state.is_made_of(TABLE.path, "1a") and not state.is_made_of(TABLE.path, "")
    TABLE.write([])
    assert not state.is_made_of(TABLE.path, "1a") and TABLE.rows() == []


def test_a_table_of_the_run_before_is_not_made_of_what_this_one_told():
    TABLE.write(ROWS, made_of="1a")
    old = state.Path(TABLE.path).read_bytes()
    TABLE.write([], made_of="2b")
    state.Path(TABLE.path).write_bytes(old)
    assert TABLE.rows() == ROWS, "as whoever reads in between has to find it"
    assert not state.is_sound(TABLE.path) and not state.is_made_of(TABLE.path, "2b")


def test_tables_of_one_job_go_together_and_take_those_made_from_them():
    tables = [Table(f"results/{name}.csv", TABLE.columns) for name in "abcd"]
    for table in tables:
        table.write(ROWS)
    there = lambda: [table.path for table in tables if state.Path(table.path).exists()]  # noqa: E731
    sets = [tables[0].path, tables[1].path], [tables[2].path, tables[3].path]
    state.discard(*sets)
    assert len(there()) == 4
    state.Path(tables[3].path).write_text("")
    state.discard(*sets)
    assert there() == [tables[0].path, tables[1].path]
    tables[2].write(ROWS)
    tables[3].write(ROWS)
    state.Path(tables[0].path).unlink()
    state.discard(*sets)
    assert there() == []


def test_one_line_tells_once_what_was_discarded():
    for name in "abcde":
        state.keep(f".ccdlib/{name}", b"x")
        state.Path(f".ccdlib/{name}").write_bytes(b"y")
    state.Path(".ccdlib/lock").write_text("process 1")
    state.discard()
    (line,) = state.discarded()
    assert line.startswith(".ccdlib/a, .ccdlib/b, .ccdlib/c and 2 more are not as")
    assert [path.name for path in state.Path(".ccdlib").iterdir()] == ["lock"]
    state.discard()
    assert state.discarded() == []


def test_a_folder_in_the_place_of_a_file_is_named():
    state.Path(".ccdlib/a").mkdir(parents=True)
    with pytest.raises(CcdlibError, match=r".ccdlib/a cannot be written \(Is a directory\)"):
        state.keep(".ccdlib/a", b"x")
    state.Path(".ccdlib/b").write_text("")
    with pytest.raises(CcdlibError, match=r".ccdlib/b/c cannot be written"):
        state.keep(".ccdlib/b/c", b"x")


def test_a_page_that_was_damaged_goes_with_its_verdict_and_the_first_page():
    pages = {night: f"results/report/{night}.html" for night in ("2024-05-13", "14", "index")}
    verdicts = {night: f"results/qa/report/{night}.json" for night in ("2024-05-13", "14")}
    everything = {*pages.values(), *verdicts.values()}

    def write(good=True):
        for page in pages.values():
            state.write_noted(page, b"<html>")
        for verdict in verdicts.values():
            state.write_noted(verdict, state.sealed({"good": good}, place=verdict))

    def left():
        state.discard()
        return {path for path in everything if os.path.exists(path)}

    write()
    assert left() == everything
    state.Path(pages["14"]).write_bytes(b"<htm")
    assert left() == {pages["2024-05-13"], verdicts["2024-05-13"]}
    assert state.discarded()[0].startswith("results/report/14.html is not as")
    write()
    state.Path(pages["index"]).write_bytes(b"")
    assert left() == everything - {pages["index"]}
    write()
    os.unlink(pages["14"])
    assert left() == {pages["2024-05-13"], verdicts["2024-05-13"]}
    assert state.discarded()[0].startswith("results/report/index.html is not as")
    # whole, and of the run before
    write(good=False)
    old = state.Path(verdicts["14"]).read_bytes()
    write()
    state.Path(verdicts["14"]).write_bytes(old)
    assert left() == {pages["2024-05-13"], verdicts["2024-05-13"]}
    assert state.discarded()[0].startswith("results/qa/report/14.json is not as")
    # a folder in the place of a note
    note = state.Path(".ccdlib/tables/report/14.html")
    note.mkdir()
    write_atomically(verdicts["14"], state.sealed({"good": True}, place=verdicts["14"]))
    with pytest.raises(CcdlibError, match=r"report/14.html cannot be written .* delete .ccdlib"):
        state.discard()
    note.rmdir()
    # a night that is no more costs the first page once
    state.write_noted(pages["index"], b"<html>")
    assert pages["index"] in left()


def test_what_another_run_is_writing_is_left_to_it(folder):
    """It failed as its file was gone before it had its name."""
    state.keep_json(".ccdlib/config.json", {})
    part = folder / ".ccdlib/.config.json.123.part"
    part.write_bytes(b"half")
    state.discard()
    assert part.exists()
    assert state.discarded() == []
