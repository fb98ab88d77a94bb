"""Amplifiers side by side, told from what is one: by a step of the level, not by rounding."""

import numpy as np
import pytest

from ccdlib.commands.find_overscan import column_medians, levels_of

ROWS, DATA, OVERSCAN = 128, 256, 32


def profiles(rng, level, step, frames=5, noise=3.7):
    """Column medians of biases of two amplifiers, whose overscans lie behind the data."""
    columns = np.arange(DATA + OVERSCAN)
    right = np.where(columns < DATA, columns >= DATA // 2, columns >= DATA + OVERSCAN // 2)
    for _ in range(frames):
        image = level + step * right + rng.normal(0, noise, (ROWS, DATA + OVERSCAN))
        yield column_medians(np.rint(image).astype(np.uint16))


@pytest.mark.parametrize("level", [1000.0, 1000.25, 1000.5])
@pytest.mark.parametrize("noise", [0.3, 1.0, 3.7])
def test_medians_of_whole_numbers_are_no_step(level, noise):
    rng = np.random.default_rng(7)
    for _ in range(40):
        found = levels_of(
            list(profiles(rng, level, 0.0, noise=noise)), DATA + 1, DATA + OVERSCAN, 2
        )
        assert found is None


@pytest.mark.parametrize("step", [5.0, -5.0, 40.0])
def test_a_step_in_overscan_and_data_is_one_of_two_amplifiers(step):
    found = levels_of(
        list(profiles(np.random.default_rng(7), 1000.0, step)), DATA + 1, DATA + OVERSCAN, 2
    )
    np.testing.assert_allclose(np.diff(found, axis=1), step, atol=1)
