"""--until, --omit-from and --forcerun with the name of each rule, in runs and dry runs."""

import re

from small_night import (
    BAD,
    BAD_R,
    BAD_V,
    BIAS,
    DARK,
    DETECTOR,
    FLAT_R,
    FLAT_V,
    INDEX,
    LIGHTS,
    MASTERS,
    PIPELINE,
    TABLES,
)

from ccdlib.kinds import KINDS

FLATS, MAPS = {FLAT_V, FLAT_R}, {BAD, BAD_V, BAD_R}
# what each rule makes below results/, in an order in which each needs only those before it
MADE_BY = {
    "build_index": INDEX,
    "make_plan": TABLES - INDEX,
    "combine_bias": {BIAS},
    "measure_detector": {DETECTOR},
    "combine_dark": {DARK},
    "combine_flat": FLATS,
    "measure_bad_pixels": MAPS,
    "masters": set(),
    "calibrate_frame": LIGHTS,
    "write_night": set(),
    "write_report": set(),
}
# those that make what Work does not look at
ALSO = {
    "masters": "results/qa/masters.csv",
    "write_night": "results/report/2024-05-13.html",
    "write_report": "results/report/index.html",
}
# targets that make nothing, and what is made when the config asks for it
OTHERS = {"all", "night", "calibrated", "simulate_demo", "prune_products", "check_refusals"}
OTHERS |= {"make_stack", "stacks", "arrived", "improved"}
OTHERS |= {"make_illumination", "make_fringe", "flatten_light"}
# of an archive, see test_archive.py
OTHERS |= {"survey_night", "plan_loans", "reduce_night", "write_archive", "check_nights"}
# of what is fetched from object storage, see test_fetch.py
OTHERS |= {"fetch_frame"}


def _state(work, rule):
    """Which file is there of a rule whose product Work does not look at."""
    path = work.folder / ALSO.get(rule, "none")
    if not path.exists():
        return None
    found = path.stat()
    # an inode that was free may be given to the file that is written next
    return found.st_ino, found.st_mtime_ns


def test_every_rule_is_tried_here():
    files = [PIPELINE / "Snakefile", *(PIPELINE / "workflow").rglob("*.smk")]
    text = "\n".join(path.read_text() for path in [*files, PIPELINE / "workflow/Snakefile"])
    named = set(re.findall(r"^(?:rule|checkpoint) (\w+):", text, re.MULTILINE))
    assert named | {kind.rule for kind in KINDS.values()} == set(MADE_BY) | OTHERS


def test_until_a_rule_makes_its_products_and_what_they_need(raw):
    """First on a folder without index and plan; a dry run there ends with the plan."""
    text = raw.run("-n", "--until", "combine_bias").text
    assert set(re.findall(r"^(\w+) +\d+$", text, re.MULTILINE)) == {
        *("build_index", "make_plan", "total"),
    }
    assert raw.run("--until", "combine_bias").made == TABLES | {BIAS}
    assert "all that was asked for is there" in raw.run("--until", "combine_bias").text
    (raw.folder / "results" / BIAS).unlink()
    assert raw.planned("--until", "combine_bias") == {BIAS}
    assert raw.run("--until", "combine_bias").made == {BIAS}
    assert raw.run("--until", "combine_dark", "measure_detector").made == {DARK, DETECTOR}
    for rule in list(MADE_BY)[5:]:
        before = _state(raw, rule)
        assert raw.run("--until", rule).made == MADE_BY[rule], rule
        assert (_state(raw, rule) != before) == (rule in ALSO), rule


def test_a_rule_of_which_nothing_is_planned_is_told(raw):
    for path in raw.raw.glob("dark*"):
        path.unlink()
    run = raw.run("--until", "combine_dark")
    assert run.made == TABLES
    told = "--until combine_dark: nothing in the plan is made by it"
    assert told in run.text
    assert told in raw.run("-n", "--until", "combine_dark").text
    assert "in the plan" not in raw.run("-n", "--until", "combine_bias").text


def test_a_rule_that_is_forced_is_run_again_alone(again):
    """One before the plan, one of a master, one of the lights, one of a page."""
    for rule in ("build_index", "combine_flat", "calibrate_frame", "write_night"):
        before = _state(again, rule)
        assert again.run("--forcerun", rule, "--until", rule).made == MADE_BY[rule], rule
        assert (_state(again, rule) != before) == (rule in ALSO), rule


def test_omit_from_a_rule_makes_all_that_does_not_need_it(raw):
    steps = {
        "build_index": set(),
        "make_plan": INDEX,
        "combine_bias": TABLES - INDEX | {DETECTOR},
        "combine_dark": {BIAS},
        "combine_flat": {DARK, BAD},
        "calibrate_frame": MASTERS - {BIAS, DETECTOR, DARK, BAD},
        "write_night": LIGHTS,
    }
    for rule, products in steps.items():
        assert raw.run("--omit-from", rule).made == products, rule
    assert not (raw.folder / ALSO["write_report"]).exists()


def test_shares_beyond_the_last_frame_are_empty(again):
    """As a cluster's nodes have it that are more than the frames; the last run makes the rest."""
    lights = sorted(LIGHTS)
    for light in lights:
        (again.folder / "results" / light).unlink()
    assert again.run("calibrated", "--batch", "calibrated=2/9").made == {lights[1]}
    for share in "calibrated=4/9", "calibrated=8/9":
        done = again.run("calibrated", "--batch", share)
        assert not done.made
        number = share[11]
        assert f"share {number} of 9 is empty: calibrated has 3 input files" in done.text
    assert again.run().made == LIGHTS - {lights[1]}
    assert not again.run("calibrated", "--batch", "calibrated=9/9").made
