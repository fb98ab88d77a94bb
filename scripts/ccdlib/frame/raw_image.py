"""Raw files, read image by image and row by row."""

import math
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from .. import dq
from ..camera.assembly import groups, image_header
from ..camera.sections import parse_section
from ..errors import CcdlibError
from ..raw.stored_pixels import open_unpacked, pixels_of
from .image import Image, amplifier_map
from .linearity import corrected
from .noise import DIGITISATION, excess_variance
from .overscan import Level, overscan_level

__all__ = ["Band", "RawImage", "open_raw"]


class Band(NamedTuple):
    """Rows of a raw image on their way into a stack.

    Attributes
    ----------
    values : ndarray of uint16, int16 or float32
    zero : ndarray of float32, shape (rows,)
        What is still to be subtracted from the values.
    flags : ndarray of uint16 or None
        None: nothing is flagged.
    variance : ndarray of float32, of the shape of the values or (rows, 1)
        Of the overscan level.
    """

    values: np.ndarray
    zero: np.ndarray
    flags: np.ndarray | None
    variance: np.ndarray


class RawImage:
    """One image of a raw file, or one assembled from several.

    The overscan is measured at once, pixels are read by rows.

    Parameters
    ----------
    pixels : ArrayPixels or FilePixels, or {HDU number: one of them}
    amplifiers : list of Amplifier
        Those of this image.
    name : str
        For messages.
    overscan : dict
        The config's section: method, degree, clip.
    """

    def __init__(self, pixels, header, amplifiers, name, overscan):
        self.header, self.amplifiers, self.name = header, amplifiers, name
        self.hdu = amplifiers[0].hdu
        self._pixels = pixels if isinstance(pixels, dict) else {self.hdu: pixels}
        self.shape = (
            max(amp.place.y1 for amp in amplifiers),
            max(amp.place.x1 for amp in amplifiers),
        )
        self.levels = [self._level(amp, overscan) for amp in amplifiers]
        self.columns = [self._column_level(amp, overscan) for amp in amplifiers]
        # what `use_bias` learns; of the level, adu
        self._usual, self.unseen = [None] * len(amplifiers), [0.0] * len(amplifiers)
        # what the recipe multiplied each amplifier by, for the header
        self.factors = None

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
            return Level.none(rows)
        if amp.overscan.y0 > amp.data.y0 or amp.overscan.y1 < amp.data.y1:
            raise CcdlibError(
                f"{self.name}: overscan {amp.overscan.fits()} does not cover the rows of the "
                f"data {amp.data.fits()}"
            )
        edges = (amp.data.y0, amp.data.y1), (amp.overscan.x0, amp.overscan.x1)
        return self._strip_level(self._cut(amp, *edges), settings)

    def _column_level(self, amp, settings):
        """The level of each column of the data above that of the rows, None without one.

        The parallel overscan has its own serial overscan taken off first, where the serial
        one reaches that far; else it holds the whole level.
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

    def _values(self, number, low, high):
        """Raw rows of an amplifier's data, float32 and not shared with anyone."""
        data = self.amplifiers[number].data
        return self._cut(
            self.amplifiers[number], (data.y0 + low, data.y0 + high), (data.x0, data.x1)
        )

    def _take_level(self, values, number, low, high):
        """Subtract the overscan from these rows in place."""
        values -= self.levels[number].values[low:high, None].astype(np.float32)
        if self.columns[number] is not None:
            values -= self.columns[number].values[None, :].astype(np.float32)

    def _take_crosstalk(self, values, number, low, high):
        """Subtract from these rows, in place, what other amplifiers leaked into them.

        Pixels leak into one another when they are read at the same moment: at the same
        distance from the corner that each amplifier is read from.
        """
        amp = self.amplifiers[number]
        for other, fraction in enumerate(amp.crosstalk):
            if fraction == 0:
                continue
            source = self.amplifiers[other]
            if source.data.shape != amp.data.shape:
                raise CcdlibError(
                    f"{self.name}: crosstalk between amplifiers of {amp.data.fits()} and "
                    f"{source.data.fits()}, which differ in size"
                )
            turned = [
                first != second
                for first, second in zip(amp.corner.split(), source.corner.split(), strict=True)
            ]
            height = amp.data.shape[0]
            rows = (height - high, height - low) if turned[0] else (low, high)
            leaking = self._values(other, *rows)
            self._take_level(leaking, other, *rows)
            leaking[~np.isfinite(leaking)] = 0
            values -= np.float32(fraction) * leaking[_turn(turned)]

    def read(self, first=0, last=None):
        """Rows `first` to `last` of the trimmed image, overscan and crosstalk subtracted.

        Returns
        -------
        Image
            In adu; its variance is that of the overscan level alone, and of what the overscan
            does not see of the level (`use_bias`). DQ is set on the raw values, before any
            arithmetic; where no amplifier is, it is NO_DATA.
        """
        last = self.shape[0] if last is None else last
        shape = (last - first, self.shape[1])
        data = np.zeros(shape, np.float32)
        variance = np.zeros(shape, np.float32)
        # until an amplifier says otherwise: a mosaic may leave corners that none covers
        flags = np.full(shape, dq.NO_DATA, np.uint16)
        for number, amp in enumerate(self.amplifiers):
            place = amp.place
            top, bottom = max(first, place.y0), min(last, place.y1)
            if top >= bottom:
                continue
            low, high = top - place.y0, bottom - place.y0
            if amp.flips[0]:
                low, high = amp.data.shape[0] - high, amp.data.shape[0] - low
            target = slice(top - first, bottom - first), slice(place.x0, place.x1)
            view = _turn(amp.flips)
            values = self._values(number, low, high)
            flags[target] = _raw_flags(values, amp, low)[view]
            self._take_level(values, number, low, high)
            self._take_crosstalk(values, number, low, high)
            if amp.linearity:
                values = corrected(values, amp.linearity)
            data[target] = values[view]
            spread = self._level_variance(number, low, high)
            variance[target] = np.broadcast_to(spread, values.shape)[view]
        # nothing can be computed with what is not finite, and its bit says why it is zero
        data[flags & dq.NO_DATA != 0] = 0
        return Image(data, variance, flags, "adu")

    def _level_variance(self, number, low, high):
        """Variance of what `_take_level` subtracts, of the rows or of each pixel."""
        spread = self.levels[number].variance[low:high, None] + self.unseen[number] ** 2
        if self.columns[number] is not None:
            spread = spread + self.columns[number].variance[None, :]
        return spread

    def _integers(self, first, last):
        """Rows as integers, None where more is to do than to take the level of their row off."""
        amp = self.amplifiers[0]
        several = len(self.amplifiers) > 1 or self.columns[0] is not None
        if several or any(amp.flips) or any(amp.crosstalk) or amp.linearity or amp.bad:
            return None
        rows = slice(amp.data.y0 + first, amp.data.y0 + last)
        return self._pixels[amp.hdu].integers(rows, slice(amp.data.x0, amp.data.x1))

    def band(self, first, last):
        """Rows `first` to `last` for a stack, in which the arithmetic of `read` is still to do.

        Returns
        -------
        Band
        """
        values = self._integers(first, last)
        if values is None:
            image = self.read(first, last)
            zero = np.zeros(last - first, np.float32)
            return Band(image.data, zero, image.dq, image.variance)
        level = self.levels[0].values[first:last].astype(np.float32)
        variance = self._level_variance(0, first, last).astype(np.float32)
        return Band(values, level, _integer_flags(values, self.amplifiers[0]), variance)

    @property
    def has_level(self):
        """Whether the overscan of every amplifier is subtracted."""
        return all(
            level.measured or columns is not None
            for level, columns in zip(self.levels, self.columns, strict=True)
        )

    def use_bias(self, header):
        """Learn from a master bias's header what its frames told of level and overscan.

        Parameters
        ----------
        header : Header
            BLEVi_j: scatter of the frames' levels that their overscan does not explain, whose
            square `read` adds to the variance. BOSCi_j: usual noise of an overscan pixel.
        """
        keys = [f"{self.hdu}_{number}" for number in range(1, len(self.amplifiers) + 1)]
        self._usual = [header.get(f"BOSC{key}") for key in keys]
        self.unseen = [header.get(f"BLEV{key}", 0.0) for key in keys]

    def common_variance(self):
        """What of the variance is the scatter of the whole frame's level, adu^2."""
        return amplifier_map(self.amplifiers, [sigma**2 for sigma in self.unseen])

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
        missing = [key for key in keys if key not in header]
        if missing:
            raise CcdlibError(
                f"{self.name}: its master dark holds its pedestal (PEDREMOV=F), and its header has "
                f"no {missing[0]}, which says how much of it is no dark current"
            )
        return amplifier_map(self.amplifiers, [header[key] for key in keys])

    @property
    def to_match(self):
        """Whether the relative gains of its amplifiers are to be taken from its own sky."""
        return len(self.amplifiers) > 1 and all(amp.match for amp in self.amplifiers)

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
        values, seen = [], []
        for amp in self.amplifiers:
            value = getattr(amp, fact)
            if value is None and measured is not None:
                own = [each for each in measured if each["hdu"] == amp.hdu]
                value = own[seen.count(amp.hdu)][fact]
            seen.append(amp.hdu)
            if value is None:
                raise CcdlibError(f"{self.name}: {fact} is neither given nor measured")
            values.append(value)
        return values

    def usual_variances(self, measured=None):
        """(read_noise / gain)^2 + 1/12 in adu^2, one number an amplifier."""
        noises, gains = (self.detector_values(f, measured) for f in ("read_noise", "gain"))
        return [(n / g) ** 2 + DIGITISATION for n, g in zip(noises, gains, strict=True)]

    def excesses(self, measured=None):
        """By how much, adu^2, this frame's overscan is noisier than in the night's biases.

        Without biases, or where these were noisier than gain and read noise say: than that.
        """
        found = []
        usual = self.usual_variances(measured)
        for level, floor, quiet in zip(self.levels, usual, self._usual, strict=True):
            expected = floor if quiet is None else min(quiet**2, floor)
            found.append(excess_variance(level.pixel_variance, level.pixels, expected))
        return found

    def read_variance(self, measured=None):
        """Variance of a pixel without signal over the trimmed image, adu^2.

        Read noise, digitisation and the excess of this frame.
        """
        pairs = zip(self.usual_variances(measured), self.excesses(measured), strict=True)
        return amplifier_map(self.amplifiers, [usual + excess for usual, excess in pairs])


def _turn(flips):
    """Slices that turn rows, columns of an array round."""
    return tuple(slice(None, None, -1 if flip else 1) for flip in flips)


def _raw_flags(values, amp, first):
    """Flags of an amplifier's raw rows from its row `first` on."""
    flags = np.zeros(values.shape, np.uint16)
    for text in amp.bad:
        listed = parse_section(text, (math.inf, math.inf))
        rows, columns = (
            slice(max(low, 0), max(high, 0))
            for low, high in (
                (listed.y0 - amp.data.y0 - first, listed.y1 - amp.data.y0 - first),
                (listed.x0 - amp.data.x0, listed.x1 - amp.data.x0),
            )
        )
        flags[rows, columns] |= dq.BAD
    if amp.saturation is not None:
        flags[values >= amp.saturation] |= dq.SATURATED
    if amp.linear_limit is not None:
        flags[values > amp.linear_limit] |= dq.NONLINEAR
    flags[~np.isfinite(values)] |= dq.NO_DATA
    return flags


def _integer_flags(values, amp):
    """`_raw_flags` of integers, None where there are none."""
    limits = [limit for limit in (amp.saturation, amp.linear_limit) if limit is not None]
    if not limits or int(values.max()) < min(limits):
        return None
    return _raw_flags(values, amp, 0)


@contextmanager
def open_raw(path, amplifiers, name, overscan, spill=False):
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
    spill : bool
        Whether compressed tiles are unpacked to disk, for a stack of many files.

    Yields
    ------
    header : Header
        Of the primary HDU.
    images : list of RawImage
    """
    from astropy.io import fits

    keys = [amp.hdu if amp.image is None else -1 - amp.image for amp in amplifiers]
    with open_unpacked(path) as file:
        hdus = fits.open(file, memmap=False)
        images = []
        for members in groups(keys).values():
            own = [amplifiers[number] for number in members]
            numbers = list(dict.fromkeys(amp.hdu for amp in own))
            pixels = {number: pixels_of(hdus[number], file, name, spill) for number in numbers}
            header = image_header([hdus[number].header for number in numbers])
            images.append(RawImage(pixels, header, own, name, overscan))
        primary = hdus[0].header
        # a stack of a thousand must not hold what astropy has read of each
        del hdus
        yield primary, images
