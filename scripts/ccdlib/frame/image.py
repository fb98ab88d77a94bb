"""An image in memory with its noise and its flags."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ..camera.amplifiers import Amplifier

__all__ = ["Image", "Map", "Pieces", "amplifier_map", "empty_image"]

# one number that stands for all pixels, or one for each of them
Map = np.ndarray | np.floating | float


@dataclass(frozen=True)
class Image:
    """One image with its noise and its flags; steps return new ones.

    Attributes
    ----------
    data : ndarray of float32, shape (ny, nx)
    variance : ndarray of float32
        Square of one standard deviation, in the unit of `data` squared.
    dq : ndarray of uint16
        Bits of `ccdlib.dq`; a pixel with any bit set is not to be used.
    unit : str
        'adu' or 'electron', empty for flats.
    """

    data: np.ndarray
    variance: np.ndarray
    dq: np.ndarray
    unit: str

    @property
    def shape(self) -> tuple[int, int]:
        return self.data.shape

    def rows(self, rows: slice | list[int]) -> Image:
        """Some of its rows; those of a slice are not copied."""
        return Image(self.data[rows], self.variance[rows], self.dq[rows], self.unit)

    def flags(self, rows: slice | list[int]) -> np.ndarray:
        """The flags of some rows, as `rows` has them."""
        return self.dq[rows]


def empty_image(shape: tuple[int, int], unit: str) -> Image:
    """An image to be filled."""
    data, variance = np.empty(shape, np.float32), np.empty(shape, np.float32)
    return Image(data, variance, np.empty(shape, np.uint16), unit)


class Pieces:
    """An image that is put together from pieces that follow one another by rows.

    Each is copied to its place at once, so that no two copies of the image are in memory.

    Parameters
    ----------
    shape : tuple of int
        (ny, nx) of the whole.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self._shape, self._filled = shape, 0
        self._whole: Image | None = None

    def add(self, piece: Image) -> None:
        """Put the next rows behind those that are there."""
        if self._whole is None:
            data, variance, flags = (
                np.empty(self._shape, each.dtype) for each in (piece.data, piece.variance, piece.dq)
            )
            self._whole = Image(data, variance, flags, piece.unit)
        place = self._whole.rows(slice(self._filled, self._filled + piece.shape[0]))
        place.data[:], place.variance[:], place.dq[:] = piece.data, piece.variance, piece.dq
        self._filled += piece.shape[0]

    def image(self) -> Image:
        """The whole image."""
        if self._whole is None or self._filled != self._shape[0]:
            raise ValueError(f"{self._filled} of {self._shape[0]} rows are there")
        return self._whole


def amplifier_map(amplifiers: list[Amplifier], values: list[float]) -> np.ndarray | np.float32:
    """One value for each amplifier, as an array over the trimmed image or one number if all agree.

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
    # no pixel lies between the amplifiers: any number but zero will do there
    filled = np.full((ny, nx), values[0], np.float32)
    for amp, value in zip(amplifiers, values, strict=True):
        filled[amp.place.slices] = value
    return filled
