"""Plan and members as the rules ask for them: sources, params, and what changes them."""

import json
from pathlib import Path

import pytest
from making import camera, config, row, rows

from ccdlib.config import combine_settings
from ccdlib.errors import CcdlibError
from ccdlib.kinds import KINDS, record_of
from ccdlib.plan import job_needs
from ccdlib.plan.night_plan import make_plan
from ccdlib.plan.plan_tables import Plan

STACKED = ("bias", "dark", "flat")
KEYS = {name: f"{name} settings and code" for name in KINDS}
LIGHT = "results/calibrated/light0.fits"


def night(**changes):
    index = [*rows("bias", 3), *rows("dark", 3, 60), *rows("flat", 3, 5), *rows("light", 2, 30)]
    return [each | changes.get(each["frame"], {}) for each in index]


def plan(index=None, **parts):
    made = make_plan(night() if index is None else index, config(**parts), camera(), {})
    return Plan(*made)


def all_params(planned, keys=KEYS):
    return {product: planned.params(product, keys) for product in planned.targets(STACKED)} | {
        product: planned.params(product, keys) for product in planned.targets(["light"])
    }


def changed(first, second):
    before, after = all_params(first), all_params(second)
    assert set(before) == set(after)
    return {product for product in before if before[product] != after[product]}


def masters(planned):
    return {each for each in planned.targets([]) if each.startswith("results/masters/")}


def test_by_default_the_masters_and_what_is_kept():
    targets = list(plan().targets(["light"]))
    assert {name for name in targets if name.startswith("results/calibrated/")} == {
        LIGHT, "results/calibrated/light1.fits"
    }  # fmt: skip
    for kind in (*STACKED, "bad_pixels"):
        assert plan().calibrations(LIGHT)[kind] in targets
    assert len(set(targets)) == len(targets)


@pytest.fixture
def raw_dir(tmp_path):
    for each in [*night(), {"file": "m{1}.fits"}]:
        (tmp_path / each["file"]).touch()
    return str(tmp_path)


def test_the_sources_of_a_light_and_of_a_master(raw_dir):
    planned = plan()
    sources = planned.sources(LIGHT, raw_dir)
    assert sources["raw"] == [f"{raw_dir}/light0.fits"]
    assert {"bias", "dark", "flat", "bad_pixels"} <= set(sources)
    for kind in STACKED:
        raw = planned.sources(sources[kind], raw_dir)["raw"]
        assert raw == [f"{raw_dir}/{kind}{number}.fits" for number in range(3)]


def test_a_raw_frame_that_is_gone_stops_its_own_job_and_not_the_run(raw_dir):
    assert plan().sources(LIGHT, raw_dir + "/elsewhere")["raw"] == []


def test_what_is_refused_or_unknown_has_no_sources_but_a_reason():
    planned = plan([*night(), row("odd.fits", "light", 30, filter="R")])
    with pytest.raises(CcdlibError, match=r"odd.fits is refused: .*filter V, the frame has R"):
        planned.sources("results/calibrated/odd.fits", "raw")
    with pytest.raises(CcdlibError, match=r"typo.fits: no raw frame in results/index.csv leads to"):
        planned.sources("results/calibrated/typo.fits", "raw")
    with pytest.raises(CcdlibError, match=rf"leads to it; did you mean {LIGHT}\?"):
        planned.sources(Path(LIGHT).name, "raw")


def test_a_brace_in_a_file_name_does_not_reach_snakemake(raw_dir):
    index = [*night(), row("m{1}.fits", "light", 30, frame="m%7B1%7D")]
    sources = plan(index).sources("results/calibrated/m%7B1%7D.fits", raw_dir)
    assert sources["raw"] == []
    assert "m{1}.fits" in json.dumps(plan(index).params("results/calibrated/m%7B1%7D.fits", KEYS))


# --- design section 6: what changes, and nothing else


def test_a_light_that_changed_changes_itself():
    found = changed(plan(), plan(night(light0={"sha256": "other"})))
    assert found == {LIGHT}


def test_a_bias_that_changed_changes_all_that_use_it():
    after = plan(night(bias1={"sha256": "other"}))
    found = changed(plan(), after)
    assert masters(after) <= found
    assert {LIGHT, "results/calibrated/light1.fits"} <= found
    assert not {name for name in found if "calibrated/bias" in name} - {
        "results/calibrated/bias1.fits"
    }


def test_a_flat_that_changed_leaves_bias_and_dark_alone():
    after = plan(night(flat2={"sha256": "other"}))
    found = changed(plan(), after)
    assert LIGHT in found
    assert not {name for name in found if "/bias/" in name or "/dark/" in name}


def test_the_settings_of_a_rule_change_what_follows_from_it():
    planned = plan()
    keys = KEYS | {"flat": "other settings"}
    before, after = all_params(planned), all_params(planned, keys)
    fresh = all_params(plan(), keys)
    found = {product for product in before if before[product] != fresh[product]}
    assert LIGHT in found
    assert not {name for name in found if "/bias/" in name or "/dark/" in name}
    assert after.keys() == fresh.keys()


def test_one_more_light_changes_nothing_else():
    before, after = plan(), plan([*night(), row("new.fits", "light", 30)])
    first, second = all_params(before), all_params(after)
    assert {product for product in second if first.get(product) != second[product]} == {
        "results/calibrated/new.fits"
    }


def test_the_scale_of_a_dark_is_exact():
    assert plan().dark_scale(LIGHT) == 0.5
    index = [each | ({"exptime": 7.1} if each["frame"] == "light0" else {}) for each in night()]
    assert plan(index).dark_scale(LIGHT) == 7.1 / 60


@pytest.mark.parametrize(
    ("product", "record"),
    [
        (LIGHT, "results/qa/calibrated/light0.json"),
        ("results/masters/bias/x.fits", "results/qa/masters/bias/x.json"),
        ("results/masters/bad_pixels/x.fits", None),
        ("results/detector/x.json", None),
    ],
)
def test_which_products_leave_a_record(product, record):
    assert record_of(product) == record


def test_what_no_frame_leads_to_is_left_from_before(tmp_path):
    for name in ("calibrated/light0.fits", "calibrated/gone.fits", "masters/bias/gone.fits"):
        (tmp_path / "results" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "results" / name).touch()
    import os

    before = os.getcwd()
    os.chdir(tmp_path)
    try:
        assert set(plan().orphans()) == {
            "results/calibrated/gone.fits", "results/masters/bias/gone.fits"
        }  # fmt: skip
    finally:
        os.chdir(before)


def test_settings_of_a_kind_are_its_own():
    assert combine_settings(config(combine={"flat": {"method": "median"}}), "bias")["method"] == (
        "mean"
    )


def test_what_a_job_asks_for_follows_its_frames_and_grows_with_each_attempt():
    planned = plan()
    once = planned.needs(LIGHT, 1)
    assert set(once) == {"mem_mb", "runtime"}
    assert planned.needs(LIGHT, 3) == {name: 3 * value for name, value in once.items()}
    assert planned.needs(LIGHT, 1, {"overscan": {}}) == once
    light, bias = (job_needs.memory_mb(KINDS[kind], 10**7, 1, 1) for kind in ("calibrated", "bias"))
    # sixteen million pixels need a gigabyte more, a thousand frames of them no gigabyte more
    assert job_needs.memory_mb(KINDS["calibrated"], 26 * 10**6, 1, 1) - light > 1000
    assert job_needs.memory_mb(KINDS["bias"], 10**7, 1000, 1) - bias < 1000
    assert job_needs.runtime(10**7, 1000, 1) > job_needs.runtime(10**7, 10, 1)


@pytest.mark.parametrize(
    ("asked", "times"),
    [
        ({}, 1),
        ({"grid": "union"}, 2),
        ({"grid": "intersection", "north_up": True}, 2),
        ({"scale": 0.5}, 4),
        ({"grid": {"shape": [3000, 4000]}}, 12),
    ],
)
def test_a_stack_of_many_pixels_asks_for_more(asked, times):
    settings = {"grid": "reference", "north_up": False, "scale": 1}
    assert job_needs.stack_pixels(settings | asked, 10**6) == times * 10**6
    planned = plan()
    pixels = planned.needs(LIGHT, 1)["mem_mb"]
    larger = planned.needs(LIGHT, 1, {"stack": settings | {"grid": {"shape": [5000, 5000]}}})
    # sixty-four bytes a pixel
    assert 1500 < larger["mem_mb"] - pixels < 1700


@pytest.mark.parametrize(
    ("products", "cores", "threads"),
    [(1, 2, 2), (2, 2, 1), (2, 4, 2), (3, 2, 1), (1, 1, 1), (0, 2, 2), (5, None, 2)],
)
def test_masters_of_a_kind_share_the_cores(products, cores, threads):
    assert job_needs.threads(products, cores) == threads
    planned = plan()
    assert planned.threads("bias", 2) == 2
    assert planned.threads("calibrated", 1) == 1


@pytest.mark.parametrize(
    "path", ["results/../../evil.fits", "/tmp/evil.fits", "../evil.fits", "ready/../evil.fits"]
)
@pytest.mark.parametrize("table", [0, 1])
def test_a_path_that_leads_out_of_the_results_is_refused(table, path):
    tables = make_plan(night(), config(), camera(), {})
    tables[table][0] |= {"master": path}
    with pytest.raises(CcdlibError, match=f"'{path}' is not below results/"):
        Plan(*tables)
