"""Compiled kernels: pixels as FITS stores them to the machine's and back, summed on the way.

FITS stores the most significant byte first, and adds the bytes up as words of 32 bits for its
checksums. numpy needs a pass, and memory, for each of these.
"""

import sys

import numpy as np
from numba import njit

__all__ = ["read_flags", "read_singles", "write_flags", "write_singles"]

# for compiled code alone, see `frame.noise_kernels`
jit = njit(nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
entry = njit(cache=True, nogil=True)

TURN = sys.byteorder == "little"
# a float's bits without its sign: they are in the order of its size
SIZE = np.uint32(0x7FFF_FFFF)
# BZERO of unsigned integers
HALF = np.uint16(0x8000)


@jit
def word(stored: int) -> np.uint32:
    """A word of 32 bits in the other order of bytes."""
    if not TURN:
        return np.uint32(stored)
    outer = np.uint32(stored >> 24) | np.uint32(stored << 24)
    return outer | np.uint32((stored >> 8) & 0xFF00) | np.uint32((stored & 0xFF00) << 8)


@jit
def half(stored: int) -> np.uint16:
    """The same of 16 bits."""
    return np.uint16((stored >> 8) | (stored << 8)) if TURN else np.uint16(stored)


@entry
def read_singles(
    stored: np.ndarray, first: int, out: np.ndarray
) -> tuple[np.unsignedinteger, np.unsignedinteger]:
    """Fill `out` with floats, given and taken as their bits.

    Parameters
    ----------
    stored : ndarray of uint32
        As they lie in the file.
    first : int
        Which one is the first to be added up.
    out : ndarray of uint32

    Returns
    -------
    total : int
        Sum of the words.
    largest : int
        Bits of the largest without its sign; a NaN's are larger than any number's.
    """
    total, largest = np.uint64(0), np.uint32(0)
    for i in range(stored.size):
        value = word(stored[i])
        out[i] = value
        total += np.uint64(value) if i >= first else np.uint64(0)
        size = np.uint32(value & SIZE)
        largest = size if size > largest else largest
    return total, largest


@entry
def read_flags(stored: np.ndarray, first: int, out: np.ndarray) -> np.unsignedinteger:
    """Fill `out` with flags.

    Parameters
    ----------
    stored : ndarray of uint16
        As they lie in the file, 32768 subtracted.
    first : int
        Which one is the first to be added up, two and two, until less than two are left.
    out : ndarray of uint16

    Returns
    -------
    int
        Sum of the words.
    """
    total = np.uint64(0)
    stop = stored.size - ((stored.size - first) & 1)
    for i in range(stored.size):
        value = half(stored[i])
        out[i] = value ^ HALF
        own = np.uint64(value) if (i - first) & 1 else np.uint64(value) << np.uint64(16)
        total += own if first <= i < stop else np.uint64(0)
    return total


@entry
def write_singles(values: np.ndarray, out: np.ndarray) -> np.unsignedinteger:
    """Fill `out` with floats as FITS stores them; both as bits, uint32. The sum of the words."""
    total = np.uint64(0)
    for i in range(values.size):
        total += np.uint64(values[i])
        out[i] = word(values[i])
    return total


@entry
def write_flags(values: np.ndarray, out: np.ndarray) -> np.unsignedinteger:
    """Fill `out` with uint16 as FITS stores them, 32768 subtracted.

    The sum of the words: two pixels each, of an odd number the last with zeros.
    """
    total = np.uint64(0)
    for i in range(values.size):
        out[i] = half(values[i] ^ HALF)
    for i in range(values.size):
        stored = np.uint64(values[i] ^ HALF)
        total += stored if i & 1 else stored << np.uint64(16)
    return total
