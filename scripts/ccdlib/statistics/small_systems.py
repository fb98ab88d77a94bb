"""Small linear systems whose last bits depend neither on the processor nor on threads.

LAPACK and BLAS have other kernels for other processors, with sums in another order: the same
frames would give other bytes elsewhere. Here is nothing but sums and products of one order. For the
same reason roots are `math.sqrt`, which is exact, and not powers, which a C library rounds as it
likes.
"""

import numpy as np

__all__ = ["fitted_line", "inverse", "orthonormal"]


def inverse(matrix: np.ndarray) -> np.ndarray:
    """The inverse of a positive definite matrix, by elimination.

    Parameters
    ----------
    matrix : ndarray, shape (n, n)

    Examples
    --------
    >>> inverse(np.array([[2.0, 1.0], [1.0, 1.0]])).tolist()
    [[1.0, -1.0], [-1.0, 2.0]]
    """
    size = len(matrix)
    work = np.hstack([np.asarray(matrix, np.float64), np.eye(size)])
    for column in range(size):
        work[column] /= work[column, column]
        others = np.arange(size) != column
        work[others] -= work[others, column][:, None] * work[column]
    return work[:, size:]


def orthonormal(terms: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Combinations of the columns that are orthonormal over some of the rows (Gram and Schmidt).

    Parameters
    ----------
    terms : ndarray, shape (n, k)
    used : ndarray of bool, shape (n,)

    Returns
    -------
    ndarray, shape (n, k)
        The same combinations in all rows.
    """
    columns: list[np.ndarray] = []
    for term in np.asarray(terms, np.float64).T:
        left = term.copy()
        # once more for what rounding left
        for _ in range(2):
            for column in columns:
                left -= (left[used] * column[used]).sum() * column
        columns.append(left / np.sqrt(np.square(left[used]).sum()))
    return np.stack(columns, axis=1)


def fitted_line(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float, float]:
    """A straight line by least squares: slope, value at x = 0, and the variance of each.

    The points scatter about it alike.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
        At least three points, not all at one x.

    Examples
    --------
    >>> fitted_line(np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0, 5.0]))
    (2.0, 1.0, 0.0, 0.0)
    """
    middle, height = float(np.mean(x)), float(np.mean(y))
    away = x - middle
    square = float(np.square(away).sum())
    slope = float((away * (y - height)).sum()) / square
    left = y - height - slope * away
    scatter = float(np.square(left).sum()) / (len(x) - 2)
    variance = scatter / square
    return slope, height - slope * middle, variance, scatter / len(x) + middle * middle * variance
