"""A product is up to date when it says so itself, whatever Snakemake recorded of it."""

import json
import os
import shutil

from small_night import BIAS, FLAT_V, LIGHTS, V1, Work

from ccdlib.raw.raw_folder import stat_of

SETTINGS = {"cosmic_rays": "{sigclip: 7.5}"}


def _swap(work, folder, other):
    """Put a kept copy in the place of a folder of the working directory."""
    shutil.rmtree(work.folder / folder)
    shutil.copytree(other, work.folder / folder, symlinks=True)


def _to_be_read(work):
    """Products that the next start has to read whole, as their notes are not of them any more."""
    found = set()
    for path in (work.folder / ".ccdlib/made/results").rglob("*.json"):
        product = str(path.relative_to(work.folder / ".ccdlib/made").with_suffix(""))
        stat = stat_of(os.stat(work.folder / product))
        if json.loads(path.read_text())["stat"] != list(stat):
            found.add(product)
    return found


def test_products_of_a_killed_run_with_other_settings_are_made_again(again, tmp_path):
    """Its orphans finish after Snakemake was killed, whose records are of the run before."""
    before = again.content()
    shutil.copytree(again.folder / ".snakemake", tmp_path / "records")
    assert again.run(**SETTINGS).made == LIGHTS
    _swap(again, ".snakemake", tmp_path / "records")
    assert again.planned() == LIGHTS
    run = again.run()
    assert run.made == LIGHTS
    assert again.content() == before
    assert _to_be_read(again).isdisjoint(f"results/{light}" for light in LIGHTS)
    assert again.run().made == set()


def test_restored_results_are_up_to_date(again, tmp_path):
    shutil.copytree(again.folder / "results", tmp_path / "results")
    again.run(**SETTINGS)
    _swap(again, "results", tmp_path / "results")
    assert again.planned() == set()
    assert again.run().made == set()


def test_a_damaged_product_is_made_again_though_its_time_is_kept(again):
    before = again.content()
    path = again.folder / "results" / V1
    stat, content = path.stat(), bytearray(path.read_bytes())
    content[-3000] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert again.run().made == {V1}
    assert again.content() == before


def test_a_product_of_another_night_in_the_place_of_one_is_made_again(again):
    results = again.folder / "results"
    shutil.copy(results / FLAT_V, results / BIAS)
    assert BIAS in again.run().made


def test_why_tells_what_changed_without_snakemakes_records(again):
    shutil.rmtree(again.folder / ".snakemake")
    assert isinstance(again, Work)
    reasons = again.run("-n", **SETTINGS).text
    assert "cosmic_rays.sigclip was 4.5, is 7.5" in reasons
