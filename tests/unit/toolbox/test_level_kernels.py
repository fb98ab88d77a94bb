"""The compiled level of an overscan is that of `overscan_level`."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccdlib.errors import CcdlibError
from ccdlib.frame.overscan import _robust_sigma, overscan_level
from ccdlib.toolbox.level_kernels import _median_difference
from ccdlib.toolbox.overscan_and_trim import _mean_level

HITS = st.sampled_from([1e5, -3e4, 4e9, np.nan, np.inf, -np.inf])


@st.composite
def strips(draw):
    """Noise, some of it in whole adu or constant, with hits and pixels without a value."""
    rows, columns = draw(st.integers(1, 300)), draw(st.integers(1, 45))
    rng = np.random.default_rng(draw(st.integers(0, 9)))
    strip = rng.normal(1000, draw(st.sampled_from([0.0, 1e-3, 3.0, 500.0])), (rows, columns))
    if draw(st.booleans()):
        strip = np.rint(strip)
    for hit in draw(st.lists(HITS, max_size=8)):
        strip[rng.integers(rows), rng.integers(columns)] = hit
    if draw(st.booleans()):
        strip[rng.integers(rows)] += 300.0
    return strip.astype(draw(st.sampled_from(["float32", "float64"])))


@given(strips(), st.sampled_from([0, 1.5, 4.0]))
def test_the_compiled_level_is_the_level(strip, clip):
    found = _mean_level(strip, clip)
    try:
        expected = overscan_level(strip, "mean", clip=clip, noise=False)
    except CcdlibError:
        # a row without a value: it is left to the other, which names it
        assert found is None
        return
    if found is None:
        finite = np.where(np.isfinite(strip), strip, np.nan).astype(float)
        off = np.abs(finite - np.nanmedian(finite, axis=1, keepdims=True))
        # a row with no pixel near its median
        assert clip and (np.nanmin(off, axis=1) > clip * _robust_sigma(finite)).any()
        return
    assert found.rejected == expected.rejected
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-13)
    np.testing.assert_allclose(found.variance, expected.variance, rtol=1e-9)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (90, 40), (200, 41), (4096, 2)])
@pytest.mark.parametrize("scale", [0.0, 1.0, 1e-9, 1e9])
def test_the_median_of_differences_is_exact(shape, kind, scale):
    rng = np.random.default_rng(shape[0])
    strip = (scale * rng.normal(0, 1, shape)).astype(kind)
    # most boxes are empty, and the sample may lie where it will
    strip[rng.random(shape) < 0.02] = 6e4
    differences = np.abs(np.diff(strip.astype(float), axis=1))
    expected = np.median(differences) if differences.size else np.nan
    np.testing.assert_array_equal(_median_difference(strip), expected)


def test_rows_that_are_mostly_hits_are_left_to_the_closer_look():
    strip = np.random.default_rng(2).normal(1000, 3, (50, 4))
    strip[7] = 900, 900, 1100, 1100
    assert _mean_level(strip, 4.0) is None
    assert overscan_level(strip, "mean", noise=False).rejected == 3
