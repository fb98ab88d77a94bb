"""Binning that the header does not tell rightly: a frame of half the size is binned twice."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from ..camera.windows import starts_at_corner
from ..kinds import masters

__all__ = ["true_binning"]

_MOST = 4
# types of which several make one product
_STACKED = {kind for master in masters() for kind in master.made_of}


def true_binning(rows: Iterable[dict[str, Any]], camera: dict) -> list[dict[str, Any]]:
    """Correct the binning of frames that say 1x1 and have the size of binned ones.

    Parameters
    ----------
    rows : iterable of dict
        Rows of the index.
    camera : dict
        A validated camera file; where its sections count unbinned pixels nothing is corrected.

    Returns
    -------
    list of dict
        The same rows. A calibration frame of 1x1 that has the size of lights most of which are
        binned alike by their cards has their binning, and a frame of 1x1 that starts at the chip's
        corner and is a whole fraction of the camera's largest has that of the fraction; each with a
        remark.
    """
    rows = list(rows)
    if any(amp.get("coordinates", "image") != "image" for amp in camera.get("amplifiers", ())):
        return rows
    cameras = defaultdict(list)
    for number, row in enumerate(rows):
        # frames of no name may be of several cameras
        if row["status"] == "ok" and row["binning"] and row["camera"]:
            cameras[row["camera"]].append(number)
    for numbers in cameras.values():
        own = [rows[number] for number in numbers]
        lights = [row for row in own if row["imagetyp"] not in _STACKED]
        binned = _binned(lights)
        largest = max((_size(row) for row in own if row["binning"] == "1x1"), default=(0, 0))
        for number in numbers:
            rows[number] = _corrected(rows[number], binned, largest)
    return rows


def _size(row):
    return row["naxis1"], row["naxis2"]


def _binned(lights):
    """{size: binning} of sizes whose lights are binned alike, but for fewer than half of them.

    A single card that lies must not change the frames of a whole night.
    """
    counts: dict[tuple[int, int], Counter[str]] = defaultdict(Counter)
    for row in lights:
        counts[_size(row)][row["binning"]] += 1
    most = {size: found.most_common(1)[0] for size, found in counts.items()}
    return {
        size: binning
        for size, (binning, count) in most.items()
        if binning != "1x1" and 2 * count > counts[size].total()
    }


def _corrected(row, binned, largest):
    elsewhere = row["window"] is not None and not starts_at_corner(row["window"])
    if row["binning"] != "1x1" or elsewhere:
        return row
    width, height = _size(row)
    # a light of 1x1 may be a window that no card tells
    binning = binned.get((width, height)) if row["imagetyp"] in _STACKED else None
    why = f"{width} x {height} is the size of lights of {binning}"
    factor = _factor((width, height), largest)
    if binning is None and row["window"] is not None and factor is not None:
        binning = f"{factor}x{factor}"
        why = f"{width} x {height} from the chip's corner beside {largest[0]} x {largest[1]}"
    if binning is None:
        return row
    x, y = (int(float(each)) for each in binning.split("x"))
    window = row["window"] and f"[1:{width * x},1:{height * y}]"
    text = f"binning 1x1 in the header, but {why}: taken as {binning}"
    before = f"{row['reason']}; " if row["reason"] else f"{row['file']}: "
    return row | {"binning": binning, "window": window, "reason": before + text}


def _factor(size, largest):
    """How many times a size is in the largest, on both axes alike; None if it is not."""
    for factor in range(2, _MOST + 1):
        if all(large // factor == own for large, own in zip(largest, size, strict=True)):
            return factor
    return None
