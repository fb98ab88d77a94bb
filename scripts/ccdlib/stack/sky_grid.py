"""Grids of stacks that the sky tells: north up, or as another image has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from astropy.wcs.utils import proj_plane_pixel_area

from ..errors import CcdlibError
from ..registration.wcs_guess import transform_to_reference
from .wcs_of import wcs_of, wcs_of_cards

if TYPE_CHECKING:
    from collections.abc import Mapping

    from astropy.wcs import WCS

    from ..registration.transforms import Transform
    from .lights import Light

__all__ = ["given_base", "north_up"]


def north_up(reference: Light, scale: float) -> tuple[Transform, dict[str, Any]]:
    """Pixels with north up and east to the left, in the middle of a reference.

    Parameters
    ----------
    reference : Light
    scale : float
        Their side in pixels of the reference.

    Returns
    -------
    base : Transform
        From them to the pixels of the reference.
    wcs : dict
        Their WCS, {keyword: value}.

    Raises
    ------
    CcdlibError
        If the reference has no WCS.
    """
    own = _needed(reference, "stack.north_up")
    ny, nx = reference.shape
    side = float(proj_plane_pixel_area(own)) ** 0.5 * scale
    longitude, latitude = own.pixel_to_world_values((nx - 1) / 2, (ny - 1) / 2)
    # east before north, whatever the order of the reference's axes
    names = [own.wcs.ctype[axis][:4] for axis in (own.wcs.lng, own.wcs.lat)]
    place = (longitude, latitude) if own.wcs.lng == 0 else (latitude, longitude)
    # rounded, as the last bits are those of a library's sines
    wcs: dict[str, Any] = {
        "CTYPE1": f"{names[0]}-TAN",
        "CTYPE2": f"{names[1]}-TAN",
        "CRVAL1": round(float(place[0]), 9),
        "CRVAL2": round(float(place[1]), 9),
        "CRPIX1": nx / scale / 2 + 0.5,
        "CRPIX2": ny / scale / 2 + 0.5,
        "CDELT1": -round(side, 12),
        "CDELT2": round(side, 12),
    }
    if own.wcs.radesys:
        wcs["RADESYS"] = own.wcs.radesys
        # without a number it is NaN
        if own.wcs.equinox == own.wcs.equinox:
            wcs["EQUINOX"] = float(own.wcs.equinox)
    return _base(own, wcs, reference), wcs


def given_base(cards: Mapping[str, Any], reference: Light) -> Transform:
    """From the pixels of a given WCS to those of a reference.

    Parameters
    ----------
    cards : dict
        The WCS, {keyword: value}.
    reference : Light

    Raises
    ------
    CcdlibError
        If the reference has no WCS, or lies elsewhere on the sky.
    """
    return _base(_needed(reference, "a given stack.grid"), cards, reference)


def _base(own, cards, reference):
    wcs = wcs_of_cards(cards)
    base = None if wcs is None else transform_to_reference(own, wcs, reference.shape)
    if base is None:
        raise CcdlibError(
            f"the grid of the stack and its reference {reference.name} share no sky by their WCS: "
            f"CRVAL1={cards.get('CRVAL1')}, CRVAL2={cards.get('CRVAL2')}, that of the reference "
            f"{own.wcs.crval[0]:.6f}, {own.wcs.crval[1]:.6f}"
        )
    return base


def _needed(reference: Light, what: str) -> WCS:
    """The WCS of a reference."""
    found = wcs_of(reference)
    if found is None:
        raise CcdlibError(f"{what}: the reference {reference.name} has no WCS of the sky")
    return found.celestial
