"""Lights of one field made one image, beside others: `python -m tests.benchmarks field`.

Others are Siril, SWarp and a script of ccdproc and astroalign, where they are installed; PEERS may
name a Python that has the last two.

Simulated lights, dithered, turned a little, of changing seeing and transparency, as our products
and as plain images for Siril. What each makes of them is judged by the flux of the fainter stars
over its scatter between stars, measured at known places with the best Gaussian. The best that the
lights allow is known: each measured with the true profile of its stars, all put together. One field
tells the ratio to a hundredth, so there are several.
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
from .measure import REPOSITORY, Cost, run

SIDE, LIGHTS, STARS, FIELDS = 1024, 12, 300, 6
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


def conditions(field):
    """(transform to the light, transparency, seeing) of each light; the first is the reference."""
    rng = np.random.default_rng([8, field])
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


def stars(field):
    rng = np.random.default_rng([9, field])
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


def simulate(folder, field):
    """Write the lights as products and as plain images."""
    from astropy.io import fits

    from ccdlib.frame.image import Image
    from ccdlib.products.product_files import write_product
    from ccdlib.raw.card_list import CardList

    rng = np.random.default_rng([10, field])
    x, y, fluxes = stars(field)
    for name in ("ours", "lights", "process"):
        (folder / name).mkdir(parents=True)
    for number, (angle, shift, clear, width) in enumerate(conditions(field)):
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


def best(field):
    """Flux of a star of one electron over its sigma, each light measured with its own profile."""
    squares = [
        # the sum of the squares of a Gaussian
        clear**2 / (4 * np.pi * (width / 2.3548) ** 2) / (SKY + READ_NOISE**2)
        for _, _, clear, width in conditions(field)
    ]
    return np.sqrt(np.sum(squares))


def signal_to_noise(image, field):
    """Flux of the fainter stars over its scatter between stars, for one electron."""
    x, y, fluxes = stars(field)
    faint = fluxes < np.median(fluxes)
    rng = np.random.default_rng([11, field])
    # places that share no pixel of the core, as far from stars as these reach
    steps = np.arange(60, SIDE - 60, 7)
    empty = np.stack(np.meshgrid(steps, steps)).reshape(2, -1)
    empty = empty + rng.uniform(-0.5, 0.5, empty.shape)
    near = np.hypot(empty[0][:, None] - x, empty[1][:, None] - y).min(axis=1)
    empty = empty[:, near > 20]

    def ratio(width):
        sky, flux = _summed(image, *empty, width), _summed(image, x[faint], y[faint], width)
        level = np.median(sky)
        scatter = 1.4826 * np.median(np.abs(sky - level))
        return float(np.median((flux - level) / fluxes[faint]) / scatter)

    return max(map(ratio, np.arange(2.5, 3.6, 0.1)))


def _summed(image, x, y, width):
    """Sums of an image, weighted by a Gaussian about each place."""
    reach = np.arange(-9, 10)
    columns, rows = np.rint(x).astype(int)[:, None] + reach, np.rint(y).astype(int)[:, None] + reach
    spread = 2 * (width / 2.3548) ** 2
    across = np.exp(-((columns - x[:, None]) ** 2) / spread)
    up = np.exp(-((rows - y[:, None]) ** 2) / spread)
    return np.einsum("sij,si,sj->s", image[rows[:, :, None], columns[:, None, :]], up, across)


def field(folder):
    """The table."""
    command = [sys.executable, "-m", "tests.benchmarks.field"]
    peers = {
        "ccdlib, with sigma and DQ": _ours,
        "the same in a fork of the warm process": _job_alone,
        "Siril, rejection, no sigma": _siril,
        "SWarp, clipped, given WCS and scale": _swarp,
        "ccdproc and astroalign, no sigma": _ccdproc,
    }
    found = {name: [] for name in peers}
    for number in range(FIELDS):
        own = Path(folder, f"field_{number}")
        simulate(own, number)
        if not number:
            # compiles the kernels
            run([*command, own], REPOSITORY)
        for name, peer in peers.items():
            made = peer([*command, own], own, number)
            if made is not None:
                cost, image = made
                found[name].append([*cost, signal_to_noise(image, number) / best(number)])
    print(f"\n{LIGHTS} lights of {SIDE} x {SIDE}, {FIELDS} times: registered and combined\n")
    print("| | s on the clock | s of processor | S/N of faint stars over the best | peak MB |")
    print("|---|---|---|---|---|")
    for name, rows in found.items():
        _row(name, np.array(rows))


def _ours(command, folder, number):
    from astropy.io import fits

    return run(command, REPOSITORY), fits.getdata(folder / "ours/stack.fits")


def _job_alone(command, folder, number):
    """The cost of a stack in a fork of a process that holds what a run's warm process holds."""
    from astropy.io import fits

    done = subprocess.run(
        [*map(str, command), "forked"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    cost = Cost(*json.loads(done.stdout.splitlines()[-1]))
    return cost, fits.getdata(folder / "ours/stack.fits")


def _forked(folder):
    import ccdlib.jobs.make_stack
    import ccdlib.registration.star_kernels
    import ccdlib.run.preload

    ccdlib.run.preload.while_idle()
    start = time.perf_counter()
    if not os.fork():
        stack_ours(folder)
        os._exit(0)
    _, status = os.wait()
    wall = time.perf_counter() - start
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    if status:
        sys.exit("the stack failed")
    print(json.dumps([wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1000]))


def _siril(command, folder, number):
    from astropy.io import fits

    if shutil.which("siril-cli") is None:
        return None
    (folder / "field.ssf").write_text(SIRIL)
    cost = run(["siril-cli", "-d", folder, "-s", folder / "field.ssf"], folder)
    (stack,) = (folder / "process").glob("stack.fit*")
    return cost, fits.getdata(stack)


def _swarp(command, folder, number):
    from astropy.io import fits

    swarp = shutil.which("SWarp") or shutil.which("swarp")
    if swarp is None:
        return None
    paths = sorted((folder / "lights").glob("light_*.fits"))
    write_headers(paths, conditions(number), SIDE)
    # the middle of the image lies half a pixel from that of the projection
    center = ["-CENTER", f"{150 + 0.5 * 0.4 / 3600},{2 - 0.5 * 0.4 / 3600}"]
    size = ["-IMAGE_SIZE", f"{SIDE},{SIDE}"]
    cost = run([swarp, *paths, *SWARP, *center, *size], folder)
    return cost, fits.getdata(folder / "swarp.fits")


def _ccdproc(command, folder, number):
    from astropy.io import fits

    peer = [os.environ.get("PEERS", sys.executable), "-m", "tests.benchmarks.field_peers", folder]
    try:
        cost = run(peer, REPOSITORY)
    except RuntimeError:
        return None
    return cost, fits.getdata(folder / "ccdproc.fits")


def _row(name, rows):
    """One line: the median cost, and the mean of the S/N with its error."""
    if not rows.size:
        print(f"| {name} | is not installed | | | |")
        return
    wall, cpu, peak, _ = np.median(rows, axis=0)
    ratios = rows[:, 3]
    error = ratios.std(ddof=1) / np.sqrt(ratios.size)
    print(f"| {name} | {wall:.2f} | {cpu:.2f} | {ratios.mean():.3f} +- {error:.3f} | {peak:.0f} |")


if __name__ == "__main__":
    (_forked if sys.argv[2:] else stack_ours)(sys.argv[1])
