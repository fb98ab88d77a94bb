"""What lights a flat: the dome's lamp, or the sky in twilight.

Words tell it where there are any. Else the light of a row of exposures does, as its frames have it
beside the level of the biases: a lamp is steady, and twilight goes up or down all the time.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from ..camera.type_words import flat_light

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["with_lights"]

# fewest flats of a row, and the longest gap within one
_FEWEST, _GAP = 4, timedelta(minutes=15)
# largest over least light of a lamp, and last over first of twilight at least
_STEADY, _CHANGING = 1.1, 1.5


def with_lights(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of a folder, each flat with `lit`: dome, sky, or None where nothing tells it.

    Parameters
    ----------
    rows : iterable of dict
        Rows of the index with their types, `clues` and `look`.
    """
    found = [row | {"lit": _by_words(row)} if _is_flat(row) else row for row in rows]
    unknown = defaultdict(list)
    for number, row in enumerate(found):
        if _is_flat(row) and row["lit"] is None:
            unknown[row["camera"], row["night"], row["filter"], *_size(row)].append(number)
    for numbers in unknown.values():
        level = _level_of_biases(found, found[numbers[0]])
        for own in _in_a_row(found, numbers):
            lit = _by_light([_light(found[number], level) for number in own])
            for number in own:
                found[number] = found[number] | {"lit": lit}
    return found


def _is_flat(row):
    return row["imagetyp"] == "flat" and row["status"] == "ok"


def _size(row):
    return row["naxis1"], row["naxis2"], row["binning"]


def _by_words(row):
    """By its cards, its object, its name, its folder."""
    folder, _, name = row["file"].rpartition("/")
    card = (row["clues"] or {}).get("card")
    return flat_light(filter(None, [card, row["object"], name, folder]))


def _level_of_biases(rows, flat):
    """Median level of the biases of a flat's camera and size; None without one."""
    levels = [
        row["look"]["level"]
        for row in rows
        if row["imagetyp"] == "bias"
        and row.get("look")
        and (row["camera"], *_size(row)) == (flat["camera"], *_size(flat))
    ]
    return float(np.median(levels)) if levels else None


def _in_a_row(rows, numbers):
    """Numbers of flats that follow one another without a long gap, in time; dated ones alone."""
    dated = sorted((_date(rows[number]), number) for number in numbers if _dated(rows[number]))
    own: list[int] = []
    before = None
    for date, number in dated:
        if before is not None and date - before > _GAP:
            yield own
            own = []
        own.append(number)
        before = date
    yield own


def _dated(row):
    return bool(row["date_obs"] and row.get("look") and (row["exptime"] or 0) > 0)


def _date(row):
    return datetime.fromisoformat(row["date_obs"])


def _light(row, level):
    return None if level is None else (row["look"]["level"] - level) / row["exptime"]


def _by_light(light: Sequence[float | None]) -> str | None:
    """What flats are lit by, by their light in a second in the order of time."""
    known = [each for each in light if each is not None and each > 0]
    if len(known) < max(_FEWEST, len(light)):
        return None
    if max(known) <= _STEADY * min(known):
        return "dome"
    steps = np.diff(known)
    ratio = known[-1] / known[0]
    if ((steps > 0).all() or (steps < 0).all()) and max(ratio, 1 / ratio) >= _CHANGING:
        return "sky"
    return None
