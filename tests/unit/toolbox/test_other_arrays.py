"""Pixels that are no array of numpy: taken as they come, or refused by name."""

import warnings

import numpy as np
import pytest
from astropy import units as u
from toolbox_images import linear_wcs

import ccdlib
from ccdlib import CCDData
from ccdlib.errors import CcdlibError
from ccdlib.toolbox import by_rows

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


# without dask, which these compute at once or not at all
OTHER_STEPS = {
    "expected noise": lambda a, b: ccdlib.create_deviation(
        a, GAIN, 8 * u.electron, signal="expected"
    ),
    "trim_image": lambda a, b: ccdlib.trim_image(a, "[2:9,3:8]"),
    "trim_image, flipped": lambda a, b: ccdlib.trim_image(a, "[9:2,3:8]"),
    "ccd_process": lambda a, b: ccdlib.ccd_process(a, "[13:16,:]", "[1:12,:]", master_flat=None),
    "cosmicray_lacosmic": lambda a, b: ccdlib.cosmicray_lacosmic(a),
    "cosmicray_median": lambda a, b: ccdlib.cosmicray_median(a, error_image=5.0, rbox=5),
    "median_filter": lambda a, b: ccdlib.median_filter(a, 3),
    "block_reduce": lambda a, b: ccdlib.block_reduce(a, 2),
    "block_replicate": lambda a, b: ccdlib.block_replicate(a, 2),
    "transform_image": lambda a, b: ccdlib.transform_image(a, np.rot90, wcs=linear_wcs()),
    "wcs_project": lambda a, b: ccdlib.wcs_project(a, linear_wcs()),
    "ccdmask": lambda a, b: ccdlib.ccdmask(a),
    "background_deviation_box": lambda a, b: ccdlib.background_deviation_box(a.data, 8),
    "background_deviation_filter": lambda a, b: ccdlib.background_deviation_filter(a.data, 3),
}


class OfAnotherLibrary:
    """An array that converts itself into one of numpy, as those of JAX do."""

    def __init__(self, values):
        self.values = np.array(values)
        self.values.flags.writeable = False
        self.shape, self.dtype = self.values.shape, self.values.dtype
        self.ndim, self.size = self.values.ndim, self.values.size

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype)

    def __getitem__(self, item):
        return OfAnotherLibrary(self.values[item])

    def __len__(self):
        return len(self.values)

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def copy(self):
        return self


class OfADevice:
    """An array that numpy may not read by itself, as cupy's."""

    shape, dtype, ndim = SHAPE, np.dtype(float), 2

    def __array__(self, *args, **kwd):
        raise TypeError("Implicit conversion to a NumPy array is not allowed")

    def __getitem__(self, item):
        return self


def pair(wrap):
    rng = np.random.default_rng(1)
    return [
        CCDData(wrap(rng.normal(level, 3, SHAPE)), unit="adu", wcs=linear_wcs())
        for level in (900.0, 100.0)
    ]


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


@pytest.mark.parametrize("name", ["gain_correct", "subtract_bias", "subtract_dark"])
def test_local_steps_compute_each_chunk_once_and_few_at_a_time(name, monkeypatch):
    """Bands end where chunks of all images do."""
    monkeypatch.setattr(by_rows, "_DASK_BAND", 1)
    computed = []

    def lazy(data, rows, name):
        def chunk(block):
            computed.append((name, block.shape[0]))
            return block

        return dask.from_array(data, chunks=(rows, 16)).map_blocks(chunk, dtype=float)

    image, master = pair(np.asarray)
    expected = STEPS[name](image, master)
    lazily = [
        CCDData(lazy(each.data, rows, kind), unit="adu")
        for each, rows, kind in ((image, 4, "image"), (master, 10, "master"))
    ]
    computed.clear()
    result = STEPS[name](*lazily)
    np.testing.assert_array_equal(result.data, expected.data)
    if name == "gain_correct":
        assert computed == [("image", 4)] * 10
    else:
        assert computed == 2 * ([("master", 10)] * 2 + [("image", 4)] * 5)


def test_a_section_is_cut_out_without_computing():
    image = pair(lambda data: dask.from_array(data, chunks=(10, 16)))[0]
    result = ccdlib.trim_image(image, "[3:10,2:20]")
    assert isinstance(result.data, dask.Array)
    expected = ccdlib.trim_image(pair(np.asarray)[0], "[3:10,2:20]")
    np.testing.assert_array_equal(np.asarray(result.data), expected.data)


@pytest.mark.parametrize("name", ["create_deviation", "flat_correct", "subtract_overscan"])
def test_steps_that_need_all_pixels_compute_them_once(name):
    computed = []

    def lazy(data):
        def chunk(block):
            computed.append(block.shape[0])
            return block

        return dask.from_array(data, chunks=(10, 16)).map_blocks(chunk, dtype=float)

    images = pair(lazy)
    computed.clear()
    result = STEPS[name](*images)
    assert isinstance(result.data, np.ndarray)
    assert len(computed) == (8 if name == "flat_correct" else 4)


@pytest.mark.parametrize("switch", [False, True])
@pytest.mark.parametrize("name", [*STEPS, *OTHER_STEPS])
def test_arrays_that_numpy_cannot_read_are_refused_by_name(name, switch):
    image, other = pair(np.asarray)
    image._data = OfADevice()
    with (
        ccdlib.conf.set_temp("as_ccdproc", switch),
        pytest.raises(TypeError, match=r"OfADevice, which numpy cannot read: Implicit") as error,
    ):
        (STEPS | OTHER_STEPS)[name](image, other)
    assert isinstance(error.value, CcdlibError)


@pytest.mark.filterwarnings("ignore:The following attributes were set")
@pytest.mark.parametrize("switch", [False, True])
@pytest.mark.parametrize("name", [*STEPS, *OTHER_STEPS])
def test_arrays_that_convert_themselves_give_what_numpys_give(name, switch):
    with ccdlib.conf.set_temp("as_ccdproc", switch):
        expected = (STEPS | OTHER_STEPS)[name](*pair(np.asarray))
        result = (STEPS | OTHER_STEPS)[name](*pair(OfAnotherLibrary))
    if isinstance(expected, CCDData):
        assert result.unit == expected.unit
        expected, result = expected.data, result.data
    np.testing.assert_array_equal(np.asarray(result), expected)


@pytest.mark.parametrize("name", ["cosmicray_lacosmic", "cosmicray_median", "rebin"])
def test_bare_arrays_of_another_library_are_refused_by_name(name):
    """So does ccdproc's."""
    arguments = {"rebin": [(20, 8)]}.get(name, [])
    array = OfAnotherLibrary(np.ones(SHAPE))
    with (
        warnings.catch_warnings(),
        pytest.raises(TypeError, match="object, it is a OfAnotherLibrary"),
    ):
        warnings.simplefilter("ignore")
        getattr(ccdlib, name)(array, *arguments)
