"""astropy's CCDData with data-quality bits that survive."""

import io
import os
from collections.abc import Sequence
from copy import copy
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from astropy import nddata
from astropy.io import registry
from astropy.io.fits import Header
from astropy.io.fits.connect import is_fits
from astropy.units import UnitBase
from astropy.wcs import WCS

from ..camera.sections import section_of_slices
from ..errors import CcdlibError
from ..raw.plain_header import plain_header
from ..raw.plain_images import plain_images
from .cut_headers import cut_header

if TYPE_CHECKING:
    from astropy.io.fits import HDUList

__all__ = ["CCDData", "fits_ccddata_reader", "fits_ccddata_writer"]

# an extension, as astropy names it
Plane = str | tuple[str, int] | None


class CCDData(nddata.CCDData):
    """An image with its uncertainty, mask, DQ bits, unit, header and WCS.

    An `astropy.nddata.CCDData` with a plane of bits that say why a pixel is bad. The bits survive
    slicing, arithmetic (both operands' bits are OR-ed), copying and a FITS file. A slice's header
    stays true: LTV, LTM, CRPIX and section cards follow the cut. Arithmetic of whole numbers is
    done in float64, that of their uncertainties, too, so that 10000 - 60000 is -50000.

    Parameters
    ----------
    *args, **kwd
        See `astropy.nddata.CCDData`.
    dq : array_like of int, optional
        Bits of `ccdlib.dq`, of the data's shape; kept as uint16, or as uint32 if necessary.

    Raises
    ------
    CcdlibError
        If `dq` is not made of whole numbers >= 0 or has another shape than the data.

    Examples
    --------
    >>> import numpy as np
    >>> from ccdlib import CCDData, dq
    >>> ccd = CCDData(np.ones((2, 3)), unit="adu", dq=[[0, 0, 0], [0, 2, 0]])
    >>> dq.names(ccd[1:].multiply(2).dq[0, 1]), bool(ccd.mask[1, 1])
    (['SATURATED'], True)
    """

    _dq: np.ndarray | None = None
    _mask: Any

    def __init__(self, *args: Any, dq: Any = None, **kwd: Any) -> None:
        super().__init__(*args, **kwd)
        source = args[0] if args else kwd.get("data")
        if dq is None:
            dq = getattr(source, "dq", None)
        self.dq = dq.copy() if kwd.get("copy") and dq is not None else dq

    @property
    def dq(self) -> np.ndarray | None:
        """DQ bits, an integer array of the data's shape, or None."""
        return self._dq

    @dq.setter
    def dq(self, value: Any) -> None:
        if value is not None:
            value = _bits(value, self.shape)
        self._dq = value

    @property
    def mask(self) -> Any:
        """Pixels not to be used: True, and True wherever a DQ bit is set; bool array or None."""
        if self._dq is None:
            return self._mask
        flagged = self._dq != 0
        mask: Any = False if self._mask is None else self._mask
        # the mask is kept, so that one set in place stays; bits may have been set in place since
        if np.shape(mask) != flagged.shape or mask.dtype != bool or not mask[flagged].all():
            self._mask = np.asarray(mask, bool) | flagged
        return self._mask

    @mask.setter
    def mask(self, value: Any) -> None:
        if value is None or value is np.ma.nomask:
            self._mask = None
            return
        if np.shape(value) not in ((), self.shape):
            raise CcdlibError(f"the mask has shape {np.shape(value)}, the image has {self.shape}")
        # arrays of other libraries, which numpy would compute at once, stay what they are
        known = getattr(value, "dtype", None) == np.dtype(bool)
        self._mask = value if known else np.asarray(value, bool)

    def _slice_wcs(self, item):
        wcs = super()._slice_wcs(item)
        if wcs is None or isinstance(wcs, WCS):
            return wcs
        from .conversion import warn

        warn("a slice with fewer axes has no place on the sky: it has no WCS")
        return None

    def _slice(self, item):
        kwargs = super()._slice(item)
        kwargs["dq"] = None if self._dq is None else self._dq[item]
        section = section_of_slices(item, self.shape)
        if section is not None and isinstance(self.meta, Header):
            kwargs["meta"] = cut_header(self.meta, section, self.shape)
        return kwargs

    def _arithmetic(self, operation, operand, *args, **kwargs):
        first, second = _of_floats(self, operand)
        result, kwargs = super(CCDData, first)._arithmetic(operation, second, *args, **kwargs)
        if operand is not None:
            planes: list[Any] = [getattr(each, "dq", None) for each in (self, operand)]
            planes = [plane for plane in planes if plane is not None]
            kwargs["dq"] = np.bitwise_or.reduce(planes) if planes else None
        return result, kwargs

    def convert_unit_to(self, unit: UnitBase | str, equivalencies: Sequence = ()) -> "CCDData":
        """The same image in another unit.

        Parameters
        ----------
        unit : Unit or str
        equivalencies : list
            See `astropy.units.Unit.to`.

        Returns
        -------
        CCDData
            With its bits; the uncertainty is in the new unit, too.

        Examples
        --------
        >>> from ccdlib import CCDData
        >>> CCDData([[1.5]], unit="kilosecond").convert_unit_to("s").data.tolist()
        [[1500.0]]
        """
        result = super().convert_unit_to(unit, equivalencies)
        result.dq = None if self._dq is None else self._dq.copy()
        return result

    def to_hdu(self, *args: Any, hdu_dq: str | None = "DQ", **kwd: Any) -> "HDUList":
        """Return the image and its planes as HDUs.

        Parameters
        ----------
        *args, **kwd
            See `astropy.nddata.CCDData.to_hdu`.
        hdu_dq : str or None
            Name of the extension with the bits; None leaves them out.

        Returns
        -------
        HDUList

        Examples
        --------
        >>> from ccdlib import CCDData
        >>> ccd = CCDData([[1.0, 2.0]], unit="adu", dq=[[0, 32]])
        >>> [hdu.name for hdu in ccd.to_hdu()]
        ['PRIMARY', 'MASK', 'DQ']
        """
        from astropy.io import fits

        from ..products.product_files import dq_header

        hdus = super().to_hdu(*args, **kwd)
        if hdu_dq and self._dq is not None:
            hdus.append(fits.ImageHDU(self._dq, dq_header(self._dq).to_astropy(), name=hdu_dq))
        return hdus


def _of_floats(ccd, operand):
    """Both images of an operation, those of whole numbers in the type of the result.

    They would wrap round, in the pixels and in the squares that uncertainties are made of.
    """
    if operand is None:
        return ccd, None
    kind = np.result_type(ccd.data.dtype, operand.data.dtype)
    kind = np.dtype(np.float64) if kind.kind in "iu" else kind
    return _in_type(ccd, kind), _in_type(operand, kind)


def _in_type(image, kind):
    """An image in a type, the same object where it is not of whole numbers."""
    if image.data.dtype.kind not in "iu":
        return image
    result = copy(image)
    result._data = image.data.astype(kind)
    # it knows the pixels of the image that it belongs to
    result.uncertainty = image.uncertainty
    return result


def _bits(value, shape):
    value = np.asarray(value)
    if value.dtype.kind not in "iub" or (value.size and value.min() < 0):
        raise CcdlibError(f"dq has values of type {value.dtype}, not whole numbers >= 0")
    if value.shape != shape:
        raise CcdlibError(f"dq has shape {value.shape}, the image has {shape}")
    if value.dtype in (np.uint16, np.uint32):
        return value
    return value.astype(np.uint16 if value.size == 0 or value.max() < 1 << 16 else np.uint32)


def fits_ccddata_reader(
    filename: Any,
    hdu: int | str | tuple = 0,
    unit: UnitBase | str | None = None,
    hdu_uncertainty: Plane = "UNCERT",
    hdu_mask: Plane = "MASK",
    hdu_flags: Plane = None,
    key_uncertainty_type: str = "UTYPE",
    hdu_psf: Plane = "PSFIMAGE",
    *,
    hdu_dq: Plane = "DQ",
    **kwd: Any,
) -> CCDData:
    """Read an image of a FITS file with its planes.

    Parameters
    ----------
    filename : path
    hdu : int, str or tuple
        HDU of the image; 0 with an empty primary means the first image after it.
    unit : Unit or None
        Wins over the file's BUNIT; one of the two must be there.
    hdu_uncertainty, hdu_mask, hdu_flags, hdu_psf, hdu_dq : str, tuple or None
        Extensions of the planes; one that is missing leaves its plane None.
    key_uncertainty_type : str
        Keyword with the type of the uncertainty.
    **kwd
        For `astropy.io.fits.open`.

    Returns
    -------
    CCDData

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "a.fits"
    >>> CCDData([[1.0, 2.0]], unit="adu", dq=[[0, 32]]).write(path)
    >>> CCDData.read(path).dq.tolist()
    [[0, 32]]
    """
    bits, number, primary = _besides(filename, hdu, hdu_dq, **kwd)
    plain = nddata.fits_ccddata_reader(
        filename,
        hdu if number is None else number,
        unit,
        hdu_uncertainty,
        hdu_mask,
        hdu_flags,
        key_uncertainty_type,
        hdu_psf,
        **kwd,
    )
    ccd = CCDData(plain, dq=bits)
    ccd.flags = plain.flags
    if number is not None:
        ccd.header.extend(primary, unique=True)
    return ccd


def _besides(filename, hdu, hdu_dq, **kwd):
    """What astropy's reader does not look for.

    Returns
    -------
    ndarray or None, int or None, Header or None
        The bits; the number of a compressed image that is the first, and the primary header.
    """
    from astropy.io import fits

    opened = hasattr(filename, "read")
    if _is_plain(filename, opened, hdu_dq):
        return None, None, None
    hdus = fits.open(filename, **kwd)
    try:
        number = _first_compressed(hdus) if hdu == 0 else None
        bits = hdus[hdu_dq].data if hdu_dq is not None and hdu_dq in hdus else None
        primary = None if number is None else hdus[0].header.copy()
    finally:
        hdus.close(closed=not opened)
    if opened:
        # CCDData.read hands on a compressed file as a stream, which is read a second time
        filename.seek(0)
    return bits, number, primary


def _is_plain(filename, opened, hdu_dq):
    """Whether a quick look finds an image that comes first, and no bits."""
    if hdu_dq is not None and not isinstance(hdu_dq, str):
        return False
    if isinstance(filename, (io.FileIO, io.BufferedReader)):
        names = _names(filename)
        filename.seek(0)
    elif not opened and os.path.isfile(filename):
        with open(filename, "rb") as file:
            names = _names(file)
    else:
        return False
    return names is not None and (hdu_dq is None or hdu_dq.upper() not in names)


def _names(file):
    """The names of a file's images; None where the first has no pixels, or astropy must look."""
    images = plain_images(file)
    if not images or not images[0].shape:
        return None
    headers = [header for image in images if (header := plain_header(image.header))]
    if len(headers) < len(images):
        return None
    return {str(header.get("EXTNAME", "")).strip().upper() for header in headers}


def _first_compressed(hdus):
    """The number of the first image behind an empty primary, if it is compressed."""
    from astropy.io.fits import CompImageHDU

    if hdus[0].header.get("NAXIS"):
        return None
    images = [number for number, hdu in enumerate(hdus) if hdu.is_image and number > 0]
    return images[0] if images and isinstance(hdus[images[0]], CompImageHDU) else None


def fits_ccddata_writer(
    ccd_data: nddata.CCDData,
    filename: str | Path | IO[bytes],
    hdu_mask: str | None = "MASK",
    hdu_uncertainty: str | None = "UNCERT",
    hdu_flags: str | None = None,
    key_uncertainty_type: str = "UTYPE",
    as_image_hdu: bool = False,
    hdu_psf: str | None = "PSFIMAGE",
    *,
    hdu_dq: str | None = "DQ",
    **kwd: Any,
) -> None:
    """Write an image with its planes, each into its extension.

    Parameters
    ----------
    ccd_data : CCDData
    filename : path
    hdu_mask, hdu_uncertainty, hdu_flags, hdu_psf, hdu_dq : str or None
        Names of the extensions; None leaves the plane out.
    key_uncertainty_type : str
    as_image_hdu : bool
        Whether the image is an extension behind an empty primary.
    **kwd
        For `HDUList.writeto`, such as ``overwrite=True``.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "a.fits"
    >>> fits_ccddata_writer(CCDData([[1.0, 2.0]], unit="adu"), path)
    >>> path.exists()
    True
    """
    from astropy.io import fits

    planes = {
        "hdu_mask": hdu_mask,
        "hdu_uncertainty": hdu_uncertainty,
        "hdu_flags": hdu_flags,
        "key_uncertainty_type": key_uncertainty_type,
        "as_image_hdu": as_image_hdu,
        "hdu_psf": hdu_psf,
    }
    hdus = CCDData(ccd_data).to_hdu(hdu_dq=hdu_dq, **planes)
    if as_image_hdu:
        hdus.insert(0, fits.PrimaryHDU())
    hdus.writeto(filename, **kwd)


with registry.delay_doc_updates(CCDData):
    registry.register_reader("fits", CCDData, fits_ccddata_reader)
    registry.register_writer("fits", CCDData, fits_ccddata_writer)
    registry.register_identifier("fits", CCDData, is_fits)
