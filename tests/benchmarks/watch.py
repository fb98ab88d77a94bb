"""How long `ccdlib watch` takes for frames that arrive. `python -m tests.benchmarks watch`

A night with its masters is simulated, the watch is started beside it, and lights are dropped into
its folder: ten one after the other, then a hundred at once. Each has pixels of its own. Seconds are
counted from the last byte of a light to its product on the disk.

`python -m tests.benchmarks.watch --growth` lays down a night of many tiny lights as made, and says
what one more costs, in seconds of the processor.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from astropy.io import fits

from ccdlib.config import last_config
from ccdlib.kinds import record_of
from ccdlib.plan.plan_tables import read_plan, recipe_keys
from ccdlib.products import recipes
from ccdlib.rerun.code_digests import kind_digest
from ccdlib.simulate.exposures import DEMO, simulate_demo

__all__ = ["main", "watch"]

PIPELINE = Path(__file__).parents[2]
TICK = os.sysconf("SC_CLK_TCK")
_BLOCK = 2880
# columns whose last bits are a light's number
_FIRST, _BITS = 10, 16
# seconds for which anything is waited for
_PATIENCE = 600.0
_RULES = "build_index", "make_plan", "calibrate_frame"


def simulated(folder, shape):
    """A night's calibration frames and one light, and where they lie."""
    night = replace(
        DEMO,
        shape=shape,
        stars=max(8, shape[0] * shape[1] // 4000),
        biases=5,
        darks=(3, 60.0),
        flats=DEMO.flats[:1],
        lights=(("V", 1, 60.0),),
        readout=5.0,
    )
    simulate_demo(folder / "simulated", folder / "truth", night=night)
    return folder / "simulated"


class Lights:
    """Lights that are one light later, with last bits of its pixels changed: none is a copy."""

    def __init__(self, first):
        header = fits.getheader(first)
        self.content, self.shape = first.read_bytes(), (header["NAXIS2"], header["NAXIS1"])
        self.date = self.content.index(b"DATE-OBS= '") + 11
        self.moment = datetime.fromisoformat(self.content[self.date : self.date + 19].decode())
        self.pixels = (self.content.index(b"END" + b" " * 77) // _BLOCK + 1) * _BLOCK

    def number(self, number):
        """The bytes of the light of a number from 1."""
        content = bytearray(self.content)
        moment = self.moment + timedelta(seconds=10 * number)
        content[self.date : self.date + 19] = moment.isoformat(timespec="seconds").encode()
        size = self.shape[0] * self.shape[1]
        pixels = np.frombuffer(content, ">i2", size, self.pixels).reshape(self.shape)
        bits = number >> np.arange(_BITS) & 1
        pixels[:, _FIRST : _FIRST + _BITS] ^= bits.astype(">i2")
        return bytes(content)


def _processes():
    """{number: (parent's number, ticks of it and of its children that ended)} of all processes."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        # one may end meanwhile
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        found[int(path.parent.name)] = int(fields[1]), sum(map(int, fields[11:15]))
    return found


def processor(root):
    """Seconds of the processor that a process and all below it have used so far."""
    processes = _processes()
    below, grown = {root}, True
    while grown:
        more = {pid for pid, (parent, _) in processes.items() if parent in below} - below
        below |= more
        grown = bool(more)
    return sum(processes[pid][1] for pid in below if pid in processes) / TICK


class Watched:
    """A watch at work, its folders, and what it takes."""

    def __init__(self, process, raw, work):
        self.process, self.raw, self.work = process, raw, work

    def until(self, is_so):
        """Wait until something is so; return the time."""
        end = time.monotonic() + _PATIENCE
        while not is_so():
            if self.process.poll() is not None or time.monotonic() > end:
                raise SystemExit((self.work.parent / "told.txt").read_text())
            time.sleep(0.01)
        return time.time()

    def made(self, name):
        return (self.work / f"results/calibrated/{name}.fits").exists()

    def drop(self, name, content):
        """Write a light; return when its last byte was there."""
        (self.raw / f"{name}.fits").write_bytes(content)
        return time.time()

    def is_quiet(self):
        """Whether no round is at work: neither its frames nor the masters are being made."""
        page = self.work / "results/report/live.html"
        return page.exists() and "waiting for frames" in page.read_text()

    def stages(self, since):
        """{rule: seconds on the clock of its last job}, as Snakemake measured it."""
        found = {}
        for rule in _RULES:
            files = (self.work / "benchmarks" / rule).rglob("*.tsv")
            path = max(files, key=lambda file: file.stat().st_mtime)
            if path.stat().st_mtime >= since:
                found[rule] = float(path.read_text().splitlines()[1].split("\t")[0])
        return found


@contextmanager
def watched(raw, work):
    """`ccdlib watch` beside a folder."""
    command = [sys.executable, "-m", "ccdlib.cli", "watch", raw, "--directory", work]
    command += ["--", "--cores", "2", "--config", "camera=demo"]
    environment = os.environ | {"PYTHONPATH": str(PIPELINE / "scripts")}
    with open(work.parent / "told.txt", "w") as told:
        process = subprocess.Popen(
            list(map(str, command)), env=environment, stdout=told, stderr=subprocess.STDOUT
        )
    try:
        yield Watched(process, raw, work)
    finally:
        process.terminate()
        process.wait()


def _told(name, clock, cpu, stages):
    found = " | ".join(f"{stages[rule]:.2f}" if rule in stages else "-" for rule in _RULES)
    print(f"| {name} | {clock:.2f} | {cpu:.2f} | {found} |", flush=True)


def one_by_one(own, lights, count):
    """Lights one after the other, each when the watch has nothing to do."""
    clocks = []
    for number in range(1, count + 1):
        before = processor(own.process.pid)
        name = f"one_{number:02d}"
        since = own.drop(name, lights.number(number))
        clocks.append(own.until(lambda name=name: own.made(name)) - since)
        # its benchmark is written after the product
        own.until(own.is_quiet)
        time.sleep(1.0)
        own.until(own.is_quiet)
        _told(name, clocks[-1], processor(own.process.pid) - before, own.stages(since))
    least, most = min(clocks), max(clocks)
    print(f"median {statistics.median(clocks):.2f} s, from {least:.2f} to {most:.2f} (goal 3)")


def at_once(own, lights, count):
    """Lights that are all written as fast as the disk takes them."""
    before, first = processor(own.process.pid), time.time()
    names = [f"all_{number:03d}" for number in range(count)]
    for number, name in enumerate(names, start=1000):
        since = own.drop(name, lights.number(number))
    clock = own.until(lambda: all(map(own.made, names))) - since
    own.until(own.is_quiet)
    print(
        f"{count} at once: {clock:.1f} s from the last byte of all (written in {since - first:.1f} "
        f"s), {processor(own.process.pid) - before:.1f} s of the processor (goal 20 s)"
    )


def watch(folder, shape=(1024, 1024), ones=10, many=100):
    """Print what frames that arrive take.

    Parameters
    ----------
    folder : path
    shape : tuple of int
        Of the light-sensitive part.
    ones, many : int
        Lights that come one by one, and at once.
    """
    frames, raw, work = simulated(folder, shape), folder / "raw", folder / "work"
    raw.mkdir()
    work.mkdir()
    first = next(frames.glob("M13*"))
    for path in frames.iterdir():
        shutil.copy(path, raw / path.name)
    lights = Lights(first)
    with watched(raw, work) as own:
        # with the masters, and whatever could be better by then
        own.until(lambda: own.made(first.stem))
        own.until(own.is_quiet)
        print(f"\nfrom the last byte to the product on the disk, {shape[0]} x {shape[1]}\n")
        print("| light | s on the clock | s of processor | index | plan | the light, s |")
        print("|---|---|---|---|---|---|")
        one_by_one(own, lights, ones)
        at_once(own, lights, many)


def lay_out(frames, raw, work, count):
    """A night of so many lights, all but the first of which are copies that are taken for made."""
    lights, first = Lights(next(frames.glob("M13*"))), next(frames.glob("M13*")).stem
    for path in frames.iterdir():
        shutil.copy(path, raw / path.name)
    for number in range(1, count):
        (raw / f"laid_{number:05d}.fits").write_bytes(lights.number(number))
    environment = os.environ | {"PYTHONPATH": str(PIPELINE / "scripts")}
    product = f"results/calibrated/{first}.fits"
    command = [sys.executable, "-m", "snakemake", "--snakefile", PIPELINE / "Snakefile", product]
    command += ["--cores", "2", "--directory", work, "--config", f"raw_dir={raw}", "camera=demo"]
    subprocess.run(list(map(str, command)), env=environment, check=True, capture_output=True)
    os.chdir(work)
    plan, config = read_plan(), last_config()
    keys = recipe_keys(config, kind_digest)
    for each in plan.targets(config["products"]["keep"], "results/calibrated/"):
        if not os.path.exists(each):
            shutil.copy(product, each)
            shutil.copy(record_of(product), record_of(each))
            recipes.note(each, plan.recipe(each, keys))


def growth(folder, counts):
    """Print what a tiny light costs beside so many others."""
    print("\n| lights there | s on the clock | s of processor | index | plan | the light, s |")
    print("|---|---|---|---|---|---|")
    for count in counts:
        own_folder = folder / str(count)
        own_folder.mkdir()
        frames = simulated(own_folder, (64, 64))
        raw, work = own_folder / "raw", own_folder / "work"
        raw.mkdir()
        work.mkdir()
        lay_out(frames, raw, work, count)
        lights = Lights(next(frames.glob("M13*")))
        with watched(raw, work) as own:
            own.until(own.is_quiet)
            for number in range(count, count + 5):
                before = processor(own.process.pid)
                since = own.drop(f"new_{number}", lights.number(number))
                clock = own.until(lambda number=number: own.made(f"new_{number}")) - since
                own.until(own.is_quiet)
                _told(count, clock, processor(own.process.pid) - before, own.stages(since))


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.watch", description=__doc__)
    parser.add_argument("--growth", type=int, nargs="*", help="lights that are there; 10 2000")
    parser.add_argument("--folder", help="below which the frames are simulated")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        if options.growth is None:
            watch(Path(folder))
        else:
            growth(Path(folder), options.growth or [10, 2000])


if __name__ == "__main__":
    main()
