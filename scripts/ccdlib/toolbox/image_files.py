"""Files with one or several images: reading, applying steps, writing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from os import PathLike
from typing import Any

from astropy import units as u
from astropy.io import fits

from ..errors import CcdlibError
from .ccddata import CCDData, fits_ccddata_reader
from .write_back import SUMS

__all__ = ["ImageFile", "read", "write"]

_PLANES = ("UNCERT", "MASK", "DQ", "PSFIMAGE", "FLAGS")
_WORDS = {"uncertainty": "UNCERT", "mask": "MASK", "dq": "DQ"}


@dataclass(frozen=True)
class ImageFile:
    """The images of a file with all its headers.

    Attributes
    ----------
    header : Header
        Header of the primary HDU.
    images : list of CCDData
        In the order of the file, each with the header of its HDU.
    in_primary : bool
        Whether the first of them is in the primary HDU.
    others : list of HDU
        HDUs that are not images, such as tables.

    Examples
    --------
    >>> from ccdlib import CCDData, ImageFile, gain_correct
    >>> chips = ImageFile([CCDData([[1.0]], unit="adu"), CCDData([[2.0]], unit="adu")])
    >>> [chip.data.tolist() for chip in chips.map(gain_correct, 2.0)]
    [[[2.0]], [[4.0]]]
    """

    images: list[CCDData]
    header: fits.Header = field(default_factory=fits.Header)
    in_primary: bool = False
    others: list[Any] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.images)

    def __iter__(self) -> Iterator[CCDData]:
        return iter(self.images)

    def __getitem__(self, number: int) -> CCDData:
        return self.images[number]

    def map(self, step: Callable[..., CCDData], *args: Any, **kwd: Any) -> "ImageFile":
        """Apply a step to each image.

        Parameters
        ----------
        step : callable
            Takes a CCDData, returns a new one.
        *args, **kwd
            Arguments of the step; an ImageFile gives each image its own.

        Returns
        -------
        ImageFile

        Raises
        ------
        CcdlibError
            If an ImageFile among the arguments has another number of images.

        Examples
        --------
        >>> from ccdlib import CCDData, ImageFile, subtract_bias
        >>> chips = ImageFile([CCDData([[11.0]], unit="adu"), CCDData([[22.0]], unit="adu")])
        >>> bias = ImageFile([CCDData([[1.0]], unit="adu"), CCDData([[2.0]], unit="adu")])
        >>> [chip.data.tolist() for chip in chips.map(subtract_bias, bias)]
        [[[10.0]], [[20.0]]]
        """
        for other in (*args, *kwd.values()):
            if isinstance(other, ImageFile) and len(other) != len(self):
                raise CcdlibError(f"{len(other)} images where the file has {len(self)}")

        def own(value, number):
            return value[number] if isinstance(value, ImageFile) else value

        images = [
            step(
                image,
                *(own(value, number) for value in args),
                **{key: own(value, number) for key, value in kwd.items()},
            )
            for number, image in enumerate(self.images)
        ]
        return replace(self, images=images)


def _version(hdus, name, number):
    """The plane `name` of the image `number`, as the reader wants it, or None."""
    if (name, number) in hdus:
        return name, number
    return None


def read(filename: str | PathLike, unit: u.UnitBase | str | None = None) -> CCDData | ImageFile:
    """Read all images of a file.

    Parameters
    ----------
    filename : path
        Plain or compressed, of a camera or one of the pipeline's products.
    unit : Unit or None
        Unit of images without a BUNIT.

    Returns
    -------
    CCDData or ImageFile
        A CCDData if the file has one image; its header also has the primary's cards. Planes
        UNCERT, MASK and DQ belong to the image whose number, counted from 1, is their EXTVER.

    Raises
    ------
    CcdlibError
        If there is no image.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from ccdlib import CCDData, read
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "a.fits"
    >>> CCDData([[1.0, 2.0]], unit="adu").write(path)
    >>> read(path).data.tolist()
    [[1.0, 2.0]]
    """
    with fits.open(filename, memmap=False) as hdus:
        numbers = [
            number
            for number, hdu in enumerate(hdus)
            if hdu.is_image and hdu.name not in _PLANES and len(hdu.shape) >= 2
        ]
        planes = [
            {f"hdu_{word}": _version(hdus, name, count) for word, name in _WORDS.items()}
            for count in range(1, len(numbers) + 1)
        ]
        header = hdus[0].header.copy()
        others = [hdu.copy() for hdu in hdus[1:] if not hdu.is_image]
    if not numbers:
        raise CcdlibError(f"{filename}: no image in it")
    images = [
        fits_ccddata_reader(filename, hdu=number, unit=unit, hdu_psf=None, **own)
        for number, own in zip(numbers, planes, strict=True)
    ]
    if len(images) == 1:
        if numbers[0] > 0:
            images[0].header.extend(header, unique=True)
        return images[0]
    return ImageFile(images, header, numbers[0] == 0, others)


def _image_hdus(ccd, number, primary):
    hdus = ccd.to_hdu(as_image_hdu=not primary)
    name = ccd.header.get("EXTNAME")
    for hdu in hdus:
        for key in SUMS:
            hdu.header.remove(key, ignore_missing=True)
    if not primary:
        hdus[0].name = name or "SCI"
        if name is None:
            hdus[0].ver = number
    for plane in hdus[1:]:
        plane.ver = number
    return hdus


def write(images: CCDData | ImageFile, filename: str | PathLike, overwrite: bool = False) -> None:
    """Write a CCDData or an ImageFile, with every header and plane.

    Parameters
    ----------
    images : CCDData or ImageFile
    filename : path
    overwrite : bool

    Raises
    ------
    OSError
        If the file exists and `overwrite` is off.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from ccdlib import CCDData, ImageFile, read, write
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "a.fits"
    >>> write(ImageFile([CCDData([[1.0]], unit="adu"), CCDData([[2.0]], unit="adu")]), path)
    >>> len(read(path))
    2
    """
    if not isinstance(images, ImageFile):
        CCDData(images).write(filename, format="fits", overwrite=overwrite)
        return
    hdus = (
        fits.HDUList()
        if images.in_primary
        else fits.HDUList([fits.PrimaryHDU(header=images.header)])
    )
    for number, ccd in enumerate(images, start=1):
        hdus.extend(_image_hdus(CCDData(ccd), number, images.in_primary and number == 1))
    hdus.extend(images.others)
    hdus.update_extend()
    hdus.writeto(filename, overwrite=overwrite)
