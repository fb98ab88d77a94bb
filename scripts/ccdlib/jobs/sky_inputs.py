"""Reading what the jobs of the sky name: lights in their order, and what each counts for."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..products.check_stored import check_stored
from ..products.kept_hashes import kept_sha256
from ..products.product_files import open_product
from ..products.recipes import refuse_damaged

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ..frame.image import Image
    from ..products.product_files import Product
    from ..sky.lights import SkyLight

__all__ = ["SkyProduct", "light_rows", "opened_sky"]


@dataclass(frozen=True)
class SkyProduct:
    """An illumination or a fringe frame that is read.

    Attributes
    ----------
    product : Product
    image : Image
    weights : ndarray of float32 or None
        Sum of the weights of its lights in each pixel; None for a smooth one.
    peak : float
        What a pixel counts for in its own smoothed value.
    lights : dict
        {SHA-256: (level of the sky, weight)} of the lights that it is made of; names in its table
        are in ASCII, so that they may be others.
    """

    product: Product
    image: Image
    weights: np.ndarray | None
    peak: float
    lights: dict[str, tuple[float, float]]

    def share(self, light: Product) -> tuple[float, np.ndarray | None]:
        """The level of a light's sky, and what it counts for in each pixel.

        Parameters
        ----------
        light : Product

        Returns
        -------
        scale : float
        share : ndarray of float32 or None
            None where it is not in it, or in a smooth one, of which a light's pixel is next to
            nothing.
        """
        if self.weights is None or light.sha256 not in self.lights:
            return 1.0, None
        scale, weight = self.lights[light.sha256]
        there = self.weights > 0
        share = np.divide(
            np.float32(weight), self.weights, out=np.zeros_like(self.weights), where=there
        )
        return scale, share


@contextmanager
def opened_sky(path: str | Path) -> Iterator[SkyProduct]:
    """An illumination or a fringe frame.

    Raises
    ------
    CcdlibError
        If the file was damaged since it was written.
    """
    from astropy.io import fits

    refuse_damaged(path, check_stored(path))
    with open_product(path, kept_sha256(path)) as product:
        image = product.images[0].rows(slice(None))
        with fits.open(path, memmap=False) as hdus:
            names = [hdu.name for hdu in hdus]
            weights, peak = None, 1.0
            if "WEIGHT" in names:
                weights = hdus["WEIGHT"].data.astype(np.float32)
                peak = hdus["WEIGHT"].header.get("PEAK", 1.0)
            table = hdus["FRAMES"].data
            lights = {
                str(row["SHA256"]): (float(row["SKY"]), float(row["WEIGHT"]))
                for row in table
                if not row["LEFT"]
            }
        yield SkyProduct(product, image, weights, peak, lights)


def light_rows(lights: Sequence[SkyLight]) -> Iterator[dict[str, Any]]:
    """The rows of the table FRAMES."""
    for each in lights:
        yield {
            "FRAME": each.name,
            "SHA256": each.product.sha256,
            "LEFT": each.left,
            "SKY": each.scale,
            "SOURCES": each.sources,
            "WEIGHT": each.weight,
        }
