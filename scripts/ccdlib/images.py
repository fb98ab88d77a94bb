"""Images in memory, and raw frames on their way into them."""

from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from . import dq
from .errors import CcdlibError
from .noise import DIGITISATION
from .overscan import Level, overscan_level
from .pixels import pixels_of

__all__ = ["Image", "RawImage", "amplifier_map", "open_raw"]


@dataclass(frozen=True)
class Image:
    """One image with its noise and its flags; steps return new ones.

    Attributes
    ----------
    data : ndarray of float32, shape (ny, nx)
    variance : ndarray of float32 or None
        Square of one standard deviation, in the unit of `data` squared.
    dq : ndarray of uint16
        Bits of `ccdlib.dq`; a pixel with any bit set is not to be used.
    unit : str
        'adu' or 'electron', empty for flats.
    """

    data: np.ndarray
    variance: np.ndarray | None
    dq: np.ndarray
    unit: str


def amplifier_map(amplifiers, values):
    """One value an amplifier as a number, or as an array over the trimmed image.

    Parameters
    ----------
    amplifiers : list of Amplifier
        Those of one image.
    values : list of float
    """
    if len(set(values)) == 1:
        return np.float32(values[0])
    ny = max(amp.place.y1 for amp in amplifiers)
    nx = max(amp.place.x1 for amp in amplifiers)
    filled = np.empty((ny, nx), np.float32)
    for amp, value in zip(amplifiers, values, strict=True):
        filled[amp.place.slices] = value
    return filled


class RawImage:
    """One image of a raw file: its overscan is measured at once, its pixels read by rows.

    Parameters
    ----------
    pixels : ArrayPixels or FilePixels
    amplifiers : list of Amplifier
        Those of this image.
    name : str
        For messages.
    overscan : dict
        The config's section: method, degree, clip.
    """

    def __init__(self, pixels, header, amplifiers, name, overscan):
        self.pixels, self.header, self.amplifiers, self.name = pixels, header, amplifiers, name
        self.hdu = amplifiers[0].hdu
        self.shape = (
            max(amp.place.y1 for amp in amplifiers),
            max(amp.place.x1 for amp in amplifiers),
        )
        self.levels = [self._level(amp, overscan) for amp in amplifiers]

    def _level(self, amp, settings):
        rows = amp.data.shape[0]
        if amp.overscan is None or settings["method"] == "none":
            return Level.none(rows)
        if amp.overscan.y0 > amp.data.y0 or amp.overscan.y1 < amp.data.y1:
            raise CcdlibError(
                f"{self.name}: overscan {amp.overscan.fits()} does not cover the rows of the "
                f"data {amp.data.fits()}"
            )
        strip = self.pixels[amp.data.y0 : amp.data.y1, amp.overscan.x0 : amp.overscan.x1]
        try:
            return overscan_level(strip, settings["method"], settings["degree"], settings["clip"])
        except CcdlibError as error:
            raise CcdlibError(f"{self.name}: {error}") from None

    def read(self, first=0, last=None):
        """Rows `first` to `last` of the trimmed image, overscan subtracted.

        Returns
        -------
        Image
            In adu; its variance is that of the overscan level alone. DQ is set on the raw
            values, before any arithmetic.
        """
        last = self.shape[0] if last is None else last
        shape = (last - first, self.shape[1])
        data = np.zeros(shape, np.float32)
        variance = np.zeros(shape, np.float32)
        # until an amplifier says otherwise: a mosaic may leave corners that none covers
        flags = np.full(shape, dq.NO_DATA, np.uint16)
        for amp, level in zip(self.amplifiers, self.levels, strict=True):
            place = amp.place
            top, bottom = max(first, place.y0), min(last, place.y1)
            if top >= bottom:
                continue
            low, high = top - place.y0, bottom - place.y0
            if amp.data.flip_y:
                low, high = amp.data.shape[0] - high, amp.data.shape[0] - low
            values = self.pixels[amp.data.y0 + low : amp.data.y0 + high, amp.data.x0 : amp.data.x1]
            target = slice(top - first, bottom - first), slice(place.x0, place.x1)
            step = (-1 if amp.data.flip_y else 1, -1 if amp.data.flip_x else 1)
            view = (slice(None, None, step[0]), slice(None, None, step[1]))
            flags[target] = _raw_flags(values, amp)[view]
            values -= level.values[low:high, None].astype(np.float32)
            data[target] = values[view]
            variance[target] = level.variance[low:high, None][view[0]]
        # nothing can be computed with what is not finite, and its bit says why it is zero
        data[flags & dq.NO_DATA != 0] = 0
        return Image(data, variance, flags, "adu")

    @property
    def has_level(self):
        """Whether the overscan of every amplifier is subtracted."""
        return all(level.measured for level in self.levels)

    def dark_pedestal(self, header):
        """What a master dark still holds besides its current, adu over the trimmed image.

        Parameters
        ----------
        header : Header
            The dark's.
        """
        if header["PEDREMOV"]:
            return np.float32(0)
        keys = [f"DPED{self.hdu}_{number}" for number in range(1, len(self.amplifiers) + 1)]
        return amplifier_map(self.amplifiers, [header[key] for key in keys])

    def given(self, *facts):
        """What the headers or the camera file say of gain, read noise ... of each amplifier."""
        return [getattr(amp, fact) for amp in self.amplifiers for fact in facts]

    def detector(self, fact, measured=None):
        """Gain or read noise over the trimmed image: the amplifiers' own, else the measured.

        Parameters
        ----------
        fact : {'gain', 'read_noise'}
        measured : list of dict or None
            Amplifiers of a detector file, in order of all images.

        Raises
        ------
        CcdlibError
            If it is neither given nor measured.
        """
        return amplifier_map(self.amplifiers, self.detector_values(fact, measured))

    def detector_values(self, fact, measured=None):
        """The list behind `detector`, one number an amplifier."""
        values = []
        for number, amp in enumerate(self.amplifiers):
            value = getattr(amp, fact)
            if value is None and measured is not None:
                value = [each for each in measured if each["hdu"] == self.hdu][number][fact]
            if value is None:
                raise CcdlibError(f"{self.name}: {fact} is neither given nor measured")
            values.append(value)
        return values

    def read_variance(self, measured=None):
        """(read_noise / gain)^2 + 1/12 in adu^2."""
        ratio = self.detector("read_noise", measured) / self.detector("gain", measured)
        return np.float32(ratio**2 + DIGITISATION)


def _raw_flags(values, amp):
    flags = np.zeros(values.shape, np.uint16)
    if amp.saturation is not None:
        flags[values >= amp.saturation] |= dq.SATURATED
    if amp.linear_limit is not None:
        flags[values > amp.linear_limit] |= dq.NONLINEAR
    flags[~np.isfinite(values)] |= dq.NO_DATA
    return flags


@contextmanager
def open_raw(path, amplifiers, name, overscan):
    """Open a raw file.

    Parameters
    ----------
    path : str
    amplifiers : list of Amplifier
        Of all its images, as the index resolved them.
    name : str
        For messages.
    overscan : dict
        The config's section.

    Yields
    ------
    header : Header
        Of the primary HDU.
    images : list of RawImage
    """
    from astropy.io import fits

    packed = str(path).lower().endswith((".gz", ".bz2"))
    with open(path, "rb") as file, fits.open(path, memmap=False) as hdus:
        images = []
        for number in sorted({amp.hdu for amp in amplifiers}):
            own = [amp for amp in amplifiers if amp.hdu == number]
            pixels = pixels_of(hdus[number], file, name, packed)
            images.append(RawImage(pixels, hdus[number].header, own, name, overscan))
        yield hdus[0].header, images
