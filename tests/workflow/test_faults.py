"""Faults tried for real: killed runs, a full disk, raw files that change under a run."""

import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from astropy.io import fits
from small_night import (
    BAD_R,
    BIAS,
    DARK,
    DETECTOR,
    FLAT_V,
    LIGHTS,
    PRODUCTS,
    R1,
    TABLES,
    Work,
    change_pixel,
)

from ccdlib.raw.raw_folder import sha256


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


def _made(work):
    """Files below results/, records included: how far a run has come."""
    return sum(path.is_file() for path in (work.folder / "results").rglob("*"))


def _kill_during(work, rng, files):
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
    # by what there is and not by the clock, which a busy machine would put out
    moment, delay = rng.randrange(files), rng.uniform(0, 1)
    while run.poll() is None and _made(work) < moment:
        time.sleep(0.01)
    time.sleep(delay)
    what = rng.choice(["all", "main", "job"])
    victims = {
        "all": [run.pid, *_children(run.pid)],
        "main": [run.pid],
        "job": _children(run.pid)[-1:] or [run.pid],
    }[what]
    at_work = run.poll() is None
    for pid in victims:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    run.wait(timeout=600)
    return f"{what} at {moment} of {files} files" if at_work else "after its end"


def _killed(reduced, folder, seed, times):
    """Kill a run again and again, then let it end: the products are the undisturbed ones."""
    rng = random.Random(seed)
    files, right = _made(reduced), reduced.content()
    work = Work(folder / f"killed{seed}", reduced.raw)
    for _ in range(times):
        what = _kill_during(work, rng, files)
        found = work.content()
        print(f"{seed}: killed {what}, {len(found)} products then")
        assert all(right[name] == content for name, content in found.items())
        if len(found) > len(right) / 2:
            work.run()
            assert work.content() == right
            work = Work(work.folder.with_name(f"{work.folder.name}-"), reduced.raw)
    work.run()
    assert work.content() == right
    assert not list(work.folder.rglob(".*.part"))


@pytest.mark.parametrize(
    "seed, times",
    [
        (0, 1),
        pytest.param(1, 5, marks=pytest.mark.faults),
        *(pytest.param(seed, 5, marks=pytest.mark.slow) for seed in range(2, 12)),
    ],
)
def test_killed_run_is_completed(reduced, tmp_path, seed, times):
    _killed(reduced, tmp_path, seed, times)


# each makes other products again: none, the lights, flats and lights, everything
CHAIN = [
    {},
    {"cosmic_rays": "{sigclip: 7.5}"},
    {"flat": "{normalise: mean}"},
    {"overscan": "{method: mean}"},
]
# a killed run's jobs end with the warm process, and go on where each is an interpreter of its own
CHAINS = [*(("warm", seed) for seed in (200, 201, 202)), ("local", 203), ("local", 204)]


def _killed_after(work, delay, victims, arguments, settings):
    """Start a run and kill -9 all of it, or Snakemake alone, after some seconds."""
    command, environment = work.command(*arguments, **settings)
    run = subprocess.Popen(
        command,
        env=environment,
        cwd=work.folder,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        run.wait(delay)
    except subprocess.TimeoutExpired:
        for pid in [run.pid, *(_children(run.pid) if victims == "all" else ())]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
    return run.wait(timeout=600) < 0


@pytest.mark.parametrize(
    "kills, settings, executor, seed",
    [
        pytest.param(4, CHAIN[:2], "warm", 4, marks=pytest.mark.faults),
        *(pytest.param(40, CHAIN, *each, marks=pytest.mark.slow) for each in CHAINS),
    ],
)
def test_kills_in_chains_with_other_settings_each_time(
    simulated, tmp_path, kills, settings, executor, seed
):
    """What is left of all that was killed is never taken for a product of the last settings."""
    rights, how = [], ["--executor", executor]
    for number, each in enumerate(settings):
        undisturbed = Work(tmp_path / f"right{number}", simulated)
        began = time.monotonic()
        undisturbed.run(*how, **each)
        lasted = time.monotonic() - began
        rights.append(undisturbed.content())
    rng, work = random.Random(seed), Work(tmp_path / "work", simulated)
    work.folder.mkdir()
    done = 0
    while done < kills:
        for _ in range(rng.randrange(1, 6)):
            number, victims = rng.randrange(len(settings)), rng.choice(["all", "main"])
            delay = rng.uniform(1, lasted)
            done += _killed_after(work, delay, victims, how, settings[number])
        number = rng.randrange(len(settings))
        began = time.monotonic()
        work.run(*how, **settings[number])
        lasted = max(lasted / 2, time.monotonic() - began)
        print(f"{done} killed, then {settings[number]}", flush=True)
        assert work.content() == rights[number]
    assert not list(work.folder.rglob(".*.part"))


def _start(work, *arguments):
    """Start a run and leave it at work."""
    command, environment = work.command(*arguments)
    work.folder.mkdir(exist_ok=True)
    return subprocess.Popen(
        command,
        env=environment,
        cwd=work.folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        errors="replace",
        # it may be stopped, and only its own process group with it
        start_new_session=True,
    )


# loaded into the warm process: the first of its forks that writes below a folder is killed there
KILLER = """
import os, signal, sys
from ccdlib.run.preload import while_idle

def kill(event, arguments):
    path = str(arguments[0]) if event == "open" else ""
    if FOLDER in path and path.endswith(".part"):
        try:
            os.close(os.open("killed", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(kill)
"""


def _run_with_a_kill(work, folder, *arguments, code=0):
    """A run in which a job is killed while it writes, as the kernel does without memory."""
    place = work.folder.parent / "killer"
    place.mkdir()
    (place / "killer.py").write_text(f"FOLDER = {folder!r}\n{KILLER}")
    path = f"{work.pipeline / 'scripts'}:{place}"
    text = work.run(
        "--warm-preload", "killer", *arguments, code=code, environment={"PYTHONPATH": path}
    ).text
    assert (work.folder / "killed").exists()
    return text


def test_a_job_killed_for_its_memory(raw):
    """It is told, what does not depend on it is made, and the next run makes the rest."""
    text = _run_with_a_kill(raw, "results/masters/flat/", code=1)
    told = "killed before it could say why; most likely memory ran out"
    assert text.count(told) == 1, text
    assert "failed: results/masters/flat/" in text
    assert len(set(raw.content()) & LIGHTS) in (1, 2)
    made = raw.run().made
    assert set(raw.content()) == PRODUCTS
    assert made < PRODUCTS


@pytest.mark.faults
def test_a_job_killed_for_its_memory_is_tried_again(raw, reduced):
    """With --retries, and then asks the scheduler for twice as much."""
    _run_with_a_kill(raw, "results/calibrated/", "--retries", "1")
    assert raw.content() == reduced.content()


@pytest.fixture
def small_disk(tmp_path):
    """A function that mounts a file system of so many kB on a folder, or gives it more."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(kilobytes):
        options = "remount," if folder.is_mount() else ""
        options += f"size={kilobytes}k"
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder])
        if done.returncode:
            pytest.skip("needs the right to mount a tmpfs")
        return folder

    yield mount
    subprocess.run(["umount", folder], check=False)


SIZES = [pytest.param(size, marks=pytest.mark.slow) for size in (300, 500, 900, 1100)]


@pytest.mark.parametrize("kilobytes", [pytest.param(700, marks=pytest.mark.faults), *SIZES])
def test_full_disk(raw, reduced, small_disk, kilobytes):
    """The run fails, nothing half-written has a product's name, and with more room it ends."""
    raw.folder = small_disk(kilobytes) / "work"
    first = raw.run(code=1)
    assert "No space left on device" in first.text
    small_disk(100_000)
    assert all(reduced.content()[name] == content for name, content in raw.content().items())
    raw.run()
    assert raw.content() == reduced.content()
    assert not list(raw.folder.rglob(".*.part"))


def test_two_runs_at_once(raw):
    """The second ends at once with a message; the first is not disturbed."""
    first = _start(raw, "results/index.csv")
    lock = raw.folder / ".ccdlib/lock"
    while first.poll() is None and not (lock.exists() and lock.read_text()):
        time.sleep(0.01)
    # however long the second takes to start, the first is at work
    first.send_signal(signal.SIGSTOP)
    second = raw.run(code=1)
    first.send_signal(signal.SIGCONT)
    assert f"another run is at work in {raw.folder} (process {first.pid} on" in second.text
    text, _ = first.communicate(timeout=600)
    assert first.returncode == 0, text
    assert set(raw.files()) == {"index.csv", "amplifiers.csv"}


def test_a_run_that_is_stopped_goes_on(raw):
    """Its jobs end meanwhile, in a process group that no shell looks after."""
    run = _start(raw)
    while run.poll() is None and not (raw.folder / "results/plan.csv").exists():
        time.sleep(0.01)
    run.send_signal(signal.SIGSTOP)
    time.sleep(3)
    run.send_signal(signal.SIGCONT)
    text, _ = run.communicate(timeout=600)
    assert run.returncode == 0, text
    assert set(raw.content()) == PRODUCTS


def test_stale_locks_do_not_matter(again):
    """What a killed run leaves of its own lock and of Snakemake's."""
    (again.folder / ".ccdlib/lock").write_text("process 1 on here\n")
    locks = again.folder / ".snakemake/locks"
    (locks / "0.input.lock").write_text("results/index.csv\n")
    (again.folder / "results/calibrated/.M13.fits.77.part").write_text("half")
    assert "nothing to do" in again.run().text


def test_raw_folder_that_is_read_only_with_a_file_that_may_not_be_read(raw, without_privilege):
    """That file is refused by name, the rest is made, and nothing is written to the folder."""
    raw.prefix = without_privilege
    secret = raw.raw / "M13_R_001.fits"
    secret.chmod(0)
    raw.raw.chmod(0o555)
    before = {path: path.stat().st_mtime_ns for path in [raw.raw, *raw.raw.iterdir()]}
    run = raw.run()
    assert set(raw.content()) == PRODUCTS - {R1, BAD_R}
    assert "M13_R_001.fits: cannot be read: Permission denied" in run.text
    assert {path: path.stat().st_mtime_ns for path in [raw.raw, *raw.raw.iterdir()]} == before
    raw.raw.chmod(0o755)
    secret.chmod(0o644)
    assert raw.run().made == TABLES | {R1, BAD_R}


@pytest.mark.parametrize(
    "damage, message",
    [
        pytest.param(lambda path: path.unlink(), "gone since it was indexed", id="vanishes"),
        pytest.param(
            lambda path: os.truncate(path, 5000),
            "changed since it was indexed",
            id="shrinks",
            marks=pytest.mark.faults,
        ),
        pytest.param(
            lambda path: path.write_bytes(path.read_bytes()[::-1]),
            "changed since it was indexed",
            id="changes",
            marks=pytest.mark.faults,
        ),
    ],
)
def test_raw_file_changes_during_the_run(raw, damage, message):
    """The frame alone is not made, with the file in the message, and the rest is."""
    path = raw.raw / "M13_R_001.fits"
    content = path.read_bytes()
    run = _start(raw)
    while run.poll() is None and not (raw.folder / "results/plan.csv").exists():
        time.sleep(0.02)
    damage(path)
    text, _ = run.communicate(timeout=600)
    assert run.returncode == 1
    assert f"failed: results/calibrated/M13_R_001.fits: M13_R_001.fits: {message}" in text
    assert set(raw.content()) == PRODUCTS - {R1}
    path.write_bytes(content)
    assert raw.run().made == TABLES | {R1}


# loaded into the warm process: the first fork that runs a script, and has hashed a raw frame, finds
# another in its place as it opens it once more
CHANGER = """
import os, sys
from ccdlib.run.preload import while_idle

opened = 0

def change(event, arguments):
    global opened
    if event != "open" or arguments[0] != PATH or SCRIPT not in str(sys.argv[0]):
        return
    opened += 1
    if opened == 2:
        try:
            os.close(os.open("changed", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return
        os.replace(OTHER, PATH)

sys.addaudithook(change)
"""


@pytest.mark.parametrize(
    "script, file, product",
    [
        pytest.param("calibrate_frame", "M13_R_001.fits", R1, marks=pytest.mark.faults),
        *(
            pytest.param(script, file, product, marks=pytest.mark.slow)
            for script, file, product in (
                ("combine_frames", "bias_002.fits", BIAS),
                ("combine_frames", "dark_120s_002.fits", DARK),
                ("combine_frames", "flat_V_002.fits", FLAT_V),
                ("measure_detector", "flat_R_002.fits", DETECTOR),
            )
        ),
    ],
)
def test_raw_file_that_is_another_once_it_was_hashed(raw, script, file, product):
    """Size and time are the same, and nothing is made of it before the index has seen it."""
    path, other = raw.raw / file, raw.raw.parent / "other.fits"
    shutil.copy2(path, other)
    change_pixel(other)
    place = raw.folder.parent / "changer"
    place.mkdir()
    names = f"PATH, OTHER, SCRIPT = {str(path)!r}, {str(other)!r}, {script!r}"
    (place / "changer.py").write_text(f"{names}\n{CHANGER}")
    run = raw.run(
        *("--warm-preload", "changer"),
        code=1,
        environment={"PYTHONPATH": f"{raw.pipeline / 'scripts'}:{place}"},
    )
    assert (raw.folder / "changed").exists()
    assert f"failed: results/{product}: {file}: changed while it was read" in run.text
    assert product not in raw.content()
    assert product in raw.run().made
    undisturbed = Work(raw.folder.parent / "undisturbed", raw.raw)
    undisturbed.run()
    assert raw.content() == undisturbed.content()
    if product.endswith(".fits"):
        header = fits.getheader(raw.folder / "results" / product)
        assert sha256(path) in header.values()
