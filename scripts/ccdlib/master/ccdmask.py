"""Bad pixels in a ratio of flats, by the algorithm of IRAF's ccdmask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import CcdlibError
from ..frame.rows import row_blocks

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["ccdmask", "compile_kernels"]

# a normal distribution's quantiles half a standard deviation below and above its median
_LOW, _HIGH = 0.309, 0.691


def _filtered(image, shape):
    """Median filter; scipy's takes twenty times as long as the compiled kernels."""
    from scipy.ndimage import median_filter

    if image.dtype != np.float32 or shape[0] % 2 == 0 or shape[1] % 2 == 0:
        return median_filter(image, size=shape)
    padded = np.pad(image, [(side // 2, side // 2) for side in shape], mode="symmetric")
    filtered = np.empty_like(image)
    _fill_medians(padded, shape, filtered)
    return filtered


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
    inside = [
        np.clip(np.arange(length), side // 2, length - side + side // 2)
        for side, length in zip(shape, image.shape, strict=True)
    ]
    return _filtered(image, shape)[np.ix_(*inside)]


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
    """The sigma of each whole block, spread over its pixels; the rest has the nearest block's."""
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
    return sigma[np.ix_(row, column)]


def _running_sigma(image, shape):
    """The sigma in the box around each pixel."""
    from scipy.ndimage import percentile_filter

    filled = np.where(np.isfinite(image), image, np.nanmedian(image))
    low, high = (percentile_filter(filled, 100 * each, size=shape) for each in (_LOW, _HIGH))
    return high - low


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


def ccdmask(
    ratio: ArrayLike,
    findbadcolumns: bool = False,
    byblocks: bool = False,
    ncmed: int = 7,
    nlmed: int = 7,
    ncsig: int = 15,
    nlsig: int = 15,
    lsigma: float = 6,
    hsigma: float = 6,
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
        raise CcdlibError(f"ratio has the shape {data.shape}, not two axes")
    if sigma_from not in ("residual", "image"):
        raise CcdlibError(f"sigma_from is {sigma_from!r}, not one of residual, image")
    data = data if data.dtype == np.float32 else np.asarray(data, float)
    bad = ~np.isfinite(data)
    mask = getattr(ratio, "mask", None)
    if mask is not None:
        bad |= np.asarray(mask, bool)
    if bad.all():
        raise CcdlibError("ratio has no pixel that is finite and not masked")
    # a median filter has no order for NaN
    filled = np.where(bad, np.median(data[~bad]), data)
    residual = filled - _local_median(filled, (nlmed, ncmed))
    noise = np.where(bad, np.nan, residual if sigma_from == "residual" else data)
    sigma = (_block_sigma if byblocks else _running_sigma)(noise, (nlsig, ncsig))
    bad |= (residual < -lsigma * sigma) | (residual > hsigma * sigma)
    if findbadcolumns:
        bad = _bad_runs(residual, np.square(sigma), bad, lsigma, hsigma)
        for column in np.flatnonzero(bad.any(axis=0)):
            _close_gaps(bad[:, column], ngood)
    return bad
