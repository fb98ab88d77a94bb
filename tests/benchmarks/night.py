"""A whole night beside a ccdproc script that does the same work, and Siril, on two cores."""

import importlib.util
import shutil
import sys
from dataclasses import replace
from pathlib import Path

from .light import reduce
from .measure import REPOSITORY, row, run
from .night_siril import siril_night

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


def beside(name, folder, raw, camera, **peers):
    """Print what a night costs with the pipeline and with its peers, all in one run.

    Parameters
    ----------
    peers : callables
        That give the cost of a peer's night.
    """
    print(f"\n{name}, without cosmic rays, 2 cores\n")
    print("| | s on the clock | s of processor | over this pipeline: clock, processor | peak MB |")
    print("|---|---|---|---|---|")
    script = [sys.executable, SCRIPT, raw, camera, folder / "peer"]
    if importlib.util.find_spec("ccdproc"):
        peers["a ccdproc script"] = lambda: run(script, folder)
    # compiles the kernels, and what is read from the disk is in memory for all
    reduce(folder / "first", raw, camera)
    ours = reduce(folder / "work", raw, camera)
    row("this pipeline, report and all", ours)
    for peer in ("a ccdproc script", "Siril"):
        if peer in peers:
            cost = peers[peer]()
            ratio = f"{cost.wall / ours.wall:.1f}, {cost.cpu / ours.cpu:.1f}"
            print(f"| {peer} | {cost.wall:.2f} | {cost.cpu:.2f} | {ratio} | {cost.peak:.0f} |")
        else:
            print(f"| {peer} | is not installed, or has no night like this | | | |")


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
    siril = {"Siril": lambda: siril_night(raw, folder / "siril")}
    beside(name, folder, raw, "demo", **(siril if shutil.which("siril-cli") else {}))


def small_night(folder):
    """The same with a quarter of the pixels."""
    night(folder, (1040, 2048))
