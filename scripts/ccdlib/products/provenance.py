"""What was done, as header cards: enough to make the product again, bit for bit."""

from importlib.metadata import version

import numpy as np

from .. import dq
from ..camera.assembly import place_wcs
from ..frame.detector_noise import amplifier_values, declared, excess_variances
from ..raw.header_cards import ascii_name, common_header, product_header, put
from .master_cards import put_matched_facts
from .versions import CARDS

__all__ = ["frame_headers", "map_header", "master_headers"]

# packages that everything is made with
_VERSIONS = "CCDLIBV", "NUMPYV", "ASTROPYV", "NUMBAV"
_FACT_CARDS = (
    ("IMAGETYP", "imagetyp", "type of frame"),
    ("OBJECT", "object", "object"),
    ("FILTER", "filter", "filter"),
    ("EXPTIME", "exptime", "[s] exposure time"),
)


def _add_versions(header, extra=()):
    for keyword in (*_VERSIONS, *extra):
        put(header, keyword, version(CARDS[keyword]), f"version of {CARDS[keyword]}")


def _add_facts(header, facts):
    for keyword, fact, comment in _FACT_CARDS:
        value = facts.get(fact)
        if value is not None:
            put(header, keyword, ascii_name(value) if isinstance(value, str) else value, comment)


def _add_overscan(header, settings, levels):
    """Overscan settings, and level and rejected pixels of each amplifier."""
    if not any(level.measured for level in levels):
        put(header, "OSCMETH", "none", "overscan: not subtracted")
        return
    put(header, "OSCMETH", settings["method"], "overscan: how its level was found")
    if settings["method"] == "polynomial":
        put(header, "OSCDEG", settings["degree"], "overscan: degree of the polynomial")
    put(header, "OSCCLIP", settings["clip"], "overscan: rejection in sigma")
    for number, level in enumerate(levels, start=1):
        put(header, f"OSCLEV{number}", float(np.mean(level.values)), "[adu] overscan: mean level")
        put(header, f"OSCREJ{number}", level.rejected, "overscan: pixels rejected")


def _add_amplifier(header, number, amp, several):
    """Sections of an amplifier and what is known of it beside gain and read noise."""
    put(header, f"AMPHDU{number}", amp.hdu, "HDU of the raw file")
    put(header, f"AMPDAT{number}", amp.data.fits(), "data section in the raw image")
    if amp.overscan is not None:
        put(header, f"AMPOSC{number}", amp.overscan.fits(), "overscan in the raw image")
    if amp.parallel is not None:
        put(header, f"AMPPAR{number}", amp.parallel.fits(), "parallel overscan, raw image")
    if several:
        put(header, f"AMPPLC{number}", amp.place.fits(), "place in this image")
    if any(amp.crosstalk):
        shares = " ".join(f"{share:g}" for share in amp.crosstalk)
        put(header, f"AMPXTK{number}", shares, "shares of the amplifiers taken off")
    if amp.saturation is not None:
        put(header, f"AMPSAT{number}", amp.saturation, "[adu] raw value flagged SATURATED")


def _add_detector(header, raws, measured, detector_name):
    """Sections of each amplifier, gain and read noise used, and where these come from."""
    amps = [(amp, len(raw.amplifiers) > 1) for raw in raws for amp in raw.amplifiers]
    for number, (amp, several) in enumerate(amps, start=1):
        _add_amplifier(header, number, amp, several)
    given = all(declared(raw) for raw in raws)
    # a bias can do without
    if not given and measured is None:
        return
    number = 0
    for raw in raws:
        gains = amplifier_values(raw, "gain", measured)
        noises = amplifier_values(raw, "read_noise", measured)
        factors = raw.factors or [None] * len(gains)
        for gain, noise, factor in zip(gains, noises, factors, strict=True):
            number += 1
            put(header, f"AMPGAI{number}", gain, "[electron/adu] gain used")
            put(header, f"AMPRON{number}", noise, "[electron] read noise")
            if factor is not None:
                put(header, f"AMPFAC{number}", factor, "factor from the sky at its borders")
    source = "headers or camera file" if given else f"measured: {ascii_name(detector_name or '')}"
    put(header, "GAINSRC", source, "where gain and read noise come from")


def _add_noise(header, raws, measured):
    """What this frame's overscan told of its noise, and what it cannot see of its level."""
    number = 0
    for raw in raws:
        for level, excess, unseen in zip(
            raw.levels, excess_variances(raw, measured), raw.unseen, strict=True
        ):
            number += 1
            if level.pixels:
                noise = level.pixel_variance**0.5
                put(header, f"OSCNOI{number}", noise, "[adu] overscan: noise of a pixel")
            if excess:
                put(header, f"RONADD{number}", excess**0.5, "[adu] noise added: overscan's excess")
            if unseen:
                put(header, f"LEVSIG{number}", unseen, "[adu] sigma of level beside overscan")


def _add_levels_of_bias(header, raws, results):
    """What a bias's frames tell of those that are calibrated with it; see RawImage.use_bias."""
    for raw, result in zip(raws, results, strict=True):
        for number, scatter in enumerate(result.level_scatter):
            key = f"{raw.hdu}_{number + 1}"
            put(header, f"BLEV{key}", scatter, "[adu] scatter of its frames' levels")
            own = [levels[number] for levels in result.overscan]
            variances = [level.pixel_variance for level in own if level.pixels]
            if variances:
                noise = float(np.mean(variances)) ** 0.5
                put(header, f"BOSC{key}", noise, "[adu] noise of an overscan pixel")


def _add_master(header, kind, product):
    if product is not None:
        put(header, f"{kind}FILE", ascii_name(product.name), f"master {kind.lower()}")
        put(header, f"{kind}SHA", product.sha256, "its SHA-256")


def _add_counts(header, images):
    total = [image.dq for image in images]
    for keyword, bit, comment in (
        ("NSATUR", dq.SATURATED, "saturated pixels"),
        ("NCOSMIC", dq.COSMIC_RAY, "cosmic-ray pixels"),
    ):
        put(header, keyword, sum(dq.count(flags, bit) for flags in total), comment)
    masked = sum(int((flags != 0).sum()) for flags in total)
    put(header, "NMASKED", masked, "pixels not to be used")


def _image_headers(headers, raws):
    """Headers of the images of a file with several: their cards that are still true."""
    own = []
    for header, raw in zip(headers, raws, strict=True):
        kept = product_header(header)
        first = raw.amplifiers[0]
        place_wcs(kept, first.data, first.place, first.flips)
        own.append(kept)
    return own


def _moved(own, header):
    """A header with the cards of the one image's own in place of those of the same name."""
    for card in own.cards:
        if card.keyword not in ("COMMENT", "HISTORY", ""):
            put(header, card.keyword, card.value, card.comment)
    return header


def _split(primary, raws):
    """Primary header and image headers of a product of these raw images."""
    header = product_header(primary)
    if len(raws) > 1:
        return header, _image_headers([raw.header for raw in raws], raws)
    first = raws[0].amplifiers[0]
    if raws[0].hdu == 0:
        place_wcs(header, first.data, first.place, first.flips)
        return header, None
    # the image was alone in an extension: its cards move to the product's primary
    return _moved(_image_headers([raws[0].header], raws)[0], header), None


def _add_cosmic_rays(header, settings):
    put(header, "CRMETH", settings["method"], "cosmic rays: method")
    if settings["method"] == "none":
        return
    names = {
        "lacosmic": (
            ("CRSIGC", "sigclip"),
            ("CRSIGF", "sigfrac"),
            ("CROBJL", "objlim"),
            ("CRITER", "iterations"),
        ),
        "median": (("CRTHRES", "threshold"),),
    }[settings["method"]]
    for keyword, name in (*names, ("CRREPL", "replace")):
        put(header, keyword, settings[name], f"cosmic rays: {name}")
    if settings["method"] == "lacosmic":
        put(header, "CRENGINE", settings["engine"], "cosmic rays: engine")
    if settings["method"] == "lacosmic" and settings["engine"] == "astroscrappy":
        put(header, "ASTROSCV", version("astroscrappy"), "version of astroscrappy")


def frame_headers(primary, raws, images, member, calibration, config, detector_name):
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
    header : Header
    image_headers : list of Header or None
    """
    header, image_headers = _split(primary, raws)
    _add_facts(header, member["facts"])
    put(header, "RAWFILE", ascii_name(member["file"]), "raw frame")
    put(header, "RAWSHA", member["sha256"], "its SHA-256")
    _add_overscan(header, config["overscan"], [level for raw in raws for level in raw.levels])
    for kind in ("bias", "dark", "flat"):
        _add_master(header, kind.upper(), getattr(calibration, kind))
    if calibration.dark is not None:
        put(header, "DARKSCAL", calibration.dark_scale, "factor on the master dark")
    if calibration.flat is not None:
        put(header, "FLATNORM", calibration.flat.header["FLATNORM"], "[adu] level that became one")
        put(header, "FLATMIN", config["flat"]["min_value"], "flat below this is not divided by")
    _add_master(header, "BPM", calibration.bad_pixels)
    _add_detector(header, raws, calibration.measured, detector_name)
    _add_noise(header, raws, calibration.measured)
    if member["facts"]["imagetyp"] == "light":
        _add_cosmic_rays(header, config["cosmic_rays"])
    _add_counts(header, images)
    _add_versions(header)
    return header, image_headers


def _numbered(name, number):
    """A keyword with a number of three digits, of more where a stack has a thousand frames."""
    digits = f"{number:03d}"
    return name[: 8 - len(digits)] + digits


def _add_combination(header, settings, members, results):
    put(header, "NCOMBINE", len(members), "frames combined")
    put(header, "COMBMETH", settings["method"], "combination")
    put(header, "CLIPMETH", settings["clip"], "rejection")
    names = {
        "sigma": (
            ("CLIPLOW", "low"),
            ("CLIPHIGH", "high"),
            ("CLIPCEN", "center"),
            ("CLIPSPR", "spread"),
            ("CLIPITER", "iterations"),
        ),
        "minmax": (("CLIPNLOW", "nlow"), ("CLIPNHI", "nhigh")),
        "none": (),
    }[settings["clip"]]
    for keyword, name in names:
        put(header, keyword, settings[name], f"rejection: {name}")
    for number, member in enumerate(members, start=1):
        put(header, _numbered("IMCMB", number), ascii_name(member["file"]), "raw frame combined")
        put(header, _numbered("IMSHA", number), member["sha256"], "its SHA-256")
        clipped = sum(result.rejected[number - 1] for result in results)
        put(header, _numbered("NCLIP", number), clipped, "pixels of it that were rejected")
    ratios = [result.scatter_ratio for result in results if np.isfinite(result.scatter_ratio)]
    if ratios:
        put(header, "SCATTER", float(np.mean(ratios)), "variance between frames over noise model")


def master_headers(kind, headers, image_headers, raws, results, members, settings, sources):
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
        bias, dark (Product or None), measured and detector_name.

    Returns
    -------
    header : Header
    image_headers : list of Header or None
    """
    header = common_header(headers)
    own = [common_header([each[number] for each in image_headers]) for number in range(len(raws))]
    if len(raws) == 1:
        # the image was alone in its extension: its cards belong to the product's primary
        header = _moved(own[0], header) if raws[0].hdu else header
        own = None
    put(header, "IMAGETYP", kind, "type of frame")
    same = {
        fact
        for _, fact, _ in _FACT_CARDS
        if fact != "imagetyp" and len({member["facts"].get(fact) for member in members}) == 1
    }
    _add_facts(header, {fact: members[0]["facts"].get(fact) for fact in same})
    _add_overscan(header, settings["overscan"], results[0].overscan[0])
    _add_master(header, "BIAS", sources["bias"])
    _add_master(header, "DARK", sources["dark"])
    _add_detector(header, raws, sources["measured"], sources["detector_name"])
    put_matched_facts(header, members)
    if kind == "bias":
        _add_levels_of_bias(header, raws, results)
    if kind == "dark":
        exptime = float(np.mean([member["facts"]["exptime"] for member in members]))
        header["EXPTIME"] = (exptime, "[s] exposure time, mean of its frames")
        removed = sources["bias"] is not None or raws[0].has_level
        put(header, "PEDREMOV", removed, "whether the bias level is gone")
        for raw, result in zip(raws, results, strict=True):
            for number, level in enumerate(result.pedestals if not removed else (), start=1):
                put(header, f"DPED{raw.hdu}_{number}", level, "[adu] of it no dark current")
    if kind == "flat":
        norm = float(np.mean([level for result in results for level in result.levels]))
        put(header, "FLATNORM", norm, "[adu] mean level of its frames")
        for number, level in enumerate(results[0].levels, start=1):
            put(header, _numbered("LEVEL", number), level, "[adu] level of the frame")
    _add_combination(header, settings["combine"], members, results)
    _add_counts(header, [result.image for result in results])
    _add_versions(header)
    return header, own


def map_header(sources, images):
    """Header of a bad-pixel map.

    Parameters
    ----------
    sources : dict
        dark and flat (Product or None) that it was measured from.
    images : list of Image
    """
    from astropy.io.fits import Header

    header = Header()
    put(header, "IMAGETYP", "bad pixels", "type of frame")
    for kind, product in sources.items():
        _add_master(header, kind.upper(), product)
    _add_counts(header, images)
    _add_versions(header, ["SCIPYV"])
    return header
