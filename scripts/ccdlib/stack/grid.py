"""The pixels of a stack: where they lie on its reference, and on each light."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import CcdlibError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..registration.transforms import Transform

__all__ = ["Grid", "grid_of"]


@dataclass(frozen=True)
class Grid:
    """Pixels of a stack.

    Attributes
    ----------
    left, bottom : int
        Column and row of the reference where the first pixel lies.
    shape : tuple of int
    """

    left: int
    bottom: int
    shape: tuple[int, int]

    def places(self, rows: slice, columns: slice) -> tuple[np.ndarray, np.ndarray]:
        """Columns and rows of some pixels on the reference, as two float64 arrays."""
        y, x = np.mgrid[rows, columns].astype(float)
        return x + self.left, y + self.bottom


def _extent(transform, shape):
    """What a light covers of the reference: (left, right, bottom, top), the middles of pixels."""
    ny, nx = shape
    x, y = np.array([0.0, nx - 1, 0, nx - 1]), np.array([0.0, 0, ny - 1, ny - 1])
    x, y = transform.inverse(x, y)
    return sorted(x), sorted(y)


def grid_of(
    kind: str, shape: tuple[int, int], transforms: Sequence[Transform], shapes: Sequence[tuple]
) -> Grid:
    """The grid of a stack.

    Parameters
    ----------
    kind : {'reference', 'union', 'intersection'}
    shape : tuple of int
        Of the reference.
    transforms : list of Transform
        From the reference to each light.
    shapes : list of tuple of int
        Of the lights.

    Raises
    ------
    CcdlibError
        If the lights have no pixel in common.
    """
    if kind == "reference":
        return Grid(0, 0, shape)
    extents = [_extent(each, own) for each, own in zip(transforms, shapes, strict=True)]
    if kind == "union":
        left, right = (pick(x[end] for x, _ in extents) for pick, end in ((min, 0), (max, 3)))
        bottom, top = (pick(y[end] for _, y in extents) for pick, end in ((min, 0), (max, 3)))
        left, right, bottom, top = (
            *(math.floor(left), math.ceil(right)),
            *(math.floor(bottom), math.ceil(top)),
        )
    else:
        left, right = (pick(x[end] for x, _ in extents) for pick, end in ((max, 1), (min, 2)))
        bottom, top = (pick(y[end] for _, y in extents) for pick, end in ((max, 1), (min, 2)))
        left, right, bottom, top = (
            *(math.ceil(left), math.floor(right)),
            *(math.ceil(bottom), math.floor(top)),
        )
    found = top - bottom + 1, right - left + 1
    if min(found) < 1:
        raise CcdlibError("the lights have no pixel in common: stack.grid=intersection is empty")
    return Grid(left, bottom, found)
