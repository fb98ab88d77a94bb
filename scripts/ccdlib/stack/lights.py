"""The lights of a stack: what each shows of its sky and its stars."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..products.light_files import header_of_image, opened_products
from ..registration.star_list import find_stars
from ..statistics.robust import clipped_range, median

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from ..frame.image import Image
    from ..products.product_files import Product
    from ..products.stored_image import StoredImage
    from ..registration.star_list import StarList

__all__ = ["Light", "opened_lights"]

# of so many rows' pixels the sky is found
_SAMPLE = 250_000
_CLIP, _ROUNDS = 3.0, 8


@dataclass(frozen=True)
class Light:
    """A calibrated light and what is measured in it.

    Attributes
    ----------
    name : str
        Its FRAME.
    product : Product
        Opened, of one image.
    header : Header or PlainHeader
        Of its image.
    facts : dict
        Of the raw frame.
    stars : StarList
    sky, sky_error : float
        Level between the stars, and its sigma; NaN where every pixel is flagged.
    noise : float
        Sigma of a pixel of the sky; NaN in the same case.
    """

    name: str
    product: Product
    header: Any
    facts: dict[str, Any]
    stars: StarList
    sky: float
    sky_error: float
    noise: float

    @property
    def image(self) -> StoredImage:
        """Its pixels, read by rows."""
        return self.product.images[0]

    @property
    def shape(self) -> tuple[int, int]:
        return self.image.shape

    @property
    def exptime(self) -> float:
        """Seconds; 0 where it is not known."""
        return float(self.facts.get("exptime") or 0.0)

    @property
    def fwhm(self) -> float:
        """Median width of its stars in pixels, NaN without one."""
        return _median(self.stars.fwhm)

    @property
    def elongation(self) -> float:
        """Median ratio of long to short axis, NaN without a star."""
        return _median(self.stars.elongation)


def _median(values):
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else float("nan")


def _sky(image: Image) -> tuple[float, float, float]:
    """Level of the sky, its sigma, and the quoted sigma of a pixel of it."""
    step = max(image.data.size // _SAMPLE, 1) | 1
    data, variance, flags = (each[::step] for each in (image.data, image.variance, image.dq))
    good = flags == 0
    values, spread = data[good], variance[good]
    if not values.size:
        return math.nan, math.nan, math.nan
    low, high = clipped_range(np.sort(values), _CLIP, _ROUNDS)
    kept = (values >= low) & (values <= high)
    noise = float(np.sqrt(np.median(spread[kept])))
    # of a median, and of the pixels of which a sample was taken
    error = noise * np.sqrt(np.pi / 2 / np.count_nonzero(kept))
    return float(median(values[kept].astype(float))), float(error), noise


@contextmanager
def opened_lights(
    paths: Mapping[str, str | Path], facts: Sequence[dict[str, Any]], threads: int = 1
) -> Iterator[list[Light]]:
    """Calibrated lights, measured as many at a time as there are threads, and open.

    Parameters
    ----------
    paths : dict
        {FRAME: path} of each.
    facts : list of dict
        Of their raw frames.
    threads : int

    Yields
    ------
    list of Light

    Raises
    ------
    CcdlibError
        If a file was damaged since it was written, or is no product of one image.
    """
    with opened_products(paths, threads) as products:
        with ThreadPoolExecutor(threads) as pool:
            lights = list(pool.map(_light, products, paths.values(), facts))
        yield lights


def _light(product, path, facts):
    image = product.images[0].rows(slice(None))
    sky, error, noise = _sky(image)
    stars = find_stars(image.data, np.sqrt(image.variance), image.dq)
    header = header_of_image(product, path)
    return Light(product.name, product, header, facts, stars, sky, error, noise)
