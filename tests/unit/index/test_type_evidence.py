"""Types by weighed evidence, on rows as the headers of a folder give them."""

import time

import pytest
from cameras import NINA
from layouts import headers, take
from making import generic

from ccdlib.config import load_camera
from ccdlib.index.raw_index import Cache, build_index, index_file
from ccdlib.index.type_evidence import weigh

EVIDENCE, RULES = {"typing": "evidence"}, {"typing": "rules"}
_NIGHT = (("bias", 0.0), ("dark", 60.0), ("flat", 5.0), ("light", 60.0))


def row(file, card=None, kind=None, exptime=60.0, rule=None, **more):
    """A row of the index as the headers of a file give it."""
    return {
        "file": file,
        "imagetyp": rule,
        "status": "ok" if rule else "unknown",
        "reason": None,
        "camera": "one",
        "object": "M 31",
        "filter": "V",
        "exptime": exptime,
        "clues": {"card": card and f"IMAGETYP='{card}'", "kind": kind, "stacked": None},
    } | more


def night(card=None, kind=None, name="{kind}_{number}.fits", **more):
    """Five frames of each type; lights have the name of their target."""
    return [
        row(
            name.format(kind="M31" if own == "light" else own, number=number),
            card,
            kind,
            exptime,
            **more,
        )
        for own, exptime in _NIGHT
        for number in range(5)
    ]


def types(rows, camera=EVIDENCE):
    return {each["file"]: each["imagetyp"] for each in weigh(rows, camera)}


TRUE = {f"{name}_{number}.fits": kind for name, kind in
        (("bias", "bias"), ("dark", "dark"), ("flat", "flat"), ("M31", "light"))
        for number in range(5)}  # fmt: skip


@pytest.mark.parametrize("camera", [EVIDENCE, RULES])
@pytest.mark.parametrize("kind", ["light", "flat", "dark", "bias"])
def test_a_type_that_all_frames_share_says_nothing(kind, camera):
    """Whatever one value a program puts into all its headers, names tell the frames apart."""
    assert types(night(kind.upper(), kind, rule=kind), camera) == TRUE


def test_without_cards_names_and_exposures_tell():
    assert types(night()) == TRUE
    # the same by folders, with numbers for names
    by_folder = types(night(name="{kind}/{number:04d}.fits"))
    assert sorted(by_folder.values()) == sorted(TRUE.values())
    assert by_folder["flat/0002.fits"] == "flat"


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("night1/Bias/0001.fits", "bias"),
        ("zero_03.fits", "bias"),
        ("darks_60s/0001.fits", "dark"),
        ("dark_flats/0001.fits", "dark"),
        ("flats/V/0001.fits", "flat"),
        ("lights/m13.fits", "light"),
        ("m13.fits", "light"),
        # words of a target's name
        ("dark cloud_1.fits", "light"),
        ("Dark_Nebula_1.fits", "light"),
        ("Bias Bay_1.fits", None),
    ],
)
def test_folders_and_names_speak_where_no_card_does(file, kind):
    exptime = 0.0 if kind == "bias" else 60.0
    assert types([row(file, exptime=exptime)]) == {file: kind}


def test_what_is_neither_bias_dark_nor_flat_is_a_light_and_said_to_be_one():
    rows = weigh([row(f"IC310_{number}.fits") for number in range(3)], RULES)
    assert {(each["imagetyp"], each["status"]) for each in rows} == {("light", "ok")}
    assert rows[0]["evidence"].endswith("nothing says bias, dark or flat")


@pytest.mark.parametrize("kind", ["bias", "dark", "flat", "lamp"])
def test_a_folder_of_one_type_keeps_it(kind):
    exptime = 0.0 if kind == "bias" else 30.0
    rows = [row(f"{kind}_{n}.fits", kind.upper(), kind, exptime) for n in range(4)]
    assert set(types(rows).values()) == {kind}
    # names alone, and one frame alone
    assert set(types([row(f"{kind}_{n}.fits", exptime=exptime) for n in range(4)]).values()) == {
        kind
    }
    assert types(rows[:1])[f"{kind}_0.fits"] == kind


def test_a_lamp_is_known_by_its_name_though_the_card_says_light():
    names = ("Vega.fit", "Navi.fit", "NeonCalibration.fit")
    rows = [*(row(name, "LIGHT", "light") for name in names), row("dark.fit", "DARK", "dark")]
    found = weigh(rows, EVIDENCE)
    assert [each["imagetyp"] for each in found] == ["light", "light", "lamp", "dark"]
    assert found[2]["evidence"].startswith("not sure: ")


def test_a_dark_of_no_exposure_is_a_bias_and_a_blocked_filter_is_no_light():
    assert types([row("d1.fits", "DARK", "dark", 0.0)]) == {"d1.fits": "bias"}
    rows = [row("bias_1.fits", None, None, 0.4, filter="BLOCK"), row("x.fits")]
    assert types(rows)["bias_1.fits"] == "bias"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"clues": {"card": None, "kind": None, "stacked": "STACKCNT=187"}}, "stack: STACKCNT=187"),
        ({"file": "MasterFlat_V.fits"}, "master"),
        ({"object": "auto_focus"}, "focus"),
        ({"clues": {"card": "IMAGETYP='SNAPSHOT'", "kind": "preview", "stacked": None}}, "preview"),
        ({"clues": {"card": "OBSCLASS='acq'", "kind": "acquisition", "stacked": None}}, "acq"),
    ],
)
def test_what_is_no_part_of_the_nights_work_is_set_aside(change, words):
    rows = weigh([*night(), row("odd.fits") | change], EVIDENCE)
    assert [each["status"] for each in rows[:-1]] == ["ok"] * 20
    assert (rows[-1]["status"], rows[-1]["imagetyp"]) == ("aside", None)
    assert f"{rows[-1]['file']}: set aside, " in rows[-1]["reason"]
    assert words in rows[-1]["reason"]


def test_evidence_at_odds_is_asked_about():
    odd = row("x_1.fits", "BIAS", "bias", 300.0)
    (found,) = weigh([odd], EVIDENCE)
    assert found["status"] == "unknown"
    assert "its type is not clear: IMAGETYP='BIAS'; exposed; give its imagetyp" in found["reason"]
    # a rule of the camera file settles it
    (found,) = weigh([odd | {"imagetyp": "bias", "status": "ok"}], EVIDENCE)
    assert (found["imagetyp"], found["status"]) == ("bias", "ok")


def test_the_rule_of_a_camera_file_wins_over_evidence():
    rows = [row("flat_1.fits", "OBJECT", "light", rule="light"), row("b.fits", rule="bias")]
    assert types(rows, RULES) == {"flat_1.fits": "light", "b.fits": "bias"}
    assert types(rows, EVIDENCE)["flat_1.fits"] == "flat"


def test_a_card_that_a_camera_file_does_not_know_stays_a_question():
    (found,) = weigh([row("x.fits", "Mystery", reason="no typing rule")], RULES)
    assert (found["status"], found["reason"]) == ("unknown", "no typing rule")
    (found,) = weigh([row("x.fits", "Mystery")], EVIDENCE)
    assert (found["imagetyp"], found["status"]) == ("light", "ok")
    assert found["evidence"].startswith("not sure: IMAGETYP='Mystery' names no known type")
    # a comparison lamp is known by its word
    assert types([row("x.fits", "COMP", "lamp")], RULES) == {"x.fits": "lamp"}


def test_refused_rows_are_left_alone():
    refused = row("flat_1.fits") | {"status": "refused", "reason": "empty file", "clues": None}
    assert weigh([refused], EVIDENCE) == [refused]


def test_ten_thousand_frames_take_no_time():
    rows = [each | {"file": f"{n}/{each['file']}"} for n in range(500) for each in night()]
    start = time.process_time()
    assert len(weigh(rows, EVIDENCE)) == 10_000
    assert time.process_time() - start < 3


def _header(kind, number, **cards):
    card = headers(kind, number) | {"INSTRUME": "one", "OBJECT": "M 31"} | cards
    return {name: value for name, value in card.items() if value is not None}


@pytest.mark.parametrize("camera", ["generic", "sharpcap", "nina_cmos"])
def test_a_folder_whose_cards_all_say_light_is_typed_by_its_names(tmp_path, camera):
    take(tmp_path, NINA, lambda kind, n: _header(kind, n, IMAGETYP="Light Frame"),
         counts=(("bias", 3), ("dark", 3), ("flat", 3), ("light", 2)))  # fmt: skip
    cache = Cache(tmp_path / "cache.json", "key")
    for _ in range(2):  # the second time from the cache
        index, _ = build_index(tmp_path, load_camera(camera), cache=cache)
        assert list(index["imagetyp"]) == ["bias"] * 3 + ["dark"] * 3 + ["flat"] * 3 + ["light"] * 2
        cache = Cache(tmp_path / "cache.json", "key")
    assert "as in all 11, which says nothing" in index["evidence"][0]


@pytest.mark.parametrize(
    ("cards", "kind"),
    [
        ({"FRAME": "Dark"}, "dark"),
        ({"HIERARCH ESO DPR TYPE": "WAVE,LAMP"}, "lamp"),
        ({"HIERARCH ESO DPR TYPE": "FLAT,SKY", "HIERARCH ESO DPR CATG": "CALIB"}, "flat"),
        (
            {"HIERARCH ESO DPR TYPE": "OBJECT", "HIERARCH ESO DPR CATG": "ACQUISITION"},
            "acquisition",
        ),
        ({"OBSTYPE": "OBJECT", "OBSCLASS": "acq"}, "acquisition"),
        ({"IMAGETYP": "Dark Frame", "PICTTYPE": 3}, "dark"),
        ({"PICTTYPE": 4}, "flat"),
        ({"NEON": "on", "ARGON": "off"}, "lamp"),
        ({"FRAME": "chip 3"}, None),
    ],
)
def test_cards_about_the_type(tmp_path, cards, kind):
    take(
        tmp_path,
        NINA,
        lambda k, n: _header(k, n, **{"IMAGETYP": None} | cards),
        counts=(("light", 1),),
    )
    clues = index_file(tmp_path / "light0.fits", "light0.fits", generic())["clues"]
    assert clues["kind"] == kind


@pytest.mark.parametrize(
    "cards",
    [{"STACKCNT": 12}, {"NCOMBINE": 5}, {"SNAPSHOT": 3}, {"INTEGRAT": "Integration"},
     {"HIERARCH ESO PRO CATG": "MASTER_BIAS"}],
)  # fmt: skip
def test_cards_that_tell_a_stack(tmp_path, cards):
    take(tmp_path, NINA, lambda k, n: _header(k, n, **cards), counts=(("light", 1),))
    row = index_file(tmp_path / "light0.fits", "light0.fits", generic())
    assert row["clues"]["stacked"].startswith(next(iter(cards)).removeprefix("HIERARCH "))


def test_one_image_in_a_snapshot_is_no_stack(tmp_path):
    take(tmp_path, NINA, lambda k, n: _header(k, n, SNAPSHOT=1, STACKCNT=1), counts=(("light", 1),))
    row = index_file(tmp_path / "light0.fits", "light0.fits", generic())
    assert row["clues"]["stacked"] is None


def test_what_is_odd_in_the_cards_is_said_of_a_frame_that_gets_its_type_from_evidence(tmp_path):
    take(tmp_path, NINA, lambda k, n: _header(k, n, IMAGETYP=None, **{"DATE-OBS": "2024-05-13"}),
         counts=(("light", 1),))  # fmt: skip
    camera = {name: value for name, value in generic().items() if name != "types"}
    (row,) = weigh([index_file(tmp_path / "light0.fits", "light0.fits", camera)], camera)
    assert (row["imagetyp"], row["status"]) == ("light", "ok")
    assert row["reason"] == ("light0.fits: undated, DATE-OBS='2024-05-13' has no time of day")


def test_exposures_tell_biases_where_the_card_of_all_frames_says_light():
    rows = [row(f"{n:04d}.fits", "LIGHT", "light", 0.0 if n < 3 else 60.0) for n in range(6)]
    found = weigh(rows, EVIDENCE)
    assert [each["imagetyp"] for each in found] == ["bias"] * 3 + ["light"] * 3
    assert "as in all 6, which says nothing" in found[-1]["evidence"]
    # darks of 0 s are biases, and those beside them stay darks
    rows = [row(f"{n:04d}.fits", "DARK", "dark", 0.0 if n < 3 else 60.0) for n in range(6)]
    assert [each["imagetyp"] for each in weigh(rows, EVIDENCE)] == ["bias"] * 3 + ["dark"] * 3
