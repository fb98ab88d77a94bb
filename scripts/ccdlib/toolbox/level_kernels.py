"""The compiled pass in which the uncertainty of an image grows by that of its bias level."""

import numpy as np
from numba import njit

__all__ = ["grow_sigma"]


@njit(cache=True, nogil=True, error_model="numpy")
def grow_sigma(
    sigma: np.ndarray,
    grown: np.ndarray,
    section: tuple[int, int, int, int],
    variance: np.ndarray,
    axis: int,
) -> None:
    """Fill a section of `grown` with ``sqrt(sigma^2 + variance)``.

    Parameters
    ----------
    sigma, grown : ndarray of float, shape (ny, nx)
        They may be the same.
    section : tuple of int
        First row, the one behind the last, and the same of the columns.
    variance : ndarray, shape (rows,) or (columns,)
        Of each row or column of the section.
    axis : {1, 0}
        1: `variance` has a value for each row.
    """
    y0, y1, x0, x1 = section
    for y in range(y0, y1):
        # indices from 0 on let the compiler take several pixels at once
        row, out = sigma[y, x0:x1], grown[y, x0:x1]
        if axis == 1:
            of_row = variance[y - y0]
            for x in range(row.size):
                out[x] = np.sqrt(row[x] * row[x] + of_row)
        else:
            for x in range(row.size):
                out[x] = np.sqrt(row[x] * row[x] + variance[x])
