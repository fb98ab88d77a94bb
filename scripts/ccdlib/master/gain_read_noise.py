"""Gain and read noise from pairs of biases and pairs of flats.

In the difference of two frames of the same kind every fixed pattern is gone and only noise
is left (Janesick 2001, Scientific Charge-Coupled Devices, ch. 2): for biases
``variance = 2 (read_noise / gain)^2``, for flats of signal S
``variance = 2 (S / gain + (read_noise / gain)^2)``.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ..errors import CcdlibError
from ..frame.noise import DIGITISATION, clipped_variance
from ..frame.raw_image import open_raw
from ..statistics.robust import MAD_TO_SIGMA

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .member import Member

__all__ = [
    "compile_kernels",
    "gain_doubt",
    "measure_detector",
    "measure_gain",
    "measure_read_noise",
    "read_noise_doubt",
]

_BOX = 32
_CLIP = 5.0
# a value with a larger relative error is not sure, nor one from frames whose difference has so much
# more variance over the frame than between neighbours
_SURE, _UNEVEN = 0.03, 1.1
# pairs that differ by less, as a fraction, do no harm
_ODD_PAIR = 0.05
# the scatter of fewer boxes says little of the error
_FEW_BOXES = 30
# all pairs, or frames, together have at most so many boxes: they give a gain within 0.1 %
_MOST_BOXES = 20_000
_MEASURED = (
    *("gain", "gain_error", "read_noise", "read_noise_error"),
    *("read_noise_adu", "read_noise_adu_error"),
)


def _error_of_mean(variances, pixels):
    """Standard error of the mean of n - 1 variances, those of successive frames of n.

    Each frame but the first and the last is in two differences, so that the variance of the
    mean is V^2 (3 n - 4) / (n - 1)^2 / pixels for normal noise (von Neumann et al. 1941); if
    the pairs scatter more than that, their scatter counts.
    """
    count = len(variances) + 1
    normal = np.mean(variances) * _of_normal_noise(count - 1, pixels)
    if count < 4:
        return float(normal)
    return float(max(normal, np.std(variances, ddof=1) / np.sqrt(count - 1)))


def _of_normal_noise(pairs, pixels):
    """The relative error of the mean variance of so many pairs of successive frames."""
    return math.sqrt((3 * pairs - 1) / pixels) / pairs


def _check_two(name, first, second):
    """Refuse a pair that is one exposure: it has no noise."""
    # most pairs differ in their first row
    pairs = (first[:1], second[:1]), (first, second)
    if all(np.array_equal(*each, equal_nan=True) for each in pairs):
        raise CcdlibError(f"two of the {name} have the same pixels: they are one exposure")


def measure_read_noise(biases: list[np.ndarray]) -> tuple[float, float]:
    """Read noise in adu from the differences of successive biases.

    Parameters
    ----------
    biases : list of ndarray
        One amplifier's pixels of each bias frame, overscan subtracted, in adu; NaN is left
        out.

    Returns
    -------
    value, error : float
        Without the digitisation noise.

    Raises
    ------
    CcdlibError
        If two have the same pixels, or differ by less than their digitisation.
    """
    variances, sizes = [], []
    for first, second in pairwise(biases):
        _check_two("biases", first, second)
        difference = first - second
        difference = difference[np.isfinite(difference)]
        variances.append(clipped_variance(difference) / 2 - DIGITISATION)
        sizes.append(difference.size)
    variance = float(np.mean(variances))
    if variance <= 0:
        raise CcdlibError(f"the biases differ by less than their digitisation ({variance:.3g})")
    noise = math.sqrt(variance)
    return noise, _error_of_mean(variances, min(sizes)) / (2 * noise)


def read_noise_doubt(biases: list[np.ndarray], noise: float, error: float) -> str | None:
    """Why a read noise from `measure_read_noise` is not sure, None where it is.

    Parameters
    ----------
    biases : list of ndarray, shape (ny, nx)
    noise, error : float
        adu, measured from them.

    Returns
    -------
    str or None
        Too few biases, an error of more than 3 %, or differences whose variance over the frame
        exceeds that between neighbours: a step or a gradient, and no noise of single pixels.
    """
    if len(biases) < 3:
        return f"{len(biases)} frames are too few to be sure"
    if error > _SURE * noise:
        return f"its error of {error:.2g} adu is too large to be sure"
    difference = biases[0] - biases[1]
    second = difference[:, :-2] - 2 * difference[:, 1:-1] + difference[:, 2:]
    whole = clipped_variance(difference[np.isfinite(difference)]) / 2
    near = clipped_variance(second[np.isfinite(second)]) / 12
    if whole > _UNEVEN * near:
        return (
            f"the difference of two frames is uneven: its variance is {whole:.3g} adu^2 over the "
            f"frame and {near:.3g} between neighbours; several amplifiers, or a wrong overscan?"
        )
    return None


def gain_doubt(pairs: int, gain: float, error: float) -> str | None:
    """Why a gain from `measure_gain` is not sure, None where it is."""
    if pairs < 2:
        return f"{pairs} pair of flats is too few to be sure"
    return f"its error of {error:.2g} is too large to be sure" if error > _SURE * gain else None


def _inverse_gains(first, second, read_variance, threads=1):
    """1/gain from each box of a pair of flats, NaN where too few of its pixels are good.

    The second flat is brought to the first one's level box by box, so that a lamp that
    drifts or a twilight gradient that turns leaves nothing behind.
    """
    from .gain_kernels import inverse_gains

    height, width = (min(_BOX, length) for length in first.shape)

    def of(rows):
        return inverse_gains(first[rows], second[rows], height, width, read_variance, _CLIP)

    if threads == 1:
        return of(slice(None))
    boxes = len(first) // height
    edges = [height * (boxes * part // threads) for part in range(threads + 1)]
    with ThreadPoolExecutor(threads) as pool:
        return np.concatenate(list(pool.map(of, (slice(*each) for each in pairwise(edges)))))


def compile_kernels() -> None:
    """Compile what `measure_gain` uses, and fill the cache on disk with it."""
    rows = np.arange(1, 5, dtype=np.float32).reshape(2, 2)
    _inverse_gains(rows, rows, 0.0)


def measure_gain(
    pairs: Iterable[tuple[np.ndarray, np.ndarray]], read_noise: float, threads: int = 1
) -> tuple[float, float]:
    """Gain in electrons per adu from pairs of flats.

    Parameters
    ----------
    pairs : list of (ndarray, ndarray)
        One amplifier's pixels of two flats of the same filter, pedestal subtracted, in adu;
        NaN is left out.
    read_noise : float
        adu.
    threads : int
        The result does not depend on it.

    Returns
    -------
    value, error : float
        The inverse of the mean of 1/gain over boxes of 32 x 32 pixels, those beyond 5 robust
        sigma left out, and its standard error. Pairs may share a frame: each box is averaged
        over the pairs first. Where pairs disagree by more than chance, as one odd frame makes them,
        the value is that of the pair in the middle, and their scatter is its error.

    Raises
    ------
    CcdlibError
        If two flats have the same pixels, or no box gives a gain.
    """
    variance = read_noise * read_noise + DIGITISATION
    inverses = []
    for first, second in pairs:
        _check_two("flats", first, second)
        inverses.append(_inverse_gains(first, second, variance, threads))
    inverse = np.array(inverses)
    known = np.isfinite(inverse).any(axis=0)
    if not known.any():
        raise CcdlibError("no part of the flats gives a gain: too dark, or saturated")
    mean, error = _clipped_mean(np.nanmean(inverse[:, known], axis=0))
    boxes = int(known.sum())
    if boxes < _FEW_BOXES:
        pixels = boxes * math.prod(min(_BOX, length) for length in first.shape)
        error = max(error, mean * _of_normal_noise(len(inverses), pixels))
    each = np.array([_clipped_mean(own[np.isfinite(own)]) for own in inverse])
    each = each[np.isfinite(each[:, 0])]
    if np.any(np.abs(each[:, 0] - mean) > np.maximum(_CLIP * each[:, 1], _ODD_PAIR * mean)):
        middle = len(each) // 2
        mean = float(np.sort(each[:, 0])[middle])
        error = float(max(error, np.std(each[:, 0], ddof=1) / np.sqrt(len(each))))
    if not mean > 0:
        raise CcdlibError(f"the flats give a gain of {1 / mean:.3g}: they are too dark")
    return 1 / mean, error / (mean * mean)


def _clipped_mean(values):
    """Mean without what is beyond 5 robust sigma, and its standard error."""
    if not values.size:
        return np.nan, np.nan
    deviation = np.abs(values - np.median(values))
    kept = values[deviation <= _CLIP * max(MAD_TO_SIGMA * np.median(deviation), 1e-12)]
    mean = float(kept.mean())
    return mean, float(kept.std(ddof=1) / np.sqrt(kept.size)) if kept.size > 1 else mean


def _strips(amp, frames):
    """Rows of the strips of boxes, evenly spread, that so many pairs or frames are measured in."""
    ny, nx = amp.place.shape
    height, across = min(_BOX, ny), max(nx // _BOX, 1)
    wanted = max(_MOST_BOXES // (across * frames), 1)
    strips = np.arange(ny // height)
    some = np.unique(np.linspace(0, len(strips) - 1, min(wanted, len(strips))).astype(int))
    return [(amp.place.y0 + row, amp.place.y0 + row + height) for row in strips[some] * height]


def _pixels(raw, amp, strips):
    """One amplifier's pixels above its overscan in some strips, NaN where flagged."""
    images = [raw.read(*strip) for strip in strips]
    columns = slice(amp.place.x0, amp.place.x1)
    return np.concatenate(
        [np.where(image.dq == 0, image.data, np.float32(np.nan))[:, columns] for image in images]
    )


def _flat_pairs(frames):
    """Pairs of consecutive flats of the same filter, by their place in `frames`."""
    by_filter: dict[str | None, list[int]] = {}
    for number, frame in enumerate(frames):
        if frame.facts["imagetyp"] == "flat":
            by_filter.setdefault(frame.facts.get("filter"), []).append(number)
    for numbers in by_filter.values():
        yield from pairwise(numbers)


def _discrepancy(measured, error, declared):
    """How many of its standard errors the measured value lies above the declared one."""
    return None if declared is None else (measured - declared) / error


def _flat_pixels(raws, amp, strips, pedestal, pairs):
    """One amplifier's pixels of each pair of flats, no frame read twice in a row."""
    read: dict[int, np.ndarray] = {}
    for pair in pairs:
        read = {n: read[n] if n in read else _pixels(raws[n], amp, strips) - pedestal for n in pair}
        yield tuple(read.values())


def _measure_amplifier(amp, raws, biases, pairs, threads):
    """What the frames tell of one amplifier; what they do not is None, with the reason."""
    found = dict.fromkeys(_MEASURED)
    strips = _strips(amp, max(len(pairs), len(biases)))
    bias_pixels = [_pixels(raw, amp, strips) for raw in biases]
    try:
        noise, noise_error = measure_read_noise(bias_pixels)
    except CcdlibError as error:
        return found | {"read_noise_lack": str(error), "gain_lack": "no read noise"}
    gain, gain_error = amp.gain, 0.0
    try:
        # pixel by pixel, as a bias has structure; its noise is small against the flats'
        pedestal = np.mean(bias_pixels, axis=0)
        flats = _flat_pixels(raws, amp, strips, pedestal, pairs)
        gain, gain_error = measure_gain(flats, noise, threads) if pairs else (gain, gain_error)
        found |= {"gain": gain, "gain_error": gain_error} if pairs else {"gain_lack": "no flats"}
    except CcdlibError as error:
        found["gain_lack"] = str(error)
    doubt = read_noise_doubt(bias_pixels, noise, noise_error)
    found |= {"read_noise_adu": noise, "read_noise_adu_error": noise_error}
    found |= {"read_noise_doubt": doubt}
    if found["gain"] is not None:
        found["gain_doubt"] = doubt or gain_doubt(len(pairs), gain, gain_error)
    if gain is not None:
        sigma = math.sqrt(
            noise_error * gain * noise_error * gain + noise * gain_error * noise * gain_error
        )
        found |= {"read_noise": noise * gain, "read_noise_error": sigma}
    return found


def _compared(amp, found, noise_kind):
    """What was measured beside what is declared."""
    for fact in ("gain", "read_noise"):
        declared, value, error = getattr(amp, fact), found[fact], found[f"{fact}_error"]
        found[f"declared_{fact}"] = declared
        found[f"{fact}_discrepancy"] = (
            None if value is None else _discrepancy(value, error, declared)
        )
    if noise_kind == "dark":
        found["read_noise_doubt"] = "that of darks holds the noise of their current"
    # that of darks holds the noise of their current
    if noise_kind == "dark" and (found["read_noise_discrepancy"] or 0) > 0:
        found["read_noise_discrepancy"] = None
    return found


def measure_detector(frames: list[Member], overscan: dict, threads: int = 1) -> list[dict]:
    """Gain and read noise of every amplifier from raw biases and flats.

    Parameters
    ----------
    frames : list of Member
        At least two biases or, without any, two darks of one short exposure, whose noise is that
        of reading or more; and, for a gain, two flats of one filter.
    overscan : dict
        The config's overscan section.
    threads : int
        The result does not depend on it.

    Returns
    -------
    list of dict
        One an amplifier, in order of the images: hdu, gain (electrons per adu), read_noise
        (electrons, with the measured gain or else the declared one), read_noise_adu, their errors,
        what was declared, by how many sigma it differs (gain_discrepancy, read_noise_discrepancy;
        None where nothing is declared, or where darks scatter more), gain_doubt and
        read_noise_doubt (why it is not sure; None or missing), the numbers of pairs, and what the
        first are pairs_of. What the frames do not tell is None, with the reason in gain_lack or
        read_noise_lack.
    """
    with ExitStack() as opened:
        raws = [
            opened.enter_context(open_raw(frame.path, frame.amplifiers, frame.name, overscan))[1]
            for frame in frames
        ]
        kinds = [frame.facts["imagetyp"] for frame in frames]
        noise = "bias" if "bias" in kinds else "dark"
        biases = [number for number, kind in enumerate(kinds) if kind == noise]
        pairs = list(_flat_pairs(frames))
        found = []
        for number, image in enumerate(raws[0]):
            own = [images[number] for images in raws]
            for amp in image.amplifiers:
                unlit = [own[bias] for bias in biases]
                measured = _measure_amplifier(amp, own, unlit, pairs, threads)
                found.append(
                    {"hdu": amp.hdu}
                    | _compared(amp, measured, noise)
                    | {"bias_pairs": len(biases) - 1, "flat_pairs": len(pairs), "pairs_of": noise}
                )
        return found
