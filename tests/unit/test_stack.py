"""The combining engine: its arithmetic, its variances, and what they do not depend on."""

from unittest import mock

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from stack_oracle import stack_slowly

from ccdlib import stack as module
from ccdlib.stack import Clip, stack

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
    """Twelve frames with outliers, some pixels masked, as keyword arguments of `stack`."""
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
        "zero": rng.uniform(90, 110, (12, 37)),
        "pedestal": rng.normal(5, 1, (37, 53)),
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
    Clip("extrema", nlow=1, nhigh=0.3),
    Clip("minmax", 380, 420),
    (Clip("minmax", high=700), Clip("sigma", 3, 3, spread="std"), Clip("extrema", nhigh=1)),
]

# ------------------------------------------------------------------ oracle


def some_factors(n, method, rules):
    return 1 + n / 8, 1 - n / 40


thresholds = st.one_of(st.none(), st.floats(0.25, 4))
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
other_rules = st.builds(
    Clip,
    method=st.sampled_from(["none", "minmax", "extrema"]),
    low=thresholds,
    high=thresholds,
    nlow=st.sampled_from([0, 0.2, 1, 2]),
    nhigh=st.sampled_from([0, 0.4, 1, 3]),
)
rules = st.lists(st.one_of(sigma_rules, other_rules), max_size=2).filter(
    lambda chosen: sum(rule.method == "avsigclip" for rule in chosen) < 2
)


@st.composite
def problems(draw):
    """Small stacks with many equal values, masked and missing ones, as arguments of `stack`."""
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
        "zero": numbers(st.sampled_from(np.float32([0, 0, 1, 0.3])), (n, ny)),
        "pedestal": numbers(st.sampled_from(np.float32([0, 0, 2, 0.7]))),
        "step": draw(st.sampled_from([0.0, 1.0])),
        "method": method,
    }, tuple(draw(rules))


@settings(max_examples=400, deadline=None)
@given(problems())
def test_equals_the_slow_arithmetic(problem):
    given_, clip = problem
    with mock.patch.object(module, "clip_factors", some_factors):
        slow = stack_slowly(**given_, rules=clip, factors=some_factors)
        plain = (given_["weights"] == 1).all()
        asked = {**given_, "weights": None if plain else given_["weights"]}
        fast = stack(**asked, clip=clip)
    assert_array_equal(fast.data, slow["data"])
    assert_array_equal(fast.count, slow["count"])
    assert_array_equal(fast.rejection_map, slow["clipped"].sum(axis=0))
    assert_allclose(fast.variance, slow["variance"], rtol=2e-7)
    assert_allclose(fast.model_variance, slow["model"], rtol=2e-7)
    assert fast.rejected.sum() == slow["clipped"].sum()
    if all(rule.method != "extrema" for rule in clip):  # it may choose among equal values
        assert_array_equal(fast.rejected, slow["clipped"].sum(axis=(1, 2)))
