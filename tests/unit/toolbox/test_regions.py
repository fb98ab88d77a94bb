"""Overscan and trim."""

import re

import ccdproc
import numpy as np
import pytest
from astropy.io import fits
from astropy.modeling.models import Chebyshev1D, Polynomial1D
from astropy.nddata import InverseVariance, StdDevUncertainty, VarianceUncertainty
from astropy.utils.exceptions import AstropyUserWarning
from astropy.wcs import WCS
from hypothesis import given
from toolbox_images import (
    SHAPE,
    assert_same,
    assert_unchanged,
    both,
    frozen,
    linear_wcs,
    masks,
    planes,
)

import ccdlib
from ccdlib import CCDData, dq
from ccdlib.errors import CcdlibError
from ccdlib.statistics.combine import median_variance_ratio

raw = planes(900, 1200)


@given(raw, planes(1, 9), masks.filter(lambda mask: mask is None))
def test_mean_and_median_are_ccdprocs_without_rejection(image, sigma, mask):
    ours, theirs = both(image, None, mask)
    for median in (True, False):
        for axis, section in ((1, "[5:7,:]"), (0, "[:,5:6]"), (None, "[5:7,:]")):
            arguments = {"fits_section": section, "median": median, "overscan_axis": axis}
            result = ccdlib.subtract_overscan(ours, clip=0, **arguments)
            assert_same(result, ccdproc.subtract_overscan(theirs, **arguments), 1200)


@given(raw)
def test_model_is_ccdprocs(image):
    ours, theirs = both(image)
    for model in (Polynomial1D(1), Chebyshev1D(2)):
        arguments = {"fits_section": "[5:7,:]", "model": model}
        result = ccdlib.subtract_overscan(ours, clip=0, **arguments)
        assert_same(result, ccdproc.subtract_overscan(theirs, **arguments), 1200)


@given(raw)
def test_overscan_image_and_section_agree(image):
    ours, _ = both(image)
    first = ccdlib.subtract_overscan(ours, overscan=ours[:, 4:])
    assert_same(first, ccdlib.subtract_overscan(ours, fits_section="[5:7,:]"))


@given(planes(900, 1200), planes(1, 9), masks)
def test_trim_is_ccdprocs(image, sigma, mask):
    ours, theirs = both(image, sigma, mask)
    for section in ("[2:5,3:6]", "[:,1:3]", "[3:7,:]"):
        assert_same(ccdlib.trim_image(ours, section), ccdproc.trim_image(theirs, section))


def strip(rows=60, columns=30):
    rng = np.random.default_rng(5)
    level = 1000 + 5 * np.sin(np.arange(rows) / 9)
    data = level[:, None] + rng.normal(0, 4, (rows, 20 + columns))
    data[:, :20] += 100
    return CCDData(data, unit="adu"), level


def test_one_wild_pixel_shifts_no_row():
    ccd, _ = strip()
    ccd.data[7, 30] = 4e9
    for method in ("mean", "median", "polynomial"):
        result = ccdlib.subtract_overscan(ccd, fits_section="[21:50,:]", method=method, degree=5)
        assert abs(result.data[7, :20].mean() - 100) < 4 * 4 * np.sqrt(1 / 20 + 1.6 / 30)


def test_masked_overscan_pixels_are_not_used():
    ccd, _ = strip()
    ccd.mask = np.zeros(ccd.shape, bool)
    ccd.data[:, 40:], ccd.mask[:, 40:] = 5e4, True
    result = ccdlib.subtract_overscan(ccd, fits_section="[21:50,:]", clip=0)
    assert abs(result.data[:, :20].mean() - 100) < 1


def test_uncertainty_of_the_level_is_added():
    ccd, _ = strip()
    ccd.uncertainty = np.full(ccd.shape, 4.0)
    mean = ccdlib.subtract_overscan(ccd, fits_section="[21:50,:]").uncertainty.array
    median = ccdlib.subtract_overscan(ccd, fits_section="[21:50,:]", median=True).uncertainty.array
    # the scatter of 60 x 29 values is known to 1.7 %
    np.testing.assert_allclose(mean**2 - 16, 16 / 30, rtol=0.07)
    np.testing.assert_allclose(median**2 - 16, 16 / 30 * median_variance_ratio(30), rtol=0.07)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", [StdDevUncertainty, VarianceUncertainty, InverseVariance])
def test_the_uncertainty_grows_where_a_level_is_subtracted_whatever_its_kind(kind, dtype):
    rng = np.random.default_rng(3)
    data = rng.normal(1000, 4, (23, 16)).astype(dtype)
    variance = StdDevUncertainty(rng.uniform(4, 6, data.shape)).represent_as(VarianceUncertainty)
    ccd = CCDData(data, unit="adu", uncertainty=variance.represent_as(kind))
    halves = [("[1:6,1:9]", "[13:16,1:9]"), ("[1:12,10:23]", "[13:16,10:23]")]
    uses = {"rows": {"fits_section": "[13:16,:]"}, "amplifiers": {"amplifiers": halves}}
    uses["columns"] = {"fits_section": "[:,1:3]", "overscan_axis": 0}
    grown = {}
    for name, use in uses.items():
        result = ccdlib.subtract_overscan(ccd, **use)
        assert result.data.dtype == result.uncertainty.array.dtype == dtype
        assert type(result.uncertainty) is kind
        grown[name] = result.uncertainty.represent_as(VarianceUncertainty).array - variance.array
    close = {"rtol": 2e-5, "atol": 2e-5}
    assert (grown["rows"] > 1).all() and np.ptp(grown["rows"], axis=1).max() < 1e-4
    assert (grown["columns"] > 1).all() and np.ptp(grown["columns"], axis=0).max() < 1e-4
    below = ccdlib.subtract_overscan(ccd[:9], fits_section="[13:16,:]").uncertainty
    added = below.represent_as(VarianceUncertainty).array - variance.array[:9]
    np.testing.assert_allclose(grown["amplifiers"][:9, :6], added[:, :6], **close)
    np.testing.assert_allclose(grown["amplifiers"][:9, 6:], 0, **close)
    np.testing.assert_allclose(grown["amplifiers"][9:, 12:], 0, **close)


def test_one_uncertainty_for_all_pixels_grows_too():
    ccd, _ = strip()
    one = ccd.copy()
    ccd.uncertainty, one.uncertainty = (
        StdDevUncertainty(np.full(ccd.shape, 4.0)),
        StdDevUncertainty(4.0),
    )
    ours, same = (ccdlib.subtract_overscan(each, fits_section="[21:50,:]") for each in (ccd, one))
    np.testing.assert_array_equal(ours.uncertainty.array, same.uncertainty.array)


def test_each_amplifier_has_its_own_level():
    data = np.full((4, 10), 600.0)
    data[:, 5:] = 900
    data[:, 4], data[:, 9] = 500, 700
    ccd = CCDData(data, unit="adu")
    amplifiers = [("[1:4,:]", "[5:5,:]"), ("[6:9,:]", "[10:10,:]")]
    result = ccdlib.subtract_overscan(ccd, amplifiers=amplifiers)
    np.testing.assert_allclose(result.data[:, :4], 100)
    np.testing.assert_allclose(result.data[:, 5:9], 200)
    np.testing.assert_allclose(result.data[:, [4, 9]], data[:, [4, 9]])


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({}, TypeError, "either overscan or fits_section, but not both"),
        ({"fits_section": "[1:2,:]", "amplifiers": []}, TypeError, "but not both; or amplifiers"),
        ({"fits_section": 5}, TypeError, "fits_section must be a string, not 5"),
        (
            {"overscan": np.ones(SHAPE)},
            TypeError,
            "overscan is not a CCDData object, it is a ndarray",
        ),
        ({"fits_section": "[50:70,:]"}, ValueError, "from 50 to 70, outside the image's 1 to 7"),
        ({"fits_section": "[5:7,1:3]"}, ValueError, "overscan has 3 rows, .* have 6"),
        ({"fits_section": "[5:7,:]", "method": "mode"}, ValueError, "'mode' is none of"),
    ],
)
def test_what_is_wrong_is_told(arguments, kind, message):
    with pytest.raises(kind, match=message):
        ccdlib.subtract_overscan(CCDData(np.ones(SHAPE), unit="adu"), **arguments)


def test_row_without_a_finite_pixel():
    ccd = CCDData(np.ones(SHAPE), unit="adu")
    ccd.data[2, 4:] = np.nan
    with pytest.raises(CcdlibError, match="overscan row 3 has no finite pixel"):
        ccdlib.subtract_overscan(ccd, fits_section="[5:7,:]")


@pytest.mark.parametrize(
    "step",
    [
        lambda ccd: ccdlib.subtract_overscan(ccd, fits_section="[5:7,:]"),
        lambda ccd: ccdlib.trim_image(ccd, "[2:4,2:3]"),
        lambda ccd: ccdlib.trim_image(ccd, "[4:2,3:2]"),
        lambda ccd: ccdlib.trim_image(ccd),
    ],
)
def test_input_is_unchanged_and_not_shared(step):
    flags = np.zeros(SHAPE, np.uint16)
    flags[2, 2] = dq.HOT
    ccd = CCDData(
        np.arange(42, dtype=np.uint16).reshape(SHAPE),
        unit="adu",
        dq=flags,
        wcs=linear_wcs(),
        uncertainty=np.ones(SHAPE),
        meta=fits.Header([("TRIMSEC", "[1:4,1:6]")]),
    )
    before = frozen(ccd)
    result = step(ccd)
    assert result.dq.max() == dq.HOT
    assert result.mask.sum() == 1
    for each in (result.data, result.mask, result.dq, result.uncertainty.array):
        each[...] = 9
    result.meta["TRIMSEC"] = "gone"
    result.wcs.wcs.crpix = [9, 9]
    assert_unchanged(ccd, before)
    assert ccd.wcs.wcs.crpix.tolist() == [3.5, 2.5]


def test_something_of_a_section_must_lie_inside():
    with pytest.raises(CcdlibError, match="outside the image's 1 to 100"):
        ccdlib.trim_image(CCDData(np.ones((100, 100)), unit="adu"), "[200:300,1:5]")


@pytest.mark.parametrize(
    ("section", "cut"), [("[11:500,1:90]", "[11:100,1:90]"), ("[0:5,1:5]", "[1:5,1:5]")]
)
def test_what_lies_outside_is_cut_off_with_a_warning(section, cut):
    ccd = CCDData(np.arange(10000.0).reshape(100, 100), unit="adu")
    with pytest.warns(AstropyUserWarning, match=f"1 to 100: cut to {re.escape(cut)}"):
        result = ccdlib.trim_image(ccd, section)
    np.testing.assert_array_equal(result.data, ccdlib.trim_image(ccd, cut).data)


def test_an_overscan_that_reaches_outside():
    ccd = CCDData(np.arange(42.0).reshape(SHAPE), unit="adu")
    with pytest.warns(AstropyUserWarning, match="outside the image's 1 to 7: cut to"):
        result = ccdlib.subtract_overscan(ccd, fits_section="[5:70,:]")
    expected = ccdlib.subtract_overscan(ccd, fits_section="[5:7,:]")
    np.testing.assert_array_equal(result.data, expected.data)


@pytest.mark.parametrize("axis", [1, 0, None])
def test_an_overscan_of_one_column_or_row(axis):
    """As a slice of an image, which is a view with one axis."""
    rng = np.random.default_rng(8)
    ours, theirs = both(rng.normal(1000, 3, SHAPE))
    place = (0, slice(None)) if axis == 0 else (slice(None), 5)
    wide = (slice(0, 1), slice(None)) if axis == 0 else (slice(None), slice(5, 6))
    result = ccdlib.subtract_overscan(ours, overscan=ours[place], overscan_axis=axis)
    expected = ccdproc.subtract_overscan(theirs, overscan=theirs[wide], overscan_axis=axis)
    np.testing.assert_allclose(result.data, expected.data, atol=1e-10)


def test_an_overscan_that_is_masked_out():
    ours, _ = both(np.full(SHAPE, 9.0))
    ours.mask = np.ones(SHAPE, bool)
    with pytest.warns(AstropyUserWarning, match="all pixels are masked: these are used all the"):
        result = ccdlib.subtract_overscan(ours, fits_section="[5:7,:]")
    assert (result.data == 0).all() and result.mask.all()


@pytest.mark.parametrize("section", ["[5,1:5", "1:5", "[1:5]", "[a:5,1:5]"])
def test_no_section(section):
    with pytest.raises(CcdlibError, match="section"):
        ccdlib.trim_image(CCDData(np.ones((100, 100)), unit="adu"), section)


def test_a_single_number_is_one_column():
    assert ccdlib.trim_image(CCDData(np.ones((9, 9)), unit="adu"), "[5,1:5]").shape == (5, 1)


def test_section_is_a_text():
    with pytest.raises(TypeError, match="must be a string, not 5"):
        ccdlib.trim_image(CCDData(np.ones((9, 9)), unit="adu"), 5)


def test_empty_slice_is_an_error():
    with pytest.raises(CcdlibError, match=r"shape \(9, 0\) has no pixels"):
        ccdlib.trim_image(CCDData(np.ones((9, 9)), unit="adu")[:, 20:])


def chip():
    cards = [
        ("TRIMSEC", "[3:8,1:6]"),
        ("DATASEC", "[3:8,1:6]"),
        ("BIASSEC", "[9:10,1:6]"),
        ("CCDSEC", "[1:6,1:6]"),
        ("ASEC11", "[3:5,1:6]"),
        ("OBJECT", "M 13"),
    ]
    return CCDData(np.arange(60.0).reshape(6, 10), unit="adu", meta=fits.Header(cards))


def test_sections_stay_true():
    trimmed = ccdlib.trim_image(chip(), "[3:8,1:6]", add_keyword=None)
    assert dict(trimmed.header) == {
        "TRIMSEC": "[1:6,1:6]",
        "DATASEC": "[1:6,1:6]",
        "CCDSEC": "[1:6,1:6]",
        "ASEC11": "[1:3,1:6]",
        "OBJECT": "M 13",
        "LTV1": -2.0,
        "LTV2": 0.0,
        "LTM1_1": 1.0,
        "LTM2_2": 1.0,
    }


def test_a_second_trim_to_the_same_card_changes_nothing():
    once = ccdlib.trim_image(chip(), chip().header["TRIMSEC"])
    twice = ccdlib.trim_image(once, once.header["TRIMSEC"])
    np.testing.assert_array_equal(once.data, twice.data)
    assert twice.header["LTV1"] == -2


def test_part_of_the_data_is_no_longer_that_of_the_detector():
    assert "CCDSEC" not in ccdlib.trim_image(chip(), "[4:8,1:6]").header


def test_slice_and_section_give_the_same():
    sliced, cut = ccdlib.trim_image(chip()[1:5, 2:7]), ccdlib.trim_image(chip(), "[3:7,2:5]")
    np.testing.assert_array_equal(sliced.data, cut.data)
    assert sliced.header["LTV1"] == cut.header["LTV1"] == -2
    assert sliced.header["DATASEC"] == cut.header["DATASEC"] == "[1:5,1:4]"


@pytest.mark.parametrize("section", ["[8:3,2:5]", "[3:8,5:2]", "[8:3,5:2]", "[3:8,2:5]"])
@pytest.mark.parametrize("in_header", [True, False])
def test_every_pixel_keeps_its_place_in_the_sky(section, in_header):
    wcs = linear_wcs()
    ccd = CCDData(np.arange(60.0).reshape(6, 10), unit="adu", meta=fits.Header())
    if in_header:
        ccd.meta.update(wcs.to_header())
    else:
        ccd.wcs = wcs
    cut = ccdlib.trim_image(ccd, section)
    cut_wcs = WCS(cut.header) if in_header else cut.wcs
    for y, x in np.ndindex(cut.shape):
        old_y, old_x = divmod(int(cut.data[y, x]), 10)
        np.testing.assert_allclose(
            cut_wcs.wcs_pix2world(x, y, 0), wcs.wcs_pix2world(old_x, old_y, 0), rtol=1e-12
        )
        physical = [(1, x + 1, old_x + 1), (2, y + 1, old_y + 1)]
        for axis, pixel, old in physical:
            scale, offset = cut.header[f"LTM{axis}_{axis}"], cut.header[f"LTV{axis}"]
            assert scale * old + offset == pixel


def test_distorted_image_is_not_flipped():
    header = fits.Header([("A_ORDER", 2), ("CRPIX1", 3.0)])
    with pytest.warns(AstropyUserWarning, match="distortions cannot be flipped"):
        result = ccdlib.trim_image(CCDData(np.ones((6, 10)), unit="adu", meta=header), "[8:3,:]")
    assert "A_ORDER" not in result.header and "CRPIX1" not in result.header


@pytest.mark.parametrize("kind", ["u2", ">i2", "i4", "u1"])
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("sigma", [False, True])
def test_overscan_of_whole_numbers_is_that_of_the_same_floats(kind, axis, sigma):
    stored = np.random.default_rng(3).integers(0, 200, (30, 41)).astype(kind)
    results, strip = [], "[1:8,:]" if axis else "[:,1:8]"
    for data in (stored, stored.astype(float), np.asfortranarray(stored)):
        ccd = CCDData(data, unit="adu")
        if sigma:
            ccd.uncertainty = StdDevUncertainty(np.full(data.shape, 3.0))
        results.append(ccdlib.subtract_overscan(ccd, fits_section=strip, overscan_axis=axis))
    for result in results:
        assert result.data.dtype == np.float64
        np.testing.assert_array_equal(result.data, results[1].data)
        if sigma:
            np.testing.assert_array_equal(result.uncertainty.array, results[1].uncertainty.array)
