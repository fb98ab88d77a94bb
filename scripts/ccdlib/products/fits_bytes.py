"""An image and its header as the bytes of a FITS file, with checksums.

They are those that astropy writes, which takes a fifth of a light's time for its HDU objects, and
looks at each card again in each of them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..files import write_early
from ..frame.rows import CACHED_PIXELS, row_blocks
from ..raw.card_list import CardList

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import BinaryIO

    from astropy.io.fits import Header

__all__ = [
    *("Plane", "compile_kernels", "datasum", "encoded_checksum", "write_hdu", "write_table"),
]

_BLOCK = 2880
_BITPIX = {"f4": -32, "u1": 8, "u2": 16}
_HALF = 1 << 15
_ALL_ONES = 0xFFFF_FFFF
# ASCII's punctuation between its digits and letters, which a CHECKSUM must not hold
_PUNCTUATION = {*range(0x3A, 0x41), *range(0x5B, 0x61)}


def datasum(content: bytes | np.ndarray) -> int:
    """Ones' complement sum of bytes, taken as big-endian words of 32 bits.

    Parameters
    ----------
    content : bytes or ndarray
        Contiguous; as if filled up with zeros.
    """
    octets = np.frombuffer(content, np.uint8)
    whole = octets.size // 4 * 4
    rest = octets[whole:].tobytes().ljust(4, b"\0")
    words = octets[:whole].view(">u4").sum(dtype=np.uint64)
    return _folded(int(words) + int.from_bytes(rest, "big"))


def _folded(total):
    """A sum of words in ones' complement: what overflows is added at the other end."""
    while total > _ALL_ONES:
        total = (total & _ALL_ONES) + (total >> 32)
    return total


def encoded_checksum(total: int) -> str:
    """The CHECKSUM that brings the sum of an HDU to all ones (FITS standard 4.0, appendix J)."""
    columns = []
    for byte in (_ALL_ONES - total).to_bytes(4, "big"):
        letters = [byte // 4 + ord("0")] * 4
        letters[0] += byte % 4
        # of a pair one goes up as the other goes down
        while _PUNCTUATION.intersection(letters):
            for first in (0, 2):
                if _PUNCTUATION.intersection(letters[first : first + 2]):
                    letters[first] += 1
                    letters[first + 1] -= 1
        columns.append(letters)
    text = "".join(chr(letters[row]) for row in range(4) for letters in columns)
    return text[-1] + text[:-1]


class Plane(NamedTuple):
    """Pixels that are made, or looked up, as they are written.

    Attributes
    ----------
    shape : tuple of int
        (ny, nx).
    dtype : dtype
        float32, uint8 or uint16, in the machine's order of bytes.
    rows : callable
        Gives the array of a slice of rows.
    """

    shape: tuple[int, int]
    dtype: type[np.generic]
    rows: Callable[[slice], np.ndarray]

    @classmethod
    def of(cls, array: np.ndarray) -> Plane:
        """The pixels of an array, of any order of bytes."""
        kind = array.dtype.newbyteorder("=").type
        return cls(array.shape, kind, lambda rows: np.ascontiguousarray(array[rows], kind))

    def whole(self) -> np.ndarray:
        """All its pixels."""
        return self.rows(slice(None))


def _structure(plane, is_primary):
    """The cards that say what the data are."""
    cards: list[tuple[str, Any, str]] = [
        ("SIMPLE", True, "conforms to FITS standard")
        if is_primary
        else ("XTENSION", "IMAGE", "Image extension")
    ]
    shape = () if plane is None else plane.shape[::-1]
    kind = "u1" if plane is None else np.dtype(plane.dtype).str[1:]
    cards.append(("BITPIX", _BITPIX[kind], "array data type"))
    cards.append(("NAXIS", len(shape), "number of array dimensions"))
    cards += [(f"NAXIS{axis}", length, "") for axis, length in enumerate(shape, start=1)]
    if is_primary:
        cards.append(("EXTEND", True, ""))
    else:
        cards += [("PCOUNT", 0, "number of parameters"), ("GCOUNT", 1, "number of groups")]
    if kind == "u2":
        cards += [("BSCALE", 1, ""), ("BZERO", _HALF, "")]
    return cards


def _stored(values: np.ndarray) -> tuple[np.ndarray, int]:
    """The bytes of pixels as FITS stores them, and the sum of their words."""
    from .word_kernels import write_flags, write_singles

    if values.itemsize == 1:
        return values, datasum(values)
    kind, write = {4: (np.uint32, write_singles), 2: (np.uint16, write_flags)}[values.itemsize]
    content = np.empty(values.size, kind)
    # any other kind of array would be compiled anew
    words = np.require(values, requirements=["C", "A", "W"]).view(kind).reshape(-1)
    return content, int(write(words, content))


def compile_kernels() -> None:
    """Compile what writes and reads pixels, and fill the cache on disk with it."""
    from .word_kernels import read_flags, read_singles

    for kind, size, read in (
        (np.float32, np.uint32, read_singles),
        (np.uint16,) * 2 + (read_flags,),
    ):
        content, _ = _stored(np.zeros((2, 2), kind))
        read(np.frombuffer(content.tobytes(), size), 0, np.empty(4, size))


def _write_data(file, plane):
    """Write pixels and what fills their last block, and return the sum of their words."""
    if plane is None or not plane.shape[0] * plane.shape[1]:
        return 0
    total, size = 0, 0
    # no word lies in two bands
    height = -(-CACHED_PIXELS // plane.shape[1] // 4) * 4
    for rows in row_blocks(plane.shape, height):
        content, own = _stored(plane.rows(rows))
        file.write(content.data)
        write_early(file, content.nbytes)
        total, size = total + own, size + content.nbytes
    file.write(bytes(-size % _BLOCK))
    return _folded(total)


def write_hdu(
    file: BinaryIO,
    plane: Plane | None,
    header: CardList | Header,
    note: str,
    name: str = "",
    version: int | None = None,
) -> None:
    """Write one HDU.

    Parameters
    ----------
    file : binary file
        At its end.
    plane : Plane or None
        None for a primary HDU without data.
    header : CardList or Header
        Without the cards that describe the pixels.
    note : str
        Comment of the checksums.
    name : str
        Of an image extension; empty for the primary HDU.
    version : int or None
        EXTVER.
    """
    cards = CardList(_structure(plane, not name))
    cards.update(CardList.of(header))
    if name:
        cards["EXTNAME"] = (name, "extension name")
    if version is not None:
        cards["EXTVER"] = (version, "extension value")
    blank = "0" * 16
    cards["CHECKSUM"] = (blank, note)
    cards["DATASUM"] = ("0", note)
    # the sum is known once the pixels are written, and it stands before them
    start = file.tell()
    file.seek(len(cards.tostring()), os.SEEK_CUR)
    total = _write_data(file, plane)
    end = file.tell()
    cards["DATASUM"] = (str(total), note)
    text = cards.tostring().encode("ascii")
    checksum = encoded_checksum(datasum(total.to_bytes(4, "big") + text)).encode()
    place = text.index(b"CHECKSUM= '") + len("CHECKSUM= '")
    file.seek(start)
    file.write(text[:place] + checksum + text[place + len(blank) :])
    file.seek(end)


def write_table(
    file: BinaryIO, rows: np.ndarray, comments: Mapping[str, str], note: str, name: str
) -> None:
    """Write a table as an extension.

    Parameters
    ----------
    file : binary file
    rows : structured ndarray, shape (n,)
    comments : dict
        What each column is.
    note : str
        Comment of the checksums.
    name : str
        Of the extension.
    """
    import io

    from astropy.io import fits

    hdu = fits.BinTableHDU(rows, name=name)
    for number, column in enumerate(hdu.columns.names, start=1):
        hdu.header.comments[f"TTYPE{number}"] = comments[column]
    hdu.add_checksum(when=note)
    content = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(content, output_verify="exception")
    # without the primary HDU, which a table needs in a file of its own
    file.write(content.getvalue()[_BLOCK:])
