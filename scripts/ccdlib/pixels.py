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
    values : ndarray
    """

    def __init__(self, values):
        self.values = values

    def __getitem__(self, key):
        return self.values[key].astype(np.float32)


class FilePixels:
    """Pixels of an uncompressed file, sliced in two axes as float32.

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
    scale, zero : float
        value = stored * scale + zero, FITS's BSCALE and BZERO.
    blank : int or None
        The stored integer that stands for no value; it becomes NaN.
    """

    def __init__(self, file, name, offset, shape, dtype, scale, zero, blank):
        self.scale, self.zero, self.blank = scale, zero, blank
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

    def __getitem__(self, key):
        rows, columns = key
        stored = self._rows(rows)[:, columns]
        # an unsigned 32-bit pixel of 1000 is stored as 1000 - 2^31, beyond a float32's digits
        values = stored.astype(np.float64 if stored.itemsize > 2 else np.float32)
        if self.scale != 1:
            values *= self.scale
        if self.zero != 0:
            values += self.zero
        if self.blank is not None:
            values[stored == self.blank] = np.nan
        return values.astype(np.float32, copy=False)


def _unpacked(hdu, name):
    """The data of an HDU of a packed file; whatever a damaged one raises names the file."""
    try:
        return hdu.data
    except Exception as error:
        raise CcdlibError(f"{name}: its compressed pixels cannot be read: {error}") from error


def pixels_of(hdu, file, name, packed):
    """The pixels of an image HDU.

    Parameters
    ----------
    hdu : ImageHDU, PrimaryHDU or CompImageHDU
    file : file object
        The open file.
    name : str
        For messages.
    packed : bool
        Whether the whole file is compressed. Such a file and one of compressed tiles are
        unpacked whole.
    """
    from astropy.io.fits import CompImageHDU

    header = hdu.header
    shape = header["NAXIS2"], header["NAXIS1"]
    if packed or isinstance(hdu, CompImageHDU):
        return ArrayPixels(_unpacked(hdu, name).reshape(shape))
    scale, zero = header.get("BSCALE", 1.0), header.get("BZERO", 0.0)
    blank = header.get("BLANK") if header["BITPIX"] > 0 else None
    offset = hdu.fileinfo()["datLoc"]
    return FilePixels(file, name, offset, shape, _STORED[header["BITPIX"]], scale, zero, blank)
