"""Compiled passes over the planes of an image."""

import numpy as np
from numba import njit

__all__ = ["add_in_quadrature", "repeat_rows", "subtract"]


@njit(cache=True, nogil=True, error_model="numpy")
def repeat_rows(plane: np.ndarray, divisor: float, result: np.ndarray) -> None:
    """Fill `result` with each pixel over `divisor` as a block of equal ones.

    Parameters
    ----------
    plane : ndarray of float, shape (ny, nx)
    divisor : float of the type of `plane`
    result : ndarray of that type, shape (ny * rows, nx * columns)
        The shape says how many pixels a block has.
    """
    ny, nx = plane.shape
    rows, columns = result.shape[0] // max(ny, 1), result.shape[1] // max(nx, 1)
    for y in range(ny):
        row, filled = plane[y], result[y * rows]
        if columns == 2:
            # a number that the compiler knows lets it write several pixels at once
            for x in range(nx):
                filled[2 * x] = filled[2 * x + 1] = row[x] / divisor
        else:
            for column in range(columns):
                for x in range(nx):
                    filled[x * columns + column] = row[x] / divisor
        for copy in range(1, rows):
            result[y * rows + copy, :] = filled


@njit(cache=True, nogil=True, error_model="numpy")
def subtract(data: np.ndarray, master: np.ndarray, scale: float, less: np.ndarray) -> bool:
    """Fill `less` with ``data - scale * master``, until a row of the master is not finite.

    Parameters
    ----------
    data, master, less : ndarray of float, shape (rows, pixels)
    scale : float of their type

    Returns
    -------
    bool
        Whether all of the master is finite.
    """
    for y in range(data.shape[0]):
        # rows let the compiler take several pixels at once
        row, other, out, finite = data[y], master[y], less[y], 0
        for x in range(row.size):
            finite += abs(other[x]) < np.inf
            out[x] = row[x] - scale * other[x]
        if finite < row.size:
            return False
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def add_in_quadrature(
    sigma: np.ndarray, added: np.ndarray, share: float, grown: np.ndarray
) -> None:
    """Fill `grown` with ``sqrt(sigma^2 + share * added^2)``.

    Parameters
    ----------
    sigma, added, grown : ndarray of float, shape (rows, pixels)
    share : float of their type
    """
    for y in range(sigma.shape[0]):
        row, other, out = sigma[y], added[y], grown[y]
        for x in range(row.size):
            out[x] = np.sqrt(row[x] * row[x] + share * (other[x] * other[x]))
