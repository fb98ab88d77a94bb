"""The steps of a calibration on one image: an Image in, a new Image out.

Pixels are float32, variances are carried, flags only accumulate. What a step cannot do for a
pixel is flagged and leaves the pixel's value as it was.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dq
from ..errors import CcdlibError
from .noise import expected_signal, photon_variance
from .subtraction import dark_variance, subtracted

if TYPE_CHECKING:
    from .image import Image, Map

__all__ = [
    "add_photon_noise",
    "check_shape",
    "divide_flat",
    "flag_bad_pixels",
    "grow_saturation",
    "multiply",
    "subtract_bias",
    "subtract_dark",
    "to_adu",
    "to_electrons",
]


def check_shape(shape: tuple[int, ...], master: Any, name: str) -> None:
    """Refuse a master whose shape is not the frame's."""
    if master.shape != shape:
        raise CcdlibError(f"{name} has shape {master.shape}, the frame has {shape}")


def _inherited(master):
    """NO_CALIBRATION where a master has no value, UNSTABLE where its frames flickered.

    The master's variance carries its own scatter there, the frame's does not: its own pixel
    flickers by as much as each of the master's did.
    """
    if not master.dq.any():
        return np.uint16(0)
    missing = (master.dq & dq.NO_DATA) != 0
    return (master.dq & dq.UNSTABLE) | np.where(missing, np.uint16(dq.NO_CALIBRATION), np.uint16(0))


def subtract_bias(image: Image, bias: Image) -> Image:
    """Subtract a master bias; its variance is added.

    Parameters
    ----------
    image, bias : Image
        Of the same shape, in adu.
    """
    check_shape(image.data.shape, bias, "the bias")
    return replace(
        image,
        data=subtracted(image.data, bias=bias.data),
        variance=image.variance + bias.variance,
        dq=image.dq | _inherited(bias),
    )


def add_photon_noise(image: Image, gain: Map, floor: Map) -> Image:
    """Add the variance of photons, read noise and digitisation to an image's variance.

    Parameters
    ----------
    image : Image
        In adu, its pedestal removed; its variance is that of what was subtracted from it.
    gain : float or ndarray
        Electrons per adu; infinite for a frame without light.
    floor : float or ndarray
        Variance without signal, adu^2: (read_noise / gain)^2 + 1/12, and the photon noise of
        the dark charge that was subtracted.
    """
    signal = expected_signal(image.data, image.dq == 0, gain, floor + image.variance)
    return replace(image, variance=image.variance + photon_variance(signal, gain, floor))


def subtract_dark(image: Image, dark: Image, scale: float = 1.0, bias_variance: Map = 0.0) -> Image:
    """Subtract a master dark times `scale`.

    Parameters
    ----------
    image, dark : Image
        Of the same shape, in adu.
    scale : float
        Exposure time of the frame over that of the dark.
    bias_variance : float or ndarray
        Variance of the master bias that both the frame and the dark had subtracted and that
        is in `image.variance` already; 0 when they share none.
    """
    check_shape(image.data.shape, dark, "the dark")
    shared = bool(np.ndim(bias_variance) > 0 or bias_variance > 0)
    added = dark_variance(bias_variance, dark.variance, scale, shared) - bias_variance
    return replace(
        image,
        data=subtracted(image.data, dark=dark.data, scale=scale),
        variance=(image.variance + added).astype(image.data.dtype, copy=False),
        dq=image.dq | _inherited(dark),
    )


def grow_saturation(image: Image, rows: int) -> Image:
    """Flag SATURATED what lies up to `rows` above or below a saturated pixel in its column.

    The end of a bleed trail holds charge that is not its own and is not saturated.
    """
    saturated = (image.dq & dq.SATURATED) != 0
    if not saturated.any():
        return image
    grown = saturated.copy()
    for shift in range(1, min(rows, len(saturated) - 1) + 1):
        grown[shift:] |= saturated[:-shift]
        grown[:-shift] |= saturated[shift:]
    return replace(image, dq=image.dq | np.where(grown, np.uint16(dq.SATURATED), np.uint16(0)))


def flag_bad_pixels(image: Image, flags: np.ndarray) -> Image:
    """Add the flags of a bad-pixel map, uint16 of the image's shape."""
    if flags.shape != image.data.shape:
        raise CcdlibError(
            f"the bad-pixel map has shape {flags.shape}, the frame has {image.data.shape}"
        )
    return replace(image, dq=image.dq | flags)


def multiply(image: Image, factor: Map, unit: str) -> Image:
    """Multiply by an exact factor, a number or an array of the image's shape."""
    kind = image.data.dtype
    return replace(
        image,
        data=(image.data * factor).astype(kind, copy=False),
        variance=(image.variance * (factor * factor)).astype(kind, copy=False),
        unit=unit,
    )


def to_electrons(image: Image, gain: Map) -> Image:
    """Multiply by the gain, a number or an array of the image's shape."""
    return multiply(image, gain, "electron")


def to_adu(image: Image, gain: Map) -> Image:
    """Divide by the gain, a number or an array of the image's shape."""
    return multiply(image, 1 / gain, "adu")


def divide_flat(image: Image, flat: Image, min_value: float) -> Image:
    """Divide by a normalised flat.

    ``variance = variance / flat^2 + (data / flat)^2 * flat.variance / flat^2``, which stays
    finite at zero signal.

    Parameters
    ----------
    image : Image
    flat : Image
        Normalised, without unit.
    min_value : float
        Where the flat is lower the pixel is flagged LOW_FLAT and left undivided.
    """
    check_shape(image.data.shape, flat, "the flat")
    # not "<": a NaN must count as low
    low = ~(flat.data >= min_value)
    missing = (flat.dq & dq.NO_DATA) != 0
    divisor = np.where(low | missing, np.float32(1), flat.data)
    data = image.data / divisor
    spread = np.where(low | missing, np.float32(0), flat.variance)
    flags = image.dq | _inherited(flat)
    flags[low & ~missing] |= dq.LOW_FLAT
    return replace(
        image,
        data=data,
        variance=(image.variance + np.square(data) * spread) / np.square(divisor),
        dq=flags,
    )
