"""A table is made again when it was made of something else than a run would make it of."""

from pathlib import Path

import pytest

from ccdlib import state
from ccdlib.trigger import Trigger

TABLE = Trigger(".ccdlib/listing", ".ccdlib/indexed")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def content():
    return Path(TABLE.path).read_bytes()


def made(digest):
    """A run that makes the table, and the content of the trigger that Snakemake keeps."""
    TABLE.renew(digest)
    TABLE.note_made(digest)
    return content()


def test_what_was_made_of_the_same_is_not_made_again():
    first = made("a")
    stat = Path(TABLE.path).stat()
    TABLE.renew("a")
    assert TABLE.is_met() and content() == first
    assert Path(TABLE.path).stat().st_ino == stat.st_ino, "not even written"


def test_what_was_made_of_something_else_has_a_content_that_snakemake_never_saw():
    """Its records may be of any run, of one with these very settings too."""
    seen = {made("a"), made("b")}
    TABLE.renew("a")
    assert not TABLE.is_met()
    assert content() not in seen


def test_a_dry_run_with_other_settings_changes_nothing():
    first = made("a")
    TABLE.renew("b")
    assert not TABLE.is_met()
    TABLE.renew("a")
    assert TABLE.is_met() and content() == first


def test_a_table_that_a_killed_run_left_a_job_to_write_is_not_believed():
    """It is written after the trigger that is to have it made again."""
    made("a")
    TABLE.renew("b")
    before = content()
    TABLE.note_made("a")
    assert not TABLE.is_met()
    TABLE.renew_unmet()
    assert content() != before
    after = content()
    TABLE.note_made("b")
    TABLE.renew_unmet()
    assert TABLE.is_met() and content() == after


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_text("damaged")])
def test_a_trigger_that_was_damaged_under_a_job_is_there_for_the_next_run(damage):
    """Without this input Snakemake takes the table for one that no job makes, and believes it."""
    TABLE.renew("a")
    damage(Path(TABLE.path))
    TABLE.note_made("a")
    Path(TABLE.path).unlink(missing_ok=True)
    TABLE.renew("a")
    assert Path(TABLE.path).exists()
    again = made("a")
    TABLE.renew("a")
    assert TABLE.is_met() and content() == again


def test_what_could_not_be_read_whole_is_made_again():
    made("a")
    TABLE.note_made("")
    TABLE.renew("a")
    assert not TABLE.is_met()


def test_a_note_that_is_lost_or_damaged_makes_it_again():
    made("a")
    for damage in (Path(TABLE.note).unlink, lambda: Path(TABLE.note).write_text("damaged")):
        damage()
        TABLE.renew("a")
        assert not TABLE.is_met()


def test_tables_of_another_run_are_not_those_that_were_noted():
    """Brought back from a copy with their own notes, a plan of other corrections was believed."""
    plan, index = Path("plan.csv"), Path("index.csv")
    for path in (plan, index):
        path.write_text("new")
    TABLE.renew("a")
    TABLE.note_made("a", ["plan.csv", "index.csv"])
    first = content()
    TABLE.renew("a")
    assert TABLE.is_met() and content() == first
    for path in (plan, index):
        path.write_text("old")
        assert not TABLE.is_met()
        TABLE.renew("a")
        assert content() != first
        path.unlink()
        assert not TABLE.is_met()
        path.write_text("new")
        TABLE.renew("a")
        assert TABLE.is_met() and content() == first


def test_a_note_of_an_earlier_state_of_the_code_makes_it_again():
    """It does not say which tables it is of."""
    made("a")
    state.keep(TABLE.note, f"a\n{content()}".encode())
    TABLE.renew("a")
    assert not TABLE.is_met()
