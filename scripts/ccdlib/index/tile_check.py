"""Whether compressed tiles can be unpacked, tried where a crash or a flood does no harm.

Damaged HCOMPRESS tiles can crash the library, and a few kilobytes of gzip unpack to gigabytes. In a
job this would end a master of good frames, and nobody would know which file it was. And what fits
into the bits that ZBITPIX says is only known when it is unpacked: the library wraps what does not.
"""

import sys
from functools import partial
from typing import TYPE_CHECKING

from ..errors import CcdlibError
from ..limits import tried_apart

if TYPE_CHECKING:
    from astropy.io.fits import HDUList

    from ..camera.headers import Headers

__all__ = ["refuse_harmful_tiles"]

# in a header of tiles: those of RICE, which nearly all are, came to no harm however damaged
_HARMFUL = (b"HCOMPRESS", b"PLIO", b"GZIP")
# what unpacking may take besides a few copies of the image
_SECONDS, _BYTES, _COPIES = 30, 2**28, 5
# of a value, in memory
_LARGEST_VALUE = 8
# bits of the widest integers
_WIDEST = 64


def refuse_harmful_tiles(hdus: "HDUList", headers: "Headers") -> None:
    """Refuse tiles that crash the library, do not end or hold more bits than their image.

    Those of RICE are not looked at: they say how wide their integers are.

    Parameters
    ----------
    hdus : HDUList
        Open.
    headers : Headers
        Of the same file.

    Raises
    ------
    CcdlibError
        With what went wrong.
    """
    from astropy.io.fits import CompImageHDU

    # elsewhere a fork is not safe
    if sys.platform != "linux":
        return
    for number, _, shape in headers.images:
        hdu = hdus[number]
        if not isinstance(hdu, CompImageHDU) or not _may_harm(hdus, hdu):
            continue
        size = _BYTES + _COPIES * _LARGEST_VALUE * shape[0] * shape[1]
        # what is unpacked in the fork is not kept here
        wrong = tried_apart(partial(_unpack, hdus, hdu), _SECONDS, size)
        if wrong:
            raise CcdlibError(f"{headers.file}: its compressed pixels cannot be unpacked: {wrong}")


def _may_harm(hdus, hdu):
    where = hdu.fileinfo()
    cards = _bytes(hdus, where["hdrLoc"], where["datLoc"])
    return any(word in cards for word in _HARMFUL)


def _bytes(hdus, first, last):
    file = hdus.fileinfo(0)["file"]
    file.seek(first)
    return file.read(last - first)


def _unpack(hdus, hdu):
    """Unpack an image as it says, and where it is of integers into more bits than that, too."""
    from astropy.io.fits import BinTableHDU, CompImageHDU

    bits = hdu.header["BITPIX"]
    if bits < 0 or bits == _WIDEST:
        return hdu.data
    where = hdu.fileinfo()
    content = _bytes(hdus, where["hdrLoc"], where["datLoc"] + where["datSpan"])
    table, wider = BinTableHDU.fromstring(content), BinTableHDU.fromstring(content)
    wider.header["ZBITPIX"] = _WIDEST
    stored, whole = (
        CompImageHDU(bintable=each, do_not_scale_image_data=True).data for each in (table, wider)
    )
    if (stored != whole).any():
        raise CcdlibError(f"ZBITPIX={bits}, but they are from {whole.min()} to {whole.max()}")
    return stored
