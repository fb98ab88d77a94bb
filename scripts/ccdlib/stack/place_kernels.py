"""Compiled kernel of `ccdlib.stack.combine`: where the pixels of a stack lie on a light."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..registration.transforms import Transform

__all__ = ["places", "table_of"]

entry = njit(cache=True, nogil=True, error_model="numpy")
inlined = njit(nogil=True, error_model="numpy", inline="always")
# terms of a polynomial of degree 3
_TERMS = 10


def table_of(transforms: Sequence[Transform]) -> tuple[np.ndarray, np.ndarray]:
    """Transforms that follow one another, as `places` takes them.

    Returns
    -------
    frames : ndarray of float64, shape (n, 4)
        Degree, center and scale of each.
    coefficients : ndarray of float64, shape (n, 2, 10)
        In the order of `transforms.exponents`, 0 beyond the degree.
    """
    frames = np.array([[each.degree, *each.center, each.scale] for each in transforms])
    coefficients = np.zeros((len(transforms), 2, _TERMS))
    for own, each in zip(coefficients, transforms, strict=True):
        own[0, : len(each.x_coefficients)] = each.x_coefficients
        own[1, : len(each.y_coefficients)] = each.y_coefficients
    return frames, coefficients


@entry
def places(
    frames: np.ndarray,
    coefficients: np.ndarray,
    left: int,
    bottom: int,
    u: np.ndarray,
    v: np.ndarray,
    area: np.ndarray,
) -> None:
    """Fill in the places of pixels, to the bits of `Transform`, and their areas.

    Parameters
    ----------
    frames, coefficients : ndarray
        From `table_of`.
    left, bottom : int
        Column and row of the first pixel.
    u, v : ndarray of float64, shape (rows, columns)
        Column and row on the light.
    area : ndarray of float64, shape (rows, columns)
        Pixels of the light that each covers.
    """
    for r in range(u.shape[0]):
        for c in range(u.shape[1]):
            u[r, c], v[r, c], area[r, c] = left + c, bottom + r, 1.0
        for t in range(frames.shape[0]):
            if frames[t, 0] == 1:
                _line(frames[t], coefficients[t], u[r], v[r], area[r])
            else:
                _curve(frames[t], coefficients[t], u[r], v[r], area[r])


@inlined
def _line(frame, k, u, v, area):
    """Bring a row of places through a linear transform."""
    size = abs(k[0, 1] * k[1, 2] - k[0, 2] * k[1, 1]) / (frame[3] * frame[3])
    for c in range(u.size):
        x, y = (u[c] - frame[1]) / frame[3], (v[c] - frame[2]) / frame[3]
        u[c] = k[0, 0] + k[0, 1] * x + k[0, 2] * y
        v[c] = k[1, 0] + k[1, 1] * x + k[1, 2] * y
        area[c] *= size


@inlined
def _value(k, x, y, xx, yy):
    """A polynomial of degree 3."""
    total = k[0] + k[1] * x + k[2] * y + k[3] * xx + k[4] * (x * y) + k[5] * yy
    return total + k[6] * (xx * x) + k[7] * (xx * y) + k[8] * (x * yy) + k[9] * (yy * y)


@inlined
def _slopes(k, x, y, xx, yy):
    """Its derivatives along x and along y."""
    along_x = k[1] + 2 * k[3] * x + k[4] * y + 3 * k[6] * xx + 2 * k[7] * (x * y) + k[8] * yy
    along_y = k[2] + k[4] * x + 2 * k[5] * y + k[7] * xx + 2 * k[8] * (x * y) + 3 * k[9] * yy
    return along_x, along_y


@inlined
def _curve(frame, k, u, v, area):
    """Bring a row of places through a transform with distortion."""
    for c in range(u.size):
        x, y = (u[c] - frame[1]) / frame[3], (v[c] - frame[2]) / frame[3]
        xx, yy = x * x, y * y
        u[c], v[c] = _value(k[0], x, y, xx, yy), _value(k[1], x, y, xx, yy)
        a, b = _slopes(k[0], x, y, xx, yy)
        d, e = _slopes(k[1], x, y, xx, yy)
        area[c] *= abs(a * e - b * d) / (frame[3] * frame[3])
