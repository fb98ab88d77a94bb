"""Noise parameters are never a reason to make nothing; sigma is true wherever they come from."""

import numpy as np
import pytest
from strange_nights import (
    DARK,
    GAIN,
    NOISE,
    RESPONSE,
    SHAPE,
    TRUTH,
    Reduced,
    cards,
    exposure,
    is_true,
    pulls,
    take,
    write,
)

from ccdlib import dq
from ccdlib.frame.detector_noise import NO_GAIN

ADU = NOISE / GAIN


def whole_night(raw, **changed):
    take(raw, "bias", 5, **changed)
    take(raw, "dark", 5, **changed)
    take(raw, "flat", 5, **changed)
    take(raw, "light", 2, **changed)


def test_declared(tmp_path):
    """For comparison: what is declared is right."""
    whole_night(tmp_path / "raw")
    header, image = Reduced(tmp_path / "raw", tmp_path).light()
    assert header["GAINSRC"] == "headers or camera file"
    is_true(image, TRUTH)


def test_a_read_noise_that_the_biases_contradict(tmp_path):
    """It is that of the biases in masters and lights, without any flat."""
    raw = tmp_path / "raw"
    for kind, count in (("bias", 5), ("dark", 5), ("light", 2)):
        take(raw, kind, count, RDNOISE=2.5)
    reduced = Reduced(raw, tmp_path)
    assert reduced.master("bias").header["BRON0_1"] == pytest.approx(ADU, rel=0.02)
    header, image = reduced.light()
    assert header["AMPRON1"] == pytest.approx(NOISE, rel=0.02)
    assert header["GAINSRC"] == (
        "headers or camera file; read noise: the master bias's frames, against what is declared"
    )
    is_true(image, TRUTH * RESPONSE)


def test_a_gain_that_the_flats_contradict(tmp_path):
    raw = tmp_path / "raw"
    whole_night(raw, EGAIN=3.9)
    reduced = Reduced(raw, tmp_path)
    assert reduced.master("flat").header["FGAI0_1"] == pytest.approx(GAIN, rel=0.02)
    header, image = reduced.light()
    assert header["AMPGAI1"] == pytest.approx(GAIN, rel=0.02)
    assert np.median(image.data / TRUTH) == pytest.approx(1, abs=0.02)
    assert pulls(image, TRUTH * header["AMPGAI1"] / GAIN).std() == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("changed", [{"RDNOISE": NOISE * 1.03}, {"EGAIN": GAIN * 1.03}])
def test_what_is_nearly_right_stays(tmp_path, changed):
    whole_night(tmp_path / "raw", **changed)
    reduced = Reduced(tmp_path / "raw", tmp_path)
    assert "BRON0_1" not in reduced.master("bias").header
    assert "FGAI0_1" not in reduced.master("flat").header
    assert reduced.light()[0]["GAINSRC"] == "headers or camera file"


def test_uneven_biases_contradict_nothing(tmp_path):
    """A step between two amplifiers that drifts is no read noise: the declared one stays."""
    raw = tmp_path / "raw"
    step = np.where(np.arange(SHAPE[1]) < 50, 0, 1)
    for number in range(5):
        values = exposure("bias", number) + step * [0, 9, -6, 4, -8][number]
        write(raw, f"bias{number}.fits", values, cards("bias", number, RDNOISE=1.5))
    take(raw, "light", 1)
    with pytest.raises(Exception, match=r"its frames scatter with .* times the variance"):
        Reduced(raw, tmp_path)


def test_a_gain_without_a_read_noise(tmp_path):
    """The biases' own noise in adu, whatever the gain in the header is."""
    raw = tmp_path / "raw"
    for kind, count in (("bias", 5), ("dark", 5), ("light", 2)):
        take(raw, kind, count, RDNOISE=None, EGAIN=2.2)
    header, image = Reduced(raw, tmp_path).light()
    assert header["AMPRON1"] == pytest.approx(ADU * 2.2, rel=0.02)
    # as the header's gain says, which nothing contradicts
    assert np.median(image.data / (TRUTH * RESPONSE)) == pytest.approx(2.2 / GAIN, rel=0.02)


def test_a_gain_alone_takes_the_read_noise_from_the_light(tmp_path):
    """One bias shows no noise by pairs; the light's own scatter less its photons does."""
    raw = tmp_path / "raw"
    for kind, count in (("dark", 5), ("light", 1)):
        take(raw, kind, count, RDNOISE=None)
    # darks of the light's exposure hold the pedestal, and their noise is an upper limit
    header, image = Reduced(raw, tmp_path).light()
    assert header["GAINSRC"].startswith("headers or camera file; read noise: measured: ")
    is_true(image, TRUTH * RESPONSE, spread=0.06)


def test_without_gain_the_frame_is_in_adu_with_a_sigma_from_its_scatter(tmp_path):
    raw = tmp_path / "raw"
    for kind, count in (("bias", 5), ("dark", 5), ("light", 1)):
        take(raw, kind, count, RDNOISE=None, EGAIN=None)
    reduced = Reduced(raw, tmp_path)
    assert reduced.row("light0", "detector")["status"] in ("used", "skipped")
    header, image = reduced.light()
    assert (header["BUNIT"], header["GAINSRC"]) == ("adu", NO_GAIN)
    assert "AMPGAI1" not in header
    is_true(image, TRUTH * RESPONSE / GAIN, spread=0.1)


def test_a_light_and_nothing_else(tmp_path):
    """With an overscan that takes off the pedestal, or with biases alone: no gain, no pairs."""
    raw = tmp_path / "raw"
    take(raw, "bias", 1, RDNOISE=None, EGAIN=None)
    take(raw, "light", 1, RDNOISE=None, EGAIN=None)
    reduced = Reduced(raw, tmp_path, combine={"min_frames": 1})
    reason = reduced.row("light0", "detector")["reason"]
    assert reason.startswith(
        f"{NO_GAIN}: gain is neither in the headers nor given by detector.gain"
    )
    header, image = reduced.light()
    assert header["BUNIT"] == image.unit == "adu"
    # nothing took the dark current out
    is_true(image, (TRUTH * RESPONSE + 40 * DARK) / GAIN, spread=0.1)


# --- masters of one or two frames


def hit(values, rng, count=60, height=900.0):
    """The values with cosmic rays of one pixel, and where these are."""
    where = np.zeros(SHAPE, bool)
    where[rng.integers(2, SHAPE[0] - 2, count), rng.integers(2, SHAPE[1] - 2, count)] = True
    return values + height * where, where


@pytest.mark.parametrize("count", [1, 2])
def test_masters_of_one_or_two_frames(tmp_path, count):
    """Sigma is true, and the cosmic rays of one frame are in no light."""
    raw, rng = tmp_path / "raw", np.random.default_rng(5)
    struck = {}
    for kind in ("bias", "flat"):
        take(raw, kind, count - 1)
        values, struck[kind] = hit(exposure(kind, 8), rng, height={"bias": 900, "flat": 9000}[kind])
        write(raw, f"{kind}8.fits", values, cards(kind, 8))
    take(raw, "dark", 5)
    take(raw, "light", 1)
    reduced = Reduced(raw, tmp_path)
    for kind in ("bias", "flat"):
        header = reduced.master(kind).header
        assert (header["NCOMBINE"], header["CLIPMETH"]) == (count, "none")
    _, image = reduced.light()
    is_true(image, TRUTH, spread=0.04, offset=0.06)
    all_struck = struck["bias"] | struck["flat"]
    good = all_struck & (image.dq == 0)
    pull = (image.data - TRUTH) / np.sqrt(np.maximum(image.variance, 1e-9))
    assert np.abs(pull[good]).max(initial=0) < 6
    if count == 2:
        assert good.sum() > 0.9 * all_struck.sum()
        return
    without_value = (image.dq & dq.NO_CALIBRATION) != 0
    assert without_value[all_struck].mean() > 0.9
    assert without_value[~all_struck].mean() < 0.005


# --- what a correction settles


def test_a_correction_serves_frames_that_were_refused_for_the_value_that_it_gives(tmp_path):
    """An exposure that no unit explains, and a bias whose card says that it was calibrated."""
    raw = tmp_path / "raw"
    take(raw, "bias", 3, CALSTAT="B")
    take(raw, "light", 1, EXPTIME=40_000_000)
    plain = Reduced(raw, tmp_path / "plain")
    assert {row["status"] for row in plain.index.values()} == {"refused"}
    assert "write exptime in the table of corrections" in plain.index["light0.fits"]["reason"]
    assert "write done=none in the table of corrections" in plain.index["bias0.fits"]["reason"]
    table = tmp_path / "fixes.csv"
    fixes = [f"bias{number}.fits,,none" for number in range(3)]
    table.write_text("\n".join(["file,exptime,done", "light0.fits,40,", *fixes]) + "\n")
    header, image = Reduced(raw, tmp_path / "mended", corrections=table).light()
    assert header["EXPTIME"] == 40
    assert abs(np.median(image.data / (TRUTH * RESPONSE)) - 1) < 0.1


def test_the_noise_of_a_dark_that_was_subtracted_before(tmp_path):
    """A light that came without bias and dark holds the noise of both; its scatter shows it."""
    raw = tmp_path / "raw"
    for kind in ("bias", "dark", "flat"):
        take(raw, kind, 5)
    one_dark = np.round(exposure("dark", 30)) - 120
    values = np.round(exposure("light", 0)) - one_dark
    write(raw, "light0.fits", values, cards("light", 0, CALSTAT="BD", PEDESTAL=-120))
    header, image = Reduced(raw, tmp_path).light()
    assert header["GAINSRC"].endswith("; read noise from the frame's own scatter")
    is_true(image, TRUTH, spread=0.04)
