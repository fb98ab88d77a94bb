"""Who is lent what: by facts and dates, never in a circle."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from ccdlib.archives.loans import Loan, Loans, rows_of_loans

FACTS = dict.fromkeys(
    ("binning", "readout_mode", "gain_setting", "offset", "unit", "done", "window", "row_order")
) | {"camera": "c", "size": "90x100", "object": None, "filter": None}
LAYOUT = {"hdu": 0, "data": "[1:90,1:100]", "place": "[1:90,1:100]", "gain": 2.0}


@dataclass(frozen=True)
class Night:
    """What `Loans` asks of a night."""

    pattern: str = "*"
    config: dict = field(
        default_factory=lambda: {"match": {"facts": ["camera", "binning"], "max_age": 7}}
    )


def frame(kind, day, **facts):
    date = (datetime(2024, 5, 1, 22) + timedelta(days=day)).isoformat()
    own = {"kind": kind, "night": date[:10], "exptime": 60.0, "temperature": None, "date": date}
    return own | {"facts": FACTS | facts, "layout": "l"}


def survey(day, has=(), lacks=()):
    """A night with masters (kind, facts) and lacks (kind, facts) of lights."""
    masters = [
        {
            "product": f"results/masters/{kind}/{day}_{''.join(facts.values())}.fits",
            "recipe": f"{kind} of {day}",
            "frame": frame(kind, day, **facts),
        }
        for kind, facts in has
    ]
    lacking = [{"kind": kind, "frame": frame("light", day, **facts)} for kind, facts in lacks]
    return {"masters": masters, "lacks": lacking, "layouts": {"l": [LAYOUT]}}


def loans(surveys, most=2, nights=None):
    named = {f"n{day:02}": found for day, found in surveys.items()}
    return Loans(nights or dict.fromkeys(named, Night()), named, most)


V, R = {"filter": "V"}, {"filter": "R"}


def lent(found, name):
    return [(each.kind, each.lender) for each in found.of(name)]


def test_the_nearest_nights_lend_what_agrees_in_facts():
    found = loans(
        {
            1: survey(1, has=[("flat", V)]),
            3: survey(3, has=[("flat", V), ("flat", R)]),
            4: survey(4, lacks=[("flat", V)]),
            5: survey(5, has=[("flat", R), ("bias", {})]),
            6: survey(6, has=[("flat", V | {"binning": "2x2"})]),
            9: survey(9, has=[("flat", V)]),
            12: survey(12, has=[("flat", V)]),
        }
    )
    assert lent(found, "n04") == [("flat", "n01"), ("flat", "n03")]
    assert [row["lender"] for row in rows_of_loans(["n01", "n04"], found)] == ["n01", "n03"]
    assert found.of("n04")[0].path == "nights/n01/results/masters/flat/1_V.fits"


def test_nothing_is_lent_beyond_the_largest_age_or_between_instruments():
    surveys = {1: survey(1, has=[("bias", {})]), 9: survey(9, lacks=[("bias", {})])}
    assert lent(loans(surveys), "n09") == []
    surveys = {1: survey(1, has=[("bias", {})]), 2: survey(2, lacks=[("bias", {})])}
    assert lent(loans(surveys), "n02") == [("bias", "n01")]
    assert lent(loans(surveys, most=0), "n02") == []
    nights = {"n01": Night("a/*"), "n02": Night("b/*")}
    assert lent(loans(surveys, nights=nights), "n02") == []


@pytest.mark.parametrize("max_age", [1e6, float("inf")])
def test_a_largest_age_that_no_calendar_has_is_any(max_age):
    match = {"facts": ["camera", "binning"], "max_age": max_age}
    nights = dict.fromkeys(("n01", "n02"), Night(config={"match": match}))
    surveys = {1: survey(1, has=[("bias", {})]), 2: survey(2000, lacks=[("bias", {})])}
    assert lent(loans(surveys, nights=nights), "n02") == [("bias", "n01")]


def test_no_night_waits_for_one_that_waits_for_it():
    """Two nights that could lend to each other, and a third."""
    surveys = {
        1: survey(1, has=[("bias", {})], lacks=[("flat", V)]),
        2: survey(2, has=[("flat", V)], lacks=[("bias", {})]),
        3: survey(3, has=[("bias", {}), ("flat", V)]),
    }
    found = loans(surveys)
    assert lent(found, "n01") == [("flat", "n02"), ("flat", "n03")]
    # the bias of the first would close the circle: that of the third does not
    assert lent(found, "n02") == [("bias", "n03")]


@pytest.mark.parametrize("changed", ["bias of 1", "settings of n01", "settings of n02"])
def test_what_is_lent_depends_on_all_that_goes_into_it(changed):
    """The third is lent a flat of the second, which was made with the bias of the first."""
    surveys = {
        1: survey(1, has=[("bias", {})]),
        2: survey(2, has=[("flat", V)], lacks=[("bias", {})]),
        3: survey(3, lacks=[("flat", V)]),
    }
    keys = {"n01": "s", "n02": "s"}
    flat = Loan("flat", "n02", "2_V")
    before = loans(surveys).recipe(flat, keys)
    assert before == loans(surveys).recipe(flat, dict(keys))
    if changed == "bias of 1":
        surveys[1]["masters"][0]["recipe"] = "another"
    else:
        keys[changed.removeprefix("settings of ")] = "other"
    assert loans(surveys).recipe(flat, keys) != before
    assert lent(loans(surveys), "n03") == [("flat", "n02")]
