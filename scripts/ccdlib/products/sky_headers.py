"""The headers of illumination and fringe frames, and of lights that are flattened with them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ..raw.card_list import CardList
from ..raw.header_cards import ascii_name, common_header
from .cards import StepCards
from .common_cards import FACTS, add_counts, add_versions
from .light_files import whole_header
from .master_cards import put_matched_facts
from .master_headers import COMBINATION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..frame.image import Image
    from .product_files import Product

__all__ = ["SKY_COLUMNS", "STEPS", "flattened_header", "sky_header"]

SKY = StepCards(
    "sky",
    {
        "SKYMETH": "smooth surface, or each pixel by itself",
        "SKYMESH": "[pixel] side of the blocks of its mesh",
        "SKYKERN": "[pixel] sigma of the kernel that smooths",
        "SKYRMS": "rms of what it corrects, relative",
        "SKYERR": "rms of its error, relative",
        "SKYGRAD": "rms of a light's own gradient, relative",
        "SKYPOINT": "parts of the sky that its lights show",
        "SKYLEFT": "lights left out, table FRAMES says why",
    },
)
ILLUMINATION = StepCards(
    "illumination",
    {"ILLUFILE": "divided by this illumination", "ILLUSHA": "its SHA-256"},
)
FRINGES = StepCards(
    "fringes",
    {
        "FRINFILE": "fringe frame",
        "FRINSHA": "its SHA-256",
        "FRINSCAL": "what it was multiplied by and subtracted",
        "FRINSIG": "sigma of that factor",
        "FRINBEF": "rms of the fringes before",
        "FRINAFT": "rms of the fringes after, expected",
        "FRINLACK": "why no fringes were subtracted",
    },
)
STEPS = (SKY, ILLUMINATION, FRINGES)

# of the table FRAMES
SKY_COLUMNS = {
    "FRAME": "light",
    "SHA256": "SHA-256 of its calibrated file",
    "LEFT": "why it is left out, empty if it is not",
    "SKY": "level of the sky",
    "SOURCES": "share of its pixels with sources",
    "WEIGHT": "what it counts for",
}
# cards that are written anew with each file
_OF_THE_FILE = re.compile(
    "SIMPLE|XTENSION|BITPIX|NAXIS[0-9]*|EXTEND|[PG]COUNT|EXT(NAME|VER|LEVEL)|CHECKSUM|DATASUM|RECIPE"
)


def sky_header(
    kind: str,
    headers: Sequence[Any],
    frames: list[dict[str, Any]],
    cards: dict[str, Any],
    image: Image,
) -> CardList:
    """The header of an illumination or a fringe frame.

    Parameters
    ----------
    kind : {'illumination', 'fringe'}
    headers : list of Header
        Of the lights that are in it.
    frames : list of dict
        facts of the raw frame of each light, those that are left out included.
    cards : dict
        {keyword: value} of the cards of `SKY`.
    image : Image
    """
    header = CardList.of(common_header([whole_header(each) for each in headers]))
    for keyword in ("RECIPE", "OBJECT"):
        header.remove(keyword, ignore_missing=True)
    FACTS.put(header, "IMAGETYP", kind)
    put_matched_facts(header, frames)
    name = frames[0]["facts"].get("filter")
    if name is not None:
        FACTS.put(header, "FILTER", ascii_name(name))
    COMBINATION.put(header, "NCOMBINE", len(headers))
    for keyword, value in cards.items():
        SKY.put(header, keyword, value)
    add_counts(header, [image])
    add_versions(header)
    add_versions(header, ["SCIPYV"])
    return header


def flattened_header(
    light: Any,
    used: dict[str, Product],
    cards: dict[str, Any],
    image: Image,
) -> CardList:
    """The header of a flattened light: that of the calibrated one, and what was done since.

    Parameters
    ----------
    light : Header
        Of the image of the calibrated light.
    used : dict
        {'ILLU' or 'FRIN': Product} of what was taken out.
    cards : dict
        {keyword: value} of the cards of `FRINGES` beside its name.
    image : Image
    """
    header = CardList.of(whole_header(light))
    for keyword in filter(_OF_THE_FILE.fullmatch, list(header)):
        header.remove(keyword)
    for name, product in used.items():
        own = ILLUMINATION if name == "ILLU" else FRINGES
        own.put(header, f"{name}FILE", ascii_name(product.name))
        own.put(header, f"{name}SHA", product.sha256)
    for keyword, value in cards.items():
        FRINGES.put(header, keyword, value)
    add_counts(header, [image])
    add_versions(header)
    add_versions(header, ["SCIPYV"])
    return header
