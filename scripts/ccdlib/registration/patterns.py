"""Guesses of a transform: triangles of stars that look alike, or shifts that bring stars together.

Brightness serves for nothing but the choice of the stars that patterns are made of.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .transforms import Transform

__all__ = ["SCALES", "Guesses", "from_shifts", "from_triangles"]

# scales of the frame against the reference
SCALES = 0.93, 1.07
# pixels: smaller triangles say little of the angle and less of the scale
_SHORTEST = 12.0
# how far ratios of sides may differ: that of centroids over the side, and that of distortion
_PIXEL, _LEAST, _MOST = 1.5, 0.003, 0.012


@dataclass(frozen=True)
class Guesses:
    """Transforms ``X = a x - side b y + x0``, ``Y = b x + side a y + y0`` that might be true.

    Attributes
    ----------
    a, b, x0, y0, side : ndarray of float64, shape (n,)
        `side` is -1 for a mirror image.
    tests : float
        How many could have been made of the same stars.
    """

    a: np.ndarray
    b: np.ndarray
    x0: np.ndarray
    y0: np.ndarray
    side: np.ndarray
    tests: float

    def take(self, number: int) -> Guesses:
        """One of them."""
        one = slice(number, number + 1)
        columns = self.a[one], self.b[one], self.x0[one], self.y0[one], self.side[one]
        return Guesses(*columns, self.tests)

    def __call__(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Places in the frame, shape (n, stars), of places in the reference."""
        a, b, side = self.a[:, None], self.b[:, None], self.side[:, None]
        return a * x - side * b * y + self.x0[:, None], b * x + side * a * y + self.y0[:, None]


@dataclass(frozen=True)
class _Triangles:
    """Corners in the order of the sides that they face, the longest first."""

    corners: np.ndarray
    longest: np.ndarray
    ratios: np.ndarray
    turn: np.ndarray


def _triangles(x, y):
    corners = np.array(list(combinations(range(len(x)), 3)), np.intp).reshape(-1, 3)
    px, py = x[corners], y[corners]
    facing = [(1, 2), (2, 0), (0, 1)]
    sides = np.stack(
        [
            np.sqrt(np.square(px[:, i] - px[:, j]) + np.square(py[:, i] - py[:, j]))
            for i, j in facing
        ],
        axis=1,
    )
    order = np.argsort(-sides, axis=1, kind="stable")
    corners, sides = (np.take_along_axis(each, order, axis=1) for each in (corners, sides))
    large = sides[:, 2] >= _SHORTEST
    corners, sides = corners[large], sides[large]
    px, py = x[corners], y[corners]
    cross = (px[:, 1] - px[:, 0]) * (py[:, 2] - py[:, 0])
    cross -= (py[:, 1] - py[:, 0]) * (px[:, 2] - px[:, 0])
    return _Triangles(corners, sides[:, 0], sides[:, 1:] / sides[:, :1], np.sign(cross))


def _alike(first, second, scales):
    """Rows of two sets of triangles that have one shape, and sizes within the scales."""
    from scipy.spatial import cKDTree

    if not len(first.longest) or not len(second.longest):
        return np.empty((0, 2), np.intp)
    low, high = np.log(scales)
    # beside what ratios say of the scale, that of two longest sides is off by their centroids
    reach = (high - low) / 2 + _MOST
    points = [
        np.column_stack([each.ratios, (np.log(each.longest) + shift) * _MOST / reach])
        for each, shift in ((first, (low + high) / 2), (second, 0.0))
    ]
    near = cKDTree(points[0]).sparse_distance_matrix(
        cKDTree(points[1]), _MOST, p=np.inf, output_type="ndarray"
    )
    order = np.lexsort([near["j"], near["i"]])
    rows, others = near["i"][order], near["j"][order]
    apart = np.abs(first.ratios[rows] - second.ratios[others]).max(axis=1, initial=0)
    allowed = np.maximum(_PIXEL / np.minimum(first.longest[rows], second.longest[others]), _LEAST)
    kept = apart <= allowed
    return np.column_stack([rows[kept], others[kept]])


def _through(x, y, there_x, there_y, side):
    """Shift, rotation and scale by least squares for rows of three stars."""
    middle = [each.mean(axis=1, keepdims=True) for each in (x, y, there_x, there_y)]
    du, dv, dx, dy = (
        each - mean for each, mean in zip((x, y, there_x, there_y), middle, strict=True)
    )
    wide = side[:, None]
    square = (du * du + dv * dv).sum(axis=1)
    a = (du * dx + wide * dv * dy).sum(axis=1) / square
    b = (du * dy - wide * dv * dx).sum(axis=1) / square
    mx, my, mtx, mty = (each[:, 0] for each in middle)
    return a, b, mtx - a * mx + side * b * my, mty - b * mx - side * a * my


def _possible_pairs(x, y, there_x, there_y, scales):
    """Ways to lay two stars of the reference on two of the frame, mirrored or not."""
    first, second = np.triu_indices(len(x), 1), np.triu_indices(len(there_x), 1)
    here = np.hypot(x[first[0]] - x[first[1]], y[first[0]] - y[first[1]])
    there = np.sort(
        np.hypot(there_x[second[0]] - there_x[second[1]], there_y[second[0]] - there_y[second[1]])
    )
    number = np.searchsorted(there, here * scales[1]) - np.searchsorted(there, here * scales[0])
    return 4.0 * float(number.sum())


def from_triangles(
    x: np.ndarray,
    y: np.ndarray,
    there_x: np.ndarray,
    there_y: np.ndarray,
    scales: tuple[float, float] = SCALES,
) -> Guesses:
    """Transforms that bring a triangle of the reference onto one of the frame.

    Parameters
    ----------
    x, y : ndarray of float64, shape (n,)
        Stars of the reference; all triangles among them are made.
    there_x, there_y : ndarray of float64, shape (m,)
        Stars of the frame.
    scales : (float, float)
        Least and largest, of the frame against the reference.
    """
    first, second = _triangles(x, y), _triangles(there_x, there_y)
    alike = _alike(first, second, scales)
    corners, others = first.corners[alike[:, 0]], second.corners[alike[:, 1]]
    side = np.where(first.turn[alike[:, 0]] == second.turn[alike[:, 1]], 1.0, -1.0)
    a, b, x0, y0 = _through(x[corners], y[corners], there_x[others], there_y[others], side)
    scale = np.sqrt(a * a + b * b)
    kept = (scale >= scales[0]) & (scale <= scales[1])
    tests = _possible_pairs(x, y, there_x, there_y, scales)
    return Guesses(a[kept], b[kept], x0[kept], y0[kept], side[kept], tests)


def from_shifts(
    guess: Transform,
    x: np.ndarray,
    y: np.ndarray,
    there_x: np.ndarray,
    there_y: np.ndarray,
    reach: float,
) -> Guesses:
    """Transforms that differ from a guess by a shift that brings one star onto another.

    Parameters
    ----------
    guess : Transform
    x, y, there_x, there_y : ndarray of float64
        Stars of the reference and of the frame.
    reach : float
        Largest shift in pixels.
    """
    middle_x, middle_y = float(x.mean()), float(y.mean())
    (xx, xy), (yx, yy) = guess.jacobian(middle_x, middle_y).tolist()
    side = 1.0 if xx * yy - xy * yx > 0 else -1.0
    a, b = (xx + side * yy) / 2, (yx - side * xy) / 2
    guessed_x, guessed_y = (float(each) for each in guess(middle_x, middle_y))
    # what is left for the shift, of each star of the reference on each of the frame
    x0 = there_x - (a * x - side * b * y)[:, None]
    y0 = there_y - (b * x + side * a * y)[:, None]
    off_x = x0 - (guessed_x - a * middle_x + side * b * middle_y)
    off_y = y0 - (guessed_y - b * middle_x - side * a * middle_y)
    near = np.hypot(off_x, off_y) <= reach
    ones = np.ones(int(near.sum()))
    return Guesses(a * ones, b * ones, x0[near], y0[near], side * ones, float(ones.size))
