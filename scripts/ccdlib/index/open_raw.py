"""A raw file as the index opens it: whole, of sound structure, and its images' headers."""

from __future__ import annotations

import io
import math
import warnings
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..camera.headers import Headers
from ..camera.image_choice import frame_images
from ..errors import CcdlibError
from ..raw.fits_structure import LARGEST, check_structure
from ..raw.plain_hdus import PlainHDU, plain_hdus
from ..raw.raw_folder import check_regular
from ..raw.stored_pixels import open_packed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from astropy.io.fits import HDUList

__all__ = ["headers_of", "open_checked", "open_headers", "open_quickly"]

# ten times what the largest detectors have; rows may go on, as in a drift scan
_MOST_PIXELS, _MOST_COLUMNS = 2**30, 2**17


def _is_image(hdu):
    header = hdu.header
    return header.get("NAXIS", 0) >= 2 and header.get("NAXIS1", 0) > 0 and header.get("NAXIS2") > 0


def _image_shape(file, hdu):
    """(ny, nx) of an image; one that no detector gives is refused before a pixel is read."""
    header = hdu.header
    extra = [header[f"NAXIS{axis}"] for axis in range(3, header["NAXIS"] + 1)]
    if any(length != 1 for length in extra):
        raise CcdlibError(
            f"{file}: image with axes {header['NAXIS1']} x {header['NAXIS2']} x "
            f"{' x '.join(map(str, extra))}; a frame has two"
        )
    for keyword in ("BSCALE", "BZERO"):
        value = header.get(keyword, 1.0)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise CcdlibError(f"{file}: {keyword}={value!r} is not a number")
    if header.get("BSCALE", 1) == 0:
        raise CcdlibError(f"{file}: BSCALE=0, all pixels would have one value")
    shape = header["NAXIS2"], header["NAXIS1"]
    if math.prod(shape) > _MOST_PIXELS or shape[1] > _MOST_COLUMNS:
        raise CcdlibError(
            f"{file}: NAXIS1={shape[1]}, NAXIS2={shape[0]}, an image of a frame has at most "
            f"{_MOST_COLUMNS} columns and {_MOST_PIXELS} pixels"
        )
    return shape


def _unpacked(path, file):
    """The content of a file that is packed as a whole, which checks all of it; None of others."""
    packed = open_packed(path)
    if packed is None:
        return None
    with packed:
        content = packed.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise CcdlibError(f"{file}: unpacks to more than {LARGEST} bytes")
    return io.BytesIO(content)


@contextmanager
def _checked(path, file):
    """A FITS file of sound structure, open at its beginning, and its length."""
    check_regular(path, file)
    size = Path(path).stat().st_size
    if size == 0:
        raise CcdlibError(f"{file}: empty file")
    packed = _unpacked(path, file)
    with packed or open(path, "rb") as source:
        if packed:
            size = packed.getbuffer().nbytes
        elif (start := source.read(9)) != b"SIMPLE  =":
            raise CcdlibError(f"{file}: not a FITS file, it starts with {start!r}")
        check_structure(file, source, size)
        source.seek(0)
        yield source, size


def _check_complete(file, hdus, source, size):
    from astropy.io.fits import CompImageHDU

    last = hdus[-1].fileinfo()
    end = last["datLoc"] + last["datSpan"]
    # the size of tiles is that of the image in them; the padding of plain pixels may be missing
    needed = end if isinstance(hdus[-1], CompImageHDU) else last["datLoc"] + hdus[-1].size
    if size < needed:
        raise CcdlibError(f"{file}: truncated, {size} bytes where the headers need {needed}")
    # astropy leaves out an extension whose header does not end
    source.seek(end)
    if source.read(8) == b"XTENSION":
        raise CcdlibError(
            f"{file}: truncated in the header of extension {len(hdus)}, at {size} bytes"
        )


@contextmanager
def _by_astropy(source, path, file, size):
    from astropy.io import fits

    # what astropy only warns of is either checked below or harmless
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        opened = source if isinstance(source, io.BytesIO) else path
        with fits.open(opened, memmap=False, lazy_load_hdus=False) as hdus:
            _check_complete(file, hdus, source, size)
            yield hdus


@contextmanager
def open_checked(path: str | Path, file: str) -> Iterator[HDUList]:
    """Open a FITS file that is whole.

    Parameters
    ----------
    path : str
        Where the file is.
    file : str
        Its name in messages.

    Yields
    ------
    HDUList

    Raises
    ------
    CcdlibError
        If the file is empty, truncated or not FITS.
    """
    with _checked(path, file) as (source, size), _by_astropy(source, path, file, size) as hdus:
        yield hdus


@contextmanager
def open_quickly(path: str | Path, file: str) -> Iterator[Sequence[Any]]:
    """As `open_checked`, without astropy's objects where the file is plain.

    Yields
    ------
    list of PlainHDU, or HDUList
    """
    with _checked(path, file) as (source, size):
        hdus = None if isinstance(source, io.BytesIO) else plain_hdus(source, file)
        with nullcontext(hdus) if hdus else _by_astropy(source, path, file, size) as found:
            yield found


def open_headers(path: str | Path, file: str, undefined: Iterable = ()) -> Headers:
    """The headers of a raw file; pixels are not read.

    Parameters
    ----------
    path : str
        Where the file is.
    file : str
        Its name in messages.
    undefined : iterable
        Header values that stand for a missing one.

    Returns
    -------
    Headers

    Raises
    ------
    CcdlibError
        If the file is empty, truncated, not FITS, has no image, or cannot be read.
    """
    with open_checked(path, file) as hdus:
        return headers_of(hdus, file, undefined)


def headers_of(
    hdus: Sequence[Any], file: str, undefined: Iterable, all_images: bool = False
) -> Headers:
    """The headers of an open file.

    Parameters
    ----------
    hdus : HDUList or list of PlainHDU
    file : str
        Its name in messages.
    undefined : iterable
        Header values that stand for a missing one.
    all_images : bool
        Whether previews and the like are kept, too.

    Raises
    ------
    CcdlibError
        If there is no image in it, or more or larger ones than any detector gives.
    """
    from astropy.io import fits

    kinds = (PlainHDU, fits.PrimaryHDU, fits.ImageHDU, fits.CompImageHDU)
    images = [
        (number, hdu.header)
        for number, hdu in enumerate(hdus)
        if isinstance(hdu, kinds) and _is_image(hdu)
    ]
    if not images:
        raise CcdlibError(f"{file}: no image in it")
    kept, left_out = (images, []) if all_images else frame_images(images)
    found = tuple((number, header, _image_shape(file, hdus[number])) for number, header in kept)
    total = sum(math.prod(shape) for _, _, shape in found)
    if total > _MOST_PIXELS:
        raise CcdlibError(
            f"{file}: {len(found)} images of {total} pixels in all, those of a frame have at most "
            f"{_MOST_PIXELS}"
        )
    return Headers(file, hdus[0].header, found, frozenset(undefined), left_out)
