"""Which star of a frame is which of the reference, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import CcdlibError
from .fit import Pairs, fit, fit_similarity
from .patterns import Guesses, from_shifts, from_triangles
from .star_list import StarList
from .transforms import Transform

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Match", "NotMatched", "match_stars"]

# brightest stars of each list that patterns are made of; more where fewer do not do
_BRIGHTEST = 16, 28, 44
# a match that chance would bring more often than this is none
_FALSE_ALARMS = 1e-6
# and one that it would bring so seldom is not worth looking for a better one
_CERTAIN = 1e-12
# stars that a guess is tried on, and guesses that are followed up
_TRIED, _FOLLOWED = 80, 6
# pixels: within it a guess of three stars brings others together
_LOOSE = 4.0
_REACH = 60.0
_FEWEST = 3
_GRID = 9
# stars sharper than this share of the usual width are hot pixels and cosmic rays
_SHARP = 0.6
# centroids are not believed better than this, in pixels
_FLOOR = 0.02
# where the sky has not moved by this many pixels, this share of the stars must agree
_STILL, _MOST = 0.5, 0.5


class NotMatched(CcdlibError):
    """The stars of two images cannot be brought together with certainty.

    Attributes
    ----------
    false_alarms : float
        How many matches as good as the best one chance would bring; infinite without any.
    """

    def __init__(self, message: str, false_alarms: float = np.inf) -> None:
        super().__init__(message)
        self.false_alarms = false_alarms


@dataclass(frozen=True)
class Match:
    """The stars that two lists have in common.

    Attributes
    ----------
    reference, frame : ndarray of int
        Places in the two lists, star by star.
    transform : Transform
        From the reference to the frame.
    false_alarms : float
        How many matches as good as this one chance would bring.
    """

    reference: np.ndarray
    frame: np.ndarray
    transform: Transform
    false_alarms: float


@dataclass(frozen=True)
class _Field:
    """The stars of both lists that are looked at, brightest first."""

    here: StarList
    there: StarList
    tree: Any
    box: tuple[float, float, float, float]

    @property
    def area(self):
        return (self.box[1] - self.box[0]) * (self.box[3] - self.box[2])

    def inside(self, x, y):
        """Which places lie where the frame has stars."""
        left, right, low, high = self.box
        return (x >= left) & (x <= right) & (y >= low) & (y <= high)


def _field(here, there):
    from scipy.spatial import cKDTree

    low_x, high_x, low_y, high_y = there.x.min(), there.x.max(), there.y.min(), there.y.max()
    # a box around n random places is smaller than what they come from
    wide, high = (
        max((high_x - low_x) / len(there), _LOOSE),
        max((high_y - low_y) / len(there), _LOOSE),
    )
    box = low_x - wide, high_x + wide, low_y - high, high_y + high
    return _Field(here, there, cKDTree(np.column_stack([there.x, there.y])), box)


def _candidates(stars):
    """Places of the stars that may be matched, brightest first."""
    flux = np.where(np.isfinite(stars.flux), stars.flux, -np.inf)
    order = np.argsort(-flux, kind="stable")
    usable = np.isfinite(stars.x[order]) & np.isfinite(stars.y[order])
    fwhm = stars.fwhm[order]
    if np.isfinite(fwhm).sum() >= _FEWEST:
        usable &= ~(fwhm < _SHARP * np.nanmedian(fwhm))
    return order[usable]


def _guesses(field: _Field, guess: Transform | None) -> Iterator[Guesses]:
    """Guesses, the likelier first."""
    here, there = field.here, field.there
    if guess is not None:
        first = [each[: _BRIGHTEST[-1]] for each in (here.x, here.y, there.x, there.y)]
        x, y, there_x, there_y = first
        yield from_shifts(guess, x, y, there_x, there_y, _REACH)
    before = (0, 0)
    for number in _BRIGHTEST:
        size = min(len(here), number), min(len(there), number)
        if size == before:
            return
        before = size
        yield from_triangles(
            here.x[: size[0]], here.y[: size[0]], there.x[: size[1]], there.y[: size[1]]
        )


def _near_map(field):
    """Whether a star of the frame is near, for squares of half the loose tolerance."""
    left, right, low, high = field.box
    cell = _LOOSE / 2
    size = int((high - low) / cell) + 2, int((right - left) / cell) + 2
    column = ((field.there.x - left) / cell).astype(int)
    row = ((field.there.y - low) / cell).astype(int)
    near = np.zeros(size, bool)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            near[np.clip(row + dy, 0, size[0] - 1), np.clip(column + dx, 0, size[1] - 1)] = True
    return near, cell


def _followed(field, guesses):
    """The guesses that bring most stars together, of each kind one."""
    x, y = guesses(field.here.x[:_TRIED], field.here.y[:_TRIED])
    near, cell = _near_map(field)
    column = np.clip((x - field.box[0]) / cell, 0, near.shape[1] - 1).astype(int)
    row = np.clip((y - field.box[2]) / cell, 0, near.shape[0] - 1).astype(int)
    count = (near[row, column] & field.inside(x, y)).sum(axis=1)
    kept: list[int] = []
    for number in np.argsort(-count, kind="stable"):
        if len(kept) == _FOLLOWED or count[number] < max(_FEWEST, count[kept[:1]].sum() / 2):
            break
        apart = [np.hypot(x[number] - x[each], y[number] - y[each]).max() for each in kept]
        if not kept or min(apart) > 2 * _LOOSE:
            kept.append(number)
    here = field.here
    for number in kept:
        every_x, every_y = guesses.take(number)(here.x, here.y)
        yield every_x[0], every_y[0], bool(guesses.side[number] < 0)


def _mutual(field, x, y, tolerance):
    """Pairs of stars that are each other's nearest, within the tolerance."""
    from scipy.spatial import cKDTree

    distance, there = field.tree.query(np.column_stack([x, y]), distance_upper_bound=tolerance)
    near = np.flatnonzero(np.isfinite(distance))
    if not near.size:
        return near, near, distance[near]
    places = np.column_stack([field.there.x, field.there.y])[there[near]]
    _, back = cKDTree(np.column_stack([x, y])).query(places)
    own = back == near
    return near[own], there[near[own]], distance[near[own]]


def _pairs(field, here, there):
    first, second = field.here, field.there
    error = np.sqrt(np.square(first.error[here]) + np.square(second.error[there]) + 2 * _FLOOR**2)
    return Pairs(first.x[here], first.y[here], second.x[there], second.y[there], error)


def _alarms(field, transform, tests, number, tolerance):
    """How many matches as good chance would bring among so many tests.

    ::

        tests P(k' or more of n'), k' = k - parameters / 2, n' = n - parameters / 2

    for n stars of the reference in the frame's field, k of which have a star within a radius r,
    each with probability p = stars pi r^2 / area, or as often as the same transform has one with
    a shift, if that is more: stars may crowd.
    """
    from scipy.special import bdtrc

    x, y = transform(field.here.x, field.here.y)
    inside = field.inside(x, y)
    x, y = x[inside], y[inside]
    best = np.inf
    radii = tolerance, tolerance / 2, tolerance / 4
    shifted = [_nearest(field, x + dx, y + dy) for dx, dy in _SHIFTS]
    for radius in radii:
        here, _, _ = _mutual(field, x, y, radius)
        chance = len(field.there) * np.pi * radius * radius / field.area
        chance = min(max(chance, np.mean([(each <= radius).mean() for each in shifted])), 1.0)
        spent = number / 2
        k, n = int(np.floor(len(here) - spent)), int(np.ceil(len(x) - spent))
        if k > 0:
            best = min(best, len(radii) * tests * float(bdtrc(k - 1, max(n, k), chance)))
    return best


# pixels, in eight directions, at distances where no star's own wings reach
_SHIFTS = [
    (dx * size, dy * size)
    for size in (25.0, 60.0)
    for dx in (-1.0, 0.0, 1.0)
    for dy in (-1.0, 0.0, 1.0)
    if dx or dy
]


def _nearest(field, x, y):
    return field.tree.query(np.column_stack([x, y]))[0]


@dataclass(frozen=True)
class _Answer:
    transform: Transform
    here: np.ndarray
    there: np.ndarray
    alarms: float


def _refined(field, start, tests, tolerance):
    """An answer grown from a guess: more stars, a closer look, more terms."""
    x, y, mirrored = start
    for radius, highest in ((_LOOSE, 0), (_LOOSE, 1), (_LOOSE, 3), (tolerance, 3), (tolerance, 3)):
        here, there, _ = _mutual(field, x, y, radius)
        if len(here) < _FEWEST:
            return None
        pairs = _pairs(field, here, there)
        common = _common(field, fit_similarity(pairs, mirrored))
        transform, used, number = fit(pairs, mirrored, highest, common)
        x, y = transform(field.here.x, field.here.y)
    alarms = _alarms(field, transform, tests, number, tolerance)
    return _Answer(transform, here[used], there[used], alarms)


def _common(field, transform):
    """A grid of places in the reference that the frame shows as well."""
    stars = field.here
    columns, rows = (np.linspace(each.min(), each.max(), _GRID) for each in (stars.x, stars.y))
    x, y = (each.ravel() for each in np.meshgrid(columns, rows))
    inside = field.inside(*transform(x, y))
    return x[inside], y[inside]


def _differ(field, first, second, tolerance):
    """Whether two transforms put the stars of the reference elsewhere."""
    x, y = first(field.here.x, field.here.y)
    other_x, other_y = second(field.here.x, field.here.y)
    return float(np.median(np.hypot(x - other_x, y - other_y))) > tolerance


def _of_the_detector(field, answer):
    """Whether an answer lays pixels on themselves and most stars on nothing: hot pixels do."""
    x, y = field.here.x[answer.here], field.here.y[answer.here]
    there_x, there_y = answer.transform(x, y)
    still = np.hypot(there_x - x, there_y - y).max() < _STILL
    return bool(still and len(answer.here) < _MOST * min(len(field.here), len(field.there)))


def _best(field, answers, tolerance):
    """The answer that chance explains least; NotMatched where two are as good."""
    good = [each for each in answers if each.alarms < _FALSE_ALARMS]
    good.sort(key=lambda each: (each.alarms, -len(each.here)))
    if not good:
        return None
    for other in good[1:]:
        if _differ(field, good[0].transform, other.transform, 2 * tolerance) and (
            len(other.here) > 0.8 * len(good[0].here)
        ):
            raise NotMatched(
                f"two transforms are as good: one brings {len(good[0].here)} stars together, "
                f"another {len(other.here)}"
            )
    return good[0]


def match_stars(
    reference: StarList,
    frame: StarList,
    *,
    guess: Transform | None = None,
    tolerance: float = 2.0,
) -> Match:
    """Find which star of a frame is which of the reference.

    Triangles of bright stars that have one shape and nearly one size (0.93 to 1.07) in both give
    guesses of shift, rotation, scale and parity; those that bring most stars together are refined
    on all stars. A match counts when chance would bring one as good in less than one of a million
    cases, by the number of stars that agree, those that do not, their density and the number of
    guesses that could have been made (see `false_alarms`).

    Parameters
    ----------
    reference, frame : StarList
    guess : Transform or None
        From the reference to the frame, of the WCS say; right to about 60 pixels. Patterns are
        looked for where it brings no stars together.
    tolerance : float
        Pixels of the frame within which stars agree.

    Returns
    -------
    Match

    Raises
    ------
    NotMatched
        If there are fewer than three stars, if too few agree to exclude chance, or if two
        transforms are as good.
    """
    places = _candidates(reference), _candidates(frame)
    here, there = reference.take(places[0]), frame.take(places[1])
    counts = f"{len(here)} stars of the reference, {len(there)} of the frame"
    if min(len(here), len(there)) < _FEWEST:
        raise NotMatched(f"too few stars to match: {counts}; {_FEWEST} are the fewest")
    field = _field(here, there)
    found: list[_Answer] = []
    for guesses in _guesses(field, guess):
        for start in _followed(field, guesses):
            answer = _refined(field, start, guesses.tests, tolerance)
            if answer is not None and not _of_the_detector(field, answer):
                found.append(answer)
        if min((each.alarms for each in found), default=1.0) < _CERTAIN:
            break
    best = _best(field, found, tolerance)
    if best is None:
        raise _refusal(counts, found)
    first, second = places[0][best.here], places[1][best.there]
    return Match(first, second, best.transform, best.alarms)


def _refusal(counts, found):
    if not found:
        return NotMatched(f"no pattern of stars is in both: {counts}")
    nearest = min(found, key=lambda each: each.alarms)
    return NotMatched(
        f"not certain: at best {len(nearest.here)} stars agree, which chance brings "
        f"{nearest.alarms:.2g} times ({_FALSE_ALARMS:g} is allowed): {counts}",
        nearest.alarms,
    )
