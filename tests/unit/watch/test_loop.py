"""When the watch runs which round, and what it tells."""

import errno
import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from snakemake.cli import parse_config

from ccdlib.run import rounds
from ccdlib.state import keep_json
from ccdlib.watch import loop
from ccdlib.watch.loop import LINKS, Options, Watch, for_round


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


class FakeRound:
    """A round that ends at the next look, with what `ends` says."""

    ran: list = []  # noqa: RUF012
    ends: dict = {}  # noqa: RUF012

    def __init__(self, arguments, folder, log, first):
        self.target, self.files = arguments[0], sorted(os.listdir(LINKS))
        self.status, self.wrote = None, []
        FakeRound.ran.append((self.target, self.files))
        Path(log).parent.mkdir(parents=True, exist_ok=True)
        Path(log).write_text("")

    def ended(self, wait=False):
        self.status, self.wrote = FakeRound.ends.get(self.target, (0, []))
        return True

    def lines(self):
        return self.wrote

    def stop(self):
        self.ended()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def told():
    return []


@pytest.fixture
def watch(tmp_path, monkeypatch, clock, told):
    (tmp_path / "raw").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(loop, "Round", FakeRound)
    monkeypatch.setattr(FakeRound, "ran", [])
    monkeypatch.setattr(FakeRound, "ends", {})
    options = Options(
        str(tmp_path / "raw"), str(tmp_path / "work"), str(tmp_path), ["--cores", "2"]
    )
    return Watch(options, told.append, clock=clock)


def frame(watch, name, value=7):
    path = Path(watch.options.raw_dir, name)
    fits.PrimaryHDU(np.full((36, 40), value, np.uint16)).writeto(path, overwrite=True)


def steps(watch, clock, number, seconds=0.5):
    """The rounds that were run while so many steps were taken."""
    before = len(FakeRound.ran)
    for _ in range(number):
        clock.now += seconds
        watch.step()
    return FakeRound.ran[before:]


def test_nothing_runs_without_a_frame(watch, clock):
    assert steps(watch, clock, 100) == []


def test_what_arrives_runs_once_and_is_improved_when_it_is_quiet(watch, clock):
    frame(watch, "a.fits")
    assert steps(watch, clock, 10) == [("arrived", ["a.fits"])]
    frame(watch, "b.fits")
    assert steps(watch, clock, 10) == [("arrived", ["a.fits", "b.fits"])]
    assert steps(watch, clock, 200) == [("improved", ["a.fits", "b.fits"])]
    assert steps(watch, clock, 200) == []


def test_a_half_written_file_is_in_no_round(watch, clock):
    frame(watch, "a.fits")
    content = Path(watch.options.raw_dir, "a.fits").read_bytes()
    Path(watch.options.raw_dir, "b.fits").write_bytes(content[:4000])
    assert steps(watch, clock, 10) == [("arrived", ["a.fits"])]


def test_improving_goes_on_while_it_gets_less(watch, clock):
    frame(watch, "a.fits")
    steps(watch, clock, 10)
    keep_json(f"{rounds.FOLDER}/left.json", 90)
    while not steps(watch, clock, 1):
        assert clock.now < 30
    for left in (50, 10, 10):
        # the round before ends, and there is less left than before it
        assert [target for target, _ in steps(watch, clock, 1)] == ["improved"], left
        keep_json(f"{rounds.FOLDER}/left.json", left)
    assert steps(watch, clock, 100) == []


def test_a_frame_comes_before_what_could_be_better(watch, clock):
    frame(watch, "a.fits")
    steps(watch, clock, 10)
    keep_json(f"{rounds.FOLDER}/left.json", 90)
    steps(watch, clock, 60)
    keep_json(f"{rounds.FOLDER}/left.json", 50)
    frame(watch, "b.fits")
    assert [target for target, _ in steps(watch, clock, 10)][-1] == "arrived"


def test_what_failed_is_told_once_and_tried_again_later_and_later(watch, clock, told):
    FakeRound.ends["arrived"] = 1, ["failed: results/calibrated/a.fits: no space left"]
    watch._may_improve = False
    frame(watch, "a.fits")
    assert len(steps(watch, clock, 10)) == 1
    keep_json(f"{rounds.FOLDER}/failed.json", {"results/calibrated/a.fits": "recipe"})
    # one that does not try it does not end it
    FakeRound.ends["improved"] = 0, []
    tries = [number for number in range(900) if _again(watch, clock)]
    assert told == ["failed: results/calibrated/a.fits: no space left"]
    pauses = [later - earlier for earlier, later in pairwise(tries)]
    assert len(tries) == 4 and pauses[1] > 1.9 * pauses[0]
    assert "no space left" in Path("results/report/live.html").read_text()
    FakeRound.ends["arrived"] = 0, []
    rounds.forget_failures()
    frame(watch, "b.fits")
    steps(watch, clock, 10)
    assert "no space left" not in Path("results/report/live.html").read_text()


def _again(watch, clock):
    found = [target for target, _ in steps(watch, clock, 1)]
    if "arrived" in found:
        # its round is about to fail
        keep_json(f"{rounds.FOLDER}/failed.json", {"results/calibrated/a.fits": "recipe"})
    return "arrived" in found


def test_a_run_that_ends_otherwise_says_its_last_line(watch, clock, told):
    FakeRound.ends["arrived"] = 1, ["something", "overscan.method: 'mode' is none of these", ""]
    frame(watch, "a.fits")
    steps(watch, clock, 10)
    assert told == ["overscan.method: 'mode' is none of these"]


def test_a_round_that_was_killed_is_told(watch, clock, told):
    FakeRound.ends["arrived"] = -9, ["1 of 3 steps, about 1 s left"]
    frame(watch, "a.fits")
    steps(watch, clock, 5)
    assert told == ["failed: the round was killed by signal 9"]


def test_while_the_folder_is_away_nothing_runs_and_nothing_is_lost(watch, clock, told):
    frame(watch, "a.fits")
    steps(watch, clock, 10)
    raw = Path(watch.options.raw_dir)
    raw.rename(raw.with_name("elsewhere"))
    assert steps(watch, clock, 200) == []
    assert len(told) == 1 and "is not a folder" in told[0]
    assert os.listdir(LINKS) == ["a.fits"]
    assert "waiting for the raw folder" in Path("results/report/live.html").read_text()
    raw.with_name("elsewhere").rename(raw)
    steps(watch, clock, 3)
    assert told[1:] == [f"{raw} is there again"]
    frame(watch, "b.fits")
    assert ("arrived", ["a.fits", "b.fits"]) in steps(watch, clock, 10)


def test_a_file_that_is_written_again_holds_a_round_for_a_moment(watch, clock):
    frame(watch, "a.fits")
    frame(watch, "b.fits")
    steps(watch, clock, 10)
    raw = Path(watch.options.raw_dir)
    whole = (raw / "a.fits").read_bytes()
    (raw / "a.fits").write_bytes(whole[:3000])
    frame(watch, "c.fits")
    assert steps(watch, clock, 8) == []
    assert steps(watch, clock, 8)[0] == ("arrived", ["b.fits", "c.fits"])
    frame(watch, "a.fits", 9)
    assert steps(watch, clock, 8)[0] == ("arrived", ["a.fits", "b.fits", "c.fits"])


def test_a_page_that_cannot_be_written_is_told_and_the_night_goes_on(
    watch, clock, told, monkeypatch
):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device", "results/report/live.html")

    monkeypatch.setattr(loop, "write_page", full)
    frame(watch, "a.fits")
    assert [target for target, _ in steps(watch, clock, 40)] == ["arrived"]
    assert len(told) == 1 and "live.html" in told[0] and "No space left" in told[0]


def test_what_is_in_the_way_of_a_link_is_told_and_the_night_goes_on(watch, clock, told):
    """It may be a raw frame: the watch deletes nothing but its own links."""
    frame(watch, "a.fits")
    steps(watch, clock, 10)
    link = Path(LINKS, "a.fits")
    link.unlink()
    link.write_text("in the way")
    frame(watch, "b.fits")
    assert steps(watch, clock, 10) == []
    assert told == [f"{link} is a file, where a link should be: move it away"]
    assert told[0] in Path("results/report/live.html").read_text()
    assert link.read_text() == "in the way"
    link.unlink()
    assert steps(watch, clock, 3) == [("arrived", ["a.fits", "b.fits"])]


def test_links_that_lead_to_raw_frames_are_not_followed(watch, clock, told):
    frame(watch, "a.fits")
    Path(watch.options.raw_dir, "half.fits").write_bytes(b"SIMPLE  =")
    Path(LINKS).parent.mkdir(parents=True)
    Path(LINKS).symlink_to(watch.options.raw_dir)
    assert steps(watch, clock, 10) == []
    assert told == [f"{LINKS} is a link, where a folder should be: move it away"]
    assert len(os.listdir(watch.options.raw_dir)) == 2


def test_a_log_that_cannot_be_kept_does_not_end_the_night(watch, clock, told, monkeypatch):
    """And what failed is tried again all the same."""

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device", "logs/watch/failed.log")

    monkeypatch.setattr(loop, "write_atomically", full)
    FakeRound.ends["arrived"] = 1, ["failed: a.fits: odd"]
    frame(watch, "a.fits")
    assert len(steps(watch, clock, 200)) > 1
    assert "logs/watch/failed.log: No space left on device" in told


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], ["--config", "raw_dir=/r", "--directory", "/w"]),
        (
            ["--config", "camera=demo", "--cores", "2"],
            ["--config", "raw_dir=/r", "camera=demo", "--cores", "2", "--directory", "/w"],
        ),
        (["-C", "camera=demo"], ["-C", "raw_dir=/r", "camera=demo", "--directory", "/w"]),
        (
            ["--config=camera=demo", "-n"],
            ["--config", "raw_dir=/r", "camera=demo", "-n", "--directory", "/w"],
        ),
    ],
)
def test_the_arguments_of_a_round(given, expected):
    options = Options("/r", "/w", "/", given)
    assert for_round(options, "/r", None) == expected
    assert for_round(options, "/r", "arrived") == ["arrived", *expected]


NAMES = [
    "a",
    "M 31",
    "M31 #2",
    "a: b",
    "'a'",
    '"b"',
    "\u00e5",
    "\U0001f52d",
    "x\udcff",
    "a\nb",
    "\\n",
    " ",
]


@pytest.mark.parametrize("name", NAMES)
def test_any_folder_is_what_snakemake_takes_it_for(name):
    given = for_round(Options("/r", "/w", "/", []), f"/data/{name}", None)[1]
    assert parse_config([given]) == {"raw_dir": f"/data/{name}"}
