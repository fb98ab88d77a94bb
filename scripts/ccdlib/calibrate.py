"""One raw frame to one calibrated frame: the recipe, and the header that can repeat it."""

from dataclasses import dataclass

import numpy as np

from . import dq
from .borders import match_amplifiers
from .cosmicrays import clean_cosmic_rays
from .errors import CcdlibError
from .images import open_raw
from .steps import (
    add_photon_noise,
    dark_charge,
    divide_flat,
    flag_bad_pixels,
    grow_saturation,
    subtract_bias,
    subtract_dark,
    to_adu,
    to_electrons,
)

__all__ = ["Calibration", "calibrate_frame", "calibrate_image"]


@dataclass(frozen=True)
class Calibration:
    """What a frame is calibrated with; None leaves a step out.

    Attributes
    ----------
    bias, dark, flat, bad_pixels : Product or None
    dark_scale : float
    measured : list of dict or None
        Amplifiers of a detector file.
    """

    bias: object = None
    dark: object = None
    flat: object = None
    bad_pixels: object = None
    dark_scale: float = 1.0
    measured: list | None = None

    @property
    def shared_bias(self):
        """Whether frame and dark had the same master bias subtracted."""
        return bool(self.bias and self.dark and self.dark.header.get("BIASSHA") == self.bias.sha256)

    def of_image(self, number):
        """Bias, dark, flat and bad-pixel map of one image of the frame, None for each left out."""
        products = (self.bias, self.dark, self.flat, self.bad_pixels)
        for product in products:
            if product and number >= len(product.images):
                raise CcdlibError(
                    f"{product.name} has {len(product.images)} images, the frame has more"
                )
        return [product and product.images[number] for product in products]


def calibrate_image(raw, number, calibration, config, kind, watch=None):
    """Calibrate one image of a raw frame.

    Parameters
    ----------
    raw : RawImage
    number : int
        Which image of the frame it is.
    calibration : Calibration
    config : dict
        The sections products, saturation, flat and cosmic_rays.
    kind : str
        Type of the frame; cosmic rays are sought in lights alone.
    watch : callable or None
        Is shown the image as it was read, before any step.

    Returns
    -------
    Image
    """
    if calibration.bias is not None:
        raw.use_bias(calibration.bias.header)
    gain = raw.detector("gain", calibration.measured)
    floor = raw.read_variance(calibration.measured)
    bias, dark, flat, bad_pixels = calibration.of_image(number)
    holds_pedestal = bias is None and not raw.has_level

    image = raw.read()
    if watch is not None:
        watch(image)
    image = grow_saturation(image, config["saturation"]["grow"])
    if bias is not None:
        image = subtract_bias(image, bias)
    if dark is not None:
        shared = bias.variance if calibration.shared_bias else 0.0
        image = subtract_dark(image, dark, calibration.dark_scale, shared)
        pedestal = raw.dark_pedestal(calibration.dark.header)
        floor = floor + dark_charge(dark, calibration.dark_scale, pedestal) / gain
    if bad_pixels is not None:
        image = flag_bad_pixels(image, bad_pixels.dq)
    no_light = kind == "bias" or (holds_pedestal and dark is None)
    image = add_photon_noise(image, np.float32(np.inf) if no_light else gain, floor)
    image = to_electrons(image, gain)
    if flat is not None:
        image = divide_flat(image, flat, config["flat"]["min_value"])
    elif kind == "light" and raw.to_match:
        image, raw.factors = match_amplifiers(image, [amp.place for amp in raw.amplifiers])
    if kind == "light":
        image = clean_cosmic_rays(image, config["cosmic_rays"])
    if config["products"]["unit"] == "adu":
        image = to_adu(image, gain)
    return image


def calibrate_frame(path, name, amplifiers, calibration, config, kind, watch=None):
    """Calibrate a raw frame.

    Parameters
    ----------
    path : str
    name : str
        For messages.
    amplifiers : list of Amplifier
    calibration : Calibration
    config : dict
        The sections products, overscan, saturation, flat and cosmic_rays.
    kind : {'bias', 'dark', 'flat', 'light'}
    watch : callable or None
        Is shown each image as it was read, before any step.

    Returns
    -------
    header : Header
        Primary header of the raw file.
    raws : list of RawImage
        Closed, but with their headers and overscan levels.
    images : list of Image
    """
    with open_raw(path, amplifiers, name, config["overscan"]) as (header, raws):
        images = [
            calibrate_image(raw, number, calibration, config, kind, watch)
            for number, raw in enumerate(raws)
        ]
    return header, raws, images


def counts(image):
    """Numbers of flagged pixels that a header reports."""
    return {
        "saturated": dq.count(image.dq, dq.SATURATED),
        "cosmic_ray": dq.count(image.dq, dq.COSMIC_RAY),
        "masked": int((image.dq != 0).sum()),
    }
