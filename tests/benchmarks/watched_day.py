"""A day of 24 hours at 100 times the speed, watched. `python -m tests.benchmarks.watched_day`

Tiny frames arrive at a random pace, whole, in pieces, under another name until they are whole, with
their full length before their content, packed, with times of years ago and to come. Meanwhile the
share vanishes and comes back, the disk is full for a while, the watch is killed and started again,
told to end and started again, and the server of its page is killed. In the morning comes --final,
and all that it leaves is compared with one plain run over the same folder, byte for byte.

What a round takes is printed for each tenth of the day: whether it grows. The working directory is
on a file system of its own in memory, so that its disk can be filled (which takes the rights to
mount one); without, nothing is filled and a line says so.
"""

import argparse
import gzip
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

from astropy.io import fits

from .watch import PIPELINE, Lights, processor, simulated

__all__ = ["main"]

_DAY = 864.0
_DISK = "700m"
# what differs from run to run by what it is: stats, times, the tables' own digests
_TABLES = ("index.csv", "amplifiers.csv", "plan.csv", "members.csv")


def _own(pid):
    """Seconds of the processor and peak of memory in MB of a process; None when it has ended."""
    with suppress(OSError, StopIteration, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        status = Path(f"/proc/{pid}/status").read_text().splitlines()
        peak = next(line.split()[1] for line in status if line.startswith("VmHWM"))
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK"), int(peak) / 1024
    return None


class Rounds(threading.Thread):
    """Looks at the forks of a watch: how long each lived, and what it took."""

    def __init__(self):
        super().__init__(daemon=True)
        self.watch, self.going = None, True
        self.ended = []
        self._seen = {}

    def run(self):
        while self.going:
            self._look()
            time.sleep(0.05)

    def _look(self):
        now, watch, alive = time.monotonic(), self.watch, []
        with suppress(OSError):
            alive = Path(f"/proc/{watch}/task/{watch}/children").read_text().split()
        for pid in alive:
            with suppress(OSError):
                # a fork has the arguments of the watch, the process of the jobs has others
                if b"ccdlib.watch.start" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    cost = _own(pid) or self._seen.get(pid, (now, now, None))[2]
                    self._seen[pid] = self._seen.get(pid, (now,))[0], now, cost
        for pid in set(self._seen) - set(alive):
            began, last, cost = self._seen.pop(pid)
            # the server of the page lives as long as the watch
            if cost and last - began < 60:
                self.ended.append((last - began, *cost))


class Day:
    """Frames to come, and what goes wrong meanwhile."""

    def __init__(self, folder, seconds, seed):
        self.folder, self.seconds, self.random = folder, seconds, random.Random(seed)
        self.raw, self.work = folder / "raw", folder / "work"
        self.away = folder / "away"
        frames = simulated(folder, (64, 64))
        self.calibrations = [path for path in sorted(frames.iterdir()) if path.stem[:3] != "M13"]
        self.lights = Lights(next(frames.glob("M13*")))
        self.written, self.process, self.rounds = 0, None, Rounds()
        self.told = open(folder / "told.txt", "a")  # noqa: SIM115
        self.work.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={_DISK}", "tmpfs", str(self.work)]
        self.has_disk = subprocess.run(mount, capture_output=True).returncode == 0
        if not self.has_disk:
            print("no file system of its own could be mounted: the disk is never full")

    def start(self, *more):
        """Start the watch."""
        command = [sys.executable, "-m", "ccdlib.cli", "watch", self.raw, "--directory", self.work]
        command += [*more, "--", "--cores", "2", "--config", "camera=demo"]
        environment = os.environ | {"PYTHONPATH": str(PIPELINE / "scripts")}
        self.process = subprocess.Popen(
            list(map(str, command)), env=environment, stdout=self.told, stderr=subprocess.STDOUT
        )
        self.rounds.watch = self.process.pid

    def end(self, number):
        """End the watch by a signal, and start it again."""
        self.process.send_signal(number)
        self.process.wait(120)
        self.start("--serve", "0")

    def vanish(self, back):
        """The share is away, or is there again; a camera's own computer goes on writing."""
        (self.away if back else self.raw).rename(self.raw if back else self.away)

    def fill(self, full):
        """The disk is full, or has room again."""
        ballast = self.work / "ballast"
        if not self.has_disk:
            return
        if not full:
            ballast.unlink()
            return
        with suppress(OSError), open(ballast, "wb", buffering=0) as file:
            while file.write(bytes(1 << 16)):
                pass

    def kill_server(self):
        """Kill the process that serves the page: the fork that has lived longest."""
        seen = self.rounds._seen
        if seen:
            os.kill(int(min(seen, key=lambda pid: seen[pid][0])), signal.SIGKILL)

    def write(self, name, content):
        """Write a frame as some camera does."""
        folder = self.raw if self.raw.exists() else self.away
        path, way = folder / name, self.random.randrange(7)
        if way == 0:
            for start in range(0, len(content), len(content) // 3 + 1):
                with open(path, "ab") as file:
                    file.write(content[start : start + len(content) // 3 + 1])
                time.sleep(self.random.uniform(0, 0.4))
        elif way == 1:
            path.with_name(f".{name}.part").write_bytes(content)
            path.with_name(f".{name}.part").rename(path)
        elif way == 2:
            path.with_suffix(".tmp").write_bytes(content[: len(content) // 2])
            time.sleep(self.random.uniform(0, 0.4))
            path.with_suffix(".tmp").write_bytes(content)
            path.with_suffix(".tmp").rename(path)
        elif way == 3:
            with open(path, "wb") as file:
                file.truncate(len(content))
                time.sleep(self.random.uniform(0, 1.0))
                file.write(content)
        elif way == 4:
            path.with_name(name + ".gz").write_bytes(gzip.compress(content, mtime=0))
        else:
            path.write_bytes(content)
        if self.random.random() < 0.1 and path.exists():
            os.utime(path, (self.random.choice([0, 4e9]),) * 2)
        self.written += 1

    def write_tiles(self, name, content):
        """The frame in tiles."""
        plain = self.folder / "plain.fits"
        plain.write_bytes(content)
        with fits.open(plain) as hdus:
            tiles = fits.CompImageHDU(hdus[0].data, hdus[0].header, compression_type="RICE_1")
            tiles.writeto(self.raw / f"{name}.fz")
        self.written += 1

    def arrive(self, number):
        """The next frame."""
        if self.calibrations and number % 3 == 1:
            path = self.calibrations.pop(0)
            self.write(path.name, path.read_bytes())
        elif number % 40 == 20 and self.raw.exists():
            self.write_tiles(f"light_{number:05d}.fits", self.lights.number(number))
        elif number % 97 == 50:
            # one whose camera lost power: it never gets whole
            content = self.lights.number(number)
            (self.raw if self.raw.exists() else self.away).joinpath(
                f"light_{number:05d}.fits"
            ).write_bytes(content[: len(content) // 2])
        else:
            self.write(f"light_{number:05d}.fits", self.lights.number(number))

    def events(self):
        """(part of the day, what happens)."""
        return [
            (0.02, lambda: self.raw.mkdir()),
            (0.20, lambda: self.vanish(False)),
            (0.22, lambda: self.vanish(True)),
            (0.30, lambda: self.fill(True)),
            (0.33, lambda: self.fill(False)),
            (0.40, lambda: self.end(signal.SIGKILL)),
            (0.50, self.kill_server),
            (0.55, lambda: self.end(signal.SIGINT)),
            (0.62, lambda: self.vanish(False)),
            (0.63, lambda: self.vanish(True)),
            (0.70, lambda: self.end(signal.SIGKILL)),
            (0.75, lambda: self.fill(True)),
            (0.77, lambda: self.fill(False)),
            (0.85, lambda: self.end(signal.SIGTERM)),
            (2.0, None),
        ]

    def pass_by(self, pace):
        """Let the day pass; print what rounds take in each tenth of it."""
        print("| part of the day | files | lights made | rounds | s on the clock of a round | "
              "s of processor, own | peak MB of a round | MB of the watch |")  # fmt: skip
        print("|---|---|---|---|---|---|---|---|")
        began, number, events, tenth = time.monotonic(), 0, self.events(), 1
        self.rounds.start()
        self.start("--serve", "0")
        while (part := (time.monotonic() - began) / self.seconds) < 1:
            while part >= events[0][0]:
                events.pop(0)[1]()
            if part >= tenth / 10:
                self.tell(tenth)
                tenth += 1
            if self.raw.exists() or self.away.exists():
                number += 1
                self.arrive(number)
            time.sleep(self.random.expovariate(1 / pace))
        self.tell(10)

    def tell(self, tenth):
        """A line of the table, of the rounds since the last one."""
        found, self.rounds.ended = self.rounds.ended, []
        made = len(list((self.work / "results/calibrated").glob("*.fits")))
        clock, cpu, peak = zip(*found, strict=True) if found else ((0,), (0,), (0,))
        memory = (_own(self.process.pid) or (0, 0))[1]
        middle, own = statistics.median(clock), statistics.median(cpu)
        print(
            f"| {tenth}/10 | {self.written} | {made} | {len(found)} | {middle:.2f} | {own:.2f} | "
            f"{max(peak):.0f} | {memory:.0f} |",
            flush=True,
        )

    def morning(self):
        """The watch ends, --final makes the rest; one plain run of the same folder beside it."""
        self.rounds.going = False
        used = processor(self.process.pid)
        self.process.send_signal(signal.SIGINT)
        print(f"the watch ended with {self.process.wait(300)}, {used:.0f} s of processor since "
              "its last start")  # fmt: skip
        self.start("--final")
        print(f"--final ended with {self.process.wait(1200)}")
        plain = self.folder / "plain"
        command = [sys.executable, "-m", "snakemake", "--snakefile", PIPELINE / "Snakefile"]
        command += ["--cores", "2", "--directory", plain]
        command += ["--config", f"raw_dir={self.raw}", "camera=demo"]
        environment = os.environ | {"PYTHONPATH": str(PIPELINE / "scripts")}
        with open(self.folder / "plain.txt", "w") as log:
            code = subprocess.call(
                list(map(str, command)), env=environment, stdout=log, stderr=subprocess.STDOUT
            )
        print(f"the plain run ended with {code}")
        return compare(self.work / "results", plain / "results")


def compare(one, other):
    """Whether two results are the same: products, records and tables, byte for byte."""
    names = [
        {
            str(path.relative_to(folder))
            for path in folder.rglob("*")
            if path.suffix in (".fits", ".json") and "report" not in path.parts
        }
        for folder in (one, other)
    ]
    alone = sorted(names[0] ^ names[1])
    both = sorted(names[0] & names[1]) + list(_TABLES)
    differ = [name for name in both if (one / name).read_bytes() != (other / name).read_bytes()]
    print(f"{len(both)} files in both, {len(differ)} differ {differ[:5]}, "
          f"{len(alone)} in one alone {alone[:5]}")  # fmt: skip
    return not differ and not alone


def main():
    """Let the day pass, and say whether the morning was that of one run."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.watched_day", description=__doc__
    )
    parser.add_argument("--seconds", type=float, default=_DAY, help="that the day takes")
    parser.add_argument("--pace", type=float, default=1.0, help="seconds between two frames, mean")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", help="below which all is made; the lines of the watch stay")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=options.folder))
    day = Day(folder, options.seconds, options.seed)
    try:
        day.pass_by(options.pace)
        same = day.morning()
    finally:
        if day.process.poll() is None:
            day.process.kill()
            day.process.wait()
        if day.has_disk:
            subprocess.run(["umount", str(day.work)], check=True)
    shutil.copy(folder / "told.txt", Path(options.folder or ".") / "watched_day.txt")
    shutil.rmtree(folder)
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
