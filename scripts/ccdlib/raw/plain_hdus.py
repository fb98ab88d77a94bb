"""Headers and rows of a plain FITS file, without the objects of a FITS library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

from .plain_header import PlainHeader, plain_header
from .plain_images import plain_images

if TYPE_CHECKING:
    import numpy as np

    from .plain_images import PlainImage

__all__ = ["PlainHDU", "plain_hdus"]

# BITPIX, BSCALE and BZERO of pixels that are what is stored, or unsigned integers of 16 bits
_AS_STORED = {(bitpix, 1, 0) for bitpix in (8, 16, 32, 64, -32, -64)}
_UNSIGNED = 16, 1, 2**15


class PlainHDU:
    """An image HDU, or a primary HDU without data, as far as the index asks for it.

    Attributes
    ----------
    header : PlainHeader
    section : PlainHDU
        Itself: sliced as that of astropy's HDU, in whole rows.
    """

    def __init__(self, header: PlainHeader, image: PlainImage, file: BinaryIO, name: str) -> None:
        self.header, self._image, self._file, self._name = header, image, file, name
        self.section = self

    def __getitem__(self, key: slice | tuple[slice]) -> np.ndarray:
        (rows,) = key if isinstance(key, tuple) else (key,)
        pixels = self._image.pixels(self._file, self._name)
        unsigned = pixels.integers(rows, slice(None)) if pixels.zero else None
        return pixels.stored(rows) if unsigned is None else unsigned

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns, or () without data."""
        return self._image.shape

    @property
    def data(self) -> np.ndarray:
        """All pixels."""
        return self[:]


def _is_known(header):
    """Whether the pixels need no more than what `PlainHDU` does with them."""
    scaling = header["BITPIX"], header.get("BSCALE", 1), header.get("BZERO", 0)
    known = scaling in {*_AS_STORED, _UNSIGNED} and "BLANK" not in header
    return known and "GROUPS" not in header and header.get("SIMPLE", True) is True


def plain_hdus(file: BinaryIO, name: str) -> list[PlainHDU] | None:
    """The HDUs of a FITS file, if all are images that lie in it as they are.

    Parameters
    ----------
    file : binary file
        Open at its beginning, and kept open as long as pixels are read.
    name : str
        For messages.

    Returns
    -------
    list of PlainHDU or None
        None where a FITS library is needed: tables, tiles, scaled pixels, odd headers.
    """
    found: list[PlainHDU] = []
    for image in plain_images(file) or ():
        header: Any = plain_header(image.header)
        if header is None or not _is_known(header):
            return None
        found.append(PlainHDU(header, image, file, name))
    return found or None
