"""Flats of the dome and of the sky are two masters, and one of them is taken."""

import pytest
from making import camera, config, row, rows

from ccdlib.plan.night_plan import make_plan

_NAME = "results/masters/flat/2024-05-12_cam_100x100_1x1_V"
DOME, SKY = f"{_NAME}_dome.fits", f"{_NAME}_sky.fits"


class Planned:
    """A plan that can be asked."""

    def __init__(self, index, flat_from="auto"):
        settings = config() | ({} if flat_from == "auto" else {"flat_from": flat_from})
        self.plan, self.members = make_plan(index, settings, camera(), {})

    def of(self, frame, kind):
        product = f"results/calibrated/{frame}.fits"
        found = [each for each in self.plan if (each["product"], each["kind"]) == (product, kind)]
        return found[0]

    def refused(self, frame):
        own = [each for each in self.plan if each["product"] == f"results/calibrated/{frame}.fits"]
        return [each["reason"] for each in own if each["status"] == "refused"]

    def masters(self, kind):
        names = {each["master"] for each in self.members}
        return sorted(name for name in names if name.startswith(f"results/masters/{kind}/"))

    def frames_in(self, product):
        return [each["frame"] for each in self.members if each["master"] == product]


def _both(**dome):
    return [
        *rows("bias", 5),
        *rows("flat", 4, 5, "dome_", lit="dome", **dome),
        *rows("flat", 3, 5, "sky_", lit="sky", date="2024-05-13T01:00:00"),
        *rows("light", 2, 30),
    ]


@pytest.mark.parametrize(("wanted", "taken"), [("auto", SKY), ("dome", DOME), ("sky", SKY)])
def test_the_one_that_is_asked_for(wanted, taken):
    night = Planned(_both(), flat_from=wanted)
    assert night.masters("flat") == [DOME, SKY]
    assert night.frames_in(DOME) == [f"dome_flat{number}" for number in range(4)]
    assert night.of("light0", "flat")["master"] == taken


def test_one_kind_of_flat_has_its_name_as_ever():
    night = Planned([*rows("flat", 3, 5, lit="dome"), *rows("light", 1, 30)])
    (flat,) = night.masters("flat")
    assert not flat.endswith("_dome.fits")
    assert night.of("light0", "flat")["status"] == "used"


def test_flats_of_another_light_do_not_serve_where_one_is_named():
    night = Planned([*rows("flat", 3, 5, lit="dome"), *rows("light", 1, 30)], flat_from="sky")
    (reason,) = night.refused("light0")
    assert "lit by the dome, flat.from is sky" in reason


def test_flats_whose_light_is_not_known_serve_for_both():
    for wanted in ("dome", "sky"):
        night = Planned([*rows("flat", 3, 5), *rows("light", 1, 30)], flat_from=wanted)
        assert night.of("light0", "flat")["status"] == "used"


def test_one_flat_whose_words_do_not_tell_does_not_change_what_lights_the_others():
    flats = [row("a_flat.fits", "flat", 5), *rows("flat", 3, 5, "dome_", lit="dome")]
    night = Planned([*flats, *rows("light", 1, 30)], flat_from="sky")
    (reason,) = night.refused("light0")
    assert "lit by the dome, flat.from is sky" in reason


def test_a_dome_flat_of_the_night_comes_before_a_sky_flat_of_another():
    other = {"date": "2024-05-11T03:00:00", "night": "2024-05-10"}
    night = Planned(
        [
            *rows("flat", 3, 5, "dome_", lit="dome"),
            *rows("flat", 3, 5, "sky_", lit="sky", **other),
            row("light0.fits", "light", 30),
        ]
    )
    assert "2024-05-12" in night.of("light0", "flat")["master"]
