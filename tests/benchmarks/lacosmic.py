"""LA Cosmic side by side with astroscrappy: `python -m tests.benchmarks.lacosmic [--quick]`.

Each field is simulated, then both engines search it in turn, in processes of their own with one
thread each; the time is the shortest of several runs after one that is not counted.
"""

import argparse
import multiprocessing
import os
import platform
import resource
import time

import numpy as np

__all__ = ["FIELDS", "main", "simulate"]

# name: shape, sky in electrons, stars, cosmic-ray tracks, mean pixels of a track
FIELDS = {
    "900 stars, 1500 cosmic rays": ((4128, 2048), 200, 900, 1500, 7),
    "empty": ((4128, 2048), 200, 0, 0, 7),
    "crowded, 20 000 stars": ((4128, 2048), 200, 20000, 1500, 7),
    "dark sky, 10 000 cosmic-ray pixels": ((4128, 2048), 12, 300, 1430, 7),
    "1k x 1k": ((1024, 1024), 200, 110, 190, 7),
    "8k x 8k": ((8192, 8192), 200, 7200, 12000, 7),
}
READ_NOISE = 6.5
PSF_SIGMA = 1.4
STAMP = 15


def simulate(shape, sky, stars, tracks, track_pixels, seed=20240513):
    """A frame in electrons: sky, stars with an exponential range of magnitudes, tracks, noise."""
    rng = np.random.default_rng(seed)
    light = np.full(shape, float(sky))
    _add_stars(light, stars, rng)
    image = rng.poisson(light).astype(np.float32)
    _add_tracks(image, tracks, track_pixels, rng)
    image += rng.normal(0, READ_NOISE, shape).astype(np.float32)
    return image


def _add_stars(light, number, rng):
    offset = np.arange(-STAMP, STAMP + 1)
    inner = np.array(light.shape) - 2 * STAMP - 1
    for flux, y, x in zip(
        400 * rng.pareto(0.7, number).clip(0, 2e3),
        rng.uniform(0, inner[0], number),
        rng.uniform(0, inner[1], number),
        strict=True,
    ):
        row, column = int(y), int(x)
        down = np.exp(-0.5 * ((offset - y % 1) / PSF_SIGMA) ** 2)
        across = np.exp(-0.5 * ((offset - x % 1) / PSF_SIGMA) ** 2)
        stamp = light[row : row + 2 * STAMP + 1, column : column + 2 * STAMP + 1]
        stamp += flux / (2 * np.pi * PSF_SIGMA**2) * np.outer(down, across)


def _add_tracks(image, number, mean_pixels, rng):
    """Straight tracks of exponential length; 100 to 2500 electrons in each pixel."""
    ny, nx = image.shape
    for _ in range(number):
        y, x, angle = rng.uniform(0, ny), rng.uniform(0, nx), rng.uniform(0, np.pi)
        along = np.arange(1 + rng.exponential(mean_pixels - 1))
        rows, columns = (y + along * np.sin(angle)).astype(int), (x + along * np.cos(angle)).astype(
            int
        )
        inside = (rows < ny) & (columns >= 0) & (columns < nx)
        pixels = np.unique(np.stack([rows[inside], columns[inside]]), axis=1)
        image[tuple(pixels)] += rng.uniform(100, 2500, pixels.shape[1]).astype(np.float32)
