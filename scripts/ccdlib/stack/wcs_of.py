"""The WCS of lights, and the first guess of how two of them lie."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from ..raw.header_cards import has_wcs, is_wcs
from ..registration.wcs_guess import transform_of_wcs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from astropy.wcs import WCS

    from ..registration.transforms import Transform
    from .lights import Light

__all__ = ["guess_of_headers", "wcs_of", "wcs_of_cards"]


def guess_of_headers(reference: Light, light: Light) -> Transform | None:
    """How a light lies on a reference by the WCS of both; None where one has none that is sound."""
    return transform_of_wcs(wcs_of(reference), wcs_of(light), reference.shape)


def wcs_of(light: Light) -> WCS | None:
    """The WCS of a light; None where it has none that is sound."""
    if not has_wcs(light.header):
        return None
    return wcs_of_cards({key: value for key, value in light.header.items() if is_wcs(key)})


def wcs_of_cards(cards: Mapping[str, Any]) -> WCS | None:
    """The WCS that some cards say; None where they say none that is sound."""
    from astropy.io.fits import Header
    from astropy.wcs import WCS

    with warnings.catch_warnings():
        # what it mends of old cards does no harm to a guess
        warnings.simplefilter("ignore")
        try:
            found = WCS(Header(list(cards.items())))
        except (ValueError, KeyError, TypeError):
            # what its cards say makes no WCS; patterns of stars need none
            return None
    return found if found.has_celestial else None
