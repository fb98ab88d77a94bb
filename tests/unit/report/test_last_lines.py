"""The last lines of a run: what was made, what was refused and why."""

from pathlib import Path

import pytest
from making import camera, config, row, rows

from ccdlib.config import remember
from ccdlib.index.index_tables import INDEX_TABLE, data_frame, layouts_in, write_layouts
from ccdlib.plan.night_plan import make_plan
from ccdlib.plan.plan_columns import PLAN_TABLE, write_members
from ccdlib.quality.records import write_record
from ccdlib.report.last_lines import left_lights, lines, refusals


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(index, corrections=None, **parts):
        plan, members = make_plan(index, config(**parts), camera(), corrections or {})
        write_layouts(layouts_in(index))
        INDEX_TABLE.write(data_frame(INDEX_TABLE, index))
        PLAN_TABLE.write(plan)
        write_members(members)
        return {each["master"] for each in members}

    return write


def night():
    return [*rows("bias", 3), *rows("flat", 3, 5), *rows("light", 2, 30)]


def test_what_was_made_and_left_out(results):
    for product in results(night()):
        Path(product).parent.mkdir(parents=True, exist_ok=True)
        Path(product).write_text('{"amplifiers": []}' if product.endswith(".json") else "")
    text = lines(["light"])
    # a product of each frame is planned; bias and flat frames were made because they exist here
    assert text[0].endswith("masters in results/")
    stays = "dark current and hot pixels stay in"
    reason = "no dark within 7 days; missing.dark is auto"
    assert f"dark left out of 2 frames: {reason}; {stays}" in text
    assert text[-1] == "nothing refused"


def test_a_kind_that_is_left_out_is_told_with_why_its_masters_do_not_serve(results):
    cold = rows("dark", 3, 30, temperature=-30.0)
    lights = rows("light", 2, 30, temperature=-10.0)
    results([*rows("bias", 3), *cold, *lights], missing={"dark": "skip"})
    (line,) = [each for each in lines(["light"]) if each.startswith("dark left out of 2 frames: ")]
    assert "no dark fits; missing.dark is skip (why not results/calibrated/light0.fits: " in line
    assert "temperature -30, the frame has -10 (match.temperature " in line
    assert line.endswith("dark current and hot pixels stay in")


def test_refused_files_and_products_with_their_reasons_once(results):
    index = [
        *night(),
        row("odd.fits", "light", 30, filter="R"),
        row("bad.fits", "") | {"status": "refused", "reason": "bad.fits: empty file"},
        row("what.fits", "") | {"status": "unknown", "reason": "what.fits: no typing rule"},
    ]
    results(index)
    text = lines(["light"])
    start = text.index("3 refused (what to do: results/report/index.html):")
    # what costs a light comes first, and so does what may be the flat that it lacks
    assert text[start + 1] == "  what.fits: no typing rule"
    assert text[start + 3].startswith("  results/calibrated/odd.fits: ")
    assert "filter V, the frame has R" in text[start + 3]
    assert "1 frame is of unknown type and may be of this, what.fits: " in text[start + 3]
    assert all(text[start + at].startswith("    what to do for 1 frame: ") for at in (2, 4))
    assert text[start + 5] == "  bad.fits: empty file"
    assert text[start + 6] == "    what to do: Copy the file again from where it was taken."


def test_all_reasons_of_a_refusal_are_told_and_it_counts_once(results):
    lights = rows("light", 2, 30, filter="R", temperature=-10.0)
    results([*rows("bias", 3), *rows("dark", 3, 30, temperature=5.0), *rows("flat", 3, 5), *lights])
    text = lines(["light"])
    start = text.index("2 refused (what to do: results/report/index.html):")
    told = [line for line in text[start:] if line.startswith("  results/calibrated/light0.fits: ")]
    assert [line.split(" (")[0].rpartition(": ")[2] for line in told] == [
        *("no master flat fits", "no master dark fits"),
    ]
    assert sum(line.startswith("    what to do for 2 frames: ") for line in text) == 2
    # names are listed once
    assert text[start:].count("  results/calibrated/light1.fits: the same") == 1
    assert text[start:].count("  and 1 more of those above: the same") == 1


def test_a_raw_light_that_is_refused_counts_among_what_an_obstacle_costs(results):
    bad = {"status": "refused", "reason": "x.fits: EXPTIME=9e6 is 104 days (facts.exptime)"}
    results([*night(), row("x.fits", "light") | bad | {"failed": "exptime"}])
    assert "    what to do for 1 frame: Give its exptime in the table of `corrections`." in lines(
        ["light"]
    )


def test_frames_that_left_a_stack_are_named_once_for_each_reason(results):
    results(
        [*rows("bias", 3), *rows("flat", 5, 5), *rows("light", 1, 30)],
        {f"flat{number}.fits": {"bias": "no such"} for number in (3, 4)},
    )
    (line,) = [each for each in lines(["light"]) if " left out of results/" in each]
    assert line.startswith("flat3.fits, flat4.fits left out of results/masters/flat/")
    assert "corrections want bias 'no such', there is" in line


def test_a_frame_that_the_corrections_typed_is_not_refused(results):
    index = [
        *night(),
        row("what.fits", "") | {"status": "unknown", "reason": "what.fits: no typing rule",
                                "filter": "V", "exptime": 30.0},
    ]  # fmt: skip
    made = results(index, {"what.fits": {"imagetyp": "light"}})
    assert "results/calibrated/what.fits" in made
    assert refusals(["light"]) == []


def test_a_refused_frame_that_the_corrections_typed_is_told(results):
    index = [
        *night(),
        row("what.fits", "") | {"status": "unknown", "reason": "what.fits: no typing rule",
                                "filter": "R", "exptime": 30.0},
    ]  # fmt: skip
    results(index, {"what.fits": {"imagetyp": "light"}})
    assert [what for what, _ in refusals(["light"])] == ["results/calibrated/what.fits"]


def test_without_any_result_it_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert lines(["light"])[0] == "0 calibrated frames and 0 masters in results/"


def test_a_file_that_is_set_aside_is_not_refused_whatever_is_wrong_with_it(results):
    index = [
        *night(),
        row("bad.fits", "") | {"status": "refused", "reason": "bad.fits: empty file"},
        row("what.fits", "") | {"status": "unknown", "reason": "what.fits: no typing rule"},
    ]
    results(index, {"what.fits": {"use": "false"}})
    assert refusals(["light"]) == [("bad.fits", "bad.fits: empty file")]
    results(index, {name: {"use": "false"} for name in ("bad.fits", "what.fits")})
    assert refusals(["light"]) == []


def test_undated_frames_are_told(results):
    reason = "a.fits: undated, there is no DATE-OBS"
    index = [
        row(file, "light", 30, date="") | {"reason": reason.replace("a.fits", file)}
        for file in ("a.fits", "b.fits")
    ]
    results([*night(), *index])
    assert f"{reason} (and 1 more); matched with undated frames alone" in lines(["light"])


def test_a_reason_of_several_frames_is_given_once(results):
    index = [*night(), *(row(f"{name}.fits", "light", 30, filter="R") for name in ("odd", "too"))]
    results(index)
    text = lines(["light"])
    assert "filter V, the frame has R" in text[-3]
    assert text[-2] == "  results/calibrated/too.fits: the same"
    assert text[-1].startswith("    what to do for 2 frames: Where the header is wrong")


def test_types_that_a_correction_settled_are_not_told(results):
    odd = row("odd.fits", "lamp", 30) | {"evidence": "not sure: the name says lamp"}
    results([*night(), odd])
    assert [line for line in lines(["light"]) if "typed with doubt" in line]
    Path("fixes.csv").write_text("file,imagetyp\nodd.fits,light\n")
    remember(config(corrections="fixes.csv"), {})
    assert not [line for line in lines(["light"]) if "typed with doubt" in line]


def test_frames_of_unknown_gain_and_masters_of_few_frames_are_told(results):
    own = {"gain": None, "read_noise": None}
    index = [*rows("bias", 1, **own), *rows("light", 2, 30, **own)]
    results(index)
    text = lines(["light"])
    (noise,) = [line for line in text if "gain unknown" in line]
    assert noise.startswith("2 frames in adu, sigma from scatter, gain unknown: gain is neither")
    (few,) = [line for line in text if "is made of 1 frame: too few to reject a value" in line]
    assert few.startswith("results/masters/bias/")


def test_what_a_failed_job_leaves_without_a_product_is_counted(results):
    results(night())
    assert not [line for line in lines(["light"]) if "not made" in line]
    (text,) = [line for line in lines(["light"], failed=True) if "not made" in line]
    assert text.startswith("6 of 6 planned products not made, see 'failed' above")


def test_without_a_plan_nothing_is_counted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert lines(["light"], failed=True) == [
        "there is no plan, so nothing was made: see 'failed' above"
    ]


def test_a_dark_that_was_subtracted_before_leaves_nothing_behind(results):
    done = row("done.fits", "light", 30, done="bias+dark (CALSTAT='BD')")
    results([*night(), done])
    (line,) = [line for line in lines(["light"]) if "dark left out of 1 frame: done" in line]
    assert line.endswith("done already: bias+dark (CALSTAT='BD')")


@pytest.mark.parametrize("rejected, told", [(40, False), (60, True)])
def test_a_stack_of_which_many_values_are_left_out_is_told(tmp_path, monkeypatch, rejected, told):
    monkeypatch.chdir(tmp_path)
    Path("results/qa/stacks").mkdir(parents=True)
    image = {"rejected": rejected, "used": 1000 - rejected}
    lights = [{"FRAME": "a", "LEFT": ""}, {"FRAME": "b", "LEFT": "not registered"}]
    record = {"kind": "stack", "images": [image], "lights": lights}
    write_record("results/qa/stacks/M13_V.json", record)
    found = left_lights(["results/stacks/M13_V.fits"])
    assert found[0] == "b left out of results/stacks/M13_V.fits: not registered"
    assert len(found) == 1 + told
    if told:
        assert found[1].startswith("results/stacks/M13_V.fits: 6 % of its values were left out")
