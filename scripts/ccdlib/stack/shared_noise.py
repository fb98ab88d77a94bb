"""The noise that lights share, as they were calibrated with the same masters.

A light's variance holds ``P + x^2 Q`` of it: P that of bias and dark, Q the squared relative error
of flat and illumination. What lights share does not average out where they see the same pixels of
the detector.
"""

from __future__ import annotations

import math
import os
import re
import tempfile
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np

from ..camera.sections import parse_section
from ..errors import CcdlibError
from ..frame.calibrate import Calibration
from ..frame.fused_steps import subtract_masters
from ..frame.image import Image
from ..frame.rows import row_blocks
from ..products.cut_out import cut_out
from ..products.kept_hashes import kept_sha256
from ..products.product_files import open_product
from ..sky.flatten import response_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from .lights import Light

__all__ = ["SharedNoise", "groups_of", "shared_noise"]

# {kind: card with the SHA-256 of the one that a light was calibrated with}
_CARDS = {"bias": "BIASSHA", "dark": "DARKSHA", "flat": "FLATSHA", "illumination": "ILLUSHA"}
_GAIN = re.compile(r"AMPGAI(\d+)")


class SharedNoise:
    """The shared part of the sigmas of lights with the same masters, by rows.

    Parameters
    ----------
    fixed, relative : ndarray of float32, or None
        P and Q over the light's pixels; None for lights without masters.
    """

    def __init__(self, fixed: np.ndarray | None, relative: np.ndarray | None) -> None:
        self._fixed, self._relative = fixed, relative

    def sigma(self, data: np.ndarray, rows: slice, columns: slice) -> np.ndarray:
        """The shared part of sigma of some pixels, in the unit of the light.

        Parameters
        ----------
        data : ndarray of float32
            Their values.
        rows, columns : slice
            Where they lie.
        """
        if self._fixed is None or self._relative is None:
            return np.zeros(data.shape, np.float32)
        found = data * data
        found *= self._relative[rows, columns]
        found += self._fixed[rows, columns]
        return np.sqrt(found, out=found)


def _named(light):
    """SHA-256 of each master that a light was calibrated with."""
    return {kind: light.header.get(card) for kind, card in _CARDS.items()}


def _key(light):
    """What lights of the same shared noise have in common."""
    gains = tuple((name, value) for name, value in light.header.items() if _GAIN.fullmatch(name))
    window = light.facts.get("window"), light.facts.get("binning")
    return (*_named(light).values(), light.header.get("DARKSCAL"), gains, window, light.shape)


def groups_of(lights: Sequence[Light]) -> list[int]:
    """A number for each light: those that share a master, be it through a third, have the same.

    All of their shared noise is taken to be the same, which is more than it is where they share
    a flat alone.
    """
    numbers: list[int] = list(range(len(lights)))
    first: dict[str, int] = {}
    for at, light in enumerate(lights):
        for digest in filter(None, _named(light).values()):
            other = numbers[first.setdefault(digest, at)]
            numbers = [min(other, numbers[at]) if n in (other, numbers[at]) else n for n in numbers]
    order = {number: place for place, number in enumerate(sorted(set(numbers)))}
    return [order[number] for number in numbers]


def shared_noise(lights: Sequence[Light], masters: Mapping[str, str | Path]) -> list[SharedNoise]:
    """The `SharedNoise` of each light.

    It lies in unnamed files in TMPDIR, which are gone with it.

    Parameters
    ----------
    lights : list of Light
    masters : dict
        {kind: path}, with numbers for several of a kind: bias, bias_2 ...

    Returns
    -------
    list of SharedNoise

    Raises
    ------
    CcdlibError
        If a light names a master that is not among them.
    """
    paths = {
        kept_sha256(path): path for kind, path in masters.items() if kind.split("_")[0] in _CARDS
    }
    found: dict[Any, SharedNoise] = {}
    for light in lights:
        if _key(light) not in found:
            found[_key(light)] = _planes(light, paths)
    return [found[_key(light)] for light in lights]


def _planes(light, paths):
    named = {kind: digest for kind, digest in _named(light).items() if digest}
    if not named:
        return SharedNoise(None, None)
    for kind, digest in named.items():
        if digest not in paths:
            name = light.header.get(_CARDS[kind].replace("SHA", "FILE"))
            raise CcdlibError(
                f"{light.name}: it was calibrated with the {kind} {name} (SHA-256 {digest[:12]}), "
                "which is none of those that the plan names"
            )
    fixed, relative = (_scratch(light.shape) for _ in range(2))
    with ExitStack() as opened:
        products = {
            kind: cut_out(
                opened.enter_context(open_product(paths[digest], digest)),
                light.facts.get("window"),
                light.facts.get("binning"),
            )
            for kind, digest in named.items()
        }
        scale = float(light.header.get("DARKSCAL", 1.0))
        calibration = Calibration(
            products.get("bias"), products.get("dark"), products.get("flat"), dark_scale=scale
        )
        masters = calibration.of_image(0, light.shape)[:3]
        sky = products.get("illumination")
        gains = _gains(light)
        for rows in row_blocks(light.shape):
            own = [master and master.rows(rows) for master in masters]
            parts = _of_rows(own, scale, calibration.shared_bias, gains[rows])
            if sky is not None:
                parts = _over_illumination(parts, sky.images[0].rows(rows))
            fixed[rows], relative[rows] = parts
    return SharedNoise(fixed, relative)


def _scratch(shape):
    """An array in an unnamed file, which the system keeps in memory while there is some."""
    size = math.prod(shape) * np.dtype(np.float32).itemsize
    with tempfile.TemporaryFile() as file:
        try:
            # without room a first value that is written there would end the process
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            raise CcdlibError(
                f"{tempfile.gettempdir()} (TMPDIR): no {size / 1e6:.1f} MB for the noise that "
                f"lights share: {error.strerror}"
            ) from error
        return np.memmap(file, np.float32, "w+", shape=shape)


def _of_rows(masters, scale, shared_bias, gains):
    """P and Q of some rows."""
    bias, dark, flat = masters
    zero = np.zeros(gains.shape, np.float32)
    image = Image(zero, zero, np.zeros(gains.shape, np.uint16), "adu")
    fixed = subtract_masters(image, bias, dark, None, scale, shared_bias).variance * gains**2
    if flat is None:
        return fixed, zero
    # a light is not divided where the flat has no value, and flagged there
    response = np.where(flat.data > 0, flat.data, np.float32(1))
    square = response * response
    return fixed / square, flat.variance / square


def _over_illumination(parts, sky):
    """P and Q of rows that were divided by an illumination, with its own error."""
    _, response = response_of(sky)
    square, (fixed, relative) = response * response, parts
    return fixed / square, relative + sky.variance / square


def _gains(light):
    """What the adu of a light were multiplied by, over its pixels."""
    found = np.ones(light.shape, np.float32)
    if light.image.unit != "electron":
        return found
    for name, value in light.header.items():
        number = _GAIN.fullmatch(name)
        if number:
            place = light.header.get(f"AMPPLC{number[1]}")
            section = parse_section(place, light.shape) if place else None
            found[section.slices if section else ...] = value
    return found
