"""A night without biases and R flats, reduced with those of another night's results."""

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from astropy.io import fits
from small_night import NAME, NIGHT, R1, TABLES, V1, V2, Work, copied

from ccdlib.cli import main
from ccdlib.simulate.exposures import simulate_demo

DAY = timedelta(days=1)
SECOND = replace(
    NIGHT,
    biases=0,
    calibrations_from=NIGHT.calibrations_from + DAY,
    lights_from=NIGHT.lights_from + DAY,
)
NAME_2 = NAME.replace("05-13", "05-14")
DARK_2, FLAT_2 = f"masters/dark/{NAME_2}_120s_-20C.fits", f"masters/flat/{NAME_2}_V.fits"
READY_R = f"masters/flat/{NAME}_R.fits"


@pytest.fixture(scope="module")
def second(reduced, tmp_path_factory):
    """The second night, reduced with a copy of the first one's results; not to be changed."""
    folder = tmp_path_factory.mktemp("second")
    simulate_demo(folder / "raw", folder / "truth", night=SECOND)
    for path in (folder / "raw").glob("flat_R*"):
        path.unlink()
    work = Work(folder / "work", folder / "raw")
    ready = shutil.copytree(reduced.folder / "results", folder / "ready")
    work.first = work.run(ready_masters=ready)
    assert work.run(ready_masters=ready).made == set()
    return work


@pytest.fixture
def night(second, tmp_path):
    """The second night and the ready masters, copied elsewhere."""
    work = copied(second, tmp_path)
    work.config["ready_masters"] = tmp_path / "elsewhere"
    shutil.copytree(second.folder.parent / "ready", tmp_path / "elsewhere")
    return work


def header(work, product):
    return fits.getheader(work.folder / "results" / product)


def test_the_plan_names_what_is_used_and_why(second):
    assert "nothing refused" in second.first.text
    assert second.first.made >= {DARK_2, FLAT_2, V1, V2, R1}
    plan = (second.folder / "results/plan.csv").read_text()
    row = next(line for line in plan.splitlines() if line.startswith(f"results/{R1},flat"))
    assert f"ready/flat/{NAME}_R.fits,used," in row
    assert f"ready master {READY_R}; same camera" in row
    # its own dark is nearer than that of the other night
    assert header(second, R1)["DARKFILE"] == Path(DARK_2).stem


def test_what_was_made_with_a_ready_bias_shares_it(second):
    sha = header(second, V1)["BIASSHA"]
    assert header(second, DARK_2)["BIASSHA"] == header(second, FLAT_2)["BIASSHA"] == sha
    assert header(second, V1)["BIASFILE"] == NAME


def test_only_the_content_of_the_folder_counts(night, monkeypatch, capsys):
    # it lies elsewhere now
    assert night.run().made <= TABLES | {"ready.csv"}
    monkeypatch.chdir(night.folder)
    assert main(["verify", f"results/{R1}"]) == 0
    assert main(["why", f"results/{R1}"]) == 0
    text = capsys.readouterr().out
    assert f"flat: used ready/flat/{NAME}_R.fits (ready master {READY_R};" in text
    fits.setval(night.config["ready_masters"] / READY_R, "OBSERVER", value="somebody else")
    assert main(["verify", f"results/{R1}"]) == 1
    assert f"ready_masters: {READY_R}: changed since it was indexed" in capsys.readouterr().out
    made = {name for name in night.run().made if name.startswith(("calibrated/", "masters/"))}
    assert made == {R1} | {name for name in made if f"{NAME}_R" in name}


def test_a_light_alone_with_the_nights_own_masters_is_the_same_bit_by_bit(reduced, tmp_path):
    (tmp_path / "raw").mkdir()
    shutil.copy(reduced.raw / "M13_V_001.fits", tmp_path / "raw")
    work = Work(tmp_path / "work", tmp_path / "raw")
    run = work.run(masters=reduced.folder / "results")
    assert "nothing refused" in run.text
    assert {name.split("/")[0] for name in run.made if "/" in name} == {"calibrated", "masters"}
    with (
        fits.open(reduced.folder / "results" / V1) as own,
        fits.open(work.folder / "results" / V1) as alone,
    ):
        for first, second in zip(own, alone, strict=True):
            assert (first.data == second.data).all()
