"""One raw frame to one calibrated frame: the recipe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import CcdlibError
from .amplifier_match import match_amplifiers
from .cosmic_rays import clean_cosmic_rays
from .detector_noise import over_image, read_variance
from .image import Image, joined
from .noise import MARGIN
from .raw_image import RawImage, open_raw
from .readout import (
    correct_linearity,
    flag_raw_values,
    read_rows,
    subtract_crosstalk,
    subtract_overscan,
    trimmed,
)
from .rows import at, row_blocks, with_margin
from .steps import (
    add_photon_noise,
    check_shape,
    divide_flat,
    flag_bad_pixels,
    grow_saturation,
    subtract_bias,
    subtract_dark,
    to_adu,
    to_electrons,
)
from .subtraction import dark_charge, dark_pedestal

if TYPE_CHECKING:
    from astropy.io.fits import Header

    from ..camera.amplifiers import Amplifier

__all__ = ["Calibration", "calibrate_frame", "calibrate_image"]


@dataclass(frozen=True)
class Calibration:
    """What a frame is calibrated with; None leaves a step out.

    Attributes
    ----------
    bias, dark, flat, bad_pixels : Product or None
    dark_scale : float
        Exposure time of the frame over that of the dark.
    measured : list of dict or None
        Amplifiers of a detector file.
    bias_done : bool
        Whether the camera's program subtracted the bias already.
    """

    bias: Any = None
    dark: Any = None
    flat: Any = None
    bad_pixels: Any = None
    dark_scale: float = 1.0
    measured: list | None = None
    bias_done: bool = False

    @property
    def shared_bias(self) -> bool:
        """Whether frame and dark had the same master bias subtracted."""
        return bool(self.bias and self.dark and self.dark.header.get("BIASSHA") == self.bias.sha256)

    def of_image(self, number: int, shape: tuple[int, int]) -> list:
        """Bias, dark, flat and bad-pixel map of one image of the frame, None for each left out.

        Parameters
        ----------
        number : int
            Which image of the frame it is.
        shape : tuple of int
            Its shape, which theirs must be.
        """
        found = []
        for name in ("bias", "dark", "flat", "bad_pixels"):
            product = getattr(self, name)
            if product and number >= len(product.images):
                raise CcdlibError(
                    f"{product.name} has {len(product.images)} images, the frame has more"
                )
            found.append(product and product.images[number])
            if product:
                check_shape(shape, found[-1], f"the {name.replace('_pixels', '-pixel map')}")
        return found


@dataclass(frozen=True)
class _Detector:
    """What the noise of a frame needs, each a number or an array over the image.

    Attributes
    ----------
    gain : electrons per adu
    light : the gain of what is light in the image; infinite where there is none
    floor : variance without signal, adu^2
    pedestal : the part of the dark that is no dark current, adu
    """

    gain: np.ndarray | np.float32
    light: np.ndarray | np.float32
    floor: np.ndarray | np.float32
    pedestal: np.ndarray | np.float32

    def rows(self, rows):
        return _Detector(*(at(value, rows) for value in vars(self).values()))


def _detector(raw, calibration, kind):
    gain = over_image(raw, "gain", calibration.measured)
    pedestal: np.ndarray | np.float32 = np.float32(0)
    if calibration.dark is not None:
        pedestal = dark_pedestal(raw, calibration.dark.header)
    gone = calibration.bias or calibration.dark or calibration.bias_done
    holds_pedestal = not (gone or raw.has_level)
    light = np.float32(np.inf) if kind == "bias" or holds_pedestal else gain
    return _Detector(gain, light, read_variance(raw, calibration.measured), pedestal)


def _read(raw, rows):
    """The steps on raw values, an amplifier each: see `readout`, whose sum is `above_overscan`."""
    amplifiers = read_rows(raw, rows.start, rows.stop)
    amplifiers = flag_raw_values(amplifiers)
    amplifiers = subtract_overscan(amplifiers)
    amplifiers = subtract_crosstalk(amplifiers)
    amplifiers = correct_linearity(amplifiers)
    return trimmed(amplifiers, raw.shape[1], rows.start, rows.stop)


def _calibrate_rows(image, masters, inner, detector, calibration, config):
    """The steps that need no more than some rows and those around them.

    Parameters
    ----------
    image : Image
        The rows and the margin around them, as `_read` left them.
    masters : list of Image or None
        The same rows of bias, dark, flat and bad-pixel map.
    inner : slice
        Which of the rows are wanted.
    detector : _Detector
        Of the same rows.
    calibration : Calibration
    config : dict
    """
    bias, dark, flat, bad_pixels = masters
    floor = detector.floor
    image = grow_saturation(image, config["saturation"]["grow"])
    if bias is not None:
        image = subtract_bias(image, bias)
    if dark is not None:
        shared = bias.variance if calibration.shared_bias else 0.0
        image = subtract_dark(image, dark, calibration.dark_scale, shared)
        charge = dark_charge(dark, calibration.dark_scale, detector.pedestal)
        floor = floor + charge / detector.gain
    if bad_pixels is not None:
        image = flag_bad_pixels(image, bad_pixels.dq)
    image = add_photon_noise(image, detector.light, floor).rows(inner)
    image = to_electrons(image, at(detector.gain, inner))
    if flat is not None:
        image = divide_flat(image, flat.rows(inner), config["flat"]["min_value"])
    return image


def _calibrate_whole(image, raw, kind, calibration, detector, config):
    """The steps that need the whole image."""
    if kind in ("light", "lamp") and calibration.flat is None and raw.to_match:
        image, raw.factors = match_amplifiers(image, [amp.place for amp in raw.amplifiers])
    if kind == "light":
        image = clean_cosmic_rays(image, config["cosmic_rays"])
    if config["products"]["unit"] == "adu":
        image = to_adu(image, detector.gain)
    return image


def calibrate_image(
    raw: RawImage,
    number: int,
    calibration: Calibration,
    config: dict,
    kind: str,
    watch: Callable[[Image], object] | None = None,
) -> Image:
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
        Is shown the image as it was read: overscan subtracted and trimmed, before any master.

    Returns
    -------
    Image
        In electrons, or in adu if the config says so.
    """
    if calibration.bias is not None:
        raw.use_bias(calibration.bias.header)
    masters = calibration.of_image(number, raw.shape)
    detector = _detector(raw, calibration, kind)
    margin = MARGIN + config["saturation"]["grow"]
    before, after = [], []
    for rows in row_blocks(raw.shape):
        outer, inner = with_margin(rows, raw.shape[0], margin)
        image = _read(raw, outer)
        if watch is not None:
            before.append(image.rows(inner))
        own = [master and master.rows(outer) for master in masters]
        after.append(_calibrate_rows(image, own, inner, detector.rows(outer), calibration, config))
    if watch is not None:
        watch(joined(before))
    return _calibrate_whole(joined(after), raw, kind, calibration, detector, config)


def calibrate_frame(
    path: str,
    name: str,
    amplifiers: list[Amplifier],
    calibration: Calibration,
    config: dict,
    kind: str,
    watch: Callable[[Image], object] | None = None,
) -> tuple[Header, list[RawImage], list[Image]]:
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
        See `calibrate_image`.

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
