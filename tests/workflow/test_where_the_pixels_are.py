"""Nights whose headers lie about their pixels, reduced as `ccdlib init` proposes."""

import json
from copy import deepcopy

import numpy as np
from astropy.io import fits
from strange_night import GAIN, TRUTH, Frame, assert_right, exposed, reduced, write_night

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


def upside_down(frame):
    """A program that writes the top row first took some calibrations; sections count rows."""
    order, frame.pixels = "BOTTOM-UP", np.pad(frame.pixels, ((2, 0), (0, 3)), constant_values=9)
    frame.cards["DATASEC"] = "[1:110,3:92]"
    if frame.kind != "light" and frame.number > 1:
        order, frame.pixels = "TOP-DOWN", frame.pixels[::-1].copy()
        frame.cards["DATASEC"] = "[1:110,1:90]"
    frame.cards["ROWORDER"] = order


def test_rows_upside_down(tmp_path):
    start, plan, products = reduced(write_night(tmp_path / "raw", upside_down), tmp_path / "work")
    told = "ROWORDER='TOP-DOWN', that of the lights is 'BOTTOM-UP': turned when it is read"
    assert f"usable: bias2.fits and 11 more: {told}" in start.open
    assert not plan.refused
    for light in LIGHTS:
        assert_right(products[light])
        header = fits.getheader(products[light])
        assert header["ROWORDER"] == "BOTTOM-UP" and "ROWTURN" not in header
    flat = next(path for product, path in products.items() if "/flat/" in product)
    assert fits.getval(flat, "MROWS") == "BOTTOM-UP"


def test_a_light_of_the_other_order_is_turned_with_its_wcs(tmp_path):
    def change(frame):
        frame.cards["ROWORDER"] = "TOP-DOWN"
        if frame.name == "light1.fits":
            frame.pixels = frame.pixels[::-1].copy()
            frame.cards |= {"ROWORDER": "BOTTOM-UP", "CRPIX1": 3.0, "CRPIX2": 11.0}
            frame.cards |= {"CD1_1": 1e-4, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": 2e-4}
        if frame.name == "light0.fits":
            # two of three are top-down
            return [frame, Frame("light", 2, exposed("light", 2, 40.0), frame.cards, [], "z.fits")]
        return None

    _, plan, products = reduced(write_night(tmp_path / "raw", change), tmp_path / "work")
    assert not plan.refused
    for light in LIGHTS:
        assert_right(products[light])
    header = fits.getheader(products[LIGHTS[1]])
    assert (header["ROWORDER"], header["ROWTURN"]) == ("TOP-DOWN", True)
    # the star of the raw row 11 is in row 90 + 1 - 11
    assert (header["CRPIX1"], header["CRPIX2"], header["CD2_2"]) == (3.0, 80.0, -2e-4)


def test_frames_that_do_not_say_the_order_are_named(tmp_path):
    def change(frame):
        if frame.kind == "light":
            frame.cards["ROWORDER"] = "TOP-DOWN"

    start, _, products = reduced(write_night(tmp_path / "raw", change), tmp_path / "work")
    told = "no ROWORDER here, TOP-DOWN in others: taken to be the same"
    assert f"usable: bias0.fits and 17 more: {told}" in start.open
    assert_right(products[LIGHTS[0]])
