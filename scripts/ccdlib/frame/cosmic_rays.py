"""Cosmic rays in a single frame: found, flagged and, when wanted, replaced."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .. import dq
from ..errors import CcdlibError
from .rows import places

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .image import Image

__all__ = [
    *("clean_cosmic_rays", "find_lacosmic", "find_median", "median_hits", "replace_hits"),
    "replacements",
]

_EDGE = 4
# so many pixels around a saturated star are not searched
_REACH = 4

# a cosmic-ray finder must not look at these pixels: they look like a hit, or hide one
_NOT_SEARCHED = dq.BAD | dq.HOT | dq.NO_DATA | dq.LOW_FLAT | dq.NO_CALIBRATION | dq.SATURATED


def find_lacosmic(image: Image, background_variance: np.ndarray, settings: dict) -> np.ndarray:
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
    from .lacosmic import cosmic_ray_mask

    limits = {name: settings[name] for name in ("sigclip", "sigfrac", "objlim")}
    limits["niter"] = settings["iterations"]
    unsearched = (image.dq & _NOT_SEARCHED) != 0
    unsearched |= _beside_saturated_stars(image)
    find = _by_astroscrappy if settings["engine"] == "astroscrappy" else cosmic_ray_mask
    # the method does not search the two outermost rows and columns: they are padded
    mask = find(image.data, unsearched, background_variance, _EDGE, **limits)
    mask[_stars(image.data, mask)] = False
    return mask


def _by_astroscrappy(data, unsearched, variance, edge, **limits):
    """`cosmic_ray_mask`, by astroscrappy."""
    from astroscrappy import detect_cosmics

    data, unsearched, variance = (
        np.pad(plane, edge, mode="reflect") for plane in (data, unsearched, variance)
    )
    # the mask already has the pixels that were saturated in the raw values
    fixed = {"gain": 1.0, "satlevel": np.inf, "cleantype": "medmask"}
    mask, _ = detect_cosmics(data, inmask=unsearched, invar=variance, **limits, **fixed)
    return mask[edge:-edge, edge:-edge]


def _beside_saturated_stars(image):
    """Pixels up to four away from a saturated star, as in astroscrappy.

    Light beside a core that is cut off looks like a cosmic ray; a pixel found there would be
    replaced, and its neighbours found in turn. A saturated pixel is a star's or its trail's, not
    a track's, where most of its 5 x 5 pixels exceed a tenth of the level of saturated ones.
    """
    found = np.zeros(image.shape, bool)
    # they are few: only what is around them is looked at
    rows, columns = places((image.dq & dq.SATURATED) != 0)
    if not rows.size:
        return found
    down, across = (np.pad(np.arange(size), 2, mode="reflect") for size in image.shape)
    limit = np.median(image.data[rows, columns]) / 10
    count = np.zeros(rows.size, int)
    for dy, dx in np.ndindex(5, 5):
        count += image.data[down[rows + dy], across[columns + dx]] > limit
    rows, columns = rows[count > 12], columns[count > 12]
    for shift in range(-_REACH, _REACH + 1):
        found[np.clip(rows + shift, 0, image.shape[0] - 1), columns] = True
    rows, columns = places(found)
    for shift in range(-_REACH, _REACH + 1):
        found[rows, np.clip(columns + shift, 0, image.shape[1] - 1)] = True
    return found


def _stars(data, hit):
    """Pixels of stars among those that were hit.

    Poorly sampled stars look like cosmic rays to a Laplacian. A hit that is the highest pixel
    of its 3 x 3 is a star's peak if light lies on all sides of it: above the background (the
    median of its 7 x 7 without the 3 x 3) the two lowest of its four neighbours together hold
    over a fifth of the peak, and the two lowest corners over a twentieth. A Moffat profile
    (beta 4) of 1.5 pixels FWHM has a third and a seventh at the least; a track passes through
    two of the four. What lies around such a peak is of the star unless it is too bright for
    its distance.

    Parameters
    ----------
    data : ndarray, shape (ny, nx)
    hit : ndarray of bool

    Returns
    -------
    rows, columns : ndarray of int
        Some more than once.
    """
    # as in a mirror beyond the edges
    down, across = (np.pad(np.arange(size), 3, mode="reflect") for size in data.shape)
    rows, columns = places(hit)
    y, x = np.mgrid[-3:4, -3:4].reshape(2, -1)
    reach = np.maximum(np.abs(y), np.abs(x))
    box = data[down[rows[:, None] + 3 + y], across[columns[:, None] + 3 + x]]
    highest = box[:, 24] >= box[:, reach == 1].max(axis=1)
    rows, columns, box = rows[highest], columns[highest], box[highest]
    box = box - np.median(box[:, reach > 1], axis=1, keepdims=True)
    peak = box[:, 24]
    star = np.ones(peak.size, bool)
    for ring, share in ((np.abs(y) + np.abs(x) == 1, 0.2), (np.abs(y * x) == 1, 0.05)):
        lowest = np.sort(box[:, ring], axis=1)[:, :2].sum(axis=1)
        star &= lowest > share * peak
    brightest = np.array([np.inf, np.inf, 0.25, 0.05])[reach]
    around = box[star] <= brightest * peak[star, None]
    rows, columns = (rows[star, None] + y)[around], (columns[star, None] + x)[around]
    inside = (rows >= 0) & (rows < data.shape[0]) & (columns >= 0) & (columns < data.shape[1])
    return rows[inside], columns[inside]


def median_hits(
    data: np.ndarray, sigma: np.ndarray | float, threshold: float, box: int, mode: str = "mirror"
) -> np.ndarray:
    """Pixels further than `threshold` sigma above the median of their box.

    Parameters
    ----------
    data : ndarray
    sigma : float or ndarray
    threshold : float
    box : int
        Side of the square box.
    mode : str
        How the image goes on beyond its edges, see `scipy.ndimage.median_filter`.

    Returns
    -------
    ndarray of bool
    """
    from scipy.ndimage import median_filter

    return data - median_filter(data, box, mode=mode) > threshold * sigma


def find_median(image: Image, settings: dict) -> np.ndarray:
    """Pixels further than `threshold` sigma above the median of their 5 x 5 box."""
    hit = median_hits(image.data, np.sqrt(image.variance), settings["threshold"], 5)
    return hit & ((image.dq & _NOT_SEARCHED) == 0)


def replacements(
    data: np.ndarray, hit: np.ndarray, good: np.ndarray, halves: Sequence[int] = (2, 4, 8)
) -> np.ndarray:
    """Median of the good pixels around each hit.

    Parameters
    ----------
    data : ndarray, shape (ny, nx)
    hit, good : ndarray of bool
    halves : sequence of int
        Boxes of 2 half + 1 pixels to look at in turn, until one has three good pixels.

    Returns
    -------
    values, variances : ndarray of float
        For each hit, row by row: the median of the good pixels and
        their own spread, which holds their noise and the structure between them. NaN where
        no box has three.
    """
    rows, columns = places(hit)
    found = np.full((2, rows.size), np.nan)
    for half in halves:
        left = np.flatnonzero(np.isnan(found[0]))
        found[:, left] = _of_box(data, good, rows[left], columns[left], half)
    return found


def _of_box(data, good, rows, columns, half):
    """`replacements` from boxes of one size; NaN where a box has fewer than three good pixels."""
    y, x = np.mgrid[-half : half + 1, -half : half + 1].reshape(2, -1)
    y, x = rows[:, None] + y, columns[:, None] + x
    use = (y >= 0) & (y < data.shape[0]) & (x >= 0) & (x < data.shape[1])
    y, x = np.where(use, y, 0), np.where(use, x, 0)
    use &= good[y, x]
    count = np.count_nonzero(use, axis=1)
    enough = count >= 3
    use, count, values = use[enough], count[enough], data[y[enough], x[enough]].astype(np.float64)
    ordered, each = np.sort(np.where(use, values, np.inf), axis=1), np.arange(count.size)
    found = np.full((2, rows.size), np.nan)
    found[0, enough] = (ordered[each, (count - 1) // 2] + ordered[each, count // 2]) / 2
    found[1, enough] = values.var(axis=1, ddof=1, where=use) * (1 + 1 / count)
    return found


def replace_hits(
    image: Image, hit: np.ndarray, good: np.ndarray, halves: Sequence[int] = (2, 4, 8)
) -> Image:
    """Hits replaced by the median of the good pixels around, and flagged INTERPOLATED."""
    values, variances = replacements(image.data, hit, good, halves)
    known = np.isfinite(values)
    where = tuple(axis[known] for axis in places(hit))
    data, flags = image.data.copy(), image.dq.copy()
    variance = np.array(np.broadcast_to(image.variance, data.shape))
    data[where], variance[where] = values[known], variances[known]
    flags[where] |= dq.INTERPOLATED
    return replace(image, data=data, variance=variance, dq=flags)


def clean_cosmic_rays(image: Image, settings: dict) -> Image:
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
    return replace_hits(image, hit, image.dq == 0) if settings["replace"] else image
