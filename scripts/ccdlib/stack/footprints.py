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

from .aperture import RADII, disc
from .resample_kernels import footprint, pixels_of, powers, seen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..registration.transforms import Transform
    from .grid import Chain

__all__ = ["Footprints"]

# half the side of the kernels of correlations: of own noise, where a light's pixels are no smaller,
# and of shared noise, by which the pixels of the largest aperture are apart
_REACH, _SHARED_REACH = 5, round(2 * RADII[-1])
# of the pixels over whose fractions the correlations are averaged, pixels
_NEAR = 1.0


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
        lights = [np.array([number]) for number in range(len(self.transforms))]
        return self._around(point, round(_REACH / scale), lights, self.weights * np.sqrt(self.own))

    def shared_correlation(self, point: tuple[float, float]) -> np.ndarray:
        """The same of the noise that lights share.

        Two pixels of the stack have it in common where a light shows at the one what another light
        shows at the other, by the same pixels of the detector.

        Parameters
        ----------
        point : (float, float)
            Column and row of the stack.

        Returns
        -------
        ndarray of float64, shape (81, 81)
            1 in the middle.
        """
        lights = [np.flatnonzero(self.groups == group) for group in self.groups]
        return self._around(point, _SHARED_REACH, lights, self.weights * self.shared)

    def _around(self, point, reach, lights, parts):
        """Correlation of the values around one, whose noise is that of `lights` with each light."""
        y, x = (each.ravel() for each in np.mgrid[-reach : reach + 1, -reach : reach + 1])
        found, taken = np.zeros(x.size), np.empty(x.size)
        for at_x, at_y in zip(*disc(point[0], point[1], _NEAR), strict=True):
            middles = np.array([np.ravel(each(at_x, at_y)) for each in self.transforms])
            for number, transform in enumerate(self.transforms):
                # so near no distortion counts
                (a, b), (c, d) = transform.jacobian(at_x, at_y)
                u = middles[number, 0] + a * x + b * y
                v = middles[number, 1] + c * x + d * y
                with_it = lights[number]
                self._in_common(u, v, middles[with_it], parts[with_it], taken)
                found += parts[number] * taken
        middle = found[found.size // 2]
        return (found / (middle or 1.0)).reshape(2 * reach + 1, -1)

    def _in_common(self, u, v, middles, parts, taken):
        """Fill in the covariances of the values at some places with those at the middles."""
        margin = self.table.shape[1] // 2 + 1
        left, bottom = (int(np.floor(each.min())) - margin for each in (u, v))
        right, top = (int(np.ceil(each.max())) + margin for each in (u, v))
        pixels = np.zeros((top + 1 - bottom, right + 1 - left))
        places = (np.ascontiguousarray(each) for each in middles.T)
        footprint(*places, parts, self.table, left, bottom, pixels)
        seen(u, v, self.table, left, bottom, pixels, taken)

    def _powers(self, number, x, y):
        """Variances of single values of a light whose pixels have the variance 1."""
        found = np.empty(x.size)
        powers(*self.transforms[number](x, y), self.table, found)
        return found


def _square_sum(places, values):
    """Sum of the squares of what comes together in each place."""
    _, where = np.unique(places, return_inverse=True)
    return float(np.square(np.bincount(where, values)).sum())


def _side(transform, point):
    """Side of a pixel of the stack in those of a light."""
    (a, b), (c, d) = transform.jacobian(*point).tolist()
    return math.sqrt(abs(a * d - b * c))
