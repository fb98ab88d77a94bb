"""Processes whose time and peak of memory are measured, and the table that comes of it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

__all__ = ["Cost", "row", "run", "way"]

REPOSITORY = Path(__file__).parents[2]


class Cost(NamedTuple):
    """Seconds on the clock, seconds of the processor, peak of memory in MB."""

    wall: float
    cpu: float
    peak: float


# a process that a large one starts counts the other's memory as its own peak: a small one starts it
_STARTER = """
import json, resource, subprocess, sys, time
start, none = time.perf_counter(), subprocess.DEVNULL
status = subprocess.call(sys.argv[1:], stdout=none, stderr=none)
wall, usage = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([status, wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000]))
"""


def run(command, folder, feed=None, **environment):
    """The cost of a process with all its children; the peak is that of the largest of them."""
    with open(os.devnull if feed is None else feed) as source:
        done = subprocess.run(
            [sys.executable, "-c", _STARTER, *map(str, command)],
            cwd=folder,
            stdin=source,
            stdout=subprocess.PIPE,
            env=os.environ | environment,
            check=True,
        )
    status, *cost = json.loads(done.stdout)
    if status:
        raise RuntimeError(f"{command[0]} ended with {status}")
    return Cost(*cost)


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
