"""Headers that stay true when a section is cut out of their image."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..camera.sections import Section, parse_section
from ..errors import CcdlibError
from ..raw.header_cards import shift_wcs

if TYPE_CHECKING:
    from astropy.io.fits import Header
    from astropy.wcs import WCS

__all__ = ["agreeing", "cut_header", "flip_wcs", "remove_cards_of", "scale_header", "without_wcs"]

# sections of the array itself, and of the whole detector
_IMAGE_SECTION = re.compile(r"(BIAS|DATA|TRIM|AMP|PRESC|POSTSC|OVRSC)SEC\d*|[ABDT]SEC\d+")
_PIXEL_WCS = re.compile(r"(CTYPE|CRPIX|CRVAL|CDELT|CROTA)[12][A-Z]?|(CD|PC)[12]_[12][A-Z]?")
_SIP = re.compile(r"[AB]P?_(ORDER|DMAX|\d+_\d+)")
_MOMENT = re.compile(r"(DATE|MJD|JD)-.*")
_DETECTOR_SECTION = re.compile(r"(CCD|DET)SEC\d*|CSEC\d+")


def agreeing(headers: "Sequence[Header]") -> "Header":
    """The cards of the first header that all headers agree on.

    With several headers, COMMENT and HISTORY are left out: they belong to one frame.
    """
    first = headers[0].copy()
    for key in list(dict.fromkeys(first.keys())) if len(headers) > 1 else ():
        same = all(key in other and other[key] == first[key] for other in headers[1:])
        if key in ("COMMENT", "HISTORY", "") or not same:
            del first[key]
    return first


def without_wcs(header: "Header") -> "Header":
    """A copy of a header without the cards of a WCS and its distortions."""
    plain = header.copy()
    for key in list(dict.fromkeys(header.keys())):
        if _PIXEL_WCS.fullmatch(str(key)) or _SIP.fullmatch(str(key)):
            del plain[key]
    return plain


def remove_cards_of(wcs: "WCS", header: "Header") -> None:
    """Remove the cards of a WCS from a header, in place; when the image was exposed stays in it.

    A WCS holds DATE-OBS and MJD-OBS, too.
    """
    for key in wcs.to_header(relax=True):
        if not _MOMENT.fullmatch(key):
            header.pop(key, None)


def flip_wcs(header: "Header", axis: int, length: int) -> None:
    """Mirror every linear WCS of `header` for an image that is read backwards.

    Parameters
    ----------
    header : Header
        Changed in place.
    axis : {1, 2}
        The FITS axis that is flipped.
    length : int
        Its number of pixels.

    Raises
    ------
    CcdlibError
        If the WCS has distortions, whose coefficients are not mirrored here.
    """
    if any(f"{name}_ORDER" in header for name in ("A", "B", "AP", "BP")):
        raise CcdlibError("an image whose WCS has SIP distortions cannot be flipped")
    for suffix in ("", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ"):
        if f"CRPIX{axis}{suffix}" not in header:
            continue
        header[f"CRPIX{axis}{suffix}"] = length + 1 - header[f"CRPIX{axis}{suffix}"]
        if not any(f"CD{row}_{axis}{suffix}" in header for row in (1, 2)):
            header.setdefault(f"PC{axis}_{axis}{suffix}", 1.0)
        for key in (f"{name}{row}_{axis}{suffix}" for name in ("CD", "PC") for row in (1, 2)):
            if key in header:
                header[key] = -header[key]


def _cut_section(text, section, shape):
    """The part of a section inside the cut, in the coordinates of the cut; or None."""
    try:
        old = parse_section(text, shape)
    except CcdlibError:
        return None
    y0, y1 = max(old.y0, section.y0) - section.y0, min(old.y1, section.y1) - section.y0
    x0, x1 = max(old.x0, section.x0) - section.x0, min(old.x1, section.x1) - section.x0
    if y0 >= y1 or x0 >= x1:
        return None
    ny, nx = section.shape
    if section.flip_y:
        y0, y1 = ny - y1, ny - y0
    if section.flip_x:
        x0, x1 = nx - x1, nx - x0
    flips = old.flip_y != section.flip_y, old.flip_x != section.flip_x
    return Section(y0, y1, x0, x1, *flips)


def _keeps_data(header, section, shape):
    """Whether the cut holds all of DATASEC (without one, of the image), not flipped."""
    text = str(header.get("DATASEC", "[*,*]"))
    left = _cut_section(text, section, shape)
    if left is None or section.flip_y or section.flip_x:
        return False
    return left.shape == parse_section(text, shape).shape


def _cut_physical(header, section):
    """LTV and LTM: ``pixel = LTM * physical + LTV``, the physical ones being those of the raw."""
    ny, nx = section.shape
    axes = (1, section.x0, nx, section.flip_x), (2, section.y0, ny, section.flip_y)
    for axis, first, length, flip in axes:
        offset = header.get(f"LTV{axis}", 0.0) - first
        scale = header.get(f"LTM{axis}_{axis}", 1.0)
        if flip:
            offset, scale = length + 1 - offset, -scale
        header[f"LTV{axis}"], header[f"LTM{axis}_{axis}"] = float(offset), float(scale)


def cut_header(header: "Header", section: Section, shape: tuple[int, int]) -> "Header":
    """The header of a section that is cut out of an image; it stays true.

    Sections of the array are given in the coordinates of the cut, or removed if they lie outside
    it; those of the detector stay if all of DATASEC (without one, of the image) is kept. LTV,
    LTM and the WCS follow.

    Parameters
    ----------
    header : Header
    section : Section
        The part that is cut out, flips included.
    shape : tuple of int
        (ny, nx) before the cut.

    Returns
    -------
    Header
    """
    cut = header.copy()
    if section == parse_section("[*,*]", shape):
        return cut
    keeps_data = _keeps_data(header, section, shape)
    for key in list(dict.fromkeys(header.keys())):
        if _IMAGE_SECTION.fullmatch(key):
            left = _cut_section(header[key], section, shape)
            if left is None:
                del cut[key]
            else:
                cut[key] = left.fits()
        elif _DETECTOR_SECTION.fullmatch(key) and not keeps_data:
            del cut[key]
    _cut_physical(cut, section)
    shift_wcs(cut, section.x0, section.y0)
    if section.flip_x:
        flip_wcs(cut, 1, section.shape[1])
    if section.flip_y:
        flip_wcs(cut, 2, section.shape[0])
    return cut


def scale_header(header: "Header", factors: Sequence[float]) -> "Header":
    """The header of an image of `factors` (y, x) times as many pixels.

    LTV and LTM follow; sections, whose ends need not fall on pixels any more, and a WCS in
    cards are left out.

    Parameters
    ----------
    header : Header or dict
    factors : sequence of float

    Returns
    -------
    Header or dict
    """
    scaled = header.copy()
    for key in list(dict.fromkeys(header.keys())):
        stale = (_IMAGE_SECTION, _DETECTOR_SECTION, _PIXEL_WCS)
        if any(pattern.fullmatch(str(key)) for pattern in stale):
            del scaled[key]
    for axis, factor in zip((2, 1), factors, strict=True) if len(factors) == 2 else ():
        if f"LTV{axis}" in scaled or f"LTM{axis}_{axis}" in scaled:
            offset, scale = scaled.get(f"LTV{axis}", 0.0), scaled.get(f"LTM{axis}_{axis}", 1.0)
            scaled[f"LTV{axis}"] = (offset - 0.5) * factor + 0.5
            scaled[f"LTM{axis}_{axis}"] = scale * factor
    return scaled
