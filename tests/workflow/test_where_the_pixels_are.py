"""Nights whose headers lie about their pixels, reduced as `ccdlib init` proposes."""

import json
from copy import deepcopy

from strange_night import GAIN, TRUTH, assert_right, reduced, write_night

LIGHTS = [f"results/calibrated/light{number}.fits" for number in range(2)]


def test_the_plain_night(tmp_path):
    """What the others are compared with."""
    _, plan, products = reduced(write_night(tmp_path / "raw"), tmp_path / "work")
    assert not plan.refused
    for light in LIGHTS:
        assert_right(products[light])


def test_every_exposure_under_two_names(tmp_path):
    """A viewer saved each calibration frame anew; gain and read noise are to be measured."""

    def twice(frame):
        del frame.cards["EGAIN"], frame.cards["RDNOISE"]
        if frame.kind == "light":
            return [frame]
        copy = deepcopy(frame)
        copy.name, copy.cards["VIEWED"] = f"{frame.kind}{frame.number} copy.fits", True
        return [frame, copy]

    start, plan, products = reduced(write_night(tmp_path / "raw", twice), tmp_path / "work")
    assert any(
        "bias0 copy.fits and 17 more: same pixels as bias0.fits" in text for text in start.open
    )
    assert not plan.refused
    (measured,) = (tmp_path / "work/results/detector").glob("*.json")
    (amplifier,) = json.loads(measured.read_text())["amplifiers"]
    assert amplifier["bias_pairs"] == amplifier["flat_pairs"] == 5
    gain, error = amplifier["gain"], amplifier["gain_error"]
    assert abs(gain - GAIN) < 4 * error < 0.1
    for light in LIGHTS:
        assert_right(products[light], TRUTH * gain / GAIN)
