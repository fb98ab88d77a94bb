"""One entry declares a kind of product: all that looks at products follows from it."""

import os

import pytest
from making import camera, config, row, rows

from ccdlib import kinds
from ccdlib.commands import why
from ccdlib.kinds import FRAME_TYPES, KINDS, Kind
from ccdlib.plan.night_plan import make_plan
from ccdlib.plan.plan_columns import PLAN_TABLE
from ccdlib.plan.plan_tables import Plan, recipe_keys
from ccdlib.rerun import timestamps

LIGHT = "results/calibrated/light0.fits"
# what the next kind of master will be like: made of the night's own lights, for the lights
FRINGE = Kind(
    name="fringe",
    title="fringe frame",
    rule="combine_fringe",
    folder="results/masters/fringe",
    made_of=("light",),
    serves=("light",),
    sections=("overscan", "combine"),
    missing="skip",
    same=("filter",),
    recorded=True,
    combined=True,
)


@pytest.fixture
def fringe():
    """The table with one entry more, before the calibrated frames."""
    entries = list(KINDS.items())
    calibrated = KINDS.pop("calibrated")
    KINDS.update({"fringe": FRINGE, "calibrated": calibrated})
    yield
    KINDS.clear()
    KINDS.update(entries)


def _night():
    frames = [*rows("bias", 3), *rows("dark", 3, 60), *rows("flat", 3, 5)]
    return [*frames, *rows("light", 3, 30), row("other.fits", "light", 30, filter="R")]


def _planned():
    plan, members = make_plan(_night(), config(), camera(), {})
    return plan, members, Plan(plan, members)


def test_a_kind_gets_its_targets_rows_and_members(fringe):
    plan, _, planned = _planned()
    (master,) = [name for name in planned.targets(["light"]) if "/fringe/" in name]
    assert [each["file"] for each in planned.members(master)] == [
        f"light{number}.fits" for number in range(3)
    ]
    own = {each["kind"]: each["status"] for each in plan if each["product"] == master}
    assert {own["bias"], own["dark"], own["flat"], own["frames"]} == {"used"}
    assert "fringe" not in own
    used = [each for each in plan if each["kind"] == "fringe" and each["status"] == "used"]
    assert {each["product"] for each in used} == {
        f"results/calibrated/light{number}.fits" for number in range(3)
    }
    # no flat of that filter, so its light is refused; the fringe frame is never missed
    other = [each for each in plan if each["product"] == "results/calibrated/other.fits"]
    assert {each["kind"]: each["status"] for each in other}["fringe"] == "skipped"


def test_a_kind_gets_its_inputs_params_needs_and_record(fringe, tmp_path):
    _, _, planned = _planned()
    master = planned.calibrations(LIGHT)["fringe"]
    for each in _night():
        (tmp_path / each["file"]).touch()
    assert planned.sources(LIGHT, str(tmp_path))["fringe"] == master
    assert len(planned.sources(master, str(tmp_path))["raw"]) == 3
    keys = recipe_keys(config(), lambda kind: kind.name)
    params = planned.params(LIGHT, keys)
    assert params["masters"]["fringe"] == [master, planned.recipe(master, keys)]
    keys["fringe"] += " with other settings"
    _, _, again = _planned()
    assert again.params(LIGHT, keys)["recipe"] != params["recipe"]
    needs = [planned.needs(name, 1)["mem_mb"] for name in (master, LIGHT)]
    assert needs[0] > needs[1]
    assert kinds.record_of(master) == master.replace("results/", "results/qa/").replace(
        ".fits", ".json"
    )
    assert kinds.product_of(kinds.record_of(master)) == master


def test_a_kind_gets_its_line_in_why_and_its_place_in_time(fringe, tmp_path, monkeypatch):
    plan, _, planned = _planned()
    monkeypatch.chdir(tmp_path)
    PLAN_TABLE.write(plan)
    master = planned.calibrations(LIGHT)["fringe"]
    assert any(line.startswith(f"  fringe: used {master}") for line in why._choices(LIGHT))
    assert f"  {master}" in list(why._masters(LIGHT, planned))
    for name in (master, LIGHT):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    os.utime(tmp_path / LIGHT, ns=(10**9, 10**9))
    timestamps.put_in_order([])
    assert (tmp_path / master).stat().st_mtime_ns <= 10**9


def test_every_kind_is_whole():
    """What an entry names is there: rule, recipe, sections of the config, types of frames."""
    for kind in KINDS.values():
        assert set(kind.made_of) | set(kind.serves) <= set(FRAME_TYPES)
        assert {name.split(".")[0] for name in kind.sections} <= set(config())
        assert kind.pattern.startswith("results/")
