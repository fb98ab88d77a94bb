"""The words by which people and programs name the type of a frame."""

import re
from collections.abc import Iterable
from functools import lru_cache

__all__ = [
    *("ASIDE", "flat_light", "kind_of_card", "kind_of_name", "kind_of_object"),
    "names_types_alone",
]

# what is no raw frame of the night's work: it is set aside and named
ASIDE = ("focus", "acquisition", "preview", "master", "stack")

# in cards that are about the type, and in names of files and folders
_ANYWHERE = {
    "bias": "bias biases zero zeros zeroes zeroframe biasframe nullbild nullbilder",
    "dark": (
        "dark darks darkframe darkframes darkflat darkflats flatdark flatdarks dunkel dunkelbild "
        "dunkelbilder noir noirs oscuro oscuros escuro escuros buio"
    ),
    "flat": (
        "flat flats flatfield flatfields flatframe flatframes skyflat skyflats domeflat domeflats "
        "twiflat twiflats twilightflat twilightflats lampflat lampflats gcalflat plu dome "
        "twilight twilights hellfeld hellfelder hellbild hellbilder"
    ),
    "lamp": (
        "arc arcs comp comparison lamp lamps thar henear hene cuar cune cunear fear hgcd hgne "
        "hgar near neon argon xenon krypton mercury cadmium wavecal arclamp neoncal"
    ),
    "light": "light lights lightframe lightframes science sci target brute brutes lichtbild",
    "focus": "focus autofocus focusing focusrun bahtinov hartmann",
    "acquisition": "acquisition acq acqcal platesolve",
    "preview": "preview previews snapshot snapshots",
    "master": (
        "master masters superbias superdark superflat masterbias masterdark masterflat "
        "masterflats mbias mdark mflat"
    ),
    "stack": "stacked stack stacks coadd coadded integration",
}
# only where nothing but the type is meant
_IN_CARDS = {
    "bias": "offset bia",
    "flat": "ff twi",
    "lamp": "wave helium zinc deuterium",
    "light": "object obj expose standard std run tricolor image spectrum scan",
    "acquisition": "acquire",
    "preview": "glance",
}
# a word in a name that is then no type: dark sky, dark nebula, comp star, zero point
_NO_TYPE_BEFORE = {"sky", "site", "nebula", "cloud", "star", "stars", "point", "matter", "horse"}
# what may stand beside a type in OBJECT
_BESIDE = {
    *("frame", "frames", "field", "fields", "image", "exposure", "exposures", "test", "auto"),
    *("night", "sky", "evening", "morning", "the", "of", "for", "on", "no", "sec", "secs", "min"),
    *"subvrigzhjklx",
}


# what lights a flat
_LIT = {
    "dome": "dome domeflat domeflats lampflat lampflats gcalflat lamp lamps halogen screen panel",
    "sky": (
        "sky skyflat skyflats twi twiflat twiflats twilight twilights twilightflat twilightflats "
        "dusk dawn evening morning"
    ),
}


def _by_word(*tables):
    return {word: kind for table in tables for kind, text in table.items() for word in text.split()}


_NAME_KINDS = _by_word(_ANYWHERE)
_CARD_KINDS = _by_word(_ANYWHERE, _IN_CARDS)
_LIT_BY = {word: light for light, text in _LIT.items() for word in text.split()}
# the words for flats that stand for nothing else, unlike dome and twilight
_FLATS = frozenset(word for word, kind in _CARD_KINDS.items() if kind == "flat" and "flat" in word)


def _words(text: str) -> list[str]:
    """Words of letters, also from flats01, SkyFlatV and dome-flats; ThAr is one."""
    found = []
    for letters in re.findall(r"[A-Za-z]+", text):
        if letters.lower() in _CARD_KINDS:
            found.append(letters.lower())
        else:
            found += re.sub(r"([a-z])([A-Z])", r"\1 \2", letters).lower().split()
    return found


def _kinds(words, known):
    """The kinds that the words name; dark, comp or zero before 'nebula' and its like name none."""
    named = [
        (known[word], after)
        for word, after in zip(words, [*words[1:], ""], strict=False)
        if word in known
    ]
    return {kind for kind, after in named if kind == "flat" or after not in _NO_TYPE_BEFORE}


def _one(kinds, words):
    """The kind that is meant where several are named, None where that cannot be told."""
    for kind in ("master", "stack", "preview", "acquisition", "focus"):
        if kind in kinds:
            return kind
    kinds = kinds - {"light"} or kinds
    if {"dark", "flat"} <= kinds:
        # a CMOS camera's dark for its flats
        kinds = kinds - {"flat"}
    if {"lamp", "flat"} <= kinds:
        # FLAT,LAMP is a flat, neon on the dome is a lamp
        kinds = kinds - ({"flat"} if _FLATS.isdisjoint(words) else {"lamp"})
    return next(iter(kinds)) if len(kinds) == 1 else None


@lru_cache(maxsize=10_000)
def kind_of_card(text: str) -> str | None:
    """The type that the value of a card such as IMAGETYP names.

    Parameters
    ----------
    text : str

    Returns
    -------
    str or None
        One of `kinds.FRAME_TYPES` or of `ASIDE`; None when its words are not known.

    Examples
    --------
    >>> [kind_of_card(text) for text in ("Flat Field", "WAVE,LAMP", "FLAT,LAMP", "DARKFLAT")]
    ['flat', 'lamp', 'flat', 'dark']
    """
    words = _words(text)
    return _one(_kinds(words, _CARD_KINDS), words)


@lru_cache(maxsize=100_000)
def kind_of_name(text: str) -> str | None:
    """The type that the name of a file or of a folder tells, None when it tells none.

    Examples
    --------
    >>> [kind_of_name(text) for text in ("L2-dark-180.3.FIT", "NeonCalibration.fit", "M31.fits")]
    ['dark', 'lamp', None]
    """
    words = _words(text)
    kind = _one(_kinds(words, _NAME_KINDS), words)
    # offset_001.fits is a bias; in M31_gain100_offset50.fits it is a setting
    return kind or ("bias" if words[:1] in (["offset"], ["offsets"]) else None)


@lru_cache(maxsize=10_000)
def kind_of_object(text: str) -> str | None:
    """The type that OBJECT names; a target's own name tells none.

    Flats are known by the word alone, other types only if there is nothing but words of types:
    'Dark Cloud 7' and 'Neon Ring' are targets.

    Examples
    --------
    >>> [kind_of_object(text) for text in ("dome flat V", "dark 300s", "Dark Ring", "Flatiron")]
    ['flat', 'dark', None, None]
    """
    words = _words(text)
    kind = _one(_kinds(words, _CARD_KINDS), words)
    if kind == "flat" and not _FLATS.isdisjoint(words):
        return kind
    meant = names_types_alone(text)
    return kind if meant and kind not in ("light", "master", "stack", "preview") else None


@lru_cache(maxsize=10_000)
def names_types_alone(text: str) -> bool:
    """Whether a text has only words of types and what stands beside them, and no other name.

    Examples
    --------
    >>> [names_types_alone(text) for text in ("sky flat V", "Flat Rock")]
    [True, False]
    """
    return all(word in _CARD_KINDS or word in _BESIDE for word in _words(text))


def flat_light(texts: Iterable[str]) -> str | None:
    """What lights a flat, by the first text whose words tell it.

    Parameters
    ----------
    texts : iterable of str

    Returns
    -------
    {'dome', 'sky'} or None

    Examples
    --------
    >>> flat_light(["FLAT", "twilight flat V"]), flat_light(["DomeFlat_R.fits"])
    ('sky', 'dome')
    """
    for text in texts:
        found = {_LIT_BY[word] for word in _words(text) if word in _LIT_BY}
        if len(found) == 1:
            return found.pop()
    return None
