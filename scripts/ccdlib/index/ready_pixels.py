"""What the pixels of a ready master say against its header, as far as they can."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from .. import dq
from ..errors import CcdlibError
from ..products.check_stored import check_stored
from ..raw.stored_pixels import LARGEST_VALUE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Any

    from astropy.io.fits import Header

__all__ = ["check_kind", "check_planes"]

# a flat's median and the largest share of its pixels that are not positive: it is divided by its
# own level, wherever that is taken
_FLAT_MEDIAN, _NOT_POSITIVE = (0.2, 5.0), 0.1
# a flat with more noise than this, of its level, tells nothing of a pixel
_FLAT_NOISE = 0.3
# nor is one without the noise of its light: this would be that of 10^12 electrons
_LEAST_FLAT_NOISE = 1e-6
# the noise of a bias or dark is not so far below what its cards say of one frame; a mean has less
# than a median, and pixels that are clipped away leave more
_LOWEST, _HIGHEST = 0.5, 3.0
# and not so far below the digitisation, where the cards say nothing
_OF_DIGITISATION = 0.1


def check_planes(hdus: Sequence[Any], path: str | Path, file: str) -> None:
    """Refuse what no master that the pipeline wrote holds, and no frame may be made of.

    Parameters
    ----------
    hdus : sequence of HDU
        Image, UNCERT, MASK and DQ of each image.
    path : path
    file : str
        For messages.

    Raises
    ------
    CcdlibError
    """
    if wrong := check_stored(path):
        raise CcdlibError(f"{file}: {wrong[0]}")
    for at in range(0, len(hdus), 4):
        image, uncert, mask, flags = hdus[at : at + 4]
        for hdu in (uncert, mask, flags):
            if hdu.shape != image.shape:
                raise CcdlibError(f"{file}: {hdu.name} has {hdu.shape} pixels, not {image.shape}")
        if flags.data.dtype != np.uint16:
            raise CcdlibError(f"{file}: its DQ plane does not hold 16-bit integers")
        if count := np.count_nonzero(~np.isfinite(image.data)):
            raise CcdlibError(f"{file}: {count} pixels of its image are not finite")
        if count := np.count_nonzero(~((uncert.data >= 0) & np.isfinite(uncert.data))):
            raise CcdlibError(f"{file}: {count} pixels of UNCERT are negative or not finite")
        if count := np.count_nonzero(np.maximum(abs(image.data), uncert.data) > LARGEST_VALUE):
            raise CcdlibError(
                f"{file}: {count} pixels or their UNCERT are beyond {LARGEST_VALUE:g}"
            )
    if all((flags.data & dq.NO_DATA).all() for flags in hdus[3::4]):
        raise CcdlibError(f"{file}: DQ says of all its pixels that they have no value")


def check_kind(kind: str, header: Header, hdus: Sequence[Any], file: str) -> None:
    """Refuse a master whose pixels cannot be those of the kind that its header names.

    A flat is about 1 everywhere. The noise of a bias or a dark in adu follows from the read noise,
    the gain and the number of frames that its own cards give.

    Parameters
    ----------
    kind : str
        A kind of which there may be ready ones; the pixels of fringes tell nothing.
    header : Header
        The primary HDU's.
    hdus : sequence of HDU
        As for `check_planes`, which they passed.
    file : str
        For messages.

    Raises
    ------
    CcdlibError
    """
    for at in range(0, len(hdus), 4):
        image, uncert, _, flags = (hdu.data for hdu in hdus[at : at + 4])
        good = flags == 0
        if not good.any():
            continue
        if kind in ("flat", "illumination"):
            _check_flat(kind, image[good], uncert[good], file)
        elif kind != "fringe":
            _check_noise(kind, header, float(np.median(uncert[good])), file)


def _check_flat(kind, values, sigma, file):
    low, high = _FLAT_MEDIAN
    level, noise = float(np.median(values)), float(np.median(sigma))
    share = float(np.mean(values <= 0))
    says = f"{file}: IMAGETYP says {kind}, and its pixels"
    if not low <= level <= high:
        raise CcdlibError(f"{says} have the median {level:.4g}, a master flat's are about 1")
    if share > _NOT_POSITIVE:
        raise CcdlibError(f"{says} are not positive in {100 * share:.0f} % of it")
    if noise > _FLAT_NOISE * level:
        raise CcdlibError(
            f"{says} have a median UNCERT of {noise:.4g} with the median {level:.4g}: no flat has "
            f"more than {_FLAT_NOISE:g} of its level"
        )
    if noise < _LEAST_FLAT_NOISE * level:
        raise CcdlibError(
            f"{says} have a median UNCERT of {noise:.4g}: the light of a flat has more noise, and "
            "the frames that are divided by it would have too little"
        )


def _number(header, keyword, file, default=None):
    """The value of a card that is a positive number, the default without the card."""
    value = header.get(keyword, default)
    if value is default or (isinstance(value, (int, float)) and 0 < value < math.inf):
        return value
    raise CcdlibError(f"{file}: {keyword}={value!r} is not a positive number")


def _noise_of_a_frame(header, file):
    """The noise without light of each amplifier, adu, and the cards that say so."""
    found, number = [], 1
    while f"AMPGAI{number}" in header or f"AMPSCA{number}" in header:
        scatter, gain, noise = (
            _number(header, f"{name}{number}", file) for name in ("AMPSCA", "AMPGAI", "AMPRON")
        )
        if scatter is not None:
            found.append((scatter, f"AMPSCA{number}={scatter:.4g}"))
        elif noise is not None and gain:
            cards = f"AMPRON{number}={noise:.4g}, AMPGAI{number}={gain:.4g}"
            found.append((noise / gain, cards))
        number += 1
    return found


def _check_noise(kind, header, sigma, file):
    frames = _number(header, "NCOMBINE", file, 1)
    known = _noise_of_a_frame(header, file)
    low, cards = min(known, default=(None, ""))
    says = f"{file}: IMAGETYP says {kind}, BUNIT adu, and the median of UNCERT is {sigma:.4g} adu"
    if low is None:
        # of frames that hold whole adu, as those of a converter do
        low, cards = math.sqrt(1 / 12) * _OF_DIGITISATION / _LOWEST, "even the digitisation"
    expected = low / math.sqrt(frames)
    if sigma < _LOWEST * expected:
        raise CcdlibError(
            f"{says}, which is far below the {expected:.4g} adu that {cards} and NCOMBINE={frames} "
            f"make: it is no {kind}, or in another unit"
        )
    high, cards = max(known, default=(math.inf, ""))
    if kind == "bias" and sigma > _HIGHEST * high:
        raise CcdlibError(
            f"{says}, which is far above the {high:.4g} adu of one frame that {cards} make: it is "
            "no bias, or in another unit"
        )
