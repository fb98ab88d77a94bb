"""The scatter of the bias level that the overscan does not see, from a night's biases.

An exposure's level may differ from its overscan's by an amount that changes from one exposure to
the next. In biases it is seen: their levels, overscan subtracted, scatter by more than the
overscan's error. In a light it is not, and its pixels all share it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .. import dq
from ..frame.image import amplifier_map
from ..frame.noise import near_median
from ..frame.rows import strips
from ..statistics.robust import robust_sigma

if TYPE_CHECKING:
    from ..frame.image import Image
    from .master_frames import MasterFrames
    from .master_result import MasterResult

__all__ = ["add_level_scatter", "level_scatter"]

# [robust sigma] a frame whose level lies beyond this from the others' is left out
_FAR = 10.0


def level_scatter(frames: MasterFrames, master: Image) -> list[float]:
    """Standard deviation of the levels of a bias's frames, beyond what their own error explains.

    Parameters
    ----------
    frames : object
        With `raws`, `shape` and `values(number, first, last)`.
    master : Image
        The master made of the frames.

    Returns
    -------
    list of float
        adu, one for each amplifier, with a relative error of ``1 / sqrt(2 (n - 1))``; 0 for one
        frame.
    """
    amplifiers = frames.raws[0].amplifiers
    if len(frames.raws) < 2:
        return [0.0] * len(amplifiers)
    found = [_levels(frames, number, master, amplifiers) for number in range(len(frames.raws))]
    levels, errors = np.transpose(found)
    own = np.transpose([[level.mean_variance for level in raw.levels] for raw in frames.raws])
    return [_excess(*each) for each in zip(levels, errors + own, strict=True)]


def _excess(levels, variances):
    """Standard deviation of the levels beyond their errors, without frames that are far off."""
    known = np.isfinite(levels)
    levels, variances = levels[known], variances[known]
    if levels.size < 2:
        return 0.0
    off = np.abs(levels - np.median(levels))
    # a bias with light in it says nothing about the others' levels
    near = off <= _FAR * max(robust_sigma(levels), np.sqrt(np.median(variances)))
    excess = np.var(levels[near], ddof=1) - np.mean(variances[near])
    return float(np.sqrt(max(excess, 0)))


def _levels(frames, number, master, amplifiers):
    """Mean of a frame less the master and its variance, an amplifier each; NaN without pixels."""
    found: list[list[np.ndarray]] = [[] for _ in amplifiers]
    for first, last in strips(frames.shape):
        data, flags = frames.values(number, first, last)
        good = (flags == 0) & (master.dq[first:last] == 0)
        difference = np.where(good, data - master.data[first:last], np.float32(np.nan))
        for values, amp in zip(found, amplifiers, strict=True):
            rows = slice(max(amp.place.y0 - first, 0), max(amp.place.y1 - first, 0))
            own = difference[rows, amp.place.x0 : amp.place.x1]
            values.append(own[np.isfinite(own)])
    return [_clipped_mean(np.concatenate(values)) for values in found]


def _clipped_mean(values):
    if values.size < 2:
        return np.nan, np.nan
    kept = values[near_median(values)].astype(np.float64)
    return kept.mean(), kept.var() / kept.size


def add_level_scatter(result: MasterResult, frames: MasterFrames) -> MasterResult:
    """Add the scatter of the frames' levels to a master bias's result and to its variance."""
    scatter = level_scatter(frames, result.image)
    shared = amplifier_map(
        frames.raws[0].amplifiers, [each * each / len(frames.raws) for each in scatter]
    )
    known = (result.image.dq & dq.NO_DATA) == 0
    variance = result.image.variance + np.where(known, shared, np.float32(0))
    image = replace(result.image, variance=variance)
    return replace(result, image=image, level_scatter=scatter)
