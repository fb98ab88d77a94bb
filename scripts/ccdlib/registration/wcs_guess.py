"""A transform between two images as their WCS have it."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from .fit import Pairs, fit
from .transforms import Transform

if TYPE_CHECKING:
    from astropy.wcs import WCS

__all__ = ["transform_of_wcs", "transform_to_reference"]

_GRID = 9
# pixels; a place further off is none, whatever a WCS says
_FAR = 1e6


def transform_of_wcs(reference: Any, frame: Any, shape: tuple[int, int]) -> Transform | None:
    """The transform between two images that their WCS tell of.

    Parameters
    ----------
    reference, frame : astropy.wcs.WCS or None
    shape : (int, int)
        Rows and columns of the reference.

    Returns
    -------
    Transform or None
        None where one is no celestial WCS, they share no sky, or no place of one can be told from
        the other.
    """
    if any(each is None or not each.has_celestial for each in (reference, frame)):
        return None
    pairs = _pairs(reference, frame, shape)
    return None if pairs is None else _fitted(pairs)


def transform_to_reference(reference: WCS, frame: WCS, shape: tuple[int, int]) -> Transform | None:
    """From the pixels of another frame to those of a reference, by their WCS.

    It is right where the reference is, which may be a small part of the frame.

    Parameters
    ----------
    reference, frame : astropy.wcs.WCS
    shape : (int, int)
        Rows and columns of the reference.

    Returns
    -------
    Transform or None
        None where they share no sky.
    """
    pairs = _pairs(reference, frame, shape)
    if pairs is None:
        return None
    # rounded, as the last bits of a WCS are those of a library's sines
    there = np.round(pairs.there_x, 6), np.round(pairs.there_y, 6)
    return _fitted(Pairs(*there, pairs.x, pairs.y, pairs.error))


def _pairs(reference, frame, shape):
    """Pixels of the reference and where they lie on the frame; None where they share no sky."""
    rows, columns = (np.linspace(0, length - 1, _GRID) for length in shape)
    x, y = (each.ravel() for each in np.meshgrid(columns, rows))
    there_x, there_y = _places(reference, frame, x, y)
    known = np.hypot(there_x, there_y) < _FAR
    if known.sum() < _GRID:
        return None
    return Pairs(x, y, there_x, there_y, np.full(x.shape, 1e-3)).take(known)


def _fitted(pairs):
    """The transform of the places of a grid."""
    # their covariances tell whether one is the mirror image of the other
    du, dv, dx, dy = (
        each - each.mean() for each in (pairs.x, pairs.y, pairs.there_x, pairs.there_y)
    )
    mirrored = (du * dx).sum() * (dv * dy).sum() < (du * dy).sum() * (dv * dx).sum()
    return fit(pairs, bool(mirrored))[0]


def _places(reference, frame, x, y):
    """Where pixels of the reference lie on a frame, NaN where its WCS does not tell."""
    from astropy.wcs.utils import pixel_to_pixel

    with warnings.catch_warnings():
        # distortions that grow without end beyond the field
        warnings.filterwarnings("ignore", ".*failed to converge")
        try:
            return pixel_to_pixel(reference.celestial, frame.celestial, x, y)
        except ValueError:
            # coordinates that astropy does not know, such as RADESYS=JNOW, have no places on others
            return np.full(x.shape, np.nan), np.full(x.shape, np.nan)
