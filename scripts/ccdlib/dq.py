"""Data-quality bits: why a pixel must not be used."""

import numpy as np

__all__ = [
    "BAD",
    "BITS",
    "COSMIC_RAY",
    "HOT",
    "INHERITED",
    "INTERPOLATED",
    "LOW_FLAT",
    "NONLINEAR",
    "NO_CALIBRATION",
    "NO_DATA",
    "SATURATED",
    "UNSTABLE",
    "count",
    "names",
]

# A bit, once published, keeps its meaning for ever: products of years are read side by side.
BAD = 1
SATURATED = 2
NONLINEAR = 4
HOT = 8
NO_DATA = 16
COSMIC_RAY = 32
LOW_FLAT = 64
NO_CALIBRATION = 128
INTERPOLATED = 256
UNSTABLE = 512

# these bits come from masters, so frames that share the masters share the bits
INHERITED = NO_CALIBRATION | UNSTABLE

BITS = {
    BAD: ("BAD", "defective pixel of the detector"),
    SATURATED: ("SATURATED", "raw value at or above saturation"),
    NONLINEAR: ("NONLINEAR", "raw value above the linear limit"),
    HOT: ("HOT", "dark current far above its neighbours"),
    NO_DATA: ("NO_DATA", "no raw value, or an impossible one"),
    COSMIC_RAY: ("COSMIC_RAY", "hit by a cosmic ray"),
    LOW_FLAT: ("LOW_FLAT", "flat below flat.min_value, not divided"),
    NO_CALIBRATION: ("NO_CALIBRATION", "a master has no value here"),
    INTERPOLATED: ("INTERPOLATED", "value replaced from its neighbours"),
    UNSTABLE: ("UNSTABLE", "scatters more than its noise, in a master's frames"),
}


def names(value: int) -> list[str]:
    """Names of the bits set in one integer.

    Parameters
    ----------
    value : int
        A DQ value.

    Returns
    -------
    list of str

    Examples
    --------
    >>> names(34)
    ['SATURATED', 'COSMIC_RAY']
    """
    return [name for bit, (name, _) in BITS.items() if value & bit]


def count(dq: np.ndarray, bit: int) -> int:
    """Number of pixels of the uint16 array `dq` that have `bit` set."""
    return int(np.count_nonzero(dq & np.uint16(bit)))
