"""The plan of a night, from design sections 3, 5 and 7: who makes what, who serves whom."""

import itertools
import random
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from making import camera, config, row, rows

from ccdlib.camera.amplifiers import layout_of
from ccdlib.plan.frames import frames_of
from ccdlib.plan.night_plan import make_plan
from ccdlib.plan.plan_columns import MEMBERS_TABLE, PLAN_TABLE


class Planned:
    """A plan that can be asked."""

    def __init__(self, index, corrections=None, spec=None, one_case=False, **parts):
        settings = config(**parts) | ({"one_case": True} if one_case else {})
        self.plan, self.members = make_plan(index, settings, spec or camera(), corrections or {})
        self.choices = {(each["product"], each["kind"]): each for each in self.plan}
        assert len(self.choices) == len(self.plan), "two rows for one product and kind"

    def of(self, frame, kind):
        return self.choices[f"results/calibrated/{frame}.fits", kind]

    def refusals(self, product):
        found = [each for each in self.plan if each["product"] == product]
        assert found, product
        return [each["reason"] for each in found if each["status"] == "refused"]

    def refused(self, frame):
        return self.refusals(f"results/calibrated/{frame}.fits")

    def made(self):
        return {each["master"] for each in self.members}

    def masters(self, kind):
        return sorted(name for name in self.made() if name.startswith(f"results/masters/{kind}/"))

    def frames_in(self, product):
        return [each["frame"] for each in self.members if each["master"] == product]


def ccd_night(**facts):
    return [
        *rows("bias", 5, **facts),
        *rows("dark", 3, 60, **facts),
        *rows("flat", 3, 5, **facts),
        *rows("light", 2, 30, **facts),
    ]


def test_a_night_with_biases_darks_and_flats():
    night = Planned(ccd_night())
    assert len(night.masters("bias")) == len(night.masters("dark")) == 1
    assert len(night.masters("flat")) == 1
    assert night.frames_in(night.masters("bias")[0]) == [f"bias{n}" for n in range(5)]
    for frame in ("light0", "light1"):
        assert night.refused(frame) == []
        assert night.of(frame, "bias")["master"] == night.masters("bias")[0]
        assert night.of(frame, "dark")["master"] == night.masters("dark")[0]
        assert float(night.of(frame, "dark")["scale"]) == 0.5
        assert night.of(frame, "flat")["master"] == night.masters("flat")[0]
    assert night.choices[night.masters("dark")[0], "bias"]["status"] == "used"
    assert night.choices[night.masters("flat")[0], "dark"]["status"] == "used"


def test_the_tables_have_their_columns():
    night = Planned(ccd_night())
    assert all(list(each) == list(PLAN_TABLE.columns) for each in night.plan)
    assert all(list(each) == list(MEMBERS_TABLE.columns) for each in night.members)
    assert all(each["reason"] for each in night.plan)


def test_a_night_with_an_overscan_alone():
    night = Planned([*rows("flat", 3, 5), *rows("light", 2, 30)])
    assert night.refused("light0") == []
    for kind in ("bias", "dark"):
        choice = night.of("light0", kind)
        assert choice["status"] == "skipped"
        assert choice["reason"] == f"no {kind} within 7 days; missing.{kind} is auto"


def _refused(found, **facts):
    lost = {"status": "refused", "reason": "DATASEC is wrong"}
    return [each | lost | facts for each in found]


@pytest.mark.parametrize(
    "facts",
    [
        {},
        # a header that cannot be read tells no type, night or date; the name does
        {"imagetyp": None, "night": None, "date_obs": None},
    ],
)
@pytest.mark.parametrize("kind", ["bias", "dark", "flat"])
def test_lights_are_not_made_without_what_was_refused(kind, facts):
    """All flats refused at the index: "no flat within 7 days", and the lights were made without."""
    night = [each for each in ccd_night() if each["imagetyp"] != kind]
    lost = _refused(rows(kind, 3, 5), **facts)
    found = Planned(night + lost)
    assert found.of("light0", kind)["status"] == "refused"
    said = f"light0.fits: no {kind} frame to make a master from; 3 {kind} frames were refused, "
    assert found.of("light0", kind)["reason"] == f"{said}DATASEC is wrong"
    # whom they are not worth it says so
    aside = {each["file"]: {"use": "false"} for each in lost}
    assert Planned(night + lost, aside).of("light0", kind)["status"] == "skipped"
    assert Planned(night + lost, missing={kind: "skip"}).of("light0", kind)["status"] == "skipped"


def test_refused_frames_of_another_time_or_of_an_exposure_that_is_used_lack_nobody():
    night = [*rows("bias", 3), *rows("flat", 3, 5), *rows("light", 1, 30)]
    old = rows("dark", 3, 30, date="2024-03-01T03:00:00", night="2024-02-29")
    double = _refused(rows("dark", 1, 30), reason="dark0.fits: duplicate, same content as d.fits")
    for lost in (_refused(old), double):
        choice = Planned(night + lost).of("light0", "dark")
        assert choice["reason"] == "no dark within 7 days; missing.dark is auto"


@pytest.mark.parametrize("kind", ["dark", "flat"])
def test_lights_are_not_made_without_what_has_no_date(kind):
    """Darks without a date were of no night: "no dark within 7 days", and lights went without."""
    night = [each for each in ccd_night() if each["imagetyp"] != kind]
    choice = Planned([*night, *rows(kind, 3, 5, date="")]).of("light0", kind)
    assert choice["status"] == "refused"
    assert "night undated, the frame's is 2024-05-12" in choice["reason"]
    # nor is a light without a date
    light = Planned([*ccd_night(), row("late.fits", "light", 30, date="")]).of("late", kind)
    assert light["status"] == "refused"
    assert "night 2024-05-12, the frame's is undated" in light["reason"]


@pytest.mark.parametrize("kind", ["bias", "dark", "flat"])
def test_frames_of_unknown_type_are_told_where_a_kind_lacks(kind):
    """All darks without IMAGETYP: the lights went without, and it was said that there are none."""
    night = [each for each in ccd_night() if each["imagetyp"] != kind]
    facts = {"imagetyp": None, "status": "unknown", "reason": "x0.fits: no typing rule fits"}
    odd = [each | facts for each in rows(kind, 3, 5, "x")]
    choice = Planned(night + odd).of("light0", kind)
    assert choice["status"] == "skipped"
    said = f"no {kind} within 7 days; missing.{kind} is auto; 3 frames are of unknown type and may "
    assert choice["reason"] == f"{said}be of this, x0.fits: no typing rule fits"
    # of another time, and set aside
    old = [each | {"date_obs": each["date_obs"].replace(year=2023)} for each in odd]
    aside = {each["file"]: {"use": "false"} for each in odd}
    for choice in (Planned(night + old), Planned(night + odd, aside)):
        assert "unknown" not in choice.of("light0", kind)["reason"]


def test_a_refused_flat_of_the_filter_is_told_where_others_do_not_fit():
    night = [*rows("flat", 3, 5, "red", filter="R"), *rows("light", 1, 30)]
    choice = Planned(night + _refused(rows("flat", 1, 5))).of("light0", "flat")
    assert choice["reason"].endswith("; 1 flat frame was refused, DATASEC is wrong")


def cmos_night(dark_flats=3, **facts):
    facts = {"overscan": False} | facts
    return [
        *rows("dark", 3, 120, "for_lights_", **facts),
        *rows("dark", dark_flats, 2, "for_flats_", **facts),
        *rows("flat", 3, 2, **facts),
        *rows("light", 2, 120, **facts),
    ]


def test_a_cmos_night_uses_darks_that_hold_their_pedestal():
    night = Planned(cmos_night())
    assert night.refused("light0") == []
    assert night.of("light0", "bias")["status"] == "skipped"
    assert "120" in night.of("light0", "dark")["master"]
    assert float(night.of("light0", "dark")["scale"]) == 1
    (flat,) = night.masters("flat")
    assert "_2s" in night.choices[flat, "dark"]["master"]
    assert night.refusals(flat) == []


def test_a_cmos_dark_is_never_scaled():
    night = Planned([*cmos_night(), row("long.fits", "light", 300, overscan=False)])
    assert night.refused("light0") == []
    (reason,) = night.refused("long")
    assert reason.startswith("long.fits: no master dark fits")
    assert (
        "exposure 120 s, the frame has 300 s and a dark that holds its bias cannot be scaled"
        in (reason)
    )


def test_without_dark_flats_a_cmos_flat_is_refused_and_its_lights_with_it():
    night = Planned(cmos_night(dark_flats=0))
    assert night.masters("flat") == []
    (reason,) = night.refused("light0")
    assert reason.startswith("light0.fits: no master flat fits")
    assert "holds its bias cannot be scaled" in reason


def test_a_pedestal_that_nothing_removes_is_refused():
    night = Planned([*rows("light", 1, 30, overscan=False)], missing={"flat": "skip"})
    (reason,) = night.refused("light0")
    assert reason.startswith("light0.fits: nothing removes its pedestal: no bias, no overscan")


def test_an_overscan_that_is_not_used_removes_nothing():
    night = Planned(rows("light", 1, 30), missing={"flat": "skip"}, overscan={"method": "none"})
    assert "nothing removes its pedestal" in night.refused("light0")[0]


def test_a_flat_with_its_pedestal_is_refused():
    night = Planned([*rows("flat", 3, 5, overscan=False), *rows("light", 1, 30)])
    assert night.masters("flat") == []
    assert any("nothing removes its pedestal" in each for each in night.refused("light0"))


def test_a_dark_that_holds_its_bias_is_not_taken_off_twice():
    # the bias frames are of another night, too old for the darks and not for the light
    night = Planned(
        [
            *rows("bias", 3, overscan=False, date="2024-05-20T03:00:00", night="2024-05-19"),
            *rows("dark", 3, 60, overscan=False, date="2024-05-10T03:00:00", night="2024-05-09"),
            row("light.fits", "light", 60, overscan=False, date="2024-05-15T03:00:00"),
        ],
        missing={"flat": "skip"},
    )
    (reason,) = night.refused("light")
    assert "still holds its bias, the frame's is taken off by other means" in reason


# --- too few, and mixed


def test_one_or_two_frames_make_a_master_where_there_are_no_more():
    later = {"date": "2024-05-14T03:00:00", "night": "2024-05-13"}
    few = [*rows("bias", 1, **later), *rows("flat", 2, 5, **later), *rows("light", 1, 30, **later)]
    night = Planned(few)
    assert night.refused("light0") == []
    assert len(night.frames_in(night.of("light0", "bias")["master"])) == 1
    night = Planned([*few, *rows("bias", 4, prefix="old_")])
    assert len(night.frames_in(night.of("light0", "bias")["master"])) == 4
    assert Planned(few, combine={"min_frames": 3}).refused("light0")


def test_too_few_frames_say_which():
    night = Planned([*ccd_night()[2:]], combine={"bias": {"min_frames": 4}})
    assert night.masters("bias") == []
    (reason,) = [each["reason"] for each in night.plan
                 if each["kind"] == "frames" and each["status"] == "refused"]  # fmt: skip
    assert "3 bias frames (bias2.fits, bias3.fits, bias4.fits), combine.min_frames is 4" in reason
    # they are there and do not fit, so that auto does not leave them out
    assert any("bias" in each for each in night.refused("light0"))


@pytest.mark.parametrize(
    ("fact", "value"),
    [("binning", "2x2"), ("readout_mode", "fast"), ("camera", "other"), ("naxis1", "200"),
     ("gain_setting", "3"), ("offset", "10"), ("extensions", "2")],
)  # fmt: skip
def test_a_calibration_that_differs_is_refused_with_both_values(fact, value):
    night = Planned([*ccd_night()[:-2], *rows("light", 1, 30, **{fact: value})])
    reasons = " ".join(night.refused("light0"))
    for kind in ("bias", "dark", "flat"):
        assert f"no master {kind} fits" in reasons
    name = "size" if fact in ("naxis1", "extensions") else fact
    assert re.search(rf"{name} \S+, the frame has \S+", reasons)
    assert value in reasons


def test_sizes_never_mix_even_when_match_does_not_ask():
    night = Planned(
        [*ccd_night()[:-2], *rows("light", 1, 30, naxis1=200)], match={"facts": ["binning"]}
    )
    assert "size 100x100, the frame has 200x100" in " ".join(night.refused("light0"))


def test_frames_of_two_gains_have_masters_of_their_own():
    """No card but the gain's own told them apart, and the whole night was refused."""
    index = []
    for gain in (1.6, 0.4):
        own = {"gain": gain, "read_noise": 5.0}
        for each in ccd_night(**own):
            name = f"g{gain}{each['file']}"
            index.append(each | {"file": name, "frame": name[:-5], "sha256": name})
    night = Planned(index)
    for gain in (1.6, 0.4):
        assert night.refused(f"g{gain}light0") == []
        for kind in ("bias", "dark", "flat"):
            master = night.of(f"g{gain}light0", kind)["master"]
            assert master.endswith(f"_{gain}e.fits")
            assert {name[:4] for name in night.frames_in(master)} == {f"g{gain}"}


def test_groups_that_no_gain_tells_apart_are_refused():
    index = [*ccd_night(gain=1.6), *rows("bias", 4, prefix="none", gain=None)]
    (reason,) = Planned(index).refusals("results/masters/bias/2024-05-12_cam_100x100_1x1.fits")
    assert "2 groups that differ would share the name" in reason
    assert "gain 1.6 and None" in reason


def test_a_gain_from_the_header_that_differs_is_refused():
    night = Planned([*ccd_night(gain=1.5)[:-2], *rows("light", 1, 30, gain=2.5)])
    assert "gain 1.5, the frame has 2.5" in " ".join(night.refused("light0"))


def test_frames_of_other_facts_make_other_masters():
    night = Planned([*ccd_night(), *rows("bias", 3, prefix="b", binning="2x2")])
    assert len(night.masters("bias")) == 2


def test_frames_of_another_gain_are_not_stacked():
    night = Planned([*rows("bias", 3, gain=1.5), *rows("bias", 3, prefix="b", gain=2.5)])
    first, second = night.masters("bias")
    assert first.endswith("_1.5e.fits") and second.endswith("_2.5e.fits")
    assert night.frames_in(first) == ["bias0", "bias1", "bias2"]
    assert night.frames_in(second) == ["bbias0", "bbias1", "bbias2"]


@pytest.mark.parametrize("kind", ["bias", "dark", "flat"])
@pytest.mark.parametrize("gain", [2.5, None])
def test_one_frame_of_another_gain_leaves_its_stack_by_name(kind, gain):
    """It made the master be refused, and with it all frames of the night."""
    index = ccd_night(gain=1.5)
    odd = next(each for each in index if each["file"].startswith(kind))
    night = Planned([*index, *rows(kind, 1, odd["exptime"], prefix="odd", gain=gain)])
    (master,) = night.masters(kind)
    assert f"odd{kind}0" not in night.frames_in(master)
    assert night.refused("light0") == night.refused("light1") == []
    others = len(night.frames_in(master))
    reason = f"odd{kind}0.fits: gain {gain} and 1.5 in the {others} others"
    assert night.of(f"odd{kind}0", "stack")["reason"] == reason


def test_a_filter_that_only_some_frames_lack_is_unknown():
    """A light without the card would be divided by a flat without it, whatever the two were."""
    odd = [*rows("flat", 2, 5, "none", filter=None), *rows("light", 1, 30, "none", filter=None)]
    night = Planned([*ccd_night(), *odd])
    (text,) = night.refused("nonelight0")
    assert "filter V, the frame has none" in text
    assert "filter none in noneflat0.fits, noneflat1.fits, and other frames of this camera" in text
    assert night.refused("light0") == []
    # one word for both, and they belong together
    words = {each["file"]: {"filter": "clear"} for each in odd}
    assert Planned([*ccd_night(), *odd], words).of("nonelight0", "flat")["status"] == "used"
    # where no frame has a filter there is none
    night = Planned(ccd_night(filter=None))
    assert night.of("light0", "flat")["status"] == "used"


def test_a_flat_of_another_filter_is_no_flat():
    night = Planned([*ccd_night()[:-2], *rows("light", 1, 30, filter="R")])
    (reason,) = night.refused("light0")
    assert "filter V, the frame has R" in reason


# --- missing policies


@pytest.mark.parametrize(
    ("policy", "with_frames", "status"),
    [
        ("auto", False, "skipped"),
        ("auto", True, "refused"),
        ("skip", False, "skipped"),
        ("skip", True, "skipped"),
        ("refuse", False, "refused"),
        ("refuse", True, "refused"),
    ],
)
@pytest.mark.parametrize("kind", ["bias", "dark", "flat"])
def test_missing(kind, policy, with_frames, status):
    others = [each for each in ccd_night() if each["imagetyp"] != kind]
    unfit = rows(kind, 3, 60, prefix="u", binning="2x2") if with_frames else []
    night = Planned(others + unfit, missing={kind: policy})
    assert night.of("light0", kind)["status"] == status


@pytest.mark.parametrize("kind", ["bias", "dark", "flat"])
def test_without_a_word_a_frame_goes_without_what_the_night_has_not(kind):
    assert Planned(rows("light", 1, 30)).of("light0", kind)["status"] == "skipped"
    other = rows(kind, 3, 30, binning="2x2")
    assert Planned([*other, *rows("light", 1, 30)]).of("light0", kind)["status"] == "refused"


def test_the_cameras_word_wins_over_the_default_and_the_configs_over_the_cameras():
    spec = camera(missing={"bias": "refuse", "flat": "auto"})
    night = Planned(rows("light", 1, 30), spec=spec)
    assert night.of("light0", "bias")["status"] == "refused"
    assert night.of("light0", "flat")["status"] == "skipped"
    night = Planned(rows("light", 1, 30), spec=spec, missing={"bias": "skip", "flat": "refuse"})
    assert night.of("light0", "bias")["status"] == "skipped"
    assert night.of("light0", "flat")["status"] == "refused"


# --- pins


def test_a_pin_wins_and_none_leaves_out():
    two = [
        *ccd_night(),
        *rows("flat", 3, 5, prefix="old", date="2024-05-11T03:00:00", night="2024-05-10"),
    ]
    name = next(each for each in Planned(two).masters("flat") if "2024-05-10" in each)
    stem = name.split("/")[-1].removesuffix(".fits")
    night = Planned(two, {"light0.fits": {"flat": stem, "dark": "none"}})
    assert night.of("light0", "flat")["master"] == name
    assert night.of("light0", "flat")["reason"].startswith("pinned")
    assert night.of("light0", "dark")["status"] == "skipped"
    assert night.of("light1", "flat")["master"] != name


def test_a_pin_to_nothing_lists_what_there_is():
    night = Planned(ccd_night(), {"light0.fits": {"flat": "typo"}})
    (reason,) = night.refused("light0")
    assert reason.startswith("light0.fits: corrections want flat 'typo', there is 2024-05-12_")


def pinned_to_dark(night, exptime, **parts):
    index = [*night, row("pinned.fits", "light", exptime, overscan=parts.pop("overscan", True))]
    (dark,) = [each for each in Planned(index, **parts).masters("dark") if "_2s" not in each]
    stem = dark.split("/")[-1].removesuffix(".fits")
    return Planned(index, {"pinned.fits": {"dark": stem}}, **parts)


def test_a_pin_does_not_scale_a_dark_that_holds_its_bias():
    night = pinned_to_dark(cmos_night(), 300, overscan=False)
    assert "holds its bias cannot be scaled" in " ".join(night.refused("pinned"))


def test_a_pin_does_not_scale_where_dark_scale_is_false():
    night = pinned_to_dark(ccd_night(), 300, dark={"scale": False})
    assert "dark.scale is false" in night.of("pinned", "dark")["reason"]


def test_a_pin_does_not_mix_sizes():
    index = [*ccd_night(), row("pinned.fits", "light", 30, naxis1="200")]
    stem = Planned(index).masters("bias")[0].split("/")[-1].removesuffix(".fits")
    night = Planned(index, {"pinned.fits": {"bias": stem}})
    assert "size 100x100, the frame has 200x100" in night.of("pinned", "bias")["reason"]


def test_a_pin_is_a_name_or_a_path_as_in_the_plan():
    (path,) = Planned(ccd_night()).masters("bias")
    name = path.rpartition("/")[2]
    for pin in (path, f"./{path}", name, name.removesuffix(".fits")):
        night = Planned(ccd_night(), {"light0.fits": {"bias": pin}})
        assert night.of("light0", "bias")["master"] == path
    night = Planned(ccd_night(), {"light0.fits": {"bias": name.replace("05-12", "05-13")}})
    assert night.of("light0", "bias")["reason"].endswith(f"there is {name.removesuffix('.fits')}")


def test_a_pin_to_a_master_that_is_refused_says_why():
    index = [*rows("bias", 2), *rows("light", 1, 30)]
    pin = {"light0.fits": {"bias": "2024-05-12_cam_100x100_1x1"}}
    night = Planned(index, pin, combine={"min_frames": 3})
    assert "combine.min_frames is 3" in night.of("light0", "bias")["reason"]


# --- temperature, age, exposure


def test_biases_of_two_temperatures_are_two_masters():
    cold = {"temperature": -10.0}
    warm = {"temperature": -5.2, "date": "2024-05-13T06:00:00"}
    index = [*rows("bias", 4, **cold), *rows("bias", 3, prefix="w", **warm)]
    index += [row("c.fits", "light", 30, **cold), row("h.fits", "light", 30, **warm)]
    index += [row("x.fits", "light", 30, temperature=20.0)]
    night = Planned(index)
    plain, other = night.masters("bias")
    assert plain.endswith("_1x1.fits") and other.endswith("_1x1_-5C.fits")
    assert [night.of(frame, "bias")["master"] for frame in "ch"] == [plain, other]
    # none is of its own temperature: the nearest one serves, and says so
    assert night.of("x", "bias")["master"] == other
    assert night.of("x", "bias")["reason"].endswith(
        "temperature -5.2, the frame has 20 (match.temperature 2.5)"
    )
    # a second temperature renames nothing
    assert Planned(index[:4]).masters("bias") == [plain]


def test_biases_that_drift_are_one_master():
    index = [row(f"b{n}.fits", "bias", temperature=18 + 1.5 * n) for n in range(6)]
    assert len(Planned([*index, *rows("bias", 2)]).masters("bias")) == 1


def test_darks_are_matched_in_temperature():
    index = [
        *rows("bias", 3),
        *rows("dark", 3, 60, prefix="cold", temperature=-20),
        *rows("dark", 3, 60, prefix="warm", temperature=-10),
        row("a.fits", "light", 60, temperature=-19.4),
        row("b.fits", "light", 60, temperature=-11),
        row("c.fits", "light", 60, temperature=-15),
    ]
    night = Planned(index, missing={"flat": "skip"})
    assert night.frames_in(night.of("a", "dark")["master"])[0].startswith("cold")
    assert night.frames_in(night.of("b", "dark")["master"])[0].startswith("warm")
    assert "temperature -20, the frame has -15 (match.temperature 2.5)" in night.refused("c")[0]


def test_a_set_point_that_wavers_by_a_tenth_is_one_group():
    temperatures = [-20, -19.9, -20.1, -20.05]
    index = [row(f"d{n}.fits", "dark", 60, temperature=t) for n, t in enumerate(temperatures)]
    assert len(Planned([*rows("bias", 3), *index]).masters("dark")) == 1


def test_the_own_night_comes_first_then_the_nearest():
    def biases(day):
        date = f"2024-05-{day:02d}T03:00:00"
        return rows("bias", 3, prefix=f"n{day}", date=date, night=f"2024-05-{day - 1:02d}")

    index = [*biases(8), *biases(11), *biases(13), row("a.fits", "light", 30)]
    night = Planned(index, missing={"flat": "skip"})
    assert "2024-05-12" in night.of("a", "bias")["master"]
    night = Planned([each for each in index if not each["file"].startswith("n13")],
                    missing={"flat": "skip"})  # fmt: skip
    choice = night.of("a", "bias")
    assert "2024-05-10" in choice["master"]
    assert float(choice["age"]) == pytest.approx(2, abs=1e-3)
    assert "2024-05-07" in choice["candidates"]


@pytest.mark.parametrize(
    ("max_age", "status"), [(7, "skipped"), (20, "used"), (1e6, "used"), (float("inf"), "used")]
)
def test_an_old_calibration_is_as_good_as_none(max_age, status):
    index = [
        *rows("flat", 3, 5, date="2024-05-01T03:00:00", night="2024-04-30"),
        *rows("light", 1, 30),
    ]
    night = Planned(index, match={"max_age": max_age})
    assert night.of("light0", "flat")["status"] == status
    if status == "skipped":
        choice = night.of("light0", "flat")
        assert choice["reason"].startswith("no flat within 7 days")
        assert "12.0 days away, at most 7 (match.max_age)" in choice["candidates"]


def test_the_exact_exposure_wins_then_the_nearest_longer_dark():
    index = [
        *rows("bias", 3),
        *itertools.chain(*(rows("dark", 3, t, prefix=f"t{t}_") for t in (10, 60, 300))),
        row("same.fits", "light", 60.3),
        row("between.fits", "light", 61.5),
        row("longest.fits", "light", 600),
    ]
    night = Planned(index, missing={"flat": "skip"})
    found = {}
    for frame in ("same", "between", "longest"):
        choice = night.of(frame, "dark")
        found[frame] = night.frames_in(choice["master"])[0], float(choice["scale"])
    assert found["same"] == ("t60_dark0", 1.0)
    assert found["between"] == ("t300_dark0", 61.5 / 300)
    assert found["longest"] == ("t300_dark0", 2.0)


def test_scaling_can_be_forbidden():
    night = Planned(ccd_night(), dark={"scale": False})
    assert "exposure 60 s, the frame has 30 s and dark.scale is false" in night.refused("light0")[0]


@pytest.mark.parametrize("exptime", [None, 0, -1])
@pytest.mark.parametrize("policy", ["auto", "refuse"])
def test_an_exposure_that_is_needed_and_not_there_is_refused(exptime, policy):
    night = Planned([*ccd_night()[:-2], *rows("light", 1, exptime)], missing={"dark": policy})
    (reason,) = night.refused("light0")
    assert reason.startswith("light0.fits: exptime=")
    assert "a dark needs a positive exposure time" in reason


@pytest.mark.parametrize("exptime", [None, 0])
def test_an_exposure_that_is_not_needed_may_be_missing(exptime):
    index = [*ccd_night()[:-2], *rows("light", 1, exptime)]
    night = Planned(index, missing={"dark": "skip"})
    assert night.of("light0", "dark")["status"] == "skipped"
    assert night.refused("light0") == []
    night = Planned(index, {"light0.fits": {"dark": "none"}})
    assert night.refused("light0") == []
    night = Planned([each for each in index if each["imagetyp"] != "dark"])
    assert night.refused("light0") == []


def test_a_dark_without_exposure_is_refused_by_name():
    night = Planned([*rows("bias", 3), *rows("dark", 3, None), *rows("light", 1, 30)])
    assert night.masters("dark") == []
    assert any("exptime=None in dark0.fits" in each["reason"] for each in night.plan)


def test_darks_whose_shutter_wavers_are_one_group():
    index = [row(f"d{n}.fits", "dark", t) for n, t in enumerate([59.998, 60.0, 60.003])]
    night = Planned([*rows("bias", 3), *index, *rows("light", 1, 60)], missing={"flat": "skip"})
    assert len(night.masters("dark")) == 1
    assert night.of("light0", "dark")["status"] == "used"


# --- a group of frames needs one master of each kind


def test_flats_of_several_exposures_share_a_dark_that_serves_all():
    index = [
        *rows("bias", 3),
        *rows("dark", 3, 5, prefix="short"),
        *rows("dark", 3, 60, prefix="long"),
        *[row(f"f{n}.fits", "flat", t) for n, t in enumerate([2, 4, 8, 16])],
        *rows("light", 1, 60),
    ]
    night = Planned(index)
    (flat,) = night.masters("flat")
    assert night.choices[flat, "dark"]["status"] == "used"
    assert night.refused("light0") == []


def test_flats_between_two_nights_of_biases_share_one():
    def biases(day):
        date = f"2024-05-{day:02d}T03:00:00"
        return rows("bias", 3, prefix=f"n{day}", date=date, night=f"2024-05-{day - 1:02d}")

    flats = [
        row(f"f{n}.fits", "flat", 5, date=f"2024-05-13T{hour:02d}:00:00")
        for n, hour in enumerate([1, 2, 4, 5])
    ]
    night = Planned([*biases(12), *biases(14), *flats, *rows("light", 1, 60)])
    assert len(night.masters("flat")) == 1


def hot_flats(seconds):
    """Flats and darks without biases or overscan: each exposure needs a dark of its own."""
    index = [*rows("light", 1, 60, overscan=False)]
    for number, time in enumerate(seconds):
        index.append(row(f"f{number}.fits", "flat", time, overscan=False))
    for time in (30, 60):
        index += rows("dark", 3, time, prefix=f"d{time}_", overscan=False)
    return index


def left(night):
    return {each["product"]: each["reason"] for each in night.plan if each["kind"] == "stack"}


def test_a_frame_that_does_not_fit_leaves_its_stack_by_name():
    night = Planned(hot_flats([60, 60, 60, 20]))
    (flat,) = night.masters("flat")
    assert night.frames_in(flat) == ["f0", "f1", "f2"]
    assert night.refused("light0") == []
    (gone,) = left(night)
    assert gone == "results/calibrated/f3.fits"
    choice = night.of("f3", "stack")
    assert (choice["status"], choice["master"]) == ("skipped", flat)
    assert choice["reason"].startswith("f3.fits: no master dark fits")
    assert "a dark that holds its bias cannot be scaled" in choice["reason"]


def test_each_flat_takes_the_dark_that_fits_it():
    night = Planned(hot_flats([30, 60, 60, 60, 30]))
    (flat,) = night.masters("flat")
    assert night.frames_in(flat) == ["f0", "f1", "f2", "f3", "f4"]
    assert left(night) == {}
    used = {row["frame"]: row["dark"] for row in night.members if row["master"] == flat}
    assert used == {"f0": "dark", "f4": "dark"} | dict.fromkeys(("f1", "f2", "f3"), "dark_2")
    assert "_30s" in night.choices[flat, "dark"]["master"]
    assert "_60s" in night.choices[flat, "dark_2"]["master"]


def test_a_stack_with_too_few_frames_left_is_refused_with_the_numbers():
    night = Planned(hot_flats([20, 20, 60, 60]), combine={"min_frames": 3})
    assert night.masters("flat") == [] and not left(night)
    (reason,) = night.refusals(f"results/masters/flat/{night_name(night)}.fits")
    assert "2 of 4 frames are left, combine.min_frames is 3" in reason
    assert reason.startswith("f0.fits: no master dark fits")


def night_name(night):
    (path,) = {each["product"] for each in night.plan if "/masters/flat/" in each["product"]}
    return path.rpartition("/")[2].removesuffix(".fits")


def test_frames_that_go_without_a_dark_leave_those_that_have_one_and_the_other_way_round():
    index = [*rows("bias", 3), *rows("dark", 3, 60), *rows("flat", 5, 5), *rows("light", 1, 60)]
    one = Planned(index, {"flat4.fits": {"dark": "none"}})
    assert list(left(one)) == ["results/calibrated/flat4.fits"]
    most = Planned(index, {f"flat{number}.fits": {"dark": "none"} for number in range(4)})
    assert "the others go without" in left(most)["results/calibrated/flat4.fits"]
    (flat,) = most.masters("flat")
    assert most.choices[flat, "dark"]["status"] == "skipped"


def test_a_dark_of_which_one_bias_is_refused_is_made_of_the_others():
    darks = [*rows("dark", 3, 60), row("d9.fits", "dark", 60)]
    night = Planned([*rows("bias", 3), *darks], {"d9.fits": {"bias": "nothing"}})
    (dark,) = night.masters("dark")
    assert night.frames_in(dark) == ["dark0", "dark1", "dark2"]
    assert "corrections want bias 'nothing'" in left(night)["results/calibrated/d9.fits"]


# --- detector


def unmeasured(kind, count, exptime=0.0, **facts):
    return rows(kind, count, exptime, gain=None, read_noise=None, **facts)


def test_gain_is_measured_from_the_nights_own_pairs():
    index = [*unmeasured("bias", 3), *unmeasured("flat", 3, 5), *unmeasured("light", 1, 30)]
    night = Planned(index)
    choice = night.of("light0", "detector")
    assert choice["status"] == "used"
    assert choice["master"] in night.made()


def test_without_pairs_the_noise_is_the_frames_own_scatter():
    night = Planned([*unmeasured("light", 1, 30)], missing={"flat": "skip"})
    assert night.refused("light0") == []
    choice = night.of("light0", "detector")
    assert choice["status"] == "skipped"
    assert choice["reason"] == (
        "sigma from scatter, gain unknown: gain is neither in the headers nor given by "
        "detector.gain, and to measure it two biases and two flats of one filter are needed, "
        "there are 0 and 0"
    )


def test_biases_alone_give_the_read_noise_that_a_declared_gain_lacks():
    def lacking(kind, count, exptime=0.0):
        return rows(kind, count, exptime, gain=2.06, read_noise=None)

    index = [*lacking("bias", 3), *lacking("light", 1, 30)]
    night = Planned(index, missing={"flat": "skip"})
    assert night.of("light0", "detector")["status"] == "used"
    night = Planned(index[2:], missing={"flat": "skip", "bias": "skip"})
    reason = night.of("light0", "detector")["reason"]
    assert reason.startswith("read noise from the overscan: read noise is neither in the headers")
    assert reason.endswith("to measure it two biases are needed, there is 1")


def test_biases_alone_give_no_gain_and_are_of_use_all_the_same():
    night = Planned([*unmeasured("bias", 3), *unmeasured("light", 1, 30)], missing={"flat": "skip"})
    assert night.refused("light0") == []
    assert night.of("light0", "detector")["status"] == "used"


def test_flats_and_biases_of_neighbouring_nights_give_a_gain():
    later = {"date": "2024-05-14T03:00:00", "night": "2024-05-13"}
    index = [*unmeasured("bias", 3), *unmeasured("flat", 3, 5, **later)]
    index += unmeasured("light", 1, 30, **later)
    night = Planned(index)
    detector = night.of("light0", "detector")["master"]
    assert len(night.frames_in(detector)) == 6
    far = Planned(index, match={"max_age": 0.5})
    assert far.of("light0", "detector")["status"] == "skipped"


# --- names, order


def test_one_more_frame_renames_nothing():
    before = Planned(ccd_night())
    for extra in (
        row("extra.fits", "bias"),
        row("extra.fits", "dark", 60),
        row("extra.fits", "flat", 7),
        row("extra.fits", "light", 30),
        row("extra.fits", "dark", 90),
    ):
        after = Planned([*ccd_night(), extra])
        assert before.made() <= after.made()
    # a single dark is no reason to leave the others
    assert after.of("light0", "dark")["master"] == before.of("light0", "dark")["master"]


@given(st.randoms(use_true_random=False))
@settings(max_examples=10, deadline=None)
def test_the_order_of_the_rows_does_not_matter(rng: random.Random):
    index = [*ccd_night(), *rows("bias", 3, prefix="x", binning="2x2"), row("d.fits", "dark", 9)]
    shuffled = list(index)
    rng.shuffle(shuffled)
    first, second = Planned(index), Planned(shuffled)
    assert first.plan == second.plan
    assert first.members == second.members


def test_nothing_that_is_given_is_changed():
    index, settings, spec = ccd_night(), config(), camera()
    before = repr((index, settings, spec))
    make_plan(index, settings, spec, {})
    assert repr((index, settings, spec)) == before


@pytest.mark.parametrize(
    ("first", "second"),
    [("r", "r'"), ("H\u03b1", "H\u03b2"), ("B", "B/2"), ("SDSS g", "SDSS g+")],
)
def test_two_filters_make_two_flats(first, second):
    index = [
        *rows("flat", 3, 5, prefix="a", filter=first),
        *rows("flat", 3, 5, prefix="b", filter=second),
    ]
    night = Planned(index)
    assert len(night.masters("flat")) == 2


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=70)


@given(TEXT, TEXT)
@settings(max_examples=60, deadline=None)
def test_whatever_a_fact_says_names_are_files_and_groups_do_not_mix(first, second):
    index = [
        *rows("flat", 3, 5, prefix="a", filter=first, camera=second),
        *rows("flat", 3, 5, prefix="b", filter=second, camera=first),
    ]
    night = Planned(index)
    for product in night.made():
        name = product.split("/", 3)[-1]
        assert re.fullmatch(r"[A-Za-z0-9_.+%~-]+", name.removeprefix("results/masters/flat/")), name
        assert len(name.encode()) <= 200
        if product.startswith("results/masters/flat/"):
            assert len({frame[0] for frame in night.frames_in(product)}) == 1 or first == second


def test_the_frames_of_a_night_with_corrections_only():
    index = _refused([row("a.fits", "light", 30)])
    assert frames_of(index, {}) == []
    assert make_plan(index, config(), camera(), {}) == ([], [])


# --- what the user sets aside, units, read noise, levels


def test_what_is_set_aside_has_a_row_and_nothing_else():
    index = [*ccd_night(), row("odd.fits", "") | {"status": "unknown", "reason": "odd.fits: what"}]
    night = Planned(index, {name: {"use": "false"} for name in ("odd.fits", "light0.fits")})
    for frame in ("odd", "light0"):
        choice = night.of(frame, "frame")
        assert (choice["status"], choice["reason"]) == (
            "skipped",
            f"{frame}.fits: corrections say use=false",
        )
        assert f"results/calibrated/{frame}.fits" not in night.made()


@pytest.mark.parametrize("kind", ["bias", "dark", "flat"])
def test_units_do_not_mix_in_a_stack(kind):
    index = ccd_night()
    for each in [each for each in index if each["imagetyp"] == kind][:1]:
        each["unit"] = "electron"
    night = Planned(index)
    (master,) = night.masters(kind)
    assert f"{kind}0" not in night.frames_in(master)
    assert "unit electron and None in the" in night.of(f"{kind}0", "stack")["reason"]


def test_a_light_in_another_unit_gets_no_calibration():
    night = Planned([*ccd_night(), row("e.fits", "light", 30, unit="electron")])
    assert "unit none, the frame has electron" in " ".join(night.refused("e"))


def test_frames_whose_read_noise_was_estimated_anew_belong_together():
    index = [
        *[row(f"b{n}.fits", "bias", read_noise=7.9 + 0.1 * n) for n in range(3)],
        *rows("flat", 3, 5),
        row("a.fits", "light", 30, read_noise=8.4),
    ]
    night = Planned(index)
    assert night.refused("a") == []
    assert len(night.masters("bias")) == 1


def test_a_bias_whose_overscan_was_subtracted_serves_no_frame_without_one():
    index = [*rows("bias", 3), row("a.fits", "light", 30, overscan=False)]
    whole = index[-1]["layout"].amplifiers[0]
    strip = index[0]["layout"].amplifiers[0].overscan
    for each in index[:-1]:
        each["layout"] = layout_of([replace(whole, overscan=strip)])
    night = Planned(index, missing={"flat": "skip"})
    assert "had its overscan subtracted, the frame has not" in night.of("a", "bias")["candidates"]


def test_a_dark_that_holds_the_structure_of_the_bias_does_not_take_it_off_again():
    # its own biases are too far away, those of the light are not
    index = [
        *rows("bias", 3, date="2024-05-20T03:00:00", night="2024-05-19"),
        *rows("dark", 3, 60, date="2024-05-10T03:00:00", night="2024-05-09"),
        row("a.fits", "light", 60, date="2024-05-15T03:00:00", night="2024-05-14"),
    ]
    night = Planned(index, missing={"flat": "skip"})
    assert night.of("a", "bias")["status"] == "used"
    reason = "had no bias subtracted, its structure would go twice from the frame"
    assert reason in night.of("a", "dark")["candidates"]


def test_the_scale_of_a_dark_for_each_flat_is_in_the_plan():
    index = [
        *rows("bias", 3),
        *rows("dark", 3, 60),
        *[row(f"f{n}.fits", "flat", 3 * n) for n in (1, 2, 3)],
    ]
    night = Planned(index)
    (flat,) = night.masters("flat")
    assert night.choices[flat, "dark"]["scale"] is None
    scales = [each["dark_scale"] for each in night.members if each["master"] == flat]
    assert scales == [3 / 60, 6 / 60, 9 / 60]


def _twins():
    """Flats and lights of two filters, and two lights, whose names differ in capitals alone."""
    facts = {"filter": "v"}
    return [
        *ccd_night(),
        *rows("flat", 3, 5, "sdss_", **facts),
        row("SDSS.fits", "light", 30, **facts),
        *(row(f"{name}.fits", "light", 30) for name in ("M13", "m13", "caf\u00e9", "CAFE\u0301")),
    ]


def test_names_that_differ_in_capitals_are_two_products():
    night = Planned(_twins())
    assert len(night.masters("flat")) == 2
    lights = ("M13", "m13", "SDSS", "caf\u00e9", "CAFE\u0301")
    assert not any(map(night.refused, lights))


def test_where_capitals_do_not_count_one_is_refused_with_both_names():
    """As on a Mac: one product would overwrite the other, whose pixels it is not."""
    night = Planned(_twins(), one_case=True)
    assert (night.refused("M13"), night.refused("CAFE\u0301")) == ([], [])
    (reason,) = night.refused("m13")
    told = "results/calibrated/m13.fits: the file of results/calibrated/M13.fits where"
    assert reason.startswith(told)
    assert (
        "caf\u00e9.fits: the file of results/calibrated/CAFE\u0301.fits"
        in night.refused("caf\u00e9")[0]
    )
    (flat,) = night.masters("flat")
    assert flat.endswith("_V.fits")
    assert f"{flat[:-6]}v.fits: the file of {flat} where" in night.refused("SDSS")[0]
    # no two products are one file
    made = [each.casefold() for each in night.made()]
    assert len(made) == len(set(made))


def test_pairs_of_a_measurement_are_neighbours_in_time_whatever_files_are_called():
    def night(names):
        found = []
        for minute, name in enumerate(names):
            kind = "flat" if minute >= 3 else "bias"
            date = f"2024-05-13T03:{minute:02d}:00"
            found.append(row(f"{name}.fits", kind, 5.0 * (kind == "flat"), date=date, gain=None))
        plan = Planned(found)
        (product,) = (name for name in plan.made() if name.startswith("results/detector/"))
        return [names.index(frame) for frame in plan.frames_in(product)]

    assert night(["a", "b", "c", "d", "e"]) == night(["e", "c", "a", "d", "b"]) == [0, 1, 2, 3, 4]
