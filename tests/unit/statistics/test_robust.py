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


@pytest.mark.parametrize("kind", ["noise", "with wings", "whole numbers", "with a second level"])
@pytest.mark.parametrize("number", [1, 2, 3, 10, 101, 1000])
def test_a_clipped_range_is_that_of_clipping_all_values(kind, number):
    noise = RNG.normal(100, 5, number)
    values = {
        "noise": noise,
        "with wings": RNG.standard_cauchy(number),
        "whole numbers": np.rint(noise / 5),
        "with a second level": np.append(noise, RNG.uniform(500, 900, number // 3)),
    }[kind]
    left = values
    for _ in range(8):
        level = np.median(left)
        reach = 2.0 * robust.MAD_TO_SIGMA * np.median(np.abs(left - level))
        if reach > 0:
            left = left[(left >= level - reach) & (left <= level + reach)]
    assert robust.clipped_range(np.sort(values), 2.0, 8) == (left.min(), left.max())
