"""Cameras that several test modules simulate, and what is asked of what is made of their frames."""

import numpy as np
from layouts import headers

from ccdlib.simulate.layout import Layout, Readout

ROWS = 96
TWO_BESIDE = Layout(
    shape=(ROWS, 128),
    readouts=(
        Readout("[1:48,1:96]", "[1:48,1:96]", "[49:64,1:96]", gain=1.3, level=900.0),
        Readout("[65:112,1:96]", "[49:96,1:96]", "[113:128,1:96]", gain=1.9, read_noise=8.0),
    ),
    drift=25.0,
)

# Palomar LFC: 2080 x 4128, overscan from column 2056
LFC = Layout(
    shape=(4128, 2080),
    readouts=(
        Readout(
            "[1:2048,1:4128]", "[1:2048,1:4128]", "[2049:2080,1:4128]", gain=2.0, read_noise=11.0,
            level=650.0,
        ),
    ),
    drift=12.0,
    trail=0.05,
)  # fmt: skip

NINA = Layout(
    shape=(128, 160),
    readouts=(Readout("[1:160,1:128]", "[1:160,1:128]", gain=1.0, read_noise=3.0, level=500.0),),
)
NINA_CARDS = {
    "SWCREATE": "N.I.N.A. 3.2.0.9001 (x64)", "INSTRUME": "ZWO ASI294MM Pro", "XBINNING": 1,
    "YBINNING": 1, "GAIN": 120, "OFFSET": 30, "EGAIN": 1.0, "SET-TEMP": -10.0, "CCD-TEMP": -10.0,
    "SITELONG": 8.65, "READOUTM": "Default", "USBLIMIT": 40, "ROWORDER": "TOP-DOWN",
}  # fmt: skip


def lfc_cards(kind, number):
    return {
        "INSTRUME": "LFC", "DETECTOR": "SITe SI002 x 6", "CHIPID": 0, "OBJECT": "SA 95",
        "IMAGETYP": {"light": "OBJECT", "bias": "BIAS", "flat": "FLATFIELD"}[kind],
        "EXPTIME": 300.0, "DARKTIME": 300.7, "DATE-OBS": "2016-01-16", "UT": "04:17:28.00",
        "FILTER": "g'", "GAIN": 1.1, "CCDBIN1": 1, "CCDBIN2": 1, "LATITUDE": 33.4,
        "LONGITUD": -116.9, "DATASEC": "[1:2048,1:4128]", "CCDSEC": "[1:2048,1:4128]",
        "BIASSEC": "[2049:2080,1:4127]",
    }  # fmt: skip


def cards(common, by_kind):
    """A function of (kind, number) for `take`: dates that go on, and the camera's own cards."""

    def of(kind, number):
        plain = headers(kind, number)
        kept = {name: plain[name] for name in ("DATE-OBS", "EXPTIME", "FILTER") if name in plain}
        return kept | common | by_kind[kind]

    return of


def assert_true(reduced, shared=0.0):
    """Pulls of mean 0 and standard deviation 1, within 4 of their own standard errors.

    `shared` is the part of the variance that many pixels have in common.
    """
    pulls = reduced.pulls()
    assert abs(pulls.mean()) < 4 * np.sqrt(1 / pulls.size + shared)
    assert abs(pulls.std() - 1) < 4 * np.sqrt(1 / (2 * pulls.size) + shared)
    # the skewness of 900 electrons doubles the tail of a normal distribution at 5 sigma
    assert (np.abs(pulls) > 5).sum() <= 3 + 4 * 5.7e-7 * pulls.size


def level_share(layout, columns, degree=3):
    """Variance of an overscan level fitted along the rows over that of a pixel of the sky."""
    noise = max((each.read_noise / each.gain) ** 2 for each in layout.readouts)
    gain = min(each.gain for each in layout.readouts)
    return (degree + 1) * noise / (columns * ROWS * len(layout.readouts)) / (900 / gain**2)
