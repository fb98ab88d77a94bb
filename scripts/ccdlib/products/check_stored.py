"""What a product's own checksums say against it."""

import os
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

import numpy as np

from ..raw.stored_pixels import open_unpacked
from ..state import unsealed

__all__ = ["PartialSum", "check_stored", "damage", "damaged_headers", "opened"]

_CHUNK = 1 << 20
# the extension that a whole product ends with, by IMAGETYP, and that of frames and masters
_LAST = dict.fromkeys(("stack", "illumination", "fringe"), "FRAMES")
_LAST_OF_OTHERS = "DQ"
# what goes with each image
_PLANES = ("UNCERT", "MASK", "DQ")
# what the 32-bit words of an HDU with a CHECKSUM add up to
_ALL_ONES = 0xFFFFFFFF
_SUMS = re.compile(rb"(CHECKSUM|DATASUM )= +'([^']*)'")


class PartialSum:
    """The sum of the first bytes of an extension's data, as they are read for another purpose.

    Attributes
    ----------
    size : int
        How many bytes are added up; a multiple of four.
    total : int
        Their sum as 32-bit words.
    """

    def __init__(self) -> None:
        self.size, self.total = 0, 0

    def new(self, start: int, size: int) -> slice:
        """Which of some bytes are to be added next; none of bytes that leave a gap.

        Parameters
        ----------
        start : int
            Where in the data they begin.
        size : int
        """
        known = self.size - start
        words = (size - known) // 4 * 4
        return slice(known, known + words) if known >= 0 and words > 0 else slice(size, size)

    def add(self, total: int, new: slice) -> None:
        """Add the sum of bytes that `new` told."""
        self.total += total
        self.size += new.stop - new.start


def _words(content):
    """The sum of bytes as 32-bit words; six times as fast as SHA-256."""
    return int(np.add.reduce(np.frombuffer(content, ">u4"), dtype=np.uint64))


def _folded(total):
    """A sum of 32-bit words in ones' complement: what overflows is added at the other end."""
    while total >> 32:
        total = (total & _ALL_ONES) + (total >> 32)
    return total


def _sum(file, start, size):
    """The sum of some bytes of a file as 32-bit words."""
    total, end = 0, start + size
    file.seek(start)
    for at in range(start, end, _CHUNK):
        content = file.read(min(_CHUNK, end - at))
        if len(content) != min(_CHUNK, end - at):
            raise OSError(f"ends after {at + len(content)} of {end} bytes")
        total += _words(content)
    return _folded(total)


def _cards(file, start, end):
    """{keyword: value} of the checksums in a header."""
    file.seek(start)
    header = file.read(end - start)
    cards = (header[at : at + 80] for at in range(0, len(header), 80))
    found = filter(None, map(_SUMS.match, cards))
    return {each[1].decode().strip(): each[2].decode("ascii", "replace") for each in found}


def damage(
    hdus: Iterable[tuple[str, tuple[int, int, int]]],
    file: BinaryIO,
    sums: Mapping[int, PartialSum] = MappingProxyType({}),
) -> Iterator[str]:
    """Yield one line for each extension that is not as its own checksums say.

    Parameters
    ----------
    hdus : iterable of (str, (int, int, int))
        Name of each HDU, and where in the file its header begins, its data begin and these end.
    file : binary file
    sums : dict
        {where data begin: `PartialSum`} of data that are added up in part.
    """
    end = 0
    for name, (start, middle, end) in hdus:
        cards = _cards(file, start, middle)
        known = sums.get(middle, PartialSum())
        data = _folded(known.total + _sum(file, middle + known.size, end - middle - known.size))
        if cards.get("DATASUM", str(data)).strip() != str(data):
            yield f"{name}: its data are not those of its DATASUM"
        elif "CHECKSUM" in cards:
            header = _sum(file, start, middle - start)
            if _folded(header + data) != _ALL_ONES:
                yield f"{name}: its header is not that of its CHECKSUM"
    if end != (size := file.seek(0, os.SEEK_END)):
        yield f"its extensions end after {end} of {size} bytes"


def damaged_headers(
    hdus: Iterable[tuple[str, tuple[int, int, int]]], file: BinaryIO
) -> Iterator[str]:
    """Yield one line for each header that is not as its checksums say, whatever the data are.

    Parameters
    ----------
    hdus, file
        As of `damage`.
    """
    for name, (start, middle, _) in hdus:
        cards = _cards(file, start, middle)
        data = cards.get("DATASUM", "").strip()
        if not cards.keys() >= {"CHECKSUM", "DATASUM"}:
            continue
        header = _sum(file, start, middle - start)
        if not data.isdecimal() or _folded(header + int(data)) != _ALL_ONES:
            yield f"{name}: its header is not that of its CHECKSUM"


def _places(hdus):
    """Names and places of astropy's HDUs."""
    for number, hdu in enumerate(hdus):
        where = hdu.fileinfo()
        end = where["datLoc"] + where["datSpan"]
        yield hdu.name if number else "PRIMARY", (where["hdrLoc"], where["datLoc"], end)


def opened(file: BinaryIO) -> tuple[Any, list[str]]:
    """Open a product.

    Parameters
    ----------
    file : binary file

    Returns
    -------
    hdus : HDUList or None
        None when it cannot be read at all.
    wrong : list of str
        What its own checksums say against it.
    """
    from astropy.io import fits

    hdus = None
    # what astropy warns of is damage
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            hdus = fits.open(file, memmap=False, lazy_load_hdus=False)
            wrong = list(damage(_places(hdus), file))
        # a damaged file can raise anything inside a FITS reader
        except Exception as error:
            text = " ".join(str(error).split())
            wrong = [f"cannot be read: {type(error).__name__}: {text}"]
    return hdus, wrong


def check_stored(path: str | Path) -> list[str]:
    """What a product's own checksums say against it.

    Returns
    -------
    list of str
        One line for each extension that is not as it was written.
    """
    if Path(path).suffix == ".json":
        return [] if unsealed(path) else ["its content is not that of its SHA-256"]
    with open_unpacked(path) as file:
        hdus, wrong = opened(file)
        if not hdus:
            return wrong
        last = hdus[-1].name or "PRIMARY"
        expected = _LAST.get(hdus[0].header.get("IMAGETYP"), _LAST_OF_OTHERS)
        if last != expected:
            return [*wrong, f"ends with {last} instead of {expected}"]
        # a header that is damaged has perhaps no name
        return wrong or list(_misplaced([(hdu.name, hdu.ver) for hdu in hdus]))


def _misplaced(names):
    """What is there twice, or not of each image; each extension by itself may be as written."""
    for name, version in dict.fromkeys(names):
        if (count := names.count((name, version))) > 1:
            yield f"{name or 'PRIMARY'}: is there {count} times"
    images = {version for name, version in names if name == "SCI"} or {1}
    for plane in _PLANES:
        found = {version for name, version in names if name == plane}
        for version in sorted(found ^ images):
            yield f"image {version} and {plane} do not go together: one of them is missing"
