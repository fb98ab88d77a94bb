"""Masks from bits and from ratios of flats, under ccdproc's names."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .. import dq
from ..errors import CcdlibError
from .metadata import conf

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["bitfield_to_boolean_mask", "ccdmask"]


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
    names = bitmask.extend_bit_flag_map("DQ", **{name: bit for bit, (name, _) in dq.BITS.items()})
    try:
        return bitmask.bitfield_to_boolean_mask(
            bits,
            ignore_bits,
            flip_bits=flip_bits,
            good_mask_value=False,
            dtype=bool,
            flag_name_map=names,
        )
    except AttributeError as error:
        raise CcdlibError(f"ignore_bits is {ignore_bits!r}: {error}") from None


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
        True where bad.

    Raises
    ------
    CcdlibError
        If `ratio` has not two axes, or no good pixel, or `sigma_from` is unknown.

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

    default = 9.0 if conf.as_ccdproc else 6.0
    low, high = (default if each is None else each for each in (lsigma, hsigma))
    if not isinstance(ratio, np.ndarray):
        from .conversion import require_numpy

        require_numpy("ratio", getattr(ratio, "data", ratio))
    data = np.asarray(getattr(ratio, "data", ratio))
    if conf.as_ccdproc and sigma_from == "residual" and data.ndim == 2:
        from . import as_ccdproc

        sides = (nlmed, ncmed), (nlsig, ncsig)
        return as_ccdproc.ccdmask(data, findbadcolumns, byblocks, sides, (low, high), ngood)
    return irafs.ccdmask(
        *(ratio, findbadcolumns, byblocks, ncmed, nlmed, ncsig, nlsig, low, high, ngood),
        sigma_from=sigma_from,
    )
