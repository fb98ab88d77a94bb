"""Small nights with one odd thing each, and their frames calibrated in this process."""

import numpy as np
from astropy.io import fits
from making import config as settings

from ccdlib.config import load_camera
from ccdlib.index.raw_index import Cache, build_index
from ccdlib.jobs.remake import make_product, needed
from ccdlib.plan.frames import read_corrections
from ccdlib.plan.night_plan import make_plan
from ccdlib.plan.plan_tables import Plan
from ccdlib.products.product_files import read_product
from ccdlib.tables import rows_of

SHAPE, GAIN, NOISE, SKY = (80, 112), 1.6, 6.4, 300.0
_RNG = np.random.default_rng(20)
_Y, _X = np.indices(SHAPE)
# adu, electrons a second, and the response of the pixels
BIAS = 800 + _X / 7 + _RNG.normal(0, 2, SHAPE)
DARK = 0.4 + _RNG.exponential(0.1, SHAPE)
RESPONSE = (1.1 - 0.25 * np.hypot(_X - 50, _Y - 45) / 60) * _RNG.normal(1, 0.012, SHAPE)
RESPONSE /= np.median(RESPONSE)
TYPES = {"bias": 0.0, "dark": 40.0, "flat": 3.0, "light": 40.0}


def stars(count=9):
    """Light that falls on the detector, electrons in an exposure."""
    found = np.full(SHAPE, SKY)
    rng = np.random.default_rng(21)
    for y, x, flux in zip(
        rng.uniform(6, 74, count),
        rng.uniform(6, 106, count),
        rng.uniform(2e3, 4e4, count),
        strict=True,
    ):
        found += flux / 12.6 * np.exp(-((_Y - y) ** 2 + (_X - x) ** 2) / 4.0)
    return found


TRUTH = stars()


def exposure(kind, number, seconds=None, *, light=None, gain=GAIN, response=RESPONSE):
    """Raw values of a frame in adu, unrounded."""
    seconds = TYPES[kind] if seconds is None else seconds
    rng = np.random.default_rng([len(kind), ord(kind[0]), number, round(seconds * 1000)])
    if light is None:
        light = {"flat": 24_000.0, "light": TRUTH}.get(kind, 0.0)
    charge = rng.poisson(light * response + DARK * seconds)
    return (charge + rng.normal(0, NOISE, SHAPE)) / gain + BIAS


def cards(kind, number, seconds=None, **more):
    """The cards of a frame; None takes one out."""
    minute = 12 * list(TYPES).index(kind) + number
    found = {
        "IMAGETYP": kind,
        "EXPTIME": TYPES[kind] if seconds is None else seconds,
        "DATE-OBS": f"2024-03-02T02:{minute:02d}:00",
        "INSTRUME": "Box",
        "CCD-TEMP": -15.0,
        "EGAIN": GAIN,
        "RDNOISE": NOISE,
        "OBJECT": "NGC 1" if kind == "light" else kind,
        "FILTER": "R" if kind in ("flat", "light") else None,
    } | {name.replace("__", "-"): value for name, value in more.items()}
    return {name: value for name, value in found.items() if value is not None}


def write(folder, name, values, head, top=65535):
    """A raw file of whole numbers up to `top`."""
    folder.mkdir(parents=True, exist_ok=True)
    pixels = np.clip(np.round(values), 0, top).astype(np.uint16)
    fits.PrimaryHDU(pixels, fits.Header(head)).writeto(folder / name)


def take(folder, kind, count, seconds=None, *, first=0, prefix="", light=None, **more):
    """Write several frames of one kind."""
    for number in range(first, first + count):
        values = exposure(kind, number, seconds, light=light)
        write(folder, f"{prefix}{kind}{number}.fits", values, cards(kind, number, seconds, **more))


class Reduced:
    """What the pipeline made of a folder: its plan's rows and its calibrated frames."""

    def __init__(self, raw, work, camera="generic", corrections=None, **parts):
        spec = load_camera(camera)
        work.mkdir(exist_ok=True)
        self.config = settings(raw_dir=str(raw), **parts)
        found, layouts = build_index(raw, spec, cache=Cache(work / "cache.json", "key"))
        rows = [row | {"layout": layouts.get(row["layout"])} for row in rows_of(found)]
        self.index = {row["file"]: row for row in rows}
        corrected = read_corrections(corrections, set(self.index)) if corrections else {}
        self.rows, members = make_plan(rows, self.config, spec, corrected)
        self.plan, self.work = Plan(self.rows, members), work
        for product in needed(self.plan.targets(["light", "lamp"]), self.plan):
            make_product(product, self.plan, str(raw), work, self.config)

    def row(self, product, kind):
        """The row of a product's choice; `product` is a light's name or a whole path."""
        path = product if "/" in product else f"results/calibrated/{product}.fits"
        (found,) = [row for row in self.rows if (row["product"], row["kind"]) == (path, kind)]
        return found

    def product(self, path):
        """A product that was made."""
        return read_product(self.work / path)

    def light(self, name="light0"):
        """(header, image) of a calibrated frame."""
        found = self.product(f"results/calibrated/{name}.fits")
        return found.header, found.images[0]

    def master(self, kind):
        """The only master of a kind."""
        (path,) = (self.work / f"results/masters/{kind}").glob("*.fits")
        return read_product(path)


def pulls(image, truth):
    """(value - truth) / sigma of the pixels that no flag masks."""
    good = image.dq == 0
    return ((image.data - truth) / np.sqrt(image.variance))[good]


def is_true(image, truth, spread=0.03, offset=None):
    """Require pulls of mean 0 (common errors of masters aside) and standard deviation 1."""
    found = pulls(image, truth)
    assert found.size > 0.95 * image.data.size
    assert abs(found.mean()) < (0.05 if offset is None else offset), found.mean()
    assert abs(found.std() - 1) < spread, found.std()
