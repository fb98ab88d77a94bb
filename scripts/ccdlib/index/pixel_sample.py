"""Some rows of each image of a file, read once for all that the index asks of pixels."""

from typing import TYPE_CHECKING

import numpy as np

from ..errors import CcdlibError

if TYPE_CHECKING:
    from astropy.io.fits import HDUList, ImageHDU, PrimaryHDU

    from ..camera.headers import Headers

__all__ = ["STRIP_ROWS", "sample_rows", "with_tiles"]

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
        Values in adu for each of `Headers.images`. None for an image of tiles, see `with_tiles`.
    """
    from astropy.io.fits import CompImageHDU

    return [
        None if isinstance(hdus[number], CompImageHDU) else _strips(hdus[number], shape)
        for number, _, shape in headers.images
    ]


def with_tiles(
    hdus: "HDUList", headers: "Headers", rows: list[np.ndarray | None]
) -> list[np.ndarray]:
    """The same with the strips of images of tiles: of these alone the tiles are unpacked.

    Parameters
    ----------
    hdus : HDUList
        Open, its tiles known to do no harm (`tile_check.refuse_harmful_tiles`).
    headers : Headers
    rows : list of ndarray or None
        From `sample_rows`.

    Raises
    ------
    CcdlibError
        If the tiles cannot be unpacked.
    """
    found = []
    for (number, _, shape), own in zip(headers.images, rows, strict=True):
        try:
            found.append(_strips(hdus[number], shape) if own is None else own)
        # a damaged tile can raise anything in the library
        except Exception as error:
            raise CcdlibError(
                f"{headers.file}: its compressed pixels cannot be unpacked: "
                f"{type(error).__name__}: {error}"
            ) from error
    return found


def _strips(hdu: "ImageHDU | PrimaryHDU", shape: tuple[int, int]) -> np.ndarray:
    axes = (0,) * (hdu.header["NAXIS"] - 2)
    if shape[0] <= _STRIPS * STRIP_ROWS:
        return hdu.section[(*axes, slice(0, shape[0]))]
    # apart from each other: no pixel counts twice
    first = np.linspace(0, shape[0] - STRIP_ROWS, _STRIPS).astype(int).tolist()
    return np.concatenate([hdu.section[(*axes, slice(row, row + STRIP_ROWS))] for row in first])
