"""Whether a frame has the hot pixels of the dark that is taken off it.

A frame that is turned, was read from another window, or is of another detector than its dark has
them elsewhere, and no card may tell. In one of another exposure than its header says, or of another
temperature than its dark, they are less hot, or hotter, than what is taken off.
"""

from __future__ import annotations

import numpy as np

from .. import dq
from ..errors import CcdlibError
from ..statistics.robust import robust_sigma
from .image import Image
from .rows import places

__all__ = ["HotPixels"]

# a hot pixel counts if the dark takes so many sigma of the frame from it
_SIGMAS = 8.0
# so many tell; a frame without them has holes there, as deep as what was taken, in most of them. A
# flat makes them deeper or shallower, and structure in the frame makes no such holes
_FEWEST, _SHARE = 20, 0.8
_DEEPEST, _SHALLOWEST = -1.6, -0.6
# hot pixels that lie above what was taken off by this much of it, and so many errors more, are of a
# frame that its dark does not fit: 9 degrees between them double a current
_TOO_HOT, _ERRORS = 1.5, 5.0
# so many are looked at; error of a median over that of a mean; columns from a pixel to one that is
# like it but not hot
_MOST, _OF_MEDIAN, _NEXT = 10_000, 1.2533, 9
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
        rows, columns, taken = self._taken(image, scale)
        told = taken > _SIGMAS * np.sqrt(image.variance[rows, columns])
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

    def refuse_hotter(self, name: str, image: Image, scale: float | np.ndarray) -> None:
        """Refuse a frame in which its dark's hot pixels are far hotter than what was taken off.

        What is left of them over what was taken is a median, each pixel with the weight that its
        noise gives it. Pixels beside them, which are not hot, tell how much of it is structure.

        Parameters
        ----------
        name, image, scale
            See `refuse_without`.

        Raises
        ------
        CcdlibError
            If at least 20 hot pixels are 2.5 times as hot, by 5 errors, or lower than they are
            without any charge.
        """
        rows, columns, taken = self._taken(image, scale)
        known = (taken > 0) & (image.variance[rows, columns] > 0)
        if np.count_nonzero(known) < _FEWEST:
            return
        every = slice(None, None, 1 + np.count_nonzero(known) // _MOST)
        rows, columns, taken = (each[known][every] for each in (rows, columns, taken))
        sigma = np.sqrt(image.variance[rows, columns])
        beside = np.where(columns < _NEXT, columns + _NEXT, columns - _NEXT)
        left, structure = (_above(image.data, rows, each) for each in (columns, beside))
        weights = np.square(taken / sigma)
        spread = max(1.0, robust_sigma(structure / sigma))
        error = _OF_MEDIAN * spread / np.sqrt(weights.sum())
        ratio = _median(left / taken, weights) - _median(structure / taken, weights)
        if ratio < -_TOO_HOT - _ERRORS * error:
            raise CcdlibError(
                f"{name}: {left.size} hot pixels of its dark are holes in it, deeper than what its "
                "dark took off: its values are inverted"
            )
        if ratio > _TOO_HOT + _ERRORS * error:
            raise CcdlibError(
                f"{name}: {left.size} hot pixels of its dark are {1 + ratio:.2g} times as hot in "
                "it as its exposure time says: that is not the one of its header, or it was warmer "
                "than the dark"
            )

    def _taken(self, image, scale):
        """Rows and columns of hot pixels that have a value, and what the dark took from them."""
        if not self._found:
            return (np.empty(0, int),) * 2 + (np.empty(0),)
        rows, columns, excess = (np.concatenate(each) for each in zip(*self._found, strict=True))
        usable = (image.dq[rows, columns] & (dq.SATURATED | dq.NO_DATA)) == 0
        rows, columns = rows[usable], columns[usable]
        return rows, columns, excess[usable] * np.broadcast_to(scale, image.shape)[rows, columns]


def _median(values, weights):
    """The value that halves the weights."""
    order = np.argsort(values)
    half = np.searchsorted(np.cumsum(weights[order]), weights.sum() / 2)
    return float(values[order[min(half, len(order) - 1)]])


def _above(data, rows, columns):
    """How much pixels are above the median of those beside them."""
    beside = np.clip(columns[:, None] + _BESIDE, 0, data.shape[1] - 1)
    return data[rows, columns] - np.median(data[rows[:, None], beside], axis=1)
