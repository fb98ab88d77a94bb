"""Pixels that are no array of numpy: taken as they come, or refused by name."""

import numpy as np
import pytest
from astropy import units as u

import ccdlib
from ccdlib import CCDData
from ccdlib.errors import CcdlibError

dask = pytest.importorskip("dask.array")
SHAPE = (40, 16)
GAIN = 1.7 * u.electron / u.adu
TIMES = {"data_exposure": 30 * u.s, "dark_exposure": 60 * u.s, "scale": True}

STEPS = {
    "create_deviation": lambda a, b: ccdlib.create_deviation(a, GAIN, 8 * u.electron),
    "gain_correct": lambda a, b: ccdlib.gain_correct(a, GAIN),
    "subtract_bias": ccdlib.subtract_bias,
    "subtract_dark": lambda a, b: ccdlib.subtract_dark(a, b, **TIMES),
    "flat_correct": ccdlib.flat_correct,
    "subtract_overscan": lambda a, b: ccdlib.subtract_overscan(a, fits_section="[13:16,:]"),
    "combine": lambda a, b: ccdlib.combine([a, b, a]),
    "median": lambda a, b: ccdlib.combine([a, b, a], method="median", sigma_clip=True),
    "Combiner": lambda a, b: ccdlib.Combiner([a, b]).sum_combine(),
}


class OfADevice:
    """An array that numpy may not read by itself, as cupy's."""

    shape, dtype = SHAPE, np.dtype(float)

    def __array__(self, *args, **kwd):
        raise TypeError("Implicit conversion to a NumPy array is not allowed")

    def __getitem__(self, item):
        return self


def pair(wrap):
    rng = np.random.default_rng(1)
    return [CCDData(wrap(rng.normal(level, 3, SHAPE)), unit="adu") for level in (900.0, 100.0)]


@pytest.mark.parametrize("name", STEPS)
def test_dask_arrays_give_what_numpys_give(name):
    expected = STEPS[name](*pair(np.asarray))
    result = STEPS[name](*pair(lambda data: dask.from_array(data, chunks=(10, 16))))
    np.testing.assert_array_equal(np.asarray(result.data), expected.data)
    if expected.uncertainty is not None:
        np.testing.assert_array_equal(result.uncertainty.array, expected.uncertainty.array)


def test_a_stack_of_dask_arrays_is_read_by_bands():
    """No more rows of an image are asked for at once than go into the memory."""
    rows = []

    def chunk(block):
        rows.append(block.shape[0])
        return block

    def lazy(data):
        return dask.from_array(data, chunks=(4, 16)).map_blocks(chunk, dtype=float)

    frames = pair(lazy)
    rows.clear()
    result = ccdlib.combine(frames, mem_limit=4 * 2 * 16 * 16)
    np.testing.assert_array_equal(result.data, ccdlib.combine(pair(np.asarray)).data)
    assert max(rows) == 4 and len(rows) == 2 * 10


@pytest.mark.parametrize("name", STEPS)
def test_arrays_that_numpy_cannot_read_are_refused_by_name(name):
    image, other = pair(np.asarray)
    image._data = OfADevice()
    with pytest.raises(TypeError, match=r"OfADevice, which numpy cannot read: Implicit") as error:
        STEPS[name](image, other)
    assert isinstance(error.value, CcdlibError)
