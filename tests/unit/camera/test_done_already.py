"""What programs did to a frame before it came here, by their cards."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits
from astropy.io.fits import Header
from making import amplifier, camera, config, headers, row, rows, write_raw

from ccdlib.camera.amplifiers import amplifiers_from_rows, layout_of
from ccdlib.camera.camera_file import amplifiers
from ccdlib.camera.done_already import done_already, pedestal
from ccdlib.camera.headers import Headers
from ccdlib.frame.calibrate import Calibration, calibrate_frame
from ccdlib.frame.image import Image
from ccdlib.index.raw_index import index_file
from ccdlib.index.settle import settled
from ccdlib.plan.frames import frames_of
from ccdlib.plan.night_plan import make_plan


@pytest.mark.parametrize(
    ("cards", "text"),
    [
        ({}, None),
        ({"CALSTAT": ""}, None),
        ({"CALSTAT": "B"}, "bias (CALSTAT='B')"),
        ({"CALSTAT": "D"}, "bias+dark (CALSTAT='D')"),
        ({"CALSTAT": "BDF"}, "bias+dark+flat (CALSTAT='BDF')"),
        # M marks a master, and says of no step
        ({"CALSTAT": "M"}, None),
        ({"CALSTAT": "good"}, None),
        ({"ZEROCOR": "Apr 12 13:02 Zero level correction image is Zero.fits"}, "bias ("),
        # a dark of IRAF holds no bias
        ({"DARKCOR": "Apr 12 13:02 Dark count correction image is D"}, "dark ("),
        ({"ZEROCOR": "done", "FLATCOR": "done"}, "bias+flat (ZEROCOR='done', FLATCOR='done')"),
        ({"BIASCOR": True}, "bias (BIASCOR='True')"),
        *(({"FLATCOR": switch}, None) for switch in ("PERFORM", "OMIT", "no", "", False)),
        ({"FLATCOR": "COMPLETE"}, "flat (FLATCOR='COMPLETE')"),
        ({"SUBBIAS": "subtract_bias"}, "bias ("),
        ({"HISTORY": "Bias Subtraction (Bias 1, 765 x 510)"}, "bias ("),
        ({"HISTORY": "Auto-Dark Subtraction"}, "bias+dark ("),
        ({"HISTORY": "Flat Field (Flat V 1)"}, "flat ("),
        # that is about the flat
        ({"HISTORY": "Flat-Bias(Bias 1)"}, None),
        ({"HISTORY": "no Dark Subtraction"}, None),
    ],
)
def test_the_steps_that_cards_tell_of(cards, text):
    found = done_already(headers(**cards)).text
    assert (found is None) == (text is None)
    assert text is None or found.startswith(text)


def test_a_history_of_many_lines():
    header = Header([("HISTORY", "written by a camera"), ("HISTORY", "Dark Subtraction (Dark 3)")])
    found = done_already(Headers("a.fits", header, ((0, header, (9, 9)),)))
    assert found.steps == ("bias", "dark")


@pytest.mark.parametrize(("value", "adu"), [(-100, 100), ("-100", 100), (0, 0), ("none", 0)])
def test_the_pedestal_is_what_was_added(value, adu):
    assert pedestal(headers(PEDESTAL=value)) == adu
    (amp,) = amplifiers(headers(PEDESTAL=value), camera())
    assert amp.pedestal == adu


@pytest.mark.parametrize("kind", ["bias", "dark", "flat"])
def test_a_master_is_made_of_raw_frames(tmp_path, kind):
    path = write_raw(tmp_path / "a.fits", IMAGETYP=kind, CALSTAT="BD")
    row = index_file(str(path), "a.fits", camera()) | {"sha256": "x"}
    (row,) = settled([row], camera(), lambda one, other: False)
    assert (row["status"], row["failed"]) == ("refused", "done")
    assert f"{kind} to which bias+dark (CALSTAT='BD') was done already" in row["reason"]
    index = [row | {"layout": layout_of(amplifiers_from_rows(row["amplifiers"]))}]
    assert frames_of(index, {}) == []
    (frame,) = frames_of(index, {"a.fits": {"done": "none"}})
    assert (frame.kind, frame.done_steps) == (kind, frozenset())
    (light,) = frames_of(index, {"a.fits": {"imagetyp": "light"}})
    assert light.done_steps == {"bias", "dark"}


def test_a_light_says_what_was_done(tmp_path):
    path = write_raw(tmp_path / "a.fits", IMAGETYP="light", CALSTAT="BD", PEDESTAL=-100)
    row = index_file(str(path), "a.fits", camera())
    assert (row["status"], row["done"]) == ("ok", "bias+dark (CALSTAT='BD')")
    assert row["amplifiers"][0]["pedestal"] == 100


@pytest.mark.parametrize(
    ("done", "steps"),
    [
        (None, set()),
        ("none", set()),
        ("bias", {"bias"}),
        ("bias+dark (CALSTAT='BD')", {"bias", "dark"}),
    ],
)
def test_a_frame_knows_its_steps(done, steps):
    (frame,) = frames_of([row("a.fits", "light", done=done)], {})
    assert frame.done_steps == steps


def planned(light, corrections=None):
    """{kind: row of the plan} of a light among biases, darks of its exposure and flats."""
    own = {"overscan": False}
    index = [
        *rows("bias", 3, **own),
        *rows("dark", 3, 60.0, **own),
        *rows("flat", 3, 5.0, **own),
        light,
    ]
    plan, _ = make_plan(index, config(), camera(), corrections or {})
    return {each["kind"]: each for each in plan if each["product"] == "results/calibrated/x.fits"}


def with_pedestal(**facts):
    light = row("x.fits", "light", 60.0, overscan=False, **facts)
    amps = [replace(amp, pedestal=100.0) for amp in light["layout"].amplifiers]
    return light | {"layout": layout_of(amps)}


def test_a_step_that_is_done_is_not_done_twice():
    found = planned(with_pedestal(done="bias+dark (CALSTAT='BD')"))
    assert found["bias"]["status"] == found["dark"]["status"] == "skipped"
    assert found["bias"]["reason"] == "done already: bias+dark (CALSTAT='BD')"
    assert found["flat"]["status"] == "used"
    assert "pedestal" not in found


def test_a_light_without_its_bias_takes_a_dark_without_one():
    found = planned(row("x.fits", "light", 60.0, overscan=False, done="bias (CALSTAT='B')"))
    assert [found[kind]["status"] for kind in ("bias", "dark", "flat")] == [
        "skipped",
        "used",
        "used",
    ]


def test_a_pedestal_that_nothing_explains_is_asked_about_and_the_answer_works():
    found = planned(with_pedestal())
    assert found["bias"]["status"] == "refused"
    assert "x.fits: PEDESTAL=-100 where bias" in found["bias"]["reason"]
    assert "write done=bias+dark (or done=none)" in found["bias"]["reason"]
    answers = {"none": "used", "bias+dark": "skipped"}
    for answer, status in answers.items():
        own = planned(with_pedestal(), {"x.fits": {"done": answer}})
        assert own["bias"]["status"] == own["dark"]["status"] == status


def test_a_calibrated_light_comes_out_as_the_raw_one_does(tmp_path):
    rng = np.random.default_rng(1)
    sky = rng.poisson(2000.0, (100, 100)) / 2.0
    settings = config()
    level = {"": 1000.0, "bias": 100.0}
    found = {}
    for done, added in level.items():
        path = tmp_path / f"{done}a.fits"
        fits.writeto(path, (sky + added).astype(np.float32))
        amp = replace(amplifier(read_noise=5.0), pedestal=100.0 if done else 0.0)
        bias = SimpleNamespace(
            images=[Image(*(np.full((100, 100), value, np.float32) for value in (1000, 0)),
                          np.zeros((100, 100), np.uint16), "adu")],
            header={}, sha256="b", name="bias",
        )  # fmt: skip
        own = Calibration(bias_done=True) if done else Calibration(bias=bias)
        _, _, (found[done],) = calibrate_frame(path, "a.fits", [amp], own, settings, "light")
    np.testing.assert_allclose(found["bias"].data, found[""].data, rtol=1e-6)
    np.testing.assert_allclose(found["bias"].variance, found[""].variance, rtol=1e-6)
