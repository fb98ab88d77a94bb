"""The note that saves a run from loading numba to find its kernels compiled."""

import os
import subprocess
import sys
from pathlib import Path

import dithered
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
LATER |= {"toolbox.plane_kernels", "stack.place_kernels", "registration.star_kernels"}


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


_COMPILED_FOR_AVX2 = """
import os
import re
import sys
from importlib import import_module

import llvmlite.binding as llvm

names = {name: has and "avx512" not in name for name, has in llvm.get_host_cpu_features().items()}
os.environ["NUMBA_CPU_NAME"] = "znver3"
os.environ["NUMBA_CPU_FEATURES"] = ",".join("-+"[has] + name for name, has in names.items())

import numpy as np
from astropy.nddata import StdDevUncertainty
from dithered import exposures, stacked

from ccdlib import CCDData, block_average, find_stars, flat_correct, subtract_bias
from ccdlib import subtract_overscan
from ccdlib.run.compile_kernels import load_all

load_all()
# and those that are compiled when they are asked for
stack = stacked(exposures(4, 3.0, 1)).image
find_stars(stack.data, np.sqrt(stack.variance), stack.dq)
for kind in (np.float32, np.float64, np.uint16):
    image = CCDData(np.arange(1, 4801).reshape(60, 80).astype(kind), unit="adu")
    sigma = StdDevUncertainty(np.ones((60, 80)))
    spread = CCDData(np.ones((60, 80)), unit="adu", uncertainty=sigma)
    for one in (image, image.copy()):
        subtract_bias(one, spread)
        flat_correct(one, spread)
        subtract_overscan(one, one[:, :8])
        block_average(one, 2)
        one.uncertainty = None

number = 0
for module in sys.argv[1:]:
    for name, function in vars(import_module(f"ccdlib.{module}")).items():
        for code in getattr(function, "inspect_asm", dict)().values():
            number += 1
            if re.search(r"maskmovp?[sdq] *\\t?%.*%.*\\)$", code, re.MULTILINE):
                print(module, name)
print(number)
"""


@pytest.mark.slow
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the instruction is one of x86")
def test_nothing_is_stored_through_a_mask(tmp_path):
    """It takes a dozen cycles on some processors without AVX-512: sorting took seven times as long.

    A compiler makes it of `a[p] = b if c else a[p]`; adding zero to what is stored prevents it.
    """
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    helpers = str(Path(dithered.__file__).parent)
    environment["PYTHONPATH"] = os.pathsep.join([*sys.path, helpers])
    run = [sys.executable, "-c", _COMPILED_FOR_AVX2, *kernels.KERNELS, *sorted(LATER)]
    *found, number = subprocess.check_output(run, env=environment, text=True).splitlines()
    assert int(number) > 100
    assert found == []


def test_kernels_are_compiled_while_the_first_words_are_read(noted, monkeypatch):
    started = []
    monkeypatch.setattr(kernels.subprocess, "Popen", lambda command, **_: started.append(command))
    assert not kernels.compile_beside()
    assert started == []
    for note in (kernels._NOTE, kernels._BESIDE):
        note.unlink()
    assert kernels.compile_beside()
    assert started == [["nice", *kernels.COMPILE]]


def test_who_comes_too_early_waits(tmp_path):
    waiter = "from ccdlib.run.kernels import compiling_alone\nwith compiling_alone():\n    print(1)"
    with kernels.compiling_alone():
        process = subprocess.Popen([sys.executable, "-c", waiter], stdout=subprocess.PIPE)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(3)
    assert process.communicate()[0] == b"1\n"
