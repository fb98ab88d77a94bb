"""Calibrated lights as their files: what stacks and skies are made of."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..errors import CcdlibError
from ..limits import allow_open_files
from .kept_hashes import kept_sha256
from .product_files import open_product

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from astropy.io.fits import Header

    from .product_files import Product

__all__ = ["header_of_image", "opened_products", "whole_header"]


@contextmanager
def opened_products(paths: Mapping[str, str | Path], threads: int = 1) -> Iterator[list[Product]]:
    """Calibrated lights, open, each called by its FRAME.

    Parameters
    ----------
    paths : dict
        {FRAME: path} of each.
    threads : int
        So many are hashed at a time.

    Yields
    ------
    list of Product

    Raises
    ------
    CcdlibError
        If a file was damaged since it was written, or is no product of one image.
    """
    allow_open_files(len(paths))
    with ThreadPoolExecutor(threads) as pool:
        digests = list(pool.map(kept_sha256, paths.values()))
    with ExitStack() as files:
        products = [
            replace(files.enter_context(open_product(path, digest)), name=frame)
            for (frame, path), digest in zip(paths.items(), digests, strict=True)
        ]
        for product in products:
            if len(product.images) != 1:
                number = len(product.images)
                raise CcdlibError(f"{product.name}: has {number} images, lights of one are needed")
        yield products


def header_of_image(product: Product, path: str | Path) -> Any:
    """The header of the one image of a product.

    Parameters
    ----------
    product : Product
    path : path
        Its file.
    """
    if product.header["NAXIS"]:
        return product.header
    # the primary HDU of tiles has no WCS
    from astropy.io import fits

    return fits.getheader(path, 1)


def whole_header(header: Any) -> Header:
    """A light's header as astropy has it, to be compared card by card."""
    from astropy.io.fits import Header

    return header if isinstance(header, Header) else header.whole
