"""From the pixels of a reference image to those of a frame: shift, rotation, scale, distortion."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ..errors import CcdlibError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["Transform", "exponents", "terms"]

_HIGHEST = 3
_STEPS = 30
_CLOSE = 1e-10


def exponents(degree: int) -> list[tuple[int, int]]:
    """Powers of x and y in each term of a polynomial, by total degree.

    Examples
    --------
    >>> exponents(2)
    [(0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2)]
    """
    return [(total - n, n) for total in range(degree + 1) for n in range(total + 1)]


def _powers(values, degree):
    """Products alone: a C library rounds powers as it likes."""
    found = [np.ones_like(values)]
    for _ in range(degree):
        found.append(found[-1] * values)
    return found


def terms(u: np.ndarray, v: np.ndarray, degree: int) -> np.ndarray:
    """The terms of a polynomial at some places.

    Parameters
    ----------
    u, v : ndarray of float64
    degree : int

    Returns
    -------
    ndarray, shape (number of terms, \\*u.shape)
    """
    first, second = _powers(u, degree), _powers(v, degree)
    powers = exponents(degree)
    found = np.empty((len(powers), *np.shape(u)))
    for number, (i, j) in enumerate(powers):
        found[number] = first[i] * second[j]
    return found


def _sum(coefficients, planes):
    """A sum in one order, whatever the processor."""
    total = np.zeros(planes[0].shape)
    for coefficient, plane in zip(coefficients, planes, strict=True):
        total += coefficient * plane
    return total


@dataclass(frozen=True)
class Transform:
    """Where a pixel of the reference lies in a frame.

    ::

        u = (x - center[0]) / scale,  v = (y - center[1]) / scale
        X = sum of x_coefficients u^i v^j,  Y = sum of y_coefficients u^i v^j

    Places are in pixels, 0 in the middle of the first pixel (FITS counts from 1).

    Attributes
    ----------
    degree : int
        1 for shift, rotation, scale and shear; 2 or 3 with distortion.
    center : (float, float)
    scale : float
        Pixels.
    x_coefficients, y_coefficients : tuple of float
        One for each term, in the order of `exponents`.
    n_stars : int
        Stars that it was fitted to.
    rms_x, rms_y : float
        What is left between their places and the fit, each weighted as in the fit, in pixels of
        the frame; 0 where nothing was fitted.

    Examples
    --------
    >>> shift = Transform.linear([[1.0, 0.0], [0.0, 1.0]], (3.0, -2.0))
    >>> [float(each) for each in shift(10.0, 10.0)]
    [13.0, 8.0]
    >>> Transform.from_text(shift.to_text()) == shift
    True
    """

    degree: int
    center: tuple[float, float]
    scale: float
    x_coefficients: tuple[float, ...]
    y_coefficients: tuple[float, ...]
    n_stars: int = 0
    rms_x: float = 0.0
    rms_y: float = 0.0

    @classmethod
    def linear(cls, matrix: ArrayLike, offset: tuple[float, float]) -> Transform:
        """The transform ``(X, Y) = matrix (x, y) + offset``.

        Parameters
        ----------
        matrix : array_like, shape (2, 2)
        offset : (float, float)
            Pixels.

        Returns
        -------
        Transform

        Examples
        --------
        >>> from ccdlib import Transform
        >>> half_turn = Transform.linear([[-1.0, 0.0], [0.0, -1.0]], (100.0, 100.0))
        >>> [float(each) for each in half_turn(10.0, 20.0)]
        [90.0, 80.0]
        """
        (a, b), (c, d) = np.asarray(matrix, np.float64).tolist()
        x, y = (float(each) for each in offset)
        return cls(1, (0.0, 0.0), 1.0, (x, a, b), (y, c, d))

    @classmethod
    def identity(cls) -> Transform:
        """The transform of an image that is its own reference.

        Returns
        -------
        Transform

        Examples
        --------
        >>> from ccdlib import Transform
        >>> [float(each) for each in Transform.identity()(10.0, 20.0)]
        [10.0, 20.0]
        """
        return cls.linear([[1.0, 0.0], [0.0, 1.0]], (0.0, 0.0))

    def __call__(self, x: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """From the reference to the frame.

        Parameters
        ----------
        x, y : array_like of float
            Pixels of the reference.

        Returns
        -------
        x, y : ndarray
            Pixels of the frame.
        """
        u, v = self._scaled(x, y)
        planes = terms(u, v, self.degree)
        return _sum(self.x_coefficients, planes), _sum(self.y_coefficients, planes)

    def _scaled(self, x, y):
        u = (np.asarray(x, np.float64) - self.center[0]) / self.scale
        v = (np.asarray(y, np.float64) - self.center[1]) / self.scale
        return u, v

    def jacobian(self, x: ArrayLike, y: ArrayLike) -> np.ndarray:
        """Its derivatives at pixels of the reference.

        Parameters
        ----------
        x, y : array_like of float
            Pixels of the reference.

        Returns
        -------
        ndarray, shape (2, 2, ...)
            ``[[dX/dx, dX/dy], [dY/dx, dY/dy]]``; the size of the determinant is the area of the
            frame, in pixels, that a pixel of the reference covers.

        Examples
        --------
        >>> from ccdlib import Transform
        >>> twice = Transform.linear([[2.0, 0.0], [0.0, 2.0]], (0.0, 0.0))
        >>> twice.jacobian(5.0, 5.0).tolist()
        [[2.0, 0.0], [0.0, 2.0]]
        """
        u, v = self._scaled(x, y)
        planes = terms(u, v, self.degree - 1)
        place = {powers: n for n, powers in enumerate(exponents(self.degree - 1))}
        result = []
        for coefficients in (self.x_coefficients, self.y_coefficients):
            along = [np.zeros(u.shape), np.zeros(u.shape)]
            for coefficient, (i, j) in zip(coefficients, exponents(self.degree), strict=True):
                if i:
                    along[0] = along[0] + coefficient * i * planes[place[i - 1, j]]
                if j:
                    along[1] = along[1] + coefficient * j * planes[place[i, j - 1]]
            result.append(along)
        return np.array(result) / self.scale

    @cached_property
    def _linear_inverse(self):
        """Matrix from the frame to the reference at the center, and the center in the frame."""
        (a, b), (c, d) = self.jacobian(*self.center).tolist()
        area = a * d - b * c
        place = self.x_coefficients[0], self.y_coefficients[0]
        return (d / area, -b / area, -c / area, a / area), place

    def inverse(self, x: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """From the frame to the reference.

        Parameters
        ----------
        x, y : array_like of float
            Pixels of the frame.

        Returns
        -------
        x, y : ndarray
            Pixels of the reference; NaN where a distortion has none.

        Examples
        --------
        >>> from ccdlib import Transform
        >>> shift = Transform.linear([[1.0, 0.0], [0.0, 1.0]], (3.0, -2.0))
        >>> [float(each) for each in shift.inverse(13.0, 8.0)]
        [10.0, 10.0]
        """
        (a, b, c, d), place = self._linear_inverse
        x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
        dx, dy = x - place[0], y - place[1]
        found_x = self.center[0] + a * dx + b * dy
        found_y = self.center[1] + c * dx + d * dy
        if self.degree == 1:
            return found_x, found_y
        for _ in range(_STEPS):
            there_x, there_y = self(found_x, found_y)
            dx, dy = x - there_x, y - there_y
            found_x = found_x + a * dx + b * dy
            found_y = found_y + c * dx + d * dy
            if not (np.hypot(dx, dy) > _CLOSE).any():
                break
        lost = ~(np.hypot(dx, dy) <= 1e-6)
        return np.where(lost, np.nan, found_x), np.where(lost, np.nan, found_y)

    def to_text(self) -> str:
        """All of it as one line of numbers, from which `from_text` makes the same again.

        Returns
        -------
        str

        Examples
        --------
        >>> from ccdlib import Transform
        >>> Transform.identity().to_text()
        '1 0 0.0 0.0 0.0 0.0 1.0 0.0 1.0 0.0 0.0 0.0 1.0'
        """
        numbers: list[float] = [self.degree, self.n_stars, self.rms_x, self.rms_y]
        numbers += [*self.center, self.scale, *self.x_coefficients, *self.y_coefficients]
        return " ".join(
            map(repr, (each if isinstance(each, int) else float(each) for each in numbers))
        )

    @classmethod
    def from_text(cls, text: str) -> Transform:
        """The transform that `to_text` wrote.

        Parameters
        ----------
        text : str

        Returns
        -------
        Transform

        Raises
        ------
        CcdlibError
            If the text is not one of a transform.

        Examples
        --------
        >>> from ccdlib import Transform
        >>> Transform.from_text(Transform.identity().to_text()) == Transform.identity()
        True
        """
        words = text.split()
        try:
            degree, n_stars = int(words[0]), int(words[1])
            rms_x, rms_y, x0, y0, scale, *rest = map(float, words[2:])
        except (ValueError, IndexError) as error:
            raise CcdlibError(f"{text!r} is not the text of a transform") from error
        size = len(exponents(degree)) if 0 < degree <= _HIGHEST else -1
        if len(rest) != 2 * size or not scale > 0:
            raise CcdlibError(
                f"{text!r} is not the text of a transform: degree {degree}, scale {scale}, "
                f"{len(rest)} coefficients"
            )
        return cls(
            degree, (x0, y0), scale, tuple(rest[:size]), tuple(rest[size:]), n_stars, rms_x, rms_y
        )
