"""Frames of a stack, in memory or in files, read by bands of rows."""

import os
from collections.abc import Iterable
from typing import Any

from astropy import nddata
from astropy import units as u
from astropy.io import fits

from ..errors import CcdlibError
from ..raw.stored_pixels import pixels_of
from .ccddata import CCDData
from .conversion import WrongType

__all__ = ["FileFrame", "MemoryFrame", "open_frames"]

# how files are opened by default
_PLAIN = {"memmap": False}


class MemoryFrame:
    """A CCDData, cut into rows without its header.

    Attributes
    ----------
    name : str
        For messages.
    header : Header or dict
        Header of the image, its WCS included.
    shape : tuple of int
    unit : Unit
    """

    def __init__(self, ccd: nddata.CCDData, name: str) -> None:
        self.ccd, self.name = ccd, name
        self.shape, self.unit = ccd.shape, ccd.unit
        self.header = ccd.meta.copy()
        if ccd.wcs is not None:
            self.header.update(ccd.wcs.to_header(relax=True))

    def rows(self, first: int, last: int) -> CCDData:
        """CCDData of these rows; no pixels are copied."""
        ccd, rows = self.ccd, slice(first, last)
        flags = getattr(ccd, "dq", None)
        return CCDData(
            ccd.data[rows],
            unit=ccd.unit,
            mask=None if ccd.mask is None else ccd.mask[rows],
            uncertainty=None if ccd.uncertainty is None else ccd.uncertainty[rows],
            dq=None if flags is None else flags[rows],
        )


class FileFrame:
    """An image of a FITS file; like `MemoryFrame`, but only the rows asked for are read."""

    def __init__(
        self,
        path: str | os.PathLike,
        hdu: int = 0,
        unit: u.UnitBase | str | None = None,
        planes: dict | None = None,
        **kwd: Any,
    ) -> None:
        self.path, self.name, self.planes = path, os.path.basename(path), planes or {}
        self.kwd = _PLAIN | kwd
        with fits.open(path, **self.kwd) as hdus:
            self.number = _image_number(hdus, hdu, self.name)
            image = hdus[self.number]
            self.shape, self.header = image.shape, image.header.copy()
            if self.number != hdu:
                self.header.extend(hdus[hdu].header, unique=True)
            self.unit = _unit(self.header, unit, self.name)

    def rows(self, first: int, last: int) -> CCDData:
        """CCDData of these rows."""
        with fits.open(self.path, **self.kwd) as hdus:
            mask, bits, spread = (
                self._plane(hdus, name, first, last)
                for name in ("hdu_mask", "hdu_dq", "hdu_uncertainty")
            )
            if spread is not None:
                kind = hdus[self.planes["hdu_uncertainty"]].header.get(
                    self.planes["key_uncertainty_type"], "StdDevUncertainty"
                )
                spread = getattr(nddata, kind)(spread)
            return CCDData(
                self._values(hdus[self.number], first, last),
                unit=self.unit,
                mask=None if mask is None else mask.astype(bool),
                uncertainty=spread,
                dq=bits,
            )

    def _values(self, image, first, last):
        """Pixels of these rows; unsigned 16-bit ones are read in a third of astropy's time."""
        head, plain = image.header, self.kwd == _PLAIN and len(self.shape) == 2
        unsigned = (head["BITPIX"], head.get("BZERO"), head.get("BSCALE", 1)) == (16, 2**15, 1)
        with open(self.path, "rb") as file:
            plain = plain and file.read(6) == b"SIMPLE" and "BLANK" not in head
            if plain and unsigned and not isinstance(image, fits.CompImageHDU):
                return pixels_of(image, file, self.name).integers(slice(first, last), slice(None))
        return image.section[first:last]

    def _plane(self, hdus, name, first, last):
        extension = self.planes.get(name)
        if extension is None or extension not in hdus:
            return None
        return hdus[extension].section[first:last]


def _image_number(hdus, hdu, name):
    """The HDU asked for, or for an empty primary the first image after it."""
    if hdus[hdu].shape:
        return hdu
    for number, each in enumerate(hdus):
        if hdu == 0 and each.is_image and each.shape:
            return number
    raise CcdlibError(f"{name}: HDU {hdu} holds no image")


def _unit(header, unit, name):
    text = str(header.get("BUNIT", "")).strip()
    if unit is not None:
        return u.Unit(unit)
    if not text:
        raise CcdlibError(f"{name}: has no BUNIT, and no unit was given")
    if text.lower() == "adu":
        text = "adu"
    return u.Unit(CCDData.known_invalid_fits_unit_strings.get(text, text))


def open_frames(
    images: Iterable[nddata.CCDData | str | os.PathLike], **kwd: Any
) -> list[MemoryFrame | FileFrame]:
    """A frame for each of a list of CCDData or file names, all of one shape and unit.

    Parameters
    ----------
    images : list of CCDData or path
    **kwd
        For files, as in `fits_ccddata_reader`.

    Raises
    ------
    CcdlibError
        If there is no image.
    WrongType
        If one is neither a CCDData nor a path, or shapes or units differ.
    """
    planes = {"hdu_mask": "MASK", "hdu_uncertainty": "UNCERT", "hdu_dq": "DQ"}
    planes |= {"key_uncertainty_type": "UTYPE"}
    planes = {name: kwd.pop(name, default) for name, default in planes.items()}
    for unused in ("hdu_flags", "hdu_psf"):
        kwd.pop(unused, None)
    frames: list[MemoryFrame | FileFrame] = []
    for number, image in enumerate(images):
        if isinstance(image, nddata.CCDData):
            frames.append(MemoryFrame(image, f"image {number}"))
        elif isinstance(image, (str, os.PathLike)):
            frames.append(FileFrame(image, planes=planes, **kwd))
        else:
            raise WrongType(f"image {number} is a {type(image).__name__}, not CCDData or a path")
    if not frames:
        raise CcdlibError("there is no image to combine")
    first = frames[0]
    for frame in frames[1:]:
        if (frame.shape, frame.unit) != (first.shape, first.unit):
            raise WrongType(
                f"{frame.name} has {frame.shape} pixels in {frame.unit}, "
                f"{first.name} has {first.shape} in {first.unit}"
            )
    return frames
