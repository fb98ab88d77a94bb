"""Binning told by size: a card that lies in one frame does not change the others."""

import pytest
from making import row, rows

from ccdlib.index.binning_by_size import true_binning


def _binnings(*lights):
    """Binning of four biases that say 1x1, beside lights of their size that say these."""
    found = [row(f"l{n}.fits", "light", 60.0, binning=each) for n, each in enumerate(lights)]
    told = true_binning([*rows("bias", 4), *found], {})
    assert [each["binning"] for each in told[4:]] == list(lights)
    return {each["binning"] for each in told[:4]}


@pytest.mark.parametrize(
    ("lights", "expected"),
    [
        (["2x2", "2x2", "2x2"], "2x2"),
        (["2x2", "2x2", "1x1"], "2x2"),
        (["2x2", "2x2", "3x3"], "2x2"),
        (["1x1", "1x1", "2x2"], "1x1"),
        (["1x1", "2x2"], "1x1"),
        (["3x3", "2x2"], "1x1"),
        ([], "1x1"),
    ],
)
def test_biases_of_one_size_follow_what_most_lights_say(lights, expected):
    assert _binnings(*lights) == {expected}
