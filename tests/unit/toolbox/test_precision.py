"""Types of pixels: float64 stays so in every number, whole numbers never wrap round."""

import ccdproc
import numpy as np
import pytest
from astropy import units as u
from astropy.nddata import CCDData as TheirCCDData
from astropy.nddata import StdDevUncertainty
from hypothesis import given
from hypothesis import strategies as st
from toolbox_images import both, make

import ccdlib
from ccdlib import CCDData

SHAPE = (12, 16)
GAIN = 1.7 * u.electron / u.adu
NOISE = 8 * u.electron
TIMES = {"data_exposure": 30 * u.s, "dark_exposure": 70 * u.s, "scale": True}
KINDS = ("uint8", "int16", "uint16", "int32", "uint32", "float32", "float64")
# what is left of float64 after a handful of operations; float32 would leave 1e-8
ROUNDING = 1e-13


def image(kind, level=1000.0, seed=0):
    values = np.random.default_rng(seed).normal(level, level / 50, SHAPE)
    return np.clip(values, 1, 250).astype(kind) if kind == "uint8" else values.astype(kind)


STEPS = {
    "create_deviation": lambda lib, a, b, f: lib.create_deviation(a, GAIN, NOISE),
    "gain_correct": lambda lib, a, b, f: lib.gain_correct(a, GAIN),
    "subtract_bias": lambda lib, a, b, f: lib.subtract_bias(a, b),
    "subtract_dark": lambda lib, a, b, f: lib.subtract_dark(a, b, **TIMES),
    "flat_correct": lambda lib, a, b, f: lib.flat_correct(a, f),
    "trim_image": lambda lib, a, b, f: lib.trim_image(a, "[2:9,3:8]"),
    "ccd_process": lambda lib, a, b, f: lib.ccd_process(a, gain=GAIN, trim="[2:9,3:8]"),
    "average": lambda lib, a, b, f: lib.combine([a, b, f]),
    "median": lambda lib, a, b, f: lib.combine([a, b, f], method="median"),
    "sum": lambda lib, a, b, f: lib.combine([a, b, f], method="sum"),
    "scaled": lambda lib, a, b, f: lib.combine([a, b, f], scale=np.array([1, 1 / 3, 1 / 7])),
    "weighted": lambda lib, a, b, f: lib.combine([a, b, f], weights=np.array([1, 1 / 3, 1 / 7])),
}
OVERSCAN = {
    "mean": {},
    "median": {"median": True},
}


def inputs(lib, kind, sigma=False):
    """Image, bias and flat."""
    made = []
    for seed, level in enumerate((1000.0, 90.0, 3000.0)):
        data = image(kind, level, seed)
        spread = np.full(SHAPE, 3.1, data.dtype if data.dtype.kind == "f" else float)
        ccd = CCDData if lib is ccdlib else TheirCCDData
        made.append(make(ccd, data, sigma=spread if sigma else None))
    return made


@pytest.mark.parametrize("sigma", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", STEPS)
def test_types_are_kept_and_values_are_ccdprocs(name, kind, sigma):
    if sigma and name in ("average", "median", "sum", "scaled", "weighted", "create_deviation"):
        sigma = False
    ours = STEPS[name](ccdlib, *inputs(ccdlib, kind, sigma))
    untouched = name in ("create_deviation", "trim_image")
    stack = name in ("average", "median", "sum", "scaled", "weighted")
    wanted = np.dtype(kind if untouched or (kind[0] == "f" and not stack) else "float64")
    assert ours.data.dtype == wanted
    if ours.uncertainty is not None:
        narrow = kind == "float32" and not stack
        assert ours.uncertainty.array.dtype == ("float32" if narrow else "float64")
    if name == "subtract_bias" and kind[0] != "f":
        # theirs may wrap round
        a, b, _ = inputs(ccdlib, kind)
        np.testing.assert_array_equal(ours.data, a.data.astype(float) - b.data)
        return
    theirs = STEPS[name](ccdproc, *inputs(ccdproc, kind, sigma))
    rounding = 1e-6 if kind == "float32" and not stack else ROUNDING
    np.testing.assert_allclose(ours.data, theirs.data, rtol=rounding)
    # theirs squares whole numbers, which wrap round
    if theirs.uncertainty is not None and not stack and kind[0] == "f":
        np.testing.assert_allclose(
            ours.uncertainty.array, theirs.uncertainty.array, rtol=max(rounding, 1e-12)
        )


@pytest.mark.parametrize("how", OVERSCAN)
@pytest.mark.parametrize("kind", KINDS)
def test_the_overscan_is_subtracted_in_float64(kind, how):
    ours, theirs = both(image(kind))
    ours = ccdlib.subtract_overscan(ours, fits_section="[13:16,:]", clip=0, **OVERSCAN[how])
    theirs = ccdproc.subtract_overscan(theirs, fits_section="[13:16,:]", **OVERSCAN[how])
    rounding = 1e-3 if kind == "float32" else 1e-11
    np.testing.assert_allclose(ours.data, theirs.data, atol=rounding)
    assert ours.data.dtype == (kind if kind[0] == "f" else "float64")


def test_clipping_is_decided_in_float64():
    """Values that float32 cannot tell apart."""
    values = 1e9 + np.array([0.0, 1.0, 2.0, 3.0, 40.0])
    frames = [CCDData(np.full((2, 2), value), unit="adu") for value in values]
    combiner = ccdlib.Combiner(frames)
    combiner.sigma_clipping(5, 5)
    assert combiner.data_arr.mask[:, 0, 0].tolist() == [False] * 4 + [True]
    np.testing.assert_array_equal(combiner.average_combine().data, 1e9 + 1.5)
    limits = ccdlib.Combiner(frames)
    limits.minmax_clipping(max_clip=1e9 + 2.5)
    np.testing.assert_array_equal(limits.average_combine().data, 1e9 + 1)


@pytest.mark.parametrize("kind", ["uint8", "int8", "uint16", "int16", "uint32", "int32"])
@pytest.mark.parametrize("method", ["add", "subtract", "multiply", "divide"])
@pytest.mark.parametrize("other", ["image", "number", "astropy's"])
def test_whole_numbers_never_wrap_round(kind, method, other):
    limits = np.iinfo(kind)
    first = np.array([[limits.min, limits.max, 7]], kind)
    second = np.array([[limits.max, max(limits.min, 1), 5]], kind)
    ours = CCDData(first, unit="adu")
    operand = {
        "image": CCDData(second, unit="adu"),
        "number": float(limits.max),
        "astropy's": TheirCCDData(second, unit="adu"),
    }[other]
    if other == "number":
        second = np.full((1, 3), float(limits.max))
        operand = operand * u.adu if method in ("add", "subtract") else operand
    true = {"add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide}
    expected = true[method](first.astype(float), second.astype(float))
    np.testing.assert_array_equal(getattr(ours, method)(operand).data, expected)
    assert ours.data.dtype == kind


@pytest.mark.parametrize("kind", ["uint8", "uint16", "int16", "int32"])
@pytest.mark.parametrize("method", ["add", "subtract", "multiply", "divide"])
@pytest.mark.parametrize("library", [CCDData, TheirCCDData])
@pytest.mark.parametrize("known", ["first", "second", "both"])
def test_uncertainties_of_whole_numbers_never_wrap_round(kind, method, library, known):
    """They are made of the squares of pixels."""
    most = np.iinfo(kind).max
    planes = np.array([[most, 100, 7]]), np.array([[100, most, 5]])
    sigmas = [3.0 if known in (name, "both") else None for name in ("first", "second")]

    def result(kind, library):
        first, second = (
            made(
                plane.astype(kind),
                unit="adu",
                uncertainty=None if sigma is None else StdDevUncertainty(np.full((1, 3), sigma)),
            )
            for made, plane, sigma in zip((CCDData, library), planes, sigmas, strict=True)
        )
        found = getattr(first, method)(second)
        assert first.data.dtype == kind
        assert first.uncertainty is None or first.uncertainty.parent_nddata is first
        return found.uncertainty.array

    np.testing.assert_allclose(result(kind, library), result("float64", CCDData), rtol=1e-14)


@pytest.mark.parametrize("exact", [False, True])
def test_a_flat_with_noise_under_whole_numbers(exact):
    image, flat, _ = inputs(ccdlib, "uint16", True)
    image.uncertainty = None
    plain = CCDData(image.data.astype(float), unit=image.unit)
    with ccdlib.conf.set_temp("as_ccdproc", exact):
        whole, floats = (ccdlib.flat_correct(each, flat) for each in (image, plain))
    np.testing.assert_allclose(whole.uncertainty.array, floats.uncertainty.array, rtol=1e-12)


def test_a_bias_above_the_image():
    raw, bias = (CCDData(np.array([[n]], np.uint16), unit="adu") for n in (10000, 60000))
    assert raw.subtract(bias).data.tolist() == [[-50000]]
    assert ccdlib.subtract_bias(raw, bias).data.tolist() == [[-50000]]


def frames(count=5):
    rng = np.random.default_rng(4)
    return [CCDData(rng.normal(100, 3, SHAPE), unit="adu") for _ in range(count)]


HANDS = {
    "in place": lambda combiner, mask: np.copyto(combiner.data_arr.mask, mask, where=mask),
    "mask": lambda combiner, mask: setattr(combiner.data_arr, "mask", mask),
    "masked": lambda combiner, mask: combiner.data_arr.__setitem__(mask, np.ma.masked),
    "or": lambda combiner, mask: setattr(combiner.data_arr, "mask", combiner.data_arr.mask | mask),
    "array": lambda combiner, mask: setattr(
        combiner, "data_arr", np.ma.masked_array(combiner.data_arr.data, mask)
    ),
    "by image": lambda combiner, mask: [
        setattr(combiner.data_arr[number], "mask", plane) for number, plane in enumerate(mask)
    ],
}


@pytest.mark.parametrize("hand", HANDS)
def test_what_is_masked_by_hand_does_not_count(hand):
    mask = np.random.default_rng(5).random((5, *SHAPE)) < 0.3
    combiner = ccdlib.Combiner(frames())
    HANDS[hand](combiner, mask)
    np.testing.assert_array_equal(combiner.data_arr.mask, mask)
    values = np.ma.masked_array([ccd.data for ccd in frames()], mask)
    found, empty = combiner.average_combine(), mask.all(axis=0)
    np.testing.assert_allclose(found.data[~empty], values.mean(axis=0)[~empty], rtol=1e-14)
    np.testing.assert_array_equal(found.mask, empty)
    combiner.clip_extrema(nlow=1, nhigh=0)
    lowest = np.where(mask, np.inf, values.data).argmin(axis=0)
    assert np.take_along_axis(combiner.data_arr.mask, lowest[None], 0).all()
    kept = np.ma.masked_array(values.data, combiner.data_arr.mask)
    median = combiner.median_combine()
    good = ~median.mask
    np.testing.assert_allclose(median.data[good], np.ma.median(kept, axis=0)[good], rtol=1e-14)


def test_values_can_be_changed_and_clipping_undone():
    combiner = ccdlib.Combiner(frames())
    combiner.data_arr[2, 3, 4] = 9000
    combiner.sigma_clipping(5, 5)
    array = combiner.data_arr
    assert array.mask[2, 3, 4]
    clipped = combiner.average_combine().data[3, 4]
    array.mask[2, 3, 4] = False
    assert combiner.average_combine().data[3, 4] == pytest.approx(array.data[:, 3, 4].mean())
    assert clipped < 110
    with pytest.raises(ValueError, match=r"data_arr has shape \(2, 2\)"):
        combiner.data_arr = np.ones((2, 2))


def test_a_mask_that_somebody_holds_shows_what_is_clipped_later():
    combiner = ccdlib.Combiner(frames())
    array = combiner.data_arr
    combiner.minmax_clipping(min_clip=100)
    np.testing.assert_array_equal(array.mask, array.data < 100)


@given(st.sampled_from(KINDS), st.sampled_from(KINDS), st.booleans())
def test_any_two_types_go_together(first, second, masked):
    mask = np.random.default_rng(6).random(SHAPE) < 0.2 if masked else None
    raw = make(CCDData, image(first), mask=mask)
    bias = make(CCDData, image(second, 90.0, 1))
    result = ccdlib.subtract_bias(raw, bias)
    expected = raw.data.astype(float) - bias.data.astype(float)
    np.testing.assert_allclose(result.data, expected, rtol=1e-6, atol=1e-4)
    assert result.data.dtype.kind == "f"


@pytest.mark.parametrize("gain", [None, GAIN])
def test_the_deviation_is_the_documented_one(gain):
    data = np.array([[200.0, 0.0, -3.0], [1e5, 12.5, -900.0]])
    noise = NOISE if gain is not None else 8 * u.adu
    for disregard in (False, True):
        ours, theirs = (
            lib.create_deviation(make(kind, data), gain, noise, disregard_nan=disregard)
            for lib, kind in ((ccdlib, CCDData), (ccdproc, TheirCCDData))
        )
        np.testing.assert_allclose(ours.uncertainty.array, theirs.uncertainty.array, rtol=1e-15)
        np.testing.assert_array_equal(ours.data, data)
        assert isinstance(ours.uncertainty, StdDevUncertainty)
