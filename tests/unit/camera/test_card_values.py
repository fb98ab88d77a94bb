"""Numbers, units and longitudes in header cards, in the forms that programs write."""

import re
import time
import warnings

import pytest
from astropy.io.fits import Card as FitsCard
from astropy.io.fits import Header
from making import camera, generic, headers

from ccdlib.camera.camera_file import amplifiers, facts, site_longitude
from ccdlib.camera.headers import Headers


def commented(**cards):
    """Headers of cards with comments: keyword=(value, comment)."""
    header = Header()
    for keyword, card in cards.items():
        header[keyword.replace("__", "-")] = card
    return Headers("a.fits", header, ((0, header, (9, 9)),))


def read(fact, cards, card):
    return facts(cards, camera(facts={fact: card}))[fact]


@pytest.mark.parametrize(
    ("value", "comment", "seconds"),
    [
        (60.0, "", 60),
        (60, "[s] exposure", 60),
        ("60,0", "", 60),
        ("40", "", 40),
        (" 9,78E-03", "", 9.78e-3),
        ("+1.2D+02", "", 120),
        ("60 s", "", 60),
        ("120s", "", 120),
        ("1500 ms", "", 1.5),
        ("2 min", "", 120),
        ("00:01:30", "", 90),
        (60000000, "[us] exposure time", 60),
        (60000000, "[µs] exposure time".replace("µ", "u"), 60),
        (1500, "[ms]", 1.5),
        (1500, "milliseconds", 1.5),
        (160000, "exposure time in ms", 160),
        (160000, "exposure (ms)", 160),
        (160000, "Total Exposure Time, milliseconds", 160),
        (2, "[min] exposure", 120),
        # they were taken as seconds
        (0.01, "[h] exposure", 36),
        (0.01, "exposure time (hours)", 36),
        ("0.01 hr", "", 36),
        (4000, "[cs]", 40),
        (4e10, "[ns]", 40),
        (40, "[s] at hour angle 3 h", 40),
        (30, "Exposure time in seconds (not ms)", 30),
        # nothing but an ordinary word
        (30, "tells us the exposure", 30),
        (30, "min of both", 30),
        ("1500 ms", "[s] exposure", 1.5),
        (0, "", 0),
        (-1, "", None),
        ("half a minute", "", None),
        ("1.5 2.5", "", None),
        ("hh:mm:ss.ss", "", None),
        ("1e999", "", None),
        ('"><img src=x onerror=1', "", None),
        ("2024-05-13", "", None),
        ("60 parsec", "", None),
        (True, "", None),
    ],
)
def test_an_exposure_in_its_units(value, comment, seconds):
    found = read("exptime", commented(EXPOSURE=(value, comment)), "EXPOSURE")
    assert found == (None if seconds is None else pytest.approx(seconds))


def test_an_exposure_of_years_is_refused_with_what_to_write():
    cards = commented(EXPOSURE=(60000000, "exposure"))
    assert read("exptime", cards, "EXPOSURE") is None
    text = cards.refusals["exptime"]
    assert re.match(r"a.fits: EXPOSURE=60000000 is 694 days.*facts.exptime.*corrections", text)


def test_a_unit_that_the_camera_file_gives_wins_over_the_comment():
    cards = commented(EXPOSURE=(60000, "[us] a lie"))
    assert read("exptime", cards, {"card": "EXPOSURE", "scale": 0.001}) == 60


@pytest.mark.parametrize(
    ("value", "comment", "degrees"),
    [
        (-20.0, "", -20),
        (-20.0, "[degC] CCD temperature", -20),
        (163.15, "[K]", -110),
        (163.15, "(deg K)", -110),
        (163.15, "CCD temperature in Kelvin", -110),
        # no sensor is at 163 degrees
        (163.15, "", -110),
        ("-51", "degrees C", -51),
        ("163.15 K", "", -110),
        (35.0, "", 35),
        (-119.5, "", -119.5),
        *((value, "", None) for value in (999, 999.0, 99, -999, -273.15, -1000, "NaN")),
        (0, "[K]", None),
    ],
)
def test_a_temperature_in_its_units_and_what_stands_for_none(value, comment, degrees):
    found = read("temperature", commented(CCD__TEMP=(value, comment)), "CCD-TEMP")
    assert found == (None if degrees is None else pytest.approx(degrees))


def test_a_sensor_that_is_not_there_falls_back_to_the_set_point():
    cards = commented(CCD__TEMP=(999.0, ""), SET__TEMP=(-10.0, ""))
    assert read("temperature", cards, ["CCD-TEMP", "SET-TEMP"]) == -10
    assert cards.notes == ["CCD-TEMP=999.0 stands for no value"]


def test_kelvin_that_the_camera_file_converts_are_not_converted_twice():
    cards = commented(CCD__TEMP=(163.15, "[K]"))
    assert read("temperature", cards, {"card": "CCD-TEMP", "zero": -273.15}) == pytest.approx(-110)
    nothing = commented(CCD__TEMP=(0.0, "[K]"))
    assert read("temperature", nothing, {"card": "CCD-TEMP", "zero": -273.15}) is None


@pytest.mark.parametrize(
    "image",
    [
        "CCDTEMP                / CCD Temperature",
        "CCDTEMP  -20",
        "CCDTEMP =                      / CCD Temperature",
        "CCDTEMP",
    ],
)
def test_a_card_without_value_is_a_missing_one(image):
    with warnings.catch_warnings():
        # astropy tells what the standard thinks of such a card
        warnings.simplefilter("ignore")
        header = Header([FitsCard.fromstring(image.ljust(80)), ("EXPTIME", 3.0)])
        assert "CCDTEMP" in header
    cards = Headers("a.fits", header, ((0, header, (9, 9)),))
    assert read("temperature", cards, "CCDTEMP") is None
    assert cards.notes == []


@pytest.mark.parametrize(
    ("value", "gain"),
    [
        (1.5, 1.5),
        ("1.5", 1.5),
        ("1,5", 1.5),
        ("[1.5]", 1.5),
        ("[1.5 ]", 1.5),
        *((value, None) for value in (0, -1, "0.0", "NaN", "HIGH", '"><img src=x onerror=1', "")),
        ("1" * 300, None),
        ("gain 2", None),
        ("12:30", None),
    ],
)
def test_a_gain_comes_only_from_what_is_a_number(value, gain):
    spec = camera(detector={"gain": ["EGAIN", "measure"]})
    (amp,) = amplifiers(commented(EGAIN=(value, "")), spec)
    assert amp.gain == gain


@pytest.mark.parametrize(
    ("value", "comment", "east"),
    [
        (-121.64, "", -121.64),
        (105.82, "[deg W]", -105.82),
        (-105.82, "[deg W] longitude", -105.82),
        (105.82, "West longitude of the site", -105.82),
        (17.877639, "Telescope longitude (degrees), +W", -17.877639),
        (-149.0, "positive west", 149.0),
        (-105.82, "[deg +E WGS84]", -105.82),
        (-105.82, "East is positive, west negative", -105.82),
        ("105 49 30", "degrees west", -105.825),
        ("122 38 24 W", "", -(122 + 38.4 / 60)),
        ("-68:10:48:00", "", -68.18),
        ("+149:04:00", "", 149 + 4 / 60),
        ("10E", "", 10),
        ("La Palma 17", "", None),
        ("1970-01-01", "", None),
        (999.0, "", None),
    ],
)
def test_a_longitude_with_its_side(value, comment, east):
    found = site_longitude(commented(SITELONG=(value, comment)), camera(longitude="SITELONG"))
    assert found == (None if east is None else pytest.approx(east))


@pytest.mark.parametrize("text", ["1" * 100_000, "1 " * 50_000, "1:" * 50_000, "[" * 100_000])
def test_long_texts_are_no_numbers_and_take_no_time(text):
    cards = headers(EXPTIME=text, EGAIN=text, SITELONG=text, DATE__OBS=text, CCD__TEMP=text)
    for comment in ("", "[" * 60):
        cards.primary.comments["EXPTIME"] = comment
        spec = camera(
            facts={"exptime": "EXPTIME", "date_obs": "DATE-OBS", "temperature": "CCD-TEMP"},
            detector={"gain": ["EGAIN", "measure"]},
            longitude="SITELONG",
        )
        start = time.process_time()
        found = facts(cards, spec)
        assert (found["exptime"], found["temperature"], found["date_obs"]) == (None, None, None)
        assert amplifiers(cards, spec)[0].gain is None
        assert site_longitude(cards, spec) is None
        assert time.process_time() - start < 2


def test_the_longitude_of_theskyx_counts_westward():
    cards = {"SITELONG": "+122 30 31.00", "SWCREATE": "TheSkyX Version 10.5.0"}
    west = -(122 + 30 / 60 + 31 / 3600)
    assert site_longitude(headers(**cards), camera(longitude="SITELONG")) == pytest.approx(west)
    # a card that counts eastward by definition comes first
    assert site_longitude(headers(**cards, LONG__OBS=-122.5), generic()) == -122.5


@pytest.mark.parametrize("comment", ["[dB] gain", "gain in 0.1 dB", "Gain (decibel)"])
def test_a_gain_in_decibels_is_a_setting(comment):
    """One below 20 was taken for electrons per adu, and flats were refused for their noise."""
    cards = commented(GAIN=(12, comment))
    (amp,) = amplifiers(cards, generic())
    assert amp.gain is None
    assert facts(cards, generic())["gain_setting"] == "12"
    assert cards.notes == [f"GAIN=12 is a setting ({comment}), taken as missing"]


def test_a_gain_that_names_electrons_beside_decibels_is_one():
    cards = commented(GAIN=(1.6, "e-/ADU at 12 dB"))
    assert amplifiers(cards, generic())[0].gain == 1.6
