"""Stacks of a night with dithered lights, as a user asks for them."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.wcs import WCS
from small_night import NIGHT, Work, copied

from ccdlib import aperture_sigma
from ccdlib.cli import main
from ccdlib.simulate.exposures import simulate_demo

FIELD = replace(
    NIGHT,
    shape=(220, 240),
    stars=80,
    fluxes=(40.0, 4000.0),
    bright_star=(0.37, 0.62, 20_000.0),
    lights=(("V", 4, 120.0), ("R", 1, 60.0)),
)
V = "stacks/M13_V.fits"
ASKED = "{by: [object, filter]}"


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """The night with its stack; not to be changed."""
    folder = tmp_path_factory.mktemp("stacked")
    simulate_demo(folder / "raw", folder / "truth", night=FIELD)
    work = Work(folder / "work", folder / "raw")
    work.plain = work.run()
    work.first = work.run(stack=ASKED)
    return work


@pytest.fixture
def again(night, tmp_path):
    return copied(night, tmp_path)


def _table(work, product, name="FRAMES"):
    with fits.open(work.folder / "results" / product) as hdus:
        names = hdus[name].columns.names
        rows = [{each: row[each] for each in names} for row in hdus[name].data]
    return {row["FRAME"]: row for row in rows}


def test_none_is_made_unless_asked_for(night):
    assert not [name for name in night.plain.made if name.startswith("stacks/")]
    assert night.first.made >= {V, "plan.csv"}
    # nothing that was there is made again for it
    assert not [name for name in night.first.made if name.endswith(".fits") and name != V]
    assert "5 calibrated frames, 7 masters and 1 stack in results/" in night.first.text
    assert not night.run(stack=ASKED).made


def _fits(run):
    return {name for name in run.made if name.endswith(".fits")}


def test_stacks_are_turned_off_and_asked_for_by_their_name(again):
    off, path = "{by: []}", again.folder / "results" / V
    assert f"results/{V}" in again.run(stack=off).text
    text = again.run("stacks", stack=off, code=1).text
    assert "stack='{by: [object, filter]}'; [] turns stacks off" in text
    assert "Traceback" not in text
    # the one that is there is not touched
    assert path.exists()
    assert again.run(stack=off, prune=True).gone == {V}
    # it stays off until it is asked for, and then on
    assert not _fits(again.run())
    assert "make_stack" in again.run("-n", "stacks").text
    assert _fits(again.run("stacks")) == {V}
    plain = again.run(prune=True)
    assert not plain.made and path.exists() and V not in plain.text
    assert "Nothing to be done" in again.run("-n", prune=True).text
    path.unlink()
    (again.raw / "M13_V_004.fits").unlink()
    assert _fits(again.run()) == {V}
    assert fits.getheader(path)["NCOMBINE"] == 3


def test_what_the_lights_of_stacks_have_in_common_stays_too(again):
    name = "stacks/2024-05-13_M13_V.fits"
    assert name in again.run(stack="{by: [night, object, filter]}", prune=True).made
    assert again.run().made == set()
    assert (again.folder / "results" / name).exists()


def test_a_stack_that_is_not_planned_is_told_what_is(again):
    text = again.run("results/stacks/M13_v.fits", code=1).text
    assert f"did you mean results/{V}?" in text
    text = again.run("stacks", stack="{min_frames: 9}", code=1).text
    assert "there is no stack to make: " in text
    assert f"results/{V}: 4 lights, stack.min_frames is 9" in text


def test_the_plan_says_what_goes_into_which(night):
    with open(night.folder / "results/plan.csv") as file:
        rows = [row for row in csv.DictReader(file) if row["product"].startswith("results/stacks/")]
    own = [row for row in rows if row["product"] == f"results/{V}"]
    lights = [row["master"] for row in own if row["kind"].startswith("calibrated")]
    assert lights == [f"results/calibrated/M13_V_00{n}.fits" for n in range(1, 5)]
    assert {row["kind"] for row in own} >= {"frames", "bias", "dark", "flat"}
    (alone,) = [row for row in rows if row["product"] != f"results/{V}"]
    assert (alone["status"], alone["reason"]) == ("skipped", "1 light, stack.min_frames is 2")


def test_a_stack_says_what_it_is_made_of(night):
    with fits.open(night.folder / "results" / V) as hdus:
        header = hdus[0].header
        assert [hdu.name for hdu in hdus[1:]] == [
            *("UNCERT", "MASK", "DQ", "SHARED", "ANYDQ", "COVERAGE", "REJECTED", "EXPTIME"),
            *("CORR", "SHCORR", "APERTURE", "FRAMES"),
        ]
        assert (header["NCOMBINE"], header["NLEFT"], header["TEXPTIME"]) == (4, 0, 480.0)
        assert header["STKREF"] in {f"M13_V_00{n}" for n in range(1, 5)}
        assert (header["OBJECT"], header["FILTER"], header["IMAGETYP"]) == ("M13", "V", "stack")
        assert hdus["COVERAGE"].data.max() == 4
        assert (hdus["DQ"].data == 0).mean() > 0.95
    # a reader has nothing to warn of, such as dates that it completes
    ccd = CCDData.read(night.folder / "results" / V)
    assert ccd.wcs is not None
    assert header["MJD-BEG"] < header["MJD-AVG"] < header["MJD-END"]
    lights = _table(night, V)
    assert all(row["NSTARS"] >= 10 and row["RMS"] < 0.1 for row in lights.values())
    assert sum(row["WEIGHT"] for row in lights.values()) == pytest.approx(1)
    assert all(abs(row["SCALE"] - 1) < 0.02 for row in lights.values())


def test_its_values_lie_within_their_sigma_of_the_truth(night):
    """The truth of the reference, where the image is even enough for it to be that of all."""
    with fits.open(night.folder / "results" / V) as hdus:
        data, sigma, flags = hdus[0].data, hdus["UNCERT"].data, hdus["DQ"].data
        name = hdus[0].header["STKREF"]
    truth = fits.getdata(night.folder.parent / "truth" / f"{name}.fits")
    even = (flags == 0) & (np.abs(truth - np.median(truth)) < 3)
    pull = (data[even] - truth[even]) / sigma[even]
    assert even.sum() > 5000
    # the level of the reference's own sky is the reference's
    assert pull.std() == pytest.approx(1, abs=0.05)


def test_the_sigma_of_an_aperture_knows_of_correlations(night):
    path = night.folder / "results" / V
    plain = np.sqrt(np.sum(np.square(fits.getdata(path, "UNCERT")[100:109, 100:109])))
    assert aperture_sigma(path, 5, 104, 104) > 1.05 * plain
    assert np.shape(aperture_sigma(path, 5, [50, 104], [60, 104])) == (2,)
    light = night.folder / "results/calibrated/M13_V_001.fits"
    sigma, flags = fits.getdata(light, "UNCERT"), fits.getdata(light, "DQ")
    y, x = np.mgrid[-5:6, -5:6]
    box = np.where((x * x + y * y <= 25) & (flags[99:110, 99:110] == 0), sigma[99:110, 99:110], 0)
    expected = np.sqrt(np.sum(np.square(box, dtype=float)))
    assert aperture_sigma(light, 5, 104, 104) == pytest.approx(expected)


def test_another_threshold_remakes_the_stack_alone(again):
    run = again.run(stack="{by: [object, filter], leave: {max_fwhm: 1.0}}", code=1)
    assert "every light is to be left out: M13_V_001: the width of its stars" in run.text
    run = again.run(stack="{by: [object, filter], reference: first, clip: 4}")
    assert {name for name in run.made if name.endswith(".fits")} == {V}
    assert fits.getheader(again.folder / "results" / V)["STKREF"] == "M13_V_001"


def test_a_stack_on_the_pixels_of_a_file(again):
    """By the content of the file: it may lie elsewhere the next day."""
    header = WCS(fits.getheader(again.folder / "results" / V)).to_header()
    header.update({key: header[key] / 2 for key in ("CDELT1", "CDELT2")} | {"CRPIX1": 90.0})
    mosaic = again.folder / "mosaic.fits"
    fits.writeto(mosaic, np.zeros((150, 170), np.uint8), header)
    asked = f"{{by: [object, filter], grid: {mosaic.name}}}"
    again.run(stack=asked)
    found = fits.getheader(again.folder / "results" / V)
    assert (found["NAXIS1"], found["NAXIS2"], found["STKGRID"]) == (170, 150, "given")
    assert all(found[key] == header[key] for key in ("CDELT1", "CRPIX1", "CRVAL1", "CRVAL2"))
    assert found["STKSCALE"] == pytest.approx(0.5, abs=1e-4)
    mosaic.rename(again.folder / "moved.fits")
    assert not again.run(stack=asked.replace("mosaic", "moved")).made
    run = again.run(stack=asked, code=1)
    assert "stack.grid='mosaic.fits' is not allowed: reference, union, intersection" in run.text


def test_one_light_more_remakes_its_stack_alone(again):
    (again.raw / "M13_V_004.fits").rename(again.raw.parent / "kept.fits")
    assert V in again.run(stack=ASKED).made
    (again.raw.parent / "kept.fits").rename(again.raw / "M13_V_004.fits")
    run = again.run(stack=ASKED)
    assert {name for name in run.made if name.endswith(".fits")} <= {
        V,
        "calibrated/M13_V_004.fits",
    }
    assert fits.getheader(again.folder / "results" / V)["NCOMBINE"] == 4


def test_it_is_made_again_bit_by_bit(night, capsys, monkeypatch):
    monkeypatch.chdir(night.folder)
    assert main(["verify", f"results/{V}"]) == 0
    assert "bit for bit" in capsys.readouterr().out


def test_why_tells_of_stacks(night, capsys, monkeypatch):
    """The name of a light is still that of its calibrated frame."""
    monkeypatch.chdir(night.folder)
    assert main(["why", "M13_V_001"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "results/calibrated/M13_V_001.fits"
    assert f"goes into results/{V}" in told
    assert main(["why", "results/stacks/M13_R.fits"]) == 1
    assert "is not made: 1 light, stack.min_frames is 2" in capsys.readouterr().err


def test_lights_of_another_field_and_without_a_good_pixel_are_left_out_by_name(again):
    path = again.raw / "M13_V_003.fits"
    with fits.open(path) as hdus:
        header, data = hdus[0].header, hdus[0].data.copy()
    # blocks of rows and of columns change places: no pattern of stars is left
    rows = np.random.default_rng(4).permutation(11)
    data = data[(rows[:, None] * 20 + np.arange(20)).ravel()]
    order = np.random.default_rng(3).permutation(12)
    data[:, :240] = data[:, (order[:, None] * 20 + np.arange(20)).ravel()]
    fits.writeto(path, data, header, overwrite=True)
    with fits.open(again.raw / "M13_V_004.fits", mode="update") as hdus:
        hdus[0].data[:] = 65535
    run = again.run(stack=ASKED)
    assert f"M13_V_003 left out of results/{V}: not registered" in run.text
    assert f"M13_V_004 left out of results/{V}: every pixel is flagged" in run.text
    assert _table(again, V)["M13_V_003"]["LEFT"].startswith("not registered")
    assert fits.getheader(again.folder / "results" / V)["NCOMBINE"] == 2


def test_a_damaged_light_goes_into_no_stack(again):
    path = again.folder / "results/calibrated/M13_V_002.fits"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert {V, "calibrated/M13_V_002.fits"} <= again.run(stack=ASKED).made


def test_lights_of_one_name_in_two_folders_are_two(again):
    names = [f"{folder}/light_{number}" for folder in "ab" for number in (1, 2)]
    for old, new in zip(sorted(again.raw.glob("M13_V_*")), names, strict=True):
        (again.raw / new).parent.mkdir(exist_ok=True)
        old.rename(again.raw / f"{new}.fits")
    again.run(stack="{by: [object, filter], reference: b/light_1}")
    rows = _table(again, V)
    assert set(rows) == set(names)
    assert sum(row["WEIGHT"] for row in rows.values()) == pytest.approx(1)
    assert fits.getheader(again.folder / "results" / V)["STKREF"] == "b/light_1"
