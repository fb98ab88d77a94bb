"""The raw frames of one image of a master, on their way in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from .. import dq
from ..errors import CcdlibError
from ..frame.detector_noise import (
    gain_map,
    has_gain,
    known_floor,
    lend_declared,
    light_gain,
    needs_scatter,
    noise_of,
    read_variance,
)
from ..frame.image import Image, Map, amplifier_map
from ..frame.noise import MARGIN, clipped_variance
from ..frame.own_scatter import (
    boxes_of_one,
    boxes_of_pair,
    joined_boxes,
    noise_line,
    strips,
    whole_pair,
)
from ..frame.rows import at
from ..frame.subtraction import dark_charge, dark_pedestal, dark_variance, subtracted
from ..limits import resident_bytes
from ..statistics.robust import median

if TYPE_CHECKING:
    from astropy.io.fits import Header

    from ..frame.raw_image import Band, RawImage

__all__ = ["MasterFrames"]

# bytes for each output pixel, and for each pixel of a band to get the expected signal
_PIXEL_BYTES, _SIGNAL_BYTES = 56, 64
# bytes for each pixel of a band in each frame: as stored with flags, or as `RawImage.read` makes it
_STORED_BYTES, _READ_BYTES = 6, 20
# of an image that is made at a time, and rows beside which the margin of a band is small
_BAND_PIXELS, _LEAST_ROWS = 1 << 20, 64
# so many frames give the scatter where gain or read noise is not known
_PAIRED = 5
# MB that each thread of the engine holds
_ENGINE_MB = 10


class MasterFrames:
    """The frames of one image of a master, calibrated as their rows are read.

    Parameters
    ----------
    kind : {'bias', 'dark', 'flat'}
    raws : list of RawImage
        The same image of each raw frame.
    bias : Image or None
    darks : list of Image
        None, one for all frames, or several.
    dark_headers : list of Header
        Primary headers of the darks.
    own_dark : list of int
        Which of the darks is that of each frame; empty without darks.
    scales : list of float
        What its dark is multiplied by for each frame.
    shared_bias : bool
        Whether the darks were made with this very bias.
    measured : list of dict or None
        Amplifiers of a detector file.

    Attributes
    ----------
    shape : tuple of int
        (ny, nx).
    gain : float or ndarray
        Electrons per adu; 1 where it is not known.
    light : float or ndarray
        The gain that the noise of light goes by.
    read_variance : float or ndarray
        Variance of a pixel without signal, adu^2, the mean of all frames.
    pedestals : list of float
        The part of the values that is no light, adu, of each amplifier; infinite for a bias.
    pedestal : float or ndarray
        The same over the image.
    charges : list of ndarray
        What each dark takes from a frame at scale 1, adu.
    """

    def __init__(
        self,
        kind: str,
        raws: list[RawImage],
        *,
        bias: Image | None,
        darks: list[Image],
        dark_headers: list[Header],
        own_dark: list[int],
        scales: list[float],
        shared_bias: bool,
        measured: list[dict] | None,
    ) -> None:
        self.kind, self.raws, self.bias, self.darks = kind, raws, bias, darks
        self._own_dark = own_dark
        self.scales, self.shared_bias = scales, shared_bias
        self.shape, self.measured = raws[0].shape, measured
        for raw in raws[1:]:
            if raw.shape != self.shape:
                raise CcdlibError(
                    f"{raw.name} has {raw.shape} pixels, {raws[0].name} has {self.shape}"
                )
        lend_declared(raws)
        if needs_scatter(raws[0], measured):
            own = self._own_scatter()
            for raw in raws:
                raw.scatter = own
        self.gain, self.light = gain_map(raws[0], measured), light_gain(raws[0], measured)
        # pickup can make one frame noisier than another
        self.read_variance = sum(read_variance(raw, measured) for raw in raws) / len(raws)
        self.pedestals = self._pedestals()
        self.pedestal = amplifier_map(raws[0].amplifiers, self.pedestals)
        self.charges = [
            dark_charge(dark, 1.0, dark_pedestal(raws[0], header))
            for dark, header in zip(darks, dark_headers, strict=True)
        ]

    @property
    def _lit(self):
        """Whether the values are light or dark current, and no pedestal."""
        gone = self.bias is not None or bool(self.darks) or self.raws[0].has_level
        return self.kind != "bias" and gone

    def _own_scatter(self):
        """The noise of each amplifier from pairs of the frames, or from the one there is."""
        known = noise_of(self.raws[0], self.measured)
        frames = [self._strips_of(number) for number in range(len(self.raws))[:_PAIRED]]
        found = []
        for number, each in enumerate(known):
            own = [strips_of[number] for strips_of in frames]
            pair = boxes_of_pair if self.kind == "flat" else whole_pair
            boxes = [pair(*two) for two in self.pairs(own)] or [boxes_of_one(own[0])]
            found.append(noise_line(joined_boxes(boxes, self._lit), each.gain, known_floor(each)))
        return found

    def _strips_of(self, number):
        """Some rows of a frame, an array for each amplifier; NaN where flagged."""
        found: list[list[np.ndarray]] = [[] for _ in self.raws[0].amplifiers]
        for rows in strips(self.shape):
            values = self._unflagged(number, rows)
            for parts, amp in zip(found, self.raws[0].amplifiers, strict=True):
                inside = slice(max(amp.place.y0 - rows.start, 0), max(amp.place.y1 - rows.start, 0))
                parts.append(values[inside, amp.place.x0 : amp.place.x1])
        return [np.concatenate(parts) for parts in found]

    def _unflagged(self, number, rows):
        """Rows of a frame as `values`, NaN where flagged."""
        values, flags = self.values(number, rows.start, rows.stop)
        return np.where(flags == 0, values, np.float32(np.nan))

    def _pedestals(self):
        """The part of the values that is no light: all of a bias, the level that a dark holds."""
        amps = self.raws[0].amplifiers
        if self.kind == "bias":
            return [np.inf] * len(amps)
        if self._lit:
            return [0.0] * len(amps)
        return [self._dark_level(amp.place.slices) for amp in amps]

    def _dark_level(self, place):
        """Level of a dark less its current, which the noise of a pair of darks gives away."""
        pair = [self.values(number)[0][place] for number in range(min(len(self.raws), 2))]
        if len(pair) == 1:
            return float(median(pair[0]))
        if not has_gain(self.raws[0], self.measured):
            return float(median(pair[0]))
        gain, floor = (at(each, place) for each in (self.gain, self.read_variance))
        current = gain * (clipped_variance(pair[0] - pair[1]) / 2 - floor)
        return float(median(pair[0]) - max(np.mean(current), 0))

    def band_height(self, memory_mb: float, threads: int) -> int:
        """How many rows of all frames are combined at a time; at least one.

        Few enough for the processor's cache, where the memory does not ask for fewer.
        """
        ny, nx = self.shape
        stored = self.raws[0].band(0, 1).values.itemsize == 2 and len(self.darks) < 2
        frame_bytes = _STORED_BYTES if stored else _READ_BYTES
        fixed = ny * nx * _PIXEL_BYTES + threads * _ENGINE_MB * 10**6
        left = memory_mb * 10**6 - resident_bytes() - fixed
        height = int(left // (nx * (len(self.raws) * frame_bytes + _SIGNAL_BYTES))) - 2 * MARGIN
        return min(max(height, 1), max(_BAND_PIXELS // nx, _LEAST_ROWS), ny)

    def pairs(self, values: list[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Successive frames with the same dark, of which nothing but noise is in the difference.

        Parameters
        ----------
        values : list of ndarray
            Of each frame, or of the first ones.
        """
        own = self._own_dark or [0] * len(self.raws)
        groups: dict[int, list[np.ndarray]] = {}
        for number, each in enumerate(values):
            groups.setdefault(own[number], []).append(each)
        return [pair for group in groups.values() for pair in pairwise(group)]

    def load(self, rows: slice, threads: int) -> list[Band]:
        """Some rows of each frame, as stored; with several darks as they are combined."""
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(lambda number: self._band(number, rows), range(len(self.raws))))

    def _band(self, number, rows):
        band = self.raws[number].band(rows.start, rows.stop)
        if len(self.darks) < 2:
            return band
        # the engine knows of one dark for all
        values = self._subtracted(number, band, rows)
        return band._replace(values=values, level=np.zeros_like(band.level))

    def _subtracted(self, number, band, rows):
        dark = self.darks[self._own_dark[number]].data[rows] if self.darks else None
        return subtracted(
            band.values.astype(np.float32),
            level=band.level[:, None],
            bias=None if self.bias is None else self.bias.data[rows],
            dark=dark,
            scale=self.scales[number],
        )

    def calibration(self, rows: slice) -> dict:
        """Bias and dark for `combine_values`, which subtracts them from the rows of each frame."""
        if len(self.darks) > 1:
            return {"bias": None, "dark": None}
        return {
            "bias": None if self.bias is None else self.bias.data[rows],
            "dark": (self.darks[0].data[rows], self.scales) if self.darks else None,
        }

    def missing(self, rows: slice) -> np.ndarray:
        """NO_CALIBRATION, uint16, at pixels for which the bias or the dark has no value."""
        return self._missing[rows]

    @cached_property
    def _missing(self):
        flags = np.zeros(self.shape, np.uint16)
        for master in (self.bias, *self.darks):
            if master is not None:
                flags[(master.dq & dq.NO_DATA) != 0] = dq.NO_CALIBRATION
        # of all frames
        flags.setflags(write=False)
        return flags

    def values(
        self, number: int, first: int = 0, last: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Rows of a frame, overscan, bias and dark subtracted, and their flags.

        Returns
        -------
        values : ndarray of float32
            adu.
        flags : ndarray of uint16
        """
        rows = slice(first, self.shape[0] if last is None else last)
        band = self.raws[number].band(rows.start, rows.stop)
        values = self._subtracted(number, band, rows)
        missing = self.missing(rows)
        return values, missing if band.flags is None else missing | band.flags

    def level_variance(self, number: int, first: int, last: int) -> np.ndarray:
        """Variance of a frame's level in some rows, less what is the same in all its pixels."""
        raw = self.raws[number]
        return raw.band(first, last).variance - at(raw.common_variance(), slice(first, last))

    def dark_charge(self, number: int, rows: slice) -> Map:
        """What the dark took from a frame, adu; its photon noise stays in the frame."""
        if not self.darks:
            return 0.0
        return self.charges[self._own_dark[number]][rows] * np.float32(self.scales[number])

    def shared_variance(self, levels: list[float], rows: slice) -> Map:
        """Variance that all frames have in common, through their bias and dark.

        Parameters
        ----------
        levels : list of float
            What each frame is divided by.
        rows : slice
        """
        inverse = np.mean(1 / np.asarray(levels))
        bias = self.bias.variance[rows] if self.bias is not None else np.float32(0)
        if not self.darks:
            return bias * (inverse * inverse)
        weights = np.asarray(self.scales) / np.asarray(levels)
        if len(self.darks) == 1:
            scale, dark = np.mean(weights) / inverse, self.darks[0].variance[rows]
            return dark_variance(bias, dark, scale, self.shared_bias) * (inverse * inverse)
        # the share of each dark in the mean of the frames
        shares = [
            np.sum(weights[np.asarray(self._own_dark) == number]) / len(levels)
            for number in range(len(self.darks))
        ]
        own = bias * np.square(inverse - sum(shares) if self.shared_bias else inverse)
        for share, each in zip(shares, self.darks, strict=True):
            variance = each.variance[rows]
            if self.shared_bias:
                variance = np.maximum(variance - bias, 0)
            own = own + share * share * variance
        return own
