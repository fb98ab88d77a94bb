"""The transform that brings stars of a reference onto those of a frame, by least squares."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..statistics.robust import robust_sigma
from ..statistics.small_systems import inverse
from .transforms import Transform, exponents, terms

__all__ = ["Pairs", "fit", "fit_similarity"]

# terms of a polynomial are asked for when so many times more stars are there
_STARS_PER_TERM = 2.5
# a term that chance would bring in so seldom is no chance
_BY_CHANCE = 1e-3
# a polynomial is taken where it is as certain as this, in pixels, or where the change that it makes
# is so many times as large as its standard deviation
_SURE, _STANDS_OUT = 0.1, 3.0
_CLIP = 4.0
_ROUNDS = 8


@dataclass(frozen=True)
class Pairs:
    """Places of the same stars in the reference and in a frame.

    Attributes
    ----------
    x, y : ndarray of float64, shape (n,)
        In the reference.
    there_x, there_y : ndarray of float64, shape (n,)
        In the frame.
    error : ndarray of float64, shape (n,)
        Standard deviation of their difference in pixels, the same along x and y.
    """

    x: np.ndarray
    y: np.ndarray
    there_x: np.ndarray
    there_y: np.ndarray
    error: np.ndarray

    def __len__(self) -> int:
        return len(self.x)

    def take(self, used: np.ndarray) -> Pairs:
        """Some of them."""
        columns = self.x, self.y, self.there_x, self.there_y, self.error
        return Pairs(*(each[used] for each in columns))

    def misses(self, transform: Transform) -> tuple[np.ndarray, np.ndarray]:
        """What a transform leaves along x and y, in pixels of the frame."""
        x, y = transform(self.x, self.y)
        return self.there_x - x, self.there_y - y


def _frame_of(pairs):
    """Center and half size of the field, so that the terms are of the size of 1."""
    low_x, high_x, low_y, high_y = pairs.x.min(), pairs.x.max(), pairs.y.min(), pairs.y.max()
    center = float(np.round((low_x + high_x) / 2)), float(np.round((low_y + high_y) / 2))
    return center, float(max(np.ceil(max(high_x - low_x, high_y - low_y) / 2), 1))


def fit_similarity(pairs: Pairs, mirrored: bool) -> Transform:
    """Shift, rotation and scale by weighted least squares.

    Parameters
    ----------
    pairs : Pairs
        At least two.
    mirrored : bool
        Whether the frame is a mirror image of the reference.
    """
    weight = 1 / np.square(pairs.error)
    total = weight.sum()
    x, y, there_x, there_y = (
        (weight * each).sum() / total for each in (pairs.x, pairs.y, pairs.there_x, pairs.there_y)
    )
    du, dv, dx, dy = pairs.x - x, pairs.y - y, pairs.there_x - there_x, pairs.there_y - there_y
    side = -1.0 if mirrored else 1.0
    square = (weight * (du * du + dv * dv)).sum()
    a = (weight * (du * dx + side * dv * dy)).sum() / square
    b = (weight * (du * dy - side * dv * dx)).sum() / square
    matrix = [[a, -side * b], [b, side * a]]
    offset = there_x - a * x + side * b * y, there_y - b * x - side * a * y
    return Transform.linear(matrix, offset)


def _fit_polynomial(pairs, degree):
    """The transform, and the covariance of its coefficients for errors as given."""
    center, scale = _frame_of(pairs)
    rows = terms((pairs.x - center[0]) / scale, (pairs.y - center[1]) / scale, degree)
    weight = 1 / np.square(pairs.error)
    covariance = inverse(((weight * rows)[:, None] * rows).sum(axis=-1))
    to_x, to_y = (
        tuple((covariance * (rows * (weight * there)).sum(axis=1)).sum(axis=1).tolist())
        for there in (pairs.there_x, pairs.there_y)
    )
    return Transform(degree, center, scale, to_x, to_y), covariance


def _is_certain(transform, covariance, other, places):
    """Whether a polynomial is better than another transform wherever it is to be used."""
    u, v = (
        (each - middle) / transform.scale
        for each, middle in zip(places, transform.center, strict=True)
    )
    planes = terms(u, v, transform.degree)
    own = np.ascontiguousarray(planes.T)
    spread = (covariance * own[:, :, None] * own[:, None]).reshape(len(own), -1).sum(axis=1)
    apart = np.subtract(transform(*places), other(*places))
    allowed = np.maximum(np.square(apart).sum(axis=0) / _STANDS_OUT**2, _SURE**2)
    return bool((spread <= allowed).all())


def _chi_square(pairs, transform):
    dx, dy = pairs.misses(transform)
    return float(((dx * dx + dy * dy) / np.square(pairs.error)).sum())


def _by_chance(before, after, more, free):
    """Probability that `more` terms without meaning would lower chi square as much (F test)."""
    from scipy.special import fdtrc

    if after <= 0:
        return 1.0
    return float(fdtrc(more, free, max(before - after, 0) / more / (after / free)))


def _chosen(pairs, mirrored, highest, places):
    """The transform of the terms that the stars ask for."""
    best, best_terms = fit_similarity(pairs, mirrored), 4
    best_left = _chi_square(pairs, best)
    for degree in range(1, highest + 1):
        number = 2 * len(exponents(degree))
        if len(pairs) < _STARS_PER_TERM * number / 2:
            break
        transform, covariance = _fit_polynomial(pairs, degree)
        left, free = _chi_square(pairs, transform), 2 * len(pairs) - number
        if _by_chance(best_left, left, number - best_terms, free) > _BY_CHANCE:
            continue
        if _is_certain(transform, covariance * max(left / free, 1), best, places):
            best, best_terms, best_left = transform, number, left
    return best, best_terms


def _rms(values, weight):
    return float(np.sqrt((weight * np.square(values)).sum() / weight.sum()))


def fit(
    pairs: Pairs,
    mirrored: bool,
    highest: int = 3,
    places: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple[Transform, np.ndarray, int]:
    """The transform of a frame, clipped robustly, of no more terms than its stars ask for.

    Shift, rotation and scale; shear and distortions of degree 2 and 3 where an F test says that
    chance would do as well in one case of 1000 at most, and where they are certain wherever the
    transform is to be used.

    Parameters
    ----------
    pairs : Pairs
        At least two.
    mirrored : bool
    highest : int
        Degree.
    places : (ndarray, ndarray) or None
        Pixels of the reference that the transform is to be used at; None: the stars.

    Returns
    -------
    transform : Transform
    used : ndarray of bool, shape (n,)
        Those within 4 standard deviations, scaled to what is left.
    number : int
        Its free parameters.
    """
    if places is None or not places[0].size:
        places = pairs.x, pairs.y
    used = np.ones(len(pairs), bool)
    for _ in range(_ROUNDS):
        transform, number = _chosen(pairs.take(used), mirrored, highest, places)
        dx, dy = (each / pairs.error for each in pairs.misses(transform))
        scatter = robust_sigma(np.concatenate([dx[used], dy[used]]), 0.0)
        within = np.hypot(dx, dy) <= _CLIP * max(scatter, 1)
        if (within == used).all() or within.sum() < max(number // 2 + 1, 3):
            break
        before, used = used, within
    else:
        used = before
    kept = pairs.take(used)
    rms = [_rms(each, 1 / np.square(kept.error)) for each in kept.misses(transform)]
    fitted = replace(transform, n_stars=len(kept), rms_x=rms[0], rms_y=rms[1])
    return fitted, used, number
