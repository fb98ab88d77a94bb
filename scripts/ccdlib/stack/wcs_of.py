"""The first guess of how two lights lie, from their headers."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from ..raw.header_cards import has_wcs, is_wcs
from ..registration.wcs_guess import transform_of_wcs

if TYPE_CHECKING:
    from ..registration.transforms import Transform
    from .lights import Light

__all__ = ["guess_of_headers"]


def guess_of_headers(reference: Light, light: Light) -> Transform | None:
    """How a light lies on a reference by the WCS of both; None where one has none that is sound."""
    if not (has_wcs(reference.header) and has_wcs(light.header)):
        return None
    return transform_of_wcs(_wcs(reference), _wcs(light), reference.shape)


def _wcs(light):
    from astropy.io.fits import Header
    from astropy.wcs import WCS

    cards = [(key, value) for key, value in light.header.items() if is_wcs(key)]
    with warnings.catch_warnings():
        # what it mends of old cards does no harm to a guess
        warnings.simplefilter("ignore")
        try:
            found = WCS(Header(cards))
        except (ValueError, KeyError, TypeError):
            # what its cards say makes no WCS; patterns of stars need none
            return None
    return found if found.has_celestial else None
