"""A frame, or rows of it, darker than no light: what was taken off is not its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .. import dq
from ..errors import CcdlibError
from .image import Image

__all__ = ["flag_below_zero", "refuse_below_zero"]

# a level so many sigma of a pixel below zero is no drift of the bias
_SIGMAS = 10.0
# every so many rows and columns tell the level; of a small image all do
_STRIDE, _FEWEST = 8, 1000
# of a row or a column so many pixels at least are looked at, and such a share of them decides
_ALONG, _MOST = 128, 0.5


def refuse_below_zero(name: str, image: Image, sigma: float | None = None) -> None:
    """Refuse an image whose level is far below zero.

    Its bias or dark is of another offset or readout than the frame, which no card told, or the
    frame holds no exposure: zeros, say.

    Parameters
    ----------
    name : str
        For messages.
    image : Image
        With its bias or overscan, and its dark, taken off.
    sigma : float, optional
        Noise of a pixel of one frame, in the image's unit; by default the image's own.

    Raises
    ------
    CcdlibError
        If the median of its good pixels is more than 10 sigma below zero.
    """
    some, good = _sample(image)
    if not good.any():
        return
    level = float(np.median(image.data[some][good]))
    sigma = _sigma(image) if sigma is None else sigma
    if level < -_SIGMAS * sigma:
        raise CcdlibError(
            f"{name}: its level is {level:.4g} {image.unit} after what it is calibrated with was "
            f"taken off, and a pixel's noise is {sigma:.3g}: bias or dark are of another offset or "
            "readout than it, or it holds no exposure"
        )


def _sample(image):
    """Some pixels, and which of them are good."""
    some = (slice(None, None, _STRIDE),) * 2
    good = image.dq[some] == 0
    if np.count_nonzero(good) < _FEWEST:
        some, good = (slice(None),) * 2, image.dq == 0
    return some, good


def _sigma(image):
    some, good = _sample(image)
    return float(np.sqrt(np.median(image.variance[some][good]))) if good.any() else np.inf


def flag_below_zero(image: Image, sigma: float | None = None) -> Image:
    """Flag rows and columns that are far below zero in an image that is not: they hold no exposure.

    A transfer that broke off leaves rows of zeros. In a dark they would make the same rows of each
    light brighter by the whole pedestal.

    Parameters
    ----------
    image : Image
        As for `refuse_below_zero`.
    sigma : float, optional
        As for `refuse_below_zero`.

    Returns
    -------
    Image
        With NO_DATA where more than half of a row's, or of a column's, pixels are more than
        10 sigma below zero; the same object where none is.
    """
    least = np.float32(-_SIGMAS * (_sigma(image) if sigma is None else sigma))
    few = [max(size // _ALONG, 1) for size in image.shape]
    rows = (image.data[:, :: few[1]] < least).mean(axis=1) > _MOST
    columns = (image.data[:: few[0]] < least).mean(axis=0) > _MOST
    if not rows.any() and not columns.any():
        return image
    below = rows[:, None] | columns[None, :]
    # all of it: that is for `refuse_below_zero` to say
    if below.mean() > _MOST:
        return image
    return replace(image, dq=image.dq | np.where(below, np.uint16(dq.NO_DATA), np.uint16(0)))
