"""Cameras of one name at two telescopes: flats of one are not for the other."""

from making import camera, config, row, rows

from ccdlib.plan.night_plan import make_plan


def planned(index):
    plan, members = make_plan(index, config(), camera(), {})
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
