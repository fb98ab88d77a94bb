"""How the noise of a stack's pixels hangs together: by interpolation, and by shared masters.

A value of the stack is a sum over the pixels of each light. What those are, its footprint, tells
the variance of any sum of values: the own noise of each light adds up light by light, the shared
noise as far as two lights see the same pixels of the detector. Both are worked out at some points
of the field, with weights and noise that are those of whole lights.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .resample_kernels import footprint, overlaps, pixels_of, powers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..registration.transforms import Transform
    from .grid import Chain

__all__ = ["RADII", "Footprints"]

# of the apertures for which the factor is tabulated, pixels
RADII = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 15.0, 20.0)
# half the side of the kernel of correlations, where a light's pixels are no smaller
_REACH = 5
# of the pixels whose mean shared variance stands for that of each, pixels
_NEAR = 2.0


@dataclass(frozen=True)
class Footprints:
    """The lights of a stack as its noise needs them.

    Attributes
    ----------
    transforms : list of Transform or Chain
        From the pixels of the stack to each light.
    weights : ndarray of float64, shape (n,)
    own, shared : ndarray of float64
        Variance of a pixel's own noise, and sigma of what it shares, on the common flux scale.
    groups : ndarray of int
        Lights of one number share their masters.
    table : ndarray of float64
        From `resample_kernels.weights_of`.
    """

    transforms: Sequence[Transform | Chain]
    weights: np.ndarray
    own: np.ndarray
    shared: np.ndarray
    groups: np.ndarray
    table: np.ndarray

    def _of_light(self, number, x, y):
        """(left, bottom, pixels): how much each pixel of a light goes into a sum of values."""
        u, v = self.transforms[number](x, y)
        margin = self.table.shape[1] // 2 + 1
        left, bottom = int(np.floor(u.min())) - margin, int(np.floor(v.min())) - margin
        shape = (
            int(np.ceil(v.max())) + margin + 1 - bottom,
            int(np.ceil(u.max())) + margin + 1 - left,
        )
        pixels = np.zeros(shape)
        footprint(u, v, self.table, left, bottom, pixels)
        return left, bottom, pixels

    def _together(self, group, x, y):
        """Sum of the squares of all that a group's lights take from each pixel, value by value."""
        own = np.flatnonzero(self.groups == group)
        shape = own.size, x.size, self.table.shape[1] ** 2
        places, taken = np.empty(shape, np.int64), np.empty(shape)
        for number, each, some in zip(own.tolist(), places, taken, strict=True):
            pixels_of(*self.transforms[number](x, y), self.table, each, some)
            some *= self.weights[number] * self.shared[number]
        return np.array(
            [_square_sum(places[:, n].ravel(), taken[:, n].ravel()) for n in range(x.size)]
        )

    def coherence(self, points: Sequence[tuple[float, float]]) -> np.ndarray:
        """What is left of shared noise, see `combine_kernels.combine`.

        Parameters
        ----------
        points : list of (float, float)
            Columns and rows of the stack, over which it is averaged.

        Returns
        -------
        ndarray of float64, shape (groups, 2)
        """
        found = np.zeros((self.groups.max() + 1, 2))
        part = self.weights * self.shared
        x, y = np.transpose(points).astype(np.float64)
        for group in range(len(found)):
            own = np.flatnonzero(self.groups == group)
            alone = (part[own] ** 2 * [self._powers(n, x, y).mean() for n in own]).sum()
            together = self._together(group, x, y).mean()
            square = (part[own] ** 2).sum()
            cross = part[own].sum() ** 2 - square
            if square > 0:
                found[group, 0] = alone / square
            if cross > 0:
                found[group, 1] = (together - alone) / cross
        return found

    def correlation(self, point: tuple[float, float]) -> np.ndarray:
        """Correlation of a pixel's own noise with that of the pixels around it.

        Parameters
        ----------
        point : (float, float)
            Column and row of the stack.

        Returns
        -------
        ndarray of float64, shape (11, 11)
            1 in the middle; larger where the stack's pixels are smaller than the lights'.
        """
        scale = min(_side(self.transforms[0], point), 1.0)
        reach = round(_REACH / scale)
        y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(float)
        found, part = np.zeros(x.size), np.empty(x.size)
        for number, transform in enumerate(self.transforms):
            # the pixels around it see other parts of a light, with the same fractions
            u, v = transform(point[0] + x.ravel(), point[1] + y.ravel())
            overlaps(u, v, u.size // 2, self.table, part)
            found += self.weights[number] ** 2 * self.own[number] * part
        return (found / found[found.size // 2]).reshape(x.shape)

    def apertures(self, point: tuple[float, float]) -> np.ndarray:
        """Variance of the sum in an aperture over the sum of its pixels' variances.

        Parameters
        ----------
        point : (float, float)
            Its middle, column and row of the stack.

        Returns
        -------
        ndarray of float64, shape (radii, 2)
            Of own and of shared noise, for each of `RADII`.
        """
        # the pixels of an aperture see other fractions of a light's, and their variances differ
        near = disc(*point, _NEAR)
        groups = range(self.groups.max() + 1)
        shared = sum(self._together(group, *near).mean() for group in groups)
        found = []
        for radius in RADII:
            x, y = disc(*point, radius)
            single = np.array([self._own_of_pixels(x, y), x.size * shared])
            found.append(self._variances(x, y) / np.where(single > 0, single, 1.0))
        return np.array(found)

    def _powers(self, number, x, y):
        """Variances of single values of a light whose pixels have the variance 1."""
        found = np.empty(x.size)
        powers(*self.transforms[number](x, y), self.table, found)
        return found

    def _own_of_pixels(self, x, y):
        """Sum of the own variances of some pixels."""
        part = self.weights**2 * self.own
        return sum(part[n] * float(self._powers(n, x, y).sum()) for n in range(len(part)))

    def _variances(self, x, y):
        """Variance of a sum of values: of own noise, and of shared noise."""
        taken = [self._of_light(number, x, y) for number in range(len(self.weights))]
        own = sum(
            weight**2 * variance * float(np.square(pixels).sum())
            for weight, variance, (_, _, pixels) in zip(self.weights, self.own, taken, strict=True)
        )
        return np.array([own, sum(map(self._shared_of, self._by_group(taken)))])

    def _by_group(self, taken):
        """What the lights of each group take, in shares of their sigma."""
        factors = self.weights * self.shared
        for group in range(self.groups.max() + 1):
            own = np.flatnonzero(self.groups == group)
            yield [(*taken[n][:2], factors[n] * taken[n][2]) for n in own]

    @staticmethod
    def _shared_of(taken):
        """Sum of the squares of all that some lights take from each pixel."""
        parts = []
        for left, bottom, pixels in taken:
            rows, columns = np.nonzero(pixels)
            parts.append(((rows + bottom) * (1 << 32) + (columns + left), pixels[rows, columns]))
        return _square_sum(*map(np.concatenate, zip(*parts, strict=True)))


def _square_sum(places, values):
    """Sum of the squares of what comes together in each place."""
    _, where = np.unique(places, return_inverse=True)
    return float(np.square(np.bincount(where, values)).sum())


def _side(transform, point):
    """Side of a pixel of the stack in those of a light."""
    (a, b), (c, d) = transform.jacobian(*point).tolist()
    return math.sqrt(abs(a * d - b * c))


def disc(x: float, y: float, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Pixels no further than a radius from the pixel that a point lies in."""
    reach = int(np.ceil(radius))
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    inside = rows * rows + columns * columns <= radius * radius
    return columns[inside] + np.rint(x), rows[inside] + np.rint(y)
