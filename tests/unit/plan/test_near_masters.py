from datetime import date, datetime, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccdlib.plan.near_masters import NearMasters, span

FIRST = date(2024, 5, 13)


def master(day):
    night = "undated" if day is None else str(FIRST + timedelta(days=day))
    return SimpleNamespace(night=night, day=day)


def frame(day, pins=()):
    return SimpleNamespace(night=master(day).night, pins=pins)


days = st.one_of(st.none(), st.integers(-40, 40))


@given(st.lists(days), st.integers(-40, 40), st.floats(0, 20))
def test_nothing_that_may_serve_is_passed_over(others, day, max_age):
    masters = [master(other) for other in others]
    near = NearMasters(masters).near(frame(day), max_age)
    # a master of any moment of its night, a frame of any of its own
    reach = [each for each in masters if each.day is None or abs(each.day - day) <= max_age + 1]
    assert all(any(each is found for found in near) for each in reach)
    assert near == [each for each in masters if any(each is found for found in near)]


def test_an_archive_is_not_looked_through():
    shelf = NearMasters(map(master, range(1000)))
    near = shelf.near(frame(500), 7)
    assert [each.day for each in near] == list(range(492, 509))


def test_the_nearest_of_those_too_far_away_are_there_to_say_why():
    shelf = NearMasters(map(master, [*range(-200, -100), *range(100, 200)]))
    assert [each.day for each in shelf.near(frame(0), 7)] == [
        -104,
        -103,
        -102,
        -101,
        100,
        101,
        102,
        103,
    ]


def test_all_for_a_frame_without_a_date_or_with_masters_named_by_the_user():
    shelf = NearMasters(map(master, range(100)))
    assert len(shelf.near(frame(None), 7)) == 100
    assert len(shelf.near(frame(3, pins={"bias": "this"}), 7)) == 100
    assert len(list(shelf)) == 100


@pytest.mark.parametrize("max_age", [1e6, 1e300, float("inf")])
def test_a_largest_age_that_no_calendar_has_is_any(max_age):
    assert len(NearMasters(map(master, range(100))).near(frame(50), max_age)) == 100
    assert span(datetime(2024, 5, 13), max_age)[0] == datetime.min
    assert span(datetime(8024, 5, 13), max_age)[1] == datetime.max


def test_a_span_has_its_ends_in_it():
    found = span(datetime(2024, 5, 13, 12), 1.5)
    assert found == (datetime(2024, 5, 12), datetime(2024, 5, 15))
