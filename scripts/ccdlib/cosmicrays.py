"""Cosmic rays in a single frame: found, flagged and, when wanted, replaced."""

from dataclasses import replace

import numpy as np

from . import dq
from .errors import CcdlibError

__all__ = ["clean_cosmic_rays", "find_lacosmic", "find_median"]

# what a cosmic-ray finder must not look at: such pixels look like one, or hide one
_NOT_SEARCHED = dq.BAD | dq.HOT | dq.NO_DATA | dq.LOW_FLAT | dq.NO_CALIBRATION | dq.SATURATED


def find_lacosmic(image, background_variance, settings):
    """Cosmic rays by LA Cosmic (van Dokkum 2001, PASP 113, 1420).

    Parameters
    ----------
    image : Image
        With the sky still in it, in electrons.
    background_variance : ndarray
        The image's true variance, electron^2; it takes the place of the method's own noise.
    settings : dict
        The config's cosmic_rays.

    Returns
    -------
    ndarray of bool
    """
    import astroscrappy

    mask, _ = astroscrappy.detect_cosmics(
        image.data,
        inmask=(image.dq & _NOT_SEARCHED) != 0,
        invar=background_variance,
        sigclip=settings["sigclip"],
        sigfrac=settings["sigfrac"],
        objlim=settings["objlim"],
        gain=1.0,
        # saturation is known from the raw values and is in the mask already
        satlevel=np.inf,
        niter=settings["iterations"],
        cleantype="medmask",
    )
    return mask


def find_median(image, settings):
    """Pixels further than `threshold` sigma above the median of their 5 x 5 box."""
    from scipy.ndimage import median_filter

    smooth = median_filter(image.data, 5, mode="mirror")
    hit = image.data - smooth > settings["threshold"] * np.sqrt(image.variance)
    return hit & ((image.dq & _NOT_SEARCHED) == 0)


def _replaced(image, hit):
    """Values and variances from the good pixels of each hit's 5 x 5 box, wider where empty."""
    data, variance = image.data.copy(), image.variance.copy()
    flags = image.dq.copy()
    good = (image.dq == 0) & ~hit
    for y, x in zip(*np.nonzero(hit), strict=True):
        for half in (2, 4, 8):
            box = slice(max(y - half, 0), y + half + 1), slice(max(x - half, 0), x + half + 1)
            values = image.data[box][good[box]]
            if values.size >= 3:
                data[y, x] = np.median(values)
                # the neighbours' own spread holds their noise and the structure between them
                variance[y, x] = values.var(ddof=1) * (1 + 1 / values.size)
                flags[y, x] |= dq.INTERPOLATED
                break
    return replace(image, data=data, variance=variance, dq=flags)


def clean_cosmic_rays(image, settings):
    """Flag cosmic rays and, when `settings['replace']`, replace them.

    Parameters
    ----------
    image : Image
        Calibrated, with sky, in electrons.
    settings : dict
        The config's cosmic_rays.

    Returns
    -------
    Image
        Hits carry COSMIC_RAY; replaced ones also INTERPOLATED and the variance of what they
        were replaced from.
    """
    if settings["method"] == "none":
        return image
    if settings["method"] == "lacosmic":
        hit = find_lacosmic(image, image.variance, settings)
    elif settings["method"] == "median":
        hit = find_median(image, settings)
    else:
        raise CcdlibError(f"cosmic_rays.method {settings['method']!r} is unknown")
    flags = image.dq | np.where(hit, np.uint16(dq.COSMIC_RAY), np.uint16(0))
    image = replace(image, dq=flags)
    return _replaced(image, hit) if settings["replace"] else image
