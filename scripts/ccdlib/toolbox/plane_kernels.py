"""Compiled passes over the planes of an image."""

import numpy as np
from numba import njit

__all__ = [
    "add_in_quadrature",
    "add_to_columns",
    "divide",
    "divide_deviations",
    "repeat_rows",
    "subtract",
]


# the least divisor of a flat that is one, as `ccdlib.toolbox.calibration` has it
_SMALLEST = float(np.finfo(np.float32).tiny)


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
    data, master, less : ndarray, shape (rows, pixels)
    scale : float

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
    share : float of the type of `added`
    """
    for y in range(sigma.shape[0]):
        row, other, out = sigma[y], added[y], grown[y]
        for x in range(row.size):
            out[x] = np.sqrt(row[x] * row[x] + share * (other[x] * other[x]))


@njit(cache=True, nogil=True, error_model="numpy")
def add_to_columns(flat: np.ndarray, lost: np.ndarray, least: float, total: np.ndarray) -> None:
    """Add the rows of a flat to `total`, with 0 for pixels that are lost.

    Parameters
    ----------
    flat : ndarray, shape (rows, pixels)
    lost : ndarray of bool, shape (rows, pixels)
    least : float
        Lower values count as this.
    total : ndarray of float64, shape (pixels,)
        A sum of its own for each column lets the compiler take several at once.
    """
    for y in range(flat.shape[0]):
        row, left = flat[y], lost[y]
        for x in range(row.size):
            value = np.float64(least) if row[x] < least else np.float64(row[x])
            total[x] += np.float64(0) if left[x] else value


@njit(cache=True, nogil=True, error_model="numpy")
def divide(
    data: np.ndarray,
    flat: np.ndarray,
    lost: np.ndarray,
    least: float,
    factor: float,
    quotient: np.ndarray,
) -> int:
    """Fill `quotient` with ``data / (factor * flat)``, until a row has a divisor that is none.

    Parameters
    ----------
    data, flat, quotient : ndarray, shape (rows, pixels)
    lost : ndarray of bool, shape (rows, pixels)
        Pixels that are not divided.
    least, factor : float of the type of `flat`
        Lower values of the flat are raised to `least`.

    Returns
    -------
    int
        How many pixels of the flat were raised; -1 where one is not finite, or not above zero.
    """
    raised, kind = 0, flat.dtype.type
    for y in range(data.shape[0]):
        row, other, left, out, usable = data[y], flat[y], lost[y], quotient[y], 0
        for x in range(row.size):
            low = other[x] < least
            divisor = factor * (least if low else other[x])
            raised += low and not left[x]
            usable += left[x] or (divisor >= _SMALLEST and divisor < np.inf)
            # the type of the result, in which the compiler would not divide small whole numbers
            out[x] = row[x]
            out[x] = out[x] / (kind(1) if left[x] else divisor)
        if usable < row.size:
            return -1
    return raised


@njit(cache=True, nogil=True, error_model="numpy")
def divide_deviations(
    planes: tuple[np.ndarray, ...],
    lost: np.ndarray,
    least: float,
    factor: float,
    share: float,
    grown: np.ndarray,
) -> None:
    """Fill `grown` with the deviation of what `divide` gives.

    Parameters
    ----------
    planes : tuple of ndarray, shape (rows, pixels)
        Deviation of the image, the quotient, the flat, and the flat's deviation.
    lost, least, factor
        See `divide`.
    share : float
        The square of `factor`, in the type of the flat.
    grown : ndarray of float, shape (rows, pixels)
    """
    kind = planes[3].dtype.type
    for y in range(grown.shape[0]):
        sigma, value, flat, spread = planes[0][y], planes[1][y], planes[2][y], planes[3][y]
        left, out = lost[y], grown[y]
        for x in range(out.size):
            divisor = factor * (least if flat[x] < least else flat[x])
            divisor = kind(1) if left[x] else divisor
            other = kind(0) if left[x] else spread[x] * spread[x] * share
            added = value[x] * value[x] * other
            out[x] = np.sqrt((sigma[x] * sigma[x] + added) / (divisor * divisor))
