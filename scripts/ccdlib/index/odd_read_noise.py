"""Frames whose header gives another read noise than those of the other frames of its setting."""

from collections import defaultdict
from collections.abc import Iterable
from statistics import median
from typing import Any

from .one_row_order import remarked

__all__ = ["with_odd_read_noise"]

# programs that estimate it anew for each frame scatter by less
_FACTOR = 1.5
# so many frames tell what is usual
_MANY = 3
_SETTING = ("camera", "binning", "readout_mode", "gain_setting", "offset", "extensions")


def with_odd_read_noise(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """A remark on each frame whose declared read noise is not that of its setting.

    It is believed all the same, as a fast readout may have no card of its own; but the sigma of its
    pixels goes by it.

    Parameters
    ----------
    rows : iterable of dict
        Rows of the index.
    """
    rows = list(rows)
    settings = defaultdict(list)
    for number, row in enumerate(rows):
        if row["status"] == "ok" and row["amplifiers"] and _noises(row):
            settings[tuple(row[fact] for fact in _SETTING)].append(number)
    for numbers in settings.values():
        usual = median(_noises(rows[number])[0] for number in numbers)
        for number in numbers if len(numbers) >= _MANY else ():
            own = _noises(rows[number])[0]
            if not usual / _FACTOR <= own <= usual * _FACTOR:
                text = (
                    f"read noise {own:g} electron here, {usual:g} in most frames of its camera and "
                    "setting: its sigma goes by its own"
                )
                rows[number] = remarked(rows[number], text)
    return rows


def _noises(row):
    """The declared read noises of a frame's amplifiers, electrons."""
    return [amp["read_noise"] for amp in row["amplifiers"] if amp.get("read_noise")]
