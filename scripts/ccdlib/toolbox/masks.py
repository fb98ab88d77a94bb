"""Masks from bits and from ratios of flats, under ccdproc's names."""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from .. import dq
from ..errors import CcdlibError
from .metadata import conf

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["bitfield_to_boolean_mask", "ccdmask"]


@cache
def _flag_names():
    """The names of the bits, as astropy wants them."""
    from astropy.nddata import bitmask

    return bitmask.extend_bit_flag_map("DQ", **{name: bit for bit, (name, _) in dq.BITS.items()})


def bitfield_to_boolean_mask(
    bitfield: "ArrayLike",
    ignore_bits: int | str | Sequence[int] | None = 0,
    flip_bits: bool | None = None,
) -> np.ndarray:
    """A mask that is True where bits are set.

    Parameters
    ----------
    bitfield : array_like of int
        Such as the `dq` of a CCDData.
    ignore_bits : int, str, list of int, or None
        Bits that do not count: their sum or a list of them, or text such as ``"1,4"`` or, by
        their names, ``"HOT,INTERPOLATED"``; with ``~`` in front only these count.
        None: all are ignored.
    flip_bits : bool or None
        Whether only `ignore_bits` count.

    Returns
    -------
    ndarray of bool

    Raises
    ------
    CcdlibError
        If `bitfield` does not hold whole numbers, or no bit has such a name.

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
    try:
        return bitmask.bitfield_to_boolean_mask(
            bits,
            ignore_bits,
            flip_bits=flip_bits,
            good_mask_value=False,
            dtype=bool,
            flag_name_map=_flag_names(),
        )
    except AttributeError as error:
        raise CcdlibError(f"ignore_bits is {ignore_bits!r}: {error}") from None


def _usable(ratio, data):
    """Pixels that are finite and not masked."""
    mask = getattr(ratio, "mask", None)
    return np.isfinite(data) & ~np.asarray(False if mask is None else mask, bool)


def ccdmask(
    ratio: "ArrayLike",
    findbadcolumns: bool = False,
    byblocks: bool = False,
    ncmed: int = 7,
    nlmed: int = 7,
    ncsig: int = 15,
    nlsig: int = 15,
    lsigma: float | None = None,
    hsigma: float | None = None,
    ngood: int = 5,
    *,
    sigma_from: str = "residual",
) -> np.ndarray:
    """Mask pixels that deviate from the median around them, by the algorithm of IRAF's ccdmask.

    Parameters
    ----------
    ratio : CCDData or ndarray, shape (ny, nx)
        Best the ratio of two flats of different level.
    findbadcolumns, byblocks, ncmed, nlmed, ncsig, nlsig, ngood, sigma_from
        See `ccdlib.master.ccdmask.ccdmask`.
    lsigma, hsigma : float or None
        In standard deviations; None: 6. With `conf.as_ccdproc` in ccdproc's sigma, half of one,
        and 9.

    Returns
    -------
    ndarray of bool
        True where bad; everywhere, with a warning, if no pixel is finite and not masked.

    Raises
    ------
    CcdlibError
        If `ratio` has not two axes, or `sigma_from` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from ccdlib import ccdmask
    >>> ratio = np.random.default_rng(1).normal(1, 0.01, (40, 40))
    >>> ratio[10, 20] = 1.5
    >>> np.argwhere(ccdmask(ratio)).tolist()
    [[10, 20]]
    """
    from ..master import ccdmask as irafs
    from .conversion import require_numpy, warn

    default = 9.0 if conf.as_ccdproc else 6.0
    low, high = (default if each is None else each for each in (lsigma, hsigma))
    if not isinstance(ratio, np.ndarray):
        require_numpy("ratio", getattr(ratio, "data", ratio))
    data = np.asarray(getattr(ratio, "data", ratio))
    if conf.as_ccdproc and sigma_from == "residual" and data.ndim == 2:
        from . import as_ccdproc

        sides = (nlmed, ncmed), (nlsig, ncsig)
        return as_ccdproc.ccdmask(data, findbadcolumns, byblocks, sides, (low, high), ngood)
    if data.ndim == 2 and not _usable(ratio, data).any():
        warn("the ratio has no pixel that is finite and not masked: all are bad")
        return np.ones(data.shape, bool)
    return irafs.ccdmask(
        *(ratio, findbadcolumns, byblocks, ncmed, nlmed, ncsig, nlsig, low, high, ngood),
        sigma_from=sigma_from,
    )
