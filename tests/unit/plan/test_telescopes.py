"""Cameras of one name at two telescopes: flats of one are not for the other."""

import pytest
from making import camera, config, row, rows

from ccdlib.plan.frames import frames_of
from ccdlib.plan.night_plan import make_plan
from ccdlib.plan.telescopes import with_telescopes


def planned(index, ready=(), **parts):
    plan, members = make_plan(index, config(**parts), camera(), {}, ready)
    chosen = {(each["product"].rpartition("/")[2], each["kind"]): each for each in plan}
    return chosen, {each["master"] for each in members}


def of(telescope, **facts):
    name = telescope or "none"
    return [
        *rows("bias", 3, 0, name, telescope=telescope, **facts),
        *rows("dark", 3, 30, name, telescope=telescope, **facts),
        *rows("flat", 3, 5, name, telescope=telescope, **facts),
        row(f"{name}.fits", "light", 30, telescope=telescope, **facts),
    ]


def test_each_has_masters_of_its_own():
    chosen, masters = planned(of("C14") + of("Newton 8"))
    for name, ending in (("C14", "_C14.fits"), ("Newton 8", "_Newton-8.fits")):
        for kind in ("bias", "dark", "flat"):
            assert chosen[f"{name}.fits", kind]["master"].endswith(ending)
    # one of each of three kinds, and one measured detector
    assert sum(name.endswith("_C14.fits") and "bad_pixels" not in name for name in masters) == 3


def test_a_flat_of_another_telescope_does_not_serve():
    lights = [row("b.fits", "light", 30, telescope="B")]
    chosen, _ = planned(of("A") + lights)
    assert chosen["b.fits", "flat"]["status"] == "refused"
    assert "_V_A: telescope A, the frame has B" in chosen["b.fits", "flat"]["reason"]
    # a detector may go round
    assert chosen["b.fits", "bias"]["status"] == chosen["b.fits", "dark"]["status"] == "used"


def test_frames_that_name_none_are_of_any():
    chosen, _ = planned([*of("A"), row("b.fits", "light", 30)])
    assert chosen["b.fits", "flat"]["status"] == "used"
    flats = rows("flat", 3, 5)
    chosen, _ = planned([*flats, *of("A")[-1:], row("b.fits", "light", 30, telescope="B")])
    assert chosen["A.fits", "flat"]["status"] == chosen["b.fits", "flat"]["status"] == "used"


def test_alike_frames_of_two_telescopes_are_judged_apart():
    """What is known of masters is kept for frames that differ in their moment alone."""
    flats = rows("flat", 3, 5, telescope="A")
    lights = [row(f"{name}.fits", "light", 30, telescope=name) for name in "AB"]
    chosen, _ = planned([*flats, *lights])
    assert [chosen[f"{name}.fits", "flat"]["status"] for name in "AB"] == ["used", "refused"]


def told(*names, **facts):
    index = [row(f"{n}.fits", "light", 30, telescope=name) for n, name in enumerate(names)]
    index.append(row("z.fits", "light", 30, **facts))
    frames = with_telescopes(frames_of(index, {}))
    return [frame.telescope for frame in frames[: len(names)]]


def test_two_or_three_names_are_telescopes():
    assert told("C14", None, "Newton", "c14") == ["C14", None, "Newton", "C14"]
    assert told("a", "b", "c") == ["a", "b", "c"]


@pytest.mark.parametrize("names", [["C14"] * 3, ["C14", None], ["C14", "c14"], [*"abcd"]])
def test_one_name_is_none_and_many_are_where_a_mount_points(names):
    assert told(*names) == [None] * len(names)


def test_other_cameras_and_refused_files_do_not_count():
    assert told("A", telescope="B", camera="other") == [None]
    assert told("A", telescope="B", status="refused") == [None]


def test_a_flat_whose_type_the_corrections_give_is_of_its_telescope():
    """It was of any, as its type was not known yet."""
    flats = rows("flat", 3, 5, telescope="B", status="unknown", reason="not clear")
    lights = [row(f"{name}.fits", "light", 30, telescope=name) for name in "AB"]
    given = {each["file"]: {"imagetyp": "flat"} for each in flats}
    plan, _ = make_plan([*flats, *lights], config(), camera(), given)
    status = {each["product"][-6:]: each["status"] for each in plan if each["kind"] == "flat"}
    assert (status["A.fits"], status["B.fits"]) == ("refused", "used")


def _ready(kind, telescope, **facts):
    own = {"level_removed": True, "bias_removed": True, "pedestal_removed": True, "detector": False}
    return row(f"{kind}.fits", kind, telescope=telescope, **own, **facts)


def test_a_ready_flat_of_another_telescope_does_not_serve():
    """The night names one telescope, so that its own was as good as none."""
    lights = [row("a.fits", "light", 30, telescope="A")]
    ready = [_ready("flat", "B", filter="V")]
    chosen, _ = planned(lights, ready)
    assert chosen["a.fits", "flat"]["status"] == "refused"
    assert "telescope B, the frame has A" in chosen["a.fits", "flat"]["reason"]
    chosen, _ = planned(lights, [_ready("flat", "A", filter="V")])
    assert chosen["a.fits", "flat"]["status"] == "used"


def _of_both(**facts):
    return [
        row(f"{name}{number}.fits", "light", 30, telescope=name, object="M 13", **facts)
        for name in "AB"
        for number in range(3)
    ]


def test_lights_of_two_telescopes_are_two_stacks():
    """Where too few stars told their scale, it went by the exposure times."""
    stack = {"by": ["object", "filter"]}
    _, masters = planned(_of_both(), stack=stack, missing={"flat": "skip"})
    stacks = sorted(name for name in masters if "/stacks/" in name)
    assert stacks == [f"results/stacks/M-13_V_cam_1x1_{name}.fits" for name in "AB"]
    _, masters = planned(_of_both()[:3], stack=stack, missing={"flat": "skip"})
    assert "results/stacks/M-13_V.fits" in masters


@pytest.mark.parametrize("kind", ["illumination", "fringe"])
def test_lights_of_two_telescopes_have_skies_of_their_own(kind):
    sky = {kind: True, "min_frames": 3}
    _, masters = planned(_of_both(), sky=sky, missing={"flat": "skip"})
    skies = [name for name in masters if f"/sky/{kind}/" in name]
    assert len(skies) == 2, masters


@pytest.mark.parametrize("kind", ["illumination", "fringe"])
def test_a_ready_sky_of_another_telescope_does_not_serve(kind):
    lights = [each | {"telescope": "A"} for each in _of_both()[:3]]
    for telescope, status in (("B", "skipped"), ("A", "used")):
        ready = [_ready(kind, telescope, filter="V")]
        sky = {kind: "ready"}
        chosen, _ = planned(lights, ready, sky=sky, missing={"flat": "skip"})
        frames = chosen.get(("A0.fits", "frames")), chosen.get(("A0.fits", kind))
        assert status in [each["status"] for each in frames if each], (telescope, frames)
