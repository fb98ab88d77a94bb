"""Where the pixels of a reference lie in a frame, and how much brighter it is, from their stars."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import dq
from ..errors import CcdlibError
from ..frame.image import Image
from .flux_ratio import flux_ratio
from .match_stars import match_stars
from .patterns import SCALES
from .star_list import StarList, find_stars
from .transforms import Transform
from .wcs_guess import transform_of_wcs

__all__ = ["Registration", "register", "register_stars", "stars_of"]


@dataclass(frozen=True)
class Registration:
    """How a frame lies against a reference.

    Attributes
    ----------
    transform : Transform
        From pixels of the reference to pixels of the frame.
    n_stars : int
        Stars that it was fitted to.
    rms : float
        What is left between their places and the fit along one axis, weighted by the errors of
        their places, in pixels of the frame.
    flux_ratio, flux_ratio_error : float
        Flux of a star in the reference over that in the frame, and its standard deviation; NaN
        where no star is ten standard deviations bright in both.
    flux_stars : int
        Stars that it is of.
    false_alarms : float
        How many matches as good chance would bring.
    residuals : ndarray of float64, shape (n, 4)
        Of each star that both show: its column and row on the reference, and how far from there the
        transform brings the frame's, along both axes.
    """

    transform: Transform
    n_stars: int
    rms: float
    flux_ratio: float
    flux_ratio_error: float
    flux_stars: int
    false_alarms: float
    residuals: np.ndarray = field(
        default_factory=lambda: np.empty((0, 4)), repr=False, compare=False
    )


def stars_of(image: Any, *, limit: int = 200) -> StarList:
    """The stars of an image, or a list of stars as it is.

    Parameters
    ----------
    image : StarList, ccdlib.frame.image.Image, CCDData or ndarray
        Pixels that are masked or have a DQ bit are left out, and stars that stand on them.
    limit : int
        Of how many stars the list is.

    Raises
    ------
    CcdlibError
        If it is none of these.
    """
    if isinstance(image, StarList):
        return image
    if isinstance(image, Image):
        return find_stars(image.data, np.sqrt(image.variance), image.dq, limit=limit)
    data = getattr(image, "data", None)
    if isinstance(image, np.ndarray):
        return find_stars(image, limit=limit)
    if not isinstance(data, np.ndarray):
        raise CcdlibError(
            f"{type(image).__name__} is no image: a CCDData, an array or a StarList is"
        )
    flags = getattr(image, "dq", None)
    flags = np.zeros(data.shape, np.uint16) if flags is None else np.asarray(flags)
    mask = getattr(image, "mask", None)
    if mask is not None:
        flags = flags | np.where(mask, dq.BAD, 0).astype(flags.dtype)
    return find_stars(data, _sigma(image), flags, limit=limit)


def _sigma(image):
    spread = getattr(image, "uncertainty", None)
    if spread is None:
        return None
    from astropy.nddata import StdDevUncertainty

    return np.asarray(spread.represent_as(StdDevUncertainty).array)


def _guess(frame, reference):
    """What the WCS of both say, where both are images that have one."""
    pair = getattr(reference, "wcs", None), getattr(frame, "wcs", None)
    if None in pair:
        return None
    return transform_of_wcs(*pair, reference.data.shape)


def register(
    frame: Any, reference: Any, *, wcs: bool = True, scales: tuple[float, float] = SCALES
) -> Registration:
    """Find where the pixels of a reference lie in a frame, from the stars that both show.

    Shift, rotation, scale, mirror images and, where there are stars enough, distortion. The WCS of
    both give the first guess where they have one, refined on stars, whatever scale it tells; where
    it brings no stars together, and without one, patterns of stars do.

    Parameters
    ----------
    frame, reference : CCDData, ndarray, ccdlib.frame.image.Image or StarList
    wcs : bool
        Whether the WCS of both may be used.
    scales : (float, float)
        Least and largest scale that patterns are looked for at: pixels of the frame for one of the
        reference, 2 where the reference's pixels are twice as large. A wide range, ``(0.3, 3)``
        say for another camera or a focal reducer, takes longer and asks for a star or two more.

    Returns
    -------
    Registration

    Raises
    ------
    ccdlib.registration.match_stars.NotMatched
        If the stars cannot be brought together with certainty; it is a `CcdlibError`.
    CcdlibError
        If one is no image, or the scales are none.

    Examples
    --------
    >>> import numpy as np
    >>> from ccdlib import register
    >>> rng = np.random.default_rng(1)
    >>> y, x = np.mgrid[:200, :200]
    >>> places, fluxes = rng.uniform(20, 180, (12, 2)), rng.uniform(500, 5000, 12)
    >>> def image(dx, dy, brightness):
    ...     field = rng.normal(100, 1, (200, 200))
    ...     for (column, row), flux in zip(places, fluxes):
    ...         square = (x - column - dx) ** 2 + (y - row - dy) ** 2
    ...         field += brightness * flux * np.exp(-square / 5)
    ...     return field
    >>> found = register(image(7.25, -3.5, 0.8), image(0, 0, 1))
    >>> there = found.transform(100, 100)
    >>> [round(float(each), 1) for each in there], round(found.flux_ratio, 2)
    ([107.2, 96.5], 1.25)
    """
    guess = _guess(frame, reference) if wcs else None
    if not 0 < scales[0] <= scales[1] < np.inf:
        raise CcdlibError(f"scales={scales} are not two numbers above 0, the lesser first")
    return register_stars(stars_of(frame), stars_of(reference), guess, scales)


def register_stars(
    there: StarList,
    here: StarList,
    guess: Transform | None = None,
    scales: tuple[float, float] = SCALES,
) -> Registration:
    """Find how the stars of a frame lie against those of a reference; see `register`.

    Parameters
    ----------
    there, here : StarList
        Of the frame, and of the reference.
    guess : Transform or None
        What is known of it before.
    scales : (float, float)
    """
    match = match_stars(here, there, guess=guess, scales=scales)
    first, second = here.take(match.reference), there.take(match.frame)
    ratio = flux_ratio(first.flux, second.flux, first.flux_error, second.flux_error)
    transform = match.transform
    rms = float(np.sqrt((transform.rms_x**2 + transform.rms_y**2) / 2))
    x, y = transform.inverse(second.x, second.y)
    # a distortion may have no place for what lies far off
    residuals = np.column_stack([first.x, first.y, x - first.x, y - first.y])
    residuals = residuals[np.isfinite(residuals).all(axis=1)]
    return Registration(transform, transform.n_stars, rms, *ratio, match.false_alarms, residuals)
