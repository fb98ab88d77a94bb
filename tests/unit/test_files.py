"""Files are written whole or not at all."""

import errno
import os
import subprocess
import sys
from mmap import PAGESIZE

import pytest

from ccdlib.config import load_camera, load_config, plan_settings
from ccdlib.errors import CcdlibError
from ccdlib.files import (
    files_below,
    names_on_disk,
    read_table,
    remove_parts,
    replacing,
    tells_case,
    times_below,
    write_atomically,
    write_early,
    write_if_other,
)
from ccdlib.tables import Table


def test_a_failure_leaves_the_old_content_and_nothing_beside_it(tmp_path):
    path = tmp_path / "a.txt"
    write_atomically(path, b"old")

    def fail():
        with replacing(path) as temporary:
            temporary.write_bytes(b"half")
            assert path.read_bytes() == b"old"
            raise RuntimeError("power")

    with pytest.raises(RuntimeError, match="power"):
        fail()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_an_error_of_the_disk_names_the_file(tmp_path, monkeypatch):
    def fail(number):
        raise OSError(errno.EIO, "Input/output error")

    path = tmp_path / "a.fits"
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match=rf"Input/output error: '{path}'"):  # noqa: SIM117
        with replacing(path, lasting=True) as temporary:
            temporary.write_bytes(b"content")
    assert os.listdir(tmp_path) == []


def test_a_file_is_written_where_it_differs_and_through_no_link(tmp_path):
    path, raw = tmp_path / "a.json", tmp_path / "bias.fits"
    write_if_other(path, b"new")
    os.utime(path, ns=(5, 5))
    write_if_other(path, b"new")
    assert path.stat().st_mtime_ns == 5
    raw.write_bytes(b"raw")
    for content in (b"raw", b"new"):
        path.unlink()
        path.symlink_to(raw)
        write_if_other(path, content)
        assert (path.is_symlink(), path.read_bytes(), raw.read_bytes()) == (False, content, b"raw")
    # it would be waited for
    path.unlink()
    os.mkfifo(path)
    write_if_other(path, b"new")
    assert path.read_bytes() == b"new"
    path.unlink()
    path.mkdir()
    with pytest.raises(CcdlibError, match="is a folder, where a file should be"):
        write_if_other(path, b"new")


def test_names_that_are_new_are_brought_to_the_disk(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda number: synced.append(os.fstat(number).st_ino))
    folders = [tmp_path / name for name in ("old", "new", "gone")]
    for folder in folders[:2]:
        folder.mkdir()
    os.utime(folders[0], ns=(1, 1))
    names_on_disk(folders, 2)
    assert synced == [folders[1].stat().st_ino]


@pytest.mark.parametrize(("number", "passes"), [(errno.EINVAL, True), (errno.EIO, False)])
def test_a_file_server_that_cannot_do_so_is_no_disk_that_fails(
    tmp_path, monkeypatch, number, passes
):
    def fail(descriptor):
        raise OSError(number, "an error")

    monkeypatch.setattr(os, "fsync", fail)
    if passes:
        names_on_disk([tmp_path], 0)
    else:
        with pytest.raises(OSError, match="an error"):
            names_on_disk([tmp_path], 0)


def test_the_temporary_file_is_hidden_beside_its_place_even_for_the_longest_name(tmp_path):
    path = tmp_path / "new" / ("x" * 250 + ".fits")
    with replacing(path) as temporary:
        assert temporary.parent == path.parent
        assert temporary.name.startswith(".")
        temporary.write_bytes(b"content")
    assert path.read_bytes() == b"content"


def test_parts_of_killed_jobs_are_removed_and_nothing_else(tmp_path):
    (tmp_path / "sub").mkdir()
    for name in (".a.fits.77.part", "sub/.b.fits.78.part", "sub/b.fits", ".hidden", "c.part"):
        (tmp_path / name).touch()
    remove_parts(tmp_path)
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))
    assert left == [".hidden", "c.part", "sub", "sub/b.fits"]


def test_what_a_process_that_is_at_work_writes_can_be_spared(tmp_path):
    own, odd = tmp_path / f".a.json.{os.getpid()}.part", tmp_path / ".a.json.x.part"
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    lost = tmp_path / f".a.json.{ended.pid}.part"
    for path in (own, odd, lost):
        path.touch()
    remove_parts(tmp_path, but_at_work=True)
    assert list(tmp_path.iterdir()) == [own]


def test_files_below_a_folder_with_their_times(tmp_path):
    (tmp_path / "a/b").mkdir(parents=True)
    for name, time in (("x", 3), ("a/y", 4), ("a/b/.z", 5)):
        (tmp_path / name).write_text("")
        os.utime(tmp_path / name, ns=(time, time))
    # a link counts as its file, one to nowhere is none, and no linked folder is entered
    (tmp_path / "link").symlink_to("a/y")
    (tmp_path / "nowhere").symlink_to("gone")
    (tmp_path / "again").symlink_to("a")
    found = {os.path.relpath(path, tmp_path): time for path, time in times_below(tmp_path)}
    assert found == {"x": 3, "a/y": 4, "a/b/.z": 5, "link": 4}
    assert sorted(files_below(tmp_path)) == sorted(str(tmp_path / name) for name in found)
    assert not list(times_below(tmp_path / "missing"))


def test_tables_survive_commas_quotes_newlines_and_odd_names(tmp_path):
    rows = [
        {"a": "x, y", "b": 'say "no"'},
        {"a": "two\nlines", "b": None},
        {"a": os.fsdecode(b"caf\xe9.fits"), "b": "\u03b1"},
    ]
    table = Table(str(tmp_path / "t.csv"), {"a": "text", "b": "text"})
    table.write([each | {"not wanted": 1} for each in rows])
    found = read_table(tmp_path / "t.csv")
    assert found == [{"a": each["a"], "b": each["b"] or ""} for each in rows]
    assert b"\r" not in (tmp_path / "t.csv").read_bytes()


def test_no_table_has_no_rows(tmp_path):
    assert read_table(tmp_path / "none.csv") == []


def test_where_capitals_count(tmp_path, monkeypatch):
    """A link stands for a file system that finds a file by either name."""
    monkeypatch.chdir(tmp_path)
    settings = load_config({"raw_dir": "raw", "camera": "generic"}), load_camera("generic")
    assert "one_case" not in plan_settings(*settings)
    (tmp_path / ".ccdlib").mkdir()
    assert tells_case(tmp_path / ".ccdlib")
    assert "one_case" not in plan_settings(*settings)
    (tmp_path / ".CCDLIB").mkdir()
    assert tells_case(tmp_path / ".ccdlib")
    (tmp_path / ".CCDLIB").rmdir()
    (tmp_path / ".CCDLIB").symlink_to(".ccdlib")
    assert not tells_case(tmp_path / ".ccdlib")
    assert plan_settings(*settings)["one_case"]


def test_pages_that_are_full_go_to_the_disk_early(tmp_path, monkeypatch):
    """Each once, and none that is still being written; what is in the file does not change."""
    told = []
    monkeypatch.setattr(
        os, "posix_fadvise", lambda _, first, size, hint: told.append((first, size))
    )
    parts = [bytes([number]) * (PAGESIZE + 1000) for number in range(3)] + [b"end"]
    with open(tmp_path / "file", "wb") as file:
        for part in parts:
            file.write(part)
            write_early(file, len(part))
    assert told == [(0, PAGESIZE), (PAGESIZE, PAGESIZE), (2 * PAGESIZE, PAGESIZE)]
    monkeypatch.undo()
    with open(tmp_path / "other", "wb") as file:
        for part in parts:
            file.write(part)
            write_early(file, len(part))
    assert (tmp_path / "other").read_bytes() == b"".join(parts)
