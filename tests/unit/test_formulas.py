"""Formulas, headers and drawings of the pages, held to the code that they speak of."""

import re

import numpy as np
import pytest
from astropy.io import fits
from pages import ROOT, blocks

from ccdlib.config import load_camera
from ccdlib.frame.image import Image
from ccdlib.frame.noise import photon_variance
from ccdlib.frame.steps import add_photon_noise, divide_flat, subtract_bias, subtract_dark
from ccdlib.index.raw_index import index_file
from ccdlib.kinds import KINDS

NUMBERS = {
    "g": 1.7, "R": 6.0, "S": 900.0, "D": 120.0, "k": 0.5, "f": 0.8, "x": 900.0, "V_d": 5.0,
    "V_b": 3.0, "V_f": 4e-4, "V_mean": 7.0, "V_o": 0.3, "V_l": 0.2, "V_x": 0.9,
}  # fmt: skip


def texts(name):
    return [block.text for block in blocks(ROOT / f"docs/{name}.md") if block.language == "text"]


def value(formula, **numbers):
    """The value of a formula as the page writes it: a blank multiplies, ^ is a power."""
    python = re.sub(r"(?<=[\w)]) (?=[\w(])", " * ", formula.strip().lstrip("+ ")).replace("^", "**")
    return eval(python, {}, NUMBERS | numbers)


def image(data, variance, unit="adu"):
    whole = np.full((9, 9), data, np.float32)
    return Image(whole, np.full_like(whole, variance), np.zeros((9, 9), np.uint16), unit)


def right_of(text, words):
    """What stands behind these words in a line of a block."""
    line = next(line for line in text.splitlines() if line.startswith(words))
    return re.split(r"  +", line.removeprefix(words).strip())[0]


def test_the_variance_of_a_pixel():
    formula = right_of(texts("noise")[0], "variance  V =")
    read = value("(R / g)^2 + 1/12")
    got = photon_variance(np.float32(NUMBERS["S"]), NUMBERS["g"], read)
    assert formula == "S / g + (R / g)^2 + 1/12"
    assert got == pytest.approx(value(formula))


def test_the_variance_after_each_step():
    text = texts("noise")[1]
    n = NUMBERS
    frame = subtract_bias(image(n["x"] + 50, n["V_o"] + n["V_l"]), image(50, n["V_b"]))
    after_bias = value(right_of(text, "after overscan and bias"))
    assert frame.variance[4, 4] == pytest.approx(after_bias)

    own = subtract_dark(frame, image(30, n["V_d"]), n["k"])
    of_dark = value(right_of(text, "after a dark times k"))
    assert own.variance[4, 4] == pytest.approx(after_bias + of_dark)
    # the page's V_mean is the dark's own mean, before its bias was subtracted
    shared = image(30, n["V_mean"] + n["V_b"])
    shared = subtract_dark(frame, shared, n["k"], np.float32(n["V_b"]))
    level = value("V_o + V_l")
    line = text.splitlines()[2].strip()
    assert shared.variance[4, 4] == pytest.approx(
        level + value(re.split(r"  +", line)[0]), rel=1e-6
    )

    of_light = right_of(text, "photons, read, rounding")
    floor = value("(R / g)^2 + 1/12 + V_x + k D / g")
    noisy = add_photon_noise(image(n["S"], 0.0), n["g"], np.float32(floor))
    assert noisy.variance[4, 4] == pytest.approx(value(of_light), rel=1e-6)

    flat = divide_flat(image(n["x"], 40.0), image(n["f"], n["V_f"], ""), 0.05)
    divided = value(right_of(text, "divided by a flat f"), V=40.0)
    assert flat.variance[4, 4] == pytest.approx(divided)


def test_the_variance_that_lights_share():
    """The formula is the error that masters' errors make of (raw - (1 - k) b - k mean) / f."""
    formula = texts("noise")[2].partition("V_shared =")[2]
    n = NUMBERS
    raw, bias, mean = 1000.0, 40.0, 60.0

    def light(bias, mean, flat):
        return (raw - (1 - n["k"]) * bias - n["k"] * mean) / flat

    at = bias, mean, n["f"]
    total = 0.0
    for place, variance in enumerate((n["V_b"], n["V_mean"], n["V_f"])):
        step = np.zeros(3)
        step[place] = 1e-4
        slope = (light(*(at + step)) - light(*(at - step))) / 2e-4
        total += slope**2 * variance
    assert value(formula, x=light(*at) * n["f"]) == pytest.approx(total, rel=1e-6)


@pytest.mark.parametrize(
    ("number", "camera", "said"),
    [
        (0, "palomar_lfc", {"imagetyp": "flat", "filter": "g'", "camera": "LFC-0"}),
        (1, "apogee_cg16m", {"naxis1": "4109", "naxis2": "4096"}),
    ],
)
def test_the_headers_are_ones_that_the_camera_files_read(number, camera, said, tmp_path):
    lines = [line for line in texts("camera")[number].splitlines() if "=" in line]
    header = fits.Header.fromstring("\n".join(lines), sep="\n")
    shape = header["NAXIS2"], header["NAXIS1"]
    if "IMAGETYP" not in header:
        header["IMAGETYP"] = "BIAS"
    path = tmp_path / "frame.fits"
    fits.writeto(path, np.zeros(shape, np.uint16), header)
    row = index_file(path, path.name, load_camera(camera))
    assert {name: str(row[name]) for name in said} == said
    section = load_camera(camera)["amplifiers"][0]["data"]
    # the page gives the section outright, as the header's is wrong
    assert header.get("DATASEC", section) in (section, f"[1:2048,1:{shape[0]}]")


def test_the_drawing_of_a_frames_way_names_rules():
    rules = {kind.rule for kind in KINDS.values()}
    for path in (ROOT / "workflow/rules").glob("*.smk"):
        rules |= set(re.findall(r"^(?:rule|checkpoint) (\w+):", path.read_text(), re.MULTILINE))
    drawn = set(
        re.findall(
            r"\b((?:build|make|combine|measure|calibrate|flatten)_\w+)", texts("architecture")[0]
        )
    )
    assert len(drawn) == 12
    assert drawn <= rules
