"""Why something is made again, in a few words."""

import pytest

from ccdlib.rerun.changes import Causes, differences, note, noted

BEFORE = "Union of exclusive params before and now across all output:"
PARAMS = f"Params have changed since last execution: {BEFORE}"


def _row(sha="a", bias=("n", "d1"), scale=1.0, **facts):
    raw = [{"file": "x ; now: 'y'.fits", "sha256": sha, "facts": facts}]
    used = {"bias": [f"results/masters/bias/{bias[0]}.fits", bias[1]]} if bias else {}
    return {"raw": raw, "masters": used, "dark_scale": scale}


def _reason(was, now):
    sides = [",".join(map(repr, side)) or "<nothing exclusive>" for side in (was, now)]
    return f"{PARAMS} before: {sides[0]} now: {sides[1]} "


FRAME = "x ; now: 'y'.fits"


@pytest.mark.parametrize(
    "was, now, told",
    [
        ([_row()], [_row(sha="b")], f"the content of {FRAME} changed"),
        ([_row(filter="V")], [_row(filter="R")], f"{FRAME}: filter was 'V', is 'R'"),
        ([_row(scale=1.0)], [_row(scale=0.5)], "dark scale was 1, is 0.5"),
        (
            [_row()],
            [_row(bias=("n", "d2"))],
            "results/masters/bias/n.fits changed",
        ),
        (
            [_row()],
            [_row(bias=("m", "d2"))],
            "bias was results/masters/bias/n.fits, is results/masters/bias/m.fits",
        ),
        (
            [_row(amplifiers=[{"hdu": 0, "gain": 1.7}])],
            [_row(amplifiers=[{"hdu": 0, "gain": 2.0}])],
            f"{FRAME}: amplifier 1.gain was 1.7, is 2.0",
        ),
        # as earlier versions recorded it
        (
            [{"raw": ['{"file": "a.fits"}'], "masters": ["bias b.fits d1"], "dark_scale": 1.0}],
            [_row()],
            "it was made by an earlier version of ccdlib",
        ),
        ([_row()], [_row(bias=None)], "bias was results/masters/bias/n.fits, is None"),
        (["1a2b"], ["3c4d"], "the code of combine_bias changed"),
        ([True], [False], "products.compress was True, is False"),
        (
            [{"overscan": {"clip": 4.0, "degree": 3}}],
            [{"overscan": {"clip": 5.0, "degree": 3}}],
            "overscan.clip was 4.0, is 5.0",
        ),
        ([{"a": 1, "b": ["x" * 99]}], [{"a": 1, "b": ["y" * 99]}], "b changed"),
    ],
)
def test_each_change_in_words_from_values_and_from_snakemakes_own_text(was, now, told):
    assert list(differences(was, now, "combine_bias")) == [told]
    assert Causes().add(["out"], _reason(was, now), "combine_bias") == told


def test_frames_added_and_gone():
    was, now = _row(), _row()
    now["raw"] = [each | {"file": "x ; now: 'z'.fits"} for each in now["raw"]]
    assert list(differences([was], [now], "combine_bias")) == [
        "raw frame x ; now: 'y'.fits is no longer used",
        "raw frame x ; now: 'z'.fits was added",
    ]


def test_the_corrections_are_called_by_name():
    assert Causes().add(["p"], _reason([["aa"]], [[]]), "make_plan") == "the corrections changed"


def test_what_is_made_because_of_another_has_the_cause_of_that():
    causes = Causes()
    causes.add(["bias", "bias.json"], _reason([_row()], [_row(sha="b")]), "combine_bias")
    told = causes.add(["dark"], "Input files updated by another job: bias", "combine_dark")
    assert told == f"the content of {FRAME} changed"
    reason = f"Input files updated by another job: bias.json, dark; {_reason([{'a': 1}], [{}])}"
    assert causes.add(["light"], reason, "calibrate_frame") == "a was 1, is None"
    assert causes.add(["report"], "Input files updated by another job: dark, light", "x") == (
        f"the content of {FRAME} changed; a was 1, is None"
    )


def test_what_is_made_because_another_was_not_there_names_it():
    causes = Causes()
    causes.add(["flat", "flat.json"], "Missing output files: flat", "combine_flat")
    told = causes.add(["light"], "Input files updated by another job: flat", "calibrate_frame")
    assert told == "flat was not there"


def test_the_first_causes_are_told_and_the_others_counted():
    now = {letter: 2 for letter in "abcde"}
    told = Causes().add(["light"], _reason([dict.fromkeys("abcde", 1)], [now]), "calibrate_frame")
    assert told == "a was 1, is 2; b was 1, is 2; c was 1, is 2; 2 more"


@pytest.mark.parametrize(
    "reason, told",
    [
        ("Missing output files: a.fits, a.json; Params have changed", "it is not there"),
        ("Updated input files: .ccdlib/listing", "the raw folder changed"),
        ("Updated input files: results/index.csv", "results/index.csv changed"),
        ("Forced execution", "Forced execution"),
    ],
)
def test_other_reasons(reason, told):
    assert Causes().add(["a.fits", "a.json"], reason, "rule") == told


def test_the_causes_of_a_run_are_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert noted() == {}
    note(["a,b.fits", "a,b.json"], 'the content of "x" changed')
    note(["c.fits"], "Forced execution")
    assert noted() == {"a,b.fits": 'the content of "x" changed', "c.fits": "Forced execution"}
