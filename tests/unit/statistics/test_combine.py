"""The combining engine: its arithmetic, its variances, and what they do not depend on."""

from unittest import mock

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from astropy.stats import mad_std, sigma_clip
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import special, stats
from stack_oracle import stack_slowly

from ccdlib.errors import CcdlibError
from ccdlib.frame.subtraction import subtracted
from ccdlib.statistics import combine as module
from ccdlib.statistics.clip import Clip
from ccdlib.statistics.combine import (
    clip_factors,
    combine_values,
    median_variance_ratio,
    rejections,
)

MAD = Clip("sigma", 5, 5)


def columns(*values, dtype=np.float32):
    """A stack of one pixel."""
    return np.array(values, dtype).reshape(-1, 1, 1)


def identical(a, b):
    """Whether two results agree in every bit."""
    for name in ("data", "variance", "count", "rejected", "rejection_map", "model_variance"):
        left, right = getattr(a, name), getattr(b, name)
        assert (left is None) == (right is None)
        if left is not None:
            assert left.dtype == right.dtype
            assert left.tobytes() == right.tobytes(), name


@pytest.fixture
def night():
    """Twelve frames with outliers, some pixels masked, as keyword arguments of `combine_values`."""
    rng = np.random.default_rng(7)
    shape = 12, 37, 53
    cube = rng.normal(500, 8, shape)
    cube[rng.random(shape) < 0.02] += 400
    return {
        "cube": cube.round().astype(np.uint16),
        "mask": rng.random(shape) < 0.03,
        "variance": rng.uniform(40, 90, shape).astype(np.float32),
        "weights": rng.integers(1, 4, shape).astype(np.float32),
        "scale": rng.uniform(0.9, 1.1, 12),
        "level": rng.uniform(90, 110, (12, 37)),
        "bias": rng.normal(5, 1, (37, 53)),
    }


RULES = [
    Clip(),
    MAD,
    Clip("sigma", 2, 3, spread="mad", iterations=None),
    Clip("sigma", None, 2, center="mean", spread="std"),
    Clip("sigma", 2, 2, spread="noise"),
    Clip("ccdclip", 2.5, 2.5, center="mean"),
    Clip("ccdclip", 2.5, None),
    Clip("avsigclip", 2, 2),
    Clip("avsigclip", 2, 2, center="mean", nkeep=3),
    Clip("minmax", nlow=1, nhigh=0.3),
    Clip("limits", 380, 420),
    (Clip("limits", high=700), Clip("sigma", 3, 3, spread="std"), Clip("minmax", nhigh=1)),
]


def some_factors(n, method, rules):
    """In place of `clip_factors` where they do not matter, as simulating them takes long."""
    return 1 + n / 8, 1 - n / 40


thresholds = st.one_of(st.none(), st.floats(0.25, 4), st.just(0.0))
sigma_rules = st.builds(
    Clip,
    method=st.sampled_from(["sigma", "sigma", "ccdclip", "avsigclip"]),
    low=thresholds,
    high=thresholds,
    center=st.sampled_from(["mean", "median"]),
    spread=st.sampled_from(["mad", "std", "noise"]),
    iterations=st.sampled_from([None, 1, 2, 5]),
    nkeep=st.sampled_from([0, 0, 1, 3]),
)
limit_rules = st.builds(
    Clip, method=st.sampled_from(["none", "limits"]), low=thresholds, high=thresholds
)
minmax_rules = st.builds(
    Clip,
    method=st.just("minmax"),
    nlow=st.sampled_from([0, 0.2, 1, 2]),
    nhigh=st.sampled_from([0, 0.4, 1, 3]),
)
rules = st.lists(st.one_of(sigma_rules, limit_rules, minmax_rules), max_size=2).filter(
    lambda chosen: sum(rule.method == "avsigclip" for rule in chosen) < 2
)


@st.composite
def problems(draw):
    """Small stacks with many equal values, masked and missing ones, as keyword arguments."""
    shape = draw(st.tuples(st.integers(1, 9), st.integers(1, 3), st.integers(1, 5)))
    n, ny, _ = shape
    few = st.integers(-4, 8).map(float)
    any_of = st.one_of(few, few, st.floats(-1000, 1000, width=32), st.just(np.nan), st.just(np.inf))

    def numbers(of, like=shape):
        return draw(hnp.arrays(np.float32, like, elements=of, fill=st.nothing()))

    method = draw(st.sampled_from(module.METHODS))
    plain = method == "median" or draw(st.booleans())
    return {
        "cube": numbers(draw(st.sampled_from([few, any_of]))),
        "mask": draw(hnp.arrays(bool, shape)),
        "variance": numbers(st.floats(0.125, 30, width=32)),
        "weights": np.ones(shape, np.float32) if plain else numbers(st.sampled_from([0, 1, 2.5])),
        "scale": numbers(st.sampled_from(np.float32([0.5, 1, 1, 1.1])), (n,)),
        "level": numbers(st.sampled_from(np.float32([0, 0, 1, 0.3])), (n, ny)),
        "bias": numbers(st.sampled_from(np.float32([0, 0, 2, 0.7]))),
        "step": draw(st.sampled_from([0.0, 1.0])),
        "method": method,
    }, tuple(draw(rules))


@settings(max_examples=200, deadline=None)
@given(problems())
def test_equals_the_slow_arithmetic(problem):
    given_, clip = problem
    with mock.patch.object(module, "clip_factors", some_factors):
        slow = stack_slowly(**given_, rules=clip, factors=some_factors)
        plain = (given_["weights"] == 1).all()
        asked = {**given_, "weights": None if plain else given_["weights"]}
        fast = combine_values(**asked, clip=clip)
    assert_array_equal(fast.data, slow["data"])
    assert_array_equal(fast.count, slow["count"])
    assert_array_equal(fast.rejection_map, slow["clipped"].sum(axis=0))
    assert_allclose(fast.variance, slow["variance"], rtol=2e-7)
    assert_allclose(fast.model_variance, slow["model"], rtol=2e-7)
    assert fast.rejected.sum() == slow["clipped"].sum()
    if all(rule.method != "extrema" for rule in clip):  # it may choose among equal values
        assert_array_equal(fast.rejected, slow["clipped"].sum(axis=(1, 2)))


@pytest.mark.parametrize("clip", RULES, ids=str)
@pytest.mark.parametrize("weighted", [False, True])
def test_bands_threads_and_order_do_not_change_a_bit(night, clip, weighted):
    weights = night.pop("weights")
    if weighted:
        night["weights"] = weights
    whole = combine_values(**night, clip=clip)
    with mock.patch.object(module, "BLOCK_BYTES", 1):
        identical(combine_values(**night, clip=clip, threads=3), whole)

    order = np.random.default_rng(3).permutation(12)
    shuffled = {name: each[order] for name, each in night.items() if name != "bias"}
    other = combine_values(**shuffled, bias=night["bias"], clip=clip)
    assert_array_equal(other.data.view(np.uint32), whole.data.view(np.uint32))
    assert_array_equal(other.variance.view(np.uint32), whole.variance.view(np.uint32))
    assert_array_equal(other.model_variance.view(np.uint32), whole.model_variance.view(np.uint32))
    if not isinstance(clip, tuple) and clip.method != "extrema":
        assert_array_equal(other.rejected, whole.rejected[order])

    for first, last in ((0, 1), (1, 20), (20, 37)):
        rows = slice(first, last)
        band = {name: each[..., rows, :] for name, each in night.items() if each.ndim > 1}
        part = combine_values(
            **{**band, "level": night["level"][:, rows]}, scale=night["scale"], clip=clip
        )
        assert_array_equal(part.data, whole.data[rows])
        assert_array_equal(part.variance, whole.variance[rows])


@pytest.mark.parametrize("dtype", ["<u2", ">u2", "<i2", ">i2", "<f4", ">f4", "<f8", "<i4", "u1"])
def test_types_give_the_same(dtype):
    cube = np.random.default_rng(1).integers(0, 255, (5, 6, 7))
    identical(
        combine_values(cube.astype(dtype), clip=MAD),
        combine_values(cube.astype(np.float32), clip=MAD),
    )


def test_full_range_of_16_bit_integers():
    unsigned = np.array([0, 1, 32767, 32768, 65535])
    assert_array_equal(
        combine_values(unsigned.astype(np.uint16).reshape(1, 1, 5)).data[0], unsigned
    )
    signed = unsigned - 32768
    assert_array_equal(combine_values(signed.astype(">i2").reshape(1, 1, 5)).data[0], signed)
    # as FITS stores unsigned integers: signed with BZERO = 32768
    stored = combine_values(signed.astype(">i2").reshape(1, 1, 5), level=[-32768]).data[0]
    assert_array_equal(stored, unsigned)


def test_lists_and_parts_of_larger_images(night):
    cube, mask = night["cube"], night["mask"]
    wide = np.zeros((12, 40, 60), np.uint16)
    wide[:, 2:39, 3:56] = cube
    identical(
        combine_values([frame[2:39, 3:56] for frame in wide], mask=list(mask), clip=MAD),
        combine_values(cube, mask=mask, clip=MAD),
    )


def test_inputs_are_not_changed(night):
    before = {name: each.copy() for name, each in night.items()}
    for each in night.values():
        each.flags.writeable = False
    combine_values(**night, clip=Clip("sigma", 2, 2, spread="noise"))
    for name, each in night.items():
        assert_array_equal(each, before[name])


def test_plain_combinations():
    cube = columns(1, 2, 6)
    assert combine_values(cube).data == 3
    assert combine_values(cube).variance == np.float32(7 / 3)
    assert combine_values(cube, method="median").data == 2
    assert combine_values(cube, method="sum").data == 9
    assert combine_values(cube, method="sum").variance == 21
    assert combine_values(columns(1, 2, 6, 8), method="median").data == 4
    assert combine_values(cube).count.dtype == np.uint16
    assert combine_values(cube).model_variance is None


@pytest.mark.parametrize("dtype", [np.uint16, ">i2", np.float32])
@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("with_dark", [True, False])
def test_the_engine_subtracts_as_a_frames_steps_do(dtype, with_bias, with_dark):
    """The kernel's own copy of raw - level - bias - k dark has the bits of the one formula."""
    rng = np.random.default_rng(2)
    raw = rng.integers(0, 32767, (1, 40, 70)).astype(dtype)
    level = rng.uniform(900, 1100, (1, 40)).astype(np.float32)
    bias = rng.normal(3, 5, raw.shape[1:]).astype(np.float32) if with_bias else None
    dark = rng.normal(20, 9, raw.shape[1:]).astype(np.float32) if with_dark else None
    scale = 0.7123
    expected = subtracted(
        raw[0].astype(np.float32), level=level[0, :, None], bias=bias, dark=dark, scale=scale
    )
    given_dark = None if dark is None else (dark, [scale])
    found = combine_values(raw, level=level, bias=bias, dark=given_dark).data
    assert found.tobytes() == expected.tobytes()


def test_scaling_comes_before_clipping():
    cube = columns(100, 201, 302, 403, 504, 900)
    result = combine_values(cube, level=[0, 1, 2, 3, 4, 0], scale=1 / np.arange(1, 7), clip=MAD)
    assert result.rejected.tolist() == [0, 0, 0, 0, 0, 1]
    assert result.data == 100


def test_weights_and_variances():
    cube, variance = columns(1, 2, 6), np.array([1, 4, 2])
    result = combine_values(cube, weights=[2, 1, 1], variance=variance, scale=[2, 2, 2])
    assert result.data == 5
    assert result.model_variance == 4 * (4 * 1 + 4 + 2) / 16
    shares, residuals = np.array([0.5, 0.25, 0.25]), np.array([-3, -1, 7])
    expected = (shares**2 * residuals**2 / (1 - shares)).sum()
    assert result.variance == pytest.approx(expected, rel=1e-6)


def test_weights_of_masked_values_do_not_count():
    result = combine_values(columns(1, 2, 6), weights=[1, 1, 8], mask=columns(0, 0, 1, dtype=bool))
    assert result.data == 1.5
    assert result.count == 2


@pytest.mark.parametrize("clip", RULES, ids=str)
def test_a_masked_value_is_as_none(night, clip):
    """Masked in one frame, or that frame left out: the same, whatever the masked value is."""
    night.pop("mask")
    night["cube"] = night["cube"].astype(np.float32)
    night["cube"][3, ::2] = 1e6
    night["cube"][3, 1::4] = np.nan
    mask = np.zeros(night["cube"].shape, bool)
    mask[3] = True
    left = np.arange(12) != 3
    fewer = {name: each[left] for name, each in night.items() if name != "bias"}
    with_mask = combine_values(**night, mask=mask, clip=clip, step=1.0)
    without = combine_values(**fewer, bias=night["bias"], clip=clip, step=1.0)
    assert_array_equal(with_mask.data, without.data)
    assert_array_equal(with_mask.variance, without.variance)
    assert_array_equal(with_mask.rejected[left], without.rejected)
    assert with_mask.rejected[3] == 0


def test_nothing_left():
    nothing = combine_values(columns(np.nan, 3), mask=columns(0, 1, dtype=bool), variance=[1, 1])
    assert np.isnan([nothing.data, nothing.variance, nothing.model_variance]).all()
    assert nothing.count == 0
    one = combine_values(columns(np.nan, 3), variance=[1, 2])
    assert (one.data, one.count, one.model_variance) == (3, 1, 2)
    assert np.isnan(one.variance)


@pytest.mark.parametrize("value", [0, 3])
def test_quantised_values_within_a_step_stay(value):
    """MAD = 0: all but two values are equal."""
    cube = columns(*[10] * 9, 10 + value, 11, dtype=np.uint16)
    for threshold in (0.1, 1, 3):
        kept = combine_values(cube, clip=Clip("sigma", threshold, threshold)).count
        assert kept == 11 - (value > max(1, threshold * 1.4826 * 0.5))


def test_quantised_values_far_off_go():
    cube = columns(*[10] * 9, 15, 6, dtype=np.uint16)
    assert combine_values(cube, clip=MAD).rejected.tolist() == [0] * 9 + [1, 1]
    electrons = cube * np.float32(3)
    assert combine_values(electrons, clip=MAD, step=3).rejected.sum() == 2
    assert combine_values(cube, clip=MAD, scale=[3] * 11).rejected.sum() == 2
    three_steps_off = columns(*[10] * 9, 13, dtype=np.uint16)
    assert combine_values(three_steps_off, clip=MAD, scale=[3] * 10).rejected.sum() == 0
    assert combine_values(cube, clip=MAD, step=2).rejected.sum() == 0
    assert combine_values(columns(*[10] * 9, 10.01), clip=MAD, step=0).rejected.sum() == 1


@given(
    hnp.arrays(
        np.uint16,
        st.tuples(st.integers(1, 12), st.just(1), st.integers(1, 20)),
        elements=st.integers(5, 8),
    ),
    st.floats(0, 6),
    st.sampled_from([1, 5, None]),
)
@settings(max_examples=100, deadline=None)
def test_nothing_within_a_step_of_the_only_median_goes(cube, threshold, iterations):
    with mock.patch.object(module, "clip_factors", some_factors):
        clip = Clip("sigma", threshold, threshold, iterations=1)
        clipped = rejections(cube, clip=clip)
    middle = np.median(cube, axis=0)
    mad = np.median(np.abs(cube - middle), axis=0)
    assert not (clipped & (np.abs(cube - middle) <= 1) & (mad == 0)).any()


def test_minmax():
    cube = columns(*range(10))
    assert combine_values(cube, clip=Clip("minmax", nlow=2, nhigh=1)).data == 5
    # fractions of what is there, rounded down
    clip = Clip("minmax", nlow=0.2, nhigh=0.3)
    assert combine_values(cube, clip=clip).data == 4
    masked = np.arange(10).reshape(-1, 1, 1) > 5
    assert combine_values(cube, mask=masked, clip=clip).data == 2.5
    everything = Clip("minmax", nlow=6, nhigh=6)
    assert combine_values(cube, clip=everything).count == 0
    equal = combine_values(columns(1, 1, 1, 1), clip=Clip("minmax", nlow=1, nhigh=1))
    assert (equal.count, equal.rejected.sum(), equal.rejection_map) == (2, 2, 2)


def test_a_rule_comes_from_the_config_and_goes_into_the_header():
    settings = {"low": 4.5, "high": 5, "center": "median", "spread": "noise", "iterations": 3}
    settings |= {"nlow": 1, "nhigh": 2}
    sigma = Clip.from_settings(settings | {"clip": "sigma"}, 5)
    assert sigma == Clip("sigma", 4.5, 5, "median", "noise", 3)
    assert dict(sigma.cards()) == {
        **{"CLIPMETH": "sigma", "CLIPLOW": 4.5, "CLIPHIGH": 5, "CLIPCEN": "median"},
        **{"CLIPSPR": "noise", "CLIPITER": 3},
    }
    minmax = Clip.from_settings(settings | {"clip": "minmax"}, 5)
    assert minmax == Clip("minmax", nlow=1, nhigh=2)
    assert dict(minmax.cards()) == {"CLIPMETH": "minmax", "CLIPNLOW": 1, "CLIPNHI": 2}
    assert Clip.from_settings(settings | {"clip": "none"}, 5) == Clip()
    # nothing is rejected where no value would be left, or none can be told from the other
    assert Clip.from_settings(settings | {"clip": "minmax", "nlow": 2, "nhigh": 3}, 5) == Clip()
    assert Clip.from_settings(settings | {"clip": "sigma"}, 2) == Clip()
    assert dict(Clip().cards()) == {"CLIPMETH": "none"}


def test_extrema_is_the_old_name_of_minmax():
    assert Clip("extrema", nlow=1, nhigh=2) == Clip("minmax", nlow=1, nhigh=2)


def test_limits():
    assert combine_values(columns(1, 2, 3, 4), clip=Clip("limits", low=2, high=3)).data == 2.5
    assert combine_values(columns(1, 2, 3, 4), clip=Clip("limits", high=3)).data == 2


def test_nkeep_gives_back_the_nearest():
    cube = columns(0, 8, 10, 11, 12, 13, 30)
    narrow = Clip("sigma", 0.1, 0.1, iterations=1)
    assert combine_values(cube, clip=narrow).data == 11
    assert combine_values(cube, clip=Clip("sigma", 0.1, 0.1, iterations=1, nkeep=2)).data == 11
    assert (
        combine_values(cube, clip=Clip("sigma", 0.1, 0.1, iterations=1, nkeep=2)).count == 3
    )  # 10 and 12
    assert (
        combine_values(cube, clip=Clip("sigma", 0.1, 0.1, iterations=1, nkeep=4)).count == 4
    )  # 13 too
    assert combine_values(cube, clip=Clip("sigma", 0.1, 0.1, iterations=1, nkeep=9)).count == 7


def test_own_noise_finds_what_hides_behind_a_noisy_frame():
    cube, variance = columns(0, 1, 2, 30, 50), [1, 1, 1, 1, 1e4]
    result = combine_values(cube, variance=variance, clip=Clip("sigma", 5, 5, spread="noise"))
    assert result.rejected.tolist() == [0, 0, 0, 1, 0]


def test_ccdclip_does_not_trust_an_outliers_own_noise():
    cube, variance = columns(0, 1, 2, 1, 30), [1, 1, 1, 1, 100]
    own = combine_values(cube, variance=variance, clip=Clip("sigma", 5, 5, spread="noise"))
    central = combine_values(cube, variance=variance, clip=Clip("ccdclip", 5, 5))
    assert (own.rejected.sum(), central.rejected.sum()) == (0, 1)


def test_avsigclip_uses_the_scatter_of_its_own_row():
    rng = np.random.default_rng(0)
    cube = 100 + rng.normal(0, 1, (6, 2, 4000)) * np.array([[1], [10]])
    cube[0, :, 0] = 120
    clipped = rejections(cube, clip=Clip("avsigclip", 5, 5))
    assert clipped[0, 0, 0] and not clipped[0, 1, 0]
    level = np.median(cube.astype(np.float32), axis=0)
    scatter = np.sqrt(((cube - level) ** 2 / level).sum(axis=(0, 2)) / (6 * 4000 - 1))
    limit = 5 * scatter[:, None] * np.sqrt(level)
    assert_array_equal(
        rejections(cube, clip=Clip("avsigclip", 5, 5, iterations=1)), np.abs(cube - level) > limit
    )


def test_avsigclip_of_few_values():
    """Two columns of -1, 0 and 1: the scatter of the row is sqrt(4 / 5)."""
    cube = np.array([-1, 0, 1]).reshape(3, 1, 1).repeat(2, axis=2)
    assert rejections(cube, clip=Clip("avsigclip", 1.11, 1.11, iterations=1)).sum() == 4
    assert rejections(cube, clip=Clip("avsigclip", 1.12, 1.12, iterations=1)).sum() == 0
    assert rejections(cube[:2], clip=Clip("avsigclip", 0.1, 0.1)).sum() == 0


def test_rules_follow_each_other():
    cube = columns(1, 2, 3, 4, 1000, 1100)
    only = Clip("minmax", nhigh=1)
    assert combine_values(cube, clip=[Clip("limits", high=500), only]).data == 2
    assert combine_values(cube, clip=[only, Clip("limits", high=500)]).data == 2.5


def test_rejections_are_those_of_the_stack(night):
    weights = night.pop("weights")
    assert weights.shape == night["cube"].shape
    for clip in RULES:
        clipped = rejections(**night, clip=clip)
        result = combine_values(**night, clip=clip)
        assert_array_equal(clipped.sum(axis=(1, 2)), result.rejected)
        assert_array_equal(clipped.sum(axis=0), result.rejection_map)
        assert not (clipped & night["mask"]).any()


@pytest.mark.parametrize("center", ["mean", "median"])
@pytest.mark.parametrize("spread", ["std", "mad"])
def test_one_iteration_clips_what_astropy_clips(center, spread):
    cube = np.random.default_rng(5).normal(100, 5, (9, 40, 50)).astype(np.float32)
    theirs = sigma_clip(
        cube,
        sigma_lower=1.5,
        sigma_upper=2,
        cenfunc=center,
        maxiters=1,
        axis=0,
        stdfunc={"std": "std", "mad": mad_std}[spread],
    ).mask
    ours = rejections(cube, clip=Clip("sigma", 1.5, 2, center, spread, iterations=1), step=0)
    assert_array_equal(ours, theirs)


@pytest.mark.parametrize("method", ["mean", "median", "sum"])
def test_values_are_ccdprocs(method):
    ccdproc = pytest.importorskip("ccdproc")
    from astropy.nddata import CCDData

    rng = np.random.default_rng(5)
    cube = rng.normal(100, 5, (10, 20, 30))
    cube[rng.random(cube.shape) < 0.03] += 200
    mask = rng.random(cube.shape) < 0.05
    combiner = ccdproc.Combiner(
        [CCDData(x, mask=m, unit="adu") for x, m in zip(cube, mask, strict=True)]
    )
    combiner.scaling = rng.uniform(0.5, 2, 10)
    # ccdproc clips unscaled data, so that only an absolute rule can be compared with scaling
    combiner.minmax_clipping(max_clip=200)
    combine = {"mean": "average", "median": "median", "sum": "sum"}[method]
    theirs = getattr(combiner, f"{combine}_combine")()
    clip = rejections(cube, mask=mask, clip=Clip("limits", high=200))
    ours = combine_values(cube, mask=mask | clip, scale=combiner.scaling.ravel(), method=method)
    assert_allclose(ours.data, theirs.data, rtol=3e-7)


def ratio_of_variances(quoted, error):
    """Mean quoted variance over the true one, and the standard deviation of that."""
    quoted, squares = quoted.astype(np.float64).ravel(), error.astype(np.float64).ravel() ** 2
    ratio = quoted.mean() / squares.mean()
    parts = [np.std(each) / np.mean(each) for each in (quoted, squares)]
    return ratio, ratio * np.hypot(*parts) / np.sqrt(quoted.size)


def simulated(n, sigma=1.0, size=200_000, seed=11):
    """Frames of 1000 with normal noise, one row."""
    rng = np.random.default_rng([seed, n])
    noise = rng.standard_normal((n, 1, size)) * np.reshape(sigma, (-1, 1, 1))
    return (1000 + noise).astype(np.float32)


CLIPS = {
    "none": Clip(),
    "mad 5": MAD,
    "mad 3": Clip("sigma", 3, 3),
    "std 3": Clip("sigma", 3, 3, spread="std"),
    "std 2": Clip("sigma", 2, 2, spread="std"),
    "noise 3": Clip("sigma", 3, 3, spread="noise"),
    "ccdclip 3": Clip("ccdclip", 3, 3),
    "avsigclip 3": Clip("avsigclip", 3, 3),
    "upper 3": Clip("sigma", None, 3),
    "minmax": Clip("minmax", nlow=1, nhigh=1),
}


# standard deviation of `clip_factors` over seeds, the largest that was measured for n <= 20
FACTOR_ERROR = 0.009


def assert_true_variances(quoted, error, own_error=0.0):
    ratio, noise = ratio_of_variances(quoted, error)
    assert ratio == pytest.approx(1, abs=4 * np.hypot(noise, own_error))


@pytest.mark.parametrize("n", [2, 3, 5, 10, 20])
@pytest.mark.parametrize("method", ["mean", "median"])
@pytest.mark.parametrize("clip", CLIPS)
def test_variances_are_true(n, method, clip):
    rule = CLIPS[clip]
    result = combine_values(simulated(n), variance=np.ones(n), method=method, clip=rule, step=0)
    own_error = 0 if rule.method == "none" else FACTOR_ERROR
    use = result.count >= 2
    if use.any():
        assert_true_variances(result.variance[use], result.data[use] - 1000, own_error)
    assert_true_pulls(result, own_error)


def assert_true_pulls(result, own_error):
    """The mean square of (value - 1000) over the model's sigma is 1."""
    use = result.count >= 1
    pulls = (result.data[use].astype(np.float64) - 1000) ** 2 / result.model_variance[use]
    if pulls.size:
        assert abs(pulls.mean() - 1) < 4 * np.hypot(pulls.std() / np.sqrt(pulls.size), own_error)


@pytest.mark.slow
@pytest.mark.parametrize("n", [50, 100, 300])
@pytest.mark.parametrize("clip", CLIPS)
def test_variances_of_many_are_true(n, clip):
    rule = CLIPS[clip]
    cube = simulated(n, size=30_000)
    result = combine_values(cube, variance=np.ones(n), clip=rule, step=0)
    for variance in (result.variance, result.model_variance):
        assert_true_variances(variance, result.data - 1000, 2 * FACTOR_ERROR)


@pytest.mark.parametrize("n", [3, 5, 10])
def test_variances_with_masked_values_are_true(n):
    mask = np.random.default_rng(2).random((n, 1, 200_000)) < 0.2
    result = combine_values(simulated(n), mask=mask, variance=np.ones(n), clip=MAD, step=0)
    for variance, enough in ((result.variance, 2), (result.model_variance, 1)):
        use = result.count >= enough
        assert_true_variances(variance[use], result.data[use] - 1000, FACTOR_ERROR)


@pytest.mark.parametrize("n", [2, 3, 5, 10, 20])
def test_variances_of_unequal_frames_are_true(n):
    sigma = np.linspace(1, 3, n)
    cube, variance = simulated(n, sigma), sigma**2
    for weights in (None, 1 / variance):
        result = combine_values(cube, variance=variance, weights=weights)
        assert_true_variances(result.variance, result.data - 1000)
        assert_true_variances(result.model_variance, result.data - 1000)
    total = combine_values(cube, variance=variance, weights=1 / variance, method="sum")
    truth = 1000 * np.float64(1 / variance).sum()
    assert_true_variances(total.model_variance, total.data - truth)


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6, 10, 20])
@pytest.mark.parametrize("largest", [1.5, 2, 3])
def test_the_medians_model_variance_is_true_for_unequal_frames(n, largest):
    """Exact for two and three; for more, as true as `combine_values` promises."""
    allowed = 0.0 if n < 4 else {4: 0.04, 5: 0.03}.get(n, 0.02) if largest == 3 else 0.01
    for sigma in (
        np.where(np.arange(n) % 2, largest, 1),
        np.linspace(1, largest, n),
        np.where(np.arange(n) == 0, 1 / largest, 1),
        np.where(np.arange(n) == 0, largest, 1),
    ):
        result = combine_values(simulated(n, sigma), variance=sigma**2, method="median")
        pull = (result.data - 1000) / np.sqrt(result.model_variance)
        assert abs(pull.std() - 1) < allowed + 4 * (2 * pull.size) ** -0.5


@pytest.mark.parametrize("sure", [1, 2, 3])
def test_a_median_with_values_that_are_certain(sure):
    """Of three: with two certain ones it is certain, with one it lies between it and the others."""
    variance = np.where(np.arange(3) < sure, 0, 4.0)[:, None, None].astype(np.float32)
    found = combine_values(np.zeros((3, 1, 1), np.float32), variance=variance, method="median")
    # half the time the others lie on one side: E(min(|x|, |y|)^2) / 2 = (1/2 - 1/pi) v
    expected = (0.5 - 1 / np.pi) * 4 if sure == 1 else 0
    assert float(found.model_variance[0, 0]) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("n", [3, 10])
def test_scaled_frames_have_true_variances(n):
    scale = np.linspace(0.5, 2, n)
    cube = simulated(n, 1 / scale) - 1000
    result = combine_values(cube, scale=scale, variance=1 / scale**2)
    assert_true_variances(result.variance, result.data)
    assert_true_variances(result.model_variance, result.data)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 9, 10, 30])
def test_median_variance_ratio_is_the_integral(n):
    """Over the density of the middle value, or the joint density of the two central ones."""
    x, weight = np.polynomial.legendre.leggauss(400)
    x, weight = 9 * x, 9 * weight
    k = n // 2
    if n % 2:
        density = stats.beta.pdf(stats.norm.cdf(x), k + 1, k + 1) * stats.norm.pdf(x)
        exact = n * (weight * x**2 * density).sum()
    else:
        # the two at x - gap and x + gap, with k - 1 values beyond each
        gap = (x[:, None] + 9) / 2
        number = np.exp(special.gammaln(n + 1) - 2 * special.gammaln(k))
        beyond = (stats.norm.cdf(x - gap) * stats.norm.sf(x + gap)) ** (k - 1)
        density = 2 * number * beyond * stats.norm.pdf(x - gap) * stats.norm.pdf(x + gap)
        exact = n * (weight[:, None] / 2 * weight * x**2 * density).sum()
    assert median_variance_ratio(n) == pytest.approx(exact, abs=1e-6)


def test_median_variance_ratio_goes_on_smoothly():
    """Known ratios of sigma; beyond the table the formula continues it, and ends at pi / 2."""
    assert [round(median_variance_ratio(n) ** 0.5, 3) for n in (3, 5, 9)] == [1.16, 1.198, 1.223]
    for n, exact in ((31, 1.548933), (32, 1.504790), (100, 1.548794), (201, 1.567439)):
        assert median_variance_ratio(n) == pytest.approx(exact, abs=1e-5)
    assert median_variance_ratio(10**6) == pytest.approx(np.pi / 2, abs=1e-5)


def test_factors_of_a_known_limit():
    """Clipping n = 300 values at k = 3 known sigma about their median, in the limit of large n.

    The mean of what is kept, T = T0 + c M: T0 with limits about the truth, M the median's error and
    c = 2 k phi(k) / Z what a shift of the limits does. The factors are var(T) over var(T0) and over
    1 / (n Z).
    """
    k = 3
    phi, inside = stats.norm.pdf([0, k]), 1 - 2 * stats.norm.sf(k)
    truncated = 1 - 2 * k * phi[1] / inside
    shift = 2 * k * phi[1] / inside
    covariance = (1 - phi[1] / phi[0]) / inside
    true = truncated / inside + 2 * shift * covariance + shift**2 * np.pi / 2
    scatter, model = clip_factors(300, "mean", (Clip("ccdclip", 3, 3),))
    assert scatter == pytest.approx(true * inside / truncated, rel=0.01)
    assert model == pytest.approx(true * inside, rel=0.01)


def test_factors_without_clipping():
    for rules in ((), (Clip(),), (Clip("limits", 1, 2),)):
        assert clip_factors(10, "mean", rules) == (1, 1)
    assert clip_factors(1, "mean", (MAD,)) == (1, 1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"method": "mode"}, "method is 'mode', not one of mean, median, sum"),
        ({"cube": []}, "1 to 65535 frames, not 0"),
        ({"cube": np.ones((3, 4))}, r"two axes, not the shape \(4,\)"),
        ({"cube": [np.ones((2, 2)), np.ones((2, 3))]}, r"frame 1 has the shape \(2, 3\).*\(2, 2\)"),
        ({"mask": np.zeros((2, 4, 5), bool)}, "mask: there are 2 for 3 frames"),
        ({"mask": np.zeros((3, 5, 4), bool)}, r"mask 0 has the shape \(5, 4\)"),
        ({"variance": [1, 2]}, r"variance must be finite numbers of the shape \(3,\)"),
        ({"variance": np.ones((3, 1, 1))}, r"variance 0 has the shape \(1, 1\)"),
        ({"weights": [1, 2, -1]}, "a weight is negative"),
        ({"weights": np.full((3, 4, 5), np.nan)}, "a weight is negative or not a number"),
        ({"weights": [1, 2, 3], "method": "median"}, "a median takes no weights"),
        ({"scale": [1, 2]}, r"scale must be finite numbers of the shape \(3,\), not \[1, 2\]"),
        ({"scale": [1, 2, np.nan]}, "scale must be finite"),
        ({"level": np.ones((3, 5))}, r"level must be finite numbers of the shape \(3, 4\)"),
        ({"bias": np.ones((5, 4))}, "bias: there are 5 for 3 frames"),
        ({"clip": Clip("ccdclip", 3, 3)}, "'ccdclip' with the noise .* needs their variances"),
        ({"clip": Clip("sigma", 3, 3, spread="noise")}, "needs their variances"),
        ({"clip": [Clip("avsigclip", 3, 3)] * 2}, "avsigclip comes more than once"),
    ],
)
def test_errors(wrong, message):
    with pytest.raises(CcdlibError, match=message):
        combine_values(**{"cube": np.ones((3, 4, 5)), **wrong})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"method": "crreject"}, "clip method is 'crreject', not one of none, sigma"),
        ({"center": "mode"}, "clip center is 'mode'"),
        ({"spread": "iqr"}, "clip spread is 'iqr'"),
        ({"low": -3}, "thresholds are negative: low=-3, high=None"),
        ({"iterations": 0}, "iterations is 0, not at least 1"),
        ({"nlow": 1.5}, "nlow is 1.5, neither a count nor a fraction"),
        ({"nhigh": -1}, "nhigh is -1"),
        ({"nkeep": 0.5}, "nkeep is 0.5, not a count"),
        ({"method": "minmax", "nkeep": 1}, "minmax takes no nkeep, which is 1"),
        ({"method": "limits", "nkeep": 1}, "limits takes no nkeep, which is 1"),
        (
            {"method": "minmax", "low": 2},
            "takes nlow and nhigh.* low=2, high=None are for .*'limits'",
        ),
        ({"method": "extrema", "high": 9}, "low=None, high=9 are for method 'limits'"),
    ],
)
def test_impossible_rules(wrong, message):
    with pytest.raises(CcdlibError, match=message):
        Clip(**{"method": "sigma", **wrong})


def test_median_variance_ratio_of_nothing():
    with pytest.raises(CcdlibError, match="the median of 0 values"):
        median_variance_ratio(0)
