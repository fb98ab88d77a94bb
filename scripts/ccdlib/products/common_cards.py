"""The header cards that calibrated frames and masters have in common."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dq
from ..camera.assembly import place_wcs
from ..frame.detector_noise import NO_GAIN, OWN_NOISE, has_gain, noise_of
from ..raw.header_cards import ascii_name, product_header, put
from .cards import StepCards
from .versions import CARDS, installed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from astropy.io.fits import Header

    from ..camera.amplifiers import Amplifier
    from ..frame.image import Image
    from ..frame.overscan import Level
    from ..frame.raw_image import RawImage
    from ..raw.card_list import CardList

__all__ = [
    "DECLARED",
    "FACTS",
    "FACT_KEYWORDS",
    "STEPS",
    "add_counts",
    "add_detector",
    "add_facts",
    "add_lack",
    "add_master",
    "add_overscan",
    "add_recipe",
    "add_versions",
    "alone_in_its_extension",
    "image_headers_of",
]

FACTS = StepCards(
    "frame",
    {
        "IMAGETYP": "type of frame",
        "OBJECT": "object",
        "FILTER": "filter",
        "EXPTIME": "[s] exposure time",
    },
)
FACT_KEYWORDS = {
    "imagetyp": "IMAGETYP",
    "object": "OBJECT",
    "filter": "FILTER",
    "exptime": "EXPTIME",
}
OVERSCAN = StepCards(
    "overscan",
    {
        "OSCMETH": "overscan: how the level was found",
        "OSCDEG": "overscan: degree of the polynomial",
        "OSCCLIP": "overscan: rejection in sigma",
        "OSCLEV#": "[adu] overscan: mean level",
        "OSCREJ#": "overscan: pixels rejected",
    },
)
DETECTOR = StepCards(
    "detector",
    {
        "AMPHDU#": "HDU of the raw file",
        "AMPDAT#": "data section in the raw image",
        "AMPOSC#": "overscan in the raw image",
        "AMPPAR#": "parallel overscan, raw image",
        "AMPPLC#": "place in this image",
        "AMPXTK#": "fractions of the amplifiers subtracted",
        "AMPSAT#": "[adu] raw value flagged SATURATED",
        "AMPGAI#": "[electron/adu] gain used",
        "AMPRON#": "[electron] read noise",
        "AMPSCA#": "[adu] sigma without light, own scatter",
        "AMPFAC#": "factor from the sky at its borders",
        "GAINSRC": "where gain and read noise come from",
    },
)
_MASTERS = {
    kind.upper(): StepCards(
        kind,
        {
            f"{kind.upper()}FILE": f"master {kind}",
            f"{kind.upper()}SHA": "its SHA-256",
            f"{kind.upper()}CUT": "section of it that was used",
        },
    )
    for kind in ("bias", "dark", "flat")
} | {
    "BPM": StepCards(
        "bad pixels",
        {
            "BPMFILE": "bad-pixel map",
            "BPMSHA": "its SHA-256",
            "BPMCUT": "section of it that was used",
            "BPMLACK": "masters that tell no bad pixels",
        },
    ),
}
COUNTS = StepCards(
    "counts",
    {
        "NSATUR": "saturated pixels",
        "NCOSMIC": "cosmic-ray pixels",
        "NMASKED": "pixels not to be used",
    },
)
VERSIONS = StepCards(
    "versions", {keyword: f"version of {package}" for keyword, package in CARDS.items()}
)
_RECIPE = StepCards("recipe", {"RECIPE": "digest of frames, masters, settings, code"})
STEPS = (FACTS, OVERSCAN, DETECTOR, *_MASTERS.values(), COUNTS, VERSIONS, _RECIPE)

# where gain and read noise come from that nothing contradicts
DECLARED = "headers or camera file"

# every product depends on these packages
_ALWAYS = "CCDLIBV", "NUMPYV", "ASTROPYV", "NUMBAV"


def add_recipe(header: CardList, recipe: str) -> None:
    """Say which recipe the product is made by, where there is one (`ccdlib.products.recipes`)."""
    if recipe:
        _RECIPE.put(header, "RECIPE", recipe)


def add_versions(header: CardList, keywords: Iterable[str] = _ALWAYS) -> None:
    """Say the versions of packages that the result may depend on."""
    for keyword in keywords:
        VERSIONS.put(header, keyword, installed(keyword))


def add_facts(header: CardList, facts: dict) -> None:
    """Say the type, object, filter and exposure time of a frame, where they are known."""
    for fact, keyword in FACT_KEYWORDS.items():
        value = facts.get(fact)
        if value is not None:
            FACTS.put(header, keyword, ascii_name(value) if isinstance(value, str) else value)


def add_overscan(header: CardList, settings: dict, levels: Sequence[Level]) -> None:
    """Say how the overscan was subtracted, and level and rejected pixels of each amplifier."""
    if not any(level.measured for level in levels):
        OVERSCAN.put(header, "OSCMETH", "none")
        return
    OVERSCAN.put(header, "OSCMETH", settings["method"])
    if settings["method"] == "polynomial":
        OVERSCAN.put(header, "OSCDEG", settings["degree"])
    OVERSCAN.put(header, "OSCCLIP", settings["clip"])
    for number, level in enumerate(levels, start=1):
        OVERSCAN.put(header, "OSCLEV#", float(np.mean(level.values)), number)
        OVERSCAN.put(header, "OSCREJ#", level.rejected, number)


def _add_amplifier(header: CardList, number: int, amp: Amplifier, several: bool) -> None:
    """Say the sections of an amplifier and its saturation."""
    DETECTOR.put(header, "AMPHDU#", amp.hdu, number)
    DETECTOR.put(header, "AMPDAT#", amp.data.fits(), number)
    if amp.overscan is not None:
        DETECTOR.put(header, "AMPOSC#", amp.overscan.fits(), number)
    if amp.parallel is not None:
        DETECTOR.put(header, "AMPPAR#", amp.parallel.fits(), number)
    if several:
        DETECTOR.put(header, "AMPPLC#", amp.place.fits(), number)
    if any(amp.crosstalk):
        fractions = " ".join(f"{fraction:g}" for fraction in amp.crosstalk)
        DETECTOR.put(header, "AMPXTK#", fractions, number)
    if amp.saturation is not None:
        DETECTOR.put(header, "AMPSAT#", amp.saturation, number)


def add_detector(
    header: CardList, raws: list[RawImage], measured: list[dict] | None, detector_name: str | None
) -> None:
    """Say the sections of each amplifier, gain and read noise used, and where these come from.

    Parameters
    ----------
    header : CardList
    raws : list of RawImage
    measured : list of dict or None
        Amplifiers of a detector file.
    detector_name : str or None
        Its name.
    """
    amps = [(amp, len(raw.amplifiers) > 1) for raw in raws for amp in raw.amplifiers]
    for number, (amp, several) in enumerate(amps, start=1):
        _add_amplifier(header, number, amp, several)
    number = 0
    for raw in raws:
        known = has_gain(raw, measured)
        factors = raw.factors or [None] * len(raw.amplifiers)
        lines: list = raw.scatter or [None] * len(raw.amplifiers)
        own = noise_of(raw, measured)
        for noise, line, factor in zip(own, lines, factors, strict=True):
            number += 1
            if known:
                DETECTOR.put(header, "AMPGAI#", noise.gain, number)
            if line is not None:
                DETECTOR.put(header, "AMPSCA#", math.sqrt(line.floor), number)
            elif known:
                DETECTOR.put(header, "AMPRON#", noise.read_noise, number)
            if factor is not None:
                DETECTOR.put(header, "AMPFAC#", factor, number)
    DETECTOR.put(header, "GAINSRC", _source(raws, measured, ascii_name(detector_name or "")))


def _source(raws, measured, name):
    """Where gain and read noise come from, in words."""
    if not all(has_gain(raw, measured) for raw in raws):
        return NO_GAIN
    words = {
        "declared": DECLARED,
        "measured": f"measured: {name}",
        "flats": "the master flat's frames, against what is declared",
        "biases": "the master bias's frames, against what is declared",
        "overscan": "the overscan",
    }
    found = [each for raw in raws for each in noise_of(raw, measured)]
    gain = words[_undeclared(each.gain_from for each in found)]
    if any(raw.scatter is not None for raw in raws):
        return f"{gain}; {OWN_NOISE}"
    noise = words[_undeclared(each.noise_from for each in found)]
    return gain if noise == gain else f"{gain}; read noise: {noise}"


def _undeclared(sources):
    """The first source that is not a declaration, if any."""
    return next((each for each in sources if each and each != "declared"), "declared")


def add_master(header: CardList, kind: str, product: Any) -> None:
    """Name a master that was used, and its SHA-256.

    Parameters
    ----------
    header : CardList
    kind : {'BIAS', 'DARK', 'FLAT', 'BPM'}
    product : Product or None
        None: nothing is written.
    """
    if product is not None:
        _MASTERS[kind].put(header, f"{kind}FILE", ascii_name(product.name))
        _MASTERS[kind].put(header, f"{kind}SHA", product.sha256)
        if product.cut:
            _MASTERS[kind].put(header, f"{kind}CUT", product.cut)


def add_lack(header: CardList, reason: str | None) -> None:
    """Say why bad pixels are not known from one of the masters; nothing where they are."""
    if reason:
        _MASTERS["BPM"].put(header, "BPMLACK", reason)


def add_counts(header: CardList, images: list[Image]) -> None:
    """Say how many pixels of a product are flagged."""
    total = [image.dq for image in images]
    for keyword, bit in (("NSATUR", dq.SATURATED), ("NCOSMIC", dq.COSMIC_RAY)):
        COUNTS.put(header, keyword, sum(dq.count(flags, bit) for flags in total))
    COUNTS.put(header, "NMASKED", sum(int((flags != 0).sum()) for flags in total))


def image_headers_of(headers: list[Header], raws: list[RawImage]) -> list[CardList]:
    """The cards of raw images that are still true, with their WCS moved to the trimmed image."""
    own = []
    for header, raw in zip(headers, raws, strict=True):
        kept = product_header(header)
        first = raw.amplifiers[0]
        place_wcs(kept, first.data, first.place, first.flips)
        own.append(kept)
    return own


def alone_in_its_extension(own: CardList, header: CardList) -> CardList:
    """A primary header with the cards of the one image in place of those of the same name.

    Parameters
    ----------
    own : CardList
        Of the image's extension.
    header : CardList
        Changed in place.
    """
    for card in own.cards:
        if card.keyword not in ("COMMENT", "HISTORY", ""):
            put(header, card.keyword, card.value, card.comment)
    return header
