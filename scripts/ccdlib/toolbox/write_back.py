"""A FITS file with one HDU changed; every other byte stays as it was.

astropy writes pixels again with the header that it was given, and drops BZERO and BSCALE on its
way: 30000 of a camera's unsigned 16-bit file reads -2768 afterwards. Here a new header never
touches the pixels, packed ones included: how they are stored is always said by the file's cards.
"""

import bz2
import gzip
import io
import os
import re
import shutil
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.io import fits

from ..errors import CcdlibError
from ..files import replacing
from ..products.fits_bytes import datasum, encoded_checksum

__all__ = ["SUMS", "ImageChange", "change_of", "changed_file"]

_BLOCK = 2880
# checksums of the bytes as they were
SUMS = ("CHECKSUM", "DATASUM", "ZHECKSUM", "ZDATASUM")
_PACKED = {b"\x1f\x8b": gzip, b"BZh": bz2}
# how pixels are stored: as an image, and as an image in tiles in a table
_SCALING = ("BSCALE", "BZERO", "BLANK")
_STRUCTURE = re.compile(
    r"SIMPLE|XTENSION|BITPIX|NAXIS\d*|EXTEND|PCOUNT|GCOUNT|GROUPS|BSCALE|BZERO|BLANK|"
    r"TFIELDS|THEAP|T(TYPE|FORM|UNIT|SCAL|ZERO|NULL|DISP|DIM)\d+|"
    r"Z(IMAGE|SIMPLE|TENSION|EXTEND|BLOCKED|PCOUNT|GCOUNT|BITPIX|NAXIS\d*|TILE\d+|CMPTYPE|"
    r"NAME\d+|VAL\d+|MASKCMP|QUANTIZ|DITHER0|SCALE|ZERO|BLANK)"
)


@dataclass(frozen=True)
class ImageChange:
    """What becomes of one HDU.

    Attributes
    ----------
    number : int
        Its place in the file.
    header : Header or None
        Its new header; None leaves the old one.
    data : ndarray or None
        Its new pixels; None leaves the old ones, byte for byte.
    unscaled : bool
        Whether `data` are numbers as they are stored, before BSCALE and BZERO.
    """

    number: int
    header: fits.Header | None = None
    data: np.ndarray | None = None
    unscaled: bool = False


def _same_pixels(old, new):
    """Whether pixels are still those of the file, in values and in type."""
    if old is None or new is None:
        return old is new
    old, new = np.asarray(old), np.asarray(new)
    kinds = [(each.dtype.kind, each.dtype.itemsize, each.shape) for each in (old, new)]
    return kinds[0] == kinds[1] and np.array_equal(old, new, equal_nan=old.dtype.kind == "f")


def change_of(
    stored: Any, number: int, part: str | None, thing: Any, unscaled: bool
) -> ImageChange | None:
    """What was changed in a part of an HDU that a caller had in hand.

    Parameters
    ----------
    stored : HDU
        As it is in the file, open.
    number : int
        Its place in the file.
    part : {'header', 'data', None}
        What the caller had; None is the whole HDU.
    thing : Header, ndarray or HDU
        As the caller left it.
    unscaled : bool
        Whether pixels are as they are stored, before BSCALE and BZERO.

    Returns
    -------
    ImageChange or None
        None if nothing was changed. Cards that say how pixels are stored do not count.

    Raises
    ------
    CcdlibError
        If other data than an image's were changed.
    """
    header = data = None
    if part != "data":
        new = thing if part else thing.header
        if list(map(str, _others(new.cards))) != list(map(str, _others(stored.header.cards))):
            header = new
    if part != "header":
        new = thing if part else thing.data
        if not _same_pixels(stored.data, new):
            data = new
    if data is not None and not stored.is_image:
        raise CcdlibError(f"HDU {number} is a {stored.header.get('XTENSION')}, not an image")
    return None if header is None and data is None else ImageChange(number, header, data, unscaled)


def _unpacked(path):
    """The content of a file, and the module that packs it again; None for a plain file."""
    with open(path, "rb") as file:
        content = file.read()
    module = next((each for magic, each in _PACKED.items() if content.startswith(magic)), None)
    return (module.decompress(content) if module else content), module


def _spans(content):
    """Where header and data of each HDU begin, and where the HDU ends."""
    with fits.open(
        io.BytesIO(content), disable_image_compression=True, ignore_missing_simple=True
    ) as hdus:
        places = [hdu.fileinfo() for hdu in hdus]
    return [(each["hdrLoc"], each["datLoc"], each["datLoc"] + each["datSpan"]) for each in places]


def _structural(cards):
    return [card for card in cards if _STRUCTURE.fullmatch(card.keyword)]


def _others(cards):
    """The cards that say nothing of how the pixels are stored."""
    left_out = (*SUMS, "END")
    return [
        card
        for card in cards
        if not _STRUCTURE.fullmatch(card.keyword) and card.keyword not in left_out
    ]


def _with_sums(header, stored, data):
    """The bytes of a header; its checksums are kept true where it had some."""
    total = datasum(data)
    for key in SUMS[:2]:
        if key in stored:
            value = "0" * 16 if key == "CHECKSUM" else str(total)
            header.append((key, value, stored.comments[key]), end=True)
    text = header.tostring().encode("ascii")
    mark = b"CHECKSUM= '"
    if "CHECKSUM" in header:
        place = text.index(mark) + len(mark)
        checksum = encoded_checksum(datasum(total.to_bytes(4, "big") + text)).encode()
        text = text[:place] + checksum + text[place + 16 :]
    return text


def _fresh(stored, header, change):
    """Structural cards and bytes of new pixels, stored as the old ones were where they can be."""
    plain = fits.Header(_others(header.cards))
    data: Any = np.asarray(change.data)
    if "ZIMAGE" in stored:
        # tiles of floats would be rounded once more
        how = {"compression_type": stored["ZCMPTYPE"]}
        if data.dtype.kind == "f":
            how = {"compression_type": "GZIP_2", "quantize_level": 0}
        hdus = [fits.PrimaryHDU(), fits.CompImageHDU(data, plain, **how)]
    elif change.number == 0:
        hdus = [fits.PrimaryHDU(data, plain)]
    else:
        hdus = [fits.PrimaryHDU(), fits.ImageHDU(data, plain)]
    file = io.BytesIO()
    fits.HDUList(hdus).writeto(file)
    content = file.getvalue()
    first, middle, last = _spans(content)[-1]
    cards = _structural(fits.Header.fromstring(content[first:middle]).cards)
    if change.unscaled and data.dtype.kind in "iu":
        cards = [card for card in cards if card.keyword not in _SCALING]
        cards += [card for card in stored.cards if card.keyword in _SCALING]
    return cards, content[middle:last]


def _changed_hdu(content, span, change):
    """The bytes of an HDU with its new header and pixels."""
    first, middle, last = span
    stored = fits.Header.fromstring(content[first:middle])
    header = stored if change.header is None else change.header
    cards, data = _structural(stored.cards), content[middle:last]
    if change.data is not None:
        cards, data = _fresh(stored, header, change)
    new = fits.Header([*cards, *_others(header.cards)])
    return _with_sums(new, stored, data) + data


def changed_file(
    path: str | os.PathLike,
    target: str | os.PathLike,
    change: ImageChange | None,
    overwrite: bool = False,
) -> None:
    """Write a copy of a file with one HDU changed, packed as the file was.

    Parameters
    ----------
    path : path
    target : path
        It may be `path` itself; it is replaced once it is complete.
    change : ImageChange or None
        None: a copy, byte for byte.
    overwrite : bool

    Raises
    ------
    OSError
        If `target` exists and `overwrite` is off.
    CcdlibError
        If the file is packed in a way that cannot be written.
    """
    if os.path.exists(target) and not overwrite:
        raise OSError(f"File {os.fspath(target)!r} already exists: overwrite=True replaces it")
    if change is None and os.path.abspath(path) == os.path.abspath(target):
        return
    with open(path, "rb") as file:
        start = file.read(9)
    if change is not None and not start.startswith((b"SIMPLE", *_PACKED)):
        raise CcdlibError(f"{os.path.basename(path)}: begins with {start!r}, not a FITS file")
    with replacing(os.fspath(target)) as temporary:
        if change is None:
            shutil.copyfile(path, temporary)
        else:
            content, module = _unpacked(path)
            span = _spans(content)[change.number]
            whole = content[: span[0]] + _changed_hdu(content, span, change) + content[span[2] :]
            temporary.write_bytes(_packed(whole, module))
        shutil.copymode(path, temporary)


def _packed(content, module):
    if module is gzip:
        # no time of day, so that the same content gives the same bytes
        return gzip.compress(content, mtime=0)
    return content if module is None else module.compress(content)
