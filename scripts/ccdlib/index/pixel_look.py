"""What a file's pixels look like: level, noise, how the light lies, and star-like peaks.

A few numbers of the rows that the index reads anyway. What they say of the frame's type can only be
seen beside the other frames of its night (`pixel_evidence`).
"""

from typing import Any

import numpy as np

from ..statistics.robust import MAD_TO_SIGMA
from .pixel_sample import STRIP_ROWS

__all__ = ["LEAST_NOISE", "look"]

# the medians of so many parts along each axis of an image
_PARTS = 4
# columns in which level and noise are measured; odd steps, for columns of two colours
_COLUMNS = 128
# and in every so many rows
_NOISE_ROWS = 3
# the background of a star is taken this far from it, on both sides
_BESIDE = 7
# a star's highest pixel and its four neighbours stand out by so many times the noise: hot pixels
# stand alone, and the track of a cosmic ray rarely has all four
_PEAK, _NEIGHBOUR = 10.0, 3.0
# adu: whole numbers have no less
LEAST_NOISE = 0.5
# pixels of a file that are kept as they are, at the same places in frames of one size
_KEPT = 48


def look(rows: list[np.ndarray]) -> dict[str, Any] | None:
    """Level, noise, medians of parts of the image, and star-like peaks.

    Parameters
    ----------
    rows : list of ndarray, shape (rows, nx)
        From `pixel_sample`.

    Returns
    -------
    dict or None
        level (adu), parts (medians in adu, row by row, of each image), peaks (a number), noise
        (adu, with what the pixels differ by anyway) and pixels (values of some at fixed places, by
        which two frames tell the noise without that). None of values that are not finite, and of
        images of a few pixels.
    """
    found = []
    for own in rows:
        if min(own.shape) < 4 * _PARTS:
            return None
        # floats can hold anything
        with np.errstate(over="ignore", invalid="ignore"):
            found.append(_of_image(own))
    if not all(np.isfinite(each["noise"]) and np.isfinite(each["parts"]).all() for each in found):
        return None
    return {
        "level": float(np.median([each["level"] for each in found])),
        "noise": max(float(np.median([each["noise"] for each in found])), LEAST_NOISE),
        "parts": [round(float(part), 2) for each in found for part in each["parts"]],
        "peaks": sum(each["peaks"] for each in found),
        "pixels": [value for own in rows for value in _kept(own, len(rows))],
    }


def _kept(rows, images):
    """Values at places that depend on the size alone."""
    places = np.linspace(0, rows.size - 1, max(_KEPT // images, 6) + 2)[1:-1].astype(int)
    return [float(value) for value in rows.ravel()[places]]


def _of_image(rows):
    step = max(rows.shape[1] // _COLUMNS, 1) | 1
    few = rows[:, ::step].astype(np.float32)
    noise = _noise(rows[::_NOISE_ROWS], step)
    peaks = 0
    if np.isfinite(noise):
        # strip by strip: small arrays stay in the processor's cache
        for first in range(0, len(rows), STRIP_ROWS):
            strip = rows[first : first + STRIP_ROWS].astype(np.float32)
            peaks += _peaks(strip, max(noise, LEAST_NOISE))
    parts = _parts(few)
    return {"level": np.median(parts), "noise": noise, "parts": parts, "peaks": peaks}


def _noise(rows, step):
    """Of a pixel, from its difference to the next one of its colour."""
    differences = rows[:, 2::step].astype(np.float32) - rows[:, :-2:step]
    return MAD_TO_SIGMA / 2**0.5 * float(np.median(np.abs(differences)))


def _parts(rows):
    height, width = (size // _PARTS for size in rows.shape)
    cut = rows[: height * _PARTS, : width * _PARTS].reshape(_PARTS, height, _PARTS, width)
    return np.median(cut.transpose(0, 2, 1, 3).reshape(_PARTS**2, -1), axis=1)


def _peaks(strip, noise):
    """The number of star-like peaks in neighbouring rows; the outer ones have no neighbours."""
    beside = np.maximum(strip[1:-1, : -2 * _BESIDE], strip[1:-1, 2 * _BESIDE :])
    above = strip[1:-1, _BESIDE:-_BESIDE] - beside > _PEAK * noise
    places = np.flatnonzero(above)
    if not places.size:
        return 0
    floor = beside.ravel()[places]
    y, x = np.divmod(places, above.shape[1])
    y, x = y + 1, x + _BESIDE
    peak = strip[y, x]
    before, after = (strip[y - 1, x], strip[y, x - 1]), (strip[y + 1, x], strip[y, x + 1])
    lowest = np.minimum.reduce(before + after) - floor
    # of equal pixels the last counts
    highest = (peak >= np.maximum(*before)) & (peak > np.maximum(*after))
    return int(np.count_nonzero(highest & (lowest > _NEIGHBOUR * noise)))
