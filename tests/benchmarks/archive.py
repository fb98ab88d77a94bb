"""What an archive costs, against its number of nights. `python -m tests.benchmarks.archive`

Nights of 30 frames of 64 x 64 pixels are simulated. Some are made whole, which tells what a night
costs. Of the others the look at them and their results are laid out: copies of those of such a
night, with their own names, dates, folders and keys. Then each step is a command of its own: wall
time, and processor time and peak of memory of the main process, without its jobs.

With --whole all nights are made, and nothing is laid out. It can be ended and started again: what
was made stays, and whole.log in the folder has the nights made and the memory, a line a minute.
"""

import argparse
import json
import resource
import shutil
import subprocess
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import chdir, suppress
from functools import partial
from pathlib import Path

import ccdlib
from ccdlib.archives import status, survey
from ccdlib.archives.begin_and_end import write_archive
from ccdlib.archives.folders import find_nights, look
from ccdlib.archives.settings import load
from ccdlib.rerun.code_digests import rule_digest
from ccdlib.state import sealed, write_noted

from ..helpers.small_archive import Archive, name_of, simulate_night
from .scale import own_time

__all__ = ["main"]

# the first nights, and a pattern of their names
REAL, FIRST = 4, "2024-05-1[3-6]"
# of seven nights the one without flats
LACKING = 5
SETTINGS = "--config", "settings={camera: demo, cosmic_rays: {sigclip: 6}}"


def _simulated(folder, nights):
    """The raw folder, with nights of which every seventh has no flats."""
    raw = folder / "raw"
    missing = [number for number in range(nights) if not (raw / name_of(number)).exists()]
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(partial(_simulate, raw), missing, chunksize=20))
    return raw


def _simulate(raw, number):
    simulate_night(raw, number, lacking=("flat",) if number % 7 == LACKING else ())


def _run(archive, what, *arguments, note=lambda *_: None):
    """Run the archive and print a line of the table."""
    command, environment = archive.command(*arguments)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start, own = time.perf_counter(), (0.0, 0.0)
    with open(archive.folder / "run.log", "w") as log:
        process = subprocess.Popen(
            command, cwd=archive.folder, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
        while process.poll() is None:
            with suppress(FileNotFoundError, ProcessLookupError, StopIteration):
                own = own_time(process.pid)
            note(archive, time.perf_counter() - start, own)
            time.sleep(0.05)
    wall = time.perf_counter() - start
    if process.returncode:
        raise SystemExit((archive.folder / "run.log").read_text())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    nights = sum(path.is_dir() for path in archive.raw.iterdir())
    cells = [f"{wall:.1f}", f"{cpu:.1f}", f"{own[0]:.1f}", f"{own[1]:.0f}"]
    print("| " + " | ".join([str(nights), what, *cells]) + " |", flush=True)
    return wall


class _Notes:
    """A line a minute in whole.log: time, nights made, and what the main process has used."""

    def __init__(self):
        self.next = 0.0

    def __call__(self, archive, seconds, own):
        if seconds < self.next:
            return
        self.next = seconds + 60
        made = sum(1 for _ in archive.folder.glob("nights/*/night.json"))
        with open(archive.folder / "../whole.log", "a") as log:
            log.write(f"{time.strftime('%H:%M')} {made} nights, {own[0]:.1f} s, {own[1]:.0f} MB\n")


def _make_whole(archive):
    """Make all nights, then ask what each start costs."""
    _run(archive, "all nights made whole, or the rest of them", note=_Notes())
    _run(archive, "nothing to do")
    _run(archive, "dry run after a change of settings", "-n", *SETTINGS)


def _lay_out_looks(archive, real):
    """Surveys of all nights but some, as if jobs had looked at them."""
    with chdir(archive.folder):
        nights = find_nights(load({}))
        code = rule_digest("survey_night")
        patterns = [name_of(0), name_of(LACKING)]
        looked = [_text(survey.survey(nights[name], 1)) for name in patterns]
        for number, (name, night) in enumerate(nights.items()):
            if number in real:
                continue
            which = number % 7 == LACKING
            found = json.loads(looked[which].replace(patterns[which], name))
            found |= {"seen": look(night.folder) | {"settled": True}}
            found |= {"key": survey.key_of(night, code), "frames": f"frames of {name}"}
            night.work.mkdir(parents=True, exist_ok=True)
            (night.work / survey.NAME).write_bytes(sealed(found, indent=None))


def _text(content):
    """A sealed file's content as text."""
    found = json.loads(content)
    del found["sha256"]
    return json.dumps(found)


def _lay_out(archive):
    """Results of all nights that have none, as if their jobs had made them."""
    pattern = name_of(0)
    with chdir(archive.folder):
        found = status.Archive(load({}))
        record = status.read_record(pattern)
        for name in found.to_make:
            _lay_out_night(name, pattern, json.dumps(record | {"key": None}), found.key(name))
        began = time.perf_counter()
        write_archive(status.Archive(load({})))
        print(f"table, page and catalogue of all, first: {time.perf_counter() - began:.1f} s")


def _lay_out_night(name, pattern, record, key):
    results, own = Path("nights", name, "results"), Path("nights", pattern, "results")
    results.mkdir(parents=True, exist_ok=True)
    for table in ("index.csv", "amplifiers.csv", "plan.csv", "members.csv"):
        content = (own / table).read_bytes().replace(pattern.encode(), name.encode())
        write_noted(results / table, content)
    for product in own.rglob("calibrated/*.fits"):
        target = results / product.relative_to(own)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(b"")
    content = json.loads(record.replace(pattern, name)) | {"key": key}
    content["products"] = status.products_of(name)
    Path("nights", name, status.RECORD).write_bytes(sealed(content, indent=None))


def _ask(archive):
    """Time three questions."""
    found = ccdlib.archive(archive.folder)
    size = found.path.stat().st_size / 1e6
    for what, ask in (
        ("all nights", lambda: found.nights),
        ("all frames as a DataFrame", lambda: found.frames.query("imagetyp == 'light'")),
        ("lights in V by SQL", lambda: found.read("frames", "imagetyp = 'light' AND filter = 'V'")),
    ):
        began = time.perf_counter()
        rows = len(ask())
        print(f"{what}: {rows} rows in {time.perf_counter() - began:.2f} s ({size:.1f} MB)")


def _lay_out_and_measure(archive):
    """Make some nights, lay out the others, and ask what each start costs."""
    _run(archive, "nothing there yet, dry run", "-n")
    _lay_out_looks(archive, range(REAL))
    _run(archive, f"{REAL} nights looked at and made whole", "--config", f"only={FIRST}")
    _lay_out(archive)
    _run(archive, "nothing to do")
    _run(archive, "dry run after a change of settings", "-n", *SETTINGS)


def main(arguments=None):
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("nights", type=int, nargs="?", default=1000)
    parser.add_argument("--folder", type=Path, required=True, help="kept, and used again")
    parser.add_argument("--whole", action="store_true", help="make all nights, lay none out")
    options = parser.parse_args(arguments)
    raw = _simulated(options.folder, options.nights)
    work = options.folder / "work"
    if not options.whole:
        shutil.rmtree(work, ignore_errors=True)
    archive = Archive(work, raw)
    print("| nights | what | s | s of processor, jobs too | s of the main process | MB |")
    print("|---|---|---|---|---|---|", flush=True)
    if options.whole:
        _make_whole(archive)
    else:
        _lay_out_and_measure(archive)
    simulate_night(raw, options.nights + 5)
    _run(archive, "one night added")
    _run(archive, "nothing to do, each file looked at", "--config", "scan=true")
    _ask(archive)
    shutil.rmtree(raw / name_of(options.nights + 5))


if __name__ == "__main__":
    main()
