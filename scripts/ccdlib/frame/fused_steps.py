"""Steps of a calibration that follow one another, done in one pass over the pixels.

They do what the steps of `ccdlib.frame.steps` do one after the other, to the same bits (a test
holds them to it), without an array between one and the next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .image import Image
from .steps import check_shape

if TYPE_CHECKING:
    from .image import Map

__all__ = ["add_noise_and_divide", "compile_kernels", "subtract_masters"]

_DATA, _VARIANCE, _DQ = np.float32, np.float32, np.uint16


def _planes(image):
    """The arrays of an image as the kernels take them; any other kind would be compiled anew."""
    kinds = (image.data, _DATA), (image.variance, _VARIANCE), (image.dq, _DQ)
    return tuple(np.require(array, kind, ["C", "A", "W"]) for array, kind in kinds)


def _master(image, master, name):
    """The arrays of a master, or one row of zeros that stands for none."""
    if master is None:
        columns = image.shape[1]
        return tuple(np.zeros((1, columns), kind) for kind in (_DATA, _VARIANCE, _DQ))
    check_shape(image.shape, master, name)
    return _planes(master)


def _as_plane(value):
    """A map as the kernels take it: one number stands for all pixels."""
    plane = np.asarray(value, np.float32)
    return np.ascontiguousarray(plane.reshape(1, 1) if plane.ndim == 0 else plane)


def subtract_masters(
    image: Image,
    bias: Image | None,
    dark: Image | None,
    bad_pixels: np.ndarray | None,
    scale: float = 1.0,
    shared_bias: bool = False,
) -> Image:
    """`steps.subtract_bias`, `steps.subtract_dark` and `steps.flag_bad_pixels` at once.

    Parameters
    ----------
    image : Image
        In adu.
    bias, dark : Image or None
        Of the same shape; None leaves a step out.
    bad_pixels : ndarray of uint16, or None
        Flags of the same shape.
    scale : float
        Exposure time of the frame over that of the dark.
    shared_bias : bool
        Whether this bias was subtracted from the dark, too.

    Returns
    -------
    Image
    """
    from .step_kernels import subtract_rows

    of_bias = _master(image, bias, "the bias")
    of_dark = _master(image, dark, "the dark")
    if bad_pixels is None:
        bad_pixels = np.zeros((1, image.shape[1]), _DQ)
    else:
        check_shape(image.shape, bad_pixels, "the bad-pixel map")
    # where the dark has a bias of its own, or there is no dark
    unshared = np.zeros((1, image.shape[1]), _VARIANCE)
    factors = scale, (1 - scale) * (1 - scale), scale * scale
    values, variance, bits = subtract_rows(
        *_planes(image),
        of_bias,
        of_dark,
        of_bias[1] if shared_bias and dark is not None else unshared,
        np.require(bad_pixels, _DQ, ["C", "A", "W"]),
        tuple(np.float32(each) for each in factors),
    )
    return Image(values, variance, bits, image.unit)


def add_noise_and_divide(
    image: Image,
    signal: np.ndarray,
    light: Map,
    floor: Map,
    gain: Map,
    flat: Image | None,
    min_value: float,
    out: Image,
) -> None:
    """The noise of the light, `steps.multiply` and `steps.divide_flat` at once.

    Parameters
    ----------
    image : Image
        In adu, its pedestal removed.
    signal : ndarray of float32
        What its pixels were expected to have; `steps.add_photon_noise` makes noise of it.
    light, floor : float or ndarray
        Gain that the photon noise goes by, and variance without signal, adu^2.
    gain : float or ndarray
        What the image is multiplied by.
    flat : Image or None
    min_value : float
        Where the flat is lower the pixel is flagged LOW_FLAT and left undivided.
    out : Image
        Is filled: float32, float32 and uint16 of the image's shape, each contiguous.
    """
    from .step_kernels import divide_rows

    divide_rows(
        _planes(image),
        np.ascontiguousarray(signal, _DATA),
        tuple(_as_plane(each) for each in (light, floor, gain)),
        _master(image, flat, "the flat"),
        flat is not None,
        np.float32(min_value),
        (out.data, out.variance, out.dq),
    )


def compile_kernels() -> None:
    """Compile what is used here, and fill the cache on disk with it."""
    plane = np.zeros((5, 5), np.float32)
    image = Image(plane, plane, np.zeros((5, 5), np.uint16), "adu")
    done = subtract_masters(image, None, None, None)
    add_noise_and_divide(done, plane, 1.0, 1.0, 1.0, None, 0.1, image)
