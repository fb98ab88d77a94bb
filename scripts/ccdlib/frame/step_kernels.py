"""The compiled passes of `ccdlib.frame.fused_steps`, which says what they do.

A pixel is worked on in single precision, operation by operation as the steps do it with numpy; no
two are fused, so that the bits are the same.
"""

import numpy as np
from numba import njit

from .. import dq

__all__ = ["divide_rows", "subtract_rows"]

# for compiled code alone, see `noise_kernels`
jit = njit(nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
entry = njit(cache=True, nogil=True, error_model="numpy")

Real = float | np.floating
Flags = int | np.integer

ZERO, ONE, TWO = (np.float32(number) for number in range(3))
NO_DATA, NO_CALIBRATION = np.uint16(dq.NO_DATA), np.uint16(dq.NO_CALIBRATION)
UNSTABLE, LOW_FLAT, NONE = np.uint16(dq.UNSTABLE), np.uint16(dq.LOW_FLAT), np.uint16(0)


@jit
def inherited(flags: Flags) -> Flags:
    """The flags that a frame takes over from those of a master: see `steps`."""
    return (flags & UNSTABLE) | (NO_CALIBRATION if flags & NO_DATA else NONE)


@entry
def subtract_rows(
    data: np.ndarray,
    variance: np.ndarray,
    flags: np.ndarray,
    bias: tuple[np.ndarray, np.ndarray, np.ndarray],
    dark: tuple[np.ndarray, np.ndarray, np.ndarray],
    shared: np.ndarray,
    bad: np.ndarray,
    factors: tuple[Real, Real, Real],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """An image less a bias and a scaled dark, with their noise and with all flags.

    Parameters
    ----------
    data, variance, flags : ndarray of float32, float32 and uint16, shape (ny, nx)
    bias, dark : tuple of three ndarrays
        The same of the masters. Here and below one row stands for all.
    shared : ndarray of float32
        Variance of the bias that both frame and dark had subtracted; 0 when they share none.
    bad : ndarray of uint16
    factors : tuple of three float32
        Of the dark, of the shared bias's variance, and of what is left of the dark's.
    """
    ny, nx = data.shape
    scale, of_shared, of_dark = factors
    values, spread = np.empty((ny, nx), np.float32), np.empty((ny, nx), np.float32)
    bits = np.empty((ny, nx), np.uint16)
    for y in range(ny):
        b = y if bias[0].shape[0] > 1 else 0
        d = y if dark[0].shape[0] > 1 else 0
        s = y if shared.shape[0] > 1 else 0
        m = y if bad.shape[0] > 1 else 0
        for x in range(nx):
            values[y, x] = (data[y, x] - bias[0][b, x]) - scale * dark[0][d, x]
            both = shared[s, x]
            own = dark[1][d, x] - both
            own = ZERO if own < ZERO else own
            added = (of_shared * both + of_dark * own) - both
            spread[y, x] = (variance[y, x] + bias[1][b, x]) + added
            found = inherited(bias[2][b, x]) | inherited(dark[2][d, x])
            bits[y, x] = flags[y, x] | bad[m, x] | found
    return values, spread, bits


@entry
def divide_rows(
    image: tuple[np.ndarray, np.ndarray, np.ndarray],
    signal: np.ndarray,
    maps: tuple[np.ndarray, np.ndarray, np.ndarray],
    flat: tuple[np.ndarray, np.ndarray, np.ndarray],
    has_flat: bool,
    min_value: Real,
    out: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    """Fill `out` with an image that has its photon noise, in electrons, divided by a flat.

    Parameters
    ----------
    image : tuple of ndarray of float32, float32 and uint16, shape (ny, nx)
        Data, variance and flags, in adu.
    signal : ndarray of float32
        What the pixels were expected to have, adu.
    maps : tuple of three ndarrays of float32
        Gain for the photon noise, variance without signal, gain. Here one row, and one column,
        stands for all.
    flat : tuple of three ndarrays
        One row stands for all.
    has_flat : bool
        Without one the flat is not looked at.
    min_value : float32
    out : tuple of three ndarrays
    """
    data, variance, flags = image
    light, floor, gain = maps
    ny, nx = data.shape
    own = np.empty((3, nx), np.float32)
    for y in range(ny):
        for k, plane in enumerate((light, floor, gain)):
            row = plane[y if plane.shape[0] > 1 else 0]
            for x in range(nx):
                own[k, x] = row[x if row.size > 1 else 0]
        for x in range(nx):
            low, factor = own[1, x], own[2, x]
            photons = max(signal[y, x] / own[0, x], -low / TWO) + low
            out[0][y, x] = data[y, x] * factor
            out[1][y, x] = (variance[y, x] + photons) * (factor * factor)
            out[2][y, x] = flags[y, x]
        if not has_flat:
            continue
        f = y if flat[0].shape[0] > 1 else 0
        for x in range(nx):
            response, bits = flat[0][f, x], flat[2][f, x]
            # not "<": a NaN must count as low
            low_response, missing = not response >= min_value, bits & NO_DATA != 0
            left = low_response or missing
            divisor = ONE if left else response
            spread = ZERO if left else flat[1][f, x]
            value = out[0][y, x] / divisor
            out[0][y, x] = value
            out[1][y, x] = (out[1][y, x] + (value * value) * spread) / (divisor * divisor)
            too_low = LOW_FLAT if low_response and not missing else NONE
            out[2][y, x] |= inherited(bits) | too_low
