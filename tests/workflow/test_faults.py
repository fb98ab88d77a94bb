"""Faults tried for real: killed runs, a full disk, raw files that change under a run."""

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
from conftest import PRODUCTS, R1, TABLES, Work


def _children(pid):
    """The processes below a process."""
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            own = [int(text) for text in path.read_text().split()]
        except (FileNotFoundError, ProcessLookupError):
            continue
        found += own + [each for child in own for each in _children(child)]
    return found


def _kill_during(work, rng, longest):
    """Start a run and kill -9 it, all of it or one of its processes, at a random moment."""
    command, environment = work.command()
    work.folder.mkdir(exist_ok=True)
    run = subprocess.Popen(
        command,
        env=os.environ | environment,
        cwd=work.folder,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(rng.uniform(0, longest))
    what = rng.choice(["all", "main", "job"])
    victims = {
        "all": [run.pid, *_children(run.pid)],
        "main": [run.pid],
        "job": _children(run.pid)[-1:] or [run.pid],
    }[what]
    for pid in victims:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    run.wait(timeout=600)
    return what


def _killed(reduced, folder, seed):
    """Kill one run of the night, then run again: the products must be the undisturbed ones."""
    rng = random.Random(seed)
    began = time.monotonic()
    work = Work(folder / f"killed{seed}", reduced.raw)
    what = _kill_during(work, rng, reduced.seconds)
    before = len(work.content())
    # an orphaned job of a killed run may still be at work
    work.run()
    assert work.content() == reduced.content()
    assert not list(work.folder.rglob(".*.part"))
    print(f"{seed}: killed {what}, {before} products then, {time.monotonic() - began:.0f} s")


@pytest.mark.parametrize("seed", [0, 1])
def test_killed_run_is_completed(reduced, tmp_path, seed):
    _killed(reduced, tmp_path, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 52))
def test_killed_run_is_completed_at_any_moment(reduced, tmp_path, seed):
    _killed(reduced, tmp_path, seed)


def test_two_runs_at_once(raw):
    """The second ends at once with a message; the first is not disturbed."""
    command, environment = raw.command()
    raw.folder.mkdir()
    first = subprocess.Popen(
        command,
        env=environment,
        cwd=raw.folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    lock = raw.folder / ".ccdlib/lock"
    while first.poll() is None and not (lock.exists() and lock.read_text()):
        time.sleep(0.05)
    second = raw.run(code=1)
    assert f"another run is at work in {raw.folder} (process {first.pid} on" in second.text
    text, _ = first.communicate(timeout=600)
    assert first.returncode == 0, text


def test_stale_locks_do_not_matter(settled):
    """What a killed run leaves of its own lock and of Snakemake's."""
    (settled.folder / ".ccdlib/lock").write_text("process 1 on here\n")
    locks = settled.folder / ".snakemake/locks"
    (locks / "0.input.lock").write_text("results/index.csv\n")
    (settled.folder / "results/calibrated/.M13.fits.77.part").write_text("half")
    assert "nothing to do" in settled.run().text


def test_read_only_raw_folder(raw):
    """Nothing is written to it (root is not stopped by its mode, so its files are compared)."""
    before = {path: path.stat().st_mtime_ns for path in [raw.raw, *raw.raw.iterdir()]}
    raw.raw.chmod(0o555)
    raw.run()
    raw.raw.chmod(0o755)
    assert {path: path.stat().st_mtime_ns for path in [raw.raw, *raw.raw.iterdir()]} == before


@pytest.mark.parametrize(
    "damage, message",
    [
        (lambda path: path.unlink(), "gone since it was indexed"),
        (lambda path: os.truncate(path, 5000), "changed since it was indexed"),
        (lambda path: path.write_bytes(path.read_bytes()[::-1]), "changed since it was indexed"),
    ],
    ids=["vanishes", "shrinks", "changes"],
)
def test_raw_file_changes_during_the_run(raw, damage, message):
    """The frame alone is not made, with the file in the message, and the rest is."""
    path = raw.raw / "M13_R_001.fits"
    content = path.read_bytes()
    command, environment = raw.command()
    raw.folder.mkdir()
    run = subprocess.Popen(
        command,
        env=environment,
        cwd=raw.folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    while run.poll() is None and not (raw.folder / "results/plan.csv").exists():
        time.sleep(0.02)
    damage(path)
    text, _ = run.communicate(timeout=600)
    assert run.returncode == 1
    assert f"failed: results/calibrated/M13_R_001.fits: M13_R_001.fits: {message}" in text
    assert set(raw.content()) == PRODUCTS - {R1}
    path.write_bytes(content)
    assert raw.run().made == TABLES | {R1}
