"""Catalogue, table and page of an archive, from records that are made up."""

import html
import re
import shutil
import sqlite3
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

import pytest
from archive_records import night

import ccdlib
from ccdlib.archives import begin_and_end, catalogue, page, table
from ccdlib.archives.settings import Night
from ccdlib.errors import CcdlibError


@pytest.fixture
def records(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ("2024-05-13", "2024-05-14")
    return {name: night(name) for name in names}


def test_frames_masters_and_nights_are_asked_for_in_a_notebook(records):
    assert catalogue.update(records, records) == 2
    found = ccdlib.archive(".")
    assert found.nights[["night", "verdict", "frames", "lights"]].values.tolist() == [
        ["2024-05-13", "refused", 4, 1],
        ["2024-05-14", "refused", 4, 1],
    ]
    assert found.masters.query("kind == 'bias'").bias_level.tolist() == [1013.0, 1014.0]
    frames = found.frames.query("folder == '2024-05-13'")
    assert dict(zip(frames.frame, frames.state, strict=True)) == {
        "bias1": "combined",
        "flat1": "left",
        "m13": "calibrated",
        "m3": "refused",
    }
    assert frames.query("frame == 'm3'").why.item() == "no flat in R"
    assert len(found.read("frames", "filter = 'V' AND imagetyp = 'light'")) == 2


@pytest.mark.parametrize("name", ["a #1", "b?mode=rwc", "c%20d", "\u00e5"])
def test_an_archive_may_be_in_a_folder_of_any_name(records, tmp_path, name):
    catalogue.update(records, records)
    shutil.copytree("archive", tmp_path / name / "archive")
    found = sorted(tmp_path.iterdir())
    assert len(ccdlib.archive(tmp_path / name).nights) == len(ccdlib.archive(name).nights) == 2
    assert sorted(tmp_path.iterdir()) == found


def test_only_what_changed_is_written(records):
    catalogue.update(records, records)
    assert catalogue.update(records, records) == 0
    records["2024-05-14"]["lights"] = 7
    assert catalogue.update(records, records) == 1
    assert ccdlib.archive().nights.lights.tolist() == [1, 7]
    assert catalogue.update(["2024-05-14"], records) == 0
    assert ccdlib.archive().nights.night.tolist() == ["2024-05-14"]
    assert set(ccdlib.archive().frames.folder) == {"2024-05-14"}


def test_a_write_that_fails_leaves_the_catalogue_as_it_was(records):
    catalogue.update(records, records)
    records["2024-05-13"]["lights"] = 5
    Path("nights/2024-05-13/results/index.csv").write_text("frame\ndamaged\n")
    with pytest.raises(CcdlibError, match=r"index\.csv"):
        catalogue.update(records, records)
    assert ccdlib.archive().nights.lights.tolist() == [1, 1]
    assert len(ccdlib.archive().frames) == 8


@pytest.mark.parametrize("content", [b"no database, but of some length" * 100, b""])
def test_a_damaged_catalogue_or_one_of_another_version_is_made_anew(records, content):
    path = Path(catalogue.CATALOGUE)
    path.parent.mkdir()
    path.write_bytes(content)
    assert catalogue.update(records, records) == 2
    with sqlite3.connect(path) as base:
        base.execute("PRAGMA user_version = 999")
    base.close()
    assert catalogue.update(records, records) == 2


@pytest.mark.parametrize("name", [catalogue.CATALOGUE, f"{catalogue.CATALOGUE}-journal"])
def test_a_folder_in_the_place_of_the_catalogue_is_named_beside_what_failed(records, name):
    """After a failed night it was a traceback, without the lines that say what failed."""
    Path(name).mkdir(parents=True)
    records["2024-05-14"]["failed"] = "exit code 1: no light"
    found = {"nights": {}, "surveys": {}, "records": records, "to_look_at": {}, "to_make": {}}
    archive = SimpleNamespace(**found, records_now=lambda: records)
    first, second, _ = begin_and_end.conclude(archive, failed=True)
    assert first.endswith(f"{name} is a folder, where a file should be: move it away")
    assert second.startswith("2024-05-14: exit code 1: no light")


def test_what_cannot_be_asked_is_told(records):
    with pytest.raises(CcdlibError, match="no such file; `ccdlib archive` makes it"):
        _ = ccdlib.archive("other").nights
    catalogue.update(records, records)
    with pytest.raises(CcdlibError, match=r"no table 'frame' \(there are nights, masters"):
        ccdlib.archive().read("frame")
    with pytest.raises(CcdlibError, match="no such column: colour"):
        ccdlib.archive().read("frames", "colour > 3")


def named(name):
    return Night(name, f"/raw/{name}", "*", {"raw_dir": "/raw", "camera": "demo"})


def test_table_and_page_tell_of_every_night(records):
    records["2024-05-14"]["failed"] = "exit code 1: disk full"
    names = [*records, "2024-05-15", "2024-05-16"]
    surveys = {"2024-05-15": {"problem": "no .fits file", "counts": {}}}
    rows = table.rows_of_nights({name: named(name) for name in names}, surveys, records)
    verdicts = [row["verdict"] for row in rows]
    assert verdicts == ["refused", "failed", "unreadable", "not made"]
    assert rows[1]["words"] == "exit code 1: disk full"
    page.write_page(rows, records)
    text = Path(page.PAGE).read_text()
    assert "4 nights: 1 refused, 1 not made, 1 unreadable, 1 failed." in text
    assert 'href="../nights/2024-05-13/results/report/index.html"' in text
    assert "2024-05-13, b.fits: 1013" in text


@pytest.mark.parametrize("name", ["n #2: y", "%3Cb%3E", "a&'b", "\u00e5/2024?"])
def test_links_lead_to_the_folders_as_they_are_called(records, name):
    page.write_page(
        table.rows_of_nights({name: named(name)}, {}, {name: records["2024-05-13"]}), {}
    )
    (link,) = re.findall(r'href="\.\./([^"]*)"', Path(page.PAGE).read_text())
    address = urlsplit("../" + html.unescape(link))
    assert not address.query and not address.fragment
    assert unquote(address.path) == f"../nights/{name}/results/report/index.html"


def test_a_page_of_very_many_nights_keeps_its_size(records):
    one = records["2024-05-13"]
    many = {f"{number:05}": one for number in range(3000)}
    rows = [
        {"night": name, "verdict": "good", "words": "", "camera": "demo", "report": "x"}
        for name in many
    ]
    rows[7]["verdict"] = "failed"
    page.write_page(rows, many)
    text = Path(page.PAGE).read_text()
    assert text.count("median of 3 from") == 1000
    assert "00007" in text and "1001 of them are listed" in text and "02999" in text


def test_the_trends_of_two_cameras_are_two(records):
    """Two bias levels in one row of marks would look like one detector that changed."""
    for cameras in (["demo", "demo"], ["demo", "/files/arcsat.yaml"]):
        for record, camera in zip(records.values(), cameras, strict=True):
            record["camera"] = camera
        names = {each["name"] for each in page._series("bias_level", records)}
        assert names == ({"bias level"} if cameras[0] == cameras[1] else {"demo", "arcsat"})
