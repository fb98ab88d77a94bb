"""archive.yaml, and what each night gets of it."""

import os
from types import SimpleNamespace

import pytest
import yaml

from ccdlib.archives import settings
from ccdlib.archives.begin_and_end import prepare
from ccdlib.archives.folders import find_nights, is_as_it_was, look
from ccdlib.errors import CcdlibError


@pytest.fixture
def root(tmp_path, monkeypatch):
    """An archive's folder with three nights of two instruments in raw/."""
    for name in ("a/2024-05-13", "a/2024-05-14", "b/2024-05-13"):
        (tmp_path / "raw" / name).mkdir(parents=True)
        (tmp_path / "raw" / name / "bias1.fits").write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def loaded(**given):
    return settings.load({"raw_dir": "raw", "settings": {"camera": "demo"}} | given)


def test_nights_are_the_folders_that_match(root):
    assert list(find_nights(loaded(nights="*/*"))) == [
        "a/2024-05-13",
        "a/2024-05-14",
        "b/2024-05-13",
    ]
    assert list(find_nights(loaded(nights="a/*-14"))) == ["a/2024-05-14"]


def test_the_last_pattern_wins_and_the_first_says_who_lends_to_whom(root):
    nights = {"a/*": {}, "b/*": {"camera": "generic"}, "a/*-14": {"cosmic_rays": {"sigclip": 9.0}}}
    found = find_nights(loaded(nights=nights))
    assert [night.pattern for night in found.values()] == ["a/*", "a/*", "b/*"]
    assert [night.config["camera"] for night in found.values()] == ["demo", "demo", "generic"]
    clips = [night.config["cosmic_rays"]["sigclip"] for night in found.values()]
    assert clips[1] == 9.0 and clips[0] == clips[2] != 9.0


def test_the_command_line_wins_over_the_file(root):
    (root / settings.FILE).write_text(yaml.safe_dump({"raw_dir": "raw", "nights": "a/*"}))
    assert settings.load({})["nights"] == "a/*"
    assert settings.load({"nights": "b/*"})["nights"] == "b/*"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"night": "*"}, "night is not a key; did you mean nights?"),
        ({"neighbours": -1}, "neighbours=-1 is not allowed: integer at least 0"),
        ({"share": "4/3"}, "share='4/3' is not allowed: a number of a whole, such as 3/10"),
        ({"settings": {"raw_dir": "x"}}, "settings.raw_dir is each night's own"),
        ({"nights": {"*": {"corrections": "x"}}}, "use corrections/NIGHT.csv"),
        ({"nights": "../*"}, "nights='../*' is not allowed, for '..': a pattern of folders below"),
        ({"nights": {"*": {}, "./a*": {}}}, "nights='./a*' is not allowed, for '.'"),
        ({"nights": "**/2024*"}, "nights='**/2024*' is not allowed, for '**'"),
        ({"nights": ""}, "nights='' is not allowed, for ''"),
    ],
)
def test_what_cannot_be_is_refused(root, given, told):
    with pytest.raises(CcdlibError, match=r"archive\.yaml|share=") as error:
        loaded(**given)
    assert told in str(error.value)


def test_folders_in_each_other_and_none_are_refused(root):
    with pytest.raises(CcdlibError, match=r"nights: a/2024-05-1. is in a, and both match"):
        find_nights(loaded(nights={"a": {}, "*/*": {}}))
    with pytest.raises(CcdlibError, match=r"no folder below .*raw matches x\*"):
        find_nights(loaded(nights="x*"))
    with pytest.raises(CcdlibError, match="other is not a folder"):
        find_nights(loaded(raw_dir="other"))


@pytest.mark.parametrize(
    ("raw_dir", "work", "nights"),
    [(".", ".", "*"), (".", ".", "*/*"), (".", "reduced", "*"), ("raw/a", "raw/a/.", "*")],
)
def test_what_an_archive_makes_is_no_night_of_it(root, monkeypatch, raw_dir, work, nights):
    (root / work).mkdir(exist_ok=True)
    monkeypatch.chdir(root / work)
    config = loaded(raw_dir=str(root / raw_dir), nights=nights)
    before = list(find_nights(config))
    for name in ("nights/n1", "archive/x", "logs/reduce_night", "benchmarks/reduce_night"):
        (root / work / name).mkdir(parents=True)
    assert list(find_nights(config)) == before != []


def test_an_archive_in_a_night_is_refused(root, monkeypatch):
    (root / "raw/a/2024-05-13/reduced").mkdir()
    monkeypatch.chdir(root / "raw/a/2024-05-13/reduced")
    with pytest.raises(CcdlibError, match=r"a/2024-05-13 holds the archive.s own folder /"):
        find_nights(loaded(raw_dir=str(root / "raw"), nights="*/*"))


def test_a_table_of_corrections_is_found_by_the_night(root):
    (root / "corrections/a").mkdir(parents=True)
    (root / "corrections/a/2024-05-13.csv").write_text("file,use\n")
    found = find_nights(loaded(nights="a/*"))
    given = [night.given.get("corrections") for night in found.values()]
    assert given == [str(root / "corrections/a/2024-05-13.csv"), None]


def test_a_table_of_corrections_that_is_a_link_to_nowhere_is_named(root):
    """The night was made without its corrections, in silence."""
    (root / "corrections").mkdir()
    (root / "corrections/a").symlink_to("/nowhere/else")
    with pytest.raises(CcdlibError, match="corrections/a: a link that leads nowhere"):
        find_nights(loaded(nights="a/*"))


def test_a_table_of_corrections_that_is_a_fifo_is_named_and_not_waited_for(root):
    (root / "corrections/a").mkdir(parents=True)
    os.mkfifo(root / "corrections/a/2024-05-13.csv")
    with pytest.raises(CcdlibError, match=r"^corrections/a/2024-05-13\.csv: a FIFO"):
        find_nights(loaded(nights="a/*"))


def test_shares_are_all_nights_each_once():
    names = [f"night {number}" for number in range(23)]
    shares = [settings.share_of(names, f"{number}/10") for number in range(1, 11)]
    assert sorted(name for share in shares for name in share) == sorted(names)
    assert {len(share) for share in shares} == {2, 3}


def test_settings_count_by_what_they_are_and_not_by_where_files_lie(root):
    first = find_nights(loaded(nights="a/*"))["a/2024-05-13"]
    (root / "raw").rename(root / "moved")
    second = find_nights(loaded(nights="a/*", raw_dir="moved"))["a/2024-05-13"]
    assert first.folder != second.folder
    assert settings.config_digest(first) == settings.config_digest(second)
    other = find_nights(loaded(nights={"a/*": {"dark": {"scale": False}}}, raw_dir="moved"))
    assert settings.config_digest(other["a/2024-05-13"])[0] != settings.config_digest(first)[0]


def _settled(seen):
    return seen | {"settled": True}


def test_a_stat_of_the_folders_tells_what_came_and_went(root):
    night = root / "raw/a/2024-05-13"
    seen = _settled(look(str(night)))
    assert is_as_it_was(str(night), seen)
    (night / "later").mkdir()
    assert not is_as_it_was(str(night), seen)
    seen = _settled(look(str(night)))
    (night / "later/light.fits").write_bytes(b"x")
    assert not is_as_it_was(str(night), seen)
    seen = _settled(look(str(night)))
    (night / "later/light.fits").rename(night / "later/other.fits")
    assert not is_as_it_was(str(night), seen)


def test_a_file_written_anew_in_its_place_is_seen_by_a_look_at_each(root):
    night = root / "raw/a/2024-05-13"
    seen = look(str(night))
    # just written, it may still grow: each file is looked at without being asked to
    assert not seen["settled"]
    (night / "bias1.fits").write_bytes(b"longer")
    assert not is_as_it_was(str(night), seen)
    assert is_as_it_was(str(night), _settled(seen))
    assert not is_as_it_was(str(night), _settled(seen), scan=True)


def test_links_that_lead_back_end(root):
    night = root / "raw/a/2024-05-13"
    (night / "again").symlink_to(night)
    assert list(look(str(night))["folders"]) == ["."]


def test_what_stands_in_the_way_of_a_night_is_named(root):
    workflow = SimpleNamespace(dryrun=True)
    given = {"raw_dir": "raw", "nights": "a/*", "settings": {"camera": "demo"}}
    (root / "nights/a").mkdir(parents=True)
    night = root / "nights/a/2024-05-14"
    night.write_text("")
    told = "^nights/a/2024-05-14 is a file, where a folder should be"
    with pytest.raises(CcdlibError, match=told):
        prepare(given, workflow)
    night.unlink()
    night.symlink_to(root / "raw/a/2024-05-14")
    with pytest.raises(CcdlibError, match=r"^nights/a/2024-05-14 leads into raw_dir"):
        prepare(given, workflow)
    assert [path.name for path in (root / "raw/a/2024-05-14").iterdir()] == ["bias1.fits"]


@pytest.mark.parametrize("name", [".ccdlib", "config", "lent"])
def test_a_folder_of_a_night_that_leads_into_the_raw_frames_is_named(root, name):
    """What an archive writes for a night was made among them."""
    given = {"raw_dir": "raw", "nights": "a/*", "settings": {"camera": "demo"}}
    (root / "nights/a/2024-05-14").mkdir(parents=True)
    (root / "nights/a/2024-05-14" / name).symlink_to(root / "raw/b/2024-05-13")
    with pytest.raises(CcdlibError, match=rf"^nights/a/2024-05-14/{name} leads into raw_dir"):
        prepare(given, SimpleNamespace(dryrun=True))


def test_what_is_wrong_with_the_settings_of_a_night_is_told_before_it_is_looked_at(root):
    given = {"raw_dir": "raw", "nights": {"a/*": {"camera": "demo"}, "b/*": {}}}
    told = r"^archive\.yaml: camera is missing \(settings of night b/2024-05-13\)$"
    with pytest.raises(CcdlibError, match=told):
        prepare(given, SimpleNamespace(dryrun=True))
    given["nights"]["b/*"] = {"camera": "demmo"}
    with pytest.raises(CcdlibError, match=r"demmo.* \(settings of night b/2024-05-13\)$"):
        prepare(given, SimpleNamespace(dryrun=True))


def test_settings_that_nights_share_are_checked_once(root, monkeypatch):
    """To check them takes ten times as long as all else that a start does for a night."""
    checked = []
    settings._whole.cache_clear()
    monkeypatch.setattr(settings, "config_of", lambda *given: checked.append(given) or given[0])
    (root / "corrections/a").mkdir(parents=True)
    (root / "corrections/a/2024-05-14.csv").write_text("file,filter\n")
    nights = find_nights(loaded(nights="*/*"))
    folders = [night.config["raw_dir"] for night in nights.values()]
    assert folders == [night.folder for night in nights.values()] and len(set(folders)) == 3
    assert "corrections" in nights["a/2024-05-14"].config
    assert len(checked) == 1
    settings._whole.cache_clear()
