"""Frames whose header gives another read noise than those of the other frames of its setting."""

from collections import defaultdict
from collections.abc import Iterable
from statistics import median
from typing import Any

from ..kinds import masters
from .one_row_order import remarked

__all__ = ["with_odd_read_noise"]

# programs that estimate it anew for each frame scatter by less
_FACTOR = 1.5
# so many frames tell what is usual, and such a share of those of a master is odd at most
_MANY, _FEW = 3, 1 / 3
_SETTING = ("camera", "binning", "readout_mode", "gain_setting", "offset", "extensions")
# types that masters are made of
_STACKED = {kind for master in masters() for kind in master.made_of}


def with_odd_read_noise(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """A remark on each frame whose declared read noise is not that of its setting.

    A light is believed all the same, as a fast readout may have no card of its own; but the sigma
    of its pixels goes by it. Of the frames of a type that masters are made of a few that differ
    from the others have what these declare: the noise of a master goes by the mean of its frames,
    and one wrong card would have it refused. Where the card was right, their scatter tells.

    Parameters
    ----------
    rows : iterable of dict
        Rows of the index.
    """
    rows = list(rows)
    settings = defaultdict(list)
    for number, row in enumerate(rows):
        if row["status"] == "ok" and row["amplifiers"]:
            key = *(row[fact] for fact in _SETTING), len(row["amplifiers"])
            settings[key].append(number)
    for numbers in settings.values():
        for at in range(len(rows[numbers[0]]["amplifiers"])):
            _compare(rows, numbers, at)
    return rows


def _compare(rows, numbers, at):
    """Remark on frames of one setting by the read noises of one amplifier; `rows` are changed."""
    known = {
        number: noise
        for number in numbers
        if (noise := rows[number]["amplifiers"][at].get("read_noise"))
    }
    if len(known) < _MANY:
        return
    usual = median(known.values())
    own = defaultdict(list)
    for number in known:
        own[rows[number]["imagetyp"]].append(number)
    for kind, alike in own.items():
        ordinary = median(known[number] for number in alike)
        odd = [number for number in alike if _is_odd(known[number], ordinary)]
        if kind in _STACKED and len(alike) >= _MANY and len(odd) <= _FEW * len(alike):
            for number in odd:
                rows[number] = _lent(rows[number], at, known[number], ordinary)
            alike = [number for number in alike if number not in odd]
        for number in alike:
            if _is_odd(known[number], usual):
                rows[number] = _believed(rows[number], at, known[number], usual)


def _is_odd(noise, usual):
    return not usual / _FACTOR <= noise <= usual * _FACTOR


def _lent(row, at, noise, usual):
    """A row with the read noise of the others of its type."""
    amplifiers = list(row["amplifiers"])
    amplifiers[at] = amplifiers[at] | {"read_noise": usual}
    text = (
        f"{_named(row, at)} {noise:g} electron here, {usual:g} in most {row['imagetyp']} frames of "
        f"its camera and setting: {usual:g} is used"
    )
    return remarked(row, text) | {"amplifiers": amplifiers}


def _believed(row, at, noise, usual):
    """A row with a remark."""
    text = (
        f"{_named(row, at)} {noise:g} electron here, {usual:g} in most frames of its camera and "
        "setting: its sigma goes by its own"
    )
    return remarked(row, text)


def _named(row, at):
    return f"read noise of amplifier {at + 1}" if len(row["amplifiers"]) > 1 else "read noise"
