"""Masks of bad pixels from a ratio of flats, and masks from bits; under the names of ccdproc."""

from itertools import pairwise

import numpy as np

from . import dq
from .errors import CcdlibError

__all__ = ["bitfield_to_boolean_mask", "ccdmask"]

# these two lie one standard deviation of a normal distribution apart
_LOW, _HIGH = 30.9, 69.1


def _blocks(length, size):
    """Slices of `size` pixels; the last takes what is left over."""
    ends = [*range(size, length - size + 1, size), length]
    return [slice(first, last) for first, last in pairwise([0, *ends])]


def _block_sigma(residual, shape):
    """The standard deviation of each block of the image, spread over its pixels."""
    sigma = np.empty_like(residual)
    for rows in _blocks(residual.shape[0], shape[0]):
        for columns in _blocks(residual.shape[1], shape[1]):
            low, high = np.percentile(residual[rows, columns], [_LOW, _HIGH])
            sigma[rows, columns] = high - low
    return sigma


def _running_sigma(residual, shape):
    """The standard deviation in the box around each pixel."""
    from scipy.ndimage import percentile_filter

    low, high = (percentile_filter(residual, each, size=shape) for each in (_LOW, _HIGH))
    return high - low


def _bad_runs(residual, variance, bad, low, high):
    """Flag runs of a column whose sum is too far from zero, from two pixels to all of them.

    Pixels that are bad already do not count.
    """
    bad = bad.copy()
    n, limit = 2, min(low, high)
    while n <= len(residual):
        values = np.concatenate([[0], np.cumsum(np.where(bad, 0, residual))])
        squares = np.concatenate([[0], np.cumsum(np.where(bad, 0, variance))])
        smallest = variance[~bad].min(initial=np.inf)
        # no run can sum to more than this, so that longer ones need not be looked at
        if np.ptp(values) <= limit * np.sqrt(smallest * n):
            return bad
        sums, sigma = values[n:] - values[:-n], np.sqrt(squares[n:] - squares[:-n])
        for start in np.flatnonzero((sums > high * sigma) | (sums < -low * sigma)):
            bad[start : start + n] = True
        n += 1
    return bad


def _close_gaps(bad, ngood):
    """Flag runs of fewer than `ngood` good pixels of a column between bad ones."""
    places = np.flatnonzero(bad)
    for first, last in pairwise(places):
        if last - first - 1 < ngood:
            bad[first:last] = True


def ccdmask(
    ratio,
    findbadcolumns=False,
    byblocks=False,
    ncmed=7,
    nlmed=7,
    ncsig=15,
    nlsig=15,
    lsigma=6,
    hsigma=6,
    ngood=5,
):
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
        Also compare the sum of each run of a column's good pixels, from two to all of them,
        with the sigma of the sum; then mask gaps of fewer than `ngood` pixels along columns.
    byblocks : bool
        Sigma of each block of the image, as in IRAF, and not of the box around each pixel.
    ncmed, nlmed : int
        Columns and lines of the box of the median: over twice the width of what is bad.
    ncsig, nlsig : int
        Columns and lines of the box of sigma.
    lsigma, hsigma : float
        In standard deviations.
    ngood : int

    Returns
    -------
    ndarray of bool
        True where bad: pixels that are not finite, or masked in `ratio`, always are.

    Raises
    ------
    CcdlibError
        If `ratio` has not two axes, or no good pixel.

    Notes
    -----
    Source: the help page of the task ccdmask of IRAF's ccdred.

    Examples
    --------
    >>> import numpy as np
    >>> from ccdlib import ccdmask
    >>> ratio = np.random.default_rng(1).normal(1, 0.01, (40, 40))
    >>> ratio[10, 20] = 1.5
    >>> np.argwhere(ccdmask(ratio)).tolist()
    [[10, 20]]
    """
    from scipy.ndimage import median_filter

    data = np.asarray(getattr(ratio, "data", ratio))
    if data.ndim != 2:
        raise CcdlibError(f"ratio has the shape {data.shape}, not two axes")
    data = np.asarray(data, float)
    bad = ~np.isfinite(data)
    mask = getattr(ratio, "mask", None)
    if mask is not None:
        bad |= np.asarray(mask, bool)
    if bad.all():
        raise CcdlibError("ratio has no pixel that is finite and not masked")
    # a median filter has no order for NaN
    filled = np.where(bad, np.median(data[~bad]), data)
    residual = filled - median_filter(filled, size=(nlmed, ncmed))
    residual[bad] = 0
    sigma = (_block_sigma if byblocks else _running_sigma)(residual, (nlsig, ncsig))
    bad |= (residual < -lsigma * sigma) | (residual > hsigma * sigma)
    if findbadcolumns:
        for column in range(data.shape[1]):
            variance = sigma[:, column] ** 2
            bad[:, column] = _bad_runs(
                residual[:, column], variance, bad[:, column], lsigma, hsigma
            )
            _close_gaps(bad[:, column], ngood)
    return bad


def bitfield_to_boolean_mask(bitfield, ignore_bits=0, flip_bits=None):
    """A mask that is True where bits are set.

    Parameters
    ----------
    bitfield : array_like of int
        Such as the `dq` of a CCDData.
    ignore_bits : int, str, list of int, or None
        Bits that do not count: their sum or a list of them, or text such as ``"1,4"`` or, by
        their names, ``"HOT,INTERPOLATED"``; with ``~`` in front the only ones that count.
        None: all are ignored.
    flip_bits : bool or None
        Whether `ignore_bits` are the only ones that count.

    Returns
    -------
    ndarray of bool

    Raises
    ------
    CcdlibError
        If `bitfield` does not hold whole numbers.

    Notes
    -----
    Source: `astropy.nddata.bitmask.bitfield_to_boolean_mask`.

    Examples
    --------
    >>> from ccdlib import bitfield_to_boolean_mask
    >>> bitfield_to_boolean_mask([0, 8, 256, 264, 2], "HOT,INTERPOLATED").tolist()
    [False, False, False, False, True]
    """
    from astropy.nddata import bitmask

    bits = np.asarray(bitfield)
    if bits.dtype.kind not in "iu":
        raise CcdlibError(f"bitfield has values of type {bits.dtype}, not whole numbers")
    names = bitmask.extend_bit_flag_map("DQ", **{name: bit for bit, (name, _) in dq.BITS.items()})
    return bitmask.bitfield_to_boolean_mask(
        bits,
        ignore_bits,
        flip_bits=flip_bits,
        good_mask_value=False,
        dtype=bool,
        flag_name_map=names,
    )
