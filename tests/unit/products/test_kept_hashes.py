"""Hashes of masters that are kept beside the results."""

import os

import pytest

from ccdlib.products.kept_hashes import kept_sha256
from ccdlib.raw.raw_folder import sha256


@pytest.fixture
def master(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "results/master.fits"
    path.parent.mkdir()
    path.write_bytes(b"pixels")
    return path


def test_it_is_the_hash_of_the_bytes_the_first_time_and_the_next(master, monkeypatch):
    expected = sha256(master)
    assert kept_sha256("results/master.fits") == expected
    monkeypatch.setattr(
        "ccdlib.products.kept_hashes.sha256", lambda path: pytest.fail("hashed again")
    )
    assert kept_sha256("results/master.fits") == expected


def test_an_edit_that_keeps_size_and_mtime_is_seen(master):
    kept_sha256("results/master.fits")
    before = master.stat()
    master.write_bytes(b"PIXELS")
    os.utime(master, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert kept_sha256("results/master.fits") == sha256(master)


@pytest.mark.parametrize("content", [b"", b"[1, 2", b"[]"])
def test_a_damaged_note_is_not_believed(master, content):
    kept_sha256("results/master.fits")
    (note,) = (path for path in master.parents[1].glob(".ccdlib/**/*") if path.is_file())
    note.write_bytes(content)
    assert kept_sha256("results/master.fits") == sha256(master)


def test_nothing_is_kept_of_a_file_elsewhere(master):
    before = sorted(master.parents[1].rglob("*"))
    for path in (
        master,
        "results/../results/master.fits",
        f"../{master.parents[1].name}/results/master.fits",
    ):
        assert kept_sha256(path) == sha256(master)
    assert sorted(master.parents[1].rglob("*")) == before
