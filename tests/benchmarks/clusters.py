"""What each way through SLURM costs. `python -m tests.benchmarks.clusters [FRAMES]`

A night of short lights (64 x 80) whose masters are there is reduced, report and all, in each of
the ways of docs/cluster.md, on the SLURM of tests/helpers/slurm_cluster.py: two nodes of two CPUs,
all on this machine.

Processor time is that of all processes: Snakemake wherever it runs, its jobs, what asks SLURM how
they are, and SLURM's own daemons. This script is not counted, nor what it asks SLURM itself.
"""

import argparse
import ctypes
import os
import re
import resource
import shutil
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from ccdlib.simulate.exposures import simulate_demo

from ..helpers.slurm_cluster import PROFILES, generic, idle, running, submit, until, why_not
from ..helpers.small_night import NIGHT, Work

__all__ = ["main"]

TICK = os.sysconf("SC_CLK_TCK")
PR_SET_CHILD_SUBREAPER = 36
DAY = 24 * 3600
# a whole node
NODE = "--cpus-per-task=2", "--mem=4000"


class Cost(NamedTuple):
    """SLURM jobs, seconds of the processor, seconds on the clock."""

    jobs: int
    cpu: float
    wall: float


def by_itself(profile, environment=lambda: {}):
    """A way that submits each job through a profile."""
    return lambda work: work.run("--profile", str(PROFILES / profile), environment=environment())


def batches(shares):
    """A way in which nodes make shares of the frames side by side."""
    return lambda work: submit(work, PROFILES / "slurm/batches.sh", str(shares), *NODE, "--")


WAYS = {
    "Snakemake on the machine itself, `--cores 2`": Work.run,
    "one allocation (`night.sbatch`, two CPUs)": lambda work: submit(
        work, "sbatch", *NODE, PROFILES / "slurm/night.sbatch"
    ),
    "`batches.sh 2` over two nodes of two CPUs": batches(2),
    "`batches.sh 6` over two nodes of two CPUs": batches(6),
    "a submission each through `profiles/generic-cluster`": by_itself("generic-cluster", generic),
    "a submission each through `profiles/slurm`": by_itself("slurm"),
}


def adopt():
    """Become the parent of all that is started from here and loses its own, daemons too."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def waited():
    """Processor time of the children that ended and were waited for, with theirs."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def spent():
    """Processor time of all descendants, those that have ended included."""
    parents, times = {}, {}
    for process in Path("/proc").glob("[0-9]*"):
        # it may end meanwhile
        with suppress(FileNotFoundError, ProcessLookupError):
            # the name of a process may hold anything, a blank too
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            pid = int(process.name)
            parents[pid] = int(fields[1])
            times[pid] = sum(map(int, fields[11:15])) / TICK
    family = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    return waited() + sum(times[pid] for pid in family - {os.getpid()})


def submitted():
    """The number that SLURM gives to the next job; a task of an array has one too."""
    told = subprocess.run(["scontrol", "show", "config"], check=True, capture_output=True).stdout
    return int(re.search(rb"NEXT_JOB_ID *= (\d+)", told)[1])


def measure(way, work):
    """The cost of a way, until SLURM has nothing left to do."""
    jobs, cpu, start = submitted(), spent(), time.perf_counter()
    way(work)
    before = waited()
    until(idle, "the end of the jobs", seconds=DAY)
    asking = waited() - before
    wall, cpu = time.perf_counter() - start, spent() - cpu - asking
    return Cost(submitted() - jobs, cpu, wall)


def prepared(folder, frames):
    """A night in two filters, and its masters."""
    lights = ("V", frames - frames // 2, 120.0), ("R", frames // 2, 60.0)
    simulate_demo(folder / "raw", folder / "truth", night=replace(NIGHT, lights=lights))
    work = Work(folder / "masters", folder / "raw")
    work.run("masters")
    return work


def compare(folder, frames):
    """Print a line for each way, all with the same bytes."""
    masters, first = prepared(folder, frames), None
    for number, (name, way) in enumerate(WAYS.items()):
        shutil.copytree(masters.folder, folder / str(number), symlinks=True)
        work = Work(folder / str(number), masters.raw)
        cost = measure(way, work)
        first = first or work.content()
        made = sum(product.startswith("calibrated/") for product in first)
        if made != frames or work.content() != first:
            raise SystemExit(f"{name} did not make the {frames} frames as the first way does")
        print(f"| {name} | {cost.jobs} | {cost.cpu:.1f} s | {cost.wall:.0f} s |", flush=True)


def main(arguments=None):
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("frames", type=int, nargs="?", default=40)
    frames = parser.parse_args(arguments).frames
    if reason := why_not():
        raise SystemExit(f"nothing to measure: {reason}")
    adopt()
    with tempfile.TemporaryDirectory() as folder, running():
        print(f"{frames} frames; {os.cpu_count()} cores, load before: {os.getloadavg()[0]:.1f}\n")
        print("| way | jobs submitted | processor time | wall time |\n|---|---|---|---|")
        compare(Path(folder), frames)
        print(f"\nload after: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
