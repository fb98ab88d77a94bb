"""Whether flats are noisier where they are brighter, as light is.

In values that were inverted by a program or lost their sign, and in a detector that is full, the
noise falls where the level rises. Divided by such a flat every light is wrong.
"""

from __future__ import annotations

import math
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from ..errors import CcdlibError
from ..frame.own_scatter import strips
from ..frame.rows import at
from ..statistics.robust import MAD_TO_SIGMA
from ..statistics.small_systems import fitted_line

if TYPE_CHECKING:
    from .master_frames import MasterFrames

__all__ = ["refuse_falling_noise"]

# first pairs of flats that must agree: one odd flat is in one of them, and leaves its master later
_PAIRS = 3
_BOX = 16
# boxes that tell a slope; values of a box; robust sigma beyond which a value or a box is left out
_FEWEST, _LEAST_VALUES, _FAR = 20, 100, 4.0
# a read noise may be uneven: light has to make the variance so many times that of one without
_LIT = 3.0
# the variance falls by so much of what light would make it rise, and by so many errors more
_FALLS, _ERRORS = 0.15, 3.0


def refuse_falling_noise(name: str, frames: MasterFrames) -> None:
    """Refuse flats of which the noise falls where their level rises.

    Parameters
    ----------
    name : str
        Of the master, for messages.
    frames : MasterFrames
        Flats, overscan, bias and dark subtracted as they are read.

    Raises
    ------
    CcdlibError
        If the variance of the difference of two flats falls with their level, in all of the first
        pairs and in one amplifier at least.
    """
    for number, amp in enumerate(frames.raws[0].amplifiers):
        slopes = []
        floor = float(np.mean(at(frames.read_variance, amp.place.slices)))
        for first, second in islice(_pairs(frames, amp), _PAIRS):
            slopes.append(_slope(first, second, floor))
            if slopes[-1] is None or slopes[-1][0] > 0:
                break
        else:
            if _fall(slopes):
                amplifier = f", amplifier {number + 1}" * (len(frames.raws[0].amplifiers) > 1)
                raise CcdlibError(
                    f"{name}, {frames.raws[0].name} first{amplifier}: the noise of its flats falls "
                    "where their level rises, and that of light rises: the values are inverted, or "
                    "the detector was full"
                )


def _fall(slopes):
    """Whether the mean of slopes, with their errors, falls beyond doubt."""
    if not slopes:
        return False
    mean = sum(slope for slope, _ in slopes) / len(slopes)
    error = math.sqrt(sum(error * error for _, error in slopes)) / len(slopes)
    return mean < -_FALLS - _ERRORS * error


def _pairs(frames, amp):
    """Boxes of an amplifier in some rows of two flats, for one pair after the other."""
    for number in range(0, len(frames.raws) - 1, 2):
        pair = []
        for each in (number, number + 1):
            parts = []
            for rows in strips(frames.shape):
                inner = slice(max(rows.start, amp.place.y0), min(rows.stop, amp.place.y1))
                if inner.stop - inner.start == _BOX:
                    values, flags = frames.values(each, inner.start, inner.stop)
                    values = np.where(flags == 0, values, np.float32(np.nan))
                    parts.append(_cut(values[:, amp.place.x0 : amp.place.x1]))
            pair.append(np.concatenate(parts) if parts else np.empty((0, _BOX * _BOX)))
        yield pair[0], pair[1]


def _cut(rows):
    """A strip as boxes, shape (n, pixels of a box)."""
    count = rows.shape[1] // _BOX
    boxes = rows[:, : count * _BOX].reshape(_BOX, count, _BOX)
    return boxes.transpose(1, 0, 2).reshape(count, _BOX * _BOX)


def _slope(first, second, floor):
    """How the variance of a pixel rises with the level from box to box, over what light gives.

    Parameters
    ----------
    first, second : ndarray, shape (n, values)
    floor : float
        The variance of a pixel without light.

    Returns
    -------
    (slope, error) or None
        1 for light alone; None where too little tells it, or there is little light.
    """
    known = np.isfinite(first) & np.isfinite(second)
    enough = known.sum(axis=1) >= _LEAST_VALUES
    if enough.sum() < _FEWEST:
        return None
    levels, others = (np.nanmedian(each[enough], axis=1) for each in (first, second))
    ratio = (levels / others)[:, None]
    variances = _variances(first[enough] - ratio * second[enough]) / (1 + np.square(ratio[:, 0]))
    kept = np.isfinite(variances) & (levels > 0) & (others > 0)
    for _ in range(3):
        if kept.sum() < _FEWEST or np.ptp(levels[kept]) == 0:
            return None
        slope, at_zero, error, _ = fitted_line(levels[kept], variances[kept])
        left = variances - at_zero - slope * levels
        spread = MAD_TO_SIGMA * np.median(np.abs(left[kept] - np.median(left[kept])))
        kept &= np.abs(left) <= _FAR * spread
    variance = float(np.median(variances[kept]))
    if variance < _LIT * floor:
        return None
    rise = variance / float(np.median(levels[kept]))
    return slope / rise, math.sqrt(error) / rise


def _variances(differences):
    """Of each box, without the values that are no noise."""
    away = np.abs(differences - np.nanmedian(differences, axis=1)[:, None])
    far = _FAR * MAD_TO_SIGMA * np.nanmedian(away, axis=1)[:, None]
    near = away <= far
    return np.sum(np.square(away), axis=1, where=near) / np.maximum(near.sum(axis=1), 1)
