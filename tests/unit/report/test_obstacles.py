"""Causes of refusals by what they cost, and advice that works in the state that prints it."""

import re

import pytest
import yaml
from making import camera, config, row, rows

from ccdlib.plan.night_plan import make_plan
from ccdlib.report.advice import ADVICE
from ccdlib.report.obstacles import obstacles


def refused(index, **parts):
    """[(product, reason)] of a plan."""
    plan, _ = make_plan(index, config(**parts), camera(), {})
    return [(each["product"], each["reason"]) for each in plan if each["status"] == "refused"]


def test_what_costs_most_lights_comes_first_and_each_once():
    files = [("bad.fits", "bad.fits: empty file"), ("worse.fits", "worse.fits: empty file")]
    one = [("results/calibrated/r.fits", "r.fits: no master dark fits (too warm)")]
    flat = "flat0.fits: its frames differ"
    two = [
        ("results/masters/flat/x.fits", flat),
        *(
            (f"results/calibrated/{n}.fits", f"{n}.fits: no master flat fits (x: {flat})")
            for n in "ab"
        ),
    ]
    found = obstacles([*files, *one, *two])
    assert [(each.refused, each.lights) for each in found] == [
        (["results/masters/flat/x.fits"], 2),
        (["results/calibrated/a.fits", "results/calibrated/b.fits"], 2),
        (["results/calibrated/r.fits"], 1),
        (["bad.fits", "worse.fits"], 0),
    ]
    assert found[-1].act == "Copy the file again from where it was taken."


def test_a_reason_that_begins_like_its_file_is_a_cause_of_its_own():
    files = [("empty.fits", "empty.fits: empty file"), ("cut.fits", "cut.fits: cut, 1 of 2 blocks")]
    assert {each.cause for each in obstacles(files)} == {"empty file", "cut, 1 of 2 blocks"}


def test_a_cause_that_names_the_exposure_of_each_frame_is_one():
    lights = [row(f"{seconds}.fits", "light", seconds, overscan=False) for seconds in (30, 60, 90)]
    (found,) = obstacles(refused(lights))
    assert found.lights == 3
    assert "no dark of its own exposure (30.0 s)" in found.cause


# a night for each command: what is there, and the settings under which it is refused
STATES = {
    "no flat frame": ([], {"missing": {"flat": "refuse"}}),
    "no bias frame": ([], {"missing": {"bias": "refuse"}}),
    "no dark frame": ([], {"missing": {"dark": "refuse"}}),
    "no master flat": (rows("flat", 3, 5, readout_mode="fast"), {}),
    "no master flat.*filter [^,;()]+, the frame has": (rows("flat", 3, 5, filter="R"), {}),
    "no master bias": (rows("bias", 3, readout_mode="fast"), {}),
    "no master dark": (rows("dark", 3, 30, temperature=-30.0), {}),
}


@pytest.mark.parametrize("words", STATES)
def test_a_command_does_what_it_says_in_the_state_that_prints_it(words):
    frames, settings = STATES[words]
    index = [row("a.fits", "light", 30, temperature=-10.0), *frames]
    (obstacle,) = obstacles(refused(index, **settings))
    assert re.search(words, obstacle.cause)
    assert obstacle.lights == 1
    key, value = re.search(r"--config '(\w+)=(.*)'", obstacle.act).groups()
    assert refused(index, **{key: settings.get(key, {}) | yaml.safe_load(value)}) == []


def test_every_command_is_tried_here():
    assert {words for words, text in ADVICE if "--config" in text} == set(STATES)


def test_advice_has_no_example_values():
    """A number that only the user knows is asked for, not made up."""
    assert not [text for _, text in ADVICE if re.search(r"\d", text)]
