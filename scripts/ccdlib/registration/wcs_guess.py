"""A transform between two images as their WCS have it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from .fit import Pairs, fit
from .transforms import Transform

__all__ = ["transform_of_wcs"]

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
    rows, columns = (np.linspace(0, length - 1, _GRID) for length in shape)
    x, y = (each.ravel() for each in np.meshgrid(columns, rows))
    there_x, there_y = _places(reference, frame, x, y)
    known = np.hypot(there_x, there_y) < _FAR
    if known.sum() < _GRID:
        return None
    pairs = Pairs(x, y, there_x, there_y, np.full(x.shape, 1e-3)).take(known)
    # of a grid, the diagonals tell whether one is the mirror image of the other
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
