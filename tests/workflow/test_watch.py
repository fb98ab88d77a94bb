"""A night that is calibrated while it goes on is, in the end, the night that one run makes."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from astropy.io import fits
from small_night import LIGHTS, NIGHT, V1, Work

from ccdlib.lock import LOCK
from ccdlib.run.places import UNFINISHED
from ccdlib.run.rounds import FOLDER
from ccdlib.simulate.exposures import simulate_demo

# a loaded machine is slow, and none of it is waited for in vain
_PATIENCE = 240


@pytest.fixture
def evening(simulated, tmp_path):
    """A working directory and an empty raw folder; `simulated` has the frames to come."""
    (tmp_path / "raw").mkdir()
    return Work(tmp_path / "work", tmp_path / "raw")


def watch_command(work, *arguments):
    command = [sys.executable, "-m", "ccdlib.cli", "watch", work.raw, "--directory", work.folder]
    given = [f"{key}={value}" for key, value in work.config.items()]
    command += [*arguments, "--", "--cores", "2", "--config", *given]
    environment = os.environ | {"PYTHONPATH": str(work.pipeline / "scripts")}
    return list(map(str, command)), environment


class Watched:
    """A watch that is at work; `text` is what it told so far."""

    def __init__(self, process, path):
        self.process, self.path = process, path

    @property
    def text(self):
        return self.path.read_text()

    def until(self, is_so, what):
        """Wait until something is so; the watch has to go on meanwhile."""
        end = time.monotonic() + _PATIENCE
        while not is_so():
            assert self.process.poll() is None, self.text
            assert time.monotonic() < end, f"{what}\n{self.text}"
            time.sleep(0.1)

    def end(self, number=signal.SIGTERM):
        os.kill(self.process.pid, number)
        code = self.process.wait(60)
        return code


@contextmanager
def watched(work, tmp_path, *arguments):
    command, environment = watch_command(work, *arguments)
    path = tmp_path / f"told_{len(list(tmp_path.glob('told_*')))}.txt"
    with open(path, "w") as told:
        process = subprocess.Popen(
            command, env=environment, cwd=tmp_path, stdout=told, stderr=subprocess.STDOUT
        )
    own = Watched(process, path)
    try:
        own.until(lambda: "watching" in own.text, "it starts")
        yield own
    finally:
        process.kill()
        process.wait()


def in_pieces(source, target, pieces=3):
    """Write a file as a camera on a slow line does."""
    content = source.read_bytes()
    size = len(content) // pieces + 1
    with open(target, "wb") as file:
        for start in range(0, len(content), size):
            file.write(content[start : start + size])
            file.flush()
            time.sleep(0.2)


def final(work, tmp_path, code=0):
    command, environment = watch_command(work, "--final")
    done = subprocess.run(
        command,
        env=environment,
        cwd=tmp_path,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=_PATIENCE,
    )
    assert done.returncode == code, done.stdout
    return done.stdout


def tables(work):
    names = ("index.csv", "amplifiers.csv", "plan.csv", "members.csv")
    return {name: (work.folder / "results" / name).read_bytes() for name in names}


def made(work, name):
    return (work.folder / "results" / name).exists()


def test_frames_are_made_as_they_arrive_and_the_morning_is_as_one_run(
    evening, simulated, reduced, tmp_path
):
    frames = sorted(simulated.iterdir())
    lights = [frame for frame in frames if frame.name.startswith("M13")]
    with watched(evening, tmp_path, "--every", "0.1") as watch:
        # of the first light nothing can be made yet: that is no failure
        in_pieces(lights[0], evening.raw / lights[0].name)
        for frame in set(frames) - set(lights):
            in_pieces(frame, evening.raw / frame.name, pieces=1)
        watch.until(lambda: made(evening, f"calibrated/{lights[0].stem}.fits"), "the first light")
        for light in lights[1:]:
            in_pieces(light, evening.raw / light.name)
            watch.until(lambda one=light: made(evening, f"calibrated/{one.stem}.fits"), light.name)
        assert watch.end() == 130
    assert "ALARM M13_V_002: 5.7% of its pixels are saturated" in watch.text
    # until the first light nothing else says that anything happens
    assert "4 bias" in watch.text and "so far" in watch.text
    assert "failed" not in watch.text
    assert "Traceback" not in watch.text
    page = (evening.folder / "results/report/live.html").read_text()
    assert "3 calibrated" in page and "FWHM" in page and "the watch has ended" in page
    assert not (evening.folder / "results/report/index.html").exists()
    before = evening.files()
    assert "nothing refused" in final(evening, tmp_path)
    assert evening.content() == reduced.content()
    assert before[V1] == evening.files()[V1], "a light with all its masters is not made again"
    assert tables(evening) == tables(reduced)
    assert (evening.folder / "results/report/index.html").exists()
    # a run over the folder itself has nothing left to do
    assert not evening.run().made


@pytest.mark.faults
def test_with_masters_of_the_night_before_until_there_are_own_ones(reduced, evening, tmp_path):
    day = timedelta(days=1)
    later = {name: getattr(NIGHT, name) + day for name in ("calibrations_from", "lights_from")}
    simulate_demo(tmp_path / "frames", tmp_path / "truth", night=replace(NIGHT, biases=0, **later))
    frames = sorted((tmp_path / "frames").iterdir())
    lights = [frame for frame in frames if frame.name.startswith("M13")]
    evening.config["ready_masters"] = shutil.copytree(
        reduced.folder / "results", tmp_path / "ready"
    )
    with watched(evening, tmp_path, "--every", "0.1") as watch:
        for light in lights:
            in_pieces(light, evening.raw / light.name)
        watch.until(lambda: all(made(evening, name) for name in LIGHTS), "all lights")
        by_the_first = evening.content()
        # read now: the watch may plan with the night's own masters before it is told to end
        plan = (evening.folder / "results/plan.csv").read_text()
        for frame in set(frames) - set(lights):
            in_pieces(frame, evening.raw / frame.name, pieces=1)
        assert watch.end() == 130
    assert f"results/{V1},flat,ready/flat/" in plan
    assert "nothing refused" in final(evening, tmp_path)
    # as is one run with the same ready masters
    plain = Work(tmp_path / "plain", evening.raw)
    plain.config = evening.config
    plain.run()
    assert evening.content() == plain.content()
    assert tables(evening) == tables(plain)
    assert evening.content()[V1] != by_the_first[V1]


@pytest.mark.faults
def test_a_watch_that_is_killed_goes_on_where_it_was(evening, simulated, reduced, tmp_path):
    frames = sorted(simulated.iterdir())
    with watched(evening, tmp_path, "--every", "0.1") as watch:
        for frame in frames:
            in_pieces(frame, evening.raw / frame.name, pieces=1)
        watch.until(lambda: made(evening, "plan.csv"), "a round is at work")
        watch.end(signal.SIGKILL)
    with watched(evening, tmp_path, "--every", "0.1") as watch:
        command, environment = watch_command(evening)
        other = subprocess.run(
            command, env=environment, cwd=tmp_path, text=True, capture_output=True, timeout=60
        )
        assert other.returncode == 1
        assert "another watch is at work in" in other.stderr
        watch.until(lambda: all(made(evening, name) for name in LIGHTS), "all lights")
        assert watch.end() == 130
    final(evening, tmp_path)
    assert evening.content() == reduced.content()
    assert tables(evening) == tables(reduced)


@pytest.mark.faults
def test_a_frame_that_cannot_be_made_and_a_share_that_vanishes(evening, simulated, tmp_path):
    lights = [frame for frame in sorted(simulated.iterdir()) if frame.name.startswith("M13")]
    for frame in simulated.iterdir():
        if frame not in lights:
            in_pieces(frame, evening.raw / frame.name, pieces=1)
    # all its pixels are far below the overscan: its job refuses it
    with fits.open(lights[0]) as hdus:
        hdus[0].data[:, :80] = 0
        hdus.writeto(evening.raw / "zeros.fits")
    in_pieces(lights[1], evening.raw / lights[1].name, pieces=1)
    with watched(evening, tmp_path, "--every", "0.1") as watch:
        watch.until(lambda: "failed: results/calibrated/zeros.fits" in watch.text, "it is told")
        watch.until(lambda: made(evening, f"calibrated/{lights[1].stem}.fits"), "the other")
        evening.raw.rename(tmp_path / "elsewhere")
        watch.until(lambda: "is not a folder" in watch.text, "the share is away")
        in_pieces(lights[2], tmp_path / "elsewhere" / lights[2].name)
        (tmp_path / "elsewhere").rename(evening.raw)
        watch.until(lambda: made(evening, f"calibrated/{lights[2].stem}.fits"), "what came then")
        assert watch.end() == 130
    assert watch.text.count("failed: ") == 1
    assert watch.text.count("is there again") == 1
    assert "Traceback" not in watch.text


@pytest.mark.faults
def test_a_morning_that_is_told_to_end_leaves_nothing_at_work(simulated, tmp_path):
    work = Work(tmp_path / "work", simulated)
    command, environment = watch_command(work, "--final")
    # nothing is compiled there: it takes long
    environment |= {"NUMBA_CACHE_DIR": str(tmp_path / "kernels")}
    with open(tmp_path / "told.txt", "w") as told:
        process = subprocess.Popen(
            command, env=environment, cwd=tmp_path, stdout=told, stderr=subprocess.STDOUT
        )
    own = Watched(process, tmp_path / "told.txt")
    try:
        own.until((work.folder / UNFINISHED).exists, "the run begins")
        began = time.monotonic()
        assert own.end() == 130
    finally:
        process.kill()
        process.wait()
    # compiling takes longer, also on a quick machine
    assert time.monotonic() - began < 15, own.text
    assert "Traceback" not in own.text
    for name in (LOCK, f"{FOLDER}/lock"):
        with open(work.folder / name) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
