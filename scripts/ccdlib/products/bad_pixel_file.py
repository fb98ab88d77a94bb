"""A map of bad pixels that the user gives: any FITS mask of the trimmed image."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .. import dq
from ..errors import CcdlibError
from ..master.bad_pixels import map_image
from ..raw.plain_images import plain_images
from .kept_hashes import kept_sha256
from .product_files import Product, open_product

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["open_map"]


def _masks(path):
    """Header and images of a file of masks; None for those of a product, which has a DQ."""
    from astropy.io import fits

    name = Path(path).name
    try:
        with fits.open(path) as hdus:
            if "DQ" in hdus:
                return hdus[0].header, None
            masks = [hdu.data for hdu in hdus if hdu.is_image and np.ndim(hdu.data) == 2]
            header = hdus[0].header
    except OSError as error:
        detail = error.strerror or error
        raise CcdlibError(f"bad_pixels: {name} cannot be read: {detail}") from None
    if not masks:
        raise CcdlibError(f"bad_pixels: no image in {name}")
    return header, masks


def _is_plain_product(path):
    """Whether it is a product without tiles; False for what does not open, too."""
    try:
        with open(path, "rb") as file:
            return "DQ" in [each.name for each in plain_images(file) or ()]
    except OSError:
        return False


@contextmanager
def open_map(path: str | Path) -> Iterator[Product]:
    """Open a map of bad pixels, one that the pipeline measured or one of the user's own.

    Parameters
    ----------
    path : path
        A product with a DQ extension, or a FITS file whose images, one for each image of a
        frame and of its trimmed shape, are not zero where a pixel is bad.

    Yields
    ------
    Product
        Pixels of a plain mask carry BAD.

    Raises
    ------
    CcdlibError
        If there is no such file, it is not FITS, or holds no image.
    """
    header, masks = (None, None) if _is_plain_product(path) else _masks(path)
    if masks is None:
        with open_product(path, kept_sha256(path)) as product:
            yield product
        return
    images = [map_image(np.where(mask != 0, np.uint16(dq.BAD), np.uint16(0))) for mask in masks]
    yield Product(Path(path).stem, header, images, kept_sha256(path))
