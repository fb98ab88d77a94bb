"""Which lights become one stack, as the plan has it."""

from types import SimpleNamespace

import pytest

from ccdlib.camera.amplifiers import Layout
from ccdlib.plan.stacks import planned_stacks

LAYOUT = Layout("one", (SimpleNamespace(hdu=0),))


def _light(name, filter_, night="2024-05-13"):
    facts = {"object": "M 13", "filter": filter_, "camera": "demo", "binning": "1x1"}
    frame = SimpleNamespace(
        frame=name,
        file=f"{name}.fits",
        facts=facts,
        night=night,
        exptime=60.0,
        layout=LAYOUT,
        telescope=None,
    )
    return frame, {}


def _planned(lights, **settings):
    settings = {"by": ["object", "filter"], "min_frames": 2, "reference": "best"} | settings
    return {
        stack.path: [(row.kind, row.status, row.reason) for row in rows[:1]]
        for stack, rows in planned_stacks(lights, settings)
    }


LIGHTS = [
    _light("M13_V_001", "V"),
    _light("M13_V_002", "V"),
    _light("M13_R_001", "R"),
    _light("M13_R_002", "R"),
]
V, R = "results/stacks/M-13_V.fits", "results/stacks/M-13_R.fits"


@pytest.mark.parametrize("reference", ["best", "first", "M13_V_002", "M13_R_001"])
def test_a_reference_of_one_stack_stops_no_other(reference):
    used = [("frames", "used", "2 frames")]
    assert _planned(LIGHTS, reference=reference) == {V: used, R: used}


def test_a_reference_that_is_in_no_stack_is_refused_by_the_plan():
    """It failed each stack by itself, in its job."""
    reason = (
        "stack.reference='M13_V_02' is the FRAME of no light that is made; did you mean M13_V_002?"
    )
    refused = [("frames", "refused", reason)]
    found = _planned(LIGHTS, reference="M13_V_02")
    assert found == {V: refused, R: refused}
