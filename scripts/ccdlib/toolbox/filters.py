"""Filters and the noise of a background, under the names of ccdproc."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..errors import CcdlibError
from ..statistics.robust import MAD_TO_SIGMA
from .metadata import conf

if TYPE_CHECKING:
    from astropy.nddata import CCDData as AnyCCDData

__all__ = [
    "background_deviation_box",
    "background_deviation_filter",
    "median_filter",
    "sigma_func",
]

# float64 values of windows that are held at once
_WINDOW_VALUES = 4_000_000


def median_filter(
    data: "AnyCCDData | ArrayLike", *args: Any, **kwargs: Any
) -> "AnyCCDData | np.ndarray":
    """The median filter of scipy for CCDData and arrays.

    Parameters
    ----------
    data : CCDData or array_like
    *args, **kwargs
        See `scipy.ndimage.median_filter`.

    Returns
    -------
    CCDData or ndarray
        A CCDData keeps mask, DQ, header and WCS, but not the uncertainty: filtered pixels are
        correlated. Masked pixels take part in the medians.

    Examples
    --------
    >>> import numpy as np
    >>> from ccdlib import CCDData, median_filter
    >>> ccd = CCDData(np.ones((5, 5)), unit="adu")
    >>> ccd.data[2, 2] = 900
    >>> float(median_filter(ccd, size=3).data.max())
    1.0
    """
    from astropy.nddata import CCDData as AnyCCDData
    from scipy import ndimage

    if not isinstance(data, AnyCCDData):
        return ndimage.median_filter(data, *args, **kwargs)
    from .conversion import require_numpy, result_of

    require_numpy("data", data.data)
    filtered = ndimage.median_filter(np.asarray(data.data), *args, **kwargs)
    if conf.as_ccdproc:
        from . import as_ccdproc

        return as_ccdproc.blocks(data, filtered)
    flags = getattr(data, "dq", None)
    return result_of(data, filtered, None, None if flags is None else flags.copy())


def sigma_func(
    arr: ArrayLike, axis: int | tuple[int, ...] | None = None, ignore_nan: bool = False
) -> Any:
    """A standard deviation that outliers do not raise.

    ::

        1.4826 median(|x - median(x)|)

    Parameters
    ----------
    arr : array_like or masked array
    axis : int, tuple or None
    ignore_nan : bool

    Returns
    -------
    float or ndarray

    Examples
    --------
    >>> from ccdlib import sigma_func
    >>> round(float(sigma_func([1, 2, 3, 4, 900])), 4)
    1.4826
    """
    from astropy.stats import median_absolute_deviation

    return median_absolute_deviation(arr, axis=axis, ignore_nan=ignore_nan) * MAD_TO_SIGMA


def _check_box(data, bbox):
    if not isinstance(data, (np.ndarray, list)):
        from .conversion import require_numpy

        require_numpy("data", data)
    if np.ndim(data) != 2:
        raise CcdlibError(f"data have the shape {np.shape(data)}, not two axes")
    if bbox < 1:
        raise CcdlibError(f"bbox must be 1 or greater, it is {bbox}")


def background_deviation_box(data: ArrayLike, bbox: int) -> np.ndarray:
    """The noise of the background in each box of the image.

    Parameters
    ----------
    data : array_like, shape (ny, nx)
    bbox : int
        Side of the boxes; they begin at the first pixel, and the last ones may be smaller.

    Returns
    -------
    ndarray of float, shape (ny, nx)
        `sigma_func` of the box around each pixel.

    Raises
    ------
    CcdlibError
        If `bbox` is below 1.

    Examples
    --------
    >>> import numpy as np
    >>> from ccdlib import background_deviation_box
    >>> noise = np.random.default_rng(1).normal(0, 3, (50, 50))
    >>> bool(abs(background_deviation_box(noise, 25).mean() - 3) < 0.3)
    True
    """
    _check_box(data, bbox)
    data = np.asarray(data)
    if conf.as_ccdproc:
        from . import as_ccdproc

        return as_ccdproc.background_deviation_box(data, bbox)
    result = np.empty(data.shape, float)
    for y in range(0, data.shape[0], bbox):
        for x in range(0, data.shape[1], bbox):
            box = slice(y, y + bbox), slice(x, x + bbox)
            result[box] = sigma_func(data[box])
    return result


def background_deviation_filter(data: ArrayLike, bbox: int) -> np.ndarray:
    """The noise of the background in the box around each pixel.

    Parameters
    ----------
    data : array_like, shape (ny, nx)
    bbox : int
        Side of the box; beyond its edges the image is mirrored.

    Returns
    -------
    ndarray of float, shape (ny, nx)
        `sigma_func` of the box.

    Raises
    ------
    CcdlibError
        If `bbox` is below 1.

    Examples
    --------
    >>> import numpy as np
    >>> from ccdlib import background_deviation_filter
    >>> background_deviation_filter(np.full((4, 4), 7.0), 3).max()
    np.float64(0.0)
    """
    _check_box(data, bbox)
    # as ccdproc has it, of whole numbers the noise is cut to one
    kind = np.asarray(data).dtype if conf.as_ccdproc else float
    data = np.asarray(data, float)
    before = bbox // 2
    # numpy's "symmetric" is scipy's "reflect"
    padded = np.pad(data, (before, bbox - 1 - before), mode="symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (bbox, bbox))
    rows = max(_WINDOW_VALUES // (data.shape[1] * bbox**2), 1)
    bands = (windows[first : first + rows] for first in range(0, data.shape[0], rows))
    noise = np.concatenate([sigma_func(band, axis=(2, 3)) for band in bands])
    return noise.astype(kind, copy=False)
