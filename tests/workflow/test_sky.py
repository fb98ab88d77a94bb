"""Illumination, fringes and flattened lights of a night, as a user asks for them."""

import csv
import hashlib
from dataclasses import replace

import pytest
from astropy.io import fits
from astropy.nddata import CCDData
from small_night import NIGHT, Work, copied

from ccdlib.cli import main
from ccdlib.simulate.exposures import simulate_demo

FIELD = replace(
    NIGHT,
    shape=(192, 208),
    stars=15,
    lights=(("V", 5, 120.0), ("R", 1, 60.0)),
)
NUMBERS = range(1, 6)
FLAT = {f"flattened/M13_V_00{number}.fits" for number in NUMBERS}
ASKED = "{illumination: true, fringe: true}"


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """The night with its sky; not to be changed."""
    folder = tmp_path_factory.mktemp("sky")
    simulate_demo(folder / "raw", folder / "truth", night=FIELD)
    work = Work(folder / "work", folder / "raw")
    work.plain = work.run()
    work.first = work.run(sky=ASKED)
    return work


@pytest.fixture
def again(night, tmp_path):
    return copied(night, tmp_path)


def _fits(names):
    return {name for name in names if name.endswith(".fits")}


def test_none_is_made_unless_asked_for(night):
    assert not [name for name in night.plain.made if name.startswith(("sky/", "flattened/"))]
    # nothing that was there is made again for it
    own = _fits(night.first.made)
    assert len(own) == 7 and all(name.startswith(("sky/", "flattened/")) for name in own)
    assert "and 5 flattened lights in results/" in night.first.text
    assert (
        "1 light not flattened: 1 light of its filter and flat, sky.min_frames is 5"
        in night.first.text
    )
    assert not night.run(sky=ASKED).made


def test_the_plan_says_what_goes_into_which(night):
    with open(night.folder / "results/plan.csv") as file:
        rows = list(csv.DictReader(file))
    own = [row for row in rows if "/sky/fringe/" in row["product"]]
    lights = [row["master"] for row in own if row["kind"].startswith("calibrated")]
    assert lights == [f"results/calibrated/M13_V_00{number}.fits" for number in NUMBERS]
    assert [row["kind"] for row in own if "/illumination/" in row["master"]] == ["illumination"]
    (lone,) = [row for row in rows if row["product"] == "results/flattened/M13_R_001.fits"]
    assert lone["status"] == "skipped"


def test_a_flattened_light_says_what_was_done_to_it(night):
    path = night.folder / "results/flattened/M13_V_001.fits"
    light = fits.getheader(night.folder / "results/calibrated/M13_V_001.fits")
    header = fits.getheader(path)
    assert header["ILLUFILE"].endswith("_V") and header["FRINFILE"].endswith("_V")
    assert {"FRINSCAL", "FRINBEF", "FRINAFT"} <= set(header)
    for keyword in ("FLATSHA", "BIASSHA", "RAWSHA", "OBJECT", "CRPIX1", "AMPGAI1"):
        assert header[keyword] == light[keyword]
    assert header["RECIPE"] != light["RECIPE"]
    assert CCDData.read(path).wcs is not None
    from astropy.table import Table

    (illumination,) = (night.folder / "results/sky/illumination").glob("*.fits")
    rows = Table.read(illumination, "FRAMES")
    assert len(rows) == 5 and sum(rows["WEIGHT"]) == pytest.approx(1)


def test_one_light_more_remakes_the_sky_and_what_it_flattens(again):
    raw = again.raw / "M13_V_005.fits"
    kept = raw.rename(again.raw.parent / "kept.fits")
    run = again.run(sky="{illumination: true, fringe: true, min_frames: 4}")
    before = {name for name in _fits(run.made) if name.startswith("flattened/")}
    assert before == {f"flattened/M13_V_00{number}.fits" for number in range(1, 5)}
    kept.rename(raw)
    run = again.run(sky="{illumination: true, fringe: true, min_frames: 4}")
    made = _fits(run.made)
    assert made > FLAT
    # no light is calibrated again for it
    assert not {name for name in made if name.startswith("calibrated/")}


def test_everything_is_made_again_bit_for_bit(night, capsys, monkeypatch):
    monkeypatch.chdir(night.folder)
    assert main(["verify"]) == 0
    assert "bit for bit" in capsys.readouterr().out


def test_a_light_says_why_it_is_flattened(night, capsys, monkeypatch):
    monkeypatch.chdir(night.folder)
    assert main(["why", "results/flattened/M13_V_001.fits"]) == 0
    told = capsys.readouterr().out
    assert "illumination: used results/sky/illumination/" in told


def test_stacks_are_made_of_the_flattened_lights(again):
    again.run(sky=ASKED, stack="{by: [object, filter], min_frames: 2}")
    with open(again.folder / "results/plan.csv") as file:
        rows = [row for row in csv.DictReader(file) if row["product"].endswith("M13_V.fits")]
    used = {row["master"] for row in rows if row["kind"].startswith("calibrated")}
    assert used == {f"results/{name}" for name in FLAT}


def test_a_sky_flat_is_no_second_flat(again):
    run = again.run(sky="{illumination: pixels}")
    assert "illumination=pixels is a flat of its own, and M13_V_001.fits has the flat" in run.text
    assert not _fits(run.made)


def test_a_sky_flat_where_there_is_no_flat(again):
    for path in again.raw.glob("flat_*"):
        path.unlink()
    run = again.run(sky="{illumination: pixels}", missing="{flat: skip}")
    assert run.made >= FLAT
    header = fits.getheader(again.folder / "results/flattened/M13_V_001.fits")
    assert "FLATSHA" not in header and header["ILLUFILE"].endswith("_V")


def test_the_report_shows_how_even_the_skies_are(night):
    (page,) = (night.folder / "results/report").glob("2024*.html")
    text = page.read_text()
    assert "What the skies of the lights of a filter have in common" in text
    assert 'id="results/sky/illumination/' in text


def test_a_sky_that_is_frozen(again, tmp_path):
    """A light that comes later is flattened with what is there, and the others stay."""
    raw = again.raw / "M13_V_005.fits"
    kept = raw.rename(again.raw.parent / "kept.fits")
    asked = "{illumination: true, fringe: true, min_frames: 4}"
    again.run(sky=asked)
    frozen = tmp_path / "frozen"
    (again.folder / "results/sky").rename(frozen)
    kept.rename(raw)
    ready = {"sky": "{illumination: ready, fringe: ready}", "ready_masters": frozen}
    run = again.run(**ready)
    assert "flattened/M13_V_005.fits" in run.made
    assert not [name for name in run.made if name.startswith(("sky/", "calibrated/"))]
    header = fits.getheader(again.folder / "results/flattened/M13_V_005.fits")
    with open(next((frozen / "illumination").iterdir()), "rb") as file:
        assert header["ILLUSHA"] == hashlib.file_digest(file, "sha256").hexdigest()
    assert not again.run(**ready).made
    run = again.run(sky="{illumination: ready}", ready_masters=frozen / "fringe")
    assert "6 lights not flattened: no ready illumination of its facts and filter" in run.text


def test_an_illumination_by_two_flats(again):
    """The dome's flat for the pixels, the sky's for what varies over many of them."""
    for path in sorted(again.raw.glob("flat_V_*")):
        where = "dome" if path.stem.endswith(("1", "2")) else "twilight"
        path.rename(path.with_name(f"{where}{path.name}"))
    run = again.run(flat="{from: dome}", sky="{illumination: flats}")
    flats = {name for name in run.made if name.startswith("masters/flat/")}
    assert {name.rpartition("_")[2] for name in flats} == {"dome.fits", "sky.fits"}
    assert run.made >= FLAT
    (illumination,) = [name for name in run.made if name.startswith("sky/illumination/")]
    with fits.open(again.folder / "results" / illumination) as hdus:
        assert hdus[0].header["SKYMETH"] == "flats"
        names = {str(row["FRAME"]) for row in hdus["FRAMES"].data}
    assert names == {name.rpartition("/")[2].removesuffix(".fits") for name in flats}
    assert "there is no flat of the sky beside it; flat.from=dome takes" in run.text
    # lights do not go into it
    (again.raw / "M13_V_005.fits").unlink()
    run = again.run(flat="{from: dome}", sky="{illumination: flats}", prune="true")
    assert illumination not in run.made
