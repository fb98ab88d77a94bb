"""Calibrated lights of dithered fields under an uneven sky, with their truth."""

from dataclasses import dataclass

import numpy as np
from star_fields import _gaussian

from ccdlib.frame.image import Image
from ccdlib.jobs import flatten_light, make_fringe, make_illumination
from ccdlib.jobs.task import Task
from ccdlib.products.product_files import read_product, write_product
from ccdlib.raw.card_list import CardList

SHAPE = (384, 400)
READ_NOISE = 5.0


def gradient(size=0.03, shape=SHAPE):
    """An illumination of median 1 that goes up by `size` from left to right, and bends."""
    y, x = (np.linspace(-0.5, 0.5, length) for length in shape)
    field = 1 + size * x[None, :] + size * 0.5 * (y[:, None] ** 2 - 1 / 12)
    return field / np.median(field)


def fringes(size=0.02, period=18.0, shape=SHAPE):
    """Waves of a root mean square of `size`, and of mean 0."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    phase = 2 * np.pi * (x + 0.4 * y + 12 * np.sin(y / 40)) / period
    wave = np.sin(phase)
    return size * wave / wave.std()


@dataclass
class Sky:
    """A night's lights of one filter.

    Attributes
    ----------
    paths : list of path
        Calibrated lights.
    truth : list of ndarray
        What each would be without noise, uneven illumination and fringes.
    folder : path
    """

    paths: list
    truth: list
    folder: object

    def _task(self, output, masters, settings, frames, **limits):
        facts = [
            {"file": f"light_{at}.fits", "facts": {"filter": "z", "exptime": 60.0}}
            for at in range(frames)
        ]
        whole = {"products": {"compress": False}} | settings
        return Task(self.folder / output, "raw", facts, masters, whole, limits=limits)

    def _lights(self):
        names = ["calibrated", *(f"calibrated_{at}" for at in range(2, len(self.paths) + 1))]
        return dict(zip(names, self.paths, strict=True))

    def illumination(self, method="smooth", fringe=False, **limits):
        """The illumination of the lights, as its job makes it."""
        settings = {"sky": {"illumination": method, "fringe": fringe, "min_frames": 3}}
        number = len(self.paths)
        task = self._task("illumination.fits", self._lights(), settings, number, **limits)
        make_illumination.make(task)
        return task.output

    def fringe(self, illumination=None):
        """Their fringe frame."""
        masters = self._lights() | ({"illumination": illumination} if illumination else {})
        task = self._task("fringe.fits", masters, {"sky": {"min_frames": 3}}, len(self.paths))
        make_fringe.make(task)
        return task.output

    def flattened(self, number, **sky):
        """One of the lights over its illumination, without its fringes."""
        masters = {"calibrated": self.paths[number]} | sky
        task = self._task(f"flat_{number}.fits", masters, {}, 1)
        flatten_light.make(task)
        return read_product(task.output)


def make_sky(
    folder,
    number,
    seed,
    *,
    level=500.0,
    illumination=None,
    pattern=None,
    dither=60.0,
    stars=60,
    own=0.0,
    shape=SHAPE,
):
    """Lights of one field, dithered, with a sky of about `level` electrons.

    Parameters
    ----------
    folder : path
    number, seed : int
    level : float
    illumination, pattern : ndarray or None
        What all light is multiplied by, and fringes relative to the sky.
    dither : float
        Standard deviation of the pointings, pixels.
    stars : int
    own : float
        Size of a gradient of each light's own.
    shape : tuple of int
    """
    rng = np.random.default_rng(seed)
    folder.mkdir(exist_ok=True)
    places = rng.uniform(-150, 150, (stars * 3, 2)) * 2 + np.array(shape[::-1]) / 2
    fluxes = 10 ** rng.uniform(2.5, 5.3, len(places))
    response = np.ones(shape) if illumination is None else illumination
    waves = np.zeros(shape) if pattern is None else pattern
    found = Sky([], [], folder)
    for at in range(number):
        sky = level * rng.uniform(0.7, 1.4)
        shift = rng.normal(0, dither, 2)
        truth = np.full(shape, sky)
        truth *= 1 + own * rng.normal() * np.linspace(-0.5, 0.5, shape[1])[None, :]
        for (x, y), flux in zip(places + shift, fluxes, strict=True):
            if -20 < x < shape[1] + 20 and -20 < y < shape[0] + 20:
                column, along = _gaussian(x, 3.0, shape[1], 14)
                row, up = _gaussian(y, 3.0, shape[0], 14)
                if along.size and up.size:
                    place = slice(row, row + up.size), slice(column, column + along.size)
                    truth[place] += flux * up[:, None] * along
        expected = response * (truth + sky * waves)
        data = rng.poisson(expected) + rng.normal(0, READ_NOISE, shape)
        image = Image(
            data.astype(np.float32),
            (expected + READ_NOISE**2).astype(np.float32),
            np.zeros(shape, np.uint16),
            "electron",
        )
        path = folder / f"light_{at}.fits"
        write_product(path, [image], CardList([("FILTER", "z", "")]))
        found.paths.append(path)
        found.truth.append(truth)
    return found
