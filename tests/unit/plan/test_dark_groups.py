"""Which darks are stacked together, and that one more never renames what is there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from making import config, row

from ccdlib.plan.dark_groups import dark_groups
from ccdlib.plan.frames import frames_of

MATCH = config()["match"]


def groups(times=None, temperatures=None, **match):
    count = len(times or temperatures)
    given_ = zip(times or [60.0] * count, temperatures or [None] * count, strict=True)
    index = [
        row(f"d{n:03d}.fits", "dark", time, temperature=cold)
        for n, (time, cold) in enumerate(given_)
    ]
    found = dark_groups(frames_of(index, {}), MATCH | match)
    place = 0 if times else 1
    return [found[each["file"]][place] for each in index]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([100.4999, 100.5001, 100.5], [100.0] * 3),
        ([30.04, 30.06], [30.0] * 2),
        ([60, 61], [60, 61]),
        ([0.125, 1, 10, 1800.5], [0.125, 1, 10, 1800]),
        ([5, None, 5.001], [5, None, 5]),
        # a series in which neighbours are near and the ends are not
        ([100 + 0.8 * n for n in range(4)], [100, 101, 102, 102]),
    ],
)
def test_exposures(times, expected):
    assert groups(times) == expected


def test_a_smaller_tolerance_tells_more_exposures_apart():
    assert groups([100.2, 100.4], exposure=0.001) == [100.2, 100.4]
    assert groups([100.2, 100.2004], exposure=0.0) == [100.2, 100.2004]


@pytest.mark.parametrize(
    ("temperatures", "expected"),
    [
        # to both sides of where a grid of whole cells would cut
        ([-18.745, -18.755], [-18.5] * 2),
        ([-20, -19.9, -20.1, -20.05], [-20] * 4),
        ([-20, -18.9], [-20, -19]),
        ([None, -10.0], [None, -10]),
        # four degrees in steps of 0.4: no setting, but a drift
        ([-22 + 0.4 * n for n in range(11)], [-22] * 2 + [-21] * 7 + [-18.5] * 2),
    ],
)
def test_temperatures(temperatures, expected):
    assert groups(temperatures=temperatures) == expected


@given(st.floats(-60, 30), st.lists(st.floats(-0.1, 0.1), min_size=1, max_size=8))
def test_a_setting_that_wavers_is_one_group_and_keeps_its_name(setting, wobble):
    values = [setting + each for each in wobble]
    name = groups(temperatures=values[:1])
    assert groups(temperatures=values) == name * len(values)


@given(st.floats(0.1, 3600), st.lists(st.floats(-0.002, 0.002), min_size=1, max_size=8))
def test_a_shutter_that_wavers_is_one_group_and_keeps_its_name(time, wobble):
    values = [time * (1 + each) for each in wobble]
    assert groups(values) == groups(values[:1]) * len(values)
