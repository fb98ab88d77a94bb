"""Raw files, read image by image and row by row."""

from __future__ import annotations

import warnings
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..camera.amplifiers import hdu_in
from ..camera.assembly import groups, image_header, inherited
from ..camera.row_order import turned_header
from ..errors import CcdlibError
from ..raw.stored_pixels import (
    UpsideDown,
    open_unpacked,
    pixels_of,
    refuse_bits_of_floats,
    refuse_fractions,
)
from .image import Image, amplifier_map
from .overscan import Level, overscan_level
from .readout import above_overscan, raw_flags

if TYPE_CHECKING:
    from collections.abc import Iterator

    from astropy.io.fits import Header

    from ..camera.amplifiers import Amplifier
    from .own_scatter import NoiseLine

__all__ = ["Band", "RawImage", "open_raw"]


class Band(NamedTuple):
    """Rows of a raw image on their way into a master.

    Attributes
    ----------
    values : ndarray of uint16, int16 or float32
    level : ndarray of float32, shape (rows,)
        What is still to be subtracted from the values, adu.
    flags : ndarray of uint16 or None
        None: nothing is flagged.
    variance : ndarray of float32, of the shape of the values or (rows, 1)
        Variance of the overscan level, adu^2.
    """

    values: np.ndarray
    level: np.ndarray
    flags: np.ndarray | None
    variance: np.ndarray


class RawImage:
    """One image of a raw file, or one assembled from several.

    The overscan is measured at once, pixels are read by rows.

    Parameters
    ----------
    pixels : ArrayPixels or FilePixels, or {HDU number: one of them}
    header : Header
        The image's own.
    amplifiers : list of Amplifier
        Those of this image.
    name : str
        For messages.
    overscan : dict
        The config's section: method, degree, clip.

    Attributes
    ----------
    shape : tuple of int
        (ny, nx) of the trimmed image.
    levels : list of Level
        Bias level of each amplifier's rows.
    columns : list of Level or None
        Bias level of each amplifier's columns above that of its rows.
    bias_noise : list of float or None
        Noise of an overscan pixel in the night's biases, adu, of each amplifier.
    unseen : list of float
        Scatter of the level that the overscan does not see, adu, of each amplifier.
    factors : list of float or None
        What the recipe multiplied each amplifier by to match them, for the header.
    bias_read_noise, flat_gain : list of float or None
        Read noise, adu, and gain that the frames of its masters measured, of each amplifier, where
        that contradicts what is declared.
    scatter : list of NoiseLine or None
        The noise of each amplifier from the frame's own scatter, which the recipe measures where
        gain or read noise is not known.
    """

    def __init__(
        self,
        pixels: Any,
        header: Header,
        amplifiers: list[Amplifier],
        name: str,
        overscan: dict,
    ) -> None:
        self.header, self.amplifiers, self.name = header, amplifiers, name
        self.hdu = amplifiers[0].hdu
        self._pixels = pixels if isinstance(pixels, dict) else {self.hdu: pixels}
        self.shape = (
            max(amp.place.y1 for amp in amplifiers),
            max(amp.place.x1 for amp in amplifiers),
        )
        self.levels = [self._level(amp, overscan) for amp in amplifiers]
        self.columns = [self._column_level(amp, overscan) for amp in amplifiers]
        self.bias_noise, self.unseen = [None] * len(amplifiers), [0.0] * len(amplifiers)
        self.factors = None
        self.bias_read_noise: list[float | None] = [None] * len(amplifiers)
        self.flat_gain: list[float | None] = [None] * len(amplifiers)
        self.scatter: list[NoiseLine] | None = None

    def _cut(self, amp, rows, columns):
        """Raw pixels between two pairs of edges."""
        return self._pixels[amp.hdu][slice(*rows), slice(*columns)]

    def _strip_level(self, strip, settings):
        try:
            return overscan_level(strip, settings["method"], settings["degree"], settings["clip"])
        except CcdlibError as error:
            raise CcdlibError(f"{self.name}: {error}") from None

    def _level(self, amp, settings):
        """The level of each row of the data."""
        rows = amp.data.shape[0]
        if amp.overscan is None or settings["method"] == "none":
            return Level.none(rows, amp.pedestal)
        if amp.overscan.y0 > amp.data.y0 or amp.overscan.y1 < amp.data.y1:
            raise CcdlibError(
                f"{self.name}: overscan {amp.overscan.fits()} does not cover the rows of the "
                f"data {amp.data.fits()}"
            )
        edges = (amp.data.y0, amp.data.y1), (amp.overscan.x0, amp.overscan.x1)
        return self._strip_level(self._cut(amp, *edges), settings)

    def _column_level(self, amp, settings):
        """The level of each column of the data above that of the rows, None without one.

        The serial overscan of the parallel overscan is subtracted first, where it reaches that
        far; else the parallel overscan holds the whole level.
        """
        strip, serial = amp.parallel, amp.overscan
        if strip is None or settings["method"] == "none":
            return None
        if strip.x0 > amp.data.x0 or strip.x1 < amp.data.x1:
            raise CcdlibError(
                f"{self.name}: parallel overscan {strip.fits()} does not cover the columns of "
                f"the data {amp.data.fits()}"
            )
        rows = strip.y0, strip.y1
        values = self._cut(amp, rows, (amp.data.x0, amp.data.x1)).astype(np.float64)
        if serial is not None:
            if serial.y0 > strip.y0 or serial.y1 < strip.y1:
                raise CcdlibError(
                    f"{self.name}: overscan {serial.fits()} does not cover the rows of the "
                    f"parallel overscan {strip.fits()}"
                )
            level = self._strip_level(self._cut(amp, rows, (serial.x0, serial.x1)), settings)
            values = values - level.values[:, None]
        return self._strip_level(values.T, settings)

    def values(self, number: int, first: int, last: int) -> np.ndarray:
        """Raw rows of an amplifier's data in the order of the file, a new array of float32."""
        amp = self.amplifiers[number]
        rows = amp.data.y0 + first, amp.data.y0 + last
        return self._cut(amp, rows, (amp.data.x0, amp.data.x1))

    def level_variance(self, number: int, first: int, last: int) -> np.ndarray:
        """Variance of an amplifier's level in some of its rows, (rows, 1) or of each pixel."""
        spread = (
            self.levels[number].variance[first:last, None]
            + self.unseen[number] * self.unseen[number]
        )
        if self.columns[number] is not None:
            spread = spread + self.columns[number].variance[None, :]
        return spread

    def read(self, first: int = 0, last: int | None = None) -> Image:
        """Rows `first` to `last` of the trimmed image; see `readout.above_overscan`."""
        return above_overscan(self, first, self.shape[0] if last is None else last)

    def _integers(self, first, last):
        """Rows as integers, None where more is to do than to subtract the level of each row."""
        amp = self.amplifiers[0]
        several = len(self.amplifiers) > 1 or self.columns[0] is not None
        if several or any(amp.flips) or any(amp.crosstalk) or amp.linearity or amp.bad:
            return None
        rows = slice(amp.data.y0 + first, amp.data.y0 + last)
        return self._pixels[amp.hdu].integers(rows, slice(amp.data.x0, amp.data.x1))

    def band(self, first: int, last: int) -> Band:
        """Rows `first` to `last` for a master.

        They are integers as stored where only the level of each row is to be subtracted, which
        the engine does on the way in; else `read` has done all that.
        """
        values = self._integers(first, last)
        if values is None:
            image = self.read(first, last)
            return Band(image.data, np.zeros(last - first, np.float32), image.dq, image.variance)
        level = self.levels[0].values[first:last].astype(np.float32)
        variance = self.level_variance(0, first, last).astype(np.float32)
        return Band(values, level, _integer_flags(values, self.amplifiers[0]), variance)

    @property
    def has_level(self) -> bool:
        """Whether the overscan of every amplifier is subtracted."""
        return all(
            level.measured or columns is not None
            for level, columns in zip(self.levels, self.columns, strict=True)
        )

    def use_bias(self, header: Header) -> None:
        """Learn from a master bias's header what its frames told of level and overscan.

        Parameters
        ----------
        header : Header
            BLEVi_j: scatter of the frames' levels that their overscan does not explain, whose
            square enters the variance with the overscan. BOSCi_j: noise of an overscan pixel.
            BRONi_j: read noise where it contradicts the declared one.
        """
        self.bias_noise = self._cards(header, "BOSC")
        self.unseen = [each or 0.0 for each in self._cards(header, "BLEV")]
        self.bias_read_noise = self._cards(header, "BRON")

    def use_flat(self, header: Header) -> None:
        """Learn from a master flat's header the gain, where its frames contradict the declared one.

        Parameters
        ----------
        header : Header
            FGAIi_j, electrons per adu.
        """
        self.flat_gain = self._cards(header, "FGAI")

    def _cards(self, header, keyword):
        """The value of a card for each amplifier, None without it."""
        hdu = hdu_in(header, self.hdu)
        return [
            header.get(f"{keyword}{hdu}_{number}") for number in range(1, len(self.amplifiers) + 1)
        ]

    def common_variance(self) -> np.ndarray | np.float32:
        """The part of the variance that all pixels of an amplifier share, adu^2."""
        return amplifier_map(self.amplifiers, [sigma * sigma for sigma in self.unseen])

    @property
    def to_match(self) -> bool:
        """Whether the relative gains of its amplifiers are to be taken from its own sky."""
        return len(self.amplifiers) > 1 and all(amp.match for amp in self.amplifiers)


def _integer_flags(values, amp):
    """`raw_flags` of integers, None where there are none."""
    limits = [limit for limit in (amp.saturation, amp.linear_limit) if limit is not None]
    if not limits or int(values.max()) < min(limits):
        return None
    return raw_flags(values, amp, 0)


@contextmanager
def open_raw(
    path: str, amplifiers: list[Amplifier], name: str, overscan: dict, spill: bool = False
) -> Iterator[tuple[Header, list[RawImage]]]:
    """Open a raw file.

    Parameters
    ----------
    path : str
    amplifiers : list of Amplifier
        The amplifiers of all its images, as the index resolved them.
    name : str
        For messages.
    overscan : dict
        The config's section.
    spill : bool
        Whether compressed tiles are unpacked to disk, for a master of many files.

    Yields
    ------
    header : Header
        The primary HDU's.
    images : list of RawImage
    """
    with open_unpacked(path) as file, ExitStack() as opened:
        with warnings.catch_warnings():
            # what astropy warns of, the index has refused, or it is harmless
            warnings.simplefilter("ignore")
            primary, images = _opened(file, amplifiers, name, overscan, opened if spill else None)
        yield primary, images


def _opened(file, amplifiers, name, overscan, spilled):
    """The primary header and the images of an open file."""
    from astropy.io import fits

    keys = [amp.hdu if amp.image is None else -1 - amp.image for amp in amplifiers]
    hdus = fits.open(file, memmap=False)
    images = []
    for members in groups(keys).values():
        own = [amplifiers[number] for number in members]
        numbers = list(dict.fromkeys(amp.hdu for amp in own))
        pixels: dict[int, Any] = {
            number: pixels_of(hdus[number], file, name, spilled) for number in numbers
        }
        # of tiles the index does not know it, since damaged ones can crash their library
        tiles = [hdus[n] for n in numbers if isinstance(hdus[n], fits.CompImageHDU)]
        refuse_fractions([hdu.data for hdu in tiles if hdu.header["BITPIX"] < 0], name)
        integers = [hdu.data for hdu in tiles if hdu.header["BITPIX"] == 32]
        refuse_bits_of_floats(integers, name)
        header = image_header([hdus[number].header for number in numbers])
        if len(set(keys)) == len(numbers) == 1:
            header = inherited(header, hdus[0].header)
        if own[0].turned:
            header = turned_header(header, next(iter(pixels.values())).shape)
            pixels = {number: UpsideDown(each) for number, each in pixels.items()}
        images.append(RawImage(pixels, header, own, name, overscan))
    primary = hdus[0].header
    if amplifiers[0].turned:
        shape = (primary["NAXIS2"], primary["NAXIS1"]) if primary["NAXIS"] >= 2 else None
        primary = turned_header(primary, shape)
    # what astropy has read of the file ends here: a master may be of a thousand frames
    return primary, images
