"""An image in memory with its noise and its flags."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ..camera.amplifiers import Amplifier

__all__ = ["Image", "Map", "amplifier_map", "empty_image"]

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
