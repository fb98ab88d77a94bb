"""raw - level - bias - k dark: the one place where it is written, and the noise that it brings.

Frames and the frames of a master use these functions. The engine that combines thousands of
values a pixel has a fused copy in compiled code (`statistics.combine_kernels.finish_row`); a test
holds it to `subtracted`, bit for bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..camera.amplifiers import hdu_in
from ..errors import CcdlibError
from .image import Image, Map, amplifier_map
from .noise import expected_signal

if TYPE_CHECKING:
    from astropy.io.fits import Header

    from .raw_image import RawImage

__all__ = ["dark_charge", "dark_pedestal", "dark_variance", "subtracted"]


def subtracted(
    values: np.ndarray,
    *,
    level: np.ndarray | None = None,
    bias: np.ndarray | None = None,
    dark: np.ndarray | None = None,
    scale: float = 1.0,
) -> np.ndarray:
    """``values - level - bias - scale * dark``, in this order and in the type of `values`.

    Parameters
    ----------
    values : ndarray of float
        adu. Not changed.
    level, bias, dark : ndarray or None
        adu, of a shape that broadcasts to that of `values`; None leaves a term out.
    scale : float
        Exposure time of the frame over that of the dark.

    Returns
    -------
    ndarray
        A new array.
    """
    kind = values.dtype
    if level is not None:
        values = values - level.astype(kind, copy=False)
    if bias is not None:
        values = values - bias
    if dark is not None:
        values = values - kind.type(scale) * dark
    return values


def dark_variance(bias: Map, dark: np.ndarray, scale: float, shared_bias: bool) -> np.ndarray:
    """What a bias and a scaled dark add to the variance of a frame.

    The frame is ``raw - bias - scale * dark``. When the dark was made with the same master
    bias, ``dark = mean - bias``, that bias enters twice with opposite signs:
    ``raw - (1 - scale) * bias - scale * mean``; at scale 1 its noise cancels.

    Parameters
    ----------
    bias, dark : ndarray or float
        Variances of the masters, adu^2; that of the dark includes its bias.
    scale : float
    shared_bias : bool
        Whether the dark was made with this very bias.

    Returns
    -------
    ndarray or float
        adu^2.
    """
    if not shared_bias:
        return bias + scale * scale * dark
    mean_only = np.maximum(dark - bias, 0)
    return (1 - scale) * (1 - scale) * bias + scale * scale * mean_only


def dark_charge(dark: Image, scale: float, pedestal: Map = 0.0) -> np.ndarray:
    """The signal that a scaled dark takes away, and whose photon noise stays in the frame.

    Parameters
    ----------
    dark : Image
        In adu.
    scale : float
    pedestal : float or ndarray
        The part of the dark that is no dark current, adu; see `dark_pedestal`.

    Returns
    -------
    ndarray of float32
        adu, without the dark's own noise where it is smooth.
    """
    charge = expected_signal(dark.data - pedestal, dark.dq == 0, np.float32(np.inf), dark.variance)
    return charge * np.float32(scale)


def dark_pedestal(raw: RawImage, header: Header) -> np.ndarray | np.float32:
    """What a master dark still holds besides its current, over the trimmed image.

    Parameters
    ----------
    raw : RawImage
        The image from which the dark will be subtracted.
    header : Header
        The dark's: PEDREMOV, and DPEDi_j for each amplifier when that is false.

    Returns
    -------
    float or ndarray of float32, shape (ny, nx)
        adu.

    Raises
    ------
    CcdlibError
        If the dark holds its pedestal and does not say how much that is.
    """
    if header["PEDREMOV"]:
        return np.float32(0)
    hdu = hdu_in(header, raw.hdu)
    keys = [f"DPED{hdu}_{number}" for number in range(1, len(raw.amplifiers) + 1)]
    missing = [key for key in keys if key not in header]
    if missing:
        raise CcdlibError(
            f"{raw.name}: its master dark holds its pedestal (PEDREMOV=F), and its header has "
            f"no {missing[0]}, which says how much of it is no dark current"
        )
    return amplifier_map(raw.amplifiers, [header[key] for key in keys])
