"""Bad pixels in a ratio of flats, by the algorithm of IRAF's ccdmask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import CcdlibError
from ..frame.rows import row_blocks
from ..statistics.robust import median

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["ccdmask", "ccdmask_at", "compile_kernels"]

# a normal distribution's quantiles half a standard deviation below and above its median
_LOW, _HIGH = 0.309, 0.691
# defaults of the boxes and limits, which are IRAF's
_MEDIAN_SIDE, _SIGMA_SIDE, _SIGMAS = 7, 15, (6, 6)
# a larger share of the blocks is sooner done as a whole image
_FEW = 0.1


def _inner_medians(image, shape):
    """Medians of the boxes that lie in the image; scipy's takes twenty times as long."""
    inner = [length - side + 1 for length, side in zip(image.shape, shape, strict=True)]
    if image.dtype != np.float32 or shape[0] % 2 == 0 or shape[1] % 2 == 0:
        from scipy.ndimage import median_filter

        (y, x), (ny, nx) = (side // 2 for side in shape), inner
        return median_filter(image, size=shape)[y : y + ny, x : x + nx]
    medians = np.empty(inner, np.float32)
    _fill_medians(np.ascontiguousarray(image), shape, medians)
    return medians


def _fill_medians(padded, shape, filtered):
    """Medians of boxes with odd sides."""
    from ..statistics import box_kernels as kernels

    if shape[0] == shape[1] <= kernels.LARGEST:
        kernels.box_medians(padded, *kernels.median_network(shape[0]), filtered)
        return
    from ..statistics.combine import combine_values

    # as a stack of the image's shifted rows
    shifts = list(np.ndindex(*shape))
    for rows in row_blocks(filtered.shape):
        block = padded[rows.start : rows.stop + shape[0] - 1]
        height, width = rows.stop - rows.start, filtered.shape[1]
        shifted = [block[y : y + height, x : x + width] for y, x in shifts]
        filtered[rows] = combine_values(shifted, method="median").data


def compile_kernels() -> None:
    """Compile what the default parameters need, and fill the cache on disk with it."""
    image = np.zeros((7, 7), np.float32)
    _fill_medians(image, image.shape, np.empty((1, 1), np.float32))


def _local_median(image, shape):
    """The median of the box around each pixel, at the edges of the image's last whole box."""
    shape = [min(side, length) for side, length in zip(shape, image.shape, strict=True)]
    # mirrored beyond its edges an image has a bad column there twice, and the median follows it
    edges = [(side // 2, side - 1 - side // 2) for side in shape]
    return np.pad(_inner_medians(image, shape), edges, mode="edge")


def _percentile_sigma(values):
    """Sigma of values along the last axis, NaN among them left out, as IRAF counts them."""
    count = np.isfinite(values).sum(axis=-1, keepdims=True)
    ordered = np.sort(values, axis=-1)
    low, high = (
        np.take_along_axis(ordered, np.maximum(np.floor(share * count - 0.5), 0).astype(int), -1)
        for share in (_LOW, _HIGH)
    )
    few = 2 * count < values.shape[-1]
    return np.where(few, np.nan, high - low)[..., 0]


def _block_sigma(image, shape):
    """Gives the sigma of rows: each whole block's in its pixels, elsewhere the nearest block's."""
    sides = [min(side, length) for side, length in zip(shape, image.shape, strict=True)]
    (ny, nx), (rows, columns) = sides, np.floor_divide(image.shape, sides)
    blocks = image[: rows * ny, : columns * nx].reshape(rows, ny, columns, nx).swapaxes(1, 2)
    sigma = _percentile_sigma(blocks.reshape(rows, columns, ny * nx))
    # a block that is mostly masked has no sigma of its own
    if np.isnan(sigma).any():
        sigma = np.where(np.isnan(sigma), _percentile_sigma(image[np.isfinite(image)]), sigma)
    row, column = (
        np.minimum(np.arange(length) // side, number - 1)
        for length, side, number in zip(image.shape, sides, sigma.shape, strict=True)
    )
    return lambda rows: sigma[np.ix_(row[rows], column)]


def _running_sigma(image, shape):
    """Gives the sigma of rows: that in the box around each pixel."""
    from scipy.ndimage import percentile_filter

    filled = np.where(np.isfinite(image), image, np.nanmedian(image))
    low, high = (percentile_filter(filled, 100 * each, size=shape) for each in (_LOW, _HIGH))
    sigma = high - low
    return lambda rows: sigma[rows]


def _filled(data, bad):
    """An image with the median in place of what is bad: a median filter has no order for NaN."""
    return np.where(bad, median(data[~bad]), data) if bad.any() else data


def _unmasked(data, bad):
    return np.where(bad, np.nan, data) if bad.any() else data


def _beyond(residual, sigma, low, high):
    return (residual < -low * sigma) | (residual > high * sigma)


def _lengths(rows):
    """Lengths of the runs of a column that are looked at: 2 to 10, then doubled, and all."""
    length = 2
    while length < rows:
        yield length
        length = length + 1 if length < 10 else 2 * length
    if rows > 1:
        yield rows


def _running_sums(residual, variance, bad):
    """Sums of the good pixels of each column down to each row, and their number."""
    planes = np.zeros((3, len(bad) + 1, bad.shape[1]))
    for plane, values in zip(planes, (residual, variance, 1), strict=True):
        np.cumsum(np.where(bad, 0, values), axis=0, out=plane[1:])
    return planes


def _covered(starts, length, rows):
    """Pixels of the runs of this length that start where `starts` is True."""
    edges = np.zeros((rows + 1, starts.shape[1]), int)
    edges[: len(starts)] += starts
    edges[length:] -= starts
    return np.cumsum(edges, axis=0)[:-1] > 0


def _bad_runs(residual, variance, bad, low, high):
    """Flag runs along columns whose sum is too far from zero; bad pixels do not count."""
    bad = bad.copy()
    sums = _running_sums(residual, variance, bad)
    for length in _lengths(len(bad)):
        total, square, count = (each[length:] - each[:-length] for each in sums)
        limit = np.square(np.where(total > 0, high, low)) * square
        found = (count > 0) & (np.square(total) > limit)
        columns = np.flatnonzero(found.any(axis=0))
        if columns.size:
            bad[:, columns] |= _covered(found[:, columns], length, len(bad))
            planes = (each[:, columns] for each in (residual, variance, bad))
            sums[:, :, columns] = _running_sums(*planes)
    return bad


def _close_gaps(bad, ngood):
    """Flag runs of fewer than `ngood` good pixels of a column, next to bad ones, in place."""
    edges = np.flatnonzero(np.diff(np.concatenate([[True], bad, [True]]).astype(int)))
    for first, stop in zip(edges[::2], edges[1::2], strict=True):
        # IRAF leaves a single good pixel at the end
        if stop - first < ngood and first < len(bad) - 1:
            bad[first:stop] = True


def _refuse_all(bad):
    if bad.all():
        raise CcdlibError("ratio has no pixel that is finite and not masked")


def ccdmask_at(ratio: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """``pixels & ccdmask(ratio, byblocks=True)``; of few pixels only their blocks are looked at.

    Parameters
    ----------
    ratio : ndarray of float32, shape (ny, nx)
    pixels : ndarray of bool

    Returns
    -------
    ndarray of bool

    Raises
    ------
    CcdlibError
        If `ratio` has no good pixel.
    """
    sides = [min(_SIGMA_SIDE, length) for length in ratio.shape]
    last = np.floor_divide(ratio.shape, sides) - 1
    blocks = {tuple(each) for each in np.minimum(np.argwhere(pixels) // sides, last).tolist()}
    if len(blocks) > _FEW * (last + 1).prod():
        return pixels & ccdmask(ratio, byblocks=True)
    bad = ~np.isfinite(ratio)
    _refuse_all(bad)
    filled, found = _filled(ratio, bad), np.zeros_like(pixels)
    for block in blocks:
        place, own = _masked_in_block(filled, bad, block, sides, last)
        if own is None:
            return pixels & ccdmask(ratio, byblocks=True)
        found[place] = own
    return pixels & found


def _masked_in_block(filled, bad, block, sides, last):
    """Where a block is, and what `ccdmask` masks there; None where it has no sigma of its own."""
    places, outer, inner = [], [], []
    for number, side, end, length in zip(block, sides, last, filled.shape, strict=True):
        # pixels beyond the last whole block go with it
        start, stop = number * side, length if number == end else (number + 1) * side
        first = max(start - _MEDIAN_SIDE // 2, 0)
        places.append(slice(start, stop))
        outer.append(slice(first, stop + _MEDIAN_SIDE // 2))
        inner.append(slice(start - first, stop - first))
    place = tuple(places)
    around = _local_median(filled[tuple(outer)], (_MEDIAN_SIDE, _MEDIAN_SIDE))[tuple(inner)]
    residual = filled[place] - around
    noise = _unmasked(residual, bad[place])[: sides[0], : sides[1]]
    sigma = _percentile_sigma(noise.reshape(1, -1))
    if np.isnan(sigma).any():
        return place, None
    return place, bad[place] | _beyond(residual, sigma, *_SIGMAS)


def ccdmask(
    ratio: ArrayLike,
    findbadcolumns: bool = False,
    byblocks: bool = False,
    ncmed: int = _MEDIAN_SIDE,
    nlmed: int = _MEDIAN_SIDE,
    ncsig: int = _SIGMA_SIDE,
    nlsig: int = _SIGMA_SIDE,
    lsigma: float = _SIGMAS[0],
    hsigma: float = _SIGMAS[1],
    ngood: int = 5,
    *,
    sigma_from: str | None = "residual",
) -> np.ndarray:
    """Mask pixels that deviate from the median around them, by the algorithm of IRAF's ccdmask.

    ::

        residual = ratio - median over nlmed x ncmed
        sigma = (69.1 - 30.9 percentile of the residual) in nlsig x ncsig
        bad: residual < -lsigma * sigma  or  residual > hsigma * sigma

    Parameters
    ----------
    ratio : CCDData or ndarray, shape (ny, nx)
        Best the ratio of two flats of different level.
    findbadcolumns : bool
        Also compare the sum of each run of a column's good pixels with the sigma of the sum,
        for runs of 2 to 10, 20, 40 ... and all rows; then mask runs of fewer than `ngood` good
        pixels between bad ones, or between a bad one and the edge, along columns.
    byblocks : bool
        Sigma of each block of the image, as in IRAF, and not of the box around each pixel.
        Pixels beyond the last whole block have the sigma of the nearest.
    ncmed, nlmed : int
        Columns and lines of the box of the median: over twice the width of what is bad. At the
        edges the box stays inside the image.
    ncsig, nlsig : int
        Columns and lines of the box of sigma.
    lsigma, hsigma : float
        In standard deviations.
    ngood : int
    sigma_from : {'residual', 'image'}
        'image': percentiles of the ratio itself, as IRAF's task takes them, contrary to its help
        page. With structure in the image sigma is then larger than the noise.

    Returns
    -------
    ndarray of bool
        True where bad: pixels that are not finite, or masked in `ratio`, always are; they take
        no part in the sigma of blocks.

    Raises
    ------
    CcdlibError
        If `ratio` has not two axes, or no good pixel, or `sigma_from` is unknown.

    Notes
    -----
    Source: the help page of the task ccdmask of IRAF's ccdred, and what IRAF 2.17 flags. With
    ``findbadcolumns=True, byblocks=True, sigma_from="image"`` the mask is that of IRAF.

    Examples
    --------
    >>> import numpy as np
    >>> from ccdlib import ccdmask
    >>> ratio = np.random.default_rng(1).normal(1, 0.01, (40, 40))
    >>> ratio[10, 20] = 1.5
    >>> np.argwhere(ccdmask(ratio)).tolist()
    [[10, 20]]
    """
    data = np.asarray(getattr(ratio, "data", ratio))
    if data.ndim != 2:
        raise CcdlibError(f'"ratio" must be two-dimensional, it has the shape {data.shape}')
    if sigma_from not in ("residual", "image"):
        raise CcdlibError(f"sigma_from is {sigma_from!r}, not one of residual, image")
    data = data if data.dtype == np.float32 else np.asarray(data, float)
    bad = ~np.isfinite(data)
    mask = getattr(ratio, "mask", None)
    if mask is not None:
        bad |= np.asarray(mask, bool)
    _refuse_all(bad)
    filled = _filled(data, bad)
    residual = filled - _local_median(filled, (nlmed, ncmed))
    noise = _unmasked(residual if sigma_from == "residual" else data, bad)
    sigma = (_block_sigma if byblocks else _running_sigma)(noise, (nlsig, ncsig))
    for rows in row_blocks(bad.shape):
        bad[rows] |= _beyond(residual[rows], sigma(rows), lsigma, hsigma)
    if findbadcolumns:
        bad = _bad_runs(residual, np.square(sigma(slice(None))), bad, lsigma, hsigma)
        for column in np.flatnonzero(bad.any(axis=0)):
            _close_gaps(bad[:, column], ngood)
    return bad
