"""A file counts when it is complete, and never before."""

import bz2
import gzip
import os
import shutil

import numpy as np
import pytest
from astropy.io import fits

from ccdlib.raw.raw_folder import listing
from ccdlib.watch.arrivals import Arrivals, Away, lacks


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def raw(tmp_path):
    folder = tmp_path / "raw"
    folder.mkdir()
    return folder


@pytest.fixture
def arrivals(raw, tmp_path, clock):
    return Arrivals(str(raw), tmp_path / "links", clock=clock)


def frame(path, value=7, shape=(20, 30)):
    fits.PrimaryHDU(np.full(shape, value, np.uint16)).writeto(path, overwrite=True)
    return path.read_bytes()


def looked(arrivals, clock, times=1, seconds=0.5):
    for _ in range(times):
        clock.now += seconds
        arrivals.look()
    return set(arrivals.complete)


def mosaic(path):
    primary = fits.PrimaryHDU()
    primary.header["NEXTEND"] = 2
    images = [fits.ImageHDU(np.full((9, 9), value, np.int16)) for value in (1, 2)]
    fits.HDUList([primary, *images]).writeto(path)
    return path.read_bytes()


def packed(path):
    content = gzip.compress(frame(path.with_name("plain.fits")))
    path.with_name("plain.fits").unlink()
    return content


def tiles(path):
    values = np.random.default_rng(1).normal(1000, 10, (20, 30)).astype(np.int16)
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(values)]).writeto(path)
    return path.read_bytes()


def bzipped(path):
    return bz2.compress(gzip.decompress(packed(path)))


@pytest.mark.parametrize(
    ("name", "make", "spare"),
    # the padding behind the last pixel may be missing
    [
        ("a.fits", frame, 2880 - 1200),
        ("m.fits", mosaic, 2880 - 162),
        ("p.fits.gz", packed, 0),
        ("p.fits.bz2", bzipped, 0),
        ("t.fits.fz", tiles, 0),
    ],
)
def test_no_part_of_a_file_is_whole(name, make, spare, tmp_path):
    path = tmp_path / name
    content = make(path)
    lengths = {*range(0, len(content) - spare, 487), len(content) - spare - 1}
    for length in lengths:
        path.write_bytes(content[:length])
        assert lacks(str(path), name), length
    path.write_bytes(content[: len(content) - spare])
    assert lacks(str(path), name) is None


def test_extensions_that_are_announced_are_waited_for(tmp_path):
    content = mosaic(tmp_path / "m.fits")
    (tmp_path / "m.fits").write_bytes(content[: 2 * 2880 + 2880])
    assert lacks(str(tmp_path / "m.fits"), "m.fits") == "m.fits: 1 of 2 extensions (NEXTEND)"


def test_a_file_counts_when_two_looks_are_the_same(raw, arrivals, clock):
    frame(raw / "a.fits")
    assert looked(arrivals, clock) == set()
    assert looked(arrivals, clock) == {"a.fits"}
    assert arrivals.news == ["a.fits"]
    assert arrivals.link() == ["a.fits"]
    assert not arrivals.news


def test_a_file_written_in_pieces_counts_after_the_last(raw, arrivals, clock):
    content = frame(raw / "whole.fits", shape=(60, 60))
    (raw / "whole.fits").unlink()
    with open(raw / "a.fits", "wb") as file:
        for start in range(0, len(content), 1000):
            file.write(content[start : start + 1000])
            file.flush()
            # a pause between two pieces that is longer than one between two looks
            assert looked(arrivals, clock, times=3) == set() or start + 1000 >= 2880 + 7200
    assert looked(arrivals, clock, times=2) == {"a.fits"}


def test_full_length_before_content(raw, arrivals, clock):
    content = frame(raw / "a.fits", shape=(60, 60))
    head = content[:2880] + bytes(len(content) - 2880)
    (raw / "a.fits").write_bytes(head)
    assert looked(arrivals, clock, times=10) == set()
    with open(raw / "a.fits", "r+b") as file:
        file.write(content)
    assert looked(arrivals, clock) == set()
    assert looked(arrivals, clock) == {"a.fits"}


def test_a_frame_that_really_ends_in_zeros_waits_ten_seconds(raw, arrivals, clock):
    frame(raw / "a.fits", 32768, shape=(36, 40))
    assert looked(arrivals, clock, times=20) == set()
    assert looked(arrivals, clock, times=3) == {"a.fits"}


def test_a_frame_that_fills_its_last_block_need_not_wait(raw, arrivals, clock):
    frame(raw / "a.fits", shape=(36, 40))
    assert looked(arrivals, clock, times=2) == {"a.fits"}


def test_names_while_a_file_is_written_are_no_frames(raw, arrivals, clock):
    content = frame(raw / "a.fits", shape=(36, 40))
    (raw / "a.fits").unlink()
    for name in ("a.fits.part", ".a.fits.XyZ12", "a.fits.tmp", "a.fits~"):
        (raw / name).write_bytes(content)
    assert looked(arrivals, clock, times=4) == set()
    os.rename(raw / "a.fits.part", raw / "a.fits")
    assert looked(arrivals, clock, times=2) == {"a.fits"}


def test_a_file_that_is_renamed_later_is_one_file(raw, arrivals, clock):
    frame(raw / "new.fits", shape=(36, 40))
    looked(arrivals, clock, times=2)
    arrivals.link()
    os.rename(raw / "new.fits", raw / "a.fits")
    looked(arrivals, clock)
    assert arrivals.gone == ["new.fits"]
    assert looked(arrivals, clock) == {"a.fits"}
    arrivals.link()
    assert sorted(os.listdir(arrivals.links)) == ["a.fits"]


def test_what_never_gets_whole_is_left_to_the_index_after_a_minute(raw, arrivals, clock):
    (raw / "a.fits").write_bytes(frame(raw / "a.fits")[:3000])
    assert looked(arrivals, clock, times=60, seconds=0.9) == set()
    assert "truncated" in arrivals.arriving["a.fits"]
    assert looked(arrivals, clock, times=20) == {"a.fits"}
    # and when it grows after all it is another file
    frame(raw / "a.fits", shape=(36, 40))
    assert looked(arrivals, clock) == set()
    assert looked(arrivals, clock) == {"a.fits"}


def test_a_file_that_is_written_again_is_told(raw, arrivals, clock):
    frame(raw / "a.fits", 1, (36, 40))
    looked(arrivals, clock, times=2)
    arrivals.link()
    frame(raw / "a.fits", 2, (36, 40))
    assert looked(arrivals, clock) == set()
    assert arrivals.changing == ["a.fits"]
    looked(arrivals, clock)
    assert arrivals.news == ["a.fits"]


def test_times_of_files_may_jump(raw, arrivals, clock):
    for name, seconds in (("past.fits", 0), ("future.fits", 4e9)):
        frame(raw / name, shape=(36, 40))
        os.utime(raw / name, (seconds, seconds))
    assert looked(arrivals, clock, times=2) == {"past.fits", "future.fits"}


def test_a_folder_that_comes_at_dusk(tmp_path, clock):
    folder = tmp_path / "tonight"
    arrivals = Arrivals(str(folder), tmp_path / "links", clock=clock)
    with pytest.raises(Away, match="tonight is not a folder"):
        arrivals.look()
    folder.mkdir()
    assert looked(arrivals, clock) == set()
    frame(folder / "a.fits", shape=(36, 40))
    assert looked(arrivals, clock, times=2) == {"a.fits"}


def test_a_share_that_vanishes_and_comes_back(raw, arrivals, clock):
    for name in ("a.fits", "b.fits"):
        frame(raw / name, shape=(36, 40))
    looked(arrivals, clock, times=2)
    arrivals.link()
    os.rename(raw, raw.with_name("elsewhere"))
    with pytest.raises(Away, match="is not a folder"):
        arrivals.look()
    # what a mount point looks like without its share
    raw.mkdir()
    with pytest.raises(Away, match="is empty, with 2 files a moment ago"):
        arrivals.look()
    raw.rmdir()
    os.rename(raw.with_name("elsewhere"), raw)
    assert looked(arrivals, clock) == {"a.fits", "b.fits"}
    assert not arrivals.news
    assert not arrivals.gone


@pytest.mark.parametrize("name", ["EIO", "ESTALE"])
def test_a_folder_that_cannot_be_read_for_a_moment(raw, arrivals, clock, monkeypatch, name):
    import errno

    frame(raw / "a.fits", shape=(36, 40))
    looked(arrivals, clock, times=2)
    with monkeypatch.context() as patched:

        def scandir(folder):
            raise OSError(getattr(errno, name), "server", str(folder))

        patched.setattr(os, "scandir", scandir)
        with pytest.raises(Away):
            arrivals.look()
    assert looked(arrivals, clock) == {"a.fits"}


def test_links_are_the_folder_to_an_index(raw, tmp_path, arrivals, clock):
    (raw / "deep").mkdir()
    for name in ("a.fits", "deep/b.fits"):
        frame(raw / name, shape=(36, 40))
    (raw / "half.fits").write_bytes(b"SIMPLE  =")
    looked(arrivals, clock, times=2)
    arrivals.link()
    expected = listing(raw)
    del expected["half.fits"]
    assert listing(tmp_path / "links") == expected


def test_links_of_a_watch_before_to_another_folder_are_made_anew(raw, tmp_path, arrivals, clock):
    frame(raw / "a.fits", shape=(36, 40))
    (tmp_path / "links").mkdir()
    for name in ("a.fits", "old.fits"):
        os.symlink("/nowhere/else.fits", tmp_path / "links" / name)
    looked(arrivals, clock, times=2)
    arrivals.link()
    assert os.listdir(tmp_path / "links") == ["a.fits"]
    assert os.readlink(tmp_path / "links/a.fits") == str(raw / "a.fits")


def test_what_an_index_knows_is_complete_at_once(raw, tmp_path, clock):
    frame(raw / "a.fits", shape=(36, 40))
    frame(raw / "b.fits", shape=(36, 40))
    known = {name: list(stat) for name, stat in listing(raw).items()}
    frame(raw / "b.fits", 9, (36, 40))
    arrivals = Arrivals(str(raw), tmp_path / "links", known=known, clock=clock)
    assert looked(arrivals, clock) == {"a.fits"}


def test_a_working_directory_in_the_folder_is_not_entered(raw, tmp_path, clock):
    (raw / "work/results").mkdir(parents=True)
    frame(raw / "a.fits", shape=(36, 40))
    shutil.copy(raw / "a.fits", raw / "work/results/a.fits")
    excluded = [str(raw / "work/results")]
    arrivals = Arrivals(str(raw), tmp_path / "links", excluded, clock=clock)
    assert looked(arrivals, clock, times=2) == {"a.fits"}


def test_a_file_and_a_folder_of_one_name_one_after_the_other(raw, tmp_path, arrivals, clock):
    (raw / "a.fits").mkdir()
    (raw / "a.fits/deep").mkdir()
    frame(raw / "a.fits/deep/b.fits", shape=(36, 40))
    looked(arrivals, clock, times=2)
    arrivals.link()
    (raw / "a.fits").rename(raw / "c")
    frame(raw / "a.fits", shape=(36, 40))
    looked(arrivals, clock, times=2)
    arrivals.link()
    assert listing(tmp_path / "links") == listing(raw)
    (raw / "a.fits").unlink()
    (raw / "c").rename(raw / "a.fits")
    looked(arrivals, clock, times=2)
    arrivals.link()
    assert listing(tmp_path / "links") == listing(raw)
