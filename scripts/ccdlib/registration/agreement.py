"""Which stars of two lists lie on each other under a transform, and what chance would do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .star_list import StarList
from .transforms import Transform

__all__ = ["LOOSE", "Field", "false_alarms", "field_of"]

# pixels: within it a guess of three stars brings others together
LOOSE = 4.0
# pixels, in eight directions, at distances where no star's own wings reach
_SHIFTS = [
    (dx * size, dy * size)
    for size in (25.0, 60.0)
    for dx in (-1.0, 0.0, 1.0)
    for dy in (-1.0, 0.0, 1.0)
    if dx or dy
]


@dataclass(frozen=True)
class Field:
    """The stars of both lists that are looked at, brightest first."""

    here: StarList
    there: StarList
    tree: Any
    box: tuple[float, float, float, float]

    @property
    def area(self) -> float:
        """Square pixels in which the frame has stars."""
        return (self.box[1] - self.box[0]) * (self.box[3] - self.box[2])

    def inside(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Which places lie where the frame has stars."""
        left, right, low, high = self.box
        return (x >= left) & (x <= right) & (y >= low) & (y <= high)

    def near_map(self) -> tuple[np.ndarray, float]:
        """Whether a star of the frame is near, for squares of half the loose tolerance."""
        left, right, low, high = self.box
        cell = LOOSE / 2
        size = int((high - low) / cell) + 2, int((right - left) / cell) + 2
        column = ((self.there.x - left) / cell).astype(int)
        row = ((self.there.y - low) / cell).astype(int)
        near = np.zeros(size, bool)
        for dy in (-1, 0, 1):
            for dx in (-1, 0, 1):
                near[np.clip(row + dy, 0, size[0] - 1), np.clip(column + dx, 0, size[1] - 1)] = True
        return near, cell

    def mutual(
        self, x: np.ndarray, y: np.ndarray, tolerance: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Pairs of stars that are each other's nearest, within the tolerance."""
        from scipy.spatial import cKDTree

        distance, there = self.tree.query(np.column_stack([x, y]), distance_upper_bound=tolerance)
        near = np.flatnonzero(np.isfinite(distance))
        if not near.size:
            return near, near
        places = np.column_stack([self.there.x, self.there.y])[there[near]]
        _, back = cKDTree(np.column_stack([x, y])).query(places)
        own = back == near
        return near[own], there[near[own]]

    def nearest(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Distance from each place to the nearest star of the frame."""
        return self.tree.query(np.column_stack([x, y]))[0]


def field_of(here: StarList, there: StarList) -> Field:
    """Two lists, brightest first, with what is needed to look for neighbours."""
    from scipy.spatial import cKDTree

    low_x, high_x, low_y, high_y = there.x.min(), there.x.max(), there.y.min(), there.y.max()
    # a box around n random places is smaller than what they come from
    wide, high = (
        max((high_x - low_x) / len(there), LOOSE),
        max((high_y - low_y) / len(there), LOOSE),
    )
    box = low_x - wide, high_x + wide, low_y - high, high_y + high
    return Field(here, there, cKDTree(np.column_stack([there.x, there.y])), box)


def false_alarms(
    field: Field, transform: Transform, tests: float, number: int, tolerance: float
) -> float:
    """How many matches as good chance would bring among so many tests.

    ::

        tests P(k' or more of n'), k' = k - parameters / 2, n' = n - parameters / 2

    for n stars of the reference in the frame's field, k of which have a star within a radius r,
    each with probability p = stars pi r^2 / area, or as often as the same transform has one with
    a shift, if that is more: stars may crowd.

    Parameters
    ----------
    field : Field
    transform : Transform
    tests : float
        How many guesses could have been made.
    number : int
        Free parameters of the transform.
    tolerance : float
        Pixels; r is this, half of it and a quarter, and the least counts, times three.
    """
    from scipy.special import bdtrc

    x, y = transform(field.here.x, field.here.y)
    inside = field.inside(x, y)
    x, y = x[inside], y[inside]
    best = np.inf
    radii = tolerance, tolerance / 2, tolerance / 4
    dx, dy = np.transpose(_SHIFTS)
    shifted = field.nearest((x + dx[:, None]).ravel(), (y + dy[:, None]).ravel())
    shifted = shifted.reshape(len(_SHIFTS), x.size)
    for radius in radii:
        here, _ = field.mutual(x, y, radius)
        chance = len(field.there) * np.pi * radius * radius / field.area
        chance = min(max(chance, (shifted <= radius).mean()), 1.0)
        spent = number / 2
        k, n = int(np.floor(len(here) - spent)), int(np.ceil(len(x) - spent))
        if k > 0:
            best = min(best, len(radii) * tests * float(bdtrc(k - 1, max(n, k), chance)))
    return best
