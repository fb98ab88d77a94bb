"""The first steps, amplifier by amplifier: flags, overscan, crosstalk, linearity, then the trim.

They work on rows as an amplifier reads them out; `trimmed` turns them and puts them in their place
in the image. `above_overscan` is all of them in order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from .. import dq
from ..camera.sections import parse_section
from ..errors import CcdlibError
from .image import Image
from .linearity import corrected
from .subtraction import subtracted

if TYPE_CHECKING:
    from ..camera.amplifiers import Amplifier
    from .raw_image import RawImage

__all__ = [
    "ReadoutRows",
    "above_overscan",
    "correct_linearity",
    "flag_raw_values",
    "raw_flags",
    "read_rows",
    "subtract_crosstalk",
    "subtract_overscan",
    "trimmed",
]


@dataclass(frozen=True)
class ReadoutRows:
    """Rows of one amplifier's data in the order of the raw file; steps return new ones.

    Attributes
    ----------
    raw : RawImage
        The image that they belong to.
    number : int
        Which of its amplifiers it is.
    first, last : int
        Which rows of the amplifier's data they are.
    values : ndarray of float32, shape (last - first, columns)
        adu.
    flags : ndarray of uint16
        Bits of `ccdlib.dq`; none before `flag_raw_values`.
    variance : ndarray or float
        Variance of what was subtracted, adu^2; of the rows, (rows, 1), or of each pixel.
    """

    raw: RawImage
    number: int
    first: int
    last: int
    values: np.ndarray
    flags: np.ndarray
    variance: np.ndarray | float = 0.0

    @property
    def amplifier(self) -> Amplifier:
        return self.raw.amplifiers[self.number]


def above_overscan(raw: RawImage, first: int, last: int) -> Image:
    """Rows `first` to `last` of the trimmed image, with the steps of this module done.

    `ccdlib.frame.calibrate` spells out the same steps for frames; a test holds the two to the
    same bits.

    Returns
    -------
    Image
        In adu; see `trimmed`.
    """
    parts = read_rows(raw, first, last)
    parts = flag_raw_values(parts)
    parts = subtract_overscan(parts)
    parts = subtract_crosstalk(parts)
    parts = correct_linearity(parts)
    return trimmed(parts, raw.shape[1], first, last)


def read_rows(raw: RawImage, first: int, last: int) -> list[ReadoutRows]:
    """The rows of each amplifier that make up rows `first` to `last` of the trimmed image."""
    parts = []
    for number, amp in enumerate(raw.amplifiers):
        low, high = max(first, amp.place.y0) - amp.place.y0, min(last, amp.place.y1) - amp.place.y0
        if low >= high:
            continue
        if amp.flips[0]:
            low, high = amp.data.shape[0] - high, amp.data.shape[0] - low
        values = raw.values(number, low, high)
        unflagged = np.zeros(values.shape, np.uint16)
        parts.append(ReadoutRows(raw, number, low, high, values, unflagged))
    return parts


def flag_raw_values(parts: list[ReadoutRows]) -> list[ReadoutRows]:
    """Flag what the camera file calls bad, and what is saturated, non-linear or not finite."""
    return [
        replace(part, flags=raw_flags(part.values, part.amplifier, part.first)) for part in parts
    ]


def raw_flags(values: np.ndarray, amp: Amplifier, first: int) -> np.ndarray:
    """Flags of an amplifier's raw values, uint16.

    Parameters
    ----------
    values : ndarray, shape (rows, columns)
        adu as stored.
    amp : Amplifier
    first : int
        Which row of the amplifier's data the first one is.
    """
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


def subtract_overscan(parts: list[ReadoutRows]) -> list[ReadoutRows]:
    """Subtract the level of each row, and of each column where there is a parallel overscan.

    The variance becomes that of the level: of its own error, and of its scatter that the overscan
    does not see (`RawImage.use_bias`).
    """
    return [
        replace(
            part,
            values=_above_level(part.raw, part.number, part.first, part.last, part.values),
            variance=part.raw.level_variance(part.number, part.first, part.last),
        )
        for part in parts
    ]


def _above_level(
    raw: RawImage, number: int, first: int, last: int, values: np.ndarray
) -> np.ndarray:
    values = subtracted(values, level=raw.levels[number].values[first:last, None])
    if raw.columns[number] is None:
        return values
    return subtracted(values, level=raw.columns[number].values[None, :])


def subtract_crosstalk(parts: list[ReadoutRows]) -> list[ReadoutRows]:
    """Subtract what other amplifiers leaked.

    Pixels leak into one another when they are read at the same moment: at the same distance from
    the corner that each amplifier is read from.
    """
    return [
        replace(part, values=_without_crosstalk(part)) if any(part.amplifier.crosstalk) else part
        for part in parts
    ]


def _without_crosstalk(part: ReadoutRows) -> np.ndarray:
    raw, amp, values = part.raw, part.amplifier, part.values
    height = amp.data.shape[0]
    for other, fraction in enumerate(amp.crosstalk):
        if fraction == 0:
            continue
        source = raw.amplifiers[other]
        if source.data.shape != amp.data.shape:
            raise CcdlibError(
                f"{raw.name}: crosstalk between amplifiers of {amp.data.fits()} and "
                f"{source.data.fits()}, which differ in size"
            )
        flips = [
            mine != its for mine, its in zip(amp.corner.split(), source.corner.split(), strict=True)
        ]
        low, high = part.first, part.last
        if flips[0]:
            low, high = height - part.last, height - part.first
        leaking = _above_level(raw, other, low, high, raw.values(other, low, high))
        leaking[~np.isfinite(leaking)] = 0
        values = values - np.float32(fraction) * leaking[_flipped(flips)]
    return values


def correct_linearity(parts: list[ReadoutRows]) -> list[ReadoutRows]:
    """Bring values to those of a linear detector, where the camera file says how."""
    return [
        replace(part, values=corrected(part.values, part.amplifier.linearity))
        if part.amplifier.linearity
        else part
        for part in parts
    ]


def trimmed(parts: list[ReadoutRows], columns: int, first: int, last: int) -> Image:
    """Put the amplifiers' rows into rows `first` to `last` of the trimmed image.

    Parameters
    ----------
    parts : list of ReadoutRows
    columns : int
        Number of columns of the trimmed image.
    first, last : int

    Returns
    -------
    Image
        In adu. Pixels that no amplifier covers, and values that are not finite, are 0 and
        NO_DATA.
    """
    shape = (last - first, columns)
    data = np.zeros(shape, np.float32)
    variance = np.zeros(shape, np.float32)
    # a mosaic may have corners that no amplifier covers
    flags = np.full(shape, dq.NO_DATA, np.uint16)
    for part in parts:
        place, view = part.amplifier.place, _flipped(part.amplifier.flips)
        top, bottom = max(first, place.y0) - first, min(last, place.y1) - first
        target = slice(top, bottom), slice(place.x0, place.x1)
        data[target] = part.values[view]
        flags[target] = part.flags[view]
        variance[target] = np.broadcast_to(part.variance, part.values.shape)[view]
    data[flags & dq.NO_DATA != 0] = 0
    return Image(data, variance, flags, "adu")


def _flipped(flips) -> tuple[slice, slice]:
    """Slices that reverse the rows, the columns of an array, or neither."""
    rows, columns = (slice(None, None, -1 if flip else 1) for flip in flips)
    return rows, columns
