"""The raw folder inside the working directory, the other way round, and links that lead in circles.

What is found is each raw frame once, and never a product.
"""

import shutil

import pytest
from small_night import Work


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
