"""What is written at once is what the steps by rows give; what is not plain is left to them."""

import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.nddata import StdDevUncertainty, VarianceUncertainty
from hypothesis import given
from hypothesis import strategies as st

import ccdlib
from ccdlib import CCDData, dq
from ccdlib.errors import CcdlibError
from ccdlib.toolbox import plain_planes

SHAPES = [(1, 1), (7,), (23, 16), (2, 3, 5)]
TIMES = {"data_exposure": 30 * u.s, "dark_exposure": 70 * u.s, "scale": True}


def image(shape, kind, seed, sigma=True):
    rng = np.random.default_rng(seed)
    ccd = CCDData(rng.normal(1000, 300, shape).astype(kind), unit="adu")
    if sigma:
        ccd.uncertainty = StdDevUncertainty(rng.uniform(0, 40, shape).astype(kind))
    return ccd


def both_ways(call, *names):
    """A result, and that of the steps by rows."""
    with pytest.MonkeyPatch.context() as patch:
        taken = []
        for name in names:
            plain = getattr(plain_planes, name)
            patch.setattr(
                plain_planes,
                name,
                lambda *given, plain=plain: taken.append(plain(*given)) or taken[-1],
            )
        quick = call()
        assert len(taken) == 1
        for name in names:
            patch.setattr(plain_planes, name, lambda *given: None)
        return quick, call(), taken[0] is not None


def assert_same(quick, slow):
    assert quick.data.dtype == slow.data.dtype
    np.testing.assert_array_equal(quick.data, slow.data)
    assert (quick.uncertainty is None) == (slow.uncertainty is None)
    if slow.uncertainty is not None:
        assert quick.uncertainty.array.dtype == slow.uncertainty.array.dtype
        np.testing.assert_array_equal(quick.uncertainty.array, slow.uncertainty.array)
    np.testing.assert_array_equal(quick.mask, slow.mask)
    assert (quick.dq is None) == (slow.dq is None)
    assert (quick.unit, dict(quick.meta)) == (slow.unit, dict(slow.meta))


def subtracted_alike(raw, master):
    """The image less a bias and less a dark, each at once, which is what the steps make of it."""
    found = []
    for call in (
        lambda: ccdlib.subtract_bias(raw, master),
        lambda: ccdlib.subtract_dark(raw, master, **TIMES),
    ):
        quick, slow, taken = both_ways(call, "subtracted")
        assert taken
        assert_same(quick, slow)
        found.append(quick)
    return found


@given(
    st.sampled_from(SHAPES), st.sampled_from(["f4", "f8"]), st.tuples(st.booleans(), st.booleans()),
    st.integers(0, 99), st.sampled_from([None, 0.0, 0.3]), st.booleans(),
)  # fmt: skip
def test_subtraction_is_that_of_the_steps(shape, kind, sigma, seed, masked, lost):
    raw, master = image(shape, kind, seed, sigma[0]), image(shape, kind, seed + 1, sigma[1])
    if masked is not None:
        raw.mask = np.random.default_rng(seed).random(shape) < 0.3
        master.mask = np.random.default_rng(seed + 1).random(shape) < masked
    if lost:
        raw.data.flat[0] = np.nan
    for quick in subtracted_alike(raw, master):
        assert not np.may_share_memory(quick.data, raw.data)


@pytest.mark.parametrize("kind", ["u2", "i4", ">i2", ">f8", "f4"])
@pytest.mark.parametrize("other", ["u2", "f4", "f8", ">i4"])
def test_subtraction_from_numbers_of_any_type_is_that_of_the_steps(kind, other):
    raw, master = image((23, 16), kind, 1, False), image((23, 16), other, 2, False)
    assert len(subtracted_alike(raw, master)) == 2


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["f4", "f8"])
@pytest.mark.parametrize("known", [(True, True), (True, False), (False, True)])
def test_subtraction_with_variances_is_that_of_the_steps(shape, kind, known):
    raw, master = (image(shape, kind, seed, has) for seed, has in enumerate(known))
    for each in (raw, master):
        if each.uncertainty is not None:
            each.uncertainty = VarianceUncertainty(each.uncertainty.array)
    for quick in subtracted_alike(raw, master):
        assert type(quick.uncertainty) is VarianceUncertainty
        for each in (raw, master):
            if each.uncertainty is not None:
                assert not np.may_share_memory(quick.uncertainty.array, each.uncertainty.array)


def lost_pixel(raw, master):
    master.data[3, 4] = np.nan


def bits(raw, master):
    master.dq = np.where(np.arange(16) == 4, dq.HOT, 0) * np.ones((23, 1), int)


def variances(raw, master):
    raw.uncertainty = VarianceUncertainty(np.ones(raw.shape))


def truths(raw, master):
    raw.data = raw.data.astype(bool)


def narrow(raw, master):
    raw.data = raw.data.astype(np.float32)


def narrow_sigma(raw, master):
    raw.uncertainty = StdDevUncertainty(raw.uncertainty.array.astype(np.float32))


def two_kinds(raw, master):
    master.uncertainty = VarianceUncertainty(master.uncertainty.array)


def other_unit(raw, master):
    master.unit = u.Unit(1000 * u.adu)


@pytest.mark.parametrize(
    "change",
    [lost_pixel, bits, variances, truths, narrow, narrow_sigma, two_kinds, other_unit],
)
def test_what_is_not_plain_is_left_to_the_steps(change, monkeypatch):
    raw, master = image((23, 16), "f8", 1), image((23, 16), "f8", 2)
    change(raw, master)
    result = ccdlib.subtract_bias(raw, master)
    monkeypatch.setattr(plain_planes, "subtracted", lambda *given: None)
    assert_same(result, ccdlib.subtract_bias(raw, master))
    factor = 1000 if change is other_unit else 1
    good = np.isfinite(result.data) & ~np.asarray(False if result.mask is None else result.mask)
    np.testing.assert_allclose(
        result.data[good], (raw.data - factor * master.data)[good], rtol=1e-6
    )


def test_a_master_with_a_pixel_without_value_flags_it():
    raw, master = image((23, 16), "f8", 1), image((23, 16), "f8", 2)
    lost_pixel(raw, master)
    result = ccdlib.subtract_bias(raw, master)
    assert result.data[3, 4] == raw.data[3, 4]
    assert result.dq[3, 4] == dq.NO_CALIBRATION and result.mask.sum() == 1


@given(
    st.sampled_from(SHAPES), st.sampled_from(["f4", "f8", "u2"]), st.booleans(), st.booleans(),
    st.booleans(),
)  # fmt: skip
def test_gain_is_that_of_the_steps_to_rounding(shape, kind, sigma, flagged, each):
    raw = image(shape, kind, 5, sigma)
    if flagged:
        raw.dq = np.where(np.random.default_rng(3).random(shape) < 0.3, dq.HOT, 0)
    gain = (np.full(shape, 1.7) if each else 1.7) * u.electron / u.adu
    quick, slow, taken = both_ways(lambda: ccdlib.gain_correct(raw, gain), "multiplied")
    # its uncertainty is a whole number, too
    assert taken == (kind != "u2" or not sigma)
    if sigma:
        # theirs goes by the variance
        eps = np.finfo(quick.uncertainty.array.dtype).eps
        np.testing.assert_allclose(
            quick.uncertainty.array, slow.uncertainty.array, rtol=8 * eps, atol=1e-30
        )
        quick.uncertainty = slow.uncertainty = None
    assert_same(quick, slow)
    if flagged:
        np.testing.assert_array_equal(quick.dq, slow.dq)
        assert not np.may_share_memory(quick.dq, raw.dq)


@pytest.mark.parametrize("shape", [(2, 3, 4), (3, 5), (2, 1)])
@pytest.mark.parametrize("kind", ["f8", "u2"])
def test_a_gain_of_another_shape_is_refused(shape, kind):
    with pytest.raises(CcdlibError, match=r"the gain has shape .*, the image has \(3, 4\)"):
        ccdlib.gain_correct(image((3, 4), kind, 1), np.ones(shape) * u.electron / u.adu)


def flat_of(shape, kind, seed, sigma, lows=0.0):
    """A flat of about 9000, some of its pixels far below."""
    flat = image(shape, kind, seed, sigma)
    flat.data[...] = 9000 + flat.data / 10
    flat.data[np.random.default_rng(seed).random(shape) < lows] = 50
    return flat


@given(
    st.sampled_from(SHAPES), st.sampled_from(["f4", "f8"]), st.tuples(st.booleans(), st.booleans()),
    st.integers(0, 99), st.sampled_from([None, 0.0, 0.3]), st.sampled_from([None, 40, 8000.0]),
    st.sampled_from([None, 8000.0]),
)  # fmt: skip
def test_division_is_that_of_the_steps(shape, kind, sigma, seed, masked, least, norm):
    raw = image(shape, kind, seed, sigma[0])
    flat = flat_of(shape, kind, seed + 1, sigma[1], 0.1)
    raw.data.flat[0] = np.nan
    if masked is not None:
        raw.mask = np.random.default_rng(seed).random(shape) < 0.3
        flat.mask = np.random.default_rng(seed + 1).random(shape) < masked
        # a pixel that is masked may have any value
        flat.data[flat.mask] = -3.0
    norm = 9000.0 if masked and flat.mask.all() else norm
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "no pixel of the flat reaches min_value")
        quick, slow, taken = both_ways(
            lambda: ccdlib.flat_correct(raw, flat, least, norm), "divided"
        )
    assert taken
    assert_same(quick, slow)
    np.testing.assert_array_equal(quick.dq, slow.dq)


@pytest.mark.parametrize("kind", ["u2", "i4", ">i2", ">f8", "f4"])
@pytest.mark.parametrize("other", ["u2", "f4", "f8", ">f4"])
@pytest.mark.parametrize("least", [None, 200])
def test_division_of_numbers_of_any_type_is_that_of_the_steps(kind, other, least):
    raw, flat = image((23, 16), kind, 1, False), flat_of((23, 16), other, 2, False, 0.1)
    quick, slow, taken = both_ways(lambda: ccdlib.flat_correct(raw, flat, least), "divided")
    assert taken
    assert_same(quick, slow)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, -5.0])
def test_a_flat_with_a_pixel_that_divides_nothing_is_left_to_the_steps(value):
    raw, flat = image((23, 16), "f8", 1), flat_of((23, 16), "f8", 2, True)
    flat.data[3, 4] = value
    quick, slow, taken = both_ways(lambda: ccdlib.flat_correct(raw, flat), "divided")
    assert not taken
    assert_same(quick, slow)
    assert quick.data[3, 4] == raw.data[3, 4] and quick.mask.sum() == 1


@given(
    st.sampled_from(SHAPES), st.sampled_from(["f4", "f8", "u2", ">i4"]), st.integers(0, 99),
    st.sampled_from([None, 0.0, 0.3]), st.sampled_from([None, 8000.0]),
)  # fmt: skip
def test_the_mean_of_a_flat_is_numpys(shape, kind, seed, masked, least):
    flat = flat_of(shape, kind, seed, False, 0.1)
    good = np.ones(shape, bool)
    if masked is not None:
        flat.mask = np.random.default_rng(seed).random(shape) < masked
        good = ~flat.mask
    found = plain_planes.mean(flat, least)
    if not good.any():
        assert found is None
        return
    values = np.maximum(flat.data, -np.inf if least is None else least)[good]
    np.testing.assert_allclose(found, values.mean(dtype=float), rtol=1e-14)


def test_the_mean_of_a_flat_that_has_a_nan_is_left_to_numpy():
    flat = flat_of((23, 16), "f8", 2, False)
    flat.data[3, 4] = np.nan
    assert plain_planes.mean(flat, None) is None
    flat.mask = np.isnan(flat.data)
    assert plain_planes.mean(flat, None) == pytest.approx(np.nanmean(flat.data), rel=1e-14)
