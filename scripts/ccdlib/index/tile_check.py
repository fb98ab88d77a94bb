"""Whether compressed tiles can be unpacked, tried where a crash or a flood does no harm.

Damaged HCOMPRESS tiles can crash the library, and a few kilobytes of gzip unpack to gigabytes. In a
job this would end a master of good frames, and nobody would know which file it was.
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


def refuse_harmful_tiles(hdus: "HDUList", headers: "Headers") -> None:
    """Refuse tiles that crash the library or do not end; those of RICE are not looked at here.

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
        wrong = tried_apart(partial(getattr, hdu, "data"), _SECONDS, size)
        if wrong:
            raise CcdlibError(f"{headers.file}: its compressed pixels cannot be unpacked: {wrong}")


def _may_harm(hdus, hdu):
    where, file = hdu.fileinfo(), hdus.fileinfo(0)["file"]
    file.seek(where["hdrLoc"])
    cards = file.read(where["datLoc"] - where["hdrLoc"])
    return any(word in cards for word in _HARMFUL)
