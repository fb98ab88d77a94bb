"""Whether the lights of a folder are spectra, by what their headers say of the light's way."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..camera.headers import Headers

__all__ = ["why_spectra"]

# what disperses the light; its name, or that of an empty place
_DISPERSERS = (
    *("GRISM", "GRATING", "DISPERSE", "DISPERSR", "GRISNAM", "GRISNAME", "GRATNAM", "GRANAME"),
    *("GRISTER", "ALGRNM", "INSGRID", "ESO INS GRIS1 NAME", "ESO INS GRAT1 NAME", "PRISM"),
)
# as observatories call a place without one; CAFOS has its filters in place 11 of the grisms
_NO_DISPERSER = re.compile(
    r"(open|mirror|none|clear|free|empty|no[ _-]?gris|no[ _-]?grat|filter|unknown|n/?a\b"
    r"|grism[ -]*11|imag|out\b|-?\s*$|0\b|no$|false).*",
    re.IGNORECASE,
)
_MODES = ("OBS_MODE", "OBSMODE", "INSMODE", "ESO DPR TECH", "EXPTYPE", "OBSTYPE", "INSTRMOD")
_SPECTRA = re.compile(r"spec|long.?slit|echelle|\bmos\b|grism", re.IGNORECASE)
_IMAGES = re.compile(r"imag|photo", re.IGNORECASE)


def _said(headers):
    """(card, whether it tells of a spectrum) of the first card that tells, None without one."""
    for name in _MODES:
        value = str(headers.get(name) or "")
        if _SPECTRA.search(value) or _IMAGES.search(value):
            return f"{name}={value!r}", bool(_SPECTRA.search(value))
    for name in _DISPERSERS:
        value = headers.get(name)
        if isinstance(value, str):
            return f"{name}={value!r}", not _NO_DISPERSER.fullmatch(value.strip())
    return None


def why_spectra(headers: Sequence[Headers], rows: Iterable[Mapping[str, Any]]) -> str | None:
    """Why the lights of a folder are spectra, None where they are images or it is not known.

    Parameters
    ----------
    headers : list of Headers
        Of some or all files.
    rows : iterable of dict
        Rows of the index.
    """
    rows = [row for row in rows if row["status"] == "ok"]
    lights = {row["file"] for row in rows if row["imagetyp"] == "light"}
    said = [_said(each) for each in headers if each.file in lights]
    told = [each for each in said if each is not None]
    spectra = [card for card, dispersed in told if dispersed]
    if told:
        return f"{spectra[0]} in {len(spectra)} lights" if 2 * len(spectra) > len(said) else None
    lamps = [row for row in rows if row["imagetyp"] == "lamp"]
    cameras = {row["camera"] for row in rows if row["imagetyp"] in ("light", "lamp")}
    if lamps and lights and len(cameras) == 1:
        return f"a lamp to compare with ({lamps[0]['file']}), and no card speaks of images"
    return None
