"""Headers of products: the cards of the raw header that are still true, and new ones."""

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from .card_list import CardList

if TYPE_CHECKING:
    from astropy.io.fits import Header

__all__ = [
    *("ascii_name", "common_header", "has_wcs", "is_wcs", "product_header", "put", "shift_wcs"),
    "without_wcs",
]

# cards about the raw array, or about its encoding: false once it is trimmed and calibrated
_STALE = re.compile(
    r"END|SIMPLE|XTENSION|BITPIX|NAXIS\d*|EXTEND|PCOUNT|GCOUNT|GROUPS|EXTNAME|EXTVER|EXTLEVEL|INHERIT"
    r"|BZERO|BSCALE|BLANK|DATAMIN|DATAMAX|BUNIT|CHECKSUM|DATASUM|ZHECKSUM|ZDATASUM|DATE"
    r"|(BIAS|DATA|TRIM|CCD|AMP|DET|PRESC|POSTSC|OVRSC|CSEC|ASEC|TSEC|DSEC|BSEC)SEC\d*"
    r"|[ABCDT]SEC\d+|LT[VM]\d(_\d)?|ATM\d_\d|ATV\d|DTM\d_\d|DTV\d"
    # an earlier reduction's cards on its own steps
    r"|(BIAS|DARK|FLAT|BPM)(FILE|SHA|CUT)|DARKSCAL|FLATNORM|RAWFILE|RAWSHA"
    r"|E?GAIN\d*|RDNOISE\d*|READNOIS|SATURATE|SATLEVEL|MAXLIN|PEDESTAL|CBLACK|CWHITE|CSTRETCH"
    r"|Z(IMAGE|TABLE|BITPIX|NAXIS\d*|TILE\d+|CMPTYPE|NAME\d+|VAL\d+|QUANTIZ|DITHER\d*|EXTEND"
    r"|SIMPLE|PCOUNT|GCOUNT|TENSION|SCALE|ZERO|BLANK)"
)
# a stack of biases or flats has no place on the sky
_WCS = re.compile(
    r"(CRVAL|CRPIX|CDELT|CTYPE|CUNIT|CROTA|CNAME|CRDER|CSYER)\d[A-Z]?|(CD|PC|PV|PS)\d+_\d+[A-Z]?"
    r"|(WCSNAME|WCSAXES|RADESYS|EQUINOX|LONPOLE|LATPOLE)[A-Z]?|[AB]P?_(ORDER|\d_\d)"
)
# deprecated names that fitsverify warns of, and what the standard calls them now
_RENAMED = {"EPOCH": "EQUINOX", "RADECSYS": "RADESYS"}
_LINE = 80
_PLAIN = re.compile(r"[A-Z0-9_-]{1,8}")


def ascii_name(name: str) -> str:
    """A name as a header can hold it: ASCII, the rest percent-encoded."""
    return quote(name, safe="/ !$&'()*+,-.:;<=>?@[]^_`{|}~#%", errors="surrogateescape")


def _is_kept(card):
    return card.keyword in ("COMMENT", "HISTORY") or (
        _PLAIN.fullmatch(card.keyword) is not None and _STALE.fullmatch(card.keyword) is None
    )


def _readable(card):
    """Whether a card obeys the standard; one that does not would make the product invalid."""
    from astropy.io.fits.verify import VerifyError

    try:
        card.verify("exception")
    except (VerifyError, ValueError):
        return False
    # of a card without "=" the library does not look at the value
    return all(map(_is_text, (card.value, card.comment)))


def _is_text(value):
    """Whether a header can hold a value, as far as that is a matter of its letters."""
    return not isinstance(value, str) or (value.isascii() and value.isprintable())


def is_wcs(keyword: str) -> bool:
    """Whether a card is part of a world coordinate system."""
    return _WCS.fullmatch(keyword) is not None


def has_wcs(header: "CardList | Header") -> bool:
    """Whether a header says where its pixels lie on the sky, or in another world."""
    return "CTYPE1" in header or "CRPIX1" in header


def without_wcs(header: "CardList | Header") -> "CardList | Header":
    """A copy of a header without its world coordinate systems."""
    kept = header.copy()
    for keyword in filter(is_wcs, list(kept)):
        kept.remove(keyword)
    return kept


def product_header(raw: "Header") -> CardList:
    """The cards of a raw header that are still true of its product.

    Left out: what describes the raw array (sections, LTV and LTM, scaling, gain, read noise,
    saturation), the date the raw file was written, cards that break the FITS standard, and
    all but the first of a card given twice.

    Parameters
    ----------
    raw : Header

    Returns
    -------
    CardList
    """
    kept, seen = CardList(), set()
    for card in raw.cards:
        commentary = card.keyword in ("COMMENT", "HISTORY")
        if not _is_kept(card) or not _readable(card):
            continue
        if commentary:
            kept.add_comment(card.value) if card.keyword == "COMMENT" else kept.add_history(
                card.value
            )
        elif card.keyword not in seen:
            put(kept, card.keyword, card.value, card.comment)
            seen.add(card.keyword)
    for old, new in _RENAMED.items():
        if old in kept:
            value, comment = kept[old], kept.comments[old]
            kept.remove(old)
            if new not in kept:
                put(kept, new, value, comment)
    return kept


def common_header(headers: "Sequence[Header]") -> CardList:
    """The cards of `product_header` that all of several raw headers agree on, without WCS."""
    first = product_header(headers[0])
    for key in [key for key in first if _WCS.fullmatch(key)]:
        first.remove(key, ignore_missing=True)
    for other in (product_header(header) for header in headers[1:]):
        for key in list(dict.fromkeys(first.keys())):
            if key in ("COMMENT", "HISTORY") or other.get(key) != first[key]:
                first.remove(key, ignore_missing=True, remove_all=True)
    return first


def shift_wcs(header: "CardList | Header", x0: float, y0: float, scale: float = 1.0) -> None:
    """Give the pixels of another image to every WCS of `header`.

    Parameters
    ----------
    header : Header
    x0, y0 : float
        Column and row, from 0, where the middle of its first pixel lies.
    scale : float
        Side of its pixels.
    """
    for key in list(header):
        match = re.fullmatch(r"CRPIX([12])([A-Z]?)", key)
        if match and isinstance(header[key], (int, float)):
            moved = header[key] - (x0 if match[1] == "1" else y0)
            header[key] = moved if scale == 1 else (moved - 1) / scale + 1
            if scale != 1:
                _scale_axis(header, match[1], match[2], scale)
    for key in list(header) if scale != 1 else ():
        power = re.fullmatch(r"[AB]P?_(\d)_(\d)", key)
        if power:
            # a product, as the last bits of a power depend on the processor
            grown = math.prod([scale] * (int(power[1]) + int(power[2])))
            header[key] = header[key] * (grown / scale)


def _scale_axis(header, axis, version, scale):
    """Make a step along an axis of pixels larger; that of a header that names none is 1."""
    matrix = [f"CD{world}_{axis}{version}" for world in (1, 2)]
    if not any(f"CD{n}_{m}{version}" in header for n in (1, 2) for m in (1, 2)):
        # the matrix PC turns pixels before CDELT scales them, both axes alike
        matrix = [f"CDELT{axis}{version}"]
        if matrix[0] not in header:
            header[matrix[0]] = 1.0
    for key in matrix:
        if key in header:
            header[key] = header[key] * scale


def put(header: "CardList | Header", keyword: str, value: object, comment: str = "") -> None:
    """Set a card; a value that leaves no room for the comment goes without it.

    A text longer than a card is continued on the next, by the convention that LONGSTRN names.
    """
    room = _LINE - len("KEYWORD = '' / ") - len(comment)
    if isinstance(value, str) and len(value.replace("'", "''")) > room:
        comment = ""
        if len(value.replace("'", "''")) > _LINE - len("KEYWORD = ''"):
            header["LONGSTRN"] = ("OGIP 1.0", "long texts are continued")
    header[keyword] = (value, comment)
