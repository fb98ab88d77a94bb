"""Combiner and combine against ccdproc, and where they are right and it is not."""

import tracemalloc
import warnings

import ccdproc
import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import StdDevUncertainty
from astropy.utils.exceptions import AstropyUserWarning
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from toolbox_images import RELATIVE, SHAPE, assert_unchanged, frozen, linear_wcs, make

import ccdlib
from ccdlib import CCDData, Clip, Combiner, combine, dq
from ccdlib.errors import CcdlibError
from ccdlib.statistics.combine import BLOCK_BYTES

N = 6
cubes = arrays.arrays(np.int32, (N, *SHAPE), elements=st.integers(90000, 110000)).map(
    lambda values: (values / 100).astype(np.float32)
)
cube_masks = arrays.arrays(bool, (N, *SHAPE)).map(lambda mask: mask & (mask.sum(axis=0) < N))
few = settings(max_examples=30, deadline=None)


def images(kind, cube, masks=None, **kwd):
    masks = [None] * len(cube) if masks is None else masks
    return [make(kind, plane, None, mask, **kwd) for plane, mask in zip(cube, masks, strict=True)]


def combiners(cube, masks=None):
    return (
        Combiner(images(CCDData, cube, masks)),
        ccdproc.Combiner(images(ccdproc.CCDData, cube, masks)),
    )


def assert_values(ours, theirs, rtol=RELATIVE):
    np.testing.assert_allclose(ours.data, theirs.data, rtol=rtol)
    np.testing.assert_array_equal(ours.mask, theirs.mask)
    assert ours.unit == theirs.unit
    assert ours.meta["NCOMBINE"] == theirs.meta["NCOMBINE"] == N


@few
@given(cubes, cube_masks)
def test_values_are_ccdprocs(cube, masks):
    ours, theirs = combiners(cube, masks)
    for name in ("average_combine", "median_combine", "sum_combine"):
        assert_values(getattr(ours, name)(), getattr(theirs, name)())


@few
@given(cubes, arrays.arrays(np.int32, N, elements=st.integers(1, 50)))
def test_scaled_and_weighted_values_are_ccdprocs(cube, numbers):
    ours, theirs = combiners(cube)
    for each in (ours, theirs):
        each.scaling = numbers / 7
        each.weights = numbers.astype(float)
    assert_values(ours.average_combine(), theirs.average_combine())
    assert_values(ours.sum_combine(), theirs.sum_combine())
    theirs_scaled = theirs.average_combine(scale_to=np.full((N, 1, 1), 2.0))
    assert_values(ours.average_combine(scale_to=2.0), theirs_scaled)


@few
@given(cubes, cube_masks, arrays.arrays(np.int32, N, elements=st.integers(1, 50)), st.booleans())
def test_values_in_float64_are_ccdprocs(cube, masks, numbers, weighted):
    """Differences that float32 does not know: a step of 8 at 1e8."""
    frames = {kind: images(kind, 1e8 + cube, masks) for kind in (CCDData, ccdproc.CCDData)}
    combiners = (
        Combiner(frames[CCDData], dtype=np.float64),
        ccdproc.Combiner(frames[ccdproc.CCDData], dtype=np.float64),
    )
    for each in combiners:
        each.scaling = np.full(N, 0.5)
    names = ["average_combine", "median_combine", "sum_combine"]
    if weighted:
        # their sum of weights counts those of masked values
        for each, planes in zip(combiners, (1, ~masks), strict=True):
            each.weights = np.broadcast_to(numbers[:, None, None] * planes, cube.shape) / 7
        names.remove("median_combine")
    for name in names:
        ours, theirs = (getattr(each, name)() for each in combiners)
        assert ours.data.dtype == np.float64
        assert_values(ours, theirs, rtol=1e-14)


@few
@given(cubes)
def test_values_without_the_extremes_are_ccdprocs(cube):
    ours, theirs = combiners(cube)
    for each in (ours, theirs):
        each.clip_extrema(nlow=1, nhigh=2)
    assert_values(ours.average_combine(), theirs.average_combine())


@few
@given(cubes)
def test_values_within_limits_are_ccdprocs(cube):
    ours, theirs = combiners(cube)
    for each in (ours, theirs):
        each.minmax_clipping(905.005, 1095.005)
    with warnings.catch_warnings():
        # numpy's of empty slices, inside ccdproc
        warnings.simplefilter("ignore", RuntimeWarning)
        assert_values(ours.average_combine(), theirs.average_combine())


@few
@given(st.integers(0, 10**6), st.sampled_from([1.2, 1.5, 1.9]), st.sampled_from(["mean", "median"]))
def test_sigma_clipped_values_are_ccdprocs(seed, threshold, center):
    cube = np.random.default_rng(seed).normal(1000, 10, (N, *SHAPE)).astype(np.float32)
    ours, theirs = combiners(cube)
    for each in (ours, theirs):
        each.sigma_clipping(threshold, threshold, func=center, dev_func="std")
    np.testing.assert_array_equal(ours.data_arr.mask, theirs.data_arr.mask)
    assert_values(ours.average_combine(), theirs.average_combine())


@few
@given(cubes)
def test_own_functions_as_in_ccdproc(cube):
    ours, theirs = combiners(cube)
    for each in (ours, theirs):
        each.clip_extrema(1, 0)
    calls = {
        "average_combine": {"scale_func": np.ma.median},
        "median_combine": {"median_func": np.ma.mean, "uncertainty_func": np.ma.std},
        "sum_combine": {"sum_func": np.ma.sum, "uncertainty_func": np.ma.std},
    }
    for name, functions in calls.items():
        mine, other = getattr(ours, name)(**functions), getattr(theirs, name)(**functions)
        assert_values(mine, other)
        if "uncertainty_func" in functions:
            np.testing.assert_allclose(
                mine.uncertainty.array, other.uncertainty.array, rtol=1e-4, atol=1e-4
            )


def test_scaling_by_a_function_sees_the_mask():
    cube = np.full((N, *SHAPE), 100.0)
    masks = np.zeros(cube.shape, bool)
    cube[0, 0, 0], masks[0, 0, 0] = 1e9, True
    ours, theirs = combiners(cube, masks)
    for each in (ours, theirs):
        each.scaling = lambda frame: 1 / np.ma.mean(frame)
    np.testing.assert_allclose(ours.scaling, theirs.scaling)
    np.testing.assert_allclose(ours.average_combine().data, 1)


@pytest.mark.parametrize(
    "clip",
    [
        {"func": np.ma.median, "dev_func": lambda data, axis: np.ma.std(data, axis=axis)},
        {"func": "median", "dev_func": "mad_std"},
        {"func": "mean", "dev_func": "std", "low_thresh": 2, "high_thresh": 2},
    ],
)
def test_an_outlier_is_clipped(clip):
    cube = np.random.default_rng(1).normal(1000, 10, (12, *SHAPE))
    cube[3, 2, 2] = 9000
    combiner = Combiner(images(CCDData, cube))
    combiner.sigma_clipping(**clip)
    assert combiner.data_arr.mask[3, 2, 2]
    assert abs(combiner.average_combine().data[2, 2] - 1000) < 15


def test_the_defaults_can_reject_one_outlier_of_five():
    cube = np.random.default_rng(1).normal(1000, 10, (5, *SHAPE))
    cube[3, 2, 2] = 9000
    ours, theirs = combiners(cube)
    for each in (ours, theirs):
        each.sigma_clipping()
    assert abs(ours.average_combine().data[2, 2] - 1000) < 20
    assert theirs.average_combine().data[2, 2] > 2000


def test_rounding_is_no_outlier():
    """A MAD of zero, as of whole numbers that mostly agree, is no reason to reject the others."""
    column = np.array([100, 100, 100, 101, 99, 5000, 100], np.uint16)
    combiner = Combiner(images(CCDData, np.broadcast_to(column[:, None, None], (7, *SHAPE))))
    combiner.sigma_clipping(3, 3)
    assert np.flatnonzero(combiner.data_arr.mask[:, 0, 0]).tolist() == [5]
    np.testing.assert_allclose(combiner.average_combine().data, 100)


def test_a_fraction_of_the_extremes_is_of_what_is_left():
    cube = np.broadcast_to(np.arange(N, dtype=float)[:, None, None], (N, *SHAPE))
    masks = np.zeros(cube.shape, bool)
    masks[-2:, 0, 0] = True
    combiner = Combiner(images(CCDData, cube, masks))
    combiner.clip_extrema(nhigh=0.34)
    left = combiner.data_arr
    # two of six; one of four
    assert left[:, 1, 1].compressed().tolist() == [0, 1, 2, 3]
    assert left[:, 0, 0].compressed().tolist() == [0, 1, 2]


def test_clipping_acts_on_scaled_values():
    levels = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0])
    cube = np.random.default_rng(1).normal(1000, 5, (N, *SHAPE)) * levels[:, None, None]
    combiner = Combiner(images(CCDData, cube))
    combiner.scaling = 1 / levels
    combiner.sigma_clipping(10, 10)
    assert not combiner.data_arr.mask.any()


def test_masked_values_do_not_enter_the_statistics_of_a_clip():
    cube = np.random.default_rng(1).normal(1000, 10, (N, *SHAPE))
    masks = np.zeros(cube.shape, bool)
    cube[0], masks[0] = 1e7, True
    cube[1, 2, 2] = 2000
    combiner = Combiner(images(CCDData, cube, masks))
    combiner.sigma_clipping(5, 5)
    assert combiner.data_arr.mask[1, 2, 2]


def test_weights_of_masked_values_do_not_count():
    cube = np.full((2, *SHAPE), 10.0)
    masks = np.zeros(cube.shape, bool)
    masks[1, 0, 0] = True
    combiner = Combiner(images(CCDData, cube, masks))
    combiner.weights = np.array([1.0, 3.0])
    for result in (combiner.average_combine(), combiner.average_combine(sum_func=np.ma.sum)):
        np.testing.assert_allclose(result.data, 10)


def pulls(method, n, **rule):
    cube = np.random.default_rng(n).normal(1000, 10, (n, 300, 300)).astype(np.float32)
    combiner = Combiner(images(CCDData, cube, unit="electron"))
    if rule:
        combiner.sigma_clipping(**rule)
    result = getattr(combiner, f"{method}_combine")()
    truth = 1000 * n if method == "sum" else 1000
    return result.data.astype(float) - truth, result.uncertainty.array.astype(float)


@pytest.mark.parametrize("method", ["average", "median", "sum"])
@pytest.mark.parametrize("n", [2, 3, 5, 10])
def test_uncertainty_is_true(method, n):
    error, sigma = pulls(method, n)
    # the mean square of 90 000 errors is known to 0.5 %, their variances' mean to less
    assert abs(np.mean(error**2) / np.mean(sigma**2) - 1) < 0.02


@pytest.mark.parametrize("method", ["average", "median"])
def test_uncertainty_is_true_after_clipping(method):
    error, sigma = pulls(method, 10, low_thresh=2, high_thresh=2)
    assert abs(np.mean(error**2) / np.mean(sigma**2) - 1) < 0.03


@pytest.mark.parametrize(
    ("method", "least"), [("average", 5**-0.5), ("median", 5**-0.5), ("sum", 5**0.5)]
)
def test_whole_numbers_that_agree_are_known_to_their_rounding(method, least):
    ccds = images(CCDData, np.full((5, *SHAPE), 100, np.uint16))
    result = getattr(Combiner(ccds), f"{method}_combine")()
    np.testing.assert_allclose(result.uncertainty.array, least / np.sqrt(12), rtol=1e-6)


def with_sigma(sigma=4.0, n=N, scatter=4.0):
    cube = np.random.default_rng(2).normal(1000, scatter, (n, 40, 40))
    ccds = images(CCDData, cube, unit="electron")
    for ccd in ccds:
        ccd.uncertainty = StdDevUncertainty(np.full(ccd.shape, sigma))
    return ccds


def test_uncertainties_of_the_images_are_used():
    combiner = Combiner(with_sigma())
    np.testing.assert_allclose(
        combiner.average_combine(uncertainty="input").uncertainty.array, 4 / np.sqrt(N), rtol=1e-6
    )
    assert np.ptp(combiner.average_combine(uncertainty="scatter").uncertainty.array) > 0.1
    default = combiner.average_combine().uncertainty.array
    np.testing.assert_allclose(np.median(default), 4 / np.sqrt(N), rtol=1e-6)


def test_a_pixel_that_scatters_far_more_than_its_uncertainty_says_so():
    ccds = with_sigma()
    for ccd, value in zip(ccds, (0, 500, 1000, 1500, 2000, 2500), strict=True):
        ccd.data[5, 5] = value
    assert Combiner(ccds).average_combine().uncertainty.array[5, 5] > 100


def test_uncertainties_that_are_missing():
    ccds = with_sigma()
    ccds[2].uncertainty = None
    with pytest.raises(CcdlibError, match="'input', and an image has none"):
        Combiner(ccds).average_combine(uncertainty="input")
    with pytest.raises(CcdlibError, match="'guess', not scatter or input"):
        Combiner(ccds).average_combine(uncertainty="guess")


def test_pixels_without_a_value():
    masks = np.zeros((N, *SHAPE), bool)
    masks[:, 0, 0] = True
    masks[1:, 1, 1] = True
    result = Combiner(images(CCDData, np.ones((N, *SHAPE)), masks)).average_combine()
    assert result.mask[0, 0] and result.mask.sum() == 1
    assert result.dq[0, 0] == dq.NO_DATA and result.dq.sum() == dq.NO_DATA
    assert np.isnan(result.uncertainty.array[1, 1])
    assert not result.mask[1, 1]


def test_bits_say_why_no_value_is_left():
    ccds = images(CCDData, np.ones((3, *SHAPE)))
    for ccd, bit in zip(ccds, (dq.HOT, dq.BAD, dq.SATURATED), strict=True):
        flags = np.zeros(SHAPE, np.uint16)
        flags[1, 1] = bit
        ccd.dq = flags
    ccds[0].dq[2, 2] = dq.COSMIC_RAY
    result = Combiner(ccds).median_combine()
    assert result.dq[1, 1] == dq.HOT | dq.BAD | dq.SATURATED | dq.NO_DATA
    assert result.dq[2, 2] == 0


def test_mask_set_by_hand_counts_and_the_clip_still_does():
    cube = np.random.default_rng(1).normal(1000, 10, (N, *SHAPE))
    combiner = Combiner(images(CCDData, cube))
    combiner.clip_extrema(0, 1)
    plain = combiner.average_combine()
    combiner.data_arr.mask[:, 0, 0] |= cube[:, 0, 0] < np.sort(cube[:, 0, 0])[1]
    edited = combiner.average_combine()
    np.testing.assert_array_equal(edited.data[1:], plain.data[1:])
    np.testing.assert_allclose(edited.data[0, 0], np.sort(cube[:, 0, 0])[1:-1].mean(), rtol=1e-6)
    assert not np.isnan(edited.uncertainty.array).any()


def test_looking_at_data_arr_changes_nothing():
    cube = np.random.default_rng(1).normal(1000, 10, (N, *SHAPE))
    first, second = (Combiner(images(CCDData, cube)) for _ in range(2))
    for combiner in (first, second):
        combiner.sigma_clipping(1.5, 1.5)
    assert second.data_arr.mask.any()
    np.testing.assert_array_equal(
        first.average_combine().uncertainty.array, second.average_combine().uncertainty.array
    )


def test_iraf_rules():
    cube = np.random.default_rng(1).normal(1000, 4, (N, 40, 40))
    cube[2, 7, 7] = 1100
    ccds = with_sigma()
    for ccd, plane in zip(ccds, cube, strict=True):
        ccd.data = plane
    for rule in ({"method": "ccdclip"}, {"method": "avsigclip"}, {"method": "sigma", "nkeep": 5}):
        combiner = Combiner(ccds)
        combiner.clip(**rule, low=5, high=5)
        assert abs(combiner.average_combine().data[7, 7] - 1000) < 8
    combiner = Combiner(ccds)
    combiner.clip_extrema(0, 0.2)
    assert combiner.data_arr.mask.sum() == 40 * 40


def test_three_axes_and_one():
    for shape in ((2, 3, 4), (5,)):
        cube = np.random.default_rng(1).normal(1000, 10, (4, *shape)).astype(np.float32)
        ours, theirs = combiners(cube)
        np.testing.assert_allclose(
            ours.median_combine().data, theirs.median_combine().data, rtol=RELATIVE
        )


def test_header_and_wcs_that_all_share():
    ccds = images(CCDData, np.ones((3, *SHAPE)))
    for number, ccd in enumerate(ccds):
        ccd.meta = fits.Header([("OBJECT", "M 13"), ("EXPTIME", 10.0 * number)])
        ccd.meta.add_history("its own")
        ccd.wcs = linear_wcs()
    mean, total = Combiner(ccds).average_combine(), Combiner(ccds).sum_combine()
    assert dict(mean.header) == {"OBJECT": "M 13", "NCOMBINE": 3}
    assert total.header["EXPTIME"] == 30
    np.testing.assert_allclose(mean.wcs.wcs.crpix, [3.5, 2.5])
    ccds[1].wcs.wcs.crpix = [3.5, 2.6]
    assert Combiner(ccds).average_combine().wcs is None


def test_dtype():
    ccds = images(CCDData, np.ones((2, *SHAPE)))
    for method in ("average_combine", "median_combine", "sum_combine"):
        for dtype, kind in ((None, np.float64), (np.float32, np.float32)):
            result = getattr(Combiner(ccds, dtype=dtype), method)()
            assert result.data.dtype == result.uncertainty.array.dtype == kind
    with pytest.raises(TypeError, match="dtype is <U1, not a type of numbers"):
        Combiner(ccds, dtype="U1")


def test_a_stack_of_whole_numbers_is_rounded():
    ccds = [CCDData(np.array([[n, n]]), unit="adu", mask=[[False, True]]) for n in (99, 100, 100)]
    mean = Combiner(ccds, dtype=np.int32).average_combine()
    assert mean.data.tolist() == [[100, 0]] and mean.data.dtype == np.int32
    assert mean.mask.tolist() == [[False, True]]
    assert mean.uncertainty.array[0, 0] == pytest.approx(1 / 3, rel=1e-6)


def test_images_are_unchanged():
    ccds = with_sigma()
    before = [frozen(ccd) for ccd in ccds]
    combiner = Combiner(ccds)
    combiner.scaling = np.arange(1, N + 1)
    combiner.sigma_clipping(1, 1)
    combiner.average_combine()
    combiner.data_arr[...] = 0
    assert (combiner.average_combine().data == 0).all()
    for ccd, state in zip(ccds, before, strict=True):
        assert_unchanged(ccd, state)


one = CCDData(np.ones(SHAPE), unit="adu")


@pytest.mark.parametrize(
    ("ccds", "kind", "message"),
    [
        (None, TypeError, "generator of CCDData objects, not None"),
        ([], ValueError, "no image to combine"),
        ([one, 3], TypeError, "image 1 is a int"),
        ([one, CCDData(np.ones((2, 2)), unit="adu")], TypeError, r"image 1 has \(2, 2\) pixels"),
        ([one, CCDData(np.ones(SHAPE), unit="electron")], TypeError, "in electron, the first"),
    ],
)
def test_images_that_cannot_be_combined(ccds, kind, message):
    with pytest.raises(kind, match=message):
        Combiner(ccds)


@pytest.mark.parametrize(
    ("name", "value", "kind", "message"),
    [
        ("weights", [1, 2], TypeError, "numpy.ndarray, not a list"),
        ("weights", np.ones(3), ValueError, r"Length of weights .*: \(3,\), neither \(2,\)"),
        ("scaling", 3, TypeError, "number of images: 3"),
        ("scaling", [1, 2, 3], ValueError, "3 numbers for 2 images"),
    ],
)
def test_impossible_settings(name, value, kind, message):
    with pytest.raises(kind, match=message):
        setattr(Combiner([one, one]), name, value)


def test_a_median_takes_no_weights():
    combiner = Combiner([one, one])
    combiner.weights = np.ones(2)
    with pytest.warns(AstropyUserWarning, match="a median takes no weights"):
        assert (combiner.median_combine().data == 1).all()


def test_signs_of_thresholds_do_not_matter():
    values = [CCDData(np.full(SHAPE, value), unit="adu") for value in (9.0, 10.0, 11.0, 500.0)]
    combiner = Combiner(values)
    combiner.sigma_clipping(low_thresh=-5, high_thresh=5)
    assert combiner.data_arr.mask.sum() == 42


def test_no_list_of_images():
    with pytest.raises(CcdlibError, match="unrecognised input for list of images"):
        combine(3)


def test_functions_of_ones_own_take_no_nkeep():
    combiner = Combiner(images(CCDData, np.ones((N, *SHAPE))))
    with pytest.raises(CcdlibError, match="nkeep is 2, which functions of one's own cannot have"):
        combiner.sigma_clipping(func=np.ma.median, dev_func=lambda data, axis: 1.0, nkeep=2)


def test_unknown_clips():
    with pytest.raises(TypeError, match="knows no argument rounds"):
        Combiner([one]).sigma_clipping(rounds=3)
    with pytest.raises(CcdlibError, match="'mode' and dev_func 'mad_std'"):
        Combiner([one]).sigma_clipping(func="mode")


@pytest.fixture
def night(tmp_path):
    """Files of uint16 with a scatter and an outlier, and their pixels."""
    cube = np.random.default_rng(4).normal(1000, 8, (8, 37, 20)).astype(np.uint16)
    cube[5, 11, 3] = 60000
    paths = []
    for number, plane in enumerate(cube):
        paths.append(str(tmp_path / f"f{number}.fits"))
        fits.PrimaryHDU(plane, fits.Header([("EXPTIME", 5.0)])).writeto(paths[-1])
    return paths, cube


def test_bands_hold_to_the_memory_and_read_only_their_rows(tmp_path):
    n, shape, limit = 8, (400, 500), 3_000_000
    paths = [tmp_path / f"{number}.fits" for number in range(n)]
    for number, path in enumerate(paths):
        fits.writeto(path, np.full(shape, number, np.int16))
    combine(paths, unit="adu")
    tracemalloc.start()
    result = combine(paths, unit="adu", mem_limit=limit)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(result.data, np.float32((n - 1) / 2))
    # data, uncertainty and mask of the result are there twice while its bands are joined, and the
    # engine has a block of its own; all frames at once would be 25 MB
    assert peak < limit + 2 * 9 * result.data.size + BLOCK_BYTES


def test_files_are_combined_alike_whatever_the_memory(night):
    paths, cube = night
    arguments = {"sigma_clip": True, "sigma_clip_low_thresh": 5, "sigma_clip_high_thresh": 5}
    whole = combine(paths, unit="adu", **arguments)
    bands = combine(",".join(paths), unit="adu", mem_limit=20000, **arguments)
    loaded = combine(images(CCDData, cube), **arguments)
    for other in (bands, loaded):
        np.testing.assert_array_equal(whole.data, other.data)
        np.testing.assert_array_equal(whole.uncertainty.array, other.uncertainty.array)
    assert whole.data.max() < 1100
    assert dict(whole.header)["NCOMBINE"] == 8
    assert whole.header["EXPTIME"] == 5


@pytest.mark.parametrize("method", ["average", "median", "sum"])
def test_combine_is_ccdprocs(night, method):
    paths, cube = night
    scale = 1000 / cube.mean(axis=(1, 2))
    for options in ({"scale": scale}, {"clip_extrema": True, "nlow": 1, "nhigh": 2}):
        arguments = {"method": method, "unit": "adu"} | options
        ours, theirs = combine(paths, **arguments), ccdproc.combine(paths, **arguments)
        np.testing.assert_allclose(ours.data, theirs.data, rtol=RELATIVE)


def test_scale_by_a_function(night):
    paths, _ = night

    def inverse_median(data):
        return 1 / np.median(data)

    arguments = {"method": "median", "unit": "adu", "scale": inverse_median}
    ours, theirs = combine(paths, **arguments), ccdproc.combine(paths, **arguments)
    np.testing.assert_allclose(ours.data, theirs.data, rtol=RELATIVE)


def test_planes_of_files_are_used(tmp_path):
    ccds = with_sigma()
    ccds[0].mask = np.zeros((40, 40), bool)
    ccds[0].mask[3, 3], ccds[0].data[3, 3] = True, 1e9
    paths = [tmp_path / f"{number}.fits" for number in range(N)]
    for ccd, path in zip(ccds, paths, strict=True):
        ccd.write(path)
    result = combine(paths, uncertainty="input", mem_limit=1e5)
    assert abs(result.data[3, 3] - 1000) < 20
    np.testing.assert_allclose(result.uncertainty.array[0], 4 / np.sqrt(N), rtol=1e-6)


def test_weights_by_pixel_in_bands(night):
    paths, cube = night
    weights = np.random.default_rng(1).uniform(0.1, 1, cube.shape)
    result = combine(paths, unit="adu", weights=weights, mem_limit=20000)
    np.testing.assert_allclose(result.data, np.average(cube, 0, weights), rtol=RELATIVE)


def test_rules_of_the_engine(night):
    paths, _ = night
    result = combine(paths, unit="adu", clip=Clip("sigma", low=5, high=5))
    assert result.data.max() < 1100


def test_output_file(night, tmp_path):
    paths, _ = night
    result = combine(paths, tmp_path / "out.fits", unit="adu")
    np.testing.assert_array_equal(CCDData.read(tmp_path / "out.fits").data, result.data)
    with pytest.raises(OSError, match="already exists"):
        combine(paths, tmp_path / "out.fits", unit="adu")
    combine(paths, tmp_path / "out.fits", unit="adu", overwrite_output=True)


def test_a_larger_later_frame_is_refused(night, tmp_path):
    paths, _ = night
    fits.PrimaryHDU(np.ones((40, 20), np.uint16)).writeto(tmp_path / "large.fits")
    with pytest.raises(CcdlibError, match=r"large.fits has \(40, 20\) pixels in adu, f0.fits"):
        combine([*paths, tmp_path / "large.fits"], unit="adu")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"method": "mode"}, "combine method : 'mode'"), ({"unit": None}, "f0.fits: has no BUNIT")],
)
def test_combine_tells_what_is_wrong(night, arguments, message):
    with pytest.raises(CcdlibError, match=message):
        combine(night[0], **({"unit": "adu"} | arguments))


@pytest.mark.parametrize("nothing", [[], 5, [5]])
def test_nothing_to_combine(nothing):
    with pytest.raises(CcdlibError):
        combine(nothing)


def test_one_engine():
    assert ccdlib.Combiner is Combiner


def test_numpys_own_functions_scale_images_of_which_no_pixel_is_masked():
    frames = [CCDData(np.full((3, 4), 10.0 * k), unit="adu", mask=np.zeros((3, 4))) for k in (1, 2)]
    # numpy's median warns of a masked array
    assert (combine(frames, scale=lambda pixels: 1 / np.median(pixels)).data == 1).all()
    frames[1].mask[0] = True
    frames[1].data[0] = 9000.0
    assert (combine(frames, scale=lambda pixels: 1 / pixels.mean()).data == 1).all()
