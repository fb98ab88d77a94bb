"""The pixels of a stack: where they lie on its reference, and on each light."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import CcdlibError
from ..registration.transforms import Transform

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike

    from .lights import Light

__all__ = ["Chain", "Grid", "chained", "grid_of"]

# lights whose scale differs by no more are interpolated as if it did not
_DENSE = 1.1
# of a pixel, by which sums of rounded numbers may be off
_SLACK = 1e-6


@dataclass(frozen=True)
class Chain:
    """Two transforms, one after the other; it is called as they are.

    Attributes
    ----------
    first, then : Transform
    """

    first: Transform
    then: Transform

    def __call__(self, x: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Where places lie after both."""
        return self.then(*self.first(x, y))

    def jacobian(self, x: ArrayLike, y: ArrayLike) -> np.ndarray:
        """Its derivatives, as those of a `Transform`."""
        (a, b), (c, d) = self.then.jacobian(*self.first(x, y))
        (e, f), (g, h) = self.first.jacobian(x, y)
        return np.array([[a * e + b * g, a * f + b * h], [c * e + d * g, c * f + d * h]])


def chained(first: Transform, then: Transform) -> Transform | Chain:
    """One transform after another, as one where both are linear."""
    if first == Transform.identity():
        return then
    both = Chain(first, then)
    if first.degree == then.degree == 1:
        x, y = both(0.0, 0.0)
        return Transform.linear(both.jacobian(0.0, 0.0), (float(x), float(y)))
    return both


@dataclass(frozen=True)
class Grid:
    """Pixels of a stack.

    Attributes
    ----------
    shape : tuple of int
    base : Transform
        From them to those of the reference.
    wcs : dict or None
        Their WCS, {keyword: value}; None where it is that of the reference, moved and scaled.
    """

    shape: tuple[int, int]
    base: Transform
    wcs: Mapping[str, Any] | None = None

    @property
    def middle(self) -> tuple[float, float]:
        """Column and row of its middle."""
        ny, nx = self.shape
        return nx / 2, ny / 2

    @property
    def area(self) -> float:
        """Pixels of the reference that one of it covers, in the middle."""
        (a, b), (c, d) = self.base.jacobian(*self.middle).tolist()
        return abs(a * d - b * c)

    @property
    def scale(self) -> float:
        """Side of its pixels in those of the reference."""
        return math.sqrt(self.area)

    @property
    def stretch(self) -> float:
        """How much wider than a light's pixels interpolation has to reach, so that all count."""
        return self.scale if self.scale > _DENSE else 1.0


def grid_of(
    settings: Mapping[str, Any],
    reference: Light,
    transforms: Sequence[Transform],
    shapes: Sequence[tuple[int, int]],
) -> Grid:
    """The grid of a stack.

    Parameters
    ----------
    settings : dict
        `grid`, `scale` and `north_up` of the config's section `stack`; `grid` is 'reference',
        'union', 'intersection', or what `ccdlib.raw.footprint.footprint_of` found in a file.
    reference : Light
    transforms : list of Transform
        From the reference to each light.
    shapes : list of tuple of int
        Of the lights.

    Raises
    ------
    CcdlibError
        If the lights have no pixel in common, or the reference has no WCS where one is needed.
    """
    kind = settings["grid"]
    if not isinstance(kind, str):
        # it knows WCS, and what it imports is slow
        from .sky_grid import given_base

        return Grid(tuple(kind["shape"]), given_base(kind["cards"], reference), kind["cards"])
    if settings["north_up"]:
        from .sky_grid import north_up

        base, wcs = north_up(reference, settings["scale"])
    else:
        base, wcs = _scaled(settings["scale"]), None
    if kind == "reference":
        extents = [_extent(base, Transform.identity(), reference.shape)]
    else:
        extents = [_extent(base, *each) for each in zip(transforms, shapes, strict=True)]
    left, right, bottom, top = _limits(kind, extents)
    shape = top - bottom + 1, right - left + 1
    if min(shape) < 1:
        raise CcdlibError("the lights have no pixel in common: stack.grid=intersection is empty")
    return Grid(shape, _moved(base, left, bottom), wcs and _moved_wcs(wcs, left, bottom))


def _scaled(scale):
    """From pixels of another size, the first of which begins where the reference does."""
    if scale == 1:
        return Transform.identity()
    return Transform.linear([[scale, 0.0], [0.0, scale]], ((scale - 1) / 2, (scale - 1) / 2))


def _moved(transform, left, bottom):
    """A transform of places that are counted from another pixel."""
    x, y = transform.center
    return replace(transform, center=(x - left, y - bottom))


def _moved_wcs(wcs, left, bottom):
    return wcs | {"CRPIX1": wcs["CRPIX1"] - left, "CRPIX2": wcs["CRPIX2"] - bottom}


def _extent(base, transform, shape):
    """What a light covers of the grid, by its corners: columns and rows, each in their order."""
    ny, nx = shape
    x, y = np.array([0.0, nx, 0, nx]) - 0.5, np.array([0.0, 0, ny, ny]) - 0.5
    x, y = base.inverse(*transform.inverse(x, y))
    return np.sort(x), np.sort(y)


def _limits(kind, extents):
    """The first and the last column and row of the grid."""
    for along in range(2):
        sides = [each[along] for each in extents]
        if kind == "intersection":
            # the middles of pixels that lie within all; the inner corners of what is turned
            yield math.ceil(max(each[1] for each in sides) - _SLACK + 0.5)
            yield math.floor(min(each[2] for each in sides) + _SLACK - 0.5)
        else:
            yield math.floor(min(each[0] for each in sides) + _SLACK + 0.5)
            yield math.ceil(max(each[3] for each in sides) - _SLACK - 0.5)
