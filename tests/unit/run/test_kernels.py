"""The note that saves a run from loading numba to find its kernels compiled."""

import os
from pathlib import Path

import pytest

import ccdlib
from ccdlib.run import kernels
from ccdlib.run.compile_kernels import load_all
from ccdlib.state import keep_json, kept_json


@pytest.fixture
def noted(tmp_path, monkeypatch):
    """A working directory in which the kernels are noted as compiled."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(kernels, "_BESIDE", tmp_path / "beside/kernels.json")
    Path(".ccdlib").mkdir()
    Path("beside").mkdir()
    load_all()
    kernels.note_compiled()
    if not kernels._processor():
        pytest.skip("this system does not say what its processor is")


# most nights do without: these are compiled by the first who asks for them
LATER = {"stack.resample_kernels", "stack.combine_kernels", "toolbox.level_kernels"}
LATER |= {"toolbox.plane_kernels", "stack.place_kernels"}


def test_every_module_with_kernels_is_known():
    package = Path(ccdlib.__file__).parent
    found = {
        ".".join(path.relative_to(package).with_suffix("").parts)
        for path in package.rglob("*.py")
        if "from numba import" in path.read_text()
    }
    assert found == set(kernels.KERNELS) | LATER


def test_what_is_noted_needs_no_look(noted):
    assert kernels.are_compiled()


def test_a_new_folder_has_the_note_beside_the_package(noted, tmp_path, monkeypatch):
    folder = tmp_path / "new"
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert kernels.are_compiled()
    kernels._BESIDE.unlink()
    assert not kernels.are_compiled()


def test_kernels_in_a_home_are_noted_for_that_user_alone(noted, monkeypatch):
    kernels._BESIDE.unlink()
    monkeypatch.setattr(kernels, "_PACKAGE", Path("elsewhere"))
    monkeypatch.setattr(kernels, "_conditions", dict)
    kernels.note_compiled()
    assert not kernels._BESIDE.exists()


def test_every_module_has_files_in_the_note(noted):
    files = [Path(path).name for path in kept_json(kernels._NOTE)["files"]]
    for name in kernels.KERNELS:
        assert any(file.startswith(f"{name.rpartition('.')[2]}.") for file in files), name


@pytest.mark.parametrize("change", ["setting", "processor", "version", "source", "file", "broken"])
def test_what_changed_is_looked_at(noted, monkeypatch, change):
    note = kept_json(kernels._NOTE)
    if change == "setting":
        monkeypatch.setitem(os.environ, "NUMBA_CPU_NAME", "generic")
    elif change == "processor":
        monkeypatch.setattr(kernels, "_processor", lambda: ["model name : another\n"])
    elif change == "version":
        monkeypatch.setattr(kernels, "version", lambda package: "0.1")
    elif change == "source":
        path = next(iter(note["sources"]))
        note["sources"][path][1] += 1
    elif change == "file":
        note["files"]["gone.nbi"] = [1, 2, 3, 4]
    for path in (kernels._NOTE, kernels._BESIDE):
        keep_json(path, note)
        if change == "broken":
            path.write_text("[")
    assert not kernels.are_compiled()
