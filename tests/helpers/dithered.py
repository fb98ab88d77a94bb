"""Lights of one field as a stack takes them, with what they would be without noise."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

from ccdlib.frame.image import Image
from ccdlib.registration.transforms import Transform
from ccdlib.stack.combine import Member, Stack, combine_lights
from ccdlib.stack.grid import Grid
from ccdlib.stack.lights import Light
from ccdlib.stack.shared_noise import SharedNoise

SHAPE = (160, 160)
SKY, READ_NOISE = 200.0, 5.0
# the pixels of the reference
PLAIN = Grid(SHAPE, Transform.identity())
SETTINGS = {"resampling": "cubic", "method": "mean", "clip": 5.0}


@dataclass
class Exposure:
    """One light: what it shows, its pixels, their variance, where it points."""

    truth: np.ndarray
    data: np.ndarray
    variance: np.ndarray
    transform: Transform
    noise: SharedNoise
    flags: np.ndarray


def turned(angle, shift=(0.0, 0.0), middle=80.0):
    """A rotation about the middle of the field, then a shift."""
    cos, sin = np.cos(angle), np.sin(angle)
    offset = (middle - cos * middle + sin * middle, middle - sin * middle - cos * middle)
    return Transform.linear([[cos, -sin], [sin, cos]], (offset[0] + shift[0], offset[1] + shift[1]))


def exposures(
    number, dither, seed, *, angle=0.0, bias=1.0, flat=0.01, stars=30, width=2.5, field=None
):
    """Lights that share the errors of a bias and of a flat.

    Parameters
    ----------
    number : int
    dither : float
        Largest shift in pixels.
    seed : int
    angle : float
        Largest rotation, radians.
    bias, flat : float
        Sigma of the master bias, electrons, and relative sigma of the flat.
    stars : int
    width : float
        FWHM of the stars.
    field : (ndarray, ndarray) or None
        Places and fluxes of the stars, by chance where there is none.
    """
    rng = np.random.default_rng(seed)
    places = rng.uniform(-10, SHAPE[0] + 10, (stars, 2))
    fluxes = 10 ** rng.uniform(2.5, 4.5, stars)
    if field is not None:
        places, fluxes = field
    of_bias, of_flat = rng.normal(0, bias, SHAPE), rng.normal(0, flat, SHAPE)
    noise = SharedNoise(np.full(SHAPE, bias**2, np.float32), np.full(SHAPE, flat**2, np.float32))
    found = []
    for _ in range(number):
        shift = rng.uniform(-dither, dither, 2)
        transform = turned(angle * rng.uniform(-1, 1), shift)
        truth = SKY + star_field(*transform(*places.T), fluxes, width)
        data = (rng.poisson(truth) + rng.normal(0, READ_NOISE, SHAPE) + of_bias) / (1 + of_flat)
        variance = truth + READ_NOISE**2 + bias**2 + truth**2 * flat**2
        found.append(Exposure(truth, data, variance, transform, noise, np.zeros(SHAPE, np.uint16)))
    return found


def star_field(x, y, fluxes, width):
    """The light of some stars."""
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    sigma = width / 2.3548
    found = np.zeros(SHAPE)
    for column, row, flux in zip(x, y, fluxes, strict=True):
        square = (columns - column) ** 2 + (rows - row) ** 2
        found += flux / (2 * np.pi * sigma**2) * np.exp(-square / (2 * sigma**2))
    return found


def stacked(
    lights,
    *,
    noisy=True,
    weights=None,
    memory_mb=250.0,
    threads=1,
    skies=None,
    grid=PLAIN,
    **settings,
) -> Stack:
    """The stack of some lights, or of what they would be without noise; `skies` are kept."""
    skies = [0.0] * len(lights) if skies is None else skies
    weights = np.full(len(lights), 1 / len(lights)) if weights is None else weights
    members = []
    for number, (each, weight) in enumerate(zip(lights, weights, strict=True)):
        pixels = each.data if noisy else each.truth
        image = Image(
            pixels.astype(np.float32), each.variance.astype(np.float32), each.flags, "electron"
        )
        product = SimpleNamespace(images=[image], name=str(number), sha256="")
        light = Light(
            *(str(number), product, {}, {"exptime": 60.0}, None),
            *(SKY, 0.1, float(np.sqrt(np.median(each.variance)))),
        )
        sky = skies[number]
        members.append(Member(light, each.transform, 1.0, sky, sky, float(weight), each.noise, 0))
    return combine_lights(members, grid, SETTINGS | settings, memory_mb, threads)
