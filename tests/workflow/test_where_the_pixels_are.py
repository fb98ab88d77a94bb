"""Nights whose headers lie about their pixels, reduced as `ccdlib init` proposes."""

import json
from copy import deepcopy

import numpy as np
import pytest
from astropy.io import fits
from strange_night import (
    BIAS,
    GAIN,
    PEDESTAL,
    READ_NOISE,
    SHAPE,
    TRUTH,
    Frame,
    assert_right,
    exposed,
    reduced,
    write_night,
)

from ccdlib.commands.init import start_folder

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
    assert f"remark: bias2.fits and 11 more: {told}" in start.open
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
    assert f"remark: bias0.fits and 17 more: {told}" in start.open
    assert_right(products[LIGHTS[0]])


def window(frame, x0, y0, x1, y1, **cards):
    """Read a window of the chip; columns and rows from 0, the last left out."""
    frame.pixels = frame.pixels[y0:y1, x0:x1].copy()
    frame.cards |= cards


def subframe(frame):
    """Lights from a window, all else whole."""
    frame.cards |= {"XORGSUBF": 0, "YORGSUBF": 0}
    if frame.kind == "light":
        window(frame, 35, 15, 95, 80, XORGSUBF=35, YORGSUBF=15)


def test_a_window_of_whole_frames(tmp_path):
    """Every pixel is that of the same frame taken whole; sigma too, where it asks no neighbour."""
    start, plan, products = reduced(
        write_night(tmp_path / "raw", subframe), tmp_path / "work", cosmic_rays={"method": "none"}
    )
    assert not plan.refused and "a run would calibrate 2 of 2 lights" in start.notes
    _, _, whole = reduced(
        write_night(tmp_path / "whole"), tmp_path / "all", cosmic_rays={"method": "none"}
    )
    cut = slice(15, 80), slice(35, 95)
    for light in LIGHTS:
        assert_right(products[light], TRUTH[cut])
        with fits.open(products[light]) as own, fits.open(whole[light]) as all_of_it:
            assert np.array_equal(own[0].data, all_of_it[0].data[cut])
            assert np.array_equal(own["DQ"].data, all_of_it["DQ"].data[cut])
            inside = slice(8, -8), slice(8, -8)
            sigma = all_of_it["UNCERT"].data[cut][inside]
            assert np.array_equal(own["UNCERT"].data[inside], sigma)
            header = own[0].header
        for kind in ("BIAS", "DARK", "FLAT", "BPM"):
            assert header[f"{kind}CUT"] == "[36:95,16:80]"


@pytest.mark.parametrize(
    ("cards", "of_flats"),
    [
        ({"XORGSUBF": 0, "YORGSUBF": 0}, {"XORGSUBF": 400, "YORGSUBF": 300}),
        ({"CCDSEC": "[1:110,1:90]"}, {"CCDSEC": "[401:510,301:390]"}),
        ({"X1": 1, "Y1": 1, "X2": 110, "Y2": 90}, {"X1": 401, "Y1": 1, "X2": 510, "Y2": 90}),
    ],
)
def test_flats_of_another_window_never_serve(tmp_path, cards, of_flats):
    def change(frame):
        frame.cards |= of_flats if frame.kind == "flat" else cards

    raw = write_night(tmp_path / "raw", change)
    start, plan, products = reduced(raw, tmp_path / "work")
    assert "a run would calibrate 0 of 2 lights" in start.notes
    assert "of the chip, the frame has [1:110,1:90]" in plan.refused[LIGHTS[0]]
    assert not set(LIGHTS) & set(products)


def test_windowed_flats_take_their_part_of_whole_darks(tmp_path):
    """Bias and dark are whole, flats a window, lights a smaller one: the map is of the flats'."""

    def change(frame):
        frame.cards["CCDSEC"] = "[1:110,1:90]"
        if frame.kind == "flat":
            window(frame, 20, 10, 110, 90, CCDSEC="[21:110,11:90]")
        if frame.kind == "light":
            window(frame, 35, 15, 95, 80, CCDSEC="[36:95,16:80]")

    _, plan, products = reduced(write_night(tmp_path / "raw", change), tmp_path / "work")
    assert not plan.refused
    for light in LIGHTS:
        assert_right(products[light], TRUTH[15:80, 35:95])
        header = fits.getheader(products[light])
        cuts = [header[f"{kind}CUT"] for kind in ("BIAS", "DARK", "FLAT", "BPM")]
        assert cuts == ["[36:95,16:80]"] * 2 + ["[16:75,6:70]"] * 2


def test_a_window_that_no_card_says_is_asked_about(tmp_path):
    def change(frame):
        if frame.kind == "light":
            window(frame, 35, 15, 95, 80)
        elif frame.kind == "bias":
            frame.cards["CCDSEC"] = "[1:110,1:90]"

    raw = write_night(tmp_path / "raw", change)
    _, plan, _ = reduced(raw, tmp_path / "work")
    told = "size 110x90, the frame has 60x65 (its window can be given in the table of corrections)"
    assert told in plan.refused[LIGHTS[0]]
    lines = [f"light{number}.fits,[36:95;16:80]" for number in range(2)]
    lines += [
        f"{kind}{number}.fits,[1:110;1:90]" for kind in ("dark", "flat") for number in range(6)
    ]
    table = "\n".join(
        ["file,window", *(line.replace("[", '"[').replace("]", ']"') for line in lines)]
    )
    (tmp_path / "corrections.csv").write_text(table.replace(";", ","))
    _, plan, products = reduced(raw, tmp_path / "again", str(tmp_path / "corrections.csv"))
    assert not plan.refused
    assert_right(products[LIGHTS[0]], TRUTH[15:80, 35:95])


@pytest.mark.parametrize("everywhere", [True, False])
def test_a_preview_and_a_table_in_extensions(tmp_path, everywhere):
    """In all files, or in the lights alone; the preview is the same in all biases."""

    def change(frame):
        if everywhere or frame.kind == "light":
            colours = np.zeros((3, 15, 18), np.uint8)
            gps = fits.BinTableHDU.from_columns([fits.Column("T", "D", array=[1.0])], name="GPS")
            small = (frame.pixels[::4, ::4] >> 8).astype(np.uint8)
            frame.more = [fits.ImageHDU(small, name="THUMB"), fits.ImageHDU(colours), gps]

    start, plan, products = reduced(write_night(tmp_path / "raw", change), tmp_path / "work")
    first = "bias0.fits and 19 more" if everywhere else "light0.fits and 1 more"
    told = f"remark: {first}: HDU 1 'THUMB' (28 x 23, 8 bits) left out"
    assert any(text.startswith(told) for text in start.open)
    assert not plan.refused
    for light in LIGHTS:
        assert_right(products[light])
        with fits.open(products[light]) as hdus:
            assert [hdu.name for hdu in hdus] == ["PRIMARY", "UNCERT", "MASK", "DQ"]


def test_frames_in_an_extension_under_an_empty_primary(tmp_path):
    raw = write_night(tmp_path / "raw")
    for path in raw.iterdir():
        with fits.open(path) as hdus:
            data, header = hdus[0].data, hdus[0].header
            own = fits.ImageHDU(data)
            own.header["EGAIN"] = header.pop("EGAIN")
            primary = fits.PrimaryHDU()
            primary.header.update({key: header[key] for key in ("IMAGETYP", "EXPTIME", "DATE-OBS")})
            own.header["FILTER"] = header.get("FILTER", "none")
        preview = fits.ImageHDU((data[::3, ::3] >> 8).astype(np.uint8), name="PREVIEW")
        fits.HDUList([primary, preview, own]).writeto(path, overwrite=True)
    _, plan, products = reduced(raw, tmp_path / "work", detector={"read_noise": 5.0})
    assert not plan.refused
    for light in LIGHTS:
        assert_right(products[light])


def two_amplifiers(frame, side="right"):
    """Two amplifiers side by side whose levels drift, with both overscans at one end."""
    rng = np.random.default_rng([frame.number, *frame.kind.encode()])
    drift = np.array([50.0 + 15 * frame.number, 90.0])
    over = rng.normal(PEDESTAL, READ_NOISE / GAIN, (SHAPE[0], 24)) + np.repeat(drift, 12)
    exposed_part = frame.pixels - BIAS + PEDESTAL + np.repeat(drift, SHAPE[1] // 2)
    parts = [exposed_part, over] if side == "right" else [over, exposed_part]
    frame.pixels = np.round(np.hstack(parts)).clip(0, 65535).astype(np.uint16)
    frame.cards["AMPSROW"] = 2


@pytest.mark.parametrize("side", ["right", "left"])
def test_two_overscans_at_one_end(tmp_path, side):
    raw = write_night(tmp_path / "raw", lambda frame: two_amplifiers(frame, side))
    start, plan, products = reduced(raw, tmp_path / "work")
    columns = "111 to 134" if side == "right" else "1 to 24"
    (told,) = [text for text in start.open if "side by side" in text]
    assert told.startswith(f"amplifiers: 2 side by side, their overscans in columns {columns}")
    # a picture in which the levels can be seen
    assert set(told.rpartition(": ")[2]) > set("▁█")
    assert not plan.refused
    for light in LIGHTS:
        assert_right(products[light])


def test_several_amplifiers_that_cannot_be_found_are_asked_about(tmp_path):
    def change(frame):
        frame.cards["NAMPS"] = 2

    start, _, products = reduced(write_night(tmp_path / "raw", change), tmp_path / "work")
    assert any(text.startswith("amplifiers: NAMPS=2 says several") for text in start.open)
    assert_right(products[LIGHTS[0]])


def test_sections_seen_in_one_frame_hold_for_frames_of_another_binning(tmp_path):
    """No card has them; biases and lights are binned, flats are not."""

    def change(frame):
        rng = np.random.default_rng([frame.number, *frame.kind.encode()])
        over = np.round(rng.normal(PEDESTAL, 3, (SHAPE[0], 20))).astype(np.uint16)
        frame.pixels = np.hstack([frame.pixels, over])
        if frame.kind != "flat":
            frame.pixels = frame.pixels[::2, ::2].copy()
            frame.cards |= {"XBINNING": 2, "YBINNING": 2}

    start = start_folder(write_night(tmp_path / "raw", change), tmp_path / "work")
    line = '  - {data: "[1:110,:]", overscan: "[111:130,:]", coordinates: unbinned}'
    assert any(each.startswith(line) for each in start.camera_lines)
    assert any(each.endswith("▁▁▁▁▁▁") for each in start.camera_lines)
    assert not any("refused: " in text and "section" in text for text in start.open)


@pytest.mark.parametrize("whole", [True, False])
def test_binned_flats_that_say_they_are_not(tmp_path, whole):
    """All is binned by two, but the flats say 1x1; or all do, and a whole frame tells it."""

    def change(frame):
        frame.pixels = frame.pixels[::2, ::2].copy()
        told = 2 if frame.kind != "flat" and not whole else 1
        frame.cards |= {"XBINNING": told, "YBINNING": told}
        if whole:
            frame.cards |= {"XORGSUBF": 0, "YORGSUBF": 0}
            if frame.name == "bias0.fits":
                full = exposed("bias", 0, 0.0)
                return [frame, Frame("bias", 9, full, frame.cards, [], "whole.fits")]
        return None

    start, plan, products = reduced(write_night(tmp_path / "raw", change), tmp_path / "work")
    assert not set(LIGHTS) & set(plan.refused)
    assert any("binning 1x1 in the header, but 55 x 45" in text for text in start.open)
    for light in LIGHTS:
        assert_right(products[light], TRUTH[::2, ::2])


def test_a_light_that_may_be_a_window_is_not_taken_as_binned(tmp_path):
    def change(frame):
        frame.pixels = frame.pixels[::2, ::2].copy()
        told = 1 if frame.kind == "light" else 2
        frame.cards |= {"XBINNING": told, "YBINNING": told}

    _, plan, _ = reduced(write_night(tmp_path / "raw", change), tmp_path / "work")
    assert "binning 2x2, the frame has 1x1" in plan.refused[LIGHTS[0]]


def test_a_window_of_half_the_size_is_not_binned(tmp_path):
    def change(frame):
        frame.cards["CCDSEC"] = "[1:110,1:90]"
        if frame.kind == "light":
            window(frame, 20, 10, 75, 55, CCDSEC="[21:75,11:55]")

    _, plan, products = reduced(write_night(tmp_path / "raw", change), tmp_path / "work")
    assert not plan.refused
    assert_right(products[LIGHTS[0]], TRUTH[10:55, 20:75])
