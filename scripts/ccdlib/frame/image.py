"""An image in memory with its noise and its flags."""

from dataclasses import dataclass

import numpy as np

__all__ = ["Image", "amplifier_map", "joined"]


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

    @property
    def shape(self):
        return self.data.shape

    def rows(self, rows):
        """Some rows of it, not copied."""
        variance = None if self.variance is None else self.variance[rows]
        return Image(self.data[rows], variance, self.dq[rows], self.unit)


def joined(images):
    """Rows of an image put together again, from the first to the last."""
    planes = ([getattr(image, name) for image in images] for name in ("data", "variance", "dq"))
    return Image(*map(np.concatenate, planes), images[0].unit)


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
    # what lies between amplifiers has no pixels; any number that can be divided by will do
    filled = np.full((ny, nx), values[0], np.float32)
    for amp, value in zip(amplifiers, values, strict=True):
        filled[amp.place.slices] = value
    return filled
