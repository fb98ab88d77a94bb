"""A frame that is darker than no light: what was taken off it is not its own."""

from __future__ import annotations

import numpy as np

from ..errors import CcdlibError
from .image import Image

__all__ = ["refuse_below_zero"]

# a level so many sigma of a pixel below zero is no drift of the bias
_SIGMAS = 10.0
# every so many rows and columns tell the level; of a small image all do
_STRIDE, _FEWEST = 8, 1000


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
    some = (slice(None, None, _STRIDE),) * 2
    good = image.dq[some] == 0
    if np.count_nonzero(good) < _FEWEST:
        some, good = (slice(None),) * 2, image.dq == 0
    if not good.any():
        return
    level = float(np.median(image.data[some][good]))
    if sigma is None:
        sigma = float(np.sqrt(np.median(image.variance[some][good])))
    if level < -_SIGMAS * sigma:
        raise CcdlibError(
            f"{name}: its level is {level:.4g} {image.unit} after what it is calibrated with was "
            f"taken off, and a pixel's noise is {sigma:.3g}: bias or dark are of another offset or "
            "readout than it, or it holds no exposure"
        )
