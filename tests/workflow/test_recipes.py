"""A product is up to date when it says so itself, whatever Snakemake recorded of it."""

import os
import shutil
import subprocess

from small_night import BIAS, FLAT_V, LIGHTS, R1, V1, Work

from ccdlib.raw.raw_folder import stat_of
from ccdlib.state import keep_json, kept_json

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
        if kept_json(path)["stat"] != list(stat):
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


def _rot(work, product):
    """Change a bit as a disk does that loses one: the file's stat stays, and all notes of it."""
    path = work.folder / "results" / product
    content, stat = bytearray(path.read_bytes()), path.stat()
    content[2880 * (len(content) // 2880 // 2) + 5] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    # nothing but a disk keeps the time of the inode's change: what was noted gets the new one
    stat = list(stat_of(path.stat()))
    made, hashed = (
        work.folder / f".ccdlib/{name}/results/{product}.json" for name in ("made", "sha256")
    )
    keep_json(made, kept_json(made) | {"stat": stat})
    keep_json(hashed, [*stat, kept_json(hashed)[-1]])


def _run(work, **config):
    """Exit code and text of a run; the hard links of `Work.run` would change the products' stat."""
    command, environment = work.command(**config)
    both = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    done = subprocess.run(command, env=environment, cwd=work.folder, **both)
    return done.returncode, done.stdout


def test_a_master_that_lost_a_bit_goes_into_no_light(again):
    """Its lights fail by name, the others are made, and the next run makes it again."""
    again.run(**SETTINGS)
    right = again.content()
    assert _run(again)[0] == 0
    _rot(again, FLAT_V)
    code, text = _run(again)
    assert (code, "nothing to do" in text) == (0, True), text
    code, text = _run(again, **SETTINGS)
    assert code == 1
    assert f"results/{FLAT_V}: UNCERT: its data are not those of its DATASUM; it was dam" in text
    assert LIGHTS & set(again.content()) == {R1}
    assert _run(again, **SETTINGS)[0] == 0
    assert again.content() == right


def test_a_product_of_another_night_in_the_place_of_one_is_made_again(again):
    results = again.folder / "results"
    shutil.copy(results / FLAT_V, results / BIAS)
    assert BIAS in again.run().made


def test_why_tells_what_changed_without_snakemakes_records(again):
    shutil.rmtree(again.folder / ".snakemake")
    assert isinstance(again, Work)
    reasons = again.run("-n", **SETTINGS).text
    assert "cosmic_rays.sigclip was 4.5, is 7.5" in reasons
