"""The header of a calibrated frame: enough to make it again, bit for bit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..camera.assembly import place_wcs
from ..frame.detector_noise import excess_variances
from ..raw.header_cards import ascii_name, has_wcs, product_header, without_wcs
from .cards import StepCards
from .common_cards import (
    add_counts,
    add_detector,
    add_facts,
    add_lack,
    add_master,
    add_overscan,
    add_versions,
    alone_in_its_extension,
    image_headers_of,
)

if TYPE_CHECKING:
    from astropy.io.fits import Header

    from ..frame.calibrate import Calibration
    from ..frame.image import Image
    from ..frame.raw_image import RawImage
    from ..raw.card_list import CardList

__all__ = ["STEPS", "frame_headers"]

RAW = StepCards(
    "frame",
    {
        "RAWFILE": "raw frame",
        "RAWSHA": "its SHA-256",
        "DONEBY": "done before, and the cards that say so",
        "PEDREM": "[adu] added by the camera's program, taken off",
        "ROWTURN": "rows turned, ROWORDER is that of this image",
    },
)
DARK = StepCards("dark", {"DARKSCAL": "factor on the master dark"})
FLAT = StepCards(
    "flat",
    {
        "FLATNORM": "[adu] level that the flat was divided by",
        "FLATMIN": "lowest flat value that is divided by",
    },
)
NOISE = StepCards(
    "noise",
    {
        "OSCNOI#": "[adu] overscan: noise of a pixel",
        "RONADD#": "[adu] noise added: overscan's excess",
        "LEVSIG#": "[adu] level scatter not seen by overscan",
    },
)
COSMIC_RAYS = StepCards(
    "cosmic rays",
    {
        "CRMETH": "cosmic rays: method",
        "CRSIGC": "cosmic rays: sigclip",
        "CRSIGF": "cosmic rays: sigfrac",
        "CROBJL": "cosmic rays: objlim",
        "CRITER": "cosmic rays: iterations",
        "CRTHRES": "cosmic rays: threshold",
        "CRREPL": "cosmic rays: replace",
        "CRENGINE": "cosmic rays: engine",
    },
)
STEPS = RAW, NOISE, DARK, FLAT, COSMIC_RAYS

# the settings that each method has
_COSMIC_RAY_SETTINGS = {
    "lacosmic": {
        "CRSIGC": "sigclip",
        "CRSIGF": "sigfrac",
        "CROBJL": "objlim",
        "CRITER": "iterations",
        "CRREPL": "replace",
        "CRENGINE": "engine",
    },
    "median": {"CRTHRES": "threshold", "CRREPL": "replace"},
    "none": {},
}


def frame_headers(
    primary: Header,
    raws: list[RawImage],
    images: list[Image],
    member: dict,
    calibration: Calibration,
    config: dict,
    detector_name: str | None,
) -> tuple[CardList, list[CardList] | None]:
    """Headers of a calibrated frame.

    Parameters
    ----------
    primary : Header
        Of the raw file.
    raws : list of RawImage
    images : list of Image
    member : dict
        frame, sha256 and facts of the raw frame.
    calibration : Calibration
    config : dict
    detector_name : str or None

    Returns
    -------
    header : CardList
    image_headers : list of CardList or None
        None where the product is one image, whose cards are in the primary header.
    """
    header, image_headers = _true_cards(primary, raws)
    add_facts(header, member["facts"])
    RAW.put(header, "RAWFILE", ascii_name(member["file"]))
    RAW.put(header, "RAWSHA", member["sha256"])
    _add_done(header, member["facts"], raws[0])
    add_overscan(header, config["overscan"], [level for raw in raws for level in raw.levels])
    _add_masters(header, calibration, config)
    add_detector(header, raws, calibration.measured, detector_name)
    _add_noise(header, raws, calibration.measured)
    if member["facts"]["imagetyp"] == "light":
        _add_cosmic_rays(header, config["cosmic_rays"])
    add_counts(header, images)
    add_versions(header)
    return header, image_headers


def _add_done(header, facts, raw):
    """Say what was done to the frame before, and what was taken off for it."""
    if facts.get("done", "none") != "none":
        RAW.put(header, "DONEBY", ascii_name(facts["done"]))
    if raw.amplifiers[0].pedestal and not raw.levels[0].measured:
        RAW.put(header, "PEDREM", raw.amplifiers[0].pedestal)
    if raw.amplifiers[0].turned:
        RAW.put(header, "ROWTURN", True)


def _true_cards(primary, raws):
    """The cards of the raw file that are still true: of its primary header and of its images."""
    header = product_header(primary)
    if len(raws) > 1:
        return header, image_headers_of([raw.header for raw in raws], raws)
    first = raws[0].amplifiers[0]
    if raws[0].hdu == 0:
        place_wcs(header, first.data, first.place, first.flips)
        return header, None
    (own,) = image_headers_of([raws[0].header], raws)
    if has_wcs(own):
        # it may have other cards than that of the primary HDU, which would stay beside them
        header = without_wcs(header)
    return alone_in_its_extension(own, header), None


def _add_masters(header, calibration, config):
    """Say the masters used, and the numbers that they were used with."""
    for kind in ("bias", "dark", "flat"):
        add_master(header, kind.upper(), getattr(calibration, kind))
    if calibration.dark is not None:
        DARK.put(header, "DARKSCAL", calibration.dark_scale)
    if calibration.flat is not None:
        FLAT.put(header, "FLATNORM", calibration.flat.header["FLATNORM"])
        FLAT.put(header, "FLATMIN", config["flat"]["min_value"])
    add_master(header, "BPM", calibration.bad_pixels)
    if calibration.bad_pixels is not None:
        add_lack(header, calibration.bad_pixels.header.get("BPMLACK"))


def _add_noise(header, raws, measured):
    """Say what this frame's overscan told of its noise, and what it cannot see of its level."""
    number = 0
    for raw in raws:
        excesses = excess_variances(raw, measured)
        for level, excess, unseen in zip(raw.levels, excesses, raw.unseen, strict=True):
            number += 1
            if level.pixels:
                NOISE.put(header, "OSCNOI#", math.sqrt(level.pixel_variance), number)
            if excess:
                NOISE.put(header, "RONADD#", math.sqrt(excess), number)
            if unseen:
                NOISE.put(header, "LEVSIG#", unseen, number)


def _add_cosmic_rays(header, settings):
    """Say how cosmic rays were sought."""
    COSMIC_RAYS.put(header, "CRMETH", settings["method"])
    for keyword, name in _COSMIC_RAY_SETTINGS[settings["method"]].items():
        COSMIC_RAYS.put(header, keyword, settings[name])
    if settings["method"] == "lacosmic" and settings["engine"] == "astroscrappy":
        add_versions(header, ["ASTROSCV"])
