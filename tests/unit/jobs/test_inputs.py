"""Raw frames and masters that change while a job reads them: nothing is made of two states."""

import os
import shutil
from pathlib import Path

import pytest
from small_night import BIAS, DARK, DETECTOR, FLAT_V, NIGHT, V1

from ccdlib.commands.selftest import make_night
from ccdlib.config import load_camera, load_config
from ccdlib.errors import CcdlibError
from ccdlib.jobs import calibrate_frame
from ccdlib.jobs.remake import make_product
from ccdlib.products.product_files import open_product
from ccdlib.raw.indexed_file import IndexedFile
from ccdlib.raw.raw_folder import sha256
from ccdlib.simulate.exposures import simulate_demo

CONFIG = load_config({"raw_dir": "raw", "camera": "demo"})
# a raw frame of each kind of product that is made of some
OF = {
    BIAS: "bias_002.fits",
    DARK: "dark_120s_002.fits",
    FLAT_V: "flat_V_002.fits",
    DETECTOR: "bias_003.fits",
    V1: "M13_V_001.fits",
}


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """The raw frames, the plan and all products; not to be changed."""
    folder = tmp_path_factory.mktemp("night")
    simulate_demo(folder / "raw", None, night=NIGHT)
    plan, _ = make_night(folder / "raw", folder / "work", load_camera("demo"), CONFIG)
    return folder, plan


def _other(path):
    """Bytes of another frame, as long."""
    content = bytearray(path.read_bytes())
    half = 2880 * (len(content) // 2880 // 2)
    content[half:-2880] = content[half:-2880][::-1]
    return bytes(content)


def _times_kept(path, change):
    stat = path.stat()
    change()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def _replaced(path, content):
    new = path.with_name("new")
    new.write_bytes(content)
    os.utime(new, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    new.replace(path)


CHANGES = {
    "content": lambda path: path.write_bytes(_other(path)),
    "same size and time": lambda path: _times_kept(path, lambda: path.write_bytes(_other(path))),
    "another file of that size and time": lambda path: _replaced(path, _other(path)),
    "the same bytes, another file": lambda path: _replaced(path, path.read_bytes()),
    "a longer one": lambda path: _replaced(path, _other(path) + bytes(2880)),
    "cut": lambda path: os.truncate(path, 4000),
    "emptied": lambda path: os.truncate(path, 0),
    "gone": lambda path: path.unlink(),
}


class Changed:
    """Changes a file once, just after it was hashed and before it is read."""

    def __init__(self, monkeypatch, change, path):
        self.change, self.path, self.done = change, Path(path), False
        for module in ("ccdlib.jobs.inputs", "ccdlib.index.ready_masters"):
            monkeypatch.setattr(f"{module}.IndexedFile", self._indexed)

    def _indexed(self, path, *named):
        found = IndexedFile(path, *named)
        if Path(path) == self.path and not self.done:
            self.done = True
            self.change(self.path)
        return found


@pytest.fixture
def copy(night, tmp_path):
    """Raw frames and work of one's own."""
    for name in ("raw", "work"):
        shutil.copytree(night[0] / name, tmp_path / name)
    return tmp_path


def _make(copy, plan, product):
    path = copy / "work/results" / product
    path.unlink(missing_ok=True)
    make_product(f"results/{product}", plan, copy / "raw", copy / "work", CONFIG)
    return path


@pytest.mark.parametrize("product", OF)
@pytest.mark.parametrize("change", CHANGES)
def test_a_raw_frame_that_changes_as_it_is_read_is_refused_by_name(
    night, copy, monkeypatch, product, change
):
    path = copy / "raw" / OF[product]
    changed = Changed(monkeypatch, CHANGES[change], path)
    state = "gone" if change == "gone" else "changed"
    with pytest.raises(CcdlibError, match=f"^{path.name}: {state} (while|since)"):
        _make(copy, night[1], product)
    assert changed.done
    assert not (copy / "work/results" / product).exists()


@pytest.mark.parametrize("product", OF)
def test_a_raw_frame_that_only_gets_another_mode_or_name_is_no_other(
    night, copy, monkeypatch, product
):
    """A backup that is made of hard links meanwhile costs no product."""
    path = copy / "raw" / OF[product]
    changed = Changed(monkeypatch, lambda each: os.link(each, copy / "backup"), path)
    made = _make(copy, night[1], product)
    assert changed.done
    assert made.read_bytes() == (night[0] / "work/results" / product).read_bytes()


def test_one_of_the_runs_own_masters_that_is_replaced_is_noticed(night, copy, monkeypatch):
    """As by a job that a killed run left at work where there are no locks."""
    path, opened = copy / "work/results" / BIAS, []

    def replace_and_open(*named):
        opened.append(_replaced(path, path.read_bytes()))
        return open_product(*named)

    monkeypatch.setattr(calibrate_frame, "open_product", replace_and_open)
    with pytest.raises(CcdlibError, match=rf"{BIAS}: replaced while it was read"):
        _make(copy, night[1], V1)
    assert opened


@pytest.mark.parametrize("change", ["content", "same size and time", "gone"])
def test_an_indexed_file(tmp_path, change):
    path = tmp_path / "a.fits"
    path.write_bytes(bytes(range(256)) * 23)
    digest = sha256(path)
    found = IndexedFile(path, "night/a.fits", digest)
    found.check()
    CHANGES[change](path)
    with pytest.raises(CcdlibError, match=r"^night/a.fits: (gone|changed) (while|since)"):
        found.check()
    with pytest.raises(CcdlibError, match=r"^night/a.fits: (gone|changed) since it was indexed"):
        IndexedFile(path, "night/a.fits", digest)
