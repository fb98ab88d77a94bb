"""Which star of a frame is which of the reference, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import CcdlibError
from .agreement import LOOSE, Field, false_alarms, field_of
from .fit import Pairs, fit, fit_similarity
from .patterns import SCALES, Guesses, from_shifts, from_triangles
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


def _candidates(stars):
    """Places of the stars that may be matched, brightest first."""
    flux = np.where(np.isfinite(stars.flux), stars.flux, -np.inf)
    order = np.argsort(-flux, kind="stable")
    usable = np.isfinite(stars.x[order]) & np.isfinite(stars.y[order])
    fwhm = stars.fwhm[order]
    if np.isfinite(fwhm).sum() >= _FEWEST:
        usable &= ~(fwhm < _SHARP * np.nanmedian(fwhm))
    return order[usable]


def _guesses(
    field: Field, guess: Transform | None, scales: tuple[float, float]
) -> Iterator[Guesses]:
    """Guesses, the likelier first."""
    here, there = field.here, field.there
    if guess is not None:
        first, second = (each.take(slice(_BRIGHTEST[-1])) for each in (here, there))
        yield from_shifts(guess, first.x, first.y, second.x, second.y, _REACH)
    before = (0, 0)
    for number in _BRIGHTEST:
        size = min(len(here), number), min(len(there), number)
        if size == before:
            return
        before = size
        first, second = here.take(slice(size[0])), there.take(slice(size[1]))
        yield from_triangles(first.x, first.y, second.x, second.y, scales)


def _followed(field, guesses):
    """The guesses that bring most stars together, of each kind one."""
    x, y = guesses(field.here.x[:_TRIED], field.here.y[:_TRIED])
    near, cell = field.near_map()
    column = np.clip((x - field.box[0]) / cell, 0, near.shape[1] - 1).astype(int)
    row = np.clip((y - field.box[2]) / cell, 0, near.shape[0] - 1).astype(int)
    count = (near[row, column] & field.inside(x, y)).sum(axis=1)
    left = np.argsort(-count, kind="stable")
    left = left[count[left] >= max(_FEWEST, count.max(initial=0) / 2)]
    here = field.here
    for _ in range(_FOLLOWED):
        if not left.size:
            return
        number = left[0]
        apart = np.hypot(x[left] - x[number], y[left] - y[number]).max(axis=1)
        left = left[apart > 2 * LOOSE]
        every_x, every_y = guesses.take(number)(here.x, here.y)
        scale = float(np.sqrt(guesses.a[number] ** 2 + guesses.b[number] ** 2))
        yield every_x[0], every_y[0], bool(guesses.side[number] < 0), scale


def _pairs(field, here, there, scale):
    first, second = field.here, field.there
    square = np.square(scale) * (np.square(first.error[here]) + _FLOOR**2)
    error = np.sqrt(square + np.square(second.error[there]) + _FLOOR**2)
    return Pairs(first.x[here], first.y[here], second.x[there], second.y[there], error)


@dataclass(frozen=True)
class _Answer:
    transform: Transform
    here: np.ndarray
    there: np.ndarray
    alarms: float


def _refined(field, start, tests, tolerance):
    """An answer grown from a guess: more stars, a closer look, more terms."""
    x, y, mirrored, scale = start
    before = None
    for radius, highest in ((LOOSE, 0), (LOOSE, 1), (LOOSE, 3), (tolerance, 3), (tolerance, 3)):
        here, there = field.mutual(x, y, radius)
        if len(here) < _FEWEST:
            return None
        looked_at = here.tobytes(), there.tobytes(), highest
        if looked_at == before:
            continue
        before = looked_at
        pairs = _pairs(field, here, there, scale)
        common = _common(field, fit_similarity(pairs, mirrored))
        transform, used, number = fit(pairs, mirrored, highest, common)
        x, y = transform(field.here.x, field.here.y)
    alarms = false_alarms(field, transform, tests, number, tolerance)
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
    scales: tuple[float, float] = SCALES,
) -> Match:
    """Find which star of a frame is which of the reference.

    Triangles of bright stars that have one shape and nearly one size in both give guesses of
    shift, rotation, scale and parity; those that bring most stars together are refined on all
    stars. A match counts when chance would bring one as good in less than one of a million cases,
    by the number of stars that agree, those that do not, their density and the number of guesses
    that could have been made (see `false_alarms`).

    Parameters
    ----------
    reference, frame : StarList
    guess : Transform or None
        From the reference to the frame, of the WCS say; right to about 60 pixels. Patterns are
        looked for where it brings no stars together.
    tolerance : float
        Pixels of the frame within which stars agree.
    scales : (float, float)
        Least and largest scale of the frame against the reference that is looked for, where there
        is no guess or it brings no stars together.

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
    field = field_of(here, there)
    found: list[_Answer] = []
    for guesses in _guesses(field, guess, scales):
        for start in _followed(field, guesses):
            answer = _refined(field, start, guesses.tests, tolerance)
            if answer is not None and not _of_the_detector(field, answer):
                found.append(answer)
        if min((each.alarms for each in found), default=1.0) < _CERTAIN:
            break
    best = _best(field, found, tolerance)
    if best is None:
        raise _refusal(f"at scales of {scales[0]:g} to {scales[1]:g}: {counts}", found)
    first, second = places[0][best.here], places[1][best.there]
    return Match(first, second, best.transform, best.alarms)


def _refusal(counts, found):
    if not found:
        return NotMatched(f"no pattern of stars is in both {counts}")
    nearest = min(found, key=lambda each: each.alarms)
    return NotMatched(
        f"not certain: at best {len(nearest.here)} stars agree, which chance brings "
        f"{nearest.alarms:.2g} times ({_FALSE_ALARMS:g} is allowed) {counts}",
        nearest.alarms,
    )
