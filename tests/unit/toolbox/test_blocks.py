"""Blocks of pixels and images moved to other pixels."""

import warnings

import ccdproc
import numpy as np
import pytest
from astropy import nddata
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.nddata import StdDevUncertainty
from astropy.utils.exceptions import AstropyDeprecationWarning, AstropyUserWarning
from astropy.wcs import WCS, Sip
from hypothesis import given
from hypothesis import strategies as st
from toolbox_images import SHAPE, assert_unchanged, frozen, linear_wcs, make, planes

import ccdlib
from ccdlib import CCDData, dq
from ccdlib.errors import CcdlibError
from ccdlib.toolbox import blocks, transforms

# said with a warning, which other tests look at
pytestmark = pytest.mark.filterwarnings(
    "ignore:rebin is deprecated", "ignore:WCS information may be incorrect"
)

sizes = st.one_of(st.integers(1, 3), st.tuples(st.integers(1, 3), st.integers(1, 3)))


def full(data=None, **kwd):
    flags = np.zeros(SHAPE, np.uint16)
    flags[0, 0], flags[3, 4] = dq.HOT, dq.BAD
    mask = np.zeros(SHAPE, bool)
    mask[5, 5] = True
    data = np.arange(42.0).reshape(SHAPE) if data is None else data
    kwd = {"wcs": linear_wcs(), "meta": fits.Header([("DATASEC", "[1:7,1:6]")])} | kwd
    spread = StdDevUncertainty(np.full(SHAPE, 2.0))
    return CCDData(data, unit="adu", dq=flags, mask=mask, uncertainty=spread, **kwd)


@given(planes(0, 100), sizes)
def test_values_are_ccdprocs(data, size):
    ours, theirs = full(data), make(ccdproc.CCDData, data)
    before = frozen(ours)
    for name in ("block_reduce", "block_average", "block_replicate"):
        function, other = getattr(ccdlib, name), getattr(ccdproc, name)
        with warnings.catch_warnings():
            # that theirs ignores the unit
            warnings.simplefilter("ignore")
            expected = other(theirs, size).data
        np.testing.assert_allclose(function(ours, size).data, expected, rtol=1e-6)
        np.testing.assert_allclose(function(data, size), other(data, size), rtol=1e-6)
    kept = ccdlib.block_replicate(ours, size, conserve_sum=False).data
    np.testing.assert_array_equal(kept, ccdproc.block_replicate(data, size, conserve_sum=False))
    assert_unchanged(ours, before)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint16, ">f4"])
@pytest.mark.parametrize("size", [1, (3, 5), (1, 7), (80, 2), 9])
def test_blocks_of_any_type_and_size_are_astropys(dtype, size, monkeypatch):
    monkeypatch.setattr(blocks, "_BAND", 200)
    data = np.random.default_rng(2).normal(1000, 30, (97, 45)).astype(dtype)
    ccd = CCDData(data, unit="adu", uncertainty=StdDevUncertainty(np.full(data.shape, 6.0)))
    for func in (np.sum, np.mean, np.max):
        expected = nddata.block_reduce(data, size, func)
        result = ccdlib.block_reduce(CCDData(data, unit="adu"), size, func).data
        # sums of 81 pixels in another order
        np.testing.assert_allclose(result, expected, rtol=81 * np.finfo(np.float32).eps)
        assert result.dtype == expected.dtype
    for conserve in (True, False):
        expected = nddata.block_replicate(data, size, conserve)
        result = ccdlib.block_replicate(ccd, size, conserve)
        np.testing.assert_array_equal(result.data, expected)
        assert result.data.dtype == expected.dtype
        number = np.prod(np.broadcast_to(size, 2)) if conserve else 1
        assert result.uncertainty.array.shape == expected.shape
        np.testing.assert_allclose(result.uncertainty.array, 6 / number)
    assert not np.may_share_memory(ccdlib.block_reduce(ccd, 1).data, data)


def test_planes_of_blocks_are_joined():
    rng = np.random.default_rng(5)
    bits = np.where(rng.random((20, 30)) < 0.1, rng.integers(0, 512, (20, 30)), 0)
    ccd = CCDData(np.ones((20, 30)), unit="adu", dq=bits)
    result = ccdlib.block_reduce(ccd, (6, 4)).dq
    for y, x in np.ndindex(3, 7):
        block = bits[6 * y : 6 * y + 6, 4 * x : 4 * x + 4]
        assert result[y, x] == np.bitwise_or.reduce(block, axis=None)


@pytest.mark.parametrize("shape", [(3, 7), (6, 14), (2, 3), (9, 5)])
def test_rebin_is_ccdprocs(shape):
    ours, theirs = full(), make(ccdproc.CCDData, full().data)
    with warnings.catch_warnings():
        # that it is deprecated
        warnings.simplefilter("ignore")
        expected = ccdproc.rebin(theirs, shape).data
    result = ccdlib.rebin(ours, shape)
    np.testing.assert_array_equal(result.data, expected)
    np.testing.assert_array_equal(ccdlib.rebin(full().data, shape), expected)
    np.testing.assert_array_equal(result.mask, ccdlib.rebin(full().mask, shape))
    np.testing.assert_array_equal(result.dq, ccdlib.rebin(full().dq, shape))
    assert (result.uncertainty.array == 2).all()


def test_uncertainty_of_sums_and_means():
    np.testing.assert_allclose(ccdlib.block_reduce(full(), (2, 3)).uncertainty.array, 2 * 6**0.5)
    np.testing.assert_allclose(ccdlib.block_average(full(), (2, 3)).uncertainty.array, 2 / 6**0.5)
    np.testing.assert_allclose(ccdlib.block_replicate(full(), 2).uncertainty.array, 0.5)
    with pytest.warns(AstropyUserWarning, match="uncertainty of median of a block is not known"):
        assert ccdlib.block_reduce(full(), 2, np.median).uncertainty is None


def test_a_distorted_wcs_is_left_out_with_a_warning():
    ccd = CCDData(np.ones(SHAPE), unit="adu", wcs=linear_wcs())
    ccd.wcs.wcs.ctype = ["RA---TAN-SIP", "DEC--TAN-SIP"]
    terms = np.zeros((3, 3))
    terms[2, 0] = 1e-5
    ccd.wcs.sip = Sip(terms, terms, None, None, [3.5, 2.5])
    for reduce in (lambda: ccdlib.block_average(ccd, 2), lambda: ccdlib.block_replicate(ccd, 2)):
        with pytest.warns(AstropyUserWarning, match="the WCS has distortions"):
            assert reduce().wcs is None


def test_what_is_deprecated_says_so():
    with pytest.warns(AstropyDeprecationWarning, match="use block_reduce or block_replicate"):
        ccdlib.rebin(np.ones((4, 4)), (2, 2))


def test_a_wcs_that_need_not_be_true_any_more():
    ccd = CCDData(np.ones(SHAPE), unit="adu", wcs=linear_wcs())
    with pytest.warns(UserWarning, match="WCS information may be incorrect"):
        result = ccdlib.transform_image(ccd, np.fliplr)
    assert result.wcs.wcs.crpix.tolist() == [3.5, 2.5] and result.wcs is not ccd.wcs


def test_a_block_has_the_bits_and_the_mask_of_all_its_pixels():
    result = ccdlib.block_reduce(full(), 2)
    assert result.dq.tolist() == [[dq.HOT, 0, 0], [0, 0, dq.BAD], [0, 0, 0]]
    np.testing.assert_array_equal(np.argwhere(result.mask), [[0, 0], [1, 2], [2, 2]])


@pytest.mark.parametrize(
    ("resampled", "factors"),
    [
        (lambda ccd: ccdlib.block_reduce(ccd, 2), (0.5, 0.5)),
        (lambda ccd: ccdlib.block_average(ccd, (3, 1)), (1 / 3, 1)),
        (lambda ccd: ccdlib.block_replicate(ccd, (1, 2)), (1, 2)),
        (lambda ccd: ccdlib.rebin(ccd, (3, 14)), (0.5, 2)),
    ],
)
@pytest.mark.parametrize("with_cd", [True, False])
def test_the_sky_stays_in_its_place(resampled, factors, with_cd):
    wcs = linear_wcs()
    if with_cd:
        wcs = WCS(
            fits.Header(
                [
                    ("CTYPE1", "RA---TAN"),
                    ("CTYPE2", "DEC--TAN"),
                    ("CRVAL1", 150.0),
                    ("CRVAL2", 2.0),
                    ("CRPIX1", 3.5),
                    ("CRPIX2", 2.5),
                    ("CD1_1", -0.001),
                    ("CD1_2", 2e-4),
                    ("CD2_1", 2e-4),
                    ("CD2_2", 0.001),
                ]
            )
        )
    result = resampled(full(wcs=wcs))
    # the corner of the image and a point in it, as pixels from 0 at the corner
    for y, x in ((0, 0), (2.5, 1.5)):
        old = wcs.wcs_pix2world(x - 0.5, y - 0.5, 0)
        new = result.wcs.wcs_pix2world(x * factors[1] - 0.5, y * factors[0] - 0.5, 0)
        np.testing.assert_allclose(new, old, rtol=1e-10)


def test_header_of_other_pixels():
    header = fits.Header([("DATASEC", "[1:7,1:6]"), ("LTV1", -10.0), ("OBJECT", "M 13")])
    result = ccdlib.block_reduce(full(meta=header), 2)
    assert dict(result.header) == {"LTV1": -4.75, "LTM1_1": 0.5, "OBJECT": "M 13"}


@pytest.mark.parametrize("size", [0, 1.5, (2, 2, 2)])
def test_impossible_blocks(size):
    with pytest.raises(CcdlibError, match="block_size is"):
        ccdlib.block_reduce(full(), size)


def test_impossible_rebin():
    with pytest.raises(CcdlibError, match=r"same dimensions as ccd: \(3,\)"):
        ccdlib.rebin(full(), (3,))
    with pytest.raises(TypeError, match="it is a list"):
        ccdlib.rebin([[1]], (1, 1))


def shift(plane, by=1):
    return np.roll(plane, by, axis=1)


def test_transform_moves_every_plane():
    ccd = full()
    before = frozen(ccd)
    result = ccdlib.transform_image(ccd, shift, by=2)
    for old, new in (
        (ccd.data, result.data),
        (ccd.mask, result.mask),
        (ccd.dq, result.dq),
        (ccd.uncertainty.array, result.uncertainty.array),
    ):
        np.testing.assert_array_equal(new, shift(old, 2))
    assert result.wcs.wcs.crpix.tolist() == [3.5, 2.5]
    assert result.header["TRANIM"] == "transform_func=shift"
    assert_unchanged(ccd, before)


def test_transform_values_are_ccdprocs():
    theirs = make(ccdproc.CCDData, full().data, np.full(SHAPE, 2.0), full().mask)
    expected = ccdproc.transform_image(theirs, np.rot90)
    result = ccdlib.transform_image(full(), np.rot90)
    np.testing.assert_array_equal(result.data, expected.data)
    np.testing.assert_array_equal(result.uncertainty.array, expected.uncertainty.array)
    np.testing.assert_array_equal(result.mask, expected.mask)


def test_transform_that_changes_in_place_leaves_the_input():
    def clear(plane):
        plane[...] = 0
        return plane

    ccd = full()
    before = frozen(ccd)
    assert not ccdlib.transform_image(ccd, clear).dq.any()
    assert_unchanged(ccd, before)


def test_transform_takes_a_wcs_and_a_function():
    assert ccdlib.transform_image(full(), shift, wcs=linear_wcs()).wcs is not None
    with pytest.raises(TypeError, match="transform_func is not a callable, it is 3"):
        ccdlib.transform_image(full(), 3)


def target(angle=25, scale=1.3, frame=("RA---TAN", "DEC--TAN"), at=(150, 2)):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix = frame, at, [4, 3]
    wcs.wcs.cdelt = [-0.001 * scale, 0.001 * scale]
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    wcs.wcs.pc = [[c, -s], [s, c]]
    return wcs


GALACTIC = SkyCoord(150, 2, unit="deg").galactic
TARGETS = [
    target(),
    target(0, 0.5),
    target(90, 1),
    target(10, 1, ("GLON-TAN", "GLAT-TAN"), (GALACTIC.l.deg, GALACTIC.b.deg)),
]


@pytest.mark.parametrize("order", ["nearest-neighbor", "bilinear", "biquadratic", "bicubic"])
@pytest.mark.parametrize("wcs", TARGETS)
def test_projection_is_ccdprocs(order, wcs):
    theirs = ccdproc.CCDData(full().data, unit="adu", wcs=linear_wcs())
    ours = CCDData(full().data, unit="adu", wcs=linear_wcs())
    expected = ccdproc.wcs_project(theirs, wcs, (8, 9), order)
    result = ccdlib.wcs_project(ours, wcs, (8, 9), order)
    np.testing.assert_array_equal(np.isnan(result.data), np.isnan(expected.data))
    assert np.isfinite(result.data).sum() >= 15
    np.testing.assert_allclose(result.data, expected.data, rtol=1e-5, atol=1e-4)


def test_projection_onto_itself_changes_nothing():
    ccd = full()
    before = frozen(ccd)
    for order in ("nearest-neighbor", "bilinear", "bicubic"):
        result = ccdlib.wcs_project(ccd, ccd.wcs, order=order)
        np.testing.assert_allclose(result.data, ccd.data, atol=1e-8)
    np.testing.assert_allclose(result.uncertainty.array, 2, rtol=1e-6)
    assert_unchanged(ccd, before)


def half_pixel():
    wcs = linear_wcs()
    wcs.wcs.crpix = [3.0, 2.5]
    return wcs


def test_projection_carries_uncertainty_bits_and_mask():
    result = ccdlib.wcs_project(full(), half_pixel())
    # the mean of two neighbours in each row
    np.testing.assert_allclose(result.uncertainty.array[:, :6], 2 / np.sqrt(2), rtol=1e-5)
    assert result.dq[0, 0] == dq.HOT
    assert result.dq[3, [3, 4]].tolist() == [dq.BAD, dq.BAD]
    assert result.mask[5, 4] and result.mask[5, 5]
    outside = result.dq[:, 6] == dq.NO_DATA
    np.testing.assert_array_equal(result.mask[:, 6], outside)
    assert np.count_nonzero(result.mask[:, :6]) == 5


def test_outside_is_no_data():
    wcs = linear_wcs()
    wcs.wcs.crpix = [0.5, 2.5]
    result = ccdlib.wcs_project(full(), wcs)
    assert np.isnan(result.data[:, 4:]).all()
    assert (result.dq[:, 4:] == dq.NO_DATA).all()
    assert result.mask[:, 4:].all()


@pytest.mark.parametrize(
    ("ccd", "wcs", "order", "message"),
    [
        (
            CCDData(np.ones(SHAPE), unit="adu"),
            target(),
            1,
            "WCS is not celestial: the image's WCS is none",
        ),
        (full(), WCS(naxis=2), 1, "WCS is not celestial: target_wcs"),
        (full(), target(), "cubic", "order is 'cubic', not one of nearest"),
    ],
)
def test_impossible_projections(ccd, wcs, order, message):
    with pytest.raises(CcdlibError, match=message):
        ccdlib.wcs_project(ccd, wcs, order=order)


def added_in_place(plane):
    plane += 1
    return plane


@pytest.mark.parametrize("function", [np.flipud, added_in_place, lambda plane: plane, np.copy])
def test_a_transformation_changes_nothing_and_shares_nothing(function):
    ccd = CCDData(np.arange(12.0).reshape(3, 4), unit="adu")
    ccd.uncertainty = StdDevUncertainty(np.ones((3, 4)))
    result = ccdlib.transform_image(ccd, function)
    np.testing.assert_array_equal(result.data, function(ccd.data.copy()))
    np.testing.assert_array_equal(ccd.data, np.arange(12.0).reshape(3, 4))
    assert not np.may_share_memory(result.data, ccd.data)
    # it can be written to
    result.data[0, 0], result.uncertainty.array[0, 0] = 5, 6
    assert ccd.data[0, 0] == 0 and (ccd.uncertainty.array == 1).all()


@pytest.mark.parametrize("order", range(4))
@pytest.mark.parametrize("shape", [None, (20, 11)])
def test_projection_by_bands_is_that_of_the_whole(order, shape, monkeypatch):
    ccd = full()
    target = ccd.wcs.deepcopy()
    target.wcs.crpix = np.add(target.wcs.crpix, [0.3, -1.6])
    whole = ccdlib.wcs_project(ccd, target, shape, order)
    monkeypatch.setattr(transforms, "_BAND", 25)
    bands = ccdlib.wcs_project(ccd, target, shape, order)
    for plane in (lambda each: each.data, lambda each: each.uncertainty.array):
        np.testing.assert_array_equal(plane(bands), plane(whole))
    np.testing.assert_array_equal(bands.mask, whole.mask)
    np.testing.assert_array_equal(bands.dq, whole.dq)
    assert bands.shape == (ccd.shape if shape is None else shape)
