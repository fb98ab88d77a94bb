"""The median of many values is numpy's, to the last bit."""

import numpy as np
import pytest

from ccdlib.statistics import robust

RNG = np.random.default_rng(5)
MANY = 2 * robust._MANY
NOISE = RNG.normal(100, 5, (MANY // 100, 100))
NIGHTS = {
    "noise": NOISE,
    "whole adu": np.rint(NOISE),
    "an odd number": NOISE.ravel()[:-1],
    "in order": np.sort(NOISE, axis=None),
    "every other row brighter": np.where(np.arange(MANY) % 2, 0, NOISE.ravel()),
    "constant": np.full(MANY, 7.3),
    "NaN": np.where(NOISE > 118, np.nan, NOISE),
    "infinite": np.where(NOISE > 102, np.inf, NOISE),
    "few": NOISE[:3],
}


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("values", NIGHTS.values(), ids=NIGHTS)
def test_the_median_has_the_bits_of_numpys(values, kind):
    own = values.astype(kind)
    before = own.copy()
    found, wanted = robust.median(own), np.median(own)
    assert found.dtype == wanted.dtype
    assert found.tobytes() == wanted.tobytes()
    np.testing.assert_array_equal(own, before)


def test_a_sample_that_misses_the_median_costs_no_bit():
    """What the sample sees of it is all far from the others."""
    values = RNG.normal(0, 1, MANY)
    values[:: MANY // robust._SAMPLE] += 1000
    assert robust.median(values) == np.median(values)


def test_whole_numbers_have_numpys_median():
    values = RNG.integers(0, 60_000, MANY).astype(np.uint16)
    assert robust.median(values) == np.median(values)
