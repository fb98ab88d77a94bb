"""The same raw frames give the same bytes, however and wherever they are reduced."""

import os
import shutil
from pathlib import Path

import pytest
from small_night import FLAT_V, PRODUCTS, Work

from ccdlib.jobs.remake import make_product
from ccdlib.master.master_frames import MasterFrames
from ccdlib.products.recipes import recipe_of


def _older_processor():
    """Libraries as on a processor without wide registers and fused operations."""
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

    wide = [name for name in __cpu_dispatch__ if __cpu_features__.get(name)]
    without = "".join(f",-{name}" for name in ("AVX", "AVX2", "FMA", "AVX512F"))
    return {
        "NPY_DISABLE_CPU_FEATURES": " ".join(wide),
        "OPENBLAS_CORETYPE": "Nehalem",
        "GLIBC_TUNABLES": f"glibc.cpu.hwcaps={without[1:]}",
    }


ON_X86 = _older_processor() if os.uname().machine == "x86_64" else {}


@pytest.mark.slow
@pytest.mark.parametrize("core", ["Haswell", "Sandybridge", "Nehalem"])
def test_another_processor(reduced, tmp_path, core):
    """Kernels compiled for any processor, and libraries that take another for this one."""
    other = ON_X86 | {
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CACHE_DIR": str(tmp_path / "cache"),
        "OPENBLAS_CORETYPE": core,
    }
    work = Work(tmp_path / "work", reduced.raw)
    work.run("--cores", "4", environment=other)
    assert work.content() == reduced.content()


def test_one_core_in_pieces_elsewhere(reduced, tmp_path):
    """One core, a few products at a time, another order of files, locale, zone and folder.

    On x86 also as on an older processor.
    """
    raw = tmp_path / "ravv"
    raw.mkdir()
    for path in sorted(reduced.raw.iterdir(), reverse=True):
        shutil.copy(path, raw / path.name)
    work = Work(tmp_path / "a b" / "work", raw)
    work.folder.parent.mkdir()
    odd = {
        "LC_ALL": "C",
        "TZ": "Pacific/Auckland",
        "PYTHONHASHSEED": "7",
        "OMP_NUM_THREADS": "1",
    } | ON_X86
    work.run("--cores", "1", f"results/{FLAT_V}", environment=odd, cwd=tmp_path)
    work.run("--cores", "1", environment=odd, cwd=tmp_path)
    assert work.content() == reduced.content()


@pytest.mark.parametrize("height", [1, 5, 10**9])
def test_size_of_the_bands(reduced, tmp_path, monkeypatch, height):
    """Masters are stacked in bands of rows, as many as fit into memory."""
    from ccdlib.config import last_config
    from ccdlib.jobs.remake import needed
    from ccdlib.plan.plan_tables import read_plan

    monkeypatch.chdir(reduced.folder)
    monkeypatch.setattr(MasterFrames, "band_height", lambda *_: height)
    plan, config = read_plan(), last_config()
    products = needed([f"results/{product}" for product in PRODUCTS], plan)
    for product in products:
        recipe = recipe_of(product)
        make_product(product, plan, config["raw_dir"], tmp_path, config, recipe)
        assert (tmp_path / product).read_bytes() == Path(product).read_bytes(), product
    assert os.getcwd() == str(reduced.folder)
