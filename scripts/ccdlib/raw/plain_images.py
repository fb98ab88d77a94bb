"""Where the images of a FITS file lie, read from the bytes of simple headers.

A light opens four masters of five HDUs or so. astropy makes an object of each and looks at all its
cards, which takes longer than reading their pixels.
"""

import math
import os
import re
from typing import BinaryIO, NamedTuple

from .stored_pixels import STORED, FilePixels

__all__ = ["PlainImage", "plain_images"]

_BLOCK, _CARD = 2880, 80
_NAMED = rb"(XTENSION|EXTNAME|BUNIT|BITPIX|NAXIS[12]?|PCOUNT|GCOUNT|BSCALE|BZERO|BLANK) *="
# such a card of which no plain value can be read, and flags that are none
_STRUCTURAL = re.compile(_NAMED + rb"|GROUPS *=|(SIMPLE|EXTEND) *=(?! *[TF] *(?:/|$))")
_STRUCTURE = re.compile(_NAMED + rb" *('[^']*'|[-+.\dEe]+) *(?:/|$)")


class PlainImage(NamedTuple):
    """An image HDU, or a primary HDU without data.

    Attributes
    ----------
    name : str
        EXTNAME, empty without one.
    unit : str
        BUNIT, empty without one.
    header : bytes
        All its cards.
    shape : tuple of int
        (ny, nx), or () without data.
    dtype : str
        Type of a stored pixel.
    scale, zero : float
    blank : int or None
    start, offset : int
        Where header and pixels begin in the file.
    """

    name: str
    unit: str
    header: bytes
    shape: tuple[int, ...]
    dtype: str
    scale: float
    zero: float
    blank: int | None
    start: int
    offset: int

    @property
    def place(self) -> tuple[int, int, int]:
        """Where header and data begin in the file, and where the data end, filled up."""
        length = math.prod(self.shape) * int(self.dtype[-1]) if self.shape else 0
        return self.start, self.offset, self.offset + -(-length // _BLOCK) * _BLOCK

    def pixels(self, file: BinaryIO, name: str) -> FilePixels:
        """Its pixels, read by rows.

        Parameters
        ----------
        file : binary file
            Where it was found.
        name : str
            For messages.
        """
        ny, nx = self.shape
        place = self.offset, (ny, nx), self.dtype
        return FilePixels(file, name, *place, self.scale, self.zero, self.blank)


def _header(file):
    """The bytes of the header at the file's position; None where the file ends within it."""
    blocks = []
    while len(block := file.read(_BLOCK)) == _BLOCK:
        blocks.append(block)
        # the last card of a header is followed by blanks alone
        text = block.rstrip(b" ")
        if text.endswith(b"END") and (len(text) - 3) % _CARD == 0:
            return b"".join(blocks)
    return None


def _facts(header):
    """What the cards say of the structure; None where one says it twice, or not plainly."""
    found = {}
    for start in range(0, len(header), _CARD):
        card = header[start : start + _CARD]
        match = _STRUCTURE.match(card)
        if match is None and _STRUCTURAL.match(card):
            return None
        if match:
            keyword, text = match[1].decode(), match[2].decode("ascii")
            if keyword in found:
                return None
            found[keyword] = text[1:-1].rstrip() if text[0] == "'" else float(text)
    return found


def _image(header, offset, is_primary):
    """An HDU from its cards, None where it is no plain image."""
    facts = _facts(header)
    if facts is None or facts.get("XTENSION", "IMAGE" if is_primary else "") != "IMAGE":
        return None
    axes, bitpix = facts.get("NAXIS"), facts.get("BITPIX")
    if (axes, facts.get("PCOUNT", 0), facts.get("GCOUNT", 1)) not in ((0, 0, 1), (2, 0, 1)):
        return None
    sides = (facts["NAXIS2"], facts["NAXIS1"]) if axes else ()
    if any(side < 0 or side != int(side) for side in sides):
        return None
    shape = tuple(map(int, sides))
    return PlainImage(
        facts.get("EXTNAME", ""),
        facts.get("BUNIT", ""),
        header,
        shape,
        STORED[int(bitpix)],
        facts.get("BSCALE", 1.0),
        facts.get("BZERO", 0.0),
        int(facts["BLANK"]) if bitpix > 0 and "BLANK" in facts else None,
        offset - len(header),
        offset,
    )


def plain_images(file: BinaryIO) -> list[PlainImage] | None:
    """The HDUs of a FITS file, if all are images that lie in it as they are.

    Parameters
    ----------
    file : binary file
        Open at its beginning.

    Returns
    -------
    list of PlainImage or None
        None for tables, tiles, other numbers of axes, a file that is damaged or ends early, and
        whatever else is better left to a FITS library.
    """
    found: list[PlainImage] = []
    position, size = 0, os.fstat(file.fileno()).st_size
    while position < size:
        file.seek(position)
        header = _header(file)
        try:
            image = header and _image(header, file.tell(), not found)
        except (KeyError, ValueError, TypeError):
            return None
        if not image:
            return None
        found.append(image)
        *_, position = image.place
    # one that ends early is damaged
    return found if found and position == size else None
