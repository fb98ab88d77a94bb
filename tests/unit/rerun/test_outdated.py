"""Why a product is made again is known before its job can remove what it makes again."""

from pathlib import Path
from types import SimpleNamespace

from ccdlib.config import load
from ccdlib.products.recipes import note
from ccdlib.rerun.changes import OUTDATED
from ccdlib.rerun.outdated import Outdated, present_params

LIGHT = "results/calibrated/M13_V_001.fits"
ROW = {"raw": [], "masters": {}, "dark_scale": 1.0}


def test_causes_are_told_after_the_product_is_gone(tmp_path, monkeypatch):
    """A warm job begins within milliseconds; the line about it is written by another thread."""
    monkeypatch.chdir(tmp_path)
    plan = SimpleNamespace(outdated=lambda *_: [LIGHT], params=lambda *_: ROW)
    workflow = SimpleNamespace(dag=SimpleNamespace(forcefiles=set()))
    was, _ = load({"raw_dir": "raw", "camera": "generic", "cosmic_rays": {"sigclip": 4.5}})
    now, _ = load({"raw_dir": "raw", "camera": "generic", "cosmic_rays": {"sigclip": 6}})
    Path(LIGHT).parent.mkdir(parents=True)
    Path(LIGHT).write_bytes(b"pixels")
    note(LIGHT, "recipe", present_params(LIGHT, plan, was, {}))
    Outdated(now, {}).force(workflow, plan)
    Path(LIGHT).unlink()
    Path(f".ccdlib/made/{LIGHT}.json").unlink()
    assert workflow.dag.forcefiles == {LIGHT}
    assert OUTDATED[LIGHT] == ["cosmic_rays.sigclip was 4.5, is 6"]
