"""The header and the tables of a stack: what it is made of, and how its lights lie."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from ..raw.card_list import CardList
from ..raw.header_cards import ascii_name, common_header, is_wcs, shift_wcs
from .cards import StepCards
from .common_cards import FACTS, add_counts, add_facts, add_versions
from .light_files import whole_header
from .master_headers import COMBINATION

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ..frame.image import Image

__all__ = [
    "APERTURE_COLUMNS",
    "FRAME_COLUMNS",
    "STEPS",
    "aperture_table",
    "frame_table",
    "stack_header",
    "stack_planes",
]

STACK = StepCards(
    "stack",
    {
        "NLEFT": "lights left out, table FRAMES says why",
        "STKREF": "light on whose pixels and scale it is",
        "STKREFX": "column of the reference at its first one",
        "STKREFY": "row of the reference at its first one",
        "STKSCALE": "side of its pixels in those of the reference",
        "STKGRID": "what it covers",
        "STKSAMP": "values between pixels",
        "STKWGHT": "what a light counts for",
        "STKCLIP": "[sigma] values further off are left out",
        "STKSKY": "what was done with the skies",
        "SKYSIG": "sigma of the level of its sky",
        "TEXPTIME": "[s] exposure time of all its lights",
        "DATE-BEG": "begin of its first light",
        "DATE-END": "begin of its last light",
        "DATE-AVG": "mean begin of its lights",
        # a WCS without these is completed by its readers, with a warning
        "MJD-BEG": "[d] the same as DATE-BEG",
        "MJD-END": "[d] the same as DATE-END",
        "MJD-AVG": "[d] the same as DATE-AVG",
    },
)
STEPS = (STACK,)

_MJD_ZERO = datetime(1858, 11, 17)

# of the table FRAMES
FRAME_COLUMNS = {
    "FRAME": "light",
    "SHA256": "SHA-256 of its calibrated file",
    "LEFT": "why it is left out, empty if it is not",
    "EXPTIME": "[s] exposure time",
    "NFOUND": "stars found",
    "FWHM": "[pixel] median width of the stars",
    "ELONG": "median of long over short axis",
    "SKY": "level of the sky",
    "SKYERR": "its sigma",
    "NOISE": "sigma of a pixel of the sky",
    "NSTARS": "stars that it was registered by",
    "RMS": "[pixel] residual of the registration, an axis",
    "SCALE": "factor on its flux",
    "SCALERR": "its sigma",
    "WEIGHT": "what it counts for",
    "TRANSFRM": "from pixels of the reference to its own",
}

# of the table APERTURE
APERTURE_COLUMNS = {
    "RADIUS": "[pixel] of the aperture",
    "OWN": "factor on sums of UNCERT^2 - SHARED^2",
    "SHARED": "factor on sums of SHARED^2",
}


def stack_header(
    headers: Sequence[Any],
    reference: Any,
    facts: Sequence[dict[str, Any]],
    own: dict[str, Any],
    image: Image,
    wcs: Mapping[str, Any] | None = None,
) -> CardList:
    """The header of a stack.

    Parameters
    ----------
    headers : list of Header
        Of the lights that are in it.
    reference : Header
        Of the reference: the WCS is that one's, moved and scaled, where there is no other.
    facts : list of dict
        Of the raw frames of these lights.
    own : dict
        {keyword: value} of the cards of `STACK`, and of those of other tables that it has too.
    image : Image
    wcs : dict or None
        Its own WCS, {keyword: value}.
    """
    header = CardList.of(common_header([whole_header(each) for each in headers]))
    if wcs is None:
        _place_wcs(header, reference, own)
    for keyword, value in (wcs or {}).items():
        header[keyword] = value
    same = {
        name: facts[0].get(name)
        for name in ("object", "filter")
        if len({each.get(name) for each in facts}) == 1
    }
    add_facts(header, same)
    FACTS.put(header, "IMAGETYP", "stack")
    for keyword, value in (own | _moments(facts)).items():
        (cards,) = [each for each in (STACK, COMBINATION, FACTS) if keyword in each.comments]
        cards.put(header, keyword, ascii_name(value) if isinstance(value, str) else value)
    add_counts(header, [image])
    add_versions(header)
    return header


def _place_wcs(header, reference, own):
    """Put the reference's WCS into a header without one, for the pixels of the stack."""
    for card in whole_header(reference).cards:
        if is_wcs(card.keyword):
            header[card.keyword] = (card.value, card.comment)
    shift_wcs(header, own["STKREFX"], own["STKREFY"], own["STKSCALE"])


def _moments(facts):
    """When the lights were taken, as far as it is known of all."""
    texts = [each.get("date_obs") for each in facts]
    if not all(texts):
        return {}
    moments = sorted(map(datetime.fromisoformat, texts))
    days = [(each - _MJD_ZERO) / timedelta(days=1) for each in moments]
    mean = sum(days) / len(days)
    return {
        "DATE-BEG": moments[0].isoformat(),
        "DATE-END": moments[-1].isoformat(),
        "DATE-AVG": (_MJD_ZERO + timedelta(days=mean)).isoformat(timespec="milliseconds"),
        "MJD-BEG": days[0],
        "MJD-END": days[-1],
        "MJD-AVG": mean,
    }


def frame_table(
    rows: Sequence[dict[str, Any]], columns: Iterable[str] = FRAME_COLUMNS
) -> np.ndarray:
    """The table FRAMES of what is made of lights.

    Parameters
    ----------
    rows : list of dict
        One for each light, by the columns.
    columns : iterable of str
        Those of a stack by default.
    """
    kinds = []
    for name in columns:
        values = [row[name] for row in rows]
        if isinstance(values[0], str):
            longest = max(1, *(len(ascii_name(value)) for value in values))
            kinds.append((name, f"S{longest}"))
        else:
            kinds.append((name, "i4" if isinstance(values[0], int) else "f8"))
    found = np.zeros(len(rows), kinds)
    for name, _ in kinds:
        found[name] = [
            ascii_name(row[name]).encode() if isinstance(row[name], str) else row[name]
            for row in rows
        ]
    return found


def aperture_table(radii: Sequence[float], factors: np.ndarray) -> np.ndarray:
    """The table APERTURE: by what the sum of variances in an aperture is multiplied."""
    found = np.zeros(len(radii), [("RADIUS", "f8"), ("OWN", "f8"), ("SHARED", "f8")])
    found["RADIUS"], found["OWN"], found["SHARED"] = radii, *factors.T
    return found


def stack_planes(
    stack: Any, own: np.ndarray, shared: np.ndarray
) -> list[tuple[str, np.ndarray, CardList]]:
    """The extensions of a stack behind DQ.

    Parameters
    ----------
    stack : ccdlib.stack.combine.Stack
    own, shared : ndarray, shape (11, 11) and (81, 81)
        Correlations of its noise.
    """
    unit = stack.image.unit
    return [
        ("SHARED", stack.shared, _said("part of UNCERT that masters bring to all lights", unit)),
        ("ANYDQ", stack.any_dq, _said("DQ of all lights, used or not")),
        ("COVERAGE", stack.coverage, _said("lights that the pixel is made of")),
        ("REJECTED", stack.rejected, _said("lights whose value was an outlier")),
        ("EXPTIME", stack.exptime, _said("exposure time of the pixel", "s")),
        ("CORR", own.astype(np.float32), _said("correlation of own noise around a pixel")),
        ("SHCORR", shared.astype(np.float32), _said("the same of SHARED")),
    ]


def _said(text, unit=""):
    cards = CardList()
    if unit:
        cards["BUNIT"] = unit
    cards.add_comment(text)
    return cards
