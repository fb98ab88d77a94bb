"""Checks of a FITS file's structure, made before a FITS library opens it.

A damaged card can make the library loop over a hundred million axes, or read a file that
unpacks to terabytes as one header.
"""

import math
import re
from typing import BinaryIO

from ..errors import CcdlibError

__all__ = ["LARGEST", "check_structure"]

# bytes that a packed file, or an image of tiles, may unpack to; each process that indexes needs
# about twice as much
LARGEST = 2**30
# a tile costs 20 to 30 us besides its pixels
_MOST_TILES = 10**6
# far longer than the header of any camera
_LONGEST_HEADER = 4 * 2**20
_BLOCK = 2880
# so many bytes behind the last HDU tell whether there is anything
_LOOKED_AT = 2**20
# the largest mosaics have a tenth of it
_MOST_EXTENSIONS = 1000
_STRUCTURAL = re.compile(rb"(BITPIX|NAXIS\d{0,3}|PCOUNT|GCOUNT) *= *([^/]*)")
_TILES = re.compile(rb"(ZBITPIX|ZNAXIS\d{0,3}|ZTILE\d{1,3}) *= *([^/]*)")
_SIMPLE = re.compile(rb"SIMPLE *= *([^/]*)")
# what a library looks up in each header, and the values that do not end it
_LOOKED_UP = re.compile(rb"(EXTEND|GROUPS|BZERO|BSCALE|BLANK) *= *(.*)", re.DOTALL)
_VALUE = re.compile(
    rb"(?:'(?:[^']|'')*'|[TF]|[+-]?[\d.]+(?:[EeDd][+-]?\d+)?|\([^)]*\))? *(?:/.*)?", re.DOTALL
)
# how RICE names its parameters, and their values
_RICE = re.compile(rb"ZCMPTYPE= *'RICE_")
# the column by which floats were made integers
_QUANTISED = re.compile(rb"TTYPE\d+ *= *'ZSCALE *'")
_PARAMETERS = re.compile(rb"(ZNAME|ZVAL)(\d{1,2}) *= *'? *([^'/ ]*)")
_ARE_TILES = re.compile(rb"ZIMAGE *= *T")
# values beyond it are none that a detector gives, and products hold them in single precision
_LARGEST_SCALE = 1e30
# what turns stored integers into values
_SCALING = re.compile(rb"(Z?BLANK|BSCALE|BZERO|ZSCALE|ZZERO) *= *([^/]*)")
_FACTORS = ("BSCALE", "ZSCALE")
# BZERO of unsigned integers, and their bits
_UNSIGNED = {2.0**15: 16, 2.0**31: 32, 2.0**63: 64}
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


def _integers(file, cards, pattern):
    """The integers of some cards; of two that differ astropy takes now the first, now the last."""
    found: dict[str, int] = {}
    for card in cards:
        if match := pattern.match(card):
            keyword = match[1].decode()
            value = _integer(file, keyword, match[2])
            if (first := found.setdefault(keyword, value)) != value:
                raise CcdlibError(f"{file}: {keyword}={first} and {keyword}={value} in one header")
    return found


def _check_scaling(file, cards):
    """Refuse an impossible scaling, and two in one header: libraries take the first or the last.

    Returns BZERO.
    """
    found: dict[str, float | str] = {}
    for match in filter(None, map(_SCALING.match, cards)):
        keyword, text = match[1].decode(), match[2].decode("ascii", "replace").strip()
        try:
            value: float | str = float(text)
        except ValueError:
            value = text
        if isinstance(value, float) and _is_absurd(keyword, value):
            raise CcdlibError(f"{file}: {keyword}={text} is no scaling of a frame's pixels")
        if (first := found.setdefault(keyword, value)) != value:
            raise CcdlibError(f"{file}: {keyword}={first} and {keyword}={value} in one header")
    return found.get("BZERO")


def _check_bits(file, cards, zero):
    """Refuse integers of fewer bits than those that their offset makes unsigned.

    Tiles of gzip, HCOMPRESS and PLIO are unpacked to whatever ZBITPIX says, values wrapped.
    """
    bitpix = _integers(file, cards, _TILES).get("ZBITPIX")
    keyword = "BITPIX" if bitpix is None else "ZBITPIX"
    bitpix = _integers(file, cards, _STRUCTURAL).get("BITPIX", 8) if bitpix is None else bitpix
    bits = _UNSIGNED.get(zero, 0)
    if 0 < bitpix < bits:
        raise CcdlibError(
            f"{file}: {keyword}={bitpix} with BZERO={zero:.0f}, which is that of integers of "
            f"{bits} bits: one of the two is wrong"
        )


def _is_absurd(keyword, value):
    """Whether pixels that are scaled so are none that a detector gives, or all of one value."""
    factor = keyword in _FACTORS and value != 0
    return not abs(value) < _LARGEST_SCALE or (factor and abs(value) < 1 / _LARGEST_SCALE)


def _check_standard(file, cards):
    """Refuse what says itself that its pixels need not lie as the standard wants."""
    simple = filter(None, map(_SIMPLE.match, cards))
    values = {match[1].decode("ascii", "replace").strip() for match in simple}
    if len(values) > 1 or not values <= {"T", "F"}:
        raise CcdlibError(f"{file}: SIMPLE={' and SIMPLE='.join(sorted(values))}, not T alone")
    if "F" in values:
        raise CcdlibError(f"{file}: SIMPLE=F, which does not follow the FITS standard")
    for match in filter(None, map(_LOOKED_UP.match, cards)):
        if not _VALUE.fullmatch(match[2]):
            text = match[2].decode("ascii", "replace").strip()
            raise CcdlibError(f"{file}: {match[1].decode()}={text} is no value that FITS knows")


def _axes(file, found, prefix=""):
    """Bytes of a pixel and the lengths of the axes of an image, or of the one in its tiles."""
    axes, bitpix = found.get(f"{prefix}NAXIS", 0), found.get(f"{prefix}BITPIX", 8)
    if not 0 <= axes <= 9:
        raise CcdlibError(f"{file}: {prefix}NAXIS={axes}, a frame has two axes")
    if bitpix not in _BITPIX:
        listed = ", ".join(map(str, _BITPIX))
        raise CcdlibError(f"{file}: {prefix}BITPIX={bitpix} is not one of {listed}")
    negative = [
        f"{keyword}={value}"
        for keyword, value in found.items()
        if value < 0 and keyword != f"{prefix}BITPIX"
    ]
    if negative:
        raise CcdlibError(f"{file}: {negative[0]} is negative")
    lengths = [found.get(f"{prefix}NAXIS{axis}", 0) for axis in range(1, axes + 1)]
    return abs(bitpix) // 8, lengths


def _data_bytes(file, cards):
    """The bytes of data that a header announces."""
    found = _integers(file, cards, _STRUCTURAL)
    bytes_each, lengths = _axes(file, found)
    pixels = math.prod(lengths) if lengths else 0
    return bytes_each * found.get("GCOUNT", 1) * (found.get("PCOUNT", 0) + pixels)


def _check_tiles(file, cards):
    """Refuse an image in tiles that is larger than memory, or has more tiles than rows for them."""
    found = _integers(file, cards, _TILES)
    bytes_each, lengths = _axes(file, found, "Z")
    size = bytes_each * math.prod(lengths)
    shape = " x ".join(map(str, lengths))
    if size > LARGEST:
        raise CcdlibError(
            f"{file}: tiles of an image of {shape} pixels (ZNAXISn) unpack to {size} bytes, more "
            f"than {LARGEST}"
        )
    tiles = [found.get(f"ZTILE{axis}", 1) for axis in range(1, len(lengths) + 1)]
    if lengths and "ZTILE1" not in found:
        tiles[0] = lengths[0]
    if 0 in tiles:
        raise CcdlibError(f"{file}: ZTILE{tiles.index(0) + 1}=0, a tile has pixels")
    number = math.prod(-(-length // tile) for length, tile in zip(lengths, tiles, strict=True))
    rows = _integers(file, cards, _STRUCTURAL).get("NAXIS2", 0)
    if number > min(rows, _MOST_TILES):
        listed = " x ".join(map(str, tiles))
        raise CcdlibError(
            f"{file}: {shape} pixels (ZNAXISn) in tiles of {listed} (ZTILEn) are {number} tiles, "
            f"where there are {rows} (NAXIS2) and can be {_MOST_TILES}"
        )


def _check_tiled_type(file, cards):
    """Refuse tiles of other values than ZBITPIX says, in which a library would wrap or cut them."""
    bitpix = _integers(file, cards, _TILES).get("ZBITPIX", 0)
    if bitpix > 0 and any(map(_QUANTISED.match, cards)):
        raise CcdlibError(
            f"{file}: ZBITPIX={bitpix}, but its tiles have a column ZSCALE, as those of floats do: "
            "one of the two is wrong"
        )
    if not any(map(_RICE.match, cards)):
        return
    found = {(match[1], match[2]): match[3] for match in map(_PARAMETERS.match, cards) if match}
    names = {name: number for (kind, number), name in found.items() if kind == b"ZNAME"}
    stored = found.get((b"ZVAL", names.get(b"BYTEPIX")), b"1").strip()
    if stored.isdigit() and 0 < bitpix < 8 * int(stored):
        raise CcdlibError(
            f"{file}: ZBITPIX={bitpix}, but its tiles hold integers of {stored.decode()} bytes "
            "(BYTEPIX): one of the two is wrong"
        )


def _check_end(file, source, position, size, extensions):
    """Refuse a file with a block or more behind its last HDU, neither empty nor an extension.

    Its BITPIX or an axis is wrong, or two files were joined: the pixels are not what they seem.
    """
    source.seek(position)
    behind = source.read(_LOOKED_AT)
    if len(behind) < _BLOCK or not behind.strip(b"\0 "):
        return
    if behind.startswith(b"XTENSION"):
        raise CcdlibError(
            f"{file}: truncated in the header of extension {extensions}, at {size} bytes"
        )
    raise CcdlibError(
        f"{file}: {size - position} bytes behind its last HDU are no extension: BITPIX or an axis "
        "is too small, it is two files in one, or something was appended"
    )


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
        axis, PCOUNT or GCOUNT is impossible, one of them or of BSCALE, BZERO and BLANK is there
        twice with two values, the data are truncated, a block or more follows the last ones, or an
        image in tiles would not fit into memory or holds wider integers than it says.
    """
    position = count = 0
    while position < size:
        if (count := count + 1) > _MOST_EXTENSIONS:
            raise CcdlibError(f"{file}: more than {_MOST_EXTENSIONS} extensions")
        source.seek(position)
        cards = _header(file, source)
        if cards is None or (position and not cards[0].startswith(b"XTENSION")):
            # without any HDU it is no FITS file, or cut in its first header: the reader says so
            if position:
                _check_end(file, source, position, size, count - 1)
            return
        _check_standard(file, cards)
        zero = _check_scaling(file, cards)
        data = _data_bytes(file, cards)
        if any(map(_ARE_TILES.match, cards)):
            _check_tiles(file, cards)
            _check_tiled_type(file, cards)
        _check_bits(file, cards, zero)
        position += len(cards) * 80
        if size < position + data:
            needed = position + data
            raise CcdlibError(f"{file}: truncated, {size} bytes where the headers need {needed}")
        position += -(-data // _BLOCK) * _BLOCK
