"""An image of a product in its file, read by rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import CcdlibError
from ..frame.image import Image
from ..raw.stored_pixels import LARGEST_VALUE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..raw.stored_pixels import FilePixels
    from .check_stored import PartialSum

__all__ = ["StoredImage", "SummedPixels"]

_WHOLE = slice(None)
# the bits of a float of this size, which are in the order of sizes
_LARGEST = int(np.float32(LARGEST_VALUE).view(np.uint32))


class SummedPixels:
    """A plane of a product in its file, whose bytes are added up as rows of them are read.

    Parameters
    ----------
    pixels : FilePixels
    total : PartialSum
        Is added to. Rows that are picked, and what is stored in another way than products are, are
        left to be read again.

    Attributes
    ----------
    shape : tuple of int
    """

    def __init__(self, pixels: FilePixels, total: PartialSum) -> None:
        self._pixels, self._total, self.shape = pixels, total, pixels.shape

    def __getitem__(self, key: tuple[slice | list[int], slice]) -> np.ndarray:
        rows, columns = key
        found = self._singles(rows) if isinstance(rows, slice) else None
        return self._pixels[key] if found is None else found[:, columns]

    def integers(self, rows: slice | list[int], columns: slice) -> np.ndarray | None:
        """See `FilePixels.integers`."""
        found = self._flags(rows) if isinstance(rows, slice) else None
        return self._pixels.integers(rows, columns) if found is None else found[:, columns]

    def _read(self, rows):
        """The bytes of some rows, their number, and which of the bytes are to be added."""
        first, last, _ = rows.indices(self.shape[0])
        content = self._pixels.content(first, last)
        start = first * self.shape[1] * self._pixels.dtype.itemsize
        return content, last - first, self._total.new(start, len(content))

    def _is(self, dtype, zero):
        pixels = self._pixels
        stored = pixels.dtype, pixels.scale, pixels.zero, pixels.blank
        return stored == (dtype, 1, zero, None)

    def _singles(self, rows):
        """Rows of float32; None of what is not stored so, or is no value of a detector."""
        if not self._is(">f4", 0):
            return None
        from .word_kernels import read_singles

        content, count, new = self._read(rows)
        values = np.empty((count, self.shape[1]), np.float32)
        words = np.frombuffer(content, np.uint32)
        total, largest = read_singles(words, new.start // 4, values.view(np.uint32).reshape(-1))
        self._total.add(int(total), new)
        return None if largest > _LARGEST else values

    def _flags(self, rows):
        """Rows of uint16; None of what is not stored so."""
        if not self._is(">i2", 2**15):
            return None
        from .word_kernels import read_flags

        content, count, new = self._read(rows)
        flags = np.empty((count, self.shape[1]), np.uint16)
        words = np.frombuffer(content, np.uint16)
        total = read_flags(words, new.start // 2, flags.reshape(-1))
        self._total.add(int(total), new)
        return flags


class StoredImage:
    """An image of a product in its file, read by rows.

    Attributes
    ----------
    shape : tuple of int
    unit : str
    """

    def __init__(self, planes: Sequence[Any], unit: str, name: str) -> None:
        # MASK is left out: DQ says the same
        self._data, self._uncert, _, self._flags = planes
        for plane in planes:
            if plane.shape != self._data.shape:
                raise CcdlibError(
                    f"{name}: a plane has {plane.shape} pixels, its image {self._data.shape}"
                )
        self._name, self.shape, self.unit = name, self._data.shape, unit

    def rows(self, rows: slice | list[int]) -> Image:
        """Some rows as an Image, in the order of a list or those of a slice."""
        variance = self._uncert[rows, _WHOLE]
        variance *= variance
        return Image(self._data[rows, _WHOLE], variance, self.flags(rows), self.unit)

    def flags(self, rows: slice | list[int]) -> np.ndarray:
        """The flags of some rows, without the rest."""
        flags = self._flags.integers(rows, _WHOLE)
        if flags is None:
            raise CcdlibError(f"{self._name}: its DQ plane does not hold 16-bit integers")
        return flags
