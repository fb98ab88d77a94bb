"""A whole night beside a straightforward ccdproc script that does the same work on two cores."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

from .light import reduce
from .measure import REPOSITORY, row, run

__all__ = ["nickel", "night", "small_night"]

NICKEL = REPOSITORY.parent / "shared/data/lick_nickel"
SCRIPT = Path(__file__).with_name("night_ccdproc.py")


def simulated(raw, shape):
    """10 biases, 10 darks, 20 flats and 40 lights."""
    from ccdlib.simulate.exposures import DEMO, simulate_demo

    flats = tuple((15000 + 1500 * i, 4.0 + 0.3 * i) for i in range(10))
    many = {"biases": 10, "darks": (10, 120.0), "flats": flats, "stars": shape[0] * 3 // 4}
    lights = (("V", 20, 120.0), ("R", 20, 60.0))
    simulate_demo(raw, None, night=replace(DEMO, shape=shape, lights=lights, **many))
    return raw


def beside(name, folder, raw, camera):
    """Print what a night costs with the pipeline and with ccdproc."""
    print(f"\n{name}, without cosmic rays, 2 cores\n")
    print("| | s on the clock | s of processor | ratios: clock, processor | peak MB |")
    print("|---|---|---|---|---|")
    ours = reduce(folder / "work", raw, camera)
    if importlib.util.find_spec("ccdproc") is None:
        print("| ccdproc | is not installed | | | |")
        row("this pipeline", ours)
        return
    peer = run([sys.executable, SCRIPT, raw, camera, folder / "peer"], folder)
    row("a ccdproc script", peer)
    row("this pipeline, report and all", ours, peer)


def nickel(folder):
    """A real night."""
    if not NICKEL.exists():
        print(f"\nno real night in {NICKEL}")
        return
    beside("Nickel, 19 frames of 1056 x 1024", folder, NICKEL, "lick_nickel")


def night(folder, shape=(2080, 4096)):
    """A simulated night."""
    raw = simulated(folder / "raw", shape)
    name = f"simulated night of 80 frames of {shape[0]} x {shape[1] + 32}"
    beside(name, folder, raw, "demo")


def small_night(folder):
    """The same with a quarter of the pixels."""
    night(folder, (1040, 2048))
