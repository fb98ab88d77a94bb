"""Masks from bits, under ccdproc's name."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .. import dq
from ..errors import CcdlibError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["bitfield_to_boolean_mask"]


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
