"""The order of a frame's rows: ROWORDER, and the frame as it is when it is turned upside down.

Some programs write the top row of the chip first, some the bottom row, and ROWORDER says which.
Frames of both orders belong together once those of one are turned.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from .amplifiers import Amplifier
from .assembly import place_wcs
from .headers import Headers
from .sections import Section, parse_section

if TYPE_CHECKING:
    from astropy.io.fits import Header

__all__ = ["ORDERS", "row_order", "turned", "turned_header"]

ORDERS = ("TOP-DOWN", "BOTTOM-UP")


def row_order(headers: Headers) -> str | None:
    """``TOP-DOWN`` or ``BOTTOM-UP``, as ROWORDER says; None where it says neither."""
    words = str(headers.get("ROWORDER") or "").upper().replace("_", "-").replace(" ", "-")
    return words if words in ORDERS else None


def _upside_down(section: Section, height: int) -> Section:
    return replace(section, y0=height - section.y1, y1=height - section.y0)


def turned(amps: Sequence[Amplifier], heights: dict[int, int]) -> list[Amplifier]:
    """The amplifiers of a frame whose images are turned upside down when they are read.

    Their corners only tell which pixels of two amplifiers are read at the same moment, and stay.

    Parameters
    ----------
    amps : list of Amplifier
        Sections in the frame as it is stored.
    heights : dict
        {number of the HDU: rows of its image}.
    """
    found = []
    for amp in amps:
        height = heights[amp.hdu]

        def section(one: Section, height: int = height) -> Section:
            return _upside_down(one, height)

        bad = [section(parse_section(text, (height, 1 << 30))).fits() for text in amp.bad]
        found.append(
            replace(
                amp,
                turned=True,
                data=section(amp.data),
                overscan=amp.overscan and section(amp.overscan),
                parallel=amp.parallel and section(amp.parallel),
                place=section(amp.place, _height_of_image(amp, amps)),
                bad=tuple(bad),
            )
        )
    return found


def _height_of_image(amp, amps):
    """Rows of the trimmed image that an amplifier is part of."""
    own = [each for each in amps if (each.image, each.hdu) == (amp.image, amp.hdu)]
    if amp.image is not None:
        own = [each for each in amps if each.image == amp.image]
    return max(each.place.y1 for each in own)


def turned_header(header: "Header", shape: tuple[int, int] | None = None) -> "Header":
    """A header of a frame that was turned: ROWORDER and, with a shape, WCS and BAYERPAT as it is.

    Parameters
    ----------
    header : Header
        Not changed.
    shape : (int, int) or None
        Rows and columns of its image; None where it has none.
    """
    header = header.copy()
    before = str(header.get("ROWORDER") or "").upper()
    if before in ORDERS:
        header["ROWORDER"] = ORDERS[1 - ORDERS.index(before)]
    if shape is not None:
        whole = Section(0, shape[0], 0, shape[1])
        place_wcs(header, whole, whole, (True, False))
        pattern = str(header.get("BAYERPAT") or "").strip()
        # with an odd number of rows the last one has the colours of the first
        if len(pattern) == 4 and shape[0] % 2 == 0:
            header["BAYERPAT"] = pattern[2:] + pattern[:2]
    return header
