"""Sigma of the flux in an aperture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import CcdlibError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike

__all__ = ["aperture_sigma"]


def aperture_sigma(
    product: str | Path, radius: float, x: ArrayLike | None = None, y: ArrayLike | None = None
) -> np.ndarray | float:
    """Sigma of the sum of a product's pixels within a radius.

    The pixels of a stack are correlated, as each is interpolated from several of each light, and
    its lights share the noise of their masters. So the variance of a sum is not the sum of the
    variances::

        sigma^2 = sum_pq o_p o_q CORR(p - q) + sum_pq s_p s_q SHCORR(p - q)

    over all pairs of pixels, with ``s = SHARED``, ``o^2 = UNCERT^2 - SHARED^2`` and the two kernels
    of the stack. Of a calibrated frame and of a master it is ``sum(UNCERT^2)``.

    Parameters
    ----------
    product : path
        A stack, a calibrated frame or a master of one image.
    radius : float
        Pixels whose middles are no further from the pixel that the point lies in are added up.
    x, y : array_like or None
        Columns and rows from 0 at the middle of the first pixel (FITS counts from 1). None: of an
        aperture on the sky, from the median sigma of all good pixels.

    Returns
    -------
    float or ndarray
        In the unit of the product; an array where x and y are. Pixels with a DQ bit are not added
        up, nor those outside the image; NaN where none is left.

    Raises
    ------
    CcdlibError
        If the file has no UNCERT and DQ, or one of x and y is given without the other.

    Notes
    -----
    What all pixels share, such as the level of the sky that is subtracted (card SKYSIG of a
    stack), is not in it: n pixels have n times that sigma on top.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from astropy.io import fits
    >>> from ccdlib import aperture_sigma
    >>> path = Path(tempfile.mkdtemp(), "light.fits")
    >>> flat = np.full((9, 9), 2.0, np.float32)
    >>> sigma, flags = fits.ImageHDU(flat), fits.ImageHDU(np.zeros((9, 9), np.uint16))
    >>> sigma.name, flags.name = "UNCERT", "DQ"
    >>> fits.HDUList([fits.PrimaryHDU(flat), sigma, flags]).writeto(path)
    >>> round(float(aperture_sigma(path, 1, 4, 4)), 3)
    4.472
    """
    from astropy.io import fits

    # it brings in compiled code
    from ..stack.aperture import sigma_of_sum, sigma_on_sky

    if (x is None) != (y is None):
        raise CcdlibError("x and y go together, one of them is None")
    with fits.open(product) as hdus:
        names = [hdu.name for hdu in hdus]
        if "UNCERT" not in names or "DQ" not in names:
            raise CcdlibError(f"{product}: it has no UNCERT and no DQ, but {', '.join(names)}")
        variance = np.square(np.asarray(hdus["UNCERT"].data, float))
        use = np.asarray(hdus["DQ"].data) == 0
        shared = np.zeros(variance.shape)
        own, common = np.ones((1, 1)), np.ones((1, 1))
        if "SHCORR" in names:
            shared, own, common = (
                np.asarray(hdus[name].data, float) for name in ("SHARED", "CORR", "SHCORR")
            )
        kernels = own, common
    if x is None or y is None:
        level, square = (float(np.median(each[use])) for each in (variance, shared))
        return sigma_on_sky(level, square, kernels, radius)
    found = sigma_of_sum(variance, shared, use, kernels, radius, x, y)
    return found if np.ndim(x) else float(found[0])
