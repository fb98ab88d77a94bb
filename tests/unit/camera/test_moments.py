"""Dates and times of exposures in the forms that observatories wrote."""

import pytest
from astropy.io.fits import Header
from making import camera

from ccdlib.camera.camera_file import facts
from ccdlib.camera.headers import Headers
from ccdlib.config import load_camera


def moment_of(candidates, **cards):
    header = Header()
    for keyword, card in cards.items():
        header[keyword.replace("__", "-")] = card
    found = Headers("a.fits", header, ((0, header, (9, 9)),))
    return facts(found, camera(facts={"date_obs": candidates}))["date_obs"], found.notes


@pytest.mark.parametrize(
    ("date", "comment", "expected"),
    [
        ("13/05/98", "", "1998-05-13T03:12:00"),
        ("13/05/1998", "", "1998-05-13T03:12:00"),
        ("13-05-1998", "", "1998-05-13T03:12:00"),
        ("13/05/04", "", "2004-05-13T03:12:00"),
        # the day tells itself, or the comment tells
        ("09/29/97", "", "1997-09-29T03:12:00"),
        ("09/08/97", "month/day/year", "1997-09-08T03:12:00"),
        ("09/08/97", "MM/DD/YY", "1997-09-08T03:12:00"),
        ("09/08/97", "date (dd/mm/yy)", "1997-08-09T03:12:00"),
        ("28/03/93", "days/month/year", "1993-03-28T03:12:00"),
        ("1998-05-13", "", "1998-05-13T03:12:00"),
        ("1998/5/13", "", "1998-05-13T03:12:00"),
        ("31/02/98", "", None),
        ("31/31/98", "", None),
        ("yesterday", "", None),
    ],
)
def test_a_date_with_the_time_in_another_card(date, comment, expected):
    found, _ = moment_of("DATE-OBS UT", DATE__OBS=(date, comment), UT="03:12:00")
    assert found == expected


@pytest.mark.parametrize("day", ["05/06/98", "06/06/98"])
def test_a_date_that_can_be_read_in_two_ways_is_said_to_be(day):
    found, notes = moment_of("DATE-OBS UT", DATE__OBS=day, UT="03:12:00")
    assert found == f"1998-06-{day[:2]}T03:12:00"
    expected = [f"DATE-OBS='{day}' is read as day/month/year"] if day[:2] != "06" else []
    assert notes == expected


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("3:12:00", "03:12:00"),
        ("03 12 00", "03:12:00"),
        ("03:12:00.5", "03:12:00.500000"),
        ("03:12:00,25", "03:12:00.250000"),
        ("03:12:00.1234567", "03:12:00.123456"),
        ("03h12m00s", "03:12:00"),
        ("03:12", "03:12:00"),
        ("25:12:00", None),
        ("03:60:00", None),
        ("hh:mm:ss.ss", None),
    ],
)
def test_a_time_in_its_forms(time, expected):
    found, _ = moment_of("DATE-OBS UT", DATE__OBS="2024-05-13", UT=time)
    assert found == (expected and f"2024-05-13T{expected}")


@pytest.mark.parametrize(
    ("unit", "value", "expected"),
    [
        ("mjd", 60443.25, "2024-05-13T06:00:00"),
        ("mjd", "60443.25", "2024-05-13T06:00:00"),
        ("jd", 2460443.75, "2024-05-13T06:00:00"),
        ("unix", 1715580000, "2024-05-13T06:00:00"),
        ("mjd", 0.0, None),
        # JD without its first two million, a JD in a card of MJD, text
        ("jd", 60443.75, None),
        ("mjd", 2460443.75, None),
        ("mjd", 1e30, None),
        ("mjd", "unknown", None),
    ],
)
def test_a_count_of_days(unit, value, expected):
    found, notes = moment_of({"card": "MJD-OBS", "unit": unit}, MJD__OBS=value)
    assert found == expected
    assert bool(notes) == (expected is None)


def test_generic_takes_the_days_where_no_date_has_a_time():
    header = Header({"DATE-OBS": "2024-05-13", "MJD-OBS": 60443.25})
    cards = Headers("a.fits", header, ((0, header, (9, 9)),))
    assert facts(cards, load_camera("generic"))["date_obs"] == "2024-05-13T06:00:00"


def test_a_date_with_its_time_needs_no_other_card():
    """Two cameras of one folder: one has the date and the time apart, one has both in the date."""
    cards = {"DATE__OBS": "2022-10-23T08:31:24.000", "TIME__OBS": "08:31:24.000"}
    assert moment_of("DATE-OBS TIME-OBS", **cards)[0] == "2022-10-23T08:31:24"
    apart = {"DATE__OBS": "2022-10-23", "TIME__OBS": "08:31:24.000"}
    assert moment_of("DATE-OBS TIME-OBS", **apart)[0] == "2022-10-23T08:31:24"


def test_a_clock_ahead_of_utc():
    local = {"cards": ["DATE-LOC"], "utc_offset": -7}
    assert moment_of(local, DATE__LOC="2024-05-12T20:00:00")[0] == "2024-05-13T03:00:00"
    assert moment_of("DATE-OBS", DATE__OBS="2024-05-13T03:00:00+02:00")[0] == "2024-05-13T01:00:00"


@pytest.mark.parametrize(
    "date",
    [
        *("0001-01-01T00:00:00", "9999-12-31T23:59:59", "1969-12-31T23:59:59"),
        *("2100-01-01T00:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"),
    ],
)
def test_a_date_that_no_frame_has(date):
    found, notes = moment_of("DATE-OBS", DATE__OBS=date)
    assert found is None and f"DATE-OBS={date!r} is no" in notes[0]
