"""Declared gain and read noise against what the frames of a master show.

Biases tell the read noise, flats the gain. Where the frames' scatter is not that of the noise
model, they are measured; what is sure and contradicts the declared value takes its place, here and,
through the master's header, in the frames that are calibrated with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import CcdlibError
from ..frame.detector_noise import contradicts, noise_of
from ..frame.rows import strips
from .gain_read_noise import gain_doubt, measure_gain, measure_read_noise, read_noise_doubt

if TYPE_CHECKING:
    from .master_frames import MasterFrames
    from .master_result import MasterResult

__all__ = ["found_otherwise"]

# a scatter as far as this from the noise model's, as variances, is looked into
_ODD = 0.09


def found_otherwise(frames: MasterFrames, result: MasterResult) -> bool:
    """Whether the frames of a bias or a flat contradict what is declared, for sure.

    Parameters
    ----------
    frames : MasterFrames
        Their raw images learn what was found: `bias_read_noise` or `flat_gain`.
    result : MasterResult
        What the declared values gave; only a scatter that they do not explain is looked into.
    """
    if not np.isfinite(result.scatter_ratio) or abs(result.scatter_ratio - 1) < _ODD:
        return False
    measure = {"bias": _read_noise, "flat": _gain}.get(frames.kind)
    if measure is None:
        return False
    found = []
    for number, amp in enumerate(frames.raws[0].amplifiers):
        try:
            found.append(measure(frames, number, amp))
        except CcdlibError:
            # frames that tell nothing contradict nothing: the check of the scatter comes later
            found.append(None)
    for raw in frames.raws:
        if frames.kind == "bias":
            raw.bias_read_noise = list(found)
        else:
            raw.flat_gain = list(found)
    return any(value is not None for value in found)


def _pixels(frames, amp):
    """An amplifier's pixels of each frame in some strips, NaN where flagged.

    With the charge that its dark took away, as its noise is there still.
    """
    rows = [
        (max(first, amp.place.y0), min(last, amp.place.y1))
        for first, last in strips(frames.shape, len(frames.raws))
    ]
    columns = slice(amp.place.x0, amp.place.x1)
    found = []
    for number in range(len(frames.raws)):
        parts = []
        for first, last in (each for each in rows if each[0] < each[1]):
            values, flags = frames.values(number, first, last)
            values = values + frames.dark_charge(number, slice(first, last))
            parts.append(np.where(flags == 0, values, np.float32(np.nan))[:, columns])
        found.append(np.concatenate(parts))
    return found


def _read_noise(frames, number, amp):
    """The read noise of an amplifier in adu, None where the declared one may stand."""
    known = noise_of(frames.raws[0], frames.measured)[number]
    if known.noise_from != "declared":
        return None
    biases = _pixels(frames, amp)
    noise, error = measure_read_noise(biases)
    sure = read_noise_doubt(biases, noise, error) is None
    against = contradicts(noise * known.gain, error * known.gain, known.read_noise)
    return noise if sure and against else None


def _gain(frames, number, amp):
    """The gain of an amplifier, None where the declared one may stand."""
    known = noise_of(frames.raws[0], frames.measured)[number]
    if known.gain_from != "declared" or known.read_noise is None:
        return None
    pairs = frames.pairs(_pixels(frames, amp))
    gain, error = measure_gain(pairs, known.read_noise / known.gain)
    sure = gain_doubt(len(pairs), gain, error) is None
    return gain if sure and contradicts(gain, error, known.gain) else None
