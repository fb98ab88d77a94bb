"""Gain, read noise and the excess noise of one raw image: from headers, camera file or measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import CcdlibError
from .image import amplifier_map
from .noise import DIGITISATION, excess_variance

if TYPE_CHECKING:
    from .raw_image import RawImage

__all__ = [
    "amplifier_values",
    "declared",
    "excess_variances",
    "over_image",
    "read_variance",
    "usual_variances",
]


def declared(raw: RawImage) -> bool:
    """Whether headers or camera file give the gain and read noise of every amplifier."""
    return all(None not in (amp.gain, amp.read_noise) for amp in raw.amplifiers)


def amplifier_values(raw: RawImage, fact: str, measured: list[dict] | None = None) -> list[float]:
    """Gain or read noise of each amplifier: declared, else measured.

    A read noise is measured in adu, and becomes electrons with the gain that is used: the declared
    one where there is one, whatever gain was measured beside it.

    Parameters
    ----------
    raw : RawImage
    fact : {'gain', 'read_noise'}
    measured : list of dict or None
        Amplifiers of a detector file, in order of all images.

    Returns
    -------
    list of float
        electron/adu, or electron.

    Raises
    ------
    CcdlibError
        If it is neither declared nor measured.
    """
    values: list[float] = []
    seen: list[int] = []
    for amp in raw.amplifiers:
        own: dict = {}
        if measured is not None:
            own = [each for each in measured if each["hdu"] == amp.hdu][seen.count(amp.hdu)]
        seen.append(amp.hdu)
        value = _gain(amp, own) if fact == "gain" else _read_noise(amp, own)
        if value is None:
            lack = own.get(f"{fact}_lack")
            text = f"{raw.name}: {fact} is neither given nor measured"
            raise CcdlibError(f"{text} ({lack})" if lack else text)
        values.append(value)
    return values


def _gain(amp, own):
    return own.get("gain") if amp.gain is None else amp.gain


def _read_noise(amp, own):
    # electrons say nothing of values in adu while no gain is known
    if amp.read_noise is not None and not (amp.gain is None and own.get("in_adu")):
        return amp.read_noise
    adu, gain = own.get("read_noise_adu"), _gain(amp, own)
    return None if None in (adu, gain) else adu * gain


def over_image(
    raw: RawImage, fact: str, measured: list[dict] | None = None
) -> np.ndarray | np.float32:
    """`amplifier_values` over the trimmed image: one number, or an array (ny, nx) of float32."""
    return amplifier_map(raw.amplifiers, amplifier_values(raw, fact, measured))


def usual_variances(raw: RawImage, measured: list[dict] | None = None) -> list[float]:
    """``(read_noise / gain)^2 + 1/12`` of each amplifier, adu^2."""
    noises = amplifier_values(raw, "read_noise", measured)
    gains = amplifier_values(raw, "gain", measured)
    return [(n / g) ** 2 + DIGITISATION for n, g in zip(noises, gains, strict=True)]


def excess_variances(raw: RawImage, measured: list[dict] | None = None) -> list[float]:
    """How much noisier, adu^2, this frame's overscan is than the overscan of the night's biases.

    Without biases, or where these were noisier than gain and read noise say, it is compared with
    gain and read noise.
    """
    found = []
    usual = usual_variances(raw, measured)
    for level, floor, quiet in zip(raw.levels, usual, raw.bias_noise, strict=True):
        expected = floor if quiet is None else min(quiet**2, floor)
        found.append(excess_variance(level.pixel_variance, level.pixels, expected))
    return found


def read_variance(raw: RawImage, measured: list[dict] | None = None) -> np.ndarray | np.float32:
    """Variance of a pixel without signal over the trimmed image, adu^2.

    It has the read noise, the digitisation and the excess of this frame.
    """
    pairs = zip(usual_variances(raw, measured), excess_variances(raw, measured), strict=True)
    return amplifier_map(raw.amplifiers, [usual + excess for usual, excess in pairs])
