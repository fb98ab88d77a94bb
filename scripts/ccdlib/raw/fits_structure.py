"""Checks of a FITS file's structure, made before a FITS library opens it.

A damaged card can make the library loop over a hundred million axes, or read a file that
unpacks to terabytes as one header.
"""

import re
from typing import BinaryIO

from ..errors import CcdlibError

__all__ = ["LARGEST", "check_structure"]

# bytes that a packed file may unpack to; each process that indexes needs about twice as much
LARGEST = 2**30
# far longer than the header of any camera
_LONGEST_HEADER = 4 * 2**20
_BLOCK = 2880
# the largest mosaics have a tenth of it
_MOST_EXTENSIONS = 1000
_STRUCTURAL = re.compile(rb"(BITPIX|NAXIS\d{0,3}|PCOUNT|GCOUNT) *= *([^/]*)")
_BITPIX = (8, 16, 32, 64, -32, -64)


def _header(file, source):
    """The cards of the header at the source's position; None if the file ends before it."""
    cards: list[bytes] = []
    while len(cards) * 80 < _LONGEST_HEADER:
        block = source.read(_BLOCK)
        if len(block) < _BLOCK:
            return None
        own = [block[start : start + 80] for start in range(0, _BLOCK, 80)]
        cards += own
        if any(card.rstrip() == b"END" for card in own):
            return cards
    raise CcdlibError(f"{file}: a header without END in {_LONGEST_HEADER} bytes")


def _integer(file, keyword, text):
    try:
        return int(text)
    except ValueError:
        shown = text.decode("ascii", "replace").strip()
        raise CcdlibError(f"{file}: {keyword}={shown} is not an integer") from None


def _data_bytes(file, cards):
    """The bytes of data that a header announces."""
    found = {}
    for card in cards:
        match = _STRUCTURAL.match(card)
        if match:
            keyword = match[1].decode()
            found[keyword] = _integer(file, keyword, match[2])
    axes, bitpix = found.get("NAXIS", 0), found.get("BITPIX", 8)
    if not 0 <= axes <= 9:
        raise CcdlibError(f"{file}: NAXIS={axes}, a frame has two axes")
    if bitpix not in _BITPIX:
        raise CcdlibError(f"{file}: BITPIX={bitpix} is not one of {', '.join(map(str, _BITPIX))}")
    negative = [
        f"{keyword}={value}"
        for keyword, value in found.items()
        if value < 0 and keyword != "BITPIX"
    ]
    if negative:
        raise CcdlibError(f"{file}: {negative[0]} is negative")
    pixels = 1 if axes else 0
    for axis in range(1, axes + 1):
        pixels *= found.get(f"NAXIS{axis}", 0)
    return abs(bitpix) // 8 * found.get("GCOUNT", 1) * (found.get("PCOUNT", 0) + pixels)


def check_structure(file: str, source: BinaryIO, size: int) -> None:
    """Check the headers of a FITS file for numbers that no frame has.

    Parameters
    ----------
    file : str
        Name for messages.
    source : binary file
        The open file; it is read from the beginning.
    size : int
        Its length in bytes.

    Raises
    ------
    CcdlibError
        If there are more than 1000 extensions, a header does not end within 4 MB, BITPIX, NAXIS, an
        axis, PCOUNT or GCOUNT is impossible, or the data are truncated.
    """
    position = count = 0
    while position < size:
        if (count := count + 1) > _MOST_EXTENSIONS:
            raise CcdlibError(f"{file}: more than {_MOST_EXTENSIONS} extensions")
        source.seek(position)
        cards = _header(file, source)
        if cards is None or (position and not cards[0].startswith(b"XTENSION")):
            return
        data = _data_bytes(file, cards)
        position += len(cards) * 80
        if size < position + data:
            needed = position + data
            raise CcdlibError(f"{file}: truncated, {size} bytes where the headers need {needed}")
        position += -(-data // _BLOCK) * _BLOCK
