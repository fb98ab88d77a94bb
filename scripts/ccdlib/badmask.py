"""A map of bad pixels that the user gives: any FITS mask of the trimmed image."""

from pathlib import Path

import numpy as np

from . import dq
from .badpixels import map_image
from .errors import CcdlibError
from .products import Product, read_product

__all__ = ["read_map"]


def read_map(path):
    """A map of bad pixels, one that the pipeline measured or one of the user's own.

    Parameters
    ----------
    path : path
        A product with a DQ extension, or a FITS file whose images, one for each image of a
        frame and of its trimmed shape, are not zero where a pixel is bad.

    Returns
    -------
    Product
        Pixels of a plain mask carry BAD.

    Raises
    ------
    CcdlibError
        If there is no such file, it is not FITS, or holds no image.
    """
    from astropy.io import fits

    from .rawfiles import sha256

    name = Path(path).name
    try:
        with fits.open(path) as hdus:
            if "DQ" in hdus:
                return read_product(path)
            masks = [hdu.data for hdu in hdus if hdu.is_image and np.ndim(hdu.data) == 2]
            header = hdus[0].header
    except OSError as error:
        detail = error.strerror or error
        raise CcdlibError(f"bad_pixels: {name} cannot be read: {detail}") from None
    if not masks:
        raise CcdlibError(f"bad_pixels: no image in {name}")
    images = [map_image(np.where(mask != 0, np.uint16(dq.BAD), np.uint16(0))) for mask in masks]
    return Product(Path(path).stem, header, images, sha256(path))
