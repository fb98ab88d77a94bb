"""Bad pixels of a detector, from its master dark and flat."""

import numpy as np

from . import dq
from .images import Image

__all__ = ["flags_of_dark", "flags_of_flat", "map_image"]

# a pixel of the dark beyond this many sigma of its neighbours' spread is hot
_HOT = 6.0
# a pixel of the flat that differs by more than this fraction from the median around it is bad
_RESPONSE = 0.3
_BOX = 15


def flags_of_dark(dark):
    """HOT and UNSTABLE pixels.

    Parameters
    ----------
    dark : Image
        A master dark, in adu.

    Returns
    -------
    ndarray of uint16
        HOT where the dark lies above its smooth background by more than 6 robust sigma of
        the dark itself; UNSTABLE where its frames scattered more than their noise.
    """
    good = (dark.dq & dq.NO_DATA) == 0
    excess = dark.data - _local_median(dark.data)
    sigma = 1.4826 * np.median(np.abs(excess[good] - np.median(excess[good])))
    flags = np.where(dark.dq & dq.UNSTABLE, np.uint16(dq.UNSTABLE), np.uint16(0))
    flags[good & (excess > _HOT * max(sigma, 1e-6))] |= dq.HOT
    return flags


def flags_of_flat(flat):
    """BAD pixels: dead, low or too bright in the flat.

    Parameters
    ----------
    flat : Image
        A normalised master flat.

    Returns
    -------
    ndarray of uint16
        BAD where the flat differs by more than 30 % from the median around it, or where no
        frame had a usable value.
    """
    lost = (flat.dq & dq.NO_DATA) != 0
    around = _local_median(flat.data)
    safe = np.where(around > 0, around, 1)
    odd = np.abs(flat.data / safe - 1) > _RESPONSE
    return np.where(lost | odd, np.uint16(dq.BAD), np.uint16(0))


def _local_median(data):
    """Median over a box wide enough that a bad column is a minority in it."""
    from scipy.ndimage import median_filter

    return median_filter(data, _BOX, mode="mirror")


def map_image(flags):
    """A bad-pixel map as an image: 1 where a pixel is bad, with the reason in DQ."""
    bad = (flags != 0).astype(np.float32)
    return Image(bad, np.zeros_like(bad), flags.astype(np.uint16), "")
