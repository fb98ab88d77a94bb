"""What earlier runs of an archive left, read again."""

import os
import shutil
from pathlib import Path

import pytest

from ccdlib.archives import status, survey
from ccdlib.archives.reduce import read_task
from ccdlib.state import sealed


def written(name, **content):
    """A sealed file of a night."""
    path = Path("nights/n", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(sealed(content))


@pytest.mark.parametrize("lost", sorted(status.KEYS))
def test_a_record_of_an_earlier_state_of_the_code_is_as_good_as_none(tmp_path, monkeypatch, lost):
    monkeypatch.chdir(tmp_path)
    whole = dict.fromkeys(status.KEYS) | {"format": status.FORMAT}
    written(status.RECORD, **whole)
    assert status.read_record("n").keys() >= status.KEYS
    del whole[lost]
    written(status.RECORD, **whole)
    assert status.read_record("n") is None


def test_a_look_of_an_earlier_state_of_the_code_is_as_good_as_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with_problem = {"format": 1, "key": "k", "problem": "no frames", "seen": {}}
    written(survey.NAME, **with_problem)
    assert survey.read_survey("n")["problem"] == "no frames"
    for lacking in with_problem:
        written(survey.NAME, **{key: each for key, each in with_problem.items() if key != lacking})
        assert survey.read_survey("n") is None
    # without a problem there is more to tell
    written(survey.NAME, **with_problem | {"problem": None})
    assert survey.read_survey("n") is None


def test_what_a_job_is_given_is_written_through_no_link(tmp_path, monkeypatch):
    """A raw frame in whose place it was had its content."""
    monkeypatch.chdir(tmp_path)
    raw = tmp_path / "bias.fits"
    raw.write_bytes(b"raw")
    path = Path("nights/n", status.TASK)
    path.parent.mkdir(parents=True)
    path.symlink_to(raw)
    archive = object.__new__(status.Archive)
    archive.tasks = {"n": {"threads": 1}}
    archive.begin()
    assert (raw.read_bytes(), read_task("n")) == (b"raw", {"threads": 1})


def test_products_are_as_they_were_left_until_one_is_another(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = Path("nights/n/results/calibrated/night/a.fits")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"a frame")
    os.utime(path, ns=(5, 5))
    before = status.products_of("n")
    # what `cp -a` makes
    shutil.copytree("nights/n", "nights/copy")
    assert status.products_of("copy") == before
    # logs are none, tables and pages are
    Path("nights/n/logs").mkdir()
    Path("nights/n/logs/a.log").write_text("")
    assert status.products_of("n") == before
    for name in ("report/index.html", "index.csv"):
        page = Path("nights/n/results", name)
        page.parent.mkdir(exist_ok=True)
        page.write_text("")
        assert status.products_of("n") != before
        page.unlink()
    os.utime(path, ns=(6, 6))
    edited = status.products_of("n")
    path.write_bytes(b"another frame")
    os.utime(path, ns=(5, 5))
    longer = status.products_of("n")
    path.unlink()
    assert len({before, edited, longer, status.products_of("n")}) == 4
