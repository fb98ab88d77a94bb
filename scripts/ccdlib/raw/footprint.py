"""The pixels of an image as its header has them: their number, and where they lie on the sky."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import CcdlibError
from .header_cards import is_wcs

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["footprint_of"]


def footprint_of(path: str | Path) -> dict[str, Any]:
    """Shape and WCS of the first image of a FITS file; no pixel is read.

    Parameters
    ----------
    path : path

    Returns
    -------
    dict
        shape, [rows, columns]; cards, {keyword: value} of its WCS.

    Raises
    ------
    CcdlibError
        If there is no image with a place on the sky in it, or no FITS file.
    """
    from astropy.io import fits

    try:
        with fits.open(path) as hdus:
            headers = [hdu.header for hdu in hdus if hdu.is_image and "NAXIS2" in hdu.header]
    except OSError as error:
        raise CcdlibError(f"{path}: {error.strerror or error}") from None
    for header in headers[:1]:
        if "CRVAL1" in header and "CTYPE1" in header:
            cards = {key: value for key, value in header.items() if is_wcs(key)}
            return {"shape": [header["NAXIS2"], header["NAXIS1"]], "cards": cards}
    raise CcdlibError(f"{path}: no image with a WCS of the sky")
