"""The header of a master: enough to make it again, bit for bit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..raw.header_cards import ascii_name, common_header
from ..statistics.clip import Clip
from .cards import StepCards
from .common_cards import (
    FACT_KEYWORDS,
    FACTS,
    add_counts,
    add_detector,
    add_facts,
    add_master,
    add_overscan,
    add_versions,
    alone_in_its_extension,
)
from .master_cards import put_matched_facts

if TYPE_CHECKING:
    from astropy.io.fits import Header

    from ..frame.raw_image import RawImage
    from ..master.master_result import MasterResult
    from ..raw.card_list import CardList

__all__ = ["STEPS", "add_left", "master_headers"]

BIAS = StepCards(
    "noise",
    {
        "BLEV#_#": "[adu] scatter of its frames' levels",
        "BOSC#_#": "[adu] noise of an overscan pixel",
        "BRON#_#": "[adu] read noise, not as declared",
    },
)
DARK = StepCards(
    "dark",
    {
        "EXPTIME": "[s] exposure time, mean of its frames",
        "PEDREMOV": "whether the bias level is gone",
        "DPED#_#": "[adu] pedestal left in the dark",
    },
)
FLAT = StepCards(
    "flat",
    {
        "FLATNORM": "[adu] mean level of its frames",
        "LEVEL###": "[adu] level of the frame",
        "FGAI#_#": "[electron/adu] gain, not as declared",
        "DRKFIL#": "master dark of some of its frames",
        "DRKSHA#": "its SHA-256",
    },
)
COMBINATION = StepCards(
    "combination",
    {
        "NCOMBINE": "frames combined",
        "COMBMETH": "combination: method",
        "CLIPMETH": "rejection: method",
        "CLIPLOW": "rejection: low",
        "CLIPHIGH": "rejection: high",
        "CLIPCEN": "rejection: center",
        "CLIPSPR": "rejection: spread",
        "CLIPITER": "rejection: iterations",
        "CLIPNLOW": "rejection: nlow",
        "CLIPNHI": "rejection: nhigh",
        "IMCMB###": "raw frame combined",
        "IMSHA###": "its SHA-256",
        "NCLIP###": "rejected pixels of the frame",
        "LEFT###": "raw frame left out",
        "SCATTER": "variance between frames over noise model",
    },
)
STEPS = BIAS, DARK, FLAT, COMBINATION


def master_headers(
    kind: str,
    headers: list[Header],
    image_headers: list[list[Header]],
    raws: list[RawImage],
    results: list[MasterResult],
    members: list[dict],
    settings: dict,
    sources: dict,
) -> tuple[CardList, list[CardList] | None]:
    """Headers of a master.

    Parameters
    ----------
    kind : {'bias', 'dark', 'flat'}
    headers : list of Header
        Primary headers of the raw frames.
    image_headers : list of list of Header
        Those of their images.
    raws : list of RawImage
        Of the first frame.
    results : list of MasterResult
    members : list of dict
        file, sha256 and facts of each raw frame.
    settings : dict
        combine and overscan sections, for flats also flat.
    sources : dict
        bias (Product or None), darks ({dark, dark_2 ...: Product}), measured and detector_name.

    Returns
    -------
    header : CardList
    image_headers : list of CardList or None
        None where the product is one image, whose cards are in the primary header.
    """
    header, own = _common_cards(headers, image_headers, raws)
    FACTS.put(header, "IMAGETYP", kind)
    _add_common_facts(header, [member["facts"] for member in members])
    add_overscan(header, settings["overscan"], results[0].overscan[0])
    add_master(header, "BIAS", sources["bias"])
    _add_darks(header, sources["darks"])
    add_detector(header, raws, sources["measured"], sources["detector_name"])
    put_matched_facts(header, members)
    if kind == "bias":
        _add_bias(header, raws, results)
    if kind == "dark":
        _add_dark(header, raws, results, members, sources["bias"] is not None)
    if kind == "flat":
        _add_flat(header, raws, results)
    _add_combination(header, settings["combine"], members, results)
    add_counts(header, [result.image for result in results])
    add_versions(header)
    return header, own


def add_left(header: CardList, left: list[str]) -> None:
    """Say which frames were left out of a master as their pixels are unfit, and why.

    Parameters
    ----------
    header : CardList
        Changed in place.
    left : list of str
        The frame's name and the reason.
    """
    for number, text in enumerate(left, start=1):
        COMBINATION.put(header, "LEFT###", ascii_name(text), number)


def _add_darks(header, darks):
    """Name the dark of the frames; of several the first, and all by number."""
    add_master(header, "DARK", darks.get("dark"))
    if len(darks) > 1:
        for number, product in enumerate(darks.values(), start=1):
            FLAT.put(header, "DRKFIL#", ascii_name(product.name), number)
            FLAT.put(header, "DRKSHA#", product.sha256, number)


def _common_cards(headers, image_headers, raws):
    """The cards that all raw frames agree on: of their primary headers and of their images."""
    header = common_header(headers)
    own = [common_header([each[number] for each in image_headers]) for number in range(len(raws))]
    if len(raws) > 1:
        return header, own
    return (alone_in_its_extension(own[0], header) if raws[0].hdu else header), None


def _add_common_facts(header, facts):
    """Say the facts in which all frames agree."""
    same = [
        name
        for name in FACT_KEYWORDS
        if name != "imagetyp" and len({each.get(name) for each in facts}) == 1
    ]
    add_facts(header, {name: facts[0].get(name) for name in same})


def _add_bias(header, raws, results):
    """Say what a bias's frames tell of frames that are calibrated with it: RawImage.use_bias."""
    for raw, result in zip(raws, results, strict=True):
        for number, scatter in enumerate(result.level_scatter):
            BIAS.put(header, "BLEV#_#", scatter, raw.hdu, number + 1)
            own = [levels[number] for levels in result.overscan]
            variances = [level.pixel_variance for level in own if level.pixels]
            if variances:
                noise = math.sqrt(np.mean(variances))
                BIAS.put(header, "BOSC#_#", noise, raw.hdu, number + 1)
            if raw.bias_read_noise[number] is not None:
                BIAS.put(header, "BRON#_#", raw.bias_read_noise[number], raw.hdu, number + 1)


def _add_dark(header, raws, results, members, has_bias):
    """Say the exposure time of a dark, and whether it still holds its pedestal."""
    exptime = float(np.mean([member["facts"]["exptime"] for member in members]))
    DARK.put(header, "EXPTIME", exptime)
    removed = has_bias or raws[0].has_level
    DARK.put(header, "PEDREMOV", removed)
    if removed:
        return
    for raw, result in zip(raws, results, strict=True):
        for number, level in enumerate(result.pedestals, start=1):
            DARK.put(header, "DPED#_#", level, raw.hdu, number)


def _add_flat(header, raws, results):
    """Say the levels of a flat's frames, and the gain where they contradict the declared one."""
    norm = float(np.mean([level for result in results for level in result.levels]))
    FLAT.put(header, "FLATNORM", norm)
    for number, level in enumerate(results[0].levels, start=1):
        FLAT.put(header, "LEVEL###", level, number)
    for raw in raws:
        for number, gain in enumerate(raw.flat_gain, start=1):
            if gain is not None:
                FLAT.put(header, "FGAI#_#", gain, raw.hdu, number)


def _add_combination(header, settings, members, results):
    """Say how the frames were combined, which these were, and what each lost."""
    COMBINATION.put(header, "NCOMBINE", len(members))
    COMBINATION.put(header, "COMBMETH", settings["method"])
    for keyword, value in Clip.from_settings(settings, len(members)).cards():
        COMBINATION.put(header, keyword, value)
    for number, member in enumerate(members, start=1):
        COMBINATION.put(header, "IMCMB###", ascii_name(member["file"]), number)
        COMBINATION.put(header, "IMSHA###", member["sha256"], number)
        clipped = sum(result.rejected[number - 1] for result in results)
        COMBINATION.put(header, "NCLIP###", clipped, number)
    ratios = [result.scatter_ratio for result in results if np.isfinite(result.scatter_ratio)]
    if ratios:
        COMBINATION.put(header, "SCATTER", float(np.mean(ratios)))
