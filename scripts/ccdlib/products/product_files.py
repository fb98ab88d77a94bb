"""Products as FITS files: the image, UNCERT, MASK and DQ, and back."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .. import dq
from ..errors import CcdlibError
from ..files import replacing
from ..frame.image import Image, empty_image
from ..frame.rows import row_blocks
from ..raw.card_list import CardList
from ..raw.header_cards import without_wcs
from ..raw.plain_header import plain_header
from ..raw.plain_images import plain_images
from ..raw.raw_folder import sha256
from ..raw.stored_pixels import ArrayPixels, FilePixels, open_unpacked, pixels_of
from .check_stored import PartialSum, damage, damaged_headers, opened
from .fits_bytes import Plane, write_hdu, write_table
from .recipes import refuse_damaged
from .stored_image import StoredImage, SummedPixels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from astropy.io.fits import Header

__all__ = ["Product", "open_product", "read_product", "write_product"]

# in place of the time of day, which astropy would write: the same input must give the same bytes
_CHECKSUM_NOTE = "of this HDU as written"


@dataclass(frozen=True)
class Product:
    """What a product file holds.

    Attributes
    ----------
    name : str
        Its file name without the ending.
    header : PlainHeader or Header
        The primary HDU's; looked up by keyword.
    images : list of Image or StoredImage
    sha256 : str
        SHA-256 of the file's bytes.
    cut : str or None
        The section of it that `images` are, see `cut_out`; None for all of it.
    """

    name: str
    header: Any
    images: list
    sha256: str
    cut: str | None = None


def dq_header(flags: np.ndarray) -> CardList:
    """The cards that say what the bits of a DQ plane mean, and how many pixels have each."""
    header = CardList()
    for bit, (name, meaning) in dq.BITS.items():
        number = bit.bit_length() - 1
        header[f"DQBIT{number}"] = (name, f"{bit}: {meaning}"[:47])
    present = int(np.bitwise_or.reduce(flags, axis=None))
    for bit, (name, _) in dq.BITS.items():
        number = dq.count(flags, bit) if bit & present else 0
        header[f"NDQ{bit.bit_length() - 1}"] = (number, f"pixels with {name}")
    return header


def _planes(image):
    """(name, plane, header) of the extensions that follow an image."""
    uncert = CardList()
    uncert["UTYPE"] = ("StdDevUncertainty", "one standard deviation")
    uncert["BUNIT"] = image.unit
    shape, variance, flags = image.shape, image.variance, image.dq
    yield "UNCERT", Plane(shape, np.float32, lambda rows: np.sqrt(variance[rows])), uncert
    meaning = CardList()
    meaning.add_comment("1 = do not use; DQ says why")
    yield "MASK", Plane(shape, np.uint8, lambda rows: (flags[rows] != 0).view(np.uint8)), meaning
    yield "DQ", Plane.of(flags), dq_header(flags)


def _hdu(plane, header, name, version):
    """An image as tiles: RICE is lossy for floats, shuffled gzip is not."""
    from astropy.io import fits

    array = plane.whole()
    kind = "RICE_1" if array.dtype.kind == "u" else "GZIP_2"
    cards, how = header.to_astropy(), {"compression_type": kind, "quantize_level": 0.0}
    hdu = fits.CompImageHDU(array, cards, name=name, **how)
    if version is not None:
        hdu.ver = version
    return hdu


def _planes_of_all(images, header, image_headers):
    """(plane, header, name, version) of each image and of what belongs to it."""
    several = len(images) > 1
    for number, (image, own) in enumerate(zip(images, image_headers, strict=True), start=1):
        version = number if several else None
        # a reader of extension 1 alone must find the WCS with its image
        yield Plane.of(image.data), own if several else _united(header, own), "SCI", version
        for name, plane, extra in _planes(image):
            yield plane, extra, name, version


def _write_plain(file, images, header, image_headers, planes_behind):
    """Write the HDUs of a product; the one image of a product is its primary HDU."""
    planes = [*_planes_of_all(images, header, image_headers), *_unnumbered(planes_behind)]
    if len(images) > 1:
        write_hdu(file, None, header, _CHECKSUM_NOTE)
    else:
        plane, cards, _, _ = planes.pop(0)
        write_hdu(file, plane, cards, _CHECKSUM_NOTE)
    for plane, cards, name, version in planes:
        write_hdu(file, plane, cards, _CHECKSUM_NOTE, name, version)


def _unnumbered(planes):
    """Planes that belong to all images, as `_planes_of_all` has those of each."""
    return [(Plane.of(array), header, name, None) for name, array, header in planes]


def _compressed(images, header, image_headers, planes_behind):
    """The HDUs of a product of tiles as they are written; checksums are those of their tables."""
    import io

    from astropy.io import fits

    kept = header if len(images) > 1 else without_wcs(header)
    primary = fits.PrimaryHDU(header=kept.to_astropy())
    planes = [*_planes_of_all(images, header, image_headers), *_unnumbered(planes_behind)]
    content = io.BytesIO()
    fits.HDUList([primary, *(_hdu(*each) for each in planes)]).writeto(
        content, output_verify="exception"
    )
    hdus = fits.open(io.BytesIO(content.getvalue()), disable_image_compression=True)
    for hdu in hdus[1:]:
        _forget_time(hdu)
    for hdu in hdus:
        hdu.add_checksum(when=_CHECKSUM_NOTE)
    return hdus


def _united(header, own):
    united = header.copy()
    united.update(own)
    return united


def _forget_time(hdu):
    """Clear the time of day that gzip wrote into each tile (RFC 1952, bytes 4 to 7)."""
    if hdu.header["ZCMPTYPE"].startswith("GZIP"):
        for tile in hdu.data["COMPRESSED_DATA"]:
            tile[4:8] = 0


def _with_unit(header, image):
    """A copy with the image's unit: empty for a flat, which has none."""
    own = header.copy()
    own["BUNIT"] = (image.unit, "unit of the image and of UNCERT")
    return own


def _refuse_impossible(image, name):
    """Refuse what is not finite, and a negative variance."""
    for rows in row_blocks(image.shape):
        data, variance = image.data[rows], image.variance[rows]
        # of these, a NaN is the least and the largest
        edges = data.min(), data.max(), variance.min(), variance.max()
        if not np.isfinite(edges).all():
            raise CcdlibError(f"{name}: holds values that are not finite")
        if edges[2] < 0:
            raise CcdlibError(f"{name}: holds a negative variance")


def write_product(
    path: str | Path,
    images: list[Image],
    header: CardList | Header,
    image_headers: Sequence[CardList | Header] | None = None,
    compress: bool = False,
    planes: Sequence[tuple[str, np.ndarray, CardList]] = (),
    tables: Sequence[tuple[str, np.ndarray, dict[str, str]]] = (),
) -> None:
    """Write a product, whole or not at all.

    Parameters
    ----------
    path : path
    images : list of Image
        With one the image is the primary HDU, else they are SCI extensions under a primary
        without data. A UNCERT, MASK and DQ extension follows each.
    header : CardList or Header
        Of the primary HDU.
    image_headers : list of CardList or Header, or None
        Cards of each image, such as its WCS and unit.
    compress : bool
        Lossless tiles (RICE for integers, shuffled gzip for floats) under an empty primary.
    planes : list of (str, ndarray of float32, uint8 or uint16, CardList)
        Name, pixels and cards of extensions behind those of the images.
    tables : list of (str, structured ndarray, dict)
        Name, rows and {column: what it is} of tables behind them.

    Raises
    ------
    CcdlibError
        If an image holds a value or a variance that is not finite, or a negative variance.
    """
    name = Path(path).name
    for image in images:
        _refuse_impossible(image, name)
    header = CardList.of(header)
    image_headers = [CardList.of(each) for each in image_headers or [CardList() for _ in images]]
    own = [_with_unit(each, image) for each, image in zip(image_headers, images, strict=True)]
    with replacing(path, lasting=True) as temporary, open(temporary, "wb") as file:
        if compress:
            _compressed(images, header, own, planes).writeto(file, output_verify="exception")
        else:
            _write_plain(file, images, header, own, planes)
        for name, rows, comments in tables:
            write_table(file, rows, comments, _CHECKSUM_NOTE, name)


@contextmanager
def open_product(path: str | Path, digest: str | None = None) -> Iterator[Product]:
    """Open what `write_product` wrote, to read its pixels by rows.

    Parameters
    ----------
    path : path
    digest : str or None
        SHA-256 of the file's bytes, if it is known.

    Yields
    ------
    Product
        With a `StoredImage` for each image.

    Raises
    ------
    CcdlibError
        If the file is not a product, or was damaged since it was written, which may show only at
        the end of the block: what is made of it is to be written after.
    """
    name, digest = Path(path).name, digest or sha256(path)
    with open_unpacked(path) as file:
        header, stored, check = _plain(file, path) or _by_astropy(file, path)
        with _checked_at_the_end(check):
            yield Product(Path(path).stem, header, _images(stored, name), digest)


@contextmanager
def _checked_at_the_end(check):
    """Look for damage once what is asked for is read, also where something stumbled over it."""
    try:
        yield
    except Exception:
        check()
        raise
    check()


def _images(stored, name):
    """The images of a product with what belongs to each."""
    names = [each.name for each in stored]
    if "UNCERT" not in names or "DQ" not in names:
        raise CcdlibError(f"{name}: not a product, it has {', '.join(names)}")
    first = names.index("UNCERT") - 1
    return [
        StoredImage([each.pixels() for each in stored[at : at + 4]], stored[at].unit, name)
        # what belongs to all images of a product stands behind them
        for at in range(first, len(stored), 4)
        if names[at + 1 : at + 2] == ["UNCERT"]
    ]


class _Stored(NamedTuple):
    """An HDU of a product in its file."""

    name: str
    unit: str
    pixels: Callable[[], ArrayPixels | FilePixels | SummedPixels]


def _plain(file, path):
    """Primary header, HDUs and check of a product without tiles, None of any other file.

    Its checksums are added up as its rows are read, each byte once; the check reads the rest.
    """
    from astropy.io.fits import Header

    found = plain_images(file)
    if found is None:
        return None
    # as astropy calls it
    names = [found[0].name or "PRIMARY", *(each.name.upper() for each in found[1:])]
    places = list(zip(names, (each.place for each in found), strict=True))
    refuse_damaged(path, list(damaged_headers(places, file)))
    content, sums = found[0].header, {each.offset: PartialSum() for each in found}

    def check():
        refuse_damaged(path, list(damage(places, file, sums)))

    stored = [
        _Stored(
            name,
            each.unit,
            partial(_summed, each, file, Path(path).name, sums[each.offset]),
        )
        for name, each in zip(names, found, strict=True)
    ]
    return plain_header(content) or Header.fromstring(content), stored, check


def _summed(image, file, name, total):
    return SummedPixels(image.pixels(file, name), total)


def _by_astropy(file, path):
    """Primary header and HDUs of a FITS file, which is checked before it is read."""
    hdus, wrong = opened(file)
    refuse_damaged(path, wrong)
    stored = [
        _Stored(
            hdu.name,
            hdu.header.get("BUNIT", ""),
            partial(pixels_of, hdu, file, Path(path).name),
        )
        for hdu in hdus
    ]
    return hdus[0].header, stored, lambda: None


def read_product(path: str | Path, digest: str | None = None) -> Product:
    """Read what `write_product` wrote.

    Parameters
    ----------
    path, digest
        See `open_product`.

    Returns
    -------
    Product

    Raises
    ------
    CcdlibError
        If the file is not a product.
    """
    with open_product(path, digest) as product:
        return replace(product, images=[_whole(image) for image in product.images])


def _whole(stored):
    """All rows of a `StoredImage`, a few at a time: what is needed for a moment stays small."""
    image = empty_image(stored.shape, stored.unit)
    for rows in row_blocks(stored.shape):
        own, part = image.rows(rows), stored.rows(rows)
        own.data[:], own.variance[:], own.dq[:] = part.data, part.variance, part.dq
    return image
