"""A frame, or rows of it, darker than no light: no exposure, or with a bias of another readout."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .. import dq
from ..errors import CcdlibError
from .image import Image

__all__ = ["flag_below_zero", "flag_stuck", "refuse_below_zero"]

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
    return _without_data(image, rows, columns)


def _without_data(image, rows, columns):
    """The image with NO_DATA in some rows and columns; unless those are most of it."""
    if not rows.any() and not columns.any():
        return image
    lost = rows[:, None] | columns[None, :]
    if lost.mean() > _MOST:
        return image
    return replace(image, dq=image.dq | np.where(lost, np.uint16(dq.NO_DATA), np.uint16(0)))


def flag_stuck(image: Image, sigma: float) -> Image:
    """Flag rows and columns of a master bias that are far below its level and of one value.

    In each of its frames they hold no readout, zeros mostly, and would leave the whole pedestal in
    these rows of each light. A bias may have dark rows; their pixels differ from each other.

    Parameters
    ----------
    image : Image
        Combined biases.
    sigma : float
        Noise of a pixel of one frame, in the image's unit.

    Returns
    -------
    Image
        With NO_DATA where more than half of a row's, or of a column's, pixels have the value that
        its middle pixel has by size, more than 10 sigma below the median of all; the same object
        where none is.
    """
    some, good = _sample(image)
    if not good.any():
        return image
    least = np.median(image.data[some][good]) - _SIGMAS * sigma
    return _without_data(image, *(_stuck(image.data, least, axis) for axis in (1, 0)))


def _stuck(data, least, axis):
    """Whether each row, or column, is below a level and of one value."""
    middle = np.quantile(data, 0.5, axis=axis, method="lower", keepdims=True)
    same = (data == middle).mean(axis=axis) > _MOST
    return same & (middle.squeeze(axis) < least)
