"""When the index is made again: the folder changed, or a file could not be read for the moment."""

import os
from pathlib import Path

import pytest

from ccdlib.index.folder_state import TRIGGER, digest_of, is_current, note_indexed, refresh
from ccdlib.raw.raw_folder import listing


@pytest.fixture
def night(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/a.fits").write_bytes(b"a frame")
    refresh("raw", [], "key")
    (tmp_path / "index.csv").write_text("the index")
    return tmp_path


def later():
    """The trigger, as if it had been written before the index."""
    os.utime(TRIGGER, ns=(1, 1))


@pytest.mark.parametrize("is_whole", [True, False])
def test_a_folder_that_did_not_change_is_indexed_again_only_if_a_file_could_not_be_read(
    night, is_whole
):
    note_indexed(digest_of(listing("raw"), {}, "key"), is_whole, ["index.csv"])
    contents = {Path(TRIGGER).read_bytes()}
    for number in (2, 3):
        later()
        refresh("raw", [], "key")
        assert is_current("index.csv") is is_whole
        # what Snakemake compares is the content
        contents.add(Path(TRIGGER).read_bytes())
        assert len(contents) == (1 if is_whole else number)


def test_a_folder_that_is_read_in_another_way_is_indexed_again(night):
    """Another camera file, or other code."""
    note_indexed(digest_of(listing("raw"), {}, "key"), True, ["index.csv"])
    refresh("raw", [], "another key")
    assert not is_current("index.csv")
    refresh("raw", [], "key")
    assert is_current("index.csv")


def test_a_folder_that_changed_is_indexed_again(night):
    note_indexed(digest_of(listing("raw"), {}, "key"), True, ["index.csv"])
    later()
    (night / "raw/b.fits").write_bytes(b"another")
    refresh("raw", [], "key")
    assert not is_current("index.csv")
