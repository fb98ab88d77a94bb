"""Raw files: which are found, what they are called, when they count as changed."""

import os

import pytest
from making import write_raw

from ccdlib.errors import CcdlibError
from ccdlib.raw.raw_folder import (
    find_raw_files,
    hidden_files,
    listing,
    listing_digest,
    resolve,
    sha256,
)


@pytest.fixture
def folder(tmp_path):
    for name in ("b.fits", "A.FIT", "sub dir/c.fts.gz", "sub dir/deep/d.fits.fz", "e.bz2"):
        path = tmp_path / "raw" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    (tmp_path / "raw/.hidden.fits").write_bytes(b"x")
    (tmp_path / "raw/notes.txt").write_bytes(b"x")
    return tmp_path / "raw"


def names(*args, **kwargs):
    return [name for name, _ in find_raw_files(*args, **kwargs)]


def test_a_folder_is_searched_to_its_depth_in_order(folder):
    assert names(folder) == ["A.FIT", "b.fits", "sub dir/c.fts.gz", "sub dir/deep/d.fits.fz"]


def test_files_whose_names_begin_with_a_dot_are_counted(folder, tmp_path):
    assert (
        hidden_files(folder)
        == "1 file whose name begins with a dot passed over, such as .hidden.fits"
    )
    (folder / "sub dir/._c.fts.gz").write_bytes(b"x")
    (folder / ".trash").mkdir()
    (folder / ".trash/.d.fits").write_bytes(b"x")
    (folder / "sub dir/.e.fits.77.part").write_bytes(b"x")
    said = "2 files whose names begin with a dot passed over, such as .hidden.fits"
    assert hidden_files(folder) == said
    assert hidden_files([folder, tmp_path]).startswith("4 files")
    assert hidden_files(folder, [folder / "sub dir"]).startswith("1 file ")
    assert hidden_files(tmp_path / "nowhere") is None


def test_several_folders_give_their_name_to_the_file(folder, tmp_path):
    write_raw(tmp_path / "other/x.fits")
    both = [str(folder), str(tmp_path / "other")]
    assert names(both)[0] == "other/x.fits"
    assert "raw/b.fits" in names(both)
    for name in names(both):
        assert os.path.exists(resolve(both, name))


def test_two_folders_of_the_same_name_are_refused(folder, tmp_path):
    write_raw(tmp_path / "x/raw/x.fits")
    with pytest.raises(CcdlibError, match="two folders have the same name 'raw'"):
        find_raw_files([folder, tmp_path / "x/raw"])


def test_a_missing_folder_is_refused_by_name(tmp_path):
    with pytest.raises(CcdlibError, match=r"raw_dir: .*nowhere is not a folder"):
        find_raw_files(tmp_path / "nowhere")


def test_a_missing_relative_folder_is_refused_with_where_it_was_looked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PWD", "/typed/here")
    with pytest.raises(CcdlibError) as error:
        find_raw_files("0513")
    assert str(error.value) == f"raw_dir: 0513 is not a folder in {tmp_path} or /typed/here"


def test_results_inside_the_raw_folder_are_not_raw(folder):
    write_raw(folder / "results/calibrated/b.fits")
    assert "results/calibrated/b.fits" in names(folder)
    assert "results/calibrated/b.fits" not in names(folder, exclude=[folder / "results"])


def test_a_link_to_nowhere_and_a_link_to_itself_are_survived(folder):
    (folder / "gone.fits").symlink_to(folder / "nowhere.fits")
    (folder / "sub dir/again").symlink_to(folder)
    found = names(folder)
    assert "gone.fits" in found
    assert found.count("b.fits") == 1


def test_a_file_that_is_in_no_folder_is_refused(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    with pytest.raises(CcdlibError, match=r"three/a.fits: not in any folder"):
        resolve([tmp_path / "one", tmp_path / "two"], "three/a.fits")


def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path):
    with pytest.raises(CcdlibError, match=r"\.\./a.fits: leads out of raw_dir"):
        resolve(tmp_path, "../a.fits")


def test_the_listing_sees_an_edit_that_keeps_size_and_mtime(folder):
    before = listing(folder)
    path = folder / "b.fits"
    stat = path.stat()
    path.write_bytes(b"y")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    after = listing(folder)
    assert after["b.fits"][:2] == before["b.fits"][:2]
    assert [name for name in after if after[name] != before[name]] == ["b.fits"]
    assert listing_digest(after) != listing_digest(before)


def test_the_digest_does_not_depend_on_the_order():
    files = {"a.fits": (1, 2, 3, 4), "b.fits": (5, 6, 7, 8)}
    assert listing_digest(files) == listing_digest(dict(reversed(files.items())))


def test_the_hash_is_that_of_the_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    # FIPS 180-2, example B.1
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256(tmp_path / "a") == expected
