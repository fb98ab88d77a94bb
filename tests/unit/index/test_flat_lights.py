"""What lights a flat, by words and by its light."""

from datetime import datetime, timedelta

import pytest

from ccdlib.index.flat_lights import with_lights

_START = datetime(2024, 5, 13, 2, 0)


def _row(number, kind, level, *, exptime=5.0, minutes=0.0, filter="V", object=None, **more):
    return {
        "file": f"{kind}{number}.fits",
        "imagetyp": kind,
        "status": "ok",
        "camera": "cam",
        "night": "2024-05-12",
        "filter": filter,
        "naxis1": 100,
        "naxis2": 100,
        "binning": "1x1",
        "object": object,
        "clues": {"card": None},
        "look": {"level": level},
        "exptime": exptime,
        "date_obs": (_START + timedelta(minutes=minutes)).isoformat(),
    } | more


def _flats(rates, start=0.0, first=0, exptime=5.0, **more):
    return [
        _row(
            first + number,
            "flat",
            1000 + rate * exptime,
            exptime=exptime,
            minutes=start + number,
            **more,
        )
        for number, rate in enumerate(rates)
    ]


_BIASES = [_row(number, "bias", 1000.0, exptime=0.0) for number in range(3)]


def _lit(rows):
    return [row["lit"] for row in with_lights([*_BIASES, *rows]) if row["imagetyp"] == "flat"]


@pytest.mark.parametrize(
    ("rates", "lit"),
    [
        ([2000, 2010, 1995, 2005], "dome"),
        ([4000, 3000, 2200, 1500, 1000], "sky"),
        ([1000, 1300, 1700, 2500], "sky"),
        # a lamp that warms up, clouds, and three frames tell nothing
        ([2000, 2200, 2300, 2350], None),
        ([4000, 3000, 3100, 1500], None),
        ([2000, 2000, 2000], None),
        ([2000, -5, 2000, 2000], None),
    ],
)
def test_by_the_light_of_a_row(rates, lit):
    assert _lit(_flats(rates)) == [lit] * len(rates)


def test_the_dome_in_the_afternoon_and_the_sky_in_the_evening():
    rows = _flats([2000] * 4) + _flats([4000, 3000, 2000, 1000], start=60, first=4)
    assert _lit(rows) == ["dome"] * 4 + ["sky"] * 4


def test_words_come_first():
    assert _lit(_flats([2000] * 4, object="twilight flat")) == ["sky"] * 4


def test_each_filter_by_itself():
    rows = _flats([4000, 3000, 2000, 1000]) + _flats([500] * 4, first=4, filter="R")
    assert _lit(rows) == ["sky"] * 4 + ["dome"] * 4


def test_nothing_is_told_without_biases_or_dates():
    rows = _flats([2000] * 4)
    assert [row["lit"] for row in with_lights(rows)] == [None] * 4
    assert _lit([row | {"date_obs": None} for row in rows]) == [None] * 4
    assert _lit([row | {"look": None} for row in rows]) == [None] * 4
