"""Gain and read noise from pairs of biases and pairs of flats.

In the difference of two frames of the same kind every fixed pattern is gone and only noise
is left (Janesick 2001, Scientific Charge-Coupled Devices, ch. 2): for biases
``variance = 2 (read_noise / gain)^2``, for flats of signal S
``variance = 2 (S / gain + (read_noise / gain)^2)``.
"""

from contextlib import ExitStack

import numpy as np

from .errors import CcdlibError
from .images import open_raw
from .noise import DIGITISATION

__all__ = ["clipped_variance", "measure_detector", "measure_gain", "measure_read_noise"]

_BOX = 32
_CLIP = 5.0


def clipped_variance(values, clip=_CLIP):
    """Variance without outliers: clipped about the median until nothing changes.

    Not the MAD, which for data in whole adu moves in steps of half an adu.
    """
    values = np.asarray(values, np.float64).ravel()
    kept = values
    while kept.size > 1:
        center, sigma = np.median(kept), kept.std(ddof=1)
        again = kept[np.abs(kept - center) <= clip * sigma]
        if again.size == kept.size:
            return float(sigma**2)
        kept = again
    raise CcdlibError("no pixels are left to measure a variance from")


def _pairs(count):
    return [(first, first + 1) for first in range(0, count - 1, 2)]


def measure_read_noise(biases):
    """Read noise in adu from pairs of consecutive biases.

    Parameters
    ----------
    biases : list of ndarray
        One amplifier's pixels of each bias frame, overscan subtracted, in adu; NaN is left
        out.

    Returns
    -------
    value, error : float
        Without the digitisation noise; the error is the standard error over pairs, for a
        single pair that of its number of pixels.
    """
    variances, sizes = [], []
    for first, second in _pairs(len(biases)):
        difference = biases[first] - biases[second]
        difference = difference[np.isfinite(difference)]
        variances.append(clipped_variance(difference) / 2 - DIGITISATION)
        sizes.append(difference.size)
    variance = float(np.mean(variances))
    if variance <= 0:
        raise CcdlibError(f"the biases differ by less than their digitisation ({variance:.3g})")
    if len(variances) > 1:
        error = float(np.std(variances, ddof=1) / np.sqrt(len(variances)))
    else:
        error = variance * np.sqrt(2 / sizes[0])
    return variance**0.5, error / (2 * variance**0.5)


def _boxes(image):
    """The image as (boxes, pixels), edges that fill no box left out."""
    ny, nx = (length // _BOX * _BOX for length in image.shape)
    cut = image[:ny, :nx].reshape(ny // _BOX, _BOX, nx // _BOX, _BOX)
    return cut.transpose(0, 2, 1, 3).reshape(-1, _BOX * _BOX)


def _box_gain(first, second, read_variance):
    """Gain from one box of a pair of flats, NaN where too few of its pixels are good.

    The second flat is brought to the first one's level box by box, so that a lamp that
    drifts or a twilight gradient that turns leaves nothing behind.
    """
    good = np.isfinite(first) & np.isfinite(second)
    if good.sum() < good.size / 2:
        return np.nan
    first, second = first[good].astype(np.float64), second[good].astype(np.float64)
    ratio = np.median(first) / np.median(second)
    variance = clipped_variance(first - ratio * second)
    photon = variance - (1 + ratio**2) * read_variance
    signal = np.median(first) + ratio**2 * np.median(second)
    return signal / photon if photon > 0 and signal > 0 else np.nan


def measure_gain(pairs, read_noise):
    """Gain in electrons per adu from pairs of flats.

    Parameters
    ----------
    pairs : list of (ndarray, ndarray)
        One amplifier's pixels of two flats of the same filter, pedestal subtracted, in adu;
        NaN is left out.
    read_noise : float
        adu.

    Returns
    -------
    value, error : float
        Over boxes of 32 x 32 pixels: the inverse of the mean of 1/gain, clipped, and its
        standard error.

    Raises
    ------
    CcdlibError
        If no box gives a gain.
    """
    inverse = []
    for first, second in pairs:
        boxes = zip(_boxes(first), _boxes(second), strict=True)
        variance = read_noise**2 + DIGITISATION
        inverse += [1 / _box_gain(one, two, variance) for one, two in boxes]
    inverse = np.array(inverse)
    inverse = inverse[np.isfinite(inverse)]
    if inverse.size == 0:
        raise CcdlibError("no part of the flats gives a gain: too dark, or saturated")
    spread = 1.4826 * np.median(np.abs(inverse - np.median(inverse)))
    kept = inverse[np.abs(inverse - np.median(inverse)) <= _CLIP * max(spread, 1e-12)]
    mean = float(kept.mean())
    error = float(kept.std(ddof=1) / np.sqrt(kept.size)) if kept.size > 1 else mean
    return 1 / mean, error / mean**2


def _pixels(raw, amp):
    """One amplifier's pixels above its overscan, NaN where flagged."""
    image = raw.read()
    values = np.where(image.dq == 0, image.data, np.float32(np.nan))
    return values[amp.place.slices]


def _flat_pairs(frames):
    """Pairs of consecutive flats of the same filter, by their place in `frames`."""
    by_filter = {}
    for number, frame in enumerate(frames):
        if frame.facts["imagetyp"] == "flat":
            by_filter.setdefault(frame.facts.get("filter"), []).append(number)
    for numbers in by_filter.values():
        for first, second in _pairs(len(numbers)):
            yield numbers[first], numbers[second]


def _measure_amplifier(amp, raws, biases, pairs):
    bias_pixels = [_pixels(raw, amp) for raw in biases]
    noise, noise_error = measure_read_noise(bias_pixels)
    pedestal = np.nanmedian(bias_pixels[0])
    flats = [
        (_pixels(raws[one], amp) - pedestal, _pixels(raws[two], amp) - pedestal)
        for one, two in pairs
    ]
    gain, gain_error = measure_gain(flats, noise)
    return {
        "hdu": amp.hdu,
        "gain": gain,
        "gain_error": gain_error,
        "read_noise": noise * gain,
        "read_noise_error": float(np.hypot(noise_error * gain, noise * gain_error)),
        "read_noise_adu": noise,
        "declared_gain": amp.gain,
        "declared_read_noise": amp.read_noise,
        "bias_pairs": len(biases) // 2,
        "flat_pairs": len(flats),
    }


def measure_detector(frames, overscan):
    """Gain and read noise of every amplifier from raw biases and flats.

    Parameters
    ----------
    frames : list of Member
        At least two biases and two flats of one filter.
    overscan : dict
        The config's overscan section.

    Returns
    -------
    list of dict
        One an amplifier, in order of the images: hdu, gain (electrons per adu), read_noise
        (electrons), their errors, read_noise_adu, what was declared, and the numbers of
        pairs.

    Raises
    ------
    CcdlibError
        If the frames do not give them.
    """
    with ExitStack() as opened:
        raws = [
            opened.enter_context(open_raw(frame.path, frame.amplifiers, frame.name, overscan))[1]
            for frame in frames
        ]
        biases = [
            number for number, frame in enumerate(frames) if frame.facts["imagetyp"] == "bias"
        ]
        pairs = list(_flat_pairs(frames))
        found = []
        for number, image in enumerate(raws[0]):
            own = [images[number] for images in raws]
            found += [
                _measure_amplifier(amp, own, [own[bias] for bias in biases], pairs)
                for amp in image.amplifiers
            ]
        return found
