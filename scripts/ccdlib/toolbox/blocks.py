"""Pixels in blocks: reduced, averaged, replicated, resampled; under the names of ccdproc."""

from collections.abc import Callable, Sequence

import numpy as np
from astropy import nddata
from astropy.utils.exceptions import AstropyDeprecationWarning
from numpy.typing import ArrayLike

from ..errors import CcdlibError
from . import as_ccdproc
from .ccddata import CCDData
from .conversion import WrongType, require_numpy, uncertainty_of, variance_of, warn
from .cut_headers import scale_header
from .metadata import conf

__all__ = ["block_average", "block_reduce", "block_replicate", "rebin"]

# from more pixels along an axis on numpy's own sums are as fast, and lose less to rounding
_LARGE = 64
# pixels that are added up, or repeated, at once
_BAND = 1 << 16


def _scaled_wcs(wcs, factors):
    """The WCS of an image of `factors` (y, x) times as many pixels; None with distortions."""
    if wcs is None:
        return None
    if wcs.has_distortion:
        warn("the WCS has distortions, which are not known for other pixels: the result has none")
        return None
    scaled = wcs.deepcopy()
    factors = np.array(factors[::-1], float)
    scaled.wcs.crpix = (np.array(wcs.wcs.crpix) - 0.5) * factors + 0.5
    if wcs.wcs.has_cd():
        scaled.wcs.cd = wcs.wcs.cd / factors
    else:
        scaled.wcs.pc = wcs.wcs.get_pc() / factors
    return scaled


def _rebuilt(ccd, data, spread, resample, factors):
    """CCDData of new pixels, with each of its planes resampled by `resample`."""
    flags, mask = getattr(ccd, "dq", None), ccd.mask
    return CCDData(
        data,
        unit=ccd.unit,
        uncertainty=spread,
        # which may be one value for all pixels
        mask=None if mask is None else resample(np.broadcast_to(np.asarray(mask, bool), ccd.shape)),
        dq=None if flags is None else resample(flags),
        meta=scale_header(ccd.meta, factors),
        wcs=_scaled_wcs(ccd.wcs, factors),
    )


def _sizes(ccd, block_size):
    require_numpy("ccd", ccd.data)
    sizes = np.atleast_1d(block_size)
    if len(sizes) == 1:
        sizes = np.repeat(sizes, ccd.data.ndim)
    if len(sizes) != ccd.data.ndim or (sizes < 1).any() or (sizes != sizes.astype(int)).any():
        raise CcdlibError(f"block_size is {block_size}, not whole numbers for {ccd.shape} pixels")
    return tuple(int(size) for size in sizes)


def _gathered(plane, sizes, operation):
    """A ufunc over each block's pixels, axis by axis.

    Whole rows and every n-th column are taken at once: numpy's own reductions over two axes of
    blocks go through few pixels at a time.
    """
    for axis, size in enumerate(sizes):
        end = plane.shape[axis] // size * size
        before = (slice(None),) * axis
        total = plane[(*before, slice(0, end, size))].copy()
        for first in range(1, size):
            operation(total, plane[(*before, slice(first, end, size))], out=total)
        plane = total
    return plane


def _joined(plane, sizes):
    """The OR over each block's pixels, of bits or of a mask."""
    return _gathered(plane, sizes, np.logical_or if plane.dtype == bool else np.bitwise_or)


def _reduced(data, sizes, func):
    """`func` over each block's pixels; sums and means of floats in their own type."""
    plain = data.dtype in (np.float32, np.float64)
    if not plain or func not in (np.sum, np.mean) or max(sizes) > _LARGE:
        return nddata.block_reduce(data, sizes, func)
    total = _by_bands(lambda rows: data[rows], data.shape, sizes)
    if func is np.mean:
        total /= float(np.prod(sizes))
    return total


def _by_bands(values, shape, sizes):
    """Sums over blocks of what `values` gives for some rows, few enough to stay in the cache."""
    length, result = shape[0] // sizes[0], None
    blocks = max(_BAND // max(int(np.prod(shape[1:])) * sizes[0], 1), 1)
    for first in range(0, max(length, 1), blocks):
        last = min(first + blocks, length)
        band = _gathered(values(slice(first * sizes[0], last * sizes[0])), sizes, np.add)
        if result is None:
            result = np.empty((length, *band.shape[1:]), band.dtype)
        result[first:last] = band
    return result


def _variance_sums(uncertainty, sizes):
    """The variance of sums of blocks."""
    sigma = np.asarray(uncertainty.array)
    plain = sigma.dtype in (np.float32, np.float64) and max(sizes) <= _LARGE
    if plain and type(uncertainty) is nddata.StdDevUncertainty:
        return _by_bands(lambda rows: sigma[rows] * sigma[rows], sigma.shape, sizes)
    return _reduced(variance_of(uncertainty), sizes, np.sum)


def _repeated(plane, sizes, divisor=None):
    """Each pixel of a plane, over `divisor` if there is one, as a block of equal ones.

    By bands that stay in the cache: a row of the result is filled, then copied.
    """
    kind = plane.dtype if divisor is None else (plane[:0] / divisor).dtype
    shape = [length * size for length, size in zip(plane.shape, sizes, strict=True)]
    result = np.empty(shape, kind)
    if plane.ndim == 2 and plane.dtype == kind and kind in (np.float32, np.float64):
        from .plane_kernels import repeat_rows

        repeat_rows(np.ascontiguousarray(plane), kind.type(divisor or 1), result)
        return result
    rows = max(_BAND // max(int(np.prod(plane.shape[1:])), 1), 1)
    for first in range(0, len(plane), rows):
        band = plane[first : first + rows]
        values = band if divisor is None else band / divisor
        part = result[first * sizes[0] : (first + len(band)) * sizes[0]]
        filled = part[:: sizes[0]]
        for place in np.ndindex(*sizes[1:]):
            steps = zip(place, sizes[1:], strict=True)
            filled[(slice(None), *(slice(start, None, step) for start, step in steps))] = values
        for row in range(1, sizes[0]):
            part[row :: sizes[0]] = filled
    return result


def _replicated_spread(uncertainty, sizes, divisor):
    """The uncertainty of values over `divisor`, shared by all pixels of a block."""
    if type(uncertainty) is nddata.StdDevUncertainty:
        array = _repeated(np.asarray(uncertainty.array), sizes, divisor)
        return nddata.StdDevUncertainty(array, copy=False)
    share = 1.0 if divisor is None else 1.0 / divisor
    spread = uncertainty_of(type(uncertainty), variance_of(uncertainty) * (share * share))
    spread.array = _repeated(spread.array, sizes)
    return spread


def block_reduce(
    ccd: nddata.CCDData | ArrayLike, block_size: int | Sequence[int], func: Callable = np.sum
) -> CCDData | np.ndarray:
    """Reduce blocks of pixels to one each.

    Parameters
    ----------
    ccd : CCDData or array_like
    block_size : int or sequence of int
        Pixels of a block along each axis; what is left over at the end is cut off.
    func : callable
        Takes an array and ``axis``.

    Returns
    -------
    CCDData or ndarray
        A CCDData has the uncertainty of a sum or a mean (``np.sum``, ``np.mean``; none for other
        functions), the OR of a block's masks and bits, and the WCS, unless it has distortions.

    Raises
    ------
    CcdlibError
        If the size of a block is impossible.

    Examples
    --------
    >>> import numpy as np
    >>> from ccdlib import CCDData, block_reduce
    >>> block_reduce(CCDData(np.ones((4, 6)), unit="adu"), 2).data.tolist()
    [[4.0, 4.0, 4.0], [4.0, 4.0, 4.0]]
    """
    if not isinstance(ccd, nddata.CCDData):
        return nddata.block_reduce(ccd, block_size, func)
    sizes = _sizes(ccd, block_size)
    data = _reduced(np.asarray(ccd.data), sizes, func)
    if conf.as_ccdproc:
        as_ccdproc.tell_lost(ccd)
        return as_ccdproc.blocks(ccd, data)
    spread = None
    if ccd.uncertainty is not None and func in (np.sum, np.mean):
        variance = _variance_sums(ccd.uncertainty, sizes)
        if func is np.mean:
            variance = variance / float(np.prod(sizes)) / float(np.prod(sizes))
        spread = uncertainty_of(type(ccd.uncertainty), variance)
    elif ccd.uncertainty is not None:
        name = getattr(func, "__name__", func)
        warn(f"the uncertainty of {name} of a block is not known: the result has none")
    factors = [1 / size for size in sizes]
    return _rebuilt(ccd, data, spread, lambda plane: _joined(plane, sizes), factors)


def block_average(
    ccd: nddata.CCDData | ArrayLike, block_size: int | Sequence[int]
) -> CCDData | np.ndarray:
    """Average blocks of pixels; `block_reduce` with the mean.

    Parameters
    ----------
    ccd : CCDData or array_like
    block_size : int or sequence of int
        Pixels along each axis.

    Returns
    -------
    CCDData or ndarray
        See `block_reduce`.

    Examples
    --------
    >>> import numpy as np
    >>> from ccdlib import block_average
    >>> block_average(np.arange(8.0).reshape(2, 4), 2).tolist()
    [[2.5, 4.5]]
    """
    return block_reduce(ccd, block_size, np.mean)


def block_replicate(
    ccd: nddata.CCDData | ArrayLike, block_size: int | Sequence[int], conserve_sum: bool = True
) -> CCDData | np.ndarray:
    """Replace each pixel by a block of equal ones.

    Parameters
    ----------
    ccd : CCDData or array_like
    block_size : int or sequence of int
    conserve_sum : bool
        Whether the values are divided by the number of pixels of a block.

    Returns
    -------
    CCDData or ndarray
        A CCDData has its uncertainty (shared by all pixels of a block), mask, bits, and the WCS,
        unless it has distortions.

    Raises
    ------
    CcdlibError
        If the size of a block is impossible.

    Examples
    --------
    >>> from ccdlib import block_replicate
    >>> block_replicate([[4.0]], 2).tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    if not isinstance(ccd, nddata.CCDData):
        return nddata.block_replicate(ccd, block_size, conserve_sum)
    sizes = _sizes(ccd, block_size)
    divisor = float(np.prod(sizes)) if conserve_sum else None
    data = _repeated(np.asarray(ccd.data), sizes, divisor)
    if conf.as_ccdproc:
        as_ccdproc.tell_lost(ccd)
        return as_ccdproc.blocks(ccd, data)
    spread = None
    if ccd.uncertainty is not None:
        spread = _replicated_spread(ccd.uncertainty, sizes, divisor)
    return _rebuilt(ccd, data, spread, lambda plane: _repeated(plane, sizes), sizes)


def rebin(ccd: nddata.CCDData | np.ndarray, newshape: Sequence[int]) -> CCDData | np.ndarray:
    """Sample an image at another number of pixels; the flux is not conserved.

    Deprecated, as in ccdproc: `block_reduce` and `block_replicate` take its place.

    ::

        new[i] = old[floor(i * old_length / new_length)]

    Parameters
    ----------
    ccd : CCDData or ndarray
    newshape : tuple of int

    Returns
    -------
    CCDData or ndarray
        A CCDData has uncertainty, mask and bits sampled alike, and the WCS, unless it has
        distortions.

    Raises
    ------
    CcdlibError
        If the numbers of axes differ.
    WrongType
        If `ccd` is neither.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from ccdlib import rebin
    >>> warnings.simplefilter("ignore")
    >>> rebin(np.array([[1, 2, 3, 4]]), (2, 2)).tolist()
    [[1, 3], [1, 3]]
    """
    warn("rebin is deprecated: use block_reduce or block_replicate", AstropyDeprecationWarning)
    if not isinstance(ccd, (np.ndarray, nddata.CCDData)):
        raise WrongType(f"ccd is not an ndarray or a CCDData object, it is a {type(ccd).__name__}")
    if len(ccd.shape) != len(newshape):
        raise CcdlibError(
            f"newshape does not have the same dimensions as ccd: {newshape}, {ccd.shape}"
        )
    places = np.ix_(
        *(np.arange(new) * old // new for old, new in zip(ccd.shape, newshape, strict=True))
    )
    if isinstance(ccd, np.ndarray):
        return ccd[places]
    require_numpy("ccd", ccd.data)
    if conf.as_ccdproc:
        return as_ccdproc.rebin(ccd, places)
    spread = None
    if ccd.uncertainty is not None:
        spread = uncertainty_of(type(ccd.uncertainty), variance_of(ccd.uncertainty)[places])
    factors = [new / old for old, new in zip(ccd.shape, newshape, strict=True)]
    return _rebuilt(ccd, ccd.data[places], spread, lambda plane: plane[places], factors)
