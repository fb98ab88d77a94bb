"""Assembling amplifiers: where the pixels of each lie in the image, and how its WCS moves."""

import re
from collections.abc import Hashable, Iterable, Sequence
from typing import TYPE_CHECKING

from ..errors import CcdlibError
from ..raw.header_cards import has_wcs, is_wcs
from .sections import Section

if TYPE_CHECKING:
    from astropy.io.fits import Header

__all__ = [
    *("check_apart", "closed_up", "groups", "image_header", "inherited", "on_detector"),
    "place_wcs",
]


def check_apart(sections: Sequence[Section], file: str) -> None:
    """Require that on each axis two data sections have the same range, or ranges apart."""
    for number, first in enumerate(sections):
        for second in sections[:number]:
            axes = [
                (first.x0, first.x1, second.x0, second.x1),
                (first.y0, first.y1, second.y0, second.y1),
            ]
            same = [(a0, a1) == (b0, b1) for a0, a1, b0, b1 in axes]
            apart = [a1 <= b0 or b1 <= a0 for a0, a1, b0, b1 in axes]
            if all(same) or not all(map(max, same, apart)):
                raise CcdlibError(
                    f"{file}: data sections {second.fits()} and {first.fits()} overlap"
                )


def closed_up(sections: Sequence[Section]) -> list[Section]:
    """Where each section lies in the trimmed image: gaps between sections are closed.

    Parameters
    ----------
    sections : list of Section

    Returns
    -------
    list of Section
    """

    def offsets(edges):
        starts, position = {}, 0
        for low, high in sorted(set(edges)):
            starts[low] = position
            position += high - low
        return starts

    xs = offsets([(section.x0, section.x1) for section in sections])
    ys = offsets([(section.y0, section.y1) for section in sections])
    return [
        Section(
            ys[s.y0],
            ys[s.y0] + s.shape[0],
            xs[s.x0],
            xs[s.x0] + s.shape[1],
        )
        for s in sections
    ]


def groups(values: Iterable[Hashable]) -> dict[Hashable, list[int]]:
    """{value: indices of the items that have it}, in order of first appearance."""
    found: dict[Hashable, list[int]] = {}
    for number, value in enumerate(values):
        found.setdefault(value, []).append(number)
    return found


def _binned(section, origin, binning, file):
    (oy, ox), (by, bx) = origin, binning
    ends = (section.y0 - oy, section.y1 - oy, section.x0 - ox, section.x1 - ox)
    if ends[0] % by or ends[1] % by or ends[2] % bx or ends[3] % bx:
        raise CcdlibError(
            f"{file}: place {section.fits()} does not lie on pixels of {bx} x {by} binning "
            f"that start at ({ox + 1}, {oy + 1})"
        )
    y0, y1, x0, x1 = ends[0] // by, ends[1] // by, ends[2] // bx, ends[3] // bx
    return Section(y0, y1, x0, x1, section.flip_y, section.flip_x)


def _overlap(first, second):
    return (
        first.x0 < second.x1
        and second.x0 < first.x1
        and first.y0 < second.y1
        and second.y0 < first.y1
    )


def on_detector(
    sections: Sequence[Section], data: Sequence[Section], binning: tuple[int, int], file: str
) -> list[Section]:
    """Where each amplifier lies in the assembled image, by its place on the detector.

    Parameters
    ----------
    sections : list of Section
        Places in unbinned pixels of the detector; one that runs backwards is a flip.
    data : list of Section
        Exposed pixels of each in its raw image.
    binning : (int, int)
        Rows and columns of the detector in a pixel.
    file : str
        For messages.

    Returns
    -------
    list of Section
        In pixels of an image that starts with the lowest of them. Gaps stay.

    Raises
    ------
    CcdlibError
        If a place does not have the size of its data, or two overlap.
    """
    origin = min(each.y0 for each in sections), min(each.x0 for each in sections)
    places = [_binned(section, origin, binning, file) for section in sections]
    for section, place, own in zip(sections, places, data, strict=True):
        if place.shape != own.shape:
            raise CcdlibError(
                f"{file}: place {section.fits()} has {place.shape[1]} x {place.shape[0]} pixels, "
                f"its data {own.fits()} has {own.shape[1]} x {own.shape[0]}"
            )
    for number, first in enumerate(places):
        for other, second in enumerate(places[:number]):
            if _overlap(first, second):
                raise CcdlibError(
                    f"{file}: places {sections[other].fits()} and {sections[number].fits()} overlap"
                )
    return places


def image_header(headers: "Sequence[Header]") -> "Header":
    """One header for an image that is put together from those of several.

    The cards that all agree on, and the WCS of the first, which `place_wcs` then moves with
    the first one's pixels.
    """
    first = headers[0]
    if len(headers) == 1:
        return first
    kept = first.copy()
    for key in dict.fromkeys(first.keys()):
        same = all(other.get(key) == first[key] for other in headers[1:])
        if key in ("COMMENT", "HISTORY", "") or not (same or is_wcs(key)):
            kept.remove(key, ignore_missing=True, remove_all=True)
    return kept


def inherited(header: "Header", primary: "Header") -> "Header":
    """The header of the only image of a file with what an empty primary HDU says of its pixels.

    Some programs write the WCS, and a sensor's BAYERPAT, there.

    Parameters
    ----------
    header, primary : Header
        Neither is changed.
    """
    if header is primary or primary["NAXIS"] != 0:
        return header
    found = header.copy()
    if has_wcs(primary) and not has_wcs(header):
        found.extend((card for card in primary.cards if is_wcs(card.keyword)), update=True)
    if "BAYERPAT" in primary and "BAYERPAT" not in header:
        found["BAYERPAT"] = primary["BAYERPAT"]
    return found


def _matrix_from_rotation(header, alternate):
    """Replace CDELT and CROTA by CD cards, which can describe a mirrored axis."""
    from math import cos, radians, sin

    angle = radians(header.get(f"CROTA2{alternate}", header.get(f"CROTA1{alternate}", 0.0)))
    steps = [header.get(f"CDELT{axis}{alternate}", 1.0) for axis in (1, 2)]
    matrix = ((cos(angle), -sin(angle)), (sin(angle), cos(angle)))
    for row in (1, 2):
        for column in (1, 2):
            value = steps[column - 1] * matrix[row - 1][column - 1]
            header[f"CD{row}_{column}{alternate}"] = value
    for axis in (1, 2):
        for name in ("CDELT", "CROTA"):
            header.remove(f"{name}{axis}{alternate}", ignore_missing=True)


def _mirror(header, axis, alternate):
    """Turn one pixel axis of a WCS round: its column of the linear matrix and its SIP terms."""
    matrix = [key for key in header if re.fullmatch(rf"(CD|PC)[12]_[12]{alternate}", key)]
    if not matrix:
        _matrix_from_rotation(header, alternate)
    elif matrix[0].startswith("PC"):
        header.setdefault(f"PC{axis}_{axis}{alternate}", 1.0)
    for key in list(header):
        if re.fullmatch(rf"(CD|PC)[12]_{axis}{alternate}", key):
            header[key] = -header[key]
        sip = re.fullmatch(r"([AB])P?_([0-9])_([0-9])", key)
        if sip and not alternate:
            even = int(sip[axis + 1]) % 2 == 0
            if even == (sip[1] == "AB"[axis - 1]):
                header[key] = -header[key]


def place_wcs(header: "Header", data: Section, place: Section, flips: tuple[bool, bool]) -> None:
    """Move every WCS of a raw image's header along with one of its sections.

    Parameters
    ----------
    header : Header
        Changed in place.
    data : Section
        Section of the raw image.
    place : Section
        Where it lies in the new image.
    flips : (bool, bool)
        Whether rows, columns run the other way there.
    """
    starts = {"1": (data.x0, place.x0, place.x1), "2": (data.y0, place.y0, place.y1)}
    for key in list(header):
        match = re.fullmatch(r"CRPIX([12])([A-Z]?)", key)
        if not match or not isinstance(header[key], (int, float)):
            continue
        axis, alternate = match.groups()
        old, low, high = starts[axis]
        inside = header[key] - old
        if not flips[2 - int(axis)]:
            header[key] = low + inside
            continue
        header[key] = high + 1 - inside
        _mirror(header, int(axis), alternate)
