"""Whether a frame has the hot pixels of the dark that is taken off it.

A frame that is turned, was read from another window, or is of another detector than its dark has
them elsewhere, and no card may tell. So has one of another exposure time than its header says.
"""

from __future__ import annotations

import numpy as np

from .. import dq
from ..errors import CcdlibError
from .image import Image
from .rows import places

__all__ = ["HotPixels"]

# a hot pixel counts if the dark takes so many sigma of the frame from it
_SIGMAS = 8.0
# so many tell; a frame without them has holes there, as deep as what was taken, in most of them. A
# flat makes them deeper or shallower, and structure in the frame makes no such holes
_FEWEST, _SHARE = 20, 0.8
_DEEPEST, _SHALLOWEST = -1.6, -0.6
# columns beside a pixel whose median is its background
_BESIDE = np.array([-4, -3, -2, 2, 3, 4])
# cosmic rays in one or two darks look like hot pixels
_FEWEST_DARKS = 3


class HotPixels:
    """The hot pixels that a dark takes off a frame, found as rows of the dark are read.

    Parameters
    ----------
    frames : int
        The number of darks in the master; of one or two nothing is said.
    """

    def __init__(self, frames: int) -> None:
        self._frames = frames
        self._found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def add(self, dark: Image | None, flags: np.ndarray | None, outer: slice, inner: slice) -> None:
        """Note the hot pixels in some rows.

        Parameters
        ----------
        dark : Image or None
            The rows `outer` of the dark.
        flags : ndarray or None
            Flags of the bad-pixel map in them.
        outer, inner : slice
            The rows of the frame, and which of these are not among others', too.
        """
        if dark is None or flags is None or self._frames < _FEWEST_DARKS:
            return
        rows, columns = places((flags[inner] & dq.HOT) != 0)
        rows = rows + inner.start
        usable = (dark.dq[rows, columns] & (dq.SATURATED | dq.NO_DATA)) == 0
        rows, columns = rows[usable], columns[usable]
        excess = _above(dark.data, rows, columns)
        self._found.append((rows + outer.start, columns, excess))

    def refuse_without(self, name: str, image: Image, scale: float | np.ndarray) -> None:
        """Refuse a frame in which most of its dark's hot pixels are not hot.

        Parameters
        ----------
        name : str
            For messages.
        image : Image
            The dark taken off it.
        scale : float or ndarray
            What the dark was multiplied by, in the unit of the image.

        Raises
        ------
        CcdlibError
            If at least 20 hot pixels of 8 sigma tell, and four fifths of them lie lower than their
            neighbours by what the dark took from them.
        """
        if not self._found:
            return
        rows, columns, excess = (np.concatenate(each) for each in zip(*self._found, strict=True))
        taken = excess * np.broadcast_to(scale, image.shape)[rows, columns]
        told = taken > _SIGMAS * np.sqrt(image.variance[rows, columns])
        told &= (image.dq[rows, columns] & (dq.SATURATED | dq.NO_DATA)) == 0
        if np.count_nonzero(told) < _FEWEST:
            return
        left = _above(image.data, rows[told], columns[told]) / taken[told]
        lost = np.count_nonzero((left > _DEEPEST) & (left < _SHALLOWEST))
        if lost >= _SHARE * left.size:
            raise CcdlibError(
                f"{name}: {lost} of {left.size} hot pixels of its dark are not hot in it: it is "
                "turned or shifted against the dark, of another detector, or its exposure time is "
                "not that of its header"
            )


def _above(data, rows, columns):
    """How much pixels are above the median of those beside them."""
    beside = np.clip(columns[:, None] + _BESIDE, 0, data.shape[1] - 1)
    return data[rows, columns] - np.median(data[rows[:, None], beside], axis=1)
