"""The raw folder inside the working directory, the other way round, and links that lead in circles.

What is found is each raw frame once, and never a product.
"""

import os
import shutil

import pytest
from small_night import V1, Work


def _link_in_circles(folder):
    """Links to the folder itself, to the one above it, to each other, to themselves, to nowhere."""
    for name, target in {
        "again": ".",
        "above": "..",
        "one": "other",
        "other": "one",
        "own.fits": "own.fits",
        "nowhere.fits": "gone.fits",
    }.items():
        (folder / name).symlink_to(target)


@pytest.fixture(params=["raw in work", pytest.param("work in raw", marks=pytest.mark.faults)])
def nested(request, simulated, tmp_path):
    work = Work(tmp_path / "work", tmp_path / "work/data/raw")
    if request.param == "work in raw":
        work = Work(tmp_path / "raw/2024/work", tmp_path / "raw")
    shutil.copytree(simulated, work.raw)
    work.folder.mkdir(parents=True, exist_ok=True)
    _link_in_circles(work.raw)
    (work.folder / "raw frames").symlink_to(work.raw)
    return work


def test_folders_in_each_other_and_links_in_circles(nested, reduced):
    done = nested.run()
    assert nested.content() == reduced.content()
    refused = {"own.fits: cannot be read", "nowhere.fits: cannot be read"}
    assert all(reason in done.text for reason in refused), done.text
    index = (nested.folder / "results/index.csv").read_text()
    assert len(index.splitlines()) == 1 + len(list(nested.raw.glob("*.fits")))
    again = nested.run()
    assert "nothing to do" in again.text
    assert again.made == set()


def test_a_link_from_the_products_into_the_raw_folder_is_refused_and_nothing_removed(raw):
    """Snakemake removes a product before its job: it would have been the raw frame."""
    before = {path.name: path.read_bytes() for path in raw.raw.iterdir()}
    (raw.folder / "results").mkdir(parents=True)
    (raw.folder / "results/calibrated").symlink_to(raw.raw)
    text = raw.run(code=1).text
    assert f"results/calibrated leads into raw_dir ({raw.raw.resolve()})" in text
    assert {path.name: path.read_bytes() for path in raw.raw.iterdir()} == before


@pytest.mark.parametrize("name", ["calibrated/M13_V_001.fits", "qa/calibrated/M13_V_001.json"])
def test_a_folder_where_a_file_should_be_is_one_line(again, name):
    path = again.folder / "results" / name
    path.unlink()
    (path / "more").mkdir(parents=True)
    lines = again.run(code=1).text.splitlines()
    assert any(f"results/{name}" in line for line in lines)
    assert len(lines) < 5 and "Traceback" not in str(lines)


def test_a_fifo_where_a_product_should_be_is_not_waited_for(again, reduced):
    path = again.folder / "results" / V1
    path.unlink()
    os.mkfifo(path)
    assert f"results/{V1} is not as a run here wrote it" in again.run().text
    assert again.content() == reduced.content()
