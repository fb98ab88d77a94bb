"""Raw CCD nights with known truth: the demo night, camera tests and Monte-Carlo noise tests.

Everything happens in electrons and ends in adu, in the order of the instrument:

    charge = Poisson(light * flat * t + dark rate * t) + cosmic rays, bled at the full well
    raw    = clip(round((charge + Normal(0, read noise)) / gain + bias level + structure + drift))

The same seed writes the same bytes for one version of numpy's random streams. Expected values are
rounded to a fixed grid before they reach the random generator, so that the last digit of a
machine's exp() cannot change a draw.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from ..errors import CcdlibError
from ..files import replacing, write_atomically

__all__ = [
    "DEMO",
    "Amplifier",
    "BadColumn",
    "CosmicRays",
    "DemoNight",
    "Detector",
    "Exposure",
    "Frame",
    "Scene",
    "bias_structure",
    "bleed",
    "dark_rate",
    "defect_maps",
    "demo_detector",
    "demo_frames",
    "demo_scene",
    "expose",
    "flat_field",
    "generator",
    "header",
    "light_rate",
    "sections",
    "simulate_demo",
    "write_raw",
]

ADC_MAX = 65535
MOFFAT_BETA = 4.0
FAINTEST_RATE = 1e-4
MJD_ZERO = datetime(1858, 11, 17)
IMAGETYP = {
    "bias": "Bias Frame",
    "dark": "Dark Frame",
    "flat": "Flat Field",
    "light": "Light Frame",
}
# Third words of the seeds of fixed patterns; not 0, because SeedSequence ignores trailing zeros
# and [seed, index] is the seed of a frame.
PIXEL_RESPONSE, BIAS_COLUMNS, DEFECTS, STARS, TEMPERATURE = range(1, 6)


@dataclass(frozen=True)
class Amplifier:
    """One read-out amplifier: image columns x0 <= x < x1, then its overscan columns.

    gain is in e/adu, read_noise in e (one standard deviation), bias_level in adu,
    overscan a number of columns.
    """

    x0: int
    x1: int
    gain: float = 1.0
    read_noise: float = 5.0
    bias_level: float = 1000.0
    overscan: int = 32


@dataclass(frozen=True)
class BadColumn:
    """Rows y0 <= y < y1 of column x: light is multiplied by response, rate [e/s] is added."""

    x: int
    y0: int
    y1: int
    response: float = 1.0
    rate: float = 0.0


@dataclass(frozen=True)
class CosmicRays:
    """Cosmic rays: straight tracks whose number follows the exposure time.

    rate is in events per pixel and second; track_length the mean of an exponential, in pixels
    (a track shorter than one pixel is a single hit); charge the median in e per pixel of track;
    spread the standard deviation of its natural logarithm.
    """

    rate: float = 0.0
    track_length: float = 3.0
    charge: float = 1500.0
    spread: float = 0.6


@dataclass(frozen=True)
class Detector:
    """A CCD and its read-out. Without defects unless they are given.

    Attributes
    ----------
    shape : (ny, nx) of the image area, without overscan.
    amplifiers : they cover the columns 0..nx from left to right.
    layout : ``"single"``, all amplifiers in one image, or ``"extensions"``, one image each.
    overscans : in a single image, ``"after"`` all data columns or ``"beside"`` each amplifier's.
    full_well : e; charge above it spills along the column.
    dark_current : e/s.
    hot_pixels : (y, x, e/s), added to the dark current.
    low_pixels : (y, x, response), multiplied into the flat.
    bad_columns : see `BadColumn`.
    bias_columns : adu, standard deviation of the level of the columns.
    bias_gradient : adu, from the first to the last corner of the image.
    bias_drift : adu, standard deviation of the level from frame to frame; overscan follows it.
    level_jitter : adu, the same, but the overscan does not follow.
    pickup : (kind of frame, adu): amplitude of a tone of two to five pixels that is picked up.
    vignetting : (filter, fraction of the light lost in the corners).
    dust : (y, x, radius, depth): rings of that radius in pixels that lose the fraction depth.
    pixel_response : standard deviation of the pixels' response, the same in each filter.
    trail : fraction of the last data column's charge that is left in the first overscan column.
    cosmic_rays : see `CosmicRays`.
    pattern_seed : seed of what stays the same from frame to frame.
    """

    shape: tuple[int, int]
    amplifiers: tuple[Amplifier, ...]
    layout: str = "single"
    overscans: str = "after"
    full_well: float = 110_000.0
    dark_current: float = 0.0
    hot_pixels: tuple[tuple[int, int, float], ...] = ()
    low_pixels: tuple[tuple[int, int, float], ...] = ()
    bad_columns: tuple[BadColumn, ...] = ()
    bias_columns: float = 0.0
    bias_gradient: float = 0.0
    bias_drift: float = 0.0
    level_jitter: float = 0.0
    pickup: tuple[tuple[str, float], ...] = ()
    vignetting: tuple[tuple[str, float], ...] = ()
    dust: tuple[tuple[float, float, float, float], ...] = ()
    pixel_response: float = 0.0
    trail: float = 0.0
    cosmic_rays: CosmicRays = field(default_factory=CosmicRays)
    pattern_seed: int = 0

    def __post_init__(self) -> None:
        edges = [0, *(amp.x1 for amp in self.amplifiers)]
        if [amp.x0 for amp in self.amplifiers] != edges[:-1] or edges[-1] != self.shape[1]:
            spans = ", ".join(f"{amp.x0}..{amp.x1}" for amp in self.amplifiers)
            raise CcdlibError(f"amplifiers {spans} do not cover the columns 0..{self.shape[1]}")
        if self.layout not in ("single", "extensions"):
            raise CcdlibError(f"layout is {self.layout!r}, not 'single' or 'extensions'")
        if self.overscans not in ("after", "beside"):
            raise CcdlibError(f"overscans is {self.overscans!r}, not 'after' or 'beside'")

    @property
    def saturation(self) -> float:
        """Lowest raw value [adu] that means saturated: the ADC's last, or the full well."""
        wells = (amp.bias_level + self.full_well / amp.gain for amp in self.amplifiers)
        return min(ADC_MAX, *wells)


@dataclass(frozen=True, eq=False)
class Scene:
    """The light that falls on the detector.

    sky is in e/s per pixel; stars an array of shape (n, 3): x, y [pixel, 0-based], flux [e/s];
    fwhm [pixel] of their Moffat profile, sampled at the centres of the pixels.
    """

    sky: float
    stars: np.ndarray = field(default_factory=lambda: np.empty((0, 3)))
    fwhm: float = 3.2

    def shifted(self, dx: float, dy: float) -> "Scene":
        """Return the scene with its stars moved by (dx, dy) pixels."""
        return Scene(self.sky, self.stars + np.array([dx, dy, 0.0]), self.fwhm)


@dataclass(frozen=True, eq=False)
class Exposure:
    """One raw frame and its truth.

    Attributes
    ----------
    images : raw images (uint16, adu) with overscan, one for each image HDU.
    truth : (ny, nx) float32, e: expected light without flat, dark, bias, noise and saturation,
        which is what a calibrated frame estimates.
    cosmic_ray : (ny, nx) bool, pixels where a cosmic ray left charge.
    saturated : (ny, nx) bool, at the full well or at the ADC's last value.
    bleed : (ny, nx) bool, pixels that received charge spilled from others; the end of a trail is
        one of them and not saturated.
    """

    images: tuple[np.ndarray, ...]
    truth: np.ndarray
    cosmic_ray: np.ndarray
    saturated: np.ndarray
    bleed: np.ndarray

    @property
    def raw(self) -> np.ndarray:
        """The raw image of a detector whose layout is single."""
        if len(self.images) != 1:
            raise CcdlibError(f"the exposure has {len(self.images)} raw images, not 1")
        return self.images[0]


def generator(*seed: int) -> np.random.Generator:
    """Return the random generator (PCG64) of a seed of one or several integers."""
    return np.random.Generator(np.random.PCG64(list(seed)))


def _fixed(values, bits):
    """Round to multiples of 2**-bits."""
    return np.rint(np.asarray(values) * 2.0**bits) / 2.0**bits


def _frozen(array):
    array.flags.writeable = False
    return array


def _response_of_defects(detector):
    response = np.ones(detector.shape)
    for y, x, value in detector.low_pixels:
        response[y, x] *= value
    for column in detector.bad_columns:
        response[column.y0 : column.y1, column.x] *= column.response
    return response


@lru_cache(maxsize=16)
def flat_field(detector: Detector, filter: str | None = None) -> np.ndarray:
    """Return the response (ny, nx) to light; the median of pixels without defect is 1.

    Without a filter there is no vignetting.
    """
    loss = dict(detector.vignetting)
    if filter is not None and filter not in loss:
        raise CcdlibError(f"no vignetting for filter {filter!r}, only for {', '.join(loss)}")
    ny, nx = detector.shape
    y, x = np.ogrid[:ny, :nx]
    corner = ((ny - 1) ** 2 + (nx - 1) ** 2) / 4
    radius2 = ((y - (ny - 1) / 2) ** 2 + (x - (nx - 1) / 2) ** 2) / corner
    flat = 1 - (0.0 if filter is None else loss[filter]) * radius2
    for y0, x0, radius, depth in detector.dust:
        distance = np.hypot(y - y0, x - x0)
        flat *= 1 - depth * np.exp(-(((distance - radius) / (radius / 3)) ** 2))
    rng = generator(detector.pattern_seed, 0, PIXEL_RESPONSE)
    flat *= rng.normal(1, detector.pixel_response, detector.shape)
    defects = _response_of_defects(detector)
    return _frozen(_fixed(flat / np.median(flat[defects == 1]) * defects, 20))


@lru_cache(maxsize=16)
def dark_rate(detector: Detector) -> np.ndarray:
    """Return the dark current (ny, nx) in e/s, hot pixels and columns included."""
    rate = np.full(detector.shape, float(detector.dark_current))
    for y, x, extra in detector.hot_pixels:
        rate[y, x] += extra
    for column in detector.bad_columns:
        rate[column.y0 : column.y1, column.x] += column.rate
    return _frozen(rate)


@lru_cache(maxsize=16)
def bias_structure(detector: Detector) -> np.ndarray:
    """Return the bias of the image (ny, nx) above the level of the overscan, adu."""
    ny, nx = detector.shape
    y, x = np.ogrid[:ny, :nx]
    gradient = detector.bias_gradient * (y / ny + x / nx) / 2
    rng = generator(detector.pattern_seed, 0, BIAS_COLUMNS)
    return _frozen(_fixed(gradient + rng.normal(0, detector.bias_columns, nx), 10))


def defect_maps(detector: Detector) -> tuple[np.ndarray, np.ndarray]:
    """Return the boolean maps (hot, low): pixels with extra dark current, with low response."""
    return dark_rate(detector) > detector.dark_current, _response_of_defects(detector) < 1


def light_rate(scene: Scene, shape: tuple[int, int]) -> np.ndarray:
    """Return the light (ny, nx) of a scene in e/s.

    A star is a Moffat profile I(r) = I0 (1 + r^2/a^2)^-b, I0 = flux (b - 1) / (pi a^2), cut where
    it falls below `FAINTEST_RATE`.
    """
    ny, nx = shape
    rate = np.full(shape, float(scene.sky))
    alpha2 = (scene.fwhm / 2) ** 2 / (2 ** (1 / MOFFAT_BETA) - 1)
    for x, y, flux in scene.stars:
        peak = flux * (MOFFAT_BETA - 1) / (np.pi * alpha2)
        edge2 = alpha2 * ((max(peak, FAINTEST_RATE) / FAINTEST_RATE) ** (1 / MOFFAT_BETA) - 1)
        edge = int(np.ceil(np.sqrt(edge2)))
        rows = slice(max(round(y) - edge, 0), min(round(y) + edge + 1, ny))
        columns = slice(max(round(x) - edge, 0), min(round(x) + edge + 1, nx))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            continue
        r2 = (np.arange(rows.start, rows.stop)[:, None] - y) ** 2
        r2 = r2 + (np.arange(columns.start, columns.stop) - x) ** 2
        rate[rows, columns] += peak * (1 + r2 / alpha2) ** -MOFFAT_BETA
    return rate


def _track(rng, cosmic_rays, shape):
    """Return the rows, columns and charge per sample [e] of one cosmic ray, two samples a pixel."""
    start = rng.uniform(-0.5, np.array(shape) - 0.5)
    angle = rng.uniform(0, 2 * np.pi)
    length = rng.exponential(cosmic_rays.track_length)
    charge = cosmic_rays.charge * np.exp(rng.normal(0, cosmic_rays.spread))
    if length < 1:
        points, charge = start[:, None], np.rint(charge)
    else:
        samples = np.arange(int(np.ceil(2 * length))) / 2
        points = start[:, None] + np.outer([np.sin(angle), np.cos(angle)], samples)
        charge = np.rint(charge / 2)
    rows, columns = np.rint(points).astype(int)
    inside = (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])
    return rows[inside], columns[inside], charge


def _cosmic_ray_charge(rng, cosmic_rays, shape, exptime):
    charge = np.zeros(shape, np.int64)
    number = rng.poisson(cosmic_rays.rate * shape[0] * shape[1] * exptime)
    for _ in range(number):
        rows, columns, electrons = _track(rng, cosmic_rays, shape)
        np.add.at(charge, (rows, columns), max(int(electrons), 1))
    return charge


def _sweep(charge, spilled, full_well, order, carry):
    """Move spilled charge along the rows in this order into pixels with room.

    Fills `charge` and returns the charge left over behind the last row, for each column.
    """
    for y in order:
        carry = carry + spilled[y]
        room = np.minimum(full_well - charge[y], carry)
        charge[y] += room
        carry = carry - room
    return carry


def bleed(charge: np.ndarray, full_well: float) -> np.ndarray:
    """Return charge with no pixel above the full well, the excess spilled along its column.

    Half of each pixel's excess goes up and half goes down, to the next pixels with room. Charge
    that reaches an end of the column turns round; it is lost only if the whole column is full.

    Parameters
    ----------
    charge : (ny, nx) integer array, e. Not changed.
    full_well : e.
    """
    full_well = int(full_well)
    columns = np.flatnonzero((charge > full_well).any(axis=0))
    filled = np.minimum(charge, full_well)
    excess = charge[:, columns] - filled[:, columns]
    block = filled[:, columns]
    nothing = np.zeros_like(excess)
    upward, downward = np.arange(len(charge)), np.arange(len(charge))[::-1]
    over = _sweep(block, excess // 2, full_well, upward, nothing[0])
    over = _sweep(block, excess - excess // 2, full_well, downward, over)
    _sweep(block, nothing, full_well, upward, over)
    filled[:, columns] = block
    return filled


def _places(detector):
    """Return for each amplifier (image number, first data column, first overscan column)."""
    if detector.layout == "extensions":
        return [(n, 0, amp.x1 - amp.x0) for n, amp in enumerate(detector.amplifiers)]
    places, overscans = [], 0
    for amp in detector.amplifiers:
        if detector.overscans == "beside":
            places.append((0, amp.x0 + overscans, amp.x1 + overscans))
        else:
            places.append((0, amp.x0, detector.shape[1] + overscans))
        overscans += amp.overscan
    return places


def _tone(amplitude, shape, rng):
    """Return a tone that is picked up while pixels are read one after the other, adu."""
    # between two rows the clock goes on for as long as some pixels take
    time = np.arange(shape[0])[:, None] * (shape[1] + 17.3) + np.arange(shape[1])
    return amplitude * np.sin(2 * np.pi * (rng.uniform(0.2, 0.45) * time + rng.uniform()))


def _read_amplifier(detector, amp, charge, level, rng, pickup):
    """Return (data, overscan) of one amplifier in adu, uint16."""
    data = charge[:, amp.x0 : amp.x1]
    overscan = np.zeros((len(data), amp.overscan))
    # The data columns lose nothing: each passes on as much as it gets.
    overscan[:, :1] = np.rint(detector.trail * data[:, -1:])
    electrons = np.hstack([data, overscan])
    adu = (electrons + rng.normal(0, amp.read_noise, electrons.shape)) / amp.gain + level
    width = amp.x1 - amp.x0
    adu[:, :width] += bias_structure(detector)[:, amp.x0 : amp.x1]
    # drawn only if it is there, so that other detectors' frames stay the same
    if detector.level_jitter:
        adu[:, :width] += rng.normal(0, detector.level_jitter)
    if pickup:
        adu += _tone(pickup, adu.shape, rng)
    adu = np.clip(np.rint(adu), 0, ADC_MAX).astype(np.uint16)
    return adu[:, :width], adu[:, width:]


def _read_out(detector, charge, rng, kind):
    """Return the raw images and the pixels (ny, nx) at the last value of the ADC."""
    pickup = dict(detector.pickup).get(kind, 0.0)
    drift = rng.normal(0, detector.bias_drift)
    places = _places(detector)
    amps = detector.amplifiers
    widths = [0] * (1 + places[-1][0])
    for amp, (image, _, _) in zip(amps, places, strict=True):
        widths[image] += amp.x1 - amp.x0 + amp.overscan
    images = tuple(np.zeros((detector.shape[0], width), np.uint16) for width in widths)
    clipped = np.zeros(detector.shape, bool)
    for amp, (image, first, bias) in zip(amps, places, strict=True):
        data, overscan = _read_amplifier(detector, amp, charge, amp.bias_level + drift, rng, pickup)
        images[image][:, first : first + data.shape[1]] = data
        images[image][:, bias : bias + amp.overscan] = overscan
        clipped[:, amp.x0 : amp.x1] = data == ADC_MAX
    return images, clipped


def expose(
    detector: Detector,
    rng: np.random.Generator,
    kind: str,
    exptime: float,
    *,
    filter: str | None = None,
    scene: Scene | None = None,
) -> Exposure:
    """Take one raw frame.

    Parameters
    ----------
    detector : `Detector`
    rng : `numpy.random.Generator`, see `generator`.
    kind : ``"bias"``, ``"dark"``, ``"flat"`` or ``"light"``.
    exptime : s; 0 for a bias.
    filter : its name, for the vignetting.
    scene : `Scene` for a flat (sky only: the lamp) or a light; bias and dark have none.

    Returns
    -------
    `Exposure`

    Raises
    ------
    CcdlibError : unknown kind, exposure time or scene that the kind cannot have.
    """
    if kind not in IMAGETYP:
        raise CcdlibError(f"kind is {kind!r}, not one of {', '.join(IMAGETYP)}")
    if exptime != 0 if kind == "bias" else exptime <= 0:
        raise CcdlibError(f"a {kind} cannot have an exposure time of {exptime} s")
    if (scene is None) != (kind in ("bias", "dark")):
        raise CcdlibError(f"a {kind} {'needs a' if scene is None else 'has no'} scene")
    shape = detector.shape
    truth = np.zeros(shape) if scene is None else _fixed(light_rate(scene, shape) * exptime, 10)
    light = truth if scene is None else truth * flat_field(detector, filter)
    charge = rng.poisson(_fixed(light + dark_rate(detector) * exptime, 10))
    hits = _cosmic_ray_charge(rng, detector.cosmic_rays, shape, exptime)
    collected = charge + hits
    filled = bleed(collected, detector.full_well)
    images, clipped = _read_out(detector, filled, rng, kind)
    return Exposure(
        images=images,
        truth=truth.astype(np.float32),
        cosmic_ray=hits > 0,
        saturated=clipped | (filled >= int(detector.full_well)),
        bleed=filled > collected,
    )


def _section(x0, x1, ny):
    return f"[{x0 + 1}:{x1},1:{ny}]"


def sections(detector: Detector) -> list[dict[str, Any]]:
    """Return for each amplifier a dict of its image number and FITS sections.

    Keys: ``image`` (0-based), ``DATASEC``, ``BIASSEC`` (None without overscan), ``DETSEC``.
    """
    ny = detector.shape[0]
    return [
        {
            "image": image,
            "DATASEC": _section(first, first + amp.x1 - amp.x0, ny),
            "BIASSEC": _section(bias, bias + amp.overscan, ny) if amp.overscan else None,
            "DETSEC": _section(amp.x0, amp.x1, ny),
        }
        for amp, (image, first, bias) in zip(detector.amplifiers, _places(detector), strict=True)
    ]


def _amplifier_cards(detector, number, suffix=""):
    amp, where = detector.amplifiers[number], sections(detector)[number]
    cards = [
        (f"GAIN{suffix}", amp.gain, "[electron/adu]"),
        (f"RDNOISE{suffix}", amp.read_noise, "[electron] read noise"),
        (f"DATASEC{suffix}", where["DATASEC"], "exposed pixels"),
        (f"TRIMSEC{suffix}", where["DATASEC"], "pixels to keep"),
    ]
    if where["BIASSEC"]:
        cards.append((f"BIASSEC{suffix}", where["BIASSEC"], "overscan"))
    if suffix or detector.layout == "extensions":
        cards.append((f"DETSEC{suffix}", where["DETSEC"], "place on the detector"))
    return cards


def _sexagesimal(value, sign=""):
    """Return value as [sign]DD:MM:SS.ss."""
    hundredths = round(abs(value) * 360_000)
    minutes, rest = divmod(hundredths, 6000)
    prefix = "-" if value < 0 else sign
    return f"{prefix}{minutes // 60:02d}:{minutes % 60:02d}:{rest // 100:02d}.{rest % 100:02d}"


def _pointing_cards(pointing, pixel_scale, reference):
    ra, dec = pointing
    step = pixel_scale / 3600
    return [
        ("RA", _sexagesimal(ra / 15), "right ascension"),
        ("DEC", _sexagesimal(dec, "+"), "declination"),
        ("RADESYS", "ICRS"),
        ("CTYPE1", "RA---TAN"),
        ("CTYPE2", "DEC--TAN"),
        ("CUNIT1", "deg"),
        ("CUNIT2", "deg"),
        ("CRVAL1", float(ra)),
        ("CRVAL2", float(dec)),
        ("CRPIX1", float(reference[0])),
        ("CRPIX2", float(reference[1])),
        ("CD1_1", -step),
        ("CD1_2", 0.0),
        ("CD2_1", 0.0),
        ("CD2_2", step),
    ]


def header(
    detector: Detector,
    kind: str,
    exptime: float,
    date_obs: datetime,
    *,
    filter: str | None = None,
    object: str | None = None,
    ccd_temp: float = -20.0,
    set_temp: float = -20.0,
    instrument: str = "demo",
    pointing: tuple[float, float] | None = None,
    pixel_scale: float = 0.6,
    reference: tuple[float, float] | None = None,
) -> fits.Header:
    """Return the FITS header of a raw frame; amplifiers in one image number their cards 1..n.

    Parameters
    ----------
    detector, kind, exptime, filter : as in `expose`; a bias or dark has no FILTER card.
    date_obs : `datetime.datetime`, UT of the start.
    object : name of the target.
    ccd_temp, set_temp : deg C.
    pointing : (right ascension, declination) in degrees; without it there is no WCS.
    pixel_scale : arcsec per pixel.
    reference : (x, y), the 1-based image pixel at the pointing; by default the centre.
    """
    cards = [
        ("INSTRUME", instrument),
        ("IMAGETYP", IMAGETYP[kind]),
        ("OBJECT", object or kind),
        ("EXPTIME", float(exptime), "[s] exposure time"),
        ("DATE-OBS", date_obs.isoformat(timespec="milliseconds"), "UT of the start"),
        ("MJD-OBS", round((date_obs - MJD_ZERO) / timedelta(days=1), 8), "[d] MJD of the start"),
        ("TIMESYS", "UTC"),
        ("CCD-TEMP", float(ccd_temp), "[degC]"),
        ("SET-TEMP", float(set_temp), "[degC]"),
        ("XBINNING", 1),
        ("YBINNING", 1),
        ("SATURATE", detector.saturation, "[adu] saturated from here"),
    ]
    if filter is not None and kind not in ("bias", "dark"):
        cards.append(("FILTER", filter))
    if detector.layout == "single":
        several = len(detector.amplifiers) > 1
        for number in range(len(detector.amplifiers)):
            cards += _amplifier_cards(detector, number, str(number + 1) if several else "")
    if pointing is not None:
        ny, nx = detector.shape
        cards += _pointing_cards(pointing, pixel_scale, reference or ((nx + 1) / 2, (ny + 1) / 2))
    return fits.Header([fits.Card(*card) for card in cards])


def _write(path, hdus):
    with replacing(path) as temporary:
        fits.HDUList(hdus).writeto(temporary, overwrite=True)


def write_raw(path: str | Path, detector: Detector, exposure: Exposure, head: fits.Header) -> None:
    """Write an exposure as one image, or as extensions AMP1..n under a primary without data."""
    if detector.layout == "single":
        _write(path, [fits.PrimaryHDU(exposure.raw, head)])
        return
    hdus = [fits.PrimaryHDU(header=head)]
    for number, image in enumerate(exposure.images):
        cards = fits.Header([fits.Card(*card) for card in _amplifier_cards(detector, number)])
        hdus.append(fits.ImageHDU(image, cards, name=f"AMP{number + 1}"))
    _write(path, hdus)


def _write_truth(path, exposure):
    head = fits.Header([("BUNIT", "electron")])
    hdus = [fits.PrimaryHDU(exposure.truth, head)]
    for name in ("cosmic_ray", "saturated", "bleed"):
        hdus.append(fits.ImageHDU(getattr(exposure, name).astype(np.uint8), name=name.upper()))
    _write(path, hdus)


def _write_detector(truth_dir, detector):
    hot, low = defect_maps(detector)
    hdus = [
        fits.PrimaryHDU(),
        fits.ImageHDU(hot.astype(np.uint8), name="HOT"),
        fits.ImageHDU(low.astype(np.uint8), name="LOW"),
        fits.ImageHDU(bias_structure(detector).astype(np.float32), name="BIAS"),
        fits.ImageHDU(dark_rate(detector).astype(np.float32), name="DARK"),
    ]
    for filter, _ in detector.vignetting:
        flat = flat_field(detector, filter).astype(np.float32)
        hdus.append(fits.ImageHDU(flat, name=f"FLAT_{filter}"))
    _write(Path(truth_dir) / "detector.fits", hdus)
    amp = detector.amplifiers[0]
    numbers = {
        "gain": amp.gain,
        "read_noise": amp.read_noise,
        "bias_level": amp.bias_level,
        "dark_current": detector.dark_current,
        "full_well": detector.full_well,
        "saturation": detector.saturation,
    }
    text = json.dumps(numbers, indent=1) + "\n"
    write_atomically(Path(truth_dir) / "detector.json", text.encode())


@dataclass(frozen=True)
class DemoNight:
    """The numbers of the demo night.

    Attributes
    ----------
    shape : (ny, nx); overscan : columns.
    gain : e/adu; read_noise : e; bias_level : adu; full_well : e.
    bias_columns, bias_gradient, bias_drift : adu, see `Detector`.
    dark_current : e/s; hot_pixels, low_pixels : numbers of them.
    hot_rates : e/s, lowest and highest of the hot pixels, evenly in their logarithm.
    low_responses : lowest and highest response of the low pixels.
    low_column, hot_column : place as a fraction of nx; low_response, hot_rate [e/s] : theirs.
    hot_from : the hot column is hot from this fraction of ny upwards.
    vignetting : (filter, loss in the corners); dust : (y, x, radius, depth), places and radius as
        fractions of nx and ny; pixel_response, trail : see `Detector`.
    cosmic_rays : see `CosmicRays`.
    sky : (filter, e/s per pixel); fwhm : pixel; stars : number.
    fluxes : e/s in the first filter, faintest and brightest; slope a of N(>f) ~ f^-a.
    colour : (filter, median of the stars' flux relative to the first filter); colour_spread :
        relative standard deviation of its logarithm.
    bright_star : (x, y as fractions of nx and ny, flux in e/s) of the saturated star.
    biases : number; darks : number and exposure time in s.
    flats : (level in adu above the bias, exposure time in s), the same for each filter.
    lights : (filter, number, exposure time in s); dithers : (dx, dy) in pixels.
    calibrations_from, lights_from : UT of the first of them; readout : s between two frames.
    temperature : deg C, set; temperature_spread : deg C.
    object, pointing [deg], pixel_scale [arcsec], longitude and latitude of the site [deg].
    """

    shape: tuple = (512, 512)
    overscan: int = 32
    gain: float = 1.6
    read_noise: float = 6.0
    bias_level: float = 1000.0
    full_well: float = 110_000.0
    bias_columns: float = 1.5
    bias_gradient: float = 4.0
    bias_drift: float = 2.0
    dark_current: float = 0.05
    hot_pixels: int = 60
    hot_rates: tuple = (1.0, 80.0)
    low_pixels: int = 10
    low_responses: tuple = (0.05, 0.4)
    low_column: float = 0.75
    low_response: float = 0.03
    hot_column: float = 0.2
    hot_rate: float = 15.0
    hot_from: float = 0.55
    vignetting: tuple = (("V", 0.16), ("R", 0.12))
    dust: tuple = ((0.3, 0.6, 0.03, 0.05), (0.7, 0.15, 0.04, 0.03))
    pixel_response: float = 0.01
    trail: float = 0.001
    cosmic_rays: CosmicRays = field(default_factory=lambda: CosmicRays(rate=1.3e-6))
    sky: tuple = (("V", 4.0), ("R", 7.0))
    fwhm: float = 3.2
    stars: int = 150
    fluxes: tuple = (20.0, 5000.0)
    slope: float = 0.8
    colour: tuple = (("V", 1.0), ("R", 1.3))
    colour_spread: float = 0.2
    bright_star: tuple = (0.37, 0.62, 300_000.0)
    biases: int = 7
    darks: tuple = (5, 120.0)
    flats: tuple = ((15_000, 4.0), (19_000, 5.0), (24_000, 6.0), (27_000, 6.5), (30_000, 7.0))
    lights: tuple = (("V", 4, 120.0), ("R", 4, 60.0))
    dithers: tuple = ((0.0, 0.0), (4.3, -2.8), (-3.6, 5.1), (1.9, 6.4))
    calibrations_from: datetime = datetime(2024, 5, 13, 20, 5, 0)
    lights_from: datetime = datetime(2024, 5, 13, 23, 54, 30)
    readout: float = 21.0
    temperature: float = -20.0
    temperature_spread: float = 0.05
    object: str = "M13"
    pointing: tuple = (250.4235, 36.4613)
    pixel_scale: float = 0.6
    longitude: float = -17.88
    latitude: float = 28.76


DEMO = DemoNight()


@dataclass(frozen=True)
class Frame:
    """One frame of a night: what is taken, when [UT], through which filter, with which offset.

    lamp is the light of a flat in e/s per pixel, dither the (dx, dy) of the stars in pixels.
    """

    name: str
    kind: str
    exptime: float
    date_obs: datetime
    filter: str | None = None
    lamp: float = 0.0
    dither: tuple[float, float] = (0.0, 0.0)


def _between(rng, limits, number):
    """Return numbers even in their logarithm, to three decimals."""
    return np.round(np.exp(rng.uniform(*np.log(limits), number)), 3)


def demo_detector(seed: int, night: DemoNight = DEMO) -> Detector:
    """Return the `Detector` of the demo night; its defects follow from the seed."""
    ny, nx = night.shape
    rng = generator(seed, 0, DEFECTS)
    number = night.hot_pixels + night.low_pixels
    rows, columns = np.divmod(rng.choice(ny * nx, number, replace=False), nx)
    values = [
        *_between(rng, night.hot_rates, night.hot_pixels),
        *_between(rng, night.low_responses, night.low_pixels),
    ]
    defects = tuple(zip(rows.tolist(), columns.tolist(), map(float, values), strict=True))
    low, hot = int(night.low_column * nx), int(night.hot_column * nx)
    return Detector(
        shape=night.shape,
        amplifiers=(
            Amplifier(0, nx, night.gain, night.read_noise, night.bias_level, night.overscan),
        ),
        full_well=night.full_well,
        dark_current=night.dark_current,
        hot_pixels=defects[: night.hot_pixels],
        low_pixels=defects[night.hot_pixels :],
        bad_columns=(
            BadColumn(low, 0, ny, response=night.low_response),
            BadColumn(hot, int(night.hot_from * ny), ny, rate=night.hot_rate),
        ),
        bias_columns=night.bias_columns,
        bias_gradient=night.bias_gradient,
        bias_drift=night.bias_drift,
        vignetting=night.vignetting,
        dust=tuple((y * ny, x * nx, radius * nx, depth) for y, x, radius, depth in night.dust),
        pixel_response=night.pixel_response,
        trail=night.trail,
        cosmic_rays=night.cosmic_rays,
        pattern_seed=seed,
    )


def demo_scene(seed: int, filter: str, night: DemoNight = DEMO) -> Scene:
    """Return the undithered `Scene` of the demo night in a filter."""
    ny, nx = night.shape
    rng = generator(seed, 0, STARS)
    x = rng.uniform(0, nx - 1, night.stars)
    y = rng.uniform(0, ny - 1, night.stars)
    faint, bright = np.array(night.fluxes) ** -night.slope
    flux = (faint + rng.uniform(0, 1, night.stars) * (bright - faint)) ** (-1 / night.slope)
    reddening = np.log(dict(night.colour)[filter])
    # Every filter draws the same colours, so that a star red in one filter is red in another.
    colour = np.exp(reddening * (1 + rng.normal(0, night.colour_spread, night.stars)))
    fx, fy, saturating = night.bright_star
    stars = np.column_stack([x, y, flux * colour])
    stars = np.vstack([stars, [fx * nx, fy * ny, saturating]])
    return Scene(dict(night.sky)[filter], stars, night.fwhm)


def demo_frames(night: DemoNight = DEMO) -> tuple[Frame, ...]:
    """Return the frames of the demo night in the order they are taken."""
    number, exptime = night.darks
    plan = [(f"bias_{i + 1:03d}", "bias", 0.0, None, 0.0, (0.0, 0.0)) for i in range(night.biases)]
    for i in range(number):
        plan.append((f"dark_{exptime:g}s_{i + 1:03d}", "dark", exptime, None, 0.0, (0.0, 0.0)))
    for filter, _ in night.vignetting:
        for i, (level, seconds) in enumerate(night.flats):
            lamp = level * night.gain / seconds
            plan.append((f"flat_{filter}_{i + 1:03d}", "flat", seconds, filter, lamp, (0.0, 0.0)))
    calibrations = len(plan)
    for filter, number, seconds in night.lights:
        for i in range(number):
            dither = night.dithers[i % len(night.dithers)]
            name = f"{night.object}_{filter}_{i + 1:03d}"
            plan.append((name, "light", seconds, filter, 0.0, dither))
    frames, clock = [], night.calibrations_from
    for index, (name, kind, seconds, filter, lamp, dither) in enumerate(plan):
        if index == calibrations:
            clock = night.lights_from
        frames.append(Frame(name, kind, seconds, clock, filter, lamp, dither))
        clock += timedelta(seconds=seconds + night.readout)
    return tuple(frames)


def _demo_exposure(detector, frame, seed, index, night):
    scene = Scene(frame.lamp) if frame.kind == "flat" else None
    if frame.kind == "light":
        scene = demo_scene(seed, frame.filter, night).shifted(*frame.dither)
    rng = generator(seed, index)
    return expose(detector, rng, frame.kind, frame.exptime, filter=frame.filter, scene=scene)


def _demo_header(detector, frame, seed, index, night):
    light = frame.kind == "light"
    ny, nx = detector.shape
    dx, dy = frame.dither
    warmer = generator(seed, index, TEMPERATURE).normal(0, night.temperature_spread)
    head = header(
        detector,
        frame.kind,
        frame.exptime,
        frame.date_obs,
        filter=frame.filter,
        object=night.object if light else frame.kind,
        ccd_temp=round(night.temperature + warmer, 2),
        set_temp=night.temperature,
        pointing=night.pointing if light else None,
        pixel_scale=night.pixel_scale,
        reference=((nx + 1) / 2 + dx, (ny + 1) / 2 + dy),
    )
    head["SITELONG"] = (night.longitude, "[deg] east")
    head["SITELAT"] = (night.latitude, "[deg]")
    return head


def simulate_demo(
    raw_dir: str | Path,
    truth_dir: str | Path | None,
    *,
    seed: int = 20240513,
    night: DemoNight = DEMO,
) -> list[Path]:
    """Write the demo night: raw frames, and what a perfect reduction of them would give.

    ``raw_dir/FRAME.fits`` is the raw frame. ``truth_dir/FRAME.fits`` has the expected light in
    electrons, then COSMIC_RAY, SATURATED and BLEED (uint8). ``truth_dir/detector.fits`` has HOT
    and LOW (uint8), BIAS [adu above the overscan], DARK [e/s], FLAT_<filter>;
    ``truth_dir/detector.json`` the detector's numbers. See `Exposure` for their meaning.

    Parameters
    ----------
    raw_dir, truth_dir : folders, made when missing; without a truth_dir no truth is written.
    seed : a frame's own seed is [seed, its number], so it does not depend on the other frames.
    night : `DemoNight`, for instance ``dataclasses.replace(DEMO, shape=(64, 64))``.

    Returns
    -------
    list of `pathlib.Path` of the raw frames, in the order they were taken.
    """
    detector = demo_detector(seed, night)
    paths = []
    for index, frame in enumerate(demo_frames(night)):
        exposure = _demo_exposure(detector, frame, seed, index, night)
        path = Path(raw_dir) / f"{frame.name}.fits"
        write_raw(path, detector, exposure, _demo_header(detector, frame, seed, index, night))
        if truth_dir is not None:
            _write_truth(Path(truth_dir) / path.name, exposure)
        paths.append(path)
    if truth_dir is not None:
        _write_detector(truth_dir, detector)
    return paths
