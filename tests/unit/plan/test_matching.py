"""Which master serves which frame, one decision at a time."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from making import config, row

from ccdlib.plan.frames import frames_of
from ccdlib.plan.matching import (
    Master,
    amplifier_difference,
    choose_bias,
    choose_dark,
    choose_master,
)

MATCH = config()["match"]
START = datetime(2024, 5, 13, 3)


def frame(kind="light", exptime=60.0, hours=0.0, **facts):
    date = (START + timedelta(hours=hours)).isoformat()
    return frames_of([row(f"{kind}.fits", kind, exptime, date=date, **facts)], {})[0]


def dark(exptime, name=None, hours=0.0, **changes):
    own = {"exptime": exptime, "temperature": changes.pop("temperature", None)}
    return Master(
        "dark", name or f"{exptime:g}s", (frame("dark", exptime, hours),), **own, **changes
    )


def chosen(exptime, masters, *, may_scale=True, pedestal_gone=True, **facts):
    return choose_dark(
        frame(exptime=exptime, **facts), masters, MATCH, "auto", True,
        may_scale=may_scale, pedestal_gone=pedestal_gone,
    )  # fmt: skip


def test_a_master_without_all_dates_has_none():
    dated, undated = frame("bias"), frames_of([row("u.fits", "bias", date="")], {})[0]
    assert Master("bias", "a", (dated, dated)).date == START
    assert Master("bias", "a", (dated, undated)).date is None


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=6))
def test_the_date_of_a_master_is_the_mean(hours):
    master = Master("bias", "a", tuple(frame("bias", hours=each) for each in hours))
    expected = START + timedelta(hours=sum(hours) / len(hours))
    assert abs(master.date - expected) < timedelta(milliseconds=1)


def test_without_dates_only_the_own_night_serves():
    own, other = (
        Master("bias", name, tuple(frames_of([row("b.fits", "bias", date="", night=name)], {})))
        for name in ("one", "two")
    )
    light = frames_of([row("l.fits", "light", 60, date="", night="two")], {})[0]
    choice = choose_bias(light, [own, other], MATCH, "auto", True)
    assert choice.master is other
    assert "night one, the frame's is two" in choice.candidates


def test_equals_are_told_apart_by_name_whatever_their_order():
    masters = [Master("flat", name, (frame("flat"),)) for name in ("b", "a", "c")]
    for each in (masters, masters[::-1]):
        assert choose_master(frame(), each, MATCH, "refuse", True, "flat").master.name == "a"


def test_the_loser_is_listed_with_its_reason():
    choice = chosen(60, [dark(60), dark(120), dark(30, refused="three were cut")])
    assert choice.master.name == "60s"
    assert "120s: fits, 60s is nearer" in choice.candidates
    assert "30s: three were cut" in choice.candidates


@pytest.mark.parametrize(
    ("exptime", "name"), [(60, "60s"), (61, "120s"), (20, "30s"), (999, "120s")]
)
def test_the_nearest_longer_dark_before_a_shorter(exptime, name):
    assert chosen(exptime, [dark(30), dark(60), dark(120)]).master.name == name


def test_a_relative_tolerance_of_exposure():
    assert chosen(60.5, [dark(60)]).scale == 1
    assert chosen(60.7, [dark(60)]).scale == pytest.approx(60.7 / 60)


@pytest.mark.parametrize("pedestal_gone", [True, False])
def test_a_dark_that_holds_its_bias(pedestal_gone):
    holding = dark(60, pedestal_removed=False)
    choice = chosen(60, [holding], pedestal_gone=pedestal_gone)
    assert choice.status == ("refused" if pedestal_gone else "used")
    assert chosen(90, [holding], pedestal_gone=pedestal_gone).status == "refused"


def test_an_unknown_temperature_is_no_misfit():
    assert chosen(60, [dark(60, temperature=-20.0)]).status == "used"
    assert chosen(60, [dark(60)], temperature=-5.0).status == "used"
    assert chosen(60, [dark(60, temperature=-20.0)], temperature=-5.0).status == "refused"


def test_amplifiers_are_compared_in_shape_and_gain():
    one, same, other, unknown = (
        row("a.fits", "light", 1, gain=gain)["layout"] for gain in (1.5, 1.5, 2.5, None)
    )
    assert amplifier_difference(one, same) is None
    assert amplifier_difference(one, unknown) is None
    assert amplifier_difference(one, other) == ("gain", 1.5, 2.5)
    whole = row("a.fits", "light", 1, gain=1.5, overscan=False)["layout"]
    assert amplifier_difference(one, whole) == ("data", "[1:90,1:100]", "[1:100,1:100]")


def test_of_two_darks_the_one_that_takes_the_pedestal_is_chosen():
    without, holding = dark(60, "a"), dark(60.5, "b", pedestal_removed=False)
    assert chosen(60, [without, holding], pedestal_gone=False).master is holding
    assert chosen(60, [without, holding], pedestal_gone=True).master is without
    choice = chosen(60, [without], pedestal_gone=False)
    assert choice.status == "refused"
    assert "holds its bias no more, and nothing else takes off the frame's" in choice.reason


def test_of_many_losers_the_nearest_are_listed_and_the_rest_counted():
    masters = [Master("bias", f"day{day}", (frame("bias", 0, 24 * day),)) for day in range(9, 30)]
    choice = choose_bias(frame(), masters[::-1], MATCH, "refuse", True)
    days = [9, 10, 11, 12]
    listed = [f"day{day}: {day:.1f} days away, at most 7 (match.max_age)" for day in days]
    assert choice.candidates == "; ".join([*listed, "17 others"])
    assert choice.candidates in choice.reason
