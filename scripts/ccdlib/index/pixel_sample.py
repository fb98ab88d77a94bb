"""Some rows of each image of a file, read once for all that the index asks of pixels."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from astropy.io.fits import HDUList, ImageHDU, PrimaryHDU

    from ..camera.headers import Headers

__all__ = ["STRIP_ROWS", "sample_rows"]

# strips of an image that are read, and their rows
_STRIPS, STRIP_ROWS = 16, 16


def sample_rows(hdus: "HDUList", headers: "Headers") -> list[np.ndarray | None]:
    """Strips of rows spread evenly over each image; all rows where they are few.

    Parameters
    ----------
    hdus : HDUList
        Open.
    headers : Headers
        Of the same file.

    Returns
    -------
    list of ndarray, shape (rows, nx), or None
        Values in adu for each of `Headers.images`. None for an image of tiles: damaged ones can
        crash the library that unpacks them.
    """
    from astropy.io.fits import CompImageHDU

    return [
        None if isinstance(hdus[number], CompImageHDU) else _strips(hdus[number], shape)
        for number, _, shape in headers.images
    ]


def _strips(hdu: "ImageHDU | PrimaryHDU", shape: tuple[int, int]) -> np.ndarray:
    axes = (0,) * (hdu.header["NAXIS"] - 2)
    if shape[0] <= _STRIPS * STRIP_ROWS:
        return hdu.section[(*axes, slice(0, shape[0]))]
    # apart from each other: no pixel counts twice
    first = np.linspace(0, shape[0] - STRIP_ROWS, _STRIPS).astype(int).tolist()
    return np.concatenate([hdu.section[(*axes, slice(row, row + STRIP_ROWS))] for row in first])
