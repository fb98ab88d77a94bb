"""The words by which people and programs name the type of a frame."""

import pytest

from ccdlib.camera.type_words import kind_of_card, kind_of_name, kind_of_object


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        ("bias", ["Bias Frame", "BIAS", "zero", "ZERO", "Offset", "bias frames", "BiasFrame"]),
        ("dark", ["Dark Frame", "DARK", "DARKFLAT", "Flat Dark", "dark_flat", "FlatDarks"]),
        (
            "flat",
            [
                *("Flat Field", "Flat Frame", "FLAT", "SKYFLAT", "LAMPFLAT", "FLAT,SKY"),
                *("SKY,FLAT", "FLAT,LAMP", "FLAT,DOME", "Dome Flat", "twilight flat"),
            ],
        ),
        (
            "lamp",
            ["ARC", "COMP", "comp lamp", "WAVE,LAMP", "WAVE", "ThAr", "HeNeAr", "Comparison"],
        ),
        (
            "light",
            [
                *("Light Frame", "LIGHT", "OBJECT", "object", "SCIENCE", "TARGET", "EXPOSE"),
                *("STANDARD", "STD,SLIT", "STD", "run", "Tricolor Image"),
            ],
        ),
        ("focus", ["FOCUS", "Autofocus"]),
        ("acquisition", ["ACQUISITION", "acq", "acqCal"]),
        ("preview", ["SNAPSHOT", "GLANCE"]),
        ("master", ["Master Bias", "MasterFlat", "masterdark", "Master Dark"]),
        ("stack", ["Stacked", "Integration"]),
        (None, ["Mystery", "EXPERIMENTAL", "TEST 7", "", "42"]),
    ],
)
def test_the_value_of_a_type_card(kind, texts):
    for text in texts:
        assert kind_of_card(text) == kind, text


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("L2-bias-180.3.FIT", "bias"),
        ("zero_03.fits", "bias"),
        ("offset_001.fits", "bias"),
        ("DarkBefore-001D120s.fit", "dark"),
        ("darkflats", "dark"),
        ("flats01.fits", "flat"),
        ("SkyFlatV_2.fits", "flat"),
        ("NeonCalibration.fit", "lamp"),
        ("neon-on-dome-10-sec.fit", "lamp"),
        ("arc_004.fits", "lamp"),
        ("Light_M31_300s_gain100_offset50.fits", "light"),
        ("MasterFlat_V.fits", "master"),
        ("autofocus_3.fits", "focus"),
        # words that only sound like a type, or are part of a target's name
        *((name, None) for name in ("M31_gain100_offset50.fits", "Flatiron_1.fits")),
        *((name, None) for name in ("Arcturus.fits", "dark_nebula_B33.fits", "Darkness")),
        *((name, None) for name in ("m13_unflat.fits", "M31_0.FIT", "d1001.fits", "")),
    ],
)
def test_the_name_of_a_file_or_folder(name, kind):
    assert kind_of_name(name) == kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("dome flat V", "flat"),
        ("flat_V", "flat"),
        ("sky flat", "flat"),
        ("Twilight", "flat"),
        ("dark 300s", "dark"),
        ("bias", "bias"),
        ("HeNeAr", "lamp"),
        ("NeonArc", "lamp"),
        ("auto_focus", "focus"),
        *((text, None) for text in ("Flatiron", "Dark Ring", "M 101", "Neon Galaxy", "", "Master")),
    ],
)
def test_the_object_is_a_target_unless_it_names_a_type_alone(text, kind):
    assert kind_of_object(text) == kind
