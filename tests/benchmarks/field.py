"""Lights of one field made one image, beside others: `python -m tests.benchmarks field`.

Others are Siril, SWarp and a script of ccdproc and astroalign, where they are installed; PEERS may
name a Python that has the last two.

Simulated lights, dithered, turned a little, of changing seeing and transparency, as our products
and as plain images for Siril. What each makes of them is judged by the flux of the stars over its
scatter, in apertures of 2.6 pixels at known places, against the root of the sum of the squares of
the same in each light.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from .field_peers import SWARP, write_headers
from .measure import Cost, run

SIDE, LIGHTS, STARS = 1024, 12, 300
SKY, READ_NOISE = 300.0, 6.0
SIRIL = """requires 1.0.0
setcpu 2
set32bits
cd lights
link light -out=../process
cd ../process
register light
stack r_light rej 5 5 -norm=addscale -out=stack
"""


def conditions():
    """(transform to the light, transparency, seeing) of each light; the first is the reference."""
    rng = np.random.default_rng(8)
    for number in range(LIGHTS):
        first = number == 0
        angle = 0.0 if first else rng.uniform(-0.01, 0.01)
        shift = np.zeros(2) if first else rng.uniform(-12, 12, 2)
        clear = 1.0 if first else rng.uniform(0.7, 1.0)
        yield angle, shift, clear, 2.6 if first else rng.uniform(2.6, 3.6)


def placed(angle, shift, x, y):
    """Where a place of the reference lies in a light."""
    half, cos, sin = SIDE / 2, np.cos(angle), np.sin(angle)
    x, y = x - half, y - half
    return cos * x - sin * y + half + shift[0], sin * x + cos * y + half + shift[1]


def stars():
    rng = np.random.default_rng(9)
    x, y = rng.uniform(40, SIDE - 40, (2, STARS))
    return x, y, 10 ** rng.uniform(3.0, 5.0, STARS)


def drawn(x, y, fluxes, width):
    """Stars as they fall on the pixels."""
    image, sigma, reach = np.zeros((SIDE, SIDE)), width / 2.3548, 14
    for column, row_, flux in zip(x, y, fluxes, strict=True):
        left, low = round(column) - reach, round(row_) - reach
        u, v = np.arange(left, left + 2 * reach + 1), np.arange(low, low + 2 * reach + 1)
        keep_u, keep_v = (u >= 0) & (u < SIDE), (v >= 0) & (v < SIDE)
        across = np.exp(-((u - column) ** 2) / (2 * sigma**2))[keep_u]
        up = np.exp(-((v - row_) ** 2) / (2 * sigma**2))[keep_v]
        spread = flux / (2 * np.pi * sigma**2)
        image[np.ix_(v[keep_v], u[keep_u])] += spread * np.outer(up, across)
    return image


def simulate(folder):
    """Write the lights as products and as plain images."""
    from astropy.io import fits

    from ccdlib.frame.image import Image
    from ccdlib.products.product_files import write_product
    from ccdlib.raw.card_list import CardList

    rng = np.random.default_rng(10)
    x, y, fluxes = stars()
    for name in ("ours", "lights", "process"):
        (folder / name).mkdir(parents=True)
    for number, (angle, shift, clear, width) in enumerate(conditions()):
        there = placed(angle, shift, x, y)
        truth = SKY + clear * drawn(*there, fluxes, width)
        data = (rng.poisson(truth) + rng.normal(0, READ_NOISE, truth.shape)).astype(np.float32)
        variance = (truth + READ_NOISE**2).astype(np.float32)
        name = f"light_{number:03d}.fits"
        image = Image(data, variance, np.zeros(data.shape, np.uint16), "electron")
        write_product(folder / "ours" / name, [image], CardList())
        fits.writeto(folder / "lights" / name, data)


def stack_ours(folder):
    """Make the stack as its job does."""
    from ccdlib.config import load_config
    from ccdlib.jobs.make_stack import make
    from ccdlib.jobs.task import Task

    folder = Path(folder)
    paths = sorted((folder / "ours").glob("light_*.fits"))
    config = load_config({"raw_dir": "raw", "camera": "demo"})
    settings = {"stack": config["stack"] | {"reference": "light_000"}}
    names = ["calibrated", *(f"calibrated_{n}" for n in range(2, len(paths) + 1))]
    make(
        Task(
            folder / "ours/stack.fits",
            "raw",
            [{"file": path.name, "facts": {"exptime": 60.0}} for path in paths],
            dict(zip(names, paths, strict=True)),
            settings | {"products": {"compress": False}},
            limits={"memory_mb": 650.0, "threads": 2},
        )
    )


def signal_to_noise(image, angle=0.0, shift=(0.0, 0.0), radius=2.6):
    """Flux of the fainter stars over the scatter of empty apertures, relative units."""
    rng = np.random.default_rng(11)
    x, y, fluxes = stars()
    faint = fluxes < np.median(fluxes)
    own = placed(angle, shift, x[faint], y[faint])
    everywhere = placed(angle, shift, *rng.uniform(60, SIDE - 60, (2, 6000)))
    near = np.hypot(
        everywhere[0][:, None] - placed(angle, shift, x, y)[0],
        everywhere[1][:, None] - placed(angle, shift, x, y)[1],
    )
    empty = [each[near.min(axis=1) > 20] for each in everywhere]

    def summed(places):
        reach = int(radius) + 1
        v, u = np.mgrid[-reach : reach + 1, -reach : reach + 1]
        rows, columns = np.rint(places[1]).astype(int), np.rint(places[0]).astype(int)
        at = rows[:, None, None] + v, columns[:, None, None] + u
        inside = np.hypot(at[1] - places[0][:, None, None], at[0] - places[1][:, None, None])
        return np.where(inside <= radius, image[at], 0).sum(axis=(1, 2)), (inside <= radius).sum(
            axis=(1, 2)
        )

    sky, number = summed(empty)
    level = np.median(sky / number)
    flux, own_number = summed(own)
    scatter = 1.4826 * np.median(np.abs(sky - level * number - np.median(sky - level * number)))
    return float(np.median((flux - level * own_number) / fluxes[faint]) / scatter)


def field(folder):
    """The table."""
    from astropy.io import fits

    folder = Path(folder, "field")
    simulate(folder)
    ratios = [
        signal_to_noise(fits.getdata(folder / f"ours/light_{number:03d}.fits"), angle, shift)
        for number, (angle, shift, _, _) in enumerate(conditions())
    ]
    best = float(np.sqrt(np.sum(np.square(ratios))))
    command = [sys.executable, "-m", "tests.benchmarks.field", folder]
    # the first one compiles the kernels
    run(command, Path(__file__).parents[2])
    print(f"\n{LIGHTS} lights of {SIDE} x {SIDE}: registered and combined\n")
    print("| | s on the clock | s of processor | S/N of faint stars over the best | peak MB |")
    print("|---|---|---|---|---|")
    ours = run(command, Path(__file__).parents[2])
    image = fits.getdata(folder / "ours/stack.fits")
    _row("ccdlib, with sigma and DQ", ours, image, best)
    _row("the same without Python's start and imports", _job_alone(command), image, best)
    _siril(folder, best)
    _swarp(folder, best)
    _ccdproc(folder, best)


def _job_alone(command):
    """The cost of a second stack in one process: what is loaded by then, a run loads once."""
    done = subprocess.run(
        [*map(str, command), "again"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    return Cost(*json.loads(done.stdout.splitlines()[-1]))


def _again(folder):
    stack_ours(folder)
    wall, cpu = time.perf_counter(), time.process_time()
    stack_ours(folder)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(json.dumps([wall, cpu, peak]))


def _siril(folder, best):
    from astropy.io import fits

    if shutil.which("siril-cli") is None:
        print("| Siril | is not installed | | | |")
        return
    (folder / "field.ssf").write_text(SIRIL)
    cost = run(["siril-cli", "-d", folder, "-s", folder / "field.ssf"], folder)
    (stack,) = (folder / "process").glob("stack.fit*")
    _row("Siril, rejection, no sigma", cost, fits.getdata(stack), best)


def _swarp(folder, best):
    from astropy.io import fits

    swarp = shutil.which("SWarp") or shutil.which("swarp")
    if swarp is None:
        print("| SWarp | is not installed | | | |")
        return
    paths = sorted((folder / "lights").glob("light_*.fits"))
    write_headers(paths, conditions(), SIDE)
    # the middle of the image lies half a pixel from that of the projection
    center = ["-CENTER", f"{150 + 0.5 * 0.4 / 3600},{2 - 0.5 * 0.4 / 3600}"]
    size = ["-IMAGE_SIZE", f"{SIDE},{SIDE}"]
    cost = run([swarp, *paths, *SWARP, *center, *size], folder)
    image = fits.getdata(folder / "swarp.fits")
    _row("SWarp, clipped, given WCS and scale", cost, image, best)


def _ccdproc(folder, best):
    from astropy.io import fits

    command = [
        os.environ.get("PEERS", sys.executable),
        "-m",
        "tests.benchmarks.field_peers",
        folder,
    ]
    try:
        cost = run(command, Path(__file__).parents[2])
    except RuntimeError:
        print("| ccdproc and astroalign | are not installed | | | |")
        return
    _row("ccdproc and astroalign, no sigma", cost, fits.getdata(folder / "ccdproc.fits"), best)


def _row(name, cost, image, best):
    ratio = signal_to_noise(image) / best
    print(
        f"| {name} | {cost.wall:.2f} | {cost.cpu:.2f} | {ratio:.3f} | {cost.peak:.0f} |", flush=True
    )


if __name__ == "__main__":
    (_again if sys.argv[2:] else stack_ours)(sys.argv[1])
