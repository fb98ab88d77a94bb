"""The same raw frames give the same bytes, however and wherever they are reduced."""

import os
import shutil
from pathlib import Path

import pytest
from small_night import FLAT_V, PRODUCTS, Work

from ccdlib.jobs.remake import make_product
from ccdlib.master.master_frames import MasterFrames
from ccdlib.products.recipes import recipe_of


def test_one_core_in_pieces_elsewhere(reduced, tmp_path):
    """One core, a few products at a time, another order of files, locale, zone and folder."""
    raw = tmp_path / "ravv"
    raw.mkdir()
    for path in sorted(reduced.raw.iterdir(), reverse=True):
        shutil.copy(path, raw / path.name)
    work = Work(tmp_path / "a b" / "work", raw)
    work.folder.parent.mkdir()
    odd = {"LC_ALL": "C", "TZ": "Pacific/Auckland", "PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "1"}
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
