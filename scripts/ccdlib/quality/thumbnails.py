"""Small pictures of images, as the shades that a report makes PNG files of.

A job that has the pixels in hand keeps them for the report. Nothing beyond numpy is imported:
astropy's own ``ZScaleInterval`` would cost each job half a second to import.
"""

import base64
import zlib
from collections.abc import Callable, Sequence

import numpy as np

__all__ = ["SHADES", "Reducing", "pack", "reduced", "shades", "unpack", "zscale"]

_SAMPLES = 2000
_CONTRAST = 0.25
# of the range between the limits; fewer than the eye can tell apart in noise make small files
SHADES = 40


def zscale(data: np.ndarray, good: np.ndarray | None = None) -> tuple[float, float]:
    """Limits that show the sky and faint objects (IRAF's zscale).

    A line is fitted to the sorted values of a sample, outliers rejected; its slope over a
    contrast of 0.25 spans the range about the median.

    Parameters
    ----------
    data : ndarray
    good : ndarray of bool or None
        Pixels that may count.

    Returns
    -------
    low, high : float
    """
    values = data.ravel() if good is None else data[good]
    values = values[:: max(values.size // _SAMPLES, 1) | 1]
    values = np.sort(values[np.isfinite(values)]).astype(np.float64)
    if values.size < 10:
        return (float(values[0]), float(values[-1]) + 1) if values.size else (0.0, 1.0)
    x = np.arange(values.size) - (values.size - 1) / 2
    kept = np.ones(values.size, bool)
    for _ in range(5):
        slope, level = np.polyfit(x[kept], values[kept], 1)
        residual = values - (level + slope * x)
        again = np.abs(residual) <= 2.5 * residual[kept].std()
        if again.sum() < values.size / 2 or (again == kept).all():
            break
        kept = again
    slope = slope / _CONTRAST if kept.sum() >= values.size / 2 else 0
    median = np.median(values)
    low = max(values[0], median + slope * x[0])
    high = min(values[-1], median + slope * x[-1])
    return (float(low), float(high)) if high > low else (float(values[0]), float(values[-1]) + 1)


def reduced(
    image: np.ndarray, side: int, combine: Callable[..., np.ndarray] = np.mean
) -> np.ndarray:
    """An image made small enough for a side, block by block.

    Parameters
    ----------
    image : ndarray, shape (ny, nx)
    side : int
        Most pixels along the longer axis.
    combine : callable
        Of an array along an axis: mean for values, bitwise_or.reduce for flags.

    Returns
    -------
    ndarray
        Rows and columns that fill no block are left out.
    """
    high, wide = _block(image.shape, side)
    return _narrowed(_lowered(image, high, combine), wide, combine)


def _block(shape, side):
    """Rows and columns that become one pixel."""
    step = max(-(-max(shape) // side), 1)
    return [min(step, length) for length in shape]


def _lowered(image, high, combine):
    # rows before columns: whole rows are combined as fast as memory is read
    ny, nx = image.shape
    if high == 1:
        return image
    return combine(image[: ny // high * high].reshape(ny // high, high, nx), axis=1)


def _narrowed(image, wide, combine):
    ny, nx = image.shape
    if wide == 1:
        return image
    return combine(image[:, : nx // wide * wide].reshape(ny, nx // wide, wide), axis=2)


class Reducing:
    """`reduced` by the mean, of an image whose rows come a few at a time.

    Parameters
    ----------
    shape : tuple of int
        (ny, nx) of the whole.
    side : int
        Most pixels along the longer axis.
    """

    def __init__(self, shape: tuple[int, int], side: int) -> None:
        self._high, self._wide = _block(shape, side)
        self._left = np.empty((0, shape[1]), np.float32)
        self._done: list[np.ndarray] = []

    def add(self, rows: np.ndarray) -> None:
        """The next rows, float32."""
        missing = min(-len(self._left) % self._high, len(rows))
        self._left = np.concatenate([self._left, rows[:missing]])
        if len(self._left) == self._high:
            self._reduce(self._left)
            self._left = self._left[:0]
        rows = rows[missing:]
        whole = len(rows) // self._high * self._high
        self._reduce(rows[:whole])
        self._left = np.concatenate([self._left, rows[whole:]])

    def _reduce(self, rows):
        if len(rows):
            low = _lowered(rows, self._high, np.mean)
            self._done.append(_narrowed(low, self._wide, np.mean).copy())

    def image(self) -> np.ndarray:
        """The small image of all rows that fill blocks."""
        return np.concatenate(self._done)


def shades(image: np.ndarray, low: float, high: float) -> np.ndarray:
    """Shades of grey of an image from one range below two limits to one range above.

    With what lies beyond the limits, the picture can later be shown with wider ones.

    Parameters
    ----------
    image : ndarray
    low, high : float

    Returns
    -------
    ndarray of uint8
        0 to ``3 * SHADES``; `low` is ``SHADES`` and `high` ``2 * SHADES``.
    """
    scaled = (np.nan_to_num(image, nan=low) - low) / (high - low)
    return np.rint((np.clip(scaled, -1, 2) + 1) * SHADES).astype(np.uint8)


def pack(pixels: np.ndarray) -> str:
    """An array of uint8 as text for JSON."""
    return base64.b64encode(zlib.compress(pixels.tobytes(), 1)).decode()


def unpack(text: str, shape: Sequence[int]) -> np.ndarray:
    """The array of uint8 that `pack` made text of."""
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8).reshape(shape)
