"""Pixels of a raw image, read by rows from where they lie in the file."""

import os
import shutil
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO

import numpy as np

from ..errors import CcdlibError

if TYPE_CHECKING:
    from astropy.io.fits import CompImageHDU, ImageHDU, PrimaryHDU

__all__ = [
    *(
        "LARGEST_VALUE",
        "STORED",
        "ArrayPixels",
        "FilePixels",
        "UpsideDown",
        "open_packed",
        "open_unpacked",
        "pixels_of",
        "refuse_bits_of_floats",
        "refuse_fractions",
    ),
]

_CHUNK = 1 << 20
# a value beyond it cannot be squared and scaled in single precision, and no detector gives it
LARGEST_VALUE = 1e15
# integers of up to 32 bits, and what is added to them, stay far below
_LARGEST_ZERO = 2.0**32
# integers of which all are larger are the bits of floats
_LARGEST_COUNT = 2.0**29
STORED = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}


# a converter's signed pixel is never lower; this one was above 32767 and wrapped round
_WRAPPED = -16384


def _check_wrapped(stored, name):
    """Refuse unsigned 16-bit pixels that were written as signed ones."""
    signed = stored.dtype.kind == "i" and stored.itemsize == 2
    if signed and stored.size and stored.min() < _WRAPPED:
        raise CcdlibError(
            f"{name}: pixels down to {stored.min()} with BITPIX=16 and BZERO=0: values "
            "above 32767 have wrapped round, BZERO=32768 is missing"
        )


def _single(values: np.ndarray) -> np.ndarray:
    """Values as float32, infinite where they are none that a detector gives.

    So they are flagged as what is not finite is, and do not make a whole frame fail.
    """
    with np.errstate(over="ignore"):
        found = values.astype(np.float32)
    far = np.abs(found) > LARGEST_VALUE
    if far.any():
        found[far] = np.copysign(np.float32(np.inf), found[far])
    return found


class ArrayPixels:
    """Pixels that are in memory, sliced in two axes as float32.

    Parameters
    ----------
    values : ndarray
    name : str
        For messages.
    """

    def __init__(self, values: np.ndarray, name: str = "") -> None:
        self.values, self.name, self.shape = values, name, values.shape

    def __getitem__(self, key: Any) -> np.ndarray:
        values = self.values[key]
        _check_wrapped(values, self.name)
        plain = values.dtype.kind != "f" and values.dtype.itemsize < 8
        return values.astype(np.float32) if plain else _single(values)

    def integers(self, rows: slice, columns: slice) -> np.ndarray | None:
        """See `FilePixels.integers`."""
        return self.values[rows, columns] if self.values.dtype == np.uint16 else None


class FilePixels:
    """Pixels of an uncompressed file, sliced in two axes as float32; rows may be a list.

    Whole rows are read with pread: a memory map would count against a limit on memory, and a
    file that shrinks under one kills the process without a word.

    Parameters
    ----------
    file : file object
        Open for reading in binary; kept open as long as this lives.
    name : str
        For messages.
    offset : int
        Where the pixels begin, in bytes.
    shape : tuple of int
        (ny, nx).
    dtype : str
        Type of a stored pixel.
    scale, zero : float
        value = stored * scale + zero, FITS's BSCALE and BZERO.
    blank : int or None
        The stored integer that stands for no value; it becomes NaN.
    """

    def __init__(
        self,
        file: BinaryIO,
        name: str,
        offset: int,
        shape: tuple[int, int],
        dtype: str | np.dtype,
        scale: float,
        zero: float,
        blank: int | None,
    ) -> None:
        self.scale, self.zero, self.blank = scale, zero, blank
        self.file, self.name, self.offset, self.shape = file, name, offset, shape
        self.dtype = np.dtype(dtype)

    def stored(self, rows: slice | list[int]) -> np.ndarray:
        """Rows of the numbers that are in the file, before BSCALE, BZERO and BLANK."""
        if isinstance(rows, slice):
            first, last, _ = rows.indices(self.shape[0])
            content, count = self.content(first, last), last - first
        else:
            content, count = b"".join(self.content(row, row + 1) for row in rows), len(rows)
        return np.frombuffer(content, self.dtype).reshape(count, self.shape[1])

    def content(self, first: int, last: int) -> bytes:
        """The bytes of rows `first` to `last`."""
        row_bytes = self.shape[1] * self.dtype.itemsize
        wanted = (last - first) * row_bytes
        content = os.pread(self.file.fileno(), wanted, self.offset + first * row_bytes)
        if len(content) != wanted:
            raise CcdlibError(
                f"{self.name}: shrank while it was read, {len(content)} bytes where rows "
                f"{first + 1} to {last} have {wanted}"
            )
        return content

    def integers(self, rows: slice | list[int], columns: slice) -> np.ndarray | None:
        """Pixels as 16-bit integers; None if they are stored in another way.

        Parameters
        ----------
        rows : slice or list of int
        columns : slice
        """
        if self.dtype.itemsize != 2 or self.blank is not None or self.scale != 1:
            return None
        if self.zero == 0:
            stored = self.stored(rows)[:, columns]
            _check_wrapped(stored, self.name)
            return stored
        if self.zero != 2**15 or self.dtype != ">i2":
            return None
        bits = self.stored(rows).view(">u2")[:, columns].astype(np.uint16)
        bits ^= np.uint16(2**15)
        return bits

    def __getitem__(self, key: tuple[slice | list[int], slice]) -> np.ndarray:
        rows, columns = key
        stored = self.stored(rows)[:, columns]
        if stored.dtype == ">f4" and (self.scale, self.zero) == (1, 0):
            return _single(stored)
        # an unsigned 32-bit pixel of 1000 is stored as 1000 - 2^31, beyond a float32's digits
        values: np.ndarray = stored.astype(np.float64 if stored.itemsize > 2 else np.float32)
        if self.scale != 1:
            values *= self.scale
        if self.zero != 0:
            values += self.zero
        else:
            valued = stored if self.blank is None else stored[stored != self.blank]
            _check_wrapped(valued, self.name)
        if self.blank is not None:
            values[stored == self.blank] = np.nan
        plain = stored.dtype.kind != "f" and stored.itemsize < 8
        if plain and self.scale == 1 and abs(self.zero) < _LARGEST_ZERO:
            return values.astype(np.float32, copy=False)
        return _single(values)


class UpsideDown:
    """Pixels with the last row first; see `FilePixels`.

    Parameters
    ----------
    pixels : ArrayPixels or FilePixels
    """

    def __init__(self, pixels: "ArrayPixels | FilePixels") -> None:
        self.pixels, self.name, self.shape = pixels, pixels.name, pixels.shape

    def _stored(self, rows: slice) -> slice:
        first, last, _ = rows.indices(self.shape[0])
        return slice(self.shape[0] - last, self.shape[0] - first)

    def __getitem__(self, key: tuple[slice, slice]) -> np.ndarray:
        return np.ascontiguousarray(self.pixels[self._stored(key[0]), key[1]][::-1])

    def integers(self, rows: slice, columns: slice) -> np.ndarray | None:
        """See `FilePixels.integers`."""
        values = self.pixels.integers(self._stored(rows), columns)
        return None if values is None else np.ascontiguousarray(values[::-1])


def _unpacked(hdu, file, name):
    """The data of a compressed HDU; an error in a damaged one names the file."""
    try:
        if hdu.header["BITPIX"] > 0 and "BLANK" in hdu.header:
            return _with_undefined(hdu, file)
        return hdu.data
    except Exception as error:
        raise CcdlibError(f"{name}: its compressed pixels cannot be read: {error}") from error


def _with_undefined(hdu, file):
    """Integers in tiles as float32, NaN where they are BLANK.

    astropy makes unsigned integers of them, in which BLANK is lost.
    """
    from astropy.io import fits

    where = hdu.fileinfo()["hdrLoc"]
    with _kept(file) as own, fits.open(own, memmap=False, do_not_scale_image_data=True) as hdus:
        (stored,) = (each.data for each in hdus if each.fileinfo()["hdrLoc"] == where)
    scale, zero = hdu.header.get("BSCALE", 1.0), hdu.header.get("BZERO", 0.0)
    values = stored * np.float64(scale) + np.float64(zero)
    values[stored == hdu.header["BLANK"]] = np.nan
    return values.astype(np.float32)


def _kept(file):
    """A second, read-only handle; astropy would update a file that can be written."""
    return open(os.dup(file.fileno()), "rb")


def _spilled(values, name, opened):
    """The pixels of an array, moved to an unnamed file in TMPDIR."""
    with tempfile.TemporaryFile() as file:
        np.ascontiguousarray(values).tofile(file)
        own = opened.enter_context(_kept(file))
        return FilePixels(own, name, 0, values.shape, values.dtype, 1.0, 0.0, None)


def open_packed(path: str | Path) -> IO[bytes] | None:
    """A file that is compressed as a whole, unpacked as it is read; None for any other file."""
    ending = os.path.splitext(path)[1].lower()
    if ending == ".gz":
        from isal import igzip

        return igzip.open(path)
    if ending == ".bz2":
        import bz2

        return bz2.open(path)
    return None


def open_unpacked(path: str | Path) -> BinaryIO:
    """A raw file opened for reading; one that is compressed as a whole is unpacked into TMPDIR.

    There it has no name and is gone when it is closed, or when the process dies.

    Returns
    -------
    binary file with a descriptor
    """
    packed = open_packed(path)
    if packed is None:
        return open(path, "rb")
    with tempfile.TemporaryFile() as file, packed:
        shutil.copyfileobj(packed, file, _CHUNK)
        file.seek(0)
        return _kept(file)


def refuse_fractions(images: Iterable[np.ndarray], name: str) -> None:
    """Refuse floats from 0 to 1, which stackers write; no raw frame has such values.

    Parameters
    ----------
    images : iterable of ndarray
        All images of floats of a file, whole or in parts. They are looked at until one has a value
        that is none.
    name : str
        For messages.
    """
    low, high = np.inf, -np.inf
    for data in images:
        values = data[np.isfinite(data)]
        if values.size:
            low, high = min(low, values.min()), max(high, values.max())
        if low < 0 or high > 1:
            return
    if low < high:
        raise CcdlibError(
            f"{name}: values from {low:.3g} to {high:.3g}: these are fractions, of 65535 mostly, "
            "as stackers write them (Siril, PixInsight, Astro Pixel Processor); the raw frames are "
            "wanted, as the camera's program wrote them"
        )


def refuse_bits_of_floats(images: Iterable[np.ndarray], name: str) -> None:
    """Refuse integers that are the bits of floats, which BITPIX or ZBITPIX calls integers.

    Those of 1 to 65535 lie between 1.06e9 and 1.2e9.

    Parameters
    ----------
    images : iterable of ndarray
        All images of integers of 32 bits of a file, whole or in parts. They are looked at until one
        has a value that a detector gives.
    name : str
        For messages.
    """
    least = np.inf
    for data in images:
        least = min(least, data.min()) if data.size else least
        if least < _LARGEST_COUNT:
            return
    if np.isfinite(least):
        raise CcdlibError(
            f"{name}: no value below {least:.3g}, which no detector gives: these are floats that "
            "BITPIX, or ZBITPIX of tiles, calls integers of 32 bits"
        )


def pixels_of(
    hdu: "ImageHDU | PrimaryHDU | CompImageHDU",
    file: BinaryIO,
    name: str,
    spilled: ExitStack | None = None,
) -> ArrayPixels | FilePixels:
    """The pixels of an image HDU.

    Parameters
    ----------
    hdu : ImageHDU, PrimaryHDU or CompImageHDU
    file : file object
        The open file.
    name : str
        For messages.
    spilled : ExitStack or None
        Closes the file in TMPDIR into which an image of compressed tiles, which is unpacked whole,
        goes; without it, into memory.
    """
    from astropy.io.fits import CompImageHDU

    header = hdu.header
    shape = header["NAXIS2"], header["NAXIS1"]
    if isinstance(hdu, CompImageHDU):
        values = _unpacked(hdu, file, name).reshape(shape)
        return ArrayPixels(values, name) if spilled is None else _spilled(values, name, spilled)
    scale, zero = header.get("BSCALE", 1.0), header.get("BZERO", 0.0)
    blank = header.get("BLANK") if header["BITPIX"] > 0 else None
    offset = hdu.fileinfo()["datLoc"]
    return FilePixels(file, name, offset, shape, STORED[header["BITPIX"]], scale, zero, blank)
