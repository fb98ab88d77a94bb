"""Pixels of a raw image, read by rows from where they lie in the file."""

import os

import numpy as np

from .errors import CcdlibError

__all__ = ["ArrayPixels", "FilePixels", "pixels_of"]

_STORED = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}


class ArrayPixels:
    """Pixels that are in memory, sliced in two axes as float32.

    Parameters
    ----------
    stored : ndarray
        As they are in the file.
    scale, zero : float
        value = stored * scale + zero, FITS's BSCALE and BZERO.
    blank : int or None
        The stored integer that stands for no value; it becomes NaN.
    """

    def __init__(self, stored, scale=1.0, zero=0.0, blank=None):
        self.stored, self.scale, self.zero, self.blank = stored, scale, zero, blank

    def _rows(self, rows):
        return self.stored[rows]

    def __getitem__(self, key):
        rows, columns = key
        stored = self._rows(rows)[:, columns]
        values = stored.astype(np.float32)
        if self.scale != 1:
            values *= np.float32(self.scale)
        if self.zero != 0:
            values += np.float32(self.zero)
        if self.blank is not None:
            values[stored == self.blank] = np.nan
        return values


class FilePixels(ArrayPixels):
    """Pixels of an uncompressed file.

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
        Of a stored pixel.
    """

    def __init__(self, file, name, offset, shape, dtype, scale, zero, blank):
        super().__init__(None, scale, zero, blank)
        self.file, self.name, self.offset, self.shape = file, name, offset, shape
        self.dtype = np.dtype(dtype)

    def _rows(self, rows):
        first, last, _ = rows.indices(self.shape[0])
        row_bytes = self.shape[1] * self.dtype.itemsize
        wanted = (last - first) * row_bytes
        content = os.pread(self.file.fileno(), wanted, self.offset + first * row_bytes)
        if len(content) != wanted:
            raise CcdlibError(
                f"{self.name}: shrank while it was read, {len(content)} bytes where rows "
                f"{first + 1} to {last} have {wanted}"
            )
        return np.frombuffer(content, self.dtype).reshape(last - first, self.shape[1])


def pixels_of(hdu, file, name, packed):
    """The pixels of an image HDU.

    Parameters
    ----------
    hdu : ImageHDU, PrimaryHDU or CompImageHDU
        Opened without scaling its data.
    file : file object
        The open file.
    name : str
    packed : bool
        Whether the file is compressed: then the image is unpacked whole.
    """
    header = hdu.header
    shape = header["NAXIS2"], header["NAXIS1"]
    if packed:
        stored = hdu.data.reshape(shape)
        if str(name).lower().endswith(".fz"):
            return ArrayPixels(stored)
    scale, zero = header.get("BSCALE", 1.0), header.get("BZERO", 0.0)
    blank = header.get("BLANK") if header["BITPIX"] > 0 else None
    if packed:
        return ArrayPixels(stored, scale, zero, blank)
    offset = hdu.fileinfo()["datLoc"]
    return FilePixels(file, name, offset, shape, _STORED[header["BITPIX"]], scale, zero, blank)
