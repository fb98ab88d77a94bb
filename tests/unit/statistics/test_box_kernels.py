"""Medians of boxes: those of scipy, whatever the values."""

import numpy as np
import pytest
from scipy.ndimage import median_filter

from ccdlib.statistics.box_kernels import box_medians, median_network


@pytest.mark.parametrize("side", [3, 5, 7, 9])
@pytest.mark.parametrize("levels", [2, 5, 10**6])
def test_medians_are_those_of_scipy(side, levels):
    image = np.random.default_rng(side).integers(0, levels, (37, 301)).astype(np.float32)
    padded = np.pad(image, side // 2, mode="symmetric")
    found = np.full(image.shape, -1, np.float32)
    box_medians(padded, *median_network(side), found)
    np.testing.assert_array_equal(found, median_filter(image, side, mode="reflect"))


@pytest.mark.parametrize("side", [3, 5])
def test_the_network_finds_the_middle_of_whatever_is_sorted_by_columns(side):
    columns, steps, middle = median_network(side)
    rng = np.random.default_rng(1)
    # with values of 0 and 1 a network that is right is right for all
    values = rng.random((side * side, 20_000)) < rng.random(20_000)
    values = np.sort(values.reshape(side, side, -1), axis=0).reshape(side * side, -1)
    expected = np.sort(values, axis=0)[side * side // 2]
    for low, high in steps:
        values[[low, high]] = values[low] & values[high], values[low] | values[high]
    np.testing.assert_array_equal(values[middle], expected)
    assert len(columns) < side * side
