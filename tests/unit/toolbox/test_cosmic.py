"""Cosmic rays against ccdproc and against what was put into the image."""

import ccdproc
import numpy as np
import pytest
from astropy import units as u
from astropy.nddata import StdDevUncertainty
from astropy.utils.exceptions import AstropyDeprecationWarning, AstropyUserWarning
from toolbox_images import assert_unchanged, both, frozen

import ccdlib
from ccdlib import CCDData, dq
from ccdlib.errors import CcdlibError

SIZE = 120
NOISE = 8.0


def scene(seed=1, gain=1.0):
    """Sky with stars and hits, in units of `gain` electrons, and where the hits are."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIZE, :SIZE]
    truth = np.full((SIZE, SIZE), 200.0)
    for star_y, star_x, flux in rng.uniform([10, 10, 1e3], [110, 110, 3e4], (15, 3)):
        truth += flux / 14.1 * np.exp(-((y - star_y) ** 2 + (x - star_x) ** 2) / 4.5)
    electrons = rng.poisson(truth) + rng.normal(0, NOISE, truth.shape)
    hits = np.zeros(truth.shape, bool)
    hits[tuple(rng.integers(5, SIZE - 5, (2, 40)))] = True
    electrons[hits] += rng.uniform(800, 5000, hits.sum())
    return (electrons / gain).astype(np.float32), hits


@pytest.mark.parametrize("seed", range(4))
def test_mask_and_values_are_ccdprocs(seed):
    data, _ = scene(seed)
    theirs, their_mask = ccdproc.cosmicray_lacosmic(data, readnoise=NOISE, satlevel=1e7)
    ours, mask = ccdlib.cosmicray_lacosmic(data, readnoise=NOISE, satlevel=1e7)
    np.testing.assert_array_equal(mask, their_mask)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)


@pytest.mark.parametrize("apply", [True, False])
@pytest.mark.parametrize("with_unit", [True, False])
def test_both_ways_to_give_the_gain(apply, with_unit):
    data, _ = scene(gain=2.5)
    ours, theirs = both(data)
    gain = 2.5 * u.electron / u.adu if with_unit else 2.5
    noise = NOISE * u.electron if with_unit else NOISE
    arguments = {"gain": gain, "readnoise": noise, "gain_apply": apply, "satlevel": 1e7}
    result = ccdlib.cosmicray_lacosmic(ours, **arguments)
    expected = ccdproc.cosmicray_lacosmic(theirs, **arguments)
    np.testing.assert_array_equal(result.mask, expected.mask)
    np.testing.assert_allclose(result.data, expected.data, rtol=1e-5)
    assert result.unit == (u.electron if apply else u.adu)


def test_image_in_electrons():
    data, hits = scene()
    result = ccdlib.cosmicray_lacosmic(CCDData(data, unit="electron"), readnoise=NOISE)
    assert result.unit == u.electron
    assert result.mask[hits].mean() > 0.9


@pytest.mark.parametrize(
    ("unit", "arguments", "message"),
    [
        ("adu", {"readnoise": 5 * u.adu}, "in electron, readnoise in adu"),
        ("adu", {"gain": 2 * u.one}, "in adu, readnoise in electron"),
        ("adu", {"satlevel": 5 * u.s}, "satlevel in s"),
    ],
)
def test_units_must_go_together(unit, arguments, message):
    with pytest.raises(u.UnitsError, match=message):
        ccdlib.cosmicray_lacosmic(CCDData(np.ones((30, 30)), unit=unit), **arguments)


def test_uncertainty_follows_gain_and_replacement():
    data, hits = scene(gain=2.0)
    sigma = np.sqrt(data * 2.0 + NOISE**2) / 2.0
    ccd = CCDData(data, unit="adu", uncertainty=StdDevUncertainty(sigma))
    result = ccdlib.cosmicray_lacosmic(ccd, gain=2.0, readnoise=NOISE)
    found = (result.dq & dq.COSMIC_RAY) != 0
    np.testing.assert_allclose(result.uncertainty.array[~found], 2 * sigma[~found], rtol=1e-5)
    # what a hit left in its own deviation is gone from the pixel; on the sky the neighbours'
    # spread is sqrt(200 + 64) electrons, known to 15 % from two dozen of them
    spread = result.uncertainty.array[hits & found & (np.abs(result.data - 200) < 50)]
    assert spread.size > 20
    assert abs(np.median(spread) / np.sqrt(200 + NOISE**2) - 1) < 0.15
    assert ((result.dq[found] & dq.INTERPOLATED) != 0).all()


@pytest.mark.parametrize("level", [40000.0 * u.adu, 80000.0, 80000 * u.electron])
def test_saturated_and_lost_pixels_are_flagged(level):
    data, _ = scene(gain=2.0)
    data[50:54, 50:54], data[20, 20] = 45000, np.nan
    result = ccdlib.cosmicray_lacosmic(
        CCDData(data, unit="adu"), gain=2.0, readnoise=NOISE, satlevel=level
    )
    assert (result.dq[50:54, 50:54] & dq.SATURATED).all()
    assert result.dq[20, 20] == dq.NO_DATA
    assert np.isnan(result.data[20, 20]) and np.isnan(result.data).sum() == 1
    assert result.mask[50:54, 50:54].all() and result.mask[20, 20]


def test_masks_are_joined():
    data, _ = scene()
    mask = np.zeros(data.shape, bool)
    mask[3, :] = True
    result = ccdlib.cosmicray_lacosmic(CCDData(data, unit="adu", mask=mask), readnoise=NOISE)
    assert result.mask[3].all()


def test_sky_that_was_subtracted():
    data, _ = scene()
    whole, mask = ccdlib.cosmicray_lacosmic(data, readnoise=NOISE)
    with pytest.warns(AstropyDeprecationWarning, match="pssl is deprecated"):
        cleaned, other = ccdlib.cosmicray_lacosmic(data - 200, readnoise=NOISE, pssl=200.0)
    np.testing.assert_array_equal(mask, other)
    np.testing.assert_allclose(cleaned, whole - 200, atol=0.01)
    background = np.full(data.shape, 200.0, np.float32)
    with pytest.raises(CcdlibError, match=r"Cannot set both pssl, which is 200\.0, and inbkg"):
        ccdlib.cosmicray_lacosmic(data, pssl=200.0, inbkg=background)


@pytest.mark.parametrize(
    "find",
    [
        lambda ccd: ccdlib.cosmicray_lacosmic(ccd, gain=2.0, readnoise=NOISE),
        lambda ccd: ccdlib.cosmicray_median(ccd, rbox=5),
    ],
)
def test_input_is_unchanged(find):
    data, _ = scene()
    ccd = CCDData(data, unit="adu", uncertainty=StdDevUncertainty(np.full(data.shape, 15.0)))
    before = frozen(ccd)
    result = find(ccd)
    result.data[...] = result.uncertainty.array[...] = 0
    assert_unchanged(ccd, before)


@pytest.mark.parametrize("find", [ccdlib.cosmicray_lacosmic, ccdlib.cosmicray_median])
def test_only_ccddata_and_arrays(find):
    with pytest.raises(TypeError, match="CCDData or ndarray object, it is a list"):
        find([[1.0]])


@pytest.mark.parametrize("box", [3, 5, 11])
@pytest.mark.parametrize("grow", [0, 3])
def test_median_mask_is_ccdprocs(box, grow):
    data, _ = scene()
    arguments = {"error_image": 15.0, "thresh": 5, "mbox": box, "gbox": grow}
    _, theirs = ccdproc.cosmicray_median(data, **arguments)
    image, mask = ccdlib.cosmicray_median(data, **arguments)
    np.testing.assert_array_equal(mask, theirs)
    np.testing.assert_array_equal(image, data)


def test_median_uses_the_uncertainty():
    data, _ = scene()
    sigma = np.sqrt(data + NOISE**2).astype(np.float32)
    ours, theirs = both(data, sigma)
    result, expected = ccdlib.cosmicray_median(ours), ccdproc.cosmicray_median(theirs)
    np.testing.assert_array_equal(result.mask, expected.mask)
    np.testing.assert_array_equal(result.dq != 0, expected.mask)


def test_median_without_any_error():
    data, hits = scene()
    for image in (CCDData(data, unit="adu"), data):
        result = ccdlib.cosmicray_median(image, mbox=5)
        mask = result.mask if isinstance(result, CCDData) else result[1]
        assert mask[hits].mean() > 0.9


def test_replacement_knows_nothing_of_the_hits():
    data = np.full((20, 20), 100.0)
    data[8:11, 8:11] = 5000
    theirs, _ = ccdproc.cosmicray_median(data, error_image=5.0, mbox=11, rbox=3)
    ours, hit = ccdlib.cosmicray_median(data, error_image=5.0, mbox=11, rbox=3)
    assert hit.sum() == 9
    assert theirs[9, 9] == 5000
    np.testing.assert_array_equal(ours, 100)


def test_replaced_pixels_are_flagged():
    data, _ = scene()
    ccd = CCDData(data, unit="adu", uncertainty=StdDevUncertainty(np.full(data.shape, 16.0)))
    result = ccdlib.cosmicray_median(ccd, mbox=5, rbox=5)
    assert set(np.unique(result.dq)) == {0, dq.COSMIC_RAY | dq.INTERPOLATED}
    assert set(np.unique(ccdlib.cosmicray_median(ccd, mbox=5).dq)) == {0, dq.COSMIC_RAY}


def test_masked_pixels_are_no_hits():
    data, hits = scene()
    result = ccdlib.cosmicray_median(CCDData(data, unit="adu", mask=hits), mbox=5)
    assert not (result.dq[hits] & dq.COSMIC_RAY).any()
    assert result.mask[hits].all()


def test_error_image_of_another_shape():
    with pytest.raises(CcdlibError, match=r"as data: \(3, 3\), the image has \(120, 120\)"):
        ccdlib.cosmicray_median(scene()[0], error_image=np.ones((3, 3)))


def test_nothing_but_masked_pixels():
    with pytest.warns(AstropyUserWarning, match="no pixel that is not masked"):
        _, hit = ccdlib.cosmicray_median(np.full((9, 9), np.nan))
    assert not hit.any()


def test_a_gain_twice():
    data, _ = scene()
    with pytest.warns(AstropyUserWarning, match="unit is electron but gain value is not 1.0"):
        result = ccdlib.cosmicray_lacosmic(CCDData(data, unit="electron"), gain=2.0)
    assert np.median(result.data) == pytest.approx(2 * np.median(data), rel=0.01)


def test_a_background_and_a_variance_of_one_number():
    data, _ = scene()
    numbers = {"inbkg": 200.0, "invar": 264.0}
    planes = {name: np.full(data.shape, value, np.float32) for name, value in numbers.items()}
    for image in (data - 200, CCDData(data - 200, unit="adu")):
        one, all_pixels = (
            ccdlib.cosmicray_lacosmic(image, readnoise=NOISE, **each) for each in (numbers, planes)
        )
        first, second = (
            each[0] if isinstance(each, tuple) else each.data for each in (one, all_pixels)
        )
        np.testing.assert_array_equal(first, second)
