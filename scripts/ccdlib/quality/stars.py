"""How round, how sharp and how many the stars of a frame are: enough to see that one is amiss.

Every light is looked at with this, so it takes 5 ms for a megapixel and knows places to a
pixel. `ccdlib.find_stars`, for registration, takes several times as long: it finds stars at five
sigma in a smoothed image on an uneven sky, places them to a hundredth of a pixel, and sees rings.
"""

from dataclasses import dataclass

import numpy as np

__all__ = ["Stars", "find_stars"]

_THRESHOLD = 10.0
_MOST_PIXELS = 20_000
_MOST_STARS = 300
_MEASURED = 60
_BRIGHTEST = 20
_HALF = 10
_NEAR = 5
# a star that fills fewer pixels at half its peak says nothing of its shape
_FEWEST_PIXELS = 5
_EDGE = np.pad(np.zeros((2 * _HALF - 1, 2 * _HALF - 1), bool), 1, constant_values=True)


@dataclass(frozen=True)
class Stars:
    """The stars of an image.

    Attributes
    ----------
    count : int
        Peaks more than ten sigma above the background, at most 300.
    measured : int
        Those of them, at most 60, that stand clear of flagged pixels and of brighter sources;
        what follows is theirs.
    fwhm : float
        Median diameter in pixels of what is above half the peak; NaN without a star.
    elongation : float
        Median of longest over shortest axis; 1 is round. NaN without a star.
    brightest : list of (float, float, float)
        Column, row and flux in a box of 11 pixels of the 20 brightest measured ones.
    """

    count: int
    measured: int
    fwhm: float
    elongation: float
    brightest: list


def _peaks(data, good, background, threshold):
    """Rows and columns of local maxima, brightest first."""
    inner, width = (slice(_HALF, -_HALF), slice(_HALF, -_HALF)), data.shape[1]
    # by their place in the image as one row, which numpy finds and takes much faster
    found = np.flatnonzero((data[inner] > background + threshold) & good[inner])
    rows, columns = np.divmod(found, width - 2 * _HALF)
    places, values = (rows + _HALF) * width + columns + _HALF, data.ravel()
    if places.size > _MOST_PIXELS:
        places = places[np.argpartition(values[places], -_MOST_PIXELS)[-_MOST_PIXELS:]]
    value = values[places] - background
    top, beside = np.ones(places.size, bool), np.zeros(places.size)
    for dy, dx in ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)):
        other = values[places + dy * width + dx] - background
        top &= (value > other) | ((value == other) & (dy + dx > 0))
        beside += other / 8
    # a hot pixel or a hit stands alone
    top &= beside > 0.1 * value
    order = np.argsort(-value[top], kind="stable")[: 4 * _MOST_STARS]
    return np.divmod(places[top][order], width)


def _apart(rows, columns):
    """Those peaks that have no brighter one within the stamp that is measured."""
    near = np.abs(rows[:, None] - rows) <= _HALF
    near &= np.abs(columns[:, None] - columns) <= _HALF
    kept = np.zeros(rows.size, bool)
    left = _MOST_STARS
    for number, beside in enumerate(near):
        kept[number] = not (beside & kept).any()
        left -= kept[number]
        if not left:
            break
    return np.flatnonzero(kept)


def _box(y, x, half):
    return slice(y - half, y + half + 1), slice(x - half, x + half + 1)


def _surroundings(stamp, good):
    """Level of what a star stands on: the median of the stamp's edge."""
    values = np.sort(stamp[_EDGE & good])
    if not values.size:
        return np.float32(np.inf)
    # of so few values numpy's own takes ten times as long
    middle = (values[(values.size - 1) // 2] + values[values.size // 2]) / 2
    return values[-1] if np.isnan(values[-1]) else middle


def _shape(stamp, bad):
    """(diameter, elongation, flux) of a star in the middle of its stamp."""
    peak = stamp[_HALF, _HALF]
    above = (stamp > peak / 2) & ~bad
    y, x = np.nonzero(above)
    near = stamp[_box(_HALF, _HALF, _NEAR)]
    if y.size < _FEWEST_PIXELS:
        return 2 * np.sqrt(y.size / np.pi), np.nan, near.sum()
    # a pixel's own extent keeps small stars from looking long
    xx, yy = x.var() + 1 / 12, y.var() + 1 / 12
    xy = ((x - x.mean()) * (y - y.mean())).mean()
    root = np.sqrt((xx - yy) ** 2 / 4 + xy**2)
    middle = (xx + yy) / 2
    return 2 * np.sqrt(y.size / np.pi), np.sqrt((middle + root) / (middle - root)), near.sum()


def find_stars(
    data: np.ndarray, good: np.ndarray, background: float | np.floating, noise: float
) -> Stars:
    """Measure the stars of an image.

    Parameters
    ----------
    data : ndarray, shape (ny, nx)
    good : ndarray of bool
        Pixels that may be used.
    background, noise : float
        Level and standard deviation of the sky.

    Returns
    -------
    Stars
    """
    nothing = Stars(0, 0, np.nan, np.nan, [])
    if min(data.shape) <= 2 * _HALF + 1 or not noise > 0:
        return nothing
    background = np.float32(background)
    rows, columns = _peaks(data, good, background, np.float32(_THRESHOLD * noise))
    kept = _apart(rows, columns)
    if not kept.size:
        return nothing
    shapes: list[tuple] = []
    places: list[tuple[float, float]] = []
    for number in kept:
        y, x = rows[number], columns[number]
        if len(shapes) == _MEASURED or not good[_box(y, x, _NEAR)].all():
            continue
        box = _box(y, x, _HALF)
        stamp = data[box] - _surroundings(data[box], good[box])
        # the halo of a saturated star and the arms of a galaxy have peaks too
        if stamp[_HALF, _HALF] > _THRESHOLD * noise:
            shapes.append(_shape(stamp, ~good[box]))
            places.append((float(x), float(y)))
    if not shapes:
        return nothing
    fwhm, elongation, flux = np.array(shapes).T
    round_or_not = elongation[np.isfinite(elongation)]
    brightest = [
        (*places[number], float(flux[number])) for number in np.argsort(-flux)[:_BRIGHTEST]
    ]
    return Stars(
        len(kept),
        len(shapes),
        float(np.median(fwhm)),
        float(np.median(round_or_not)) if round_or_not.size else np.nan,
        brightest,
    )
