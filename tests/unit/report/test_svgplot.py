"""Graphs are well-formed SVG whose marks are where the numbers are."""

from datetime import datetime
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccdlib.report import svgplot

_SVG = "{http://www.w3.org/2000/svg}"


def _parsed(html):
    return ElementTree.fromstring(f"<div>{html}</div>")


@settings(deadline=None)
@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_are_round_few_and_inside(low, width):
    found = svgplot.ticks(low, low + width)
    assert 2 <= len(found) <= 12
    assert found[0] >= low - width * 1e-6
    assert found[-1] <= low + width * (1 + 1e-6)


def test_every_point_is_drawn_with_its_label_and_outliers_are_ringed():
    series = [
        {
            "name": "bias",
            "x": [1, 2, 3],
            "y": [5, 6, float("nan")],
            "labels": ["<a>", "b", "c"],
            "marked": [False, True, False],
        }
    ]
    root = _parsed(svgplot.points(series, "number", "level [adu]", lines=[(5.5, "declared")]))
    titles = [each.text for each in root.iter("title")]
    assert titles[1:] == ["<a>: 5", "b: 6"]
    assert len([each for each in root.iter("circle") if each.get("class") == "ring"]) == 1
    assert "level [adu]" in [each.text for each in root.iter("text")]


def test_time_is_labelled_by_the_clock():
    start = datetime(2024, 5, 13, 22, 0)
    series = [{"name": "a", "x": [start, start.replace(hour=23)], "y": [1, 2], "labels": "ab"}]
    root = _parsed(svgplot.points(series, "UT", "level [adu]", time=True))
    assert {"22:00", "23:00"} <= {each.text for each in root.iter("text")}


@pytest.mark.parametrize("days", [1, 2, 5])
def test_few_days_are_labelled_by_their_dates(days):
    x = [datetime(2024, 5, 13 + day) for day in range(days)]
    series = [{"name": "a", "x": x, "y": list(range(days)), "labels": "a" * days}]
    root = _parsed(svgplot.points(series, "night", "level [adu]", time=True, dates=True))
    labels = [each.text for each in root.iter("text")]
    assert {f"{each:%Y-%m-%d}" for each in x} <= set(labels)
    assert not any(":" in (label or "") for label in labels)


def test_one_moment_has_the_minutes_around_it():
    series = [{"name": "a", "x": [datetime(2024, 5, 13, 22, 0)], "y": [1], "labels": "a"}]
    root = _parsed(svgplot.points(series, "UT", "level [adu]", time=True))
    clock = [each.text for each in root.iter("text") if ":" in (each.text or "")]
    assert "22:00" in clock
    assert len(clock) <= 7


@pytest.mark.parametrize("log", [False, True])
def test_bars_are_as_high_as_their_counts(log):
    root = _parsed(svgplot.bars([0, 1, 2], [10, 100], "x", "pixels", log=log))
    path = next(each.get("d") for each in root.iter("path") if each.get("class") == "fill")
    heights = [float(part.split(" ")[1].split("H")[0]) for part in path.split("L")[1:]]
    assert heights[1] < heights[0]


def test_nothing_to_draw_is_drawn():
    assert "<svg" in svgplot.points([{"name": "a", "x": [], "y": [], "labels": []}], "x", "y")
    assert "<svg" in svgplot.bars([0, 1], [0], "x", "y")
