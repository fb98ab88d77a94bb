"""Bad pixels of a ratio of flats, masks from bits, filters."""

import ccdproc
import numpy as np
import pytest
from astropy.utils.exceptions import AstropyUserWarning
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from toolbox_images import assert_unchanged, frozen, make, planes

import ccdlib
from ccdlib import CCDData, dq
from ccdlib.errors import CcdlibError
from ccdlib.master import ccdmask as irafs

few = settings(max_examples=25, deadline=None)


def noise(seed=0, shape=(90, 60), sigma=0.01):
    return np.random.default_rng(seed).normal(1, sigma, shape)


@few
@given(st.integers(0, 10**6), st.sampled_from([3, 4, 6]), st.booleans())
def test_mask_is_ccdprocs_at_half_its_threshold(seed, sigmas, blocks):
    """Their sigma is half of one, and at its edges their image is mirrored."""
    data = noise(seed)
    data[20, 20], data[40:44, 30] = 2, 0.7
    theirs = ccdproc.ccdmask(
        ccdproc.CCDData(data, unit=""), byblocks=blocks, lsigma=2 * sigmas, hsigma=2 * sigmas
    )
    # a block's percentiles are IRAF's, values and not between two; neighbours of the 225 sorted
    # ones are 0.013 sigma apart, and further than 0.25 with a probability of e^-20
    margin = 0.25 if blocks else 1e-9
    fewer, more = (
        ccdlib.ccdmask(data, byblocks=blocks, lsigma=sigmas * factor, hsigma=sigmas * factor)
        for factor in (1 + margin, 1 - margin)
    )
    inside = np.s_[15:-15, 15:-15]
    assert theirs[20, 20] and fewer[20, 20]
    assert not (fewer & ~theirs)[inside].any()
    assert not (theirs & ~more)[inside].any()


def golden():
    """A field with structure, noise, bad pixels and columns; the generator's stream is frozen."""
    random = np.random.RandomState(5)
    y, x = np.mgrid[:103, :67]
    ratio = 1 + 0.02 * np.sin(x / 9) * np.cos(y / 14) + 0.01 * random.standard_normal(x.shape)
    pixels = {(30, 20): 0.2, (70, 40): -0.15, (2, 10): 0.3, (100, 15): -0.3}
    pixels |= {(60, 25): 0.2, (65, 25): 0.2, (80, 25): 0.2, (86, 25): -0.2}
    columns = {(40, 80, 33): -0.03, (10, 90, 50): 0.02, (0, 103, 60): -0.012, (50, 56, 5): 0.05}
    for (row, column), step in pixels.items():
        ratio[row, column] += step
    for (first, stop, column), step in columns.items():
        ratio[first:stop, column] += step
    return ratio.astype(np.float32)


# column: rows that ccdmask of IRAF 2.17 flags in the field above
IRAF_DEFAULTS = (
    "5:53-55 10:0-2 15:100-102 20:30-30 25:60-65,80-80,86-86 33:37-85 40:70-70 50:6-77 60:0-101"
)
# with ncmed=5 nlmed=9 ncsig=20 nlsig=12 lsigma=5 hsigma=4 ngood=3
IRAF_OTHERS = (
    "5:50-55 10:0-2 15:100-102 20:30-30 25:60-60,65-65,80-80,86-86 33:47-79 40:70-70 50:10-90 "
    "60:0-40,62-71"
)
OTHERS = {"ncmed": 5, "nlmed": 9, "ncsig": 20, "nlsig": 12, "lsigma": 5, "hsigma": 4, "ngood": 3}
IRAF = {"findbadcolumns": True, "byblocks": True, "sigma_from": "image"}


@pytest.mark.parametrize("flagged, numbers", [(IRAF_DEFAULTS, {}), (IRAF_OTHERS, OTHERS)])
def test_mask_is_that_of_iraf(flagged, numbers):
    expected = np.zeros((103, 67), bool)
    for column, runs in (each.split(":") for each in flagged.split()):
        for first, last in (run.split("-") for run in runs.split(",")):
            expected[int(first) : int(last) + 1, int(column)] = True
    np.testing.assert_array_equal(ccdlib.ccdmask(golden(), **IRAF, **numbers), expected)


def test_sigma_is_that_of_the_noise_and_not_of_the_structure():
    y, x = np.mgrid[:120, :120]
    data = noise(shape=y.shape) + 0.003 * x
    bad = tuple(np.random.default_rng(1).integers(0, 120, (2, 20)))
    data[bad] -= 0.1
    found = ccdlib.ccdmask(data, byblocks=True)
    assert found[bad].all()
    assert found.sum() == len({*zip(*bad, strict=True)})
    # IRAF takes the ten sigma of these pixels for less than six
    assert not ccdlib.ccdmask(data, byblocks=True, sigma_from="image")[bad].all()


@pytest.mark.parametrize("blocks", [True, False])
def test_bad_columns_at_the_edge(blocks):
    """Mirrored beyond the edge they would be the greater part of the box."""
    data = noise()
    data[:, :2] = 0.5
    mask = ccdlib.ccdmask(data, byblocks=blocks)
    assert mask[:, :2].all()
    assert not mask[:, 2:].any()


def test_masked_pixels_do_not_make_sigma_small():
    data, mask = noise(shape=(60, 60)), np.zeros((60, 60), bool)
    mask[16:29, 15:27] = True
    data[mask] = 0
    found = ccdlib.ccdmask(CCDData(data, unit="", mask=mask), byblocks=True)
    np.testing.assert_array_equal(found, mask)


@pytest.mark.parametrize("blocks", [True, False])
def test_thresholds_are_standard_deviations(blocks):
    data = noise(shape=(400, 400))
    flagged = ccdlib.ccdmask(data, byblocks=blocks, lsigma=3, hsigma=3).mean()
    # of a normal distribution 0.27 %, 13 % at half of it; sigma from 225 values widens the wings
    assert 0.0027 < flagged < 0.01
    assert ccdlib.ccdmask(data, byblocks=blocks).sum() == 0


@pytest.mark.parametrize("scale", [1, 1e4, 1e-4])
@pytest.mark.parametrize("columns", [True, False])
def test_the_unit_does_not_matter(scale, columns):
    data = noise()
    data[30:70, 25] -= 0.03
    arguments = {"findbadcolumns": columns, "byblocks": True}
    np.testing.assert_array_equal(
        ccdlib.ccdmask(data * scale, **arguments), ccdlib.ccdmask(data, **arguments)
    )


def test_a_column_too_faint_for_its_pixels_is_found():
    data = noise()
    data[20:80, 25] -= 0.03
    alone = ccdlib.ccdmask(data, byblocks=True)
    column = ccdlib.ccdmask(data, byblocks=True, findbadcolumns=True)
    assert alone[20:80, 25].mean() < 0.1
    # what is left of it at its ends must sum to six sigma, four pixels of three
    assert column[25:75, 25].all()
    assert column.sum() == column[15:85, 25].sum()


def test_gaps_along_columns_are_closed():
    data = noise()
    data[[20, 24, 40], 25] = 3
    mask = ccdlib.ccdmask(data, findbadcolumns=True, ngood=4)
    assert np.flatnonzero(mask[:, 25]).tolist() == [20, 21, 22, 23, 24, 40]
    mask = ccdlib.ccdmask(data, findbadcolumns=True, ngood=3)
    assert np.flatnonzero(mask[:, 25]).tolist() == [20, 24, 40]


@pytest.mark.parametrize("blocks", [True, False])
def test_lost_and_masked_pixels_are_bad(blocks):
    ccd = CCDData(noise(), unit="", mask=np.zeros((90, 60), bool))
    ccd.data[5, 5], ccd.mask[50, 50] = np.nan, True
    before = frozen(ccd)
    mask = ccdlib.ccdmask(ccd, byblocks=blocks)
    assert np.argwhere(mask).tolist() == [[5, 5], [50, 50]]
    assert_unchanged(ccd, before)


def test_no_ratio():
    with pytest.raises(CcdlibError, match=r"two-dimensional, it has the shape \(3,\)"):
        ccdlib.ccdmask(np.ones(3))
    with pytest.raises(CcdlibError, match="no pixel that is finite"):
        irafs.ccdmask(np.full((9, 9), np.nan))
    with pytest.raises(CcdlibError, match="sigma_from is 'flat', not one of residual, image"):
        ccdlib.ccdmask(np.ones((9, 9)), sigma_from="flat")


bits = arrays.arrays(np.uint16, (4, 5))


@given(bits, st.integers(0, 1023))
def test_boolean_mask_is_ccdprocs(field, ignored):
    # only sums of whole bits up to the highest are meant by a number
    theirs = ccdproc.bitfield_to_boolean_mask(field, ignored)
    np.testing.assert_array_equal(ccdlib.bitfield_to_boolean_mask(field, ignored), theirs)
    np.testing.assert_array_equal(theirs, (field & ~np.uint16(ignored)) != 0)


@given(bits)
def test_all_ways_to_ignore_bits(field):
    for ignored, flip in (("1,8", None), ([1, 8], None), ("~1,8", None), (9, True), (None, None)):
        np.testing.assert_array_equal(
            ccdlib.bitfield_to_boolean_mask(field, ignored, flip),
            ccdproc.bitfield_to_boolean_mask(field, ignored, flip),
        )
    np.testing.assert_array_equal(
        ccdlib.bitfield_to_boolean_mask(field, "BAD,HOT"),
        ccdlib.bitfield_to_boolean_mask(field, dq.BAD | dq.HOT),
    )


def test_bits_are_whole_numbers():
    with pytest.raises(CcdlibError, match="type float64, not whole numbers"):
        ccdlib.bitfield_to_boolean_mask([1.5])
    with pytest.raises(CcdlibError, match="ignore_bits is 'WARM'"):
        ccdlib.bitfield_to_boolean_mask([1], "WARM")


@given(planes(0, 100), st.sampled_from([3, 5]))
def test_median_filter_is_ccdprocs(data, size):
    mask, flags = data > 50, (data > 80).astype(np.uint16)
    ccd = CCDData(data, unit="adu", mask=mask, dq=flags, uncertainty=np.ones(data.shape))
    before = frozen(ccd)
    result = ccdlib.median_filter(ccd, size)
    theirs = ccdproc.median_filter(make(ccdproc.CCDData, data), size)
    np.testing.assert_array_equal(result.data, theirs.data)
    np.testing.assert_array_equal(ccdlib.median_filter(data, size), theirs.data)
    np.testing.assert_array_equal(result.mask, mask | (flags != 0))
    np.testing.assert_array_equal(result.dq, flags)
    assert result.uncertainty is None
    assert_unchanged(ccd, before)


@given(planes(0, 100))
def test_sigma_func_is_ccdprocs(data):
    for axis in (None, 0, 1):
        np.testing.assert_allclose(
            ccdlib.sigma_func(data, axis=axis), ccdproc.sigma_func(data, axis=axis)
        )
    holes = np.where(data > 90, np.nan, data)
    holes[0] = 1
    np.testing.assert_allclose(
        ccdlib.sigma_func(holes, axis=0, ignore_nan=True),
        ccdproc.sigma_func(holes, axis=0, ignore_nan=True),
    )


@few
@given(planes(0, 100, (12, 13)), st.sampled_from([3, 4, 5]))
def test_background_filter_is_ccdprocs(data, box):
    theirs = ccdproc.background_deviation_filter(data.astype(float), box)
    np.testing.assert_allclose(ccdlib.background_deviation_filter(data, box), theirs, rtol=1e-6)


def test_background_boxes_are_ccdprocs_away_from_its_edges():
    data = noise(shape=(50, 75))
    ours, theirs = (each.background_deviation_box(data, 25) for each in (ccdlib, ccdproc))
    np.testing.assert_allclose(ours[:25, :50], theirs[:25, :50])
    # their last row and column hold the standard deviation of the whole image
    assert theirs[-1, -1] == data.std()
    assert ours[-1, -1] == ours[-2, -2]


@pytest.mark.parametrize("function", ["background_deviation_box", "background_deviation_filter"])
def test_impossible_boxes(function):
    with pytest.raises(CcdlibError, match="bbox must be 1 or greater, it is 0"):
        getattr(ccdlib, function)(np.ones((5, 5)), 0)
    with pytest.raises(CcdlibError, match=r"shape \(5,\), not two axes"):
        getattr(ccdlib, function)(np.ones(5), 3)


def all_masked(data):
    return ccdlib.CCDData(data, unit="", mask=np.ones(data.shape, bool))


def all_lost(data):
    return np.full(data.shape, np.nan)


def masked_array(data):
    return np.ma.array(data, mask=True)


@pytest.mark.parametrize("made", [all_masked, all_lost, masked_array])
@pytest.mark.parametrize("way", [{}, {"byblocks": True}, {"findbadcolumns": True}])
def test_a_ratio_without_a_good_pixel_is_all_bad(made, way):
    with pytest.warns(AstropyUserWarning, match="no pixel that is finite and not masked"):
        bad = ccdlib.ccdmask(made(noise(shape=(20, 30))), **way)
    assert bad.shape == (20, 30) and bad.all()
