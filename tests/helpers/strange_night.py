"""A small night whose frames a test changes as it likes, reduced as `ccdlib init` proposes."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from astropy.io import fits

from ccdlib.commands.init import start_folder
from ccdlib.commands.selftest import make_night
from ccdlib.config import load_camera, load_config

SHAPE = (90, 110)
GAIN, READ_NOISE, PEDESTAL, SKY = 1.6, 5.0, 800.0, 500.0
KINDS = {"bias": (6, 0.0), "dark": (6, 40.0), "flat": (6, 4.0), "light": (2, 40.0)}

_rng = np.random.default_rng(20)
_rows, _columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
BIAS = PEDESTAL + _rng.normal(0, 4, SHAPE) + 0.2 * _rows
CURRENT = 0.4 + _rng.exponential(0.2, SHAPE)
RESPONSE = (1.1 - 0.3 * np.hypot(_rows / 90 - 0.6, _columns / 110 - 0.3)) * _rng.normal(
    1, 0.01, SHAPE
)
RESPONSE /= np.median(RESPONSE)
TRUTH = SKY + 8e3 * np.exp(-((_rows - 50) ** 2 + (_columns - 60) ** 2) / 12)


@dataclass
class Frame:
    """A raw frame on its way to the disk; a test changes what it likes."""

    kind: str
    number: int
    pixels: np.ndarray
    cards: dict = field(default_factory=dict)
    more: list = field(default_factory=list)
    name: str = ""


def exposed(kind, number, seconds, response=1.0):
    """Raw pixels, adu; `response` is another filter's, over that of the night's own."""
    rng = np.random.default_rng([number, *kind.encode()])
    light = {"flat": 24e3 * RESPONSE, "light": TRUTH * RESPONSE}.get(kind, 0.0) * response
    electrons = rng.poisson(light + CURRENT * seconds) + rng.normal(0, READ_NOISE, SHAPE)
    return np.round(electrons / GAIN + BIAS).clip(0, 65535).astype(np.uint16)


def frames():
    """The frames of the plain night, of which every one comes out right."""
    for hour, (kind, (count, seconds)) in enumerate(KINDS.items()):
        for number in range(count):
            cards = {
                **{"IMAGETYP": kind, "EXPTIME": seconds, "INSTRUME": "Strange", "XBINNING": 1},
                **{"YBINNING": 1, "CCD-TEMP": -15.0, "EGAIN": GAIN, "RDNOISE": READ_NOISE},
                "DATE-OBS": f"2024-05-13T0{hour + 2}:{number:02d}:00",
            }
            if kind in ("flat", "light"):
                cards["FILTER"] = "V"
            name = f"{kind}{number}.fits"
            yield Frame(kind, number, exposed(kind, number, seconds), cards, [], name)


def write_night(raw, change=lambda frame: None):
    """Write the night; `change(frame)` changes a frame, or returns several in its place."""
    raw.mkdir(parents=True)
    for frame in frames():
        for each in change(frame) or [frame]:
            primary = fits.PrimaryHDU(each.pixels, fits.Header(each.cards))
            (raw / each.name).parent.mkdir(parents=True, exist_ok=True)
            fits.HDUList([primary, *each.more]).writeto(raw / each.name)
    return raw


def reduced(raw, work, corrections=None, **config):
    """The night reduced with what `ccdlib init` proposes: its `Start`, the plan and the products.

    Returns
    -------
    start : Start
    plan : Plan
    products : dict
        {product: its path} of what is made.
    """
    start = start_folder(raw, work)
    name = start.camera if "/" not in start.camera else str(Path(work, start.camera))
    given = load_config({"raw_dir": str(raw), "camera": name} | config)
    plan, products = make_night(raw, work, load_camera(name), given, corrections)
    return start, plan, products


def pulls(path, truth=TRUTH):
    """(value - truth) / sigma of the pixels that may be used, and the number of those that not."""
    with fits.open(path) as hdus:
        data, sigma, mask = (hdus[number].data for number in range(3))
    good = mask == 0
    return ((data - truth) / sigma)[good], int(mask.sum())


def assert_right(path, truth=TRUTH, masked=0.01, offset=0.15):
    """Pixels agree with the truth within their sigma; hardly any is masked.

    A night of this size tells the standard deviation of the pulls to 0.007; the masters' own
    errors are in all pixels of a frame, and lights share them.
    """
    found, lost = pulls(path, truth)
    assert lost <= masked * truth.size, lost
    assert abs(found.mean()) < offset, found.mean()
    assert abs(found.std() - 1) < 0.04, found.std()
