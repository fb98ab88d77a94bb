"""Steps of which no pixel needs another, done by bands of rows.

What a step makes on its way stays in the processor's cache, no plane but those of the result is
ever whole in memory, and an array of dask is computed a few rows at a time.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from astropy import nddata
from astropy import units as u

from .. import dq
from ..frame.image import Image
from .ccddata import CCDData
from .conversion import floats, is_dask, result_of, uncertainty_of, variance_of

__all__ = ["by_rows"]

# bytes of a plane of a band: some planes of it go into a cache of a megabyte
_BAND = 1 << 18
# pixels of a band of dask, whose every computation costs a millisecond
_DASK_BAND = 1 << 17


class _Planes:
    """A CCDData read by rows.

    Parameters
    ----------
    ccd : CCDData
    factor : float
        What its values are multiplied by.
    """

    def __init__(self, ccd: nddata.CCDData, factor: float) -> None:
        self.ccd, self.factor, self.spread = ccd, factor, ccd.uncertainty
        if self.spread is not None and np.shape(self.spread.array) != ccd.shape:
            # one for all pixels
            whole = np.broadcast_to(np.asarray(self.spread.array), ccd.shape)
            self.spread = type(self.spread)(whole, copy=False)
        # made from the bits at each look
        mask = ccd.mask
        self.mask = None if mask is None else np.broadcast_to(np.asarray(mask, bool), ccd.shape)
        self.flags = getattr(ccd, "dq", None)

    def image(self, rows: slice) -> Image:
        """The Image of some rows, as `ccdlib.toolbox.conversion.to_image` makes it."""
        data, variance = floats(self.ccd.data[rows]), self._variance(rows)
        if self.factor != 1.0:
            data, variance = data * self.factor, variance * self.factor**2
        flags = np.zeros(data.shape, np.uint16) if self.flags is None else self.flags[rows]
        return Image(data, variance, flags, str(self.ccd.unit))

    def _variance(self, rows):
        return np.float32(0) if self.spread is None else variance_of(self.spread, rows)

    def calibration(self, rows: slice) -> Image:
        """The Image of some rows of a master: NO_DATA where its pixels must not be used."""
        return _calibration(self.image(rows), None if self.mask is None else self.mask[rows])


def _calibration(image: Image, mask: np.ndarray | None) -> Image:
    """A master with NO_DATA where it is masked or not finite; such values are zeros.

    A value that is not finite must not reach the pixel: it keeps its value and is flagged.
    """
    finite = np.isfinite(image.data)
    if finite.all() and (mask is None or not mask.any()):
        return image
    lost = ~finite if mask is None else ~finite | mask
    variance = np.asarray(image.variance)
    return replace(
        image,
        data=np.where(finite, image.data, 0),
        variance=np.where(np.isfinite(variance), variance, 0),
        dq=np.where(lost, image.dq | np.uint16(dq.NO_DATA), image.dq),
    )


def _chunk_ends(sources):
    """Rows where no chunk of any array of dask is cut in two; None without such arrays.

    A band that ended inside a chunk would have it computed twice.
    """
    planes = [each.data for each in sources]
    planes += [each.uncertainty.array for each in sources if each.uncertainty is not None]
    ends = [set(np.cumsum(plane.chunks[0]).tolist()) for plane in planes if is_dask(plane)]
    return sorted(set.intersection(*ends)) if ends else None


def _itemsize(sources):
    """Bytes of a pixel of the widest plane, where whole numbers have become float64."""
    return max(floats(each.data[:0]).itemsize for each in sources)


def _bands(sources: Sequence[nddata.CCDData]) -> Iterator[Any]:
    """What cuts the bands out of each plane: slices of the first axis, one at least."""
    shape = sources[0].shape
    if not shape:
        yield ...
        return
    rows, chunk_ends = shape[0], _chunk_ends(sources)
    pixels = _DASK_BAND if chunk_ends else _BAND // _itemsize(sources)
    length = max(pixels // max(int(np.prod(shape[1:])), 1), 1)
    first = 0
    for end in chunk_ends or [*range(length, rows, length), rows]:
        if end - first >= length or end == rows:
            yield slice(first, end)
            first = end


class _Result:
    """Planes that bands are written into."""

    def __init__(self, sources: Sequence[nddata.CCDData]) -> None:
        self.shape = sources[0].shape
        spreads = [each.uncertainty for each in sources if each.uncertainty is not None]
        self.kind: Any = type(spreads[0]) if spreads else None
        self.data: Any = None
        self.spread: Any = None
        self.flags: Any = None
        flags = [each.dq for each in sources if getattr(each, "dq", None) is not None]
        if flags:
            self.flags = np.zeros(self.shape, np.result_type(*flags))

    def add(self, rows: slice, band: Image) -> None:
        """Write some rows."""
        if self.data is None:
            self.data = np.empty(self.shape, band.data.dtype)
        self.data[rows] = band.data
        if self.flags is None and band.dq.any():
            self.flags = np.zeros(self.shape, np.uint16)
        if self.flags is not None:
            self.flags[rows] = band.dq
        if self.kind is not None:
            self._add_spread(rows, np.broadcast_to(band.variance, band.data.shape))

    def _add_spread(self, rows, variance):
        if self.spread is None:
            self.spread = np.empty(self.shape, variance.dtype)
        if self.kind is nddata.StdDevUncertainty:
            np.sqrt(variance, out=self.spread[rows])
        else:
            self.spread[rows] = uncertainty_of(self.kind, variance).array


def by_rows(
    step: Callable[..., Image],
    ccd: nddata.CCDData,
    masters: Sequence[nddata.CCDData] = (),
    *,
    factor: float = 1.0,
    unit: u.UnitBase | None = None,
) -> CCDData:
    """New CCDData of a step that is done by bands of rows.

    Parameters
    ----------
    step : callable
        Takes a slice of rows, the Image of these rows of `ccd` and of each master, and gives
        an Image. It changes none of them.
    ccd : CCDData
        Its header and WCS are those of the result.
    masters : sequence of CCDData
        Of the same shape; NO_DATA where their pixels must not be used.
    factor : float
        What values of the masters are multiplied by.
    unit : Unit or None
        None: that of `ccd`.

    Returns
    -------
    CCDData
        See `ccdlib.toolbox.conversion.result_of`.
    """
    image, others = _Planes(ccd, 1.0), [_Planes(each, factor) for each in masters]
    result = _Result((ccd, *masters))
    for rows in _bands((ccd, *masters)):
        bands = [each.calibration(rows) for each in others]
        result.add(rows, step(rows, image.image(rows), *bands))
    spread = None if result.kind is None else result.kind(result.spread, copy=False)
    return result_of(ccd, result.data, spread, result.flags, masters, unit)
