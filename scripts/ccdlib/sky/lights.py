"""Calibrated lights as pictures of the sky: levels, sources, and what each counts for."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..errors import CcdlibError
from ..products.light_files import opened_products
from ..statistics.mesh import Levels, block_levels, cells
from .flatten import divided
from .illumination import FEWEST, common_illumination
from .sources import bright_pixels, common_of, in_blocks, sources_in, whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ..frame.image import Image
    from ..products.product_files import Product
    from .illumination import Illumination

__all__ = ["Look", "SkyLight", "SkyNight", "opened_skies"]

# a sky must be so many of its own sigmas bright, and seen in such a share of the blocks
_BRIGHT, _LEAST_BLOCKS = 50.0, 0.5
# two lights whose sources overlap so much show the same pixels of the sky; so many others tell
# sources from illumination
_SAME, _POINTINGS = 0.5, 3
# bytes of a band for each of its pixels in each light
_BAND_BYTES = 24
# bright sources on a smaller share of an image are too few to tell pointings by, and to matter
_FEW_SOURCES = 1e-4


@dataclass(frozen=True)
class SkyLight:
    """A calibrated light and what is known of its sky.

    Attributes
    ----------
    name : str
        Its FRAME.
    product : Product
        Opened, of one image.
    bits : ndarray of uint8
        Which pixels show sources or are flagged, a bit each.
    sources : float
        Share of its pixels that show sources.
    bright : ndarray of bool
        Where these are bright, a bit for each block of 2 x 2 pixels.
    levels : Levels
    left : str
        Why it is left out; empty if it is not.
    scale : float
        Level of its sky.
    weight : float
        What it counts for.
    """

    name: str
    product: Product
    bits: np.ndarray
    sources: float
    bright: np.ndarray
    levels: Levels
    left: str = ""
    scale: float = float("nan")
    weight: float = 0.0

    @property
    def shape(self) -> tuple[int, int]:
        return self.product.images[0].shape

    def hidden(self, rows: slice) -> np.ndarray:
        """True where some of its rows do not show the sky alone."""
        return np.unpackbits(self.bits[rows], axis=1, count=self.shape[1]).astype(bool)

    def relative(
        self, rows: slice, common: np.ndarray | float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Values of some rows over the level of the sky and what is common, variances, mask.

        Parameters
        ----------
        rows : slice
        common : ndarray of float32 or float
        """
        image = self.product.images[0].rows(rows)
        factor = 1 / (np.float32(self.scale) * common)
        return image.data * factor, image.variance * np.square(factor), self.hidden(rows)


@dataclass(frozen=True)
class SkyNight:
    """The lights of which a sky is made.

    Attributes
    ----------
    lights : list of SkyLight
        All of them, in the order of the task.
    common : Illumination
        What the skies of those that stay have in common.
    pointings : int
        How many parts of the sky they show.
    """

    lights: list[SkyLight]
    common: Illumination
    pointings: int

    @property
    def own(self) -> list[SkyLight]:
        """Those that stay."""
        return [each for each in self.lights if not each.left]


@dataclass(frozen=True)
class Look:
    """How lights are looked at.

    Attributes
    ----------
    flat : Image or None
        What they are divided by first.
    fringed : bool
        Whether they have fringes.
    """

    flat: Image | None = None
    fringed: bool = False

    def read(self, product: Product, rows: slice = slice(None)) -> Image:
        """Some rows of a light, over the flat."""
        image = product.images[0].rows(rows)
        if self.flat is None:
            return image
        return divided(image, self.flat.rows(rows))


@contextmanager
def opened_skies(
    paths: Mapping[str, str | Path],
    look: Look,
    fewest: int,
    name: str,
    memory_mb: float = 1500,
    threads: int = 1,
) -> Iterator[SkyNight]:
    """Calibrated lights, open, with what their skies have in common.

    Parameters
    ----------
    paths : dict
        {FRAME: path} of each.
    look : Look
    fewest : int
        Lights that are needed.
    name : str
        Of the product that is made of them, for messages.
    memory_mb : float
        What the process may use; the result does not depend on it.
    threads : int
        Nor on these.

    Raises
    ------
    CcdlibError
        If too few lights show a sky, or they show it at too few places.
    """
    with opened_products(paths) as products:
        yield _night(products, look, fewest, name, memory_mb, threads)


def _night(products, look, fewest, name, memory_mb, threads):
    """The lights with their sources, and what the skies of those that stay have in common."""
    levels = [in_blocks(look.read(product)).level for product in products]
    lit = [at for at, level in enumerate(levels) if level > 0]
    if len(lit) < fewest:
        have = f"{len(lit)} of {len(products)} lights have a sky above 0"
        raise CcdlibError(f"{name}: {have}, sky.min_frames is {fewest}")
    shown = [products[at] for at in lit], [levels[at] for at in lit]
    pattern = _pattern(*shown, look, memory_mb, threads)
    lights = [_looked_at(product, pattern, len(lit), look) for product in products]
    staying = [each for each in lights if not each.left]
    if len(staying) < fewest:
        raise CcdlibError(_too_few(name, lights, fewest))
    shown_in = sum(np.isfinite(each.levels.level).astype(int) for each in staying)
    known = (shown_in >= FEWEST).mean()
    if known < _LEAST_BLOCKS:
        raise CcdlibError(
            f"{name}: {known:.0%} of the blocks show sky in {FEWEST} lights, {_LEAST_BLOCKS:.0%} "
            "are needed"
        )
    common = common_illumination([each.levels for each in staying], look.fringed)
    numbers = iter(zip(common.scales, common.weights, strict=True))
    lights = [each if each.left else _weighed(each, *next(numbers)) for each in lights]
    return SkyNight(lights, common, _pointings(name, staying))


def _weighed(light, scale, weight):
    return replace(light, scale=float(scale), weight=float(weight))


def _pattern(products, levels, look, memory_mb, threads):
    """What all lights show at the same pixels, in blocks of 2 x 2, a band at a time."""
    ny, nx = products[0].images[0].shape
    height = max(int(memory_mb * 1e6 / 2 / (_BAND_BYTES * len(products) * nx)) // 2 * 2, 2)
    bands = [slice(start, start + height) for start in range(0, ny, height)]
    return np.concatenate(
        [
            common_of([in_blocks(look.read(each, rows)) for each in products], levels, threads)
            for rows in bands
        ]
    )


def _looked_at(product, pattern, number, look):
    """A light with its sources and the levels of its sky."""
    image = look.read(product)
    small, edges = in_blocks(image), cells(image.shape)
    found = whole(sources_in(small.over(pattern, number), *edges), image.shape)
    good = image.dq == 0
    levels = block_levels(image.data, good & ~found, *edges)
    bits = np.packbits(found | ~good, axis=1)
    bright = np.packbits(bright_pixels(small, *edges), axis=1)
    light = SkyLight(product.name, product, bits, float(found.mean()), bright, levels)
    return replace(light, left=_left(levels))


def _left(levels):
    """Why a light tells nothing of the illumination."""
    known = np.isfinite(levels.level)
    if known.mean() < _LEAST_BLOCKS:
        return f"shows its sky in {known.mean():.0%} of the blocks, {_LEAST_BLOCKS:.0%} are needed"
    level = float(np.median(levels.level[known]))
    sigma = float(np.sqrt(np.median(levels.variance[known])))
    if not sigma > 0:
        return f"its sky is {level:.3g} in all pixels of a block, without noise"
    if level < _BRIGHT * sigma:
        return f"the sky of a block is {level:.3g} +- {sigma:.2g}, {_BRIGHT:g} sigma are needed"
    return ""


def _too_few(name, lights, fewest):
    staying = sum(not each.left for each in lights)
    reasons = "; ".join(f"{each.name}: {each.left}" for each in lights if each.left)
    return (
        f"{name}: {staying} of {len(lights)} lights show a sky, sky.min_frames is {fewest}: "
        f"{reasons}"
    )


def _pointings(name, lights):
    """How many parts of the sky lights show, by where they have their sources.

    Raises
    ------
    CcdlibError
        If they are too few to tell sources from illumination.
    """
    alike: list[list[SkyLight]] = []
    for light in lights:
        near = next((group for group in alike if _same_place(group[0], light)), None)
        if near is None:
            alike.append([light])
        else:
            near.append(light)
    if len(alike) < _POINTINGS and any(_bright(each.bright) > _FEW_SOURCES for each in lights):
        raise CcdlibError(
            f"{name}: {len(lights)} lights show their stars on the same pixels, at {len(alike)} "
            f"pointings ({', '.join(group[0].name for group in alike)} the first); {_POINTINGS} "
            "are needed: dither by more than the stars are wide, or add other fields"
        )
    return len(alike)


def _same_place(first, second):
    """Whether two lights have most of their bright stars at the same pixels."""
    less = min(_bright(first.bright), _bright(second.bright))
    return less > _FEW_SOURCES and _bright(first.bright & second.bright) > _SAME * less


def _bright(bits):
    """The share of the bits that are set."""
    return float(np.bitwise_count(bits).mean()) / 8
