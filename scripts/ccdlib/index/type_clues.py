"""What the headers of a file say of its type, beside the camera file's rules."""

from typing import Any

from ..camera.headers import Headers
from ..camera.type_words import kind_of_card

__all__ = ["clues_of"]

# cards about the type, as programs and observatories name them
_TYPE_CARDS = (
    *(
        "IMAGETYP",
        "OBSTYPE",
        "FRAMETYP",
        "IMGTYPE",
        "IMG_TYPE",
        "EXPTYPE",
        "FLAVOR",
        "ESO DPR TYPE",
    ),
)
# cards that have other uses too, so that only a known word in them counts
_MAYBE = ("FRAME", "DATA-TYP", "DATATYPE", "OBSMODE", "OBSCLASS", "ESO DPR CATG", "CALFRAME")
# TheSkyX and CCDSoft
_PICTTYPE = {1: "light", 2: "bias", 3: "dark", 4: "flat"}
# lamps that are on or off, as at Keck; those of the dome are for flats
_LAMPS = dict.fromkeys(
    ("MERCURY", "NEON", "ARGON", "CADMIUM", "ZINC", "KRYPTON", "XENON", "FEARGON", "DEUTERI"),
    "lamp",
) | dict.fromkeys(("HALOGEN", "FLAMP1", "FLAMP2"), "flat")
_COUNTS = ("STACKCNT", "NCOMBINE", "NUMFRAME", "SNAPSHOT")


def _cards(headers):
    """(card, value, kind) of each card about the type; the kind is None where it is not known."""
    for card in _TYPE_CARDS + _MAYBE:
        value = headers.get(card)
        if value is not None:
            kind = kind_of_card(str(value))
            if kind or card in _TYPE_CARDS:
                yield card, value, kind
    number = headers.get("PICTTYPE")
    if isinstance(number, int) and number in _PICTTYPE:
        yield "PICTTYPE", number, _PICTTYPE[number]
    for card, kind in _LAMPS.items():
        if str(headers.get(card)).lower() in ("on", "true"):
            yield card, headers.get(card), kind


def _stacked(headers):
    """The card that says that a file is made of several exposures, None without one."""
    for card in _COUNTS:
        value = headers.get(card)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 1:
            return f"{card}={value:g}"
    if headers.get("INTEGRAT"):
        return f"INTEGRAT={headers.get('INTEGRAT')!r}"
    category = str(headers.get("ESO PRO CATG") or "")
    return f"ESO PRO CATG={category!r}" if category.upper().startswith("MASTER") else None


def clues_of(headers: Headers) -> dict[str, Any]:
    """What the cards of a file say of its type.

    Parameters
    ----------
    headers : Headers

    Returns
    -------
    dict
        card (text such as "IMAGETYP='Light Frame'", None without such a card), kind (what it
        names, None when its words are not known) and stacked (the card that tells a stack).
    """
    found = list(_cards(headers))
    # any exposure with an open shutter is a light to some programs: what says more comes first
    telling = [each for each in found if each[2] not in (None, "light")]
    lights = [each for each in found if each[2] == "light"]
    card, value, kind = (telling or lights or found or [(None, None, None)])[0]
    text = f"{card}={value!r}" if card else None
    return {"card": text, "kind": kind, "stacked": _stacked(headers)}
