"""Processes whose time and peak of memory are measured, and the table that comes of it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

__all__ = ["Cost", "row", "run", "way"]

REPOSITORY = Path(__file__).parents[2]


class Cost(NamedTuple):
    """Seconds on the clock, seconds of the processor, peak of memory in MB."""

    wall: float
    cpu: float
    peak: float


def run(command, folder, feed=None, **environment):
    """The cost of a process with all its children."""
    start = perf_counter()
    with open(os.devnull if feed is None else feed) as source:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=folder,
            stdin=source,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | environment,
        )
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{command[0]} ended with {status}")
    cpu = usage.ru_utime + usage.ru_stime
    return Cost(perf_counter() - start, cpu, usage.ru_maxrss / 1000)


def way(name, *arguments):
    """The cost of a function of `ways` in a process of its own, without loading it."""
    path = f"{REPOSITORY}:{REPOSITORY / 'scripts'}"
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.ways", name, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    return Cost(*json.loads(done.stdout.splitlines()[-1]))


def row(name, cost, peer=None):
    """Print a line of a table; the ratio is the peer's time over this one's."""
    ratio = "" if peer is None else f"{peer.wall / cost.wall:.1f}, {peer.cpu / cost.cpu:.1f}"
    print(f"| {name} | {cost.wall:.2f} | {cost.cpu:.2f} | {ratio} | {cost.peak:.0f} |", flush=True)
