"""Steps that are done by bands of rows give what they give for the whole image at once."""

import numpy as np
import pytest
from astropy import units as u
from astropy.nddata import InverseVariance, StdDevUncertainty, VarianceUncertainty

import ccdlib
from ccdlib import CCDData, dq
from ccdlib.toolbox import by_rows

SHAPE = (23, 16)
GAIN = 1.7 * u.electron / u.adu
TIMES = {"data_exposure": 30 * u.s, "dark_exposure": 60 * u.s, "scale": True}

STEPS = {
    "gain": lambda a, b: ccdlib.gain_correct(a, GAIN),
    "gain of each row": lambda a, b: ccdlib.gain_correct(a, np.arange(1.0, 24)[:, None] * GAIN),
    "gain of each column": lambda a, b: ccdlib.gain_correct(a, np.arange(1.0, 17) * GAIN),
    "bias": ccdlib.subtract_bias,
    "dark": lambda a, b: ccdlib.subtract_dark(a, b, **TIMES),
    "flat": lambda a, b: ccdlib.flat_correct(a, b, min_value=95),
}
KINDS = [None, StdDevUncertainty, VarianceUncertainty, InverseVariance]


def image(level, kind, bits):
    rng = np.random.default_rng(int(level))
    data = rng.normal(level, 3, SHAPE)
    data[19, 3] = np.nan
    flags = np.where(rng.random(SHAPE) < 0.05, dq.HOT, 0).astype(np.uint16) if bits else None
    spread = None if kind is None else kind(rng.uniform(1, 2, SHAPE))
    mask = rng.random(SHAPE) < 0.05
    return CCDData(data, unit="adu", uncertainty=spread, mask=mask, dq=flags)


@pytest.mark.parametrize("bits", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", STEPS)
def test_bands_are_the_whole(name, kind, bits, monkeypatch):
    images = image(1000.0, kind, bits), image(100.0, kind, bits)
    whole = STEPS[name](*images)
    for pixels in (1, 5 * SHAPE[1]):
        monkeypatch.setattr(by_rows, "_BAND", pixels * whole.data.itemsize)
        banded = STEPS[name](*images)
        np.testing.assert_array_equal(banded.data, whole.data)
        np.testing.assert_array_equal(banded.mask, whole.mask)
        assert (banded.dq is None) == (whole.dq is None)
        if whole.dq is not None:
            np.testing.assert_array_equal(banded.dq, whole.dq)
        assert type(banded.uncertainty) is type(whole.uncertainty)
        if kind is not None:
            np.testing.assert_array_equal(banded.uncertainty.array, whole.uncertainty.array)


def test_one_mask_and_one_uncertainty_for_all_pixels():
    master = CCDData(np.ones(SHAPE), unit="adu", mask=False, uncertainty=StdDevUncertainty(3.0))
    raw = CCDData(np.full(SHAPE, 5.0), unit="adu", uncertainty=StdDevUncertainty(4.0), mask=False)
    result = ccdlib.subtract_bias(raw, master)
    assert (result.data == 4).all() and not result.mask.any()
    assert result.uncertainty.array.shape == SHAPE and (result.uncertainty.array == 5).all()


@pytest.mark.parametrize("shape", [(), (0, 4), (7,), (2, 3, 4)])
def test_any_number_of_axes(shape):
    raw = CCDData(np.full(shape, 5.0), unit="adu", uncertainty=StdDevUncertainty(np.ones(shape)))
    result = ccdlib.gain_correct(raw, GAIN)
    np.testing.assert_allclose(result.data, np.full(shape, 8.5))
    np.testing.assert_allclose(result.uncertainty.array, np.full(shape, 1.7))


def test_nothing_is_shared_with_what_went_in():
    raw = image(1000.0, VarianceUncertainty, True)
    result = ccdlib.gain_correct(raw, 1.0 * u.electron / u.adu)
    for plane in ("data", "dq", "mask"):
        assert not np.may_share_memory(getattr(result, plane), getattr(raw, plane))
    assert not np.may_share_memory(result.uncertainty.array, raw.uncertainty.array)
