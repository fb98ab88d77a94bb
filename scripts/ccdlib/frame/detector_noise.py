"""Gain, read noise and the excess noise of one raw image, and where they come from.

In order: what the frames of its masters measured where they contradict what is declared; headers
and camera file; the detector file; its own overscan, for the read noise; else the scatter of the
frame itself (`own_scatter`), and without a gain the frame stays in adu.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..camera.amplifiers import hdu_among
from .image import amplifier_map
from .noise import DIGITISATION, excess_variance

if TYPE_CHECKING:
    from .raw_image import RawImage

__all__ = [
    "NO_GAIN",
    "OWN_NOISE",
    "AmplifierNoise",
    "contradicts",
    "excess_variances",
    "gain_map",
    "has_gain",
    "known_floor",
    "lend_declared",
    "light_gain",
    "needs_scatter",
    "noise_of",
    "read_variance",
    "usual_variances",
]

# what products, plan and last lines say where gain or read noise is not known
NO_GAIN = "sigma from scatter, gain unknown"
OWN_NOISE = "read noise from the frame's own scatter"

# a measured value contradicts the declared one if it is this many errors and this fraction off
_SIGMA, _RELATIVE = 5.0, 0.05


class AmplifierNoise(NamedTuple):
    """What is known of an amplifier.

    Attributes
    ----------
    gain : float or None
        Electrons per adu.
    read_noise : float or None
        Electrons, without the digitisation; adu where the gain is not known.
    gain_from, noise_from : str
        'declared', 'measured', 'flats' or 'biases' (of its master), 'overscan', or empty.
    """

    gain: float | None
    read_noise: float | None
    gain_from: str
    noise_from: str


def contradicts(value: float, error: float, declared: float) -> bool:
    """Whether a measured value differs from a declared one by more than chance and by 5 %.

    Examples
    --------
    >>> contradicts(6.0, 0.03, 2.5), contradicts(6.0, 0.03, 5.8), contradicts(6.0, 1.0, 2.5)
    (True, False, False)
    """
    return abs(value - declared) > _SIGMA * error and abs(value / declared - 1) > _RELATIVE


def lend_declared(raws: list[RawImage]) -> None:
    """Give frames of one detector the gain and read noise that only others of them declare.

    Parameters
    ----------
    raws : list of RawImage
        The same image of each frame; those whose headers lack a value get that of the first frame
        that has it.
    """
    for number, name in product(range(len(raws[0].amplifiers)), ("gain", "read_noise")):
        own = [getattr(raw.amplifiers[number], name) for raw in raws]
        lent = next((value for value in own if value is not None), None)
        for raw, value in zip(raws, own, strict=True):
            if value is None and lent is not None:
                raw.amplifiers[number] = replace(raw.amplifiers[number], **{name: lent})


def noise_of(raw: RawImage, measured: list[dict] | None = None) -> list[AmplifierNoise]:
    """Gain and read noise of each amplifier, and where they come from.

    A read noise is declared in electrons and measured in adu; it goes with the gain that is used,
    whatever gain was measured beside it.

    Parameters
    ----------
    raw : RawImage
    measured : list of dict or None
        Amplifiers of a detector file, in order of all images.
    """
    found: list[AmplifierNoise] = []
    seen: list[int] = []
    for number, amp in enumerate(raw.amplifiers):
        own: dict = {}
        if measured:
            hdu = hdu_among([each["hdu"] for each in measured], amp.hdu)
            own = [each for each in measured if each["hdu"] == hdu][seen.count(amp.hdu)]
        seen.append(amp.hdu)
        gain, gain_from = _first(
            (raw.flat_gain[number], "flats"), (amp.gain, "declared"), (own.get("gain"), "measured")
        )
        # electrons say nothing of values in adu while no gain is known
        noise, noise_from = _first(
            (_electrons(raw.bias_read_noise[number], gain), "biases"),
            (None if gain is None else amp.read_noise, "declared"),
            (_electrons(own.get("read_noise_adu"), gain), "measured"),
            (_electrons(_overscan_noise(raw.levels[number]), gain), "overscan"),
        )
        found.append(AmplifierNoise(gain, noise, gain_from, noise_from))
    return found


def _first(*values):
    """The first value that is there, with its source."""
    return next((each for each in values if each[0] is not None), (None, ""))


def _electrons(adu, gain):
    return adu if None in (adu, gain) else adu * gain


def _overscan_noise(level):
    if not level.pixels or level.pixel_variance <= DIGITISATION:
        return None
    return math.sqrt(level.pixel_variance - DIGITISATION)


def has_gain(raw: RawImage, measured: list[dict] | None = None) -> bool:
    """Whether the gain of every amplifier is known, so that the image can be in electrons."""
    return all(each.gain is not None for each in noise_of(raw, measured))


def needs_scatter(raw: RawImage, measured: list[dict] | None = None) -> bool:
    """Whether the noise has to come from the scatter of the frame itself."""
    return any(None in (each.gain, each.read_noise) for each in noise_of(raw, measured))


def gain_map(raw: RawImage, measured: list[dict] | None = None) -> np.ndarray | np.float32:
    """Electrons per adu over the trimmed image, 1 where the gain is not known and adu stay."""
    gains = [each.gain for each in noise_of(raw, measured) if each.gain is not None]
    if len(gains) < len(raw.amplifiers):
        return np.float32(1)
    return amplifier_map(raw.amplifiers, gains)


def light_gain(raw: RawImage, measured: list[dict] | None = None) -> np.ndarray | np.float32:
    """The gain that photon noise goes by: as `gain_map`, else what the frame's scatter tells."""
    if raw.scatter is None:
        return gain_map(raw, measured)
    return amplifier_map(raw.amplifiers, [line.light for line in raw.scatter])


def usual_variances(raw: RawImage, measured: list[dict] | None = None) -> list[float]:
    """``read_noise^2 + 1/12`` of each amplifier, or the floor of its scatter, adu^2."""
    if raw.scatter is not None:
        return [line.floor for line in raw.scatter]
    return [_floor(each) for each in noise_of(raw, measured)]


def _floor(noise):
    sigma = noise.read_noise / (noise.gain or 1.0)
    return sigma * sigma + DIGITISATION


def known_floor(noise: AmplifierNoise) -> float | None:
    """Variance without light of an amplifier, adu^2, None where it is not known."""
    return None if noise.read_noise is None else _floor(noise)


def excess_variances(raw: RawImage, measured: list[dict] | None = None) -> list[float]:
    """How much noisier, adu^2, this frame's overscan is than the overscan of the night's biases.

    Without biases, or where these were noisier than gain and read noise say, it is compared with
    gain and read noise. Noise from the frame's own scatter has no excess.
    """
    if raw.scatter is not None:
        return [0.0] * len(raw.amplifiers)
    found = []
    usual = usual_variances(raw, measured)
    for level, floor, quiet in zip(raw.levels, usual, raw.bias_noise, strict=True):
        expected = floor if quiet is None else min(quiet * quiet, floor)
        found.append(excess_variance(level.pixel_variance, level.pixels, expected))
    return found


def read_variance(raw: RawImage, measured: list[dict] | None = None) -> np.ndarray | np.float32:
    """Variance of a pixel without signal over the trimmed image, adu^2.

    It has the read noise, the digitisation and the excess of this frame.
    """
    pairs = zip(usual_variances(raw, measured), excess_variances(raw, measured), strict=True)
    return amplifier_map(raw.amplifiers, [usual + excess for usual, excess in pairs])
