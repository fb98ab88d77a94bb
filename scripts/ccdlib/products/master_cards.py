"""The cards by which a master is known again, in another night and another folder."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from ..errors import CcdlibError
from .cards import StepCards

if TYPE_CHECKING:
    from astropy.io.fits import Header

    from ..raw.card_list import CardList

__all__ = [
    *("STEPS", "matched_facts", "measured_amplifiers", "put_matched_facts", "put_window"),
    "window_of_master",
]

_TEXTS = (
    ("MSIZE", "size", "columns x rows (x images) of its raw frames"),
    ("MNIGHT", "night", "night of its frames"),
    ("MDATE", "date_obs", "UTC, mean moment of its frames"),
    ("MCAMERA", "camera", "camera"),
    ("MBINNING", "binning", "binning"),
    ("MREADOUT", "readout_mode", "readout mode"),
    ("MGAINSET", "gain_setting", "gain setting of the camera"),
    ("MOFFSET", "offset", "offset setting of the camera"),
    ("MFILTER", "filter", "filter"),
    ("MUNIT", "unit", "unit of its raw frames"),
    ("MWINDOW", "window", "part of the chip that it holds, unbinned"),
    ("MROWS", "row_order", "order of its rows, frames of the other turned"),
)
_SAFE = " !\"#$&'()*+,-./:;<=>?@[]^_{}|~"
_TEMPERATURE = ("MTEMP", "temperature", "[deg C] mean temperature of its frames")
MATCHING = StepCards(
    "matching", {keyword: comment for keyword, _, comment in (*_TEXTS, _TEMPERATURE)}
)
STEPS = (MATCHING,)


def _mean_date(texts):
    """The mean of moments in ISO text, None when one is missing."""
    if not all(texts):
        return None
    dates = [datetime.fromisoformat(text) for text in texts]
    elapsed = sum(((each - dates[0]) for each in dates), start=timedelta(0))
    return (dates[0] + elapsed / len(dates)).isoformat()


def put_matched_facts(header: CardList, members: list[dict]) -> None:
    """Write the facts that a master's frames share and that other frames are matched by.

    Parameters
    ----------
    header : CardList
        Changed in place.
    members : list of dict
        With `facts` of each raw frame; a fact in which they differ is left out.
    """
    facts = [member["facts"] for member in members]
    common = {
        name: facts[0].get(name)
        for _, name, _ in _TEXTS
        if len({each.get(name) for each in facts}) == 1
    }
    common["date_obs"] = _mean_date([each.get("date_obs") for each in facts])
    for keyword, name, _ in _TEXTS:
        if common.get(name) is not None:
            # quoted, so that any letters come back as they were
            MATCHING.put(header, keyword, quote(str(common[name]), safe=_SAFE))
    temperatures = [each["temperature"] for each in facts if "temperature" in each]
    if temperatures:
        MATCHING.put(header, _TEMPERATURE[0], sum(temperatures) / len(temperatures))


def _needed(header, keyword, name):
    value = header.get(keyword)
    if value is None:
        raise CcdlibError(f"{name}: its header has no {keyword}")
    return value


def _amplifiers(header, name):
    """Rows as `amplifiers_to_rows` has them: data, place and the gain, if it was given."""
    _needed(header, "AMPDAT1", name)
    given = str(header.get("GAINSRC", "")).startswith("headers or camera file")
    rows, number = [], 1
    while f"AMPDAT{number}" in header:
        data = header[f"AMPDAT{number}"]
        row = {"hdu": 0, "data": data, "place": header.get(f"AMPPLC{number}", data)}
        if given:
            row["gain"] = _needed(header, f"AMPGAI{number}", name)
        rows.append(row)
        number += 1
    return rows


def matched_facts(header: Header, name: str) -> dict:
    """Facts of a master, from its cards.

    Parameters
    ----------
    header : Header
    name : str
        For messages.

    Returns
    -------
    dict
        The facts of `put_matched_facts` (text; None where there is no card), temperature
        and amplifiers.

    Raises
    ------
    CcdlibError
        If MSIZE, MNIGHT or the data sections are missing.
    """
    for keyword in ("MSIZE", "MNIGHT"):
        _needed(header, keyword, name)
    found = {
        fact: None if header.get(keyword) is None else unquote(str(header[keyword]))
        for keyword, fact, _ in _TEXTS
    }
    return found | {
        "temperature": header.get(_TEMPERATURE[0]),
        "amplifiers": _amplifiers(header, name),
    }


def window_of_master(header: Header) -> str | None:
    """The part of the chip that a master holds; None where it is not known."""
    return header.get("MWINDOW")


def put_window(header: CardList, window: str | None, binning: str | None) -> None:
    """Say which part of the chip a map holds, where it is known."""
    for keyword, value in (("MWINDOW", window), ("MBINNING", binning)):
        if window is not None and value is not None:
            MATCHING.put(header, keyword, value)


def measured_amplifiers(header: Header) -> list[dict]:
    """Gain and read noise used for a master, as a detector file has them; [] if it has none."""
    found, number = [], 1
    while f"AMPGAI{number}" in header:
        gain = header[f"AMPGAI{number}"]
        # a master whose noise came from its own scatter knows no read noise
        noise = header.get(f"AMPRON{number}")
        adu = None if noise is None else noise / gain
        found.append({"hdu": header.get(f"AMPHDU{number}", 0), "gain": gain, "read_noise_adu": adu})
        number += 1
    return found
