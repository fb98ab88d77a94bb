"""With `conf.as_ccdproc` results are ccdproc's to rounding; without it they are ours."""

import ccdproc
import numpy as np
import pytest
from astropy import units as u
from astropy.modeling.models import Polynomial1D
from astropy.nddata import CCDData as TheirCCDData
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from toolbox_images import linear_wcs, make

import ccdlib
from ccdlib import CCDData

SHAPE = (12, 16)
GAIN = 1.7 * u.electron / u.adu
NOISE = 8 * u.electron
TIMES = {"data_exposure": 30 * u.s, "dark_exposure": 70 * u.s}
# what is left after a handful of operations
ROUNDING = {"float32": 2e-6, "float64": 1e-12}

pytestmark = pytest.mark.filterwarnings(
    # ours, of what theirs does in silence
    "ignore:the dark was exposed",
    "ignore:the image is in electron already",
    "ignore:the uncertainty of",
    "ignore:rebin is deprecated",
    # theirs
    "ignore:The rebin function will be removed",
    "ignore:WCS information may be incorrect",
    "ignore:The following attributes were set",
    "ignore:divide by zero",
    "ignore:invalid value",
    "ignore:All-NaN slice",
    "ignore:Mean of empty slice",
    "ignore:Degrees of freedom",
    "ignore:Input data contains invalid values",
)


@pytest.fixture(autouse=True)
def as_ccdproc():
    with ccdlib.conf.set_temp("as_ccdproc", True):
        yield


def image(kind, level, seed, dtype, sigma, mask, unit="adu", **kwd):
    rng = np.random.default_rng(seed)
    data = rng.normal(level, level / 20, SHAPE).astype(dtype)
    spread = rng.uniform(1, 3, SHAPE).astype(dtype) if sigma else None
    return make(kind, data, spread, rng.random(SHAPE) < 0.1 if mask else None, unit, **kwd)


STEPS = {
    "create_deviation": lambda lib, a, b, f: lib.create_deviation(a, GAIN, NOISE),
    "gain_correct": lambda lib, a, b, f: lib.gain_correct(a, GAIN),
    "gain_correct twice": lambda lib, a, b, f: lib.gain_correct(lib.gain_correct(a, GAIN), GAIN),
    "subtract_bias": lambda lib, a, b, f: lib.subtract_bias(a, b),
    "subtract_dark": lambda lib, a, b, f: lib.subtract_dark(a, b, **TIMES),
    "subtract_dark scaled": lambda lib, a, b, f: lib.subtract_dark(a, b, **TIMES, scale=True),
    "flat_correct": lambda lib, a, b, f: lib.flat_correct(a, f),
    "flat_correct, min_value": lambda lib, a, b, f: lib.flat_correct(a, f, min_value=3000),
    "flat_correct, norm_value": lambda lib, a, b, f: lib.flat_correct(a, f, norm_value=2900),
    "overscan": lambda lib, a, b, f: lib.subtract_overscan(a, fits_section="[13:16,:]"),
    "overscan, median": lambda lib, a, b, f: lib.subtract_overscan(a, b[:, 3:9], median=True),
    "overscan, columns": lambda lib, a, b, f: lib.subtract_overscan(a, b[2:5], 0),
    "overscan, axis": lambda lib, a, b, f: lib.subtract_overscan(a, b[:, :3], None),
    "overscan, model": lambda lib, a, b, f: lib.subtract_overscan(
        a, b[:, 3:9], model=Polynomial1D(2)
    ),
    "trim": lambda lib, a, b, f: lib.trim_image(a, "[2:9,3:8]"),
    "ccd_process": lambda lib, a, b, f: lib.ccd_process(
        a, oscan="[13:16,:]", trim="[1:12,:]", error=True, gain=GAIN, readnoise=NOISE
    ),
    "ccd_process, masters": lambda lib, a, b, f: lib.ccd_process(
        a, master_bias=b, master_flat=f, bad_pixel_mask=np.eye(*SHAPE, dtype=bool)
    ),
    "cosmicray_median": lambda lib, a, b, f: lib.cosmicray_median(
        a, error_image=np.full(SHAPE, 20.0), thresh=1.5, mbox=5, rbox=3, gbox=2
    ),
    "block_reduce": lambda lib, a, b, f: lib.block_reduce(a, 2),
    "block_reduce, median": lambda lib, a, b, f: lib.block_reduce(a, (3, 4), np.median),
    "block_average": lambda lib, a, b, f: lib.block_average(a, 2),
    "block_replicate": lambda lib, a, b, f: lib.block_replicate(a, 2),
    "rebin": lambda lib, a, b, f: lib.rebin(a, (6, 32)),
    "median_filter": lambda lib, a, b, f: lib.median_filter(a, 3),
    "transform_image": lambda lib, a, b, f: lib.transform_image(a, np.rot90),
}


def assert_same(ours, theirs, rounding, dtype=None):
    """Value, sigma, mask, unit and shape; the kind of the uncertainty."""
    assert ours.unit == theirs.unit and ours.shape == theirs.shape
    scale = np.nanmax(np.abs(np.where(np.isfinite(theirs.data), theirs.data, 0)))
    close = {"rtol": rounding, "atol": rounding * scale}
    np.testing.assert_allclose(ours.data, theirs.data, **close)
    assert (ours.uncertainty is None) == (theirs.uncertainty is None)
    if ours.uncertainty is not None:
        assert type(ours.uncertainty) is type(theirs.uncertainty)
        np.testing.assert_allclose(ours.uncertainty.array, theirs.uncertainty.array, **close)
    assert (ours.mask is None) == (theirs.mask is None)
    if ours.mask is not None:
        np.testing.assert_array_equal(ours.mask, theirs.mask)


@pytest.mark.parametrize("mask", [False, True])
@pytest.mark.parametrize("sigma", [False, True])
@pytest.mark.parametrize("dtype", ROUNDING)
@pytest.mark.parametrize("name", STEPS)
def test_steps(name, dtype, sigma, mask):
    results = []
    for lib, kind in ((ccdlib, CCDData), (ccdproc, TheirCCDData)):
        inputs = [
            image(kind, level, seed, dtype, sigma, mask)
            for seed, level in enumerate((1000.0, 90.0, 3000.0))
        ]
        results.append(STEPS[name](lib, *inputs))
    assert_same(*results, ROUNDING[dtype])


# without the switch their pixels lie elsewhere, and header and WCS say so
MOVED = {name for name in STEPS if name.startswith(("block", "rebin"))} | {"median_filter"}
# theirs logs each step of the first, and the second not at all
LOGGED_ONCE = "ccd_process", "cosmicray_median"


@pytest.mark.parametrize(
    ("name", "switch"),
    [(name, switch) for name in STEPS for switch in (True, False) if switch or name not in MOVED],
)
def test_header_and_wcs_of_steps(name, switch):
    """Cards have the same names (what is logged of arguments is ours), the WCS the same numbers."""
    ccdlib.conf.as_ccdproc = switch
    results = []
    for lib, kind in ((ccdlib, CCDData), (ccdproc, TheirCCDData)):
        inputs = [
            image(kind, level, seed, "float64", True, True, wcs=linear_wcs(), meta={"OBJECT": "M1"})
            for seed, level in enumerate((1000.0, 90.0, 3000.0))
        ]
        results.append(STEPS[name](lib, *inputs))
    ours, theirs = results
    assert ours.meta["OBJECT"] == "M1"
    if not name.startswith(LOGGED_ONCE):
        assert {key.lower() for key in ours.meta} == {key.lower() for key in theirs.meta}
    assert (ours.wcs is None) == (theirs.wcs is None)
    if ours.wcs is not None:
        assert ours.wcs.wcs.compare(theirs.wcs.wcs, tolerance=1e-12)


def frames(kind, count, masked, outlier=True):
    rng = np.random.default_rng(9)
    made = []
    for number in range(count):
        data = rng.normal(100 + number, 3, SHAPE)
        if outlier and number == 1:
            data[3, 4:9] = 5000
        made.append(make(kind, data, mask=rng.random(SHAPE) < 0.15 if masked else None))
    return made


CLIPS = {
    "none": lambda combiner: None,
    "sigma": lambda combiner: combiner.sigma_clipping(),
    "sigma, robust": lambda combiner: combiner.sigma_clipping(2, 3, "median", "mad_std"),
    "sigma, functions": lambda combiner: combiner.sigma_clipping(
        low_thresh=2, high_thresh=2, func=np.nanmedian, dev_func=np.nanstd
    ),
    "extrema": lambda combiner: combiner.clip_extrema(nlow=1, nhigh=2),
    "minmax": lambda combiner: combiner.minmax_clipping(min_clip=97, max_clip=110),
    "by hand": lambda combiner: np.copyto(
        combiner.data_arr.mask, True, where=combiner.data_arr.data > 103
    ),
    "two": lambda combiner: (
        combiner.minmax_clipping(max_clip=1000),
        combiner.sigma_clipping(1.5, 1.5, "mean", "std"),
    ),
}
SETTINGS = {
    "plain": lambda combiner, count: None,
    "weights": lambda combiner, count: setattr(combiner, "weights", np.arange(1.0, count + 1)),
    "weights by pixel": lambda combiner, count: setattr(
        combiner, "weights", np.random.default_rng(1).random((count, *SHAPE))
    ),
    "scaling": lambda combiner, count: setattr(combiner, "scaling", np.arange(1.0, count + 1)),
    "scaling by a function": lambda combiner, count: setattr(
        combiner, "scaling", lambda each: 1 / np.ma.average(each)
    ),
}


@pytest.mark.parametrize("method", ["average_combine", "median_combine", "sum_combine"])
@pytest.mark.parametrize("clip", CLIPS)
@pytest.mark.parametrize("setting", SETTINGS)
def test_stacks(method, clip, setting):
    for masked in (False, True):
        results = []
        for lib, kind in ((ccdlib, CCDData), (ccdproc, TheirCCDData)):
            combiner = lib.Combiner(frames(kind, 7, masked))
            SETTINGS[setting](combiner, 7)
            CLIPS[clip](combiner)
            results.append((getattr(combiner, method)(), combiner.data_arr.mask.copy()))
        (ours, our_mask), (theirs, their_mask) = results
        np.testing.assert_array_equal(our_mask, their_mask)
        assert_same(ours, theirs, 1e-12)
        assert ours.meta == theirs.meta == {"NCOMBINE": 7}


@pytest.mark.parametrize("method", ["average", "median", "sum"])
@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"sigma_clip": True, "sigma_clip_low_thresh": 1.5, "sigma_clip_high_thresh": 1.5},
        {"clip_extrema": True},
        {"minmax_clip": True, "minmax_clip_min": 95, "minmax_clip_max": 200},
        {"weights": np.arange(1.0, 6)},
        {"scale": np.arange(1.0, 6)},
        {"scale": lambda data: 1 / np.mean(data)},
        {"combine_uncertainty_function": np.ma.std},
        {"mem_limit": 40_000},
        {"dtype": np.float32},
    ],
    ids=lambda arguments: ", ".join(arguments) or "plain",
)
def test_combine(method, arguments):
    ours, theirs = (
        lib.combine(frames(kind, 5, False), method=method, **arguments)
        for lib, kind in ((ccdlib, CCDData), (ccdproc, TheirCCDData))
    )
    assert_same(ours, theirs, 1e-6 if "dtype" in arguments else 1e-12)
    assert ours.data.dtype == theirs.data.dtype


def test_combine_keeps_the_first_header_and_wcs():
    ccds = [
        CCDData(np.ones(SHAPE), unit="adu", meta={"EXPTIME": n, "A": 1}, wcs=linear_wcs())
        for n in (1, 2)
    ]
    result = ccdlib.combine(ccds)
    assert result.meta["EXPTIME"] == 1 and result.wcs is not None


def test_lacosmic():
    rng = np.random.default_rng(2)
    data = rng.normal(200, 15, (60, 60)).astype(np.float32)
    data[rng.random(data.shape) < 0.005] += 3000
    for apply in (True, False):
        ours, theirs = (
            lib.cosmicray_lacosmic(
                make(kind, data, np.full(data.shape, 15.0)), gain=2.0, gain_apply=apply
            )
            for lib, kind in ((ccdlib, CCDData), (ccdproc, TheirCCDData))
        )
        assert_same(ours, theirs, 1e-5)


@pytest.mark.parametrize("columns", [False, True])
@pytest.mark.parametrize("blocks", [False, True])
@pytest.mark.parametrize(
    "numbers",
    [{}, {"ncmed": 5, "nlmed": 9, "ncsig": 20, "nlsig": 12, "lsigma": 5, "hsigma": 4, "ngood": 3}],
    ids=["defaults", "others"],
)
def test_ccdmask(columns, blocks, numbers):
    rng = np.random.default_rng(3)
    data = rng.normal(1, 0.01, (70, 50))
    data[rng.random(data.shape) < 0.02] = 1.3
    data[20:50, 17], data[:, 33] = 0.9, 0.95
    # in another unit their columns are others
    for scale in (1.0, 3000.0):
        ours, theirs = (
            lib.ccdmask(make(kind, scale * data), columns, blocks, **numbers)
            for lib, kind in ((ccdlib, CCDData), (ccdproc, TheirCCDData))
        )
        assert theirs.any()
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("shape", [(50, 75), (31, 44), (4, 3)])
@pytest.mark.parametrize("box", [1, 2, 9, 25])
def test_background_boxes(shape, box):
    data = np.random.default_rng(4).normal(0, 3, shape)
    ours, theirs = (lib.background_deviation_box(data, box) for lib in (ccdlib, ccdproc))
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_projection_drops_the_uncertainty():
    ccd = image(CCDData, 100.0, 1, "float64", True, False, wcs=linear_wcs())
    result = ccdlib.wcs_project(ccd, linear_wcs())
    assert result.uncertainty is None and result.mask is None
    shifted = linear_wcs()
    shifted.wcs.crpix += 1.3
    ours, theirs = (
        lib.wcs_project(image(kind, 100.0, 1, "float64", True, True, wcs=linear_wcs()), shifted)
        for lib, kind in ((ccdlib, CCDData), (ccdproc, TheirCCDData))
    )
    assert_same(ours, theirs, 1e-6)


@given(
    arrays.arrays(
        np.float64,
        st.tuples(st.integers(1, 5), st.integers(1, 5)),
        elements=st.integers(-50, 50).map(float),
    ),
    st.sampled_from(["adu", "electron", "photon"]),
    st.booleans(),
    st.booleans(),
)
def test_any_shape_unit_mask_and_sigma(data, unit, masked, sigma):
    mask = data > 10 if masked else None
    spread = np.abs(data) + 1 if sigma else None
    with ccdlib.conf.set_temp("as_ccdproc", True):
        for step in (
            lambda lib, a, b: lib.subtract_bias(a, b),
            lambda lib, a, b: lib.flat_correct(a, b, norm_value=7.0),
            lambda lib, a, b: lib.combine([a, b, a], method="median"),
            lambda lib, a, b: lib.combine([a, b, a], weights=np.array([1.0, 2.0, 0.5])),
        ):
            results = []
            for lib, kind in ((ccdlib, CCDData), (ccdproc, TheirCCDData)):
                first = make(kind, data, spread, mask, unit)
                second = make(kind, data[::-1] + 60.5, spread, mask, unit)
                results.append(step(lib, first, second))
            assert_same(*results, 1e-12)


def test_the_switch_is_off_by_default_and_stays_with_a_combiner():
    ccds = frames(CCDData, 4, False, outlier=False)
    theirs = ccdlib.Combiner(ccds)
    with ccdlib.conf.set_temp("as_ccdproc", False):
        ours = ccdlib.Combiner(ccds).average_combine()
        same = theirs.average_combine()
    np.testing.assert_allclose(ours.data, same.data, rtol=1e-14)
    np.testing.assert_allclose(
        ours.uncertainty.array / same.uncertainty.array, np.sqrt(4 / 3), rtol=1e-9
    )
    assert type(ccdlib.conf).as_ccdproc.defaultvalue is False
