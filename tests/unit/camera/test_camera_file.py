"""Camera files applied to headers: typing, facts, sections, detector values."""

import numpy as np
import pytest
from astropy.io.fits import Header
from making import camera, generic, headers

from ccdlib.camera.amplifiers import amplifiers_from_rows, amplifiers_to_rows
from ccdlib.camera.camera_file import (
    amplifiers,
    facts,
    frame_type,
    site_longitude,
)
from ccdlib.camera.headers import Headers
from ccdlib.config import load_camera
from ccdlib.errors import CcdlibError
from ccdlib.index.raw_index import night_of


def fact(name, candidates, undefined=(), **cards):
    spec = camera(facts={name: candidates})
    return facts(headers(undefined=undefined, **cards), spec)[name]


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        ("bias", ["Bias Frame", "BIAS", "bias", "zero", "Zero", "ZERO", "Zero Frame", "offset"]),
        ("dark", ["Dark Frame", "DARK", "dark", "Dark  "]),
        ("flat", ["Flat Frame", "FLAT", "Flat Field", "skyflat", "Dome Flat", "flat_field"]),
        ("light", ["Light Frame", "LIGHT", "object", "OBJECT", "Science"]),
        # what a CMOS camera's flats have in place of a bias is a dark
        ("dark", ["Dark Flat", "DARKFLAT", "Flat Dark", "dark-flat", "FlatDark Frame"]),
        # a stack among raw frames has another noise than they, so nobody may take it for one
        (None, ["Master Bias", "master dark", "MASTERFLAT", "Tricolor Image", "focus", "comp"]),
    ],
)
def test_free_text_types(kind, texts):
    for text in texts:
        assert frame_type(headers(IMAGETYP=text, OBJECT="M 101"), generic()) == kind, text


@pytest.mark.parametrize(
    "name", ["flat", "Flat", "sky flat", "skyflat", "dome_flat", "FLAT V", "flat_V", "Dome Flats"]
)
def test_a_light_whose_object_is_a_flat_is_a_flat(name):
    assert frame_type(headers(IMAGETYP="Light Frame", OBJECT=name), generic()) == "flat"


@pytest.mark.parametrize("name", ["Flatiron", "inflation field", "M 101", "", "unflattened"])
def test_an_object_that_only_sounds_like_it_is_a_light(name):
    assert frame_type(headers(IMAGETYP="Light Frame", OBJECT=name), generic()) == "light"


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("flat_001.fits", "flat"),
        ("2024-05-12/skyflat-V-3.fit", "flat"),
        ("evening_dome flats_1.fits", "flat"),
        ("flats/m13_001.fits", "light"),
        ("Flatiron_1.fits", "light"),
        ("m13_unflat.fits", "light"),
    ],
)
def test_a_light_whose_name_is_a_flat_is_a_flat(file, kind):
    cards = headers(file=file, IMAGETYP="Light Frame", OBJECT="M 13")
    assert frame_type(cards, generic()) == kind


def test_the_obstype_speaks_where_there_is_no_imagetyp():
    for text, kind in (
        ("BIAS", "bias"),
        ("SKYFLAT", "flat"),
        ("EXPOSE", "light"),
        ("DARK", "dark"),
    ):
        assert frame_type(headers(OBSTYPE=text), generic()) == kind
    assert frame_type(headers(OBSTYPE="EXPERIMENTAL"), generic()) is None
    assert frame_type(headers(OBJECT="M 1"), generic()) is None


@pytest.mark.parametrize(
    ("cards", "kind"),
    [
        ({"OBSTYPE": "DARK", "EXPTIME": 0}, "bias"),
        ({"OBSTYPE": "DARK", "EXPTIME": 0.0}, "bias"),
        ({"OBSTYPE": "DARK", "EXPTIME": "0"}, "bias"),
        ({"OBSTYPE": "DARK", "EXPTIME": 60}, "dark"),
        ({"OBSTYPE": "OBJECT", "EXPTIME": 5, "OBJECT": "sky flat"}, "flat"),
        ({"OBSTYPE": "OBJECT", "EXPTIME": 5, "OBJECT": "M 67"}, "light"),
    ],
)
def test_several_cards_take_part_in_the_lick_rules(cards, kind):
    assert frame_type(headers(**cards), load_camera("lick_nickel")) == kind


def test_conditions_may_be_ranges_lists_and_the_file_name():
    types = [
        {"type": "bias", "when": {"EXPTIME": {"max": 0.001}}},
        {"type": "flat", "when": {"FILE": ".*flat.*"}},
        {"type": "light", "when": {"OBSTYPE": ["EXPOSE", "STANDARD"]}},
    ]
    spec = camera(types=types)
    assert frame_type(headers(EXPTIME=0.0), spec) == "bias"
    assert frame_type(headers(EXPTIME=1.0, file="n/domeflat_1.fits"), spec) == "flat"
    assert frame_type(headers(EXPTIME=1.0, OBSTYPE="standard"), spec) == "light"
    assert frame_type(headers(EXPTIME="long", OBSTYPE="other"), spec) is None


def test_the_first_card_that_is_there_counts():
    cards = ["EXPTIME", "EXPOSURE", "DARKTIME"]
    assert fact("exptime", cards, EXPOSURE=30, DARKTIME=31) == 30
    assert fact("exptime", cards, DARKTIME=31, EXPTIME=29.5) == 29.5
    assert fact("exptime", cards, OBJECT="x") is None


def test_undefined_values_fall_through_to_the_next_card():
    cards = ["FILTER", "FILTNAM"]
    given = {"undefined": ("UNKNOWN", "N/A"), "FILTNAM": "V"}
    assert fact("filter", cards, FILTER="UNKNOWN", **given) == "V"
    assert fact("filter", cards, FILTER="   ", **given) == "V"
    # a card without a value, as the standard has it
    header = Header.fromstring("FILTER  =".ljust(80) + "FILTNAM = 'B       '".ljust(80))
    found = facts(
        headers(image=((0, header, (9, 9)),), FILTNAM="B"), camera(facts={"filter": cards})
    )
    assert found["filter"] == "B"


def test_padding_does_not_count():
    assert fact("filter", "FILTER", FILTER="  V  ") == "V"


@pytest.mark.parametrize("value", [30, 30.0, "30", " 30.0 ", "3e1"])
def test_numbers_in_text_are_numbers(value):
    assert fact("exptime", "EXPTIME", EXPTIME=value) == 30.0


@pytest.mark.parametrize("value", ["half a minute", "nan", "inf", True, "1_0"])
def test_what_is_no_number_is_missing_with_a_note_of_card_and_value(value):
    cards = headers(EXPTIME=value, ITIME=3)
    spec = camera(facts={"exptime": ["EXPTIME", "ITIME"]})
    assert facts(cards, spec)["exptime"] == 3
    assert cards.notes == [f"EXPTIME={value!r} is not a number, taken as missing"]


def test_a_scale_turns_units():
    assert fact("exptime", {"card": "ITIME", "scale": 0.001}, ITIME=1500) == 1.5


@pytest.mark.parametrize("pair", [(30, 30.0), (30, "30"), (1234567, 1234567.0)])
def test_a_setting_written_by_two_programs_is_the_same(pair):
    first, second = (fact("offset", "OFFSET", OFFSET=value) for value in pair)
    assert first == second


def test_two_serial_numbers_stay_two():
    first, second = (fact("camera", "CAMERA", CAMERA=value) for value in (12345671, 12345672))
    assert first != second
    assert fact("object", "OBJECT", OBJECT=20240513) == "20240513"


@pytest.mark.parametrize(
    ("candidates", "cards", "expected"),
    [
        ("XBINNING YBINNING", {"XBINNING": 2, "YBINNING": 1}, "2x1"),
        ("XBINNING YBINNING", {"XBINNING": 2.0, "YBINNING": 2}, "2x2"),
        (["XBINNING YBINNING", "CCDSUM"], {"CCDSUM": "2 2"}, "2x2"),
        ("CCDSUM", {"CCDSUM": "1  3"}, "1x3"),
        ("BINNING", {"BINNING": "4x2"}, "4x2"),
        ("BINNING", {"BINNING": "2"}, "2x2"),
        ("BINNING", {"BINNING": 2}, "2x2"),
        ("BINNING", {"BINNING": 2.0}, "2x2"),
        ("BINNING", {"BINNING": "2.0 1.0"}, "2x1"),
        ("CDELT1U CDELT2U", {"CDELT1U": -2, "CDELT2U": 2}, "2x2"),
        ("CCDSUM", {"OBJECT": "x"}, None),
    ],
)
def test_binning_in_its_forms(candidates, cards, expected):
    assert fact("binning", candidates, **cards) == expected


@pytest.mark.parametrize("text", ["1 2 3", "unbinned", "0 0"])
def test_what_is_no_binning_is_refused(text):
    with pytest.raises(CcdlibError, match=r"a.fits: CCDSUM=.* is not a binning"):
        fact("binning", "CCDSUM", CCDSUM=text)


@pytest.mark.parametrize(
    ("cards", "expected"),
    [
        ({"DATE__OBS": "2024-05-13T01:59:58.25"}, "2024-05-13T01:59:58.250000"),
        ({"DATE__OBS": "2024-05-13T01:59:58Z"}, "2024-05-13T01:59:58"),
        ({"DATE__OBS": "2024-05-13 01:59:58"}, "2024-05-13T01:59:58"),
        ({"DATE__OBS": "2024-05-13T01:59:58."}, "2024-05-13T01:59:58"),
        ({"DATE__OBS": "2024-05-13T01:59:58+02:00"}, "2024-05-12T23:59:58"),
        ({"DATE__OBS": "2024-05-13", "UT": "01:59:58"}, "2024-05-13T01:59:58"),
        ({"DATE__OBS": "2024-05-13"}, None),
        ({"DATE__OBS": "13/05/99"}, None),
        ({"OBJECT": "x"}, None),
    ],
)
def test_the_start_of_the_exposure(cards, expected):
    found = fact("date_obs", ["DATE-OBS", "DATE-OBS UT"], **cards)
    assert found == expected
    night_of(found, 0.0)


@pytest.mark.parametrize("text", ["2024-02-30T01:00:00", "2024-05-13T25:00:00"])
def test_an_impossible_moment_is_missing_with_a_note(text):
    cards = headers(DATE__OBS=text)
    assert facts(cards, camera(facts={"date_obs": "DATE-OBS"}))["date_obs"] is None
    assert cards.notes == [f"DATE-OBS='{text}' is not a date"]


@pytest.mark.parametrize(
    ("value", "degrees"),
    [
        (-121.64, -121.64),
        ("-121.64", -121.64),
        ("-105 49 30", -105.825),
        ("-70:48:53.0", -(70 + 48 / 60 + 53 / 3600)),
        ("-0:30:00", -0.5),
        ("+149:04:00", 149 + 4 / 60),
        ("70:30:00 W", -70.5),
    ],
)
def test_the_longitude_of_the_site(value, degrees):
    spec = camera(longitude=["SITELONG"])
    assert site_longitude(headers(SITELONG=value), spec) == pytest.approx(degrees)


def test_a_longitude_given_outright_or_not_at_all():
    assert site_longitude(headers(), camera(longitude=-17.88)) == -17.88
    assert site_longitude(headers(), camera(longitude="SITELONG")) is None
    assert site_longitude(headers(), camera()) is None


# --- amplifiers

ONE = {"amplifiers": [{"data": ["TRIMSEC", "DATASEC"], "overscan": "BIASSEC"}]}


def test_sections_from_cards():
    found = amplifiers(headers(DATASEC="[1:90,1:100]", BIASSEC="[ 91: 100, 1:100]"), camera(**ONE))
    assert [amp.data.fits() for amp in found] == ["[1:90,1:100]"]
    assert found[0].overscan.fits() == "[91:100,1:100]"


def test_without_a_section_the_whole_image_and_no_overscan():
    (amp,) = amplifiers(headers(shape=(20, 30)), camera(**ONE))
    assert amp.data.shape == (20, 30)
    assert amp.overscan is None


def test_a_section_outside_its_image_names_the_file():
    with pytest.raises(CcdlibError, match=r"a.fits, HDU 0, DATASEC: section '\[1:4094,1:4096\]' r"):
        amplifiers(headers(DATASEC="[1:4094,1:4096]"), camera(**ONE))


def test_overscan_after_the_data_with_columns_skipped():
    spec = camera(amplifiers=[{"data": "DATASEC", "overscan": {"after": "data", "skip": 4}}])
    (amp,) = amplifiers(headers(DATASEC="[1:90,1:100]"), spec)
    assert amp.overscan.fits() == "[95:100,1:100]"
    (amp,) = amplifiers(headers(DATASEC="[1:96,1:100]"), spec)
    assert amp.overscan is None


def test_each_extension_has_its_own_cards_before_the_primary():
    own = [Header({"GAIN": 6.42, "DATASEC": "[1:512,1:512]"}), Header({"DATASEC": "[1:500,1:512]"})]
    image = tuple((number, header, (522, 544)) for number, header in enumerate(own, start=1))
    head = headers(image=image, GAIN=5.0, DATASEC="[1:2080,1:2058]", RDNOISE=7.0)
    spec = camera(detector={"gain": "GAIN", "read_noise": "RDNOISE"}, **ONE)
    found = amplifiers(head, spec)
    assert [(amp.hdu, amp.gain, amp.read_noise) for amp in found] == [(1, 6.42, 7), (2, 5.0, 7)]
    assert [amp.data.x1 for amp in found] == [512, 500]


FOUR = [
    {"data": "[1:50,1:50]"}, {"data": "[51:100,1:50]"},
    {"data": "[1:50,51:100]"}, {"data": "[51:100,51:100]"},
]  # fmt: skip


@pytest.mark.parametrize(
    "text", ["[2.01, 1.99, 2.05, 2.02]", "[2.01,1.99,2.05,2.02]", "2.01 1.99 2.05 2.02"]
)
def test_a_list_of_gains_in_text(text):
    spec = camera(detector={"gain": "GAIN"}, amplifiers=FOUR)
    assert [amp.gain for amp in amplifiers(headers(GAIN=text), spec)] == [2.01, 1.99, 2.05, 2.02]
    with pytest.raises(CcdlibError, match=r"GAIN='.*' has 4 values, the image has 1 amplifiers"):
        amplifiers(headers(GAIN=text), camera(detector={"gain": "GAIN"}))


def test_values_given_outright():
    found = amplifiers(headers(), camera(detector={"gain": [1, 2, 3, 4]}, amplifiers=FOUR))
    assert [amp.gain for amp in found] == [1, 2, 3, 4]
    with pytest.raises(CcdlibError, match=r"detector.gain has 3 values, the image has 4"):
        amplifiers(headers(), camera(detector={"gain": [1, 2, 3]}, amplifiers=FOUR))


@pytest.mark.parametrize(
    ("value", "end"), [(4095, 4095), (16383.0, 16383), (65520, 65520), (3977, 65535), (0, 65535)]
)
def test_datamax_is_an_end_only_where_a_converter_can_have_it(value, end):
    spec = camera(detector={"saturation": ["SATURATE", "DATAMAX", 65535]})
    (amp,) = amplifiers(headers(DATAMAX=value), spec)
    assert amp.saturation == end


@pytest.mark.parametrize("zero", [0, 0.0, "0", "0.0"])
def test_a_zero_in_a_header_is_no_value(zero):
    spec = camera(detector={"gain": ["GAIN", "measure"], "saturation": ["SATURATE", 65535]})
    (amp,) = amplifiers(headers(GAIN=zero, SATURATE=zero), spec)
    assert amp.gain is None
    assert amp.saturation == 65535


@pytest.mark.parametrize("value", [-1.5, "-1.5", "HIGH"])
def test_an_impossible_gain_is_missing_with_a_note_of_card_and_value(value):
    cards = headers(GAIN=value)
    (amp,) = amplifiers(cards, camera(detector={"gain": ["GAIN", "measure"]}))
    assert amp.gain is None
    assert cards.notes[0].startswith(f"GAIN={value!r} is not a ")


def test_amplifiers_of_a_mosaic_close_up_in_the_trimmed_image():
    layout = [{"data": "[1:40,1:100]"}, {"data": "[61:100,1:100]"}]
    found = amplifiers(headers(), camera(amplifiers=layout))
    assert [amp.place.fits() for amp in found] == ["[1:40,1:100]", "[41:80,1:100]"]


def test_data_sections_that_overlap_are_refused():
    layout = [{"data": "[1:60,1:100]"}, {"data": "[50:100,1:100]"}]
    with pytest.raises(CcdlibError, match=r"a.fits: data sections \[1:60,1:100\] and \[50:100,1"):
        amplifiers(headers(), camera(amplifiers=layout))


def test_amplifiers_survive_their_json():
    layout = [
        {"data": "[40:1,100:1]", "overscan": "[41:50,1:100]"},
        {"data": "[61:100,1:100]", "overscan": "[51:60,1:100]"},
    ]
    found = amplifiers(headers(), camera(amplifiers=layout, detector={"gain": [1.25, 1 / 3]}))
    assert amplifiers_from_rows(amplifiers_to_rows(found)) == found
    assert np.isclose(found[1].gain, 1 / 3, rtol=0, atol=0)


def test_a_place_for_some_amplifiers_of_an_image_is_refused():
    spec = camera(
        amplifiers=[
            {"data": "[1:50,:]"},
            {"data": "[51:100,:]", "place": "[100:51,1:100]"},
        ]
    )
    with pytest.raises(
        CcdlibError, match=r"data \[1:50,1:100\] lies .*others of its image have one"
    ):
        amplifiers(headers(), spec)


@pytest.mark.parametrize(
    "text", ["inf", "-inf", "nan", "1_000", "\u0661\u0660", "0x10", "1e", "infinity", "12 s", ""]
)
def test_a_rule_that_wants_a_number_is_not_met_by_what_is_none(text):
    rules = [{"type": "light", "when": {"EXPTIME": {"min": -1e9}}}]
    assert frame_type(headers(), camera(types=rules)) is None
    cards = headers()
    cards.primary["EXPTIME"] = "1000"
    assert frame_type(cards, camera(types=rules)) == "light"
    odd = Headers("a.fits", {"EXPTIME": text}, ((0, {"EXPTIME": text}, (9, 9)),))
    assert frame_type(odd, camera(types=rules)) is None
    rules[0]["when"]["EXPTIME"] = 1000
    assert frame_type(odd, camera(types=rules)) is None
