"""One raw frame to one calibrated frame: the recipe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ..errors import CcdlibError
from .amplifier_match import match_amplifiers
from .below_zero import flag_below_zero
from .cosmic_rays import clean_cosmic_rays
from .detector_noise import (
    gain_map,
    has_gain,
    known_floor,
    light_gain,
    needs_scatter,
    noise_of,
    read_variance,
)
from .fused_steps import add_noise_and_divide, subtract_masters
from .hot_pixels import HotPixels
from .image import Image, empty_image
from .noise import MARGIN, expected_signal
from .own_scatter import Boxes, boxes_of_image, joined_boxes, noise_line, strips
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
from .steps import check_shape, grow_saturation, to_adu
from .subtraction import dark_charge, dark_pedestal

if TYPE_CHECKING:
    from astropy.io.fits import Header

    from ..camera.amplifiers import Amplifier

__all__ = ["Calibration", "Watch", "calibrate_frame", "calibrate_image"]


class Watch(Protocol):
    """What is shown a frame while it is calibrated."""

    def add(self, image: Image) -> object:
        """The next rows."""


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
    bias_done, dark_done : bool
        Whether the camera's program subtracted the bias, or the dark, already. The noise of that
        dark and of its charge is in the frame, and nothing but its scatter tells how much.
    """

    bias: Any = None
    dark: Any = None
    flat: Any = None
    bad_pixels: Any = None
    dark_scale: float = 1.0
    measured: list | None = None
    bias_done: bool = False
    dark_done: bool = False

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
    gain : electrons per adu; 1 where it is not known and the image stays in adu
    light : the gain that the photon noise goes by; infinite where there is no light
    dark : the same for the charge that a dark takes away; infinite where the scatter has its noise
    floor : variance without signal, adu^2
    pedestal : the part of the dark that is no dark current, adu
    unit : of the image times `gain`
    """

    gain: np.ndarray | np.float32
    light: np.ndarray | np.float32
    dark: np.ndarray | np.float32
    floor: np.ndarray | np.float32
    pedestal: np.ndarray | np.float32
    unit: str

    def rows(self, rows):
        own = {name: at(value, rows) for name, value in vars(self).items() if name != "unit"}
        return replace(self, **own)


def _detector(raw, calibration, kind):
    measured = calibration.measured
    gain = gain_map(raw, measured)
    pedestal: np.ndarray | np.float32 = np.float32(0)
    if calibration.dark is not None:
        pedestal = dark_pedestal(raw, calibration.dark.header)
    dark = light_gain(raw, measured)
    light: np.ndarray | np.float32 = dark
    if not _has_light(raw, calibration, kind):
        light = np.float32(np.inf)
    unit = "electron"
    if not has_gain(raw, measured):
        dark, unit = np.float32(np.inf), "adu"
    return _Detector(gain, light, dark, read_variance(raw, measured), pedestal, unit)


def _has_light(raw, calibration, kind):
    """Whether what is left of the image is light, and not a bias or a pedestal."""
    gone = calibration.bias or calibration.dark or calibration.bias_done
    return kind != "bias" and bool(gone or raw.has_level)


def _own_scatter(raw, masters, calibration, kind):
    """The noise of each amplifier from strips of the frame itself, less what its masters bring."""
    found: list[list[Boxes]] = [[] for _ in raw.amplifiers]
    for rows in strips(raw.shape):
        bias, dark, flat, bad_pixels = _rows_of(masters, rows)
        scale, shared = calibration.dark_scale, calibration.shared_bias
        image = subtract_masters(_read(raw, rows), bias, dark, bad_pixels, scale, shared)
        for number, amp in enumerate(raw.amplifiers):
            columns = slice(amp.place.x0, amp.place.x1)
            inside = slice(max(amp.place.y0 - rows.start, 0), max(amp.place.y1 - rows.start, 0))
            if inside.stop > inside.start:
                found[number].append(boxes_of_image(image, flat, (inside, columns)))
    known = noise_of(raw, calibration.measured)
    lit = _has_light(raw, calibration, kind)
    return [
        noise_line(joined_boxes(boxes, lit), each.gain, known_floor(each))
        for boxes, each in zip(found, known, strict=True)
    ]


def _rows_of(masters, rows):
    """Rows of bias, dark and flat, and of the bad-pixel map its flags alone."""
    *images, bad_pixels = masters
    return [*(each and each.rows(rows) for each in images), bad_pixels and bad_pixels.flags(rows)]


def _read(raw, rows):
    """The steps on raw values, an amplifier each: see `readout`, whose sum is `above_overscan`."""
    amplifiers = read_rows(raw, rows.start, rows.stop)
    amplifiers = flag_raw_values(amplifiers)
    amplifiers = subtract_overscan(amplifiers)
    amplifiers = subtract_crosstalk(amplifiers)
    amplifiers = correct_linearity(amplifiers)
    return trimmed(amplifiers, raw.shape[1], rows.start, rows.stop)


def _calibrate_rows(image, masters, inner, detector, calibration, config, out):
    """The steps that need no more than some rows and those around them.

    Parameters
    ----------
    image : Image
        The rows and the margin around them, as `_read` left them.
    masters : list of Image or None
        The same rows of bias, dark and flat, and the flags of the bad-pixel map.
    inner : slice
        Which of the rows are wanted.
    detector : _Detector
        Of the same rows.
    calibration : Calibration
    config : dict
    out : Image
        The rows that are wanted, to be filled.
    """
    bias, dark, flat, bad_pixels = masters
    scale, floor = calibration.dark_scale, detector.floor
    image = grow_saturation(image, config["saturation"]["grow"])
    if dark is not None:
        floor = floor + dark_charge(dark, scale, detector.pedestal) / detector.dark
    image = subtract_masters(image, bias, dark, bad_pixels, scale, calibration.shared_bias)
    signal = expected_signal(image.data, image.dq == 0, detector.light, floor + image.variance)
    add_noise_and_divide(
        image.rows(inner),
        signal[inner],
        at(detector.light, inner),
        at(floor, inner),
        at(detector.gain, inner),
        flat and flat.rows(inner),
        config["flat"]["min_value"],
        out,
    )


def _calibrate_whole(image, raw, kind, calibration, detector, config):
    """The steps that need the whole image."""
    if kind in ("light", "lamp"):
        image = flag_below_zero(image)
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
    watch: Callable[[tuple[int, int]], Watch] | None = None,
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
        Is given the shape of the image, and what it returns is shown the rows as they were read, a
        few at a time: overscan subtracted and trimmed, before any master.

    Returns
    -------
    Image
        In electrons; in adu if the config says so or the gain is not known.
    """
    if calibration.bias is not None:
        raw.use_bias(calibration.bias.header)
    if calibration.flat is not None:
        raw.use_flat(calibration.flat.header)
    masters = calibration.of_image(number, raw.shape)
    if calibration.dark_done or needs_scatter(raw, calibration.measured):
        raw.scatter = _own_scatter(raw, masters, calibration, kind)
    detector = _detector(raw, calibration, kind)
    margin = MARGIN + config["saturation"]["grow"]
    watcher = watch(raw.shape) if watch else None
    done = empty_image(raw.shape, detector.unit)
    hot = HotPixels(_darks(calibration) if kind in ("light", "lamp") else 0)
    for rows in row_blocks(raw.shape):
        outer, inner = with_margin(rows, raw.shape[0], margin)
        image = _read(raw, outer)
        if watcher:
            watcher.add(image.rows(inner))
        own = _rows_of(masters, outer)
        hot.add(own[1], own[3], outer, inner)
        there = detector.rows(outer)
        _calibrate_rows(image, own, inner, there, calibration, config, done.rows(rows))
    scale = calibration.dark_scale * detector.gain
    hot.refuse_without(raw.name, done, scale)
    # what a dark has without exposure is not scaled: its bias, where that was not taken off
    if calibration.dark_scale == 1 or calibration.shared_bias:
        hot.refuse_hotter(raw.name, done, scale)
    return _calibrate_whole(done, raw, kind, calibration, detector, config)


def _darks(calibration):
    """How many frames the dark is made of."""
    dark = calibration.dark
    return int(dark.header.get("NCOMBINE", 1)) if dark is not None else 0


def calibrate_frame(
    path: str,
    name: str,
    amplifiers: list[Amplifier],
    calibration: Calibration,
    config: dict,
    kind: str,
    watch: Callable[[tuple[int, int]], Watch] | None = None,
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
