"""What stands in the way of a run is named before anything is written."""

import os

import pytest

from ccdlib.errors import CcdlibError
from ccdlib.run.places import check_places, files_of, folders


@pytest.fixture
def work(tmp_path, monkeypatch):
    for name in ("work", "raw/night", "else"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def _check(*products, raw="../raw"):
    check_places([*folders(), *(file for name in products for file in files_of(name))], raw)


def test_what_a_product_comes_with():
    assert files_of("results/calibrated/night/a.fits") == [
        "results/calibrated/night/a.fits",
        "results/qa/calibrated/night/a.json",
        "logs/calibrate_frame/night/a.log",
        "benchmarks/calibrate_frame/night/a.tsv",
    ]


def test_a_new_folder_and_links_to_elsewhere_are_fine(work):
    _check("results/calibrated/a.fits")
    (work / "results").symlink_to("../else")
    (work / "logs").symlink_to("../else")
    _check("results/calibrated/night/a.fits")
    assert not list((work.parent / "else").iterdir())


@pytest.mark.parametrize(
    "folder",
    [
        *("results", "results/calibrated", "logs/calibrate_frame/night", ".ccdlib", ".snakemake"),
        *(".snakemake/locks", ".snakemake/metadata", ".snakemake/iocache"),
    ],
)
@pytest.mark.parametrize("what", ["a file", "a link to nowhere"])
def test_what_is_no_folder_is_named(work, folder, what):
    path = work / folder
    path.parent.mkdir(parents=True, exist_ok=True)
    if what == "a file":
        path.write_text("")
    else:
        path.symlink_to("nowhere")
    with pytest.raises(CcdlibError, match=f"^{folder} is {what}, where a folder should be"):
        _check("results/calibrated/night/a.fits")


@pytest.mark.parametrize("link", ["results", "results/calibrated", "results/calibrated/night"])
@pytest.mark.parametrize("target", ["raw", "raw/night"])
def test_no_link_leads_into_the_raw_folder(work, link, target):
    """A product there would take the place of the raw frame of its name."""
    (work / link).parent.mkdir(parents=True, exist_ok=True)
    (work / link).symlink_to(work.parent / target)
    for raw in ("../raw", ["../else", str(work.parent / "raw")]):
        with pytest.raises(CcdlibError, match=f"^{link}.* leads into raw_dir"):
            _check("results/calibrated/night/a.fits", raw=raw)


@pytest.mark.parametrize("raw", ["..", ".", "raw"])
def test_raw_and_working_directory_may_lie_in_each_other(work, raw):
    """Results are not looked through for raw frames."""
    (work / "raw").mkdir()
    _check("results/calibrated/night/a.fits", raw=raw)


def test_no_link_leads_into_raw_frames_within_the_working_directory(work):
    (work / "raw/night").mkdir(parents=True)
    (work / "results").symlink_to("raw/night")
    for raw in ("raw", ["../else", str(work / "raw")]):
        with pytest.raises(CcdlibError, match=r"^results leads into raw_dir"):
            _check("results/calibrated/a.fits", raw=raw)


def test_a_folder_that_cannot_be_written_into_is_named(work, monkeypatch):
    (work / "results").mkdir()
    monkeypatch.setattr("os.access", lambda path, mode: str(path) != "results")
    with pytest.raises(CcdlibError, match=r"^results cannot be written into"):
        _check("results/calibrated/a.fits")
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(CcdlibError, match=rf"^{work} cannot be written into"):
        _check("results/calibrated/a.fits")


@pytest.mark.parametrize(
    "file",
    [
        *("logs/calibrate_frame/a.log", "benchmarks/make_plan/plan.tsv", "logs/reasons.csv"),
        *(".ccdlib/lock", ".ccdlib/jobs", ".ccdlib/unfinished"),
    ],
)
@pytest.mark.parametrize("target", ["raw/a.fits", "nowhere"])
def test_a_link_in_place_of_a_file_that_is_written_in_place_is_named(work, file, target):
    """It may lead to a raw frame, which would be emptied."""
    (work / file).parent.mkdir(parents=True)
    (work / file).symlink_to(work.parent / target)
    with pytest.raises(CcdlibError, match=f"^{file} is a link, where a file should be"):
        _check()


@pytest.mark.parametrize(
    "file", [".ccdlib/jobs", ".ccdlib/lock", "logs/reasons.csv", "benchmarks/masters/masters.tsv"]
)
def test_a_fifo_in_place_of_a_file_that_is_written_in_place_is_named(work, file):
    """It was waited for without end."""
    (work / file).parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(work / file)
    with pytest.raises(CcdlibError, match=f"^{file} is no regular file, where one should be"):
        _check()


def test_folders_of_raw_frames_may_be_called_as_logs(work):
    for name in ("logs", "benchmarks"):
        (work / name / "calibrate_frame/first.log/second.tsv").mkdir(parents=True)
    _check()


def test_logs_and_benchmarks_may_lie_on_another_disk(work):
    for name in ("logs", "benchmarks"):
        (work.parent / name).mkdir()
        (work.parent / name / "a.log").touch()
        (work / name).symlink_to(work.parent / name)
    _check()


@pytest.mark.parametrize(
    "file",
    [
        "results/index.csv",
        "results/qa/masters.csv",
        "results/report/index.html",
        "results/qa/report/2024-05-13.json",
        "logs/reasons.csv",
        ".ccdlib/lock",
        ".ccdlib/unfinished",
        "logs/make_plan/plan.log",
        "benchmarks/combine_bias/a.tsv",
        "benchmarks/write_archive/archive.tsv",
    ],
)
def test_a_folder_in_place_of_a_file_is_named(work, file):
    """Else it is told by whoever writes it first, some with a traceback."""
    (work / file).mkdir(parents=True)
    with pytest.raises(CcdlibError, match=f"^{file} is a folder, where a file should be"):
        _check()


@pytest.mark.parametrize("folder", ["results/qa/report", ".ccdlib/tables/report"])
def test_a_file_in_the_place_of_a_folder_of_pages_is_named(work, folder):
    """Snakemake answered with a traceback when it was about to write the pages."""
    path = work / folder
    path.parent.mkdir(parents=True)
    path.write_text("")
    with pytest.raises(CcdlibError, match=f"^{folder} is a file, where a folder should be"):
        _check()
