"""Tables, records and what is kept for the next run, damaged under a finished night."""

import os
import random
import shutil

import pytest
from small_night import LIGHTS, PIPELINE, TABLES


def _random(path, rng):
    path.write_bytes(rng.randbytes(max(path.stat().st_size, 10)))


def _cut(path, rng):
    path.write_bytes(path.read_bytes()[: rng.randrange(path.stat().st_size or 1)])


def _turn_a_bit(path, rng):
    content = bytearray(path.read_bytes())
    if content:
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def _files(folder, *below):
    """Files below some folders in an order that a seed repeats."""
    return sorted(path for name in below for path in (folder / name).rglob("*") if path.is_file())


@pytest.mark.parametrize(
    "damage, seed",
    [
        (_random, 1),
        *(
            pytest.param(damage, seed, marks=pytest.mark.faults if seed < 3 else pytest.mark.slow)
            for damage in (_random, _cut, _turn_a_bit)
            for seed in range(2, 6)
        ),
    ],
)
def test_state_of_every_kind_is_made_again(again, damage, seed):
    """Of each file that a run reads, and of Snakemake's own records; products stay as they were."""
    rng, right = random.Random(seed), again.content()
    kept = _files(again.folder, ".ccdlib", ".snakemake/metadata", "results/qa")
    tables = [again.folder / "results" / name for name in sorted(TABLES)]
    for path in [*kept, *tables]:
        damage(path, rng)
    done = again.run()
    assert again.content() == right
    assert "not as a run here wrote" in done.text
    assert "Traceback" not in done.text and "nothing refused" in done.text
    assert not again.run().made


def test_a_table_that_was_emptied_makes_nothing_left_over(again):
    (again.folder / "results/members.csv").write_text("")
    done = again.run()
    assert "results/members.csv is not as a run here wrote it" in done.text
    assert done.made == {"plan.csv", "members.csv"}
    assert "left from before" not in done.text


def test_no_product_is_written_outside_the_results(again):
    plan, members = (again.folder / "results" / name for name in ("plan.csv", "members.csv"))
    for path in (plan, members):
        text = path.read_text()
        path.write_text(text.replace("results/calibrated/M13_V_001", "results/../../evil0"))
    (again.folder / "results" / min(LIGHTS)).unlink()
    right = {path.name for path in again.folder.parent.iterdir()}
    assert again.run().made == {"plan.csv", "members.csv", min(LIGHTS)}
    assert {path.name for path in again.folder.parent.iterdir()} == right


def test_tables_of_other_settings_beside_records_of_these_are_made_again(again, tmp_path):
    """Snakemake's records, restored from a backup, are of the run before the last."""
    right = again.content()
    shutil.copytree(again.folder / ".snakemake", tmp_path / "backup")
    table = tmp_path / "corrections.csv"
    table.write_text("file,exptime,use\nM13_V_002.fits,100,\nflat_R_001.fits,,false\n")
    camera = tmp_path / "other.yaml"
    own = (PIPELINE / "config/cameras/demo.yaml").read_text()
    camera.write_text(own.replace("gain: [GAIN]", "gain: 1.7"))
    again.run(corrections=table, camera=camera)
    assert again.content() != right
    shutil.rmtree(again.folder / ".snakemake")
    shutil.copytree(tmp_path / "backup", again.folder / ".snakemake")
    again.run()
    assert again.content() == right
    # a dry run with other settings leaves the tables what they are
    again.planned(corrections=table)
    assert not again.run().made


def test_results_of_other_settings_with_the_notes_of_their_tables_are_made_again(again, tmp_path):
    """The plan was newer than all that it depends on, and was believed in silence."""
    right = again.content()
    restored = "results", ".ccdlib/tables"
    table = tmp_path / "corrections.csv"
    table.write_text("file,use\ndark_120s_001.fits,false\n")
    again.run(corrections=table)
    for name in restored:
        shutil.copytree(again.folder / name, tmp_path / name)
    again.run()
    assert again.content() == right
    for name in restored:
        shutil.rmtree(again.folder / name)
        # with the time of now, as cp has it by itself
        shutil.copytree(tmp_path / name, again.folder / name, copy_function=shutil.copyfile)
    again.run()
    assert again.content() == right
    assert not again.run().made


def test_pages_and_the_list_of_masters_that_were_edited_or_lost_are_made_again(again):
    """The page of a night that was deleted beside the first page stayed away."""
    results = again.folder / "results"
    (page,) = (path for path in results.glob("report/*.html") if path.name != "index.html")
    (verdict,) = results.glob("qa/report/*.json")
    first, masters = results / "report/index.html", results / "qa/masters.csv"
    right = masters.read_bytes()
    for path in (page, first, masters):
        stat = path.stat()
        path.write_bytes(path.read_bytes().replace(b"bias", b"bixs"))
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    done = again.run()
    assert f"results/qa/masters.csv, results/report/{page.name} are not as a run" in done.text
    assert masters.read_bytes() == right
    for path in (page, first):
        assert b"bias" in path.read_bytes() and b"bixs" not in path.read_bytes()
    assert not again.run().made
    for lost in (page, verdict):
        lost.unlink()
        done = again.run()
        assert lost.exists() and "not as a run here wrote it" not in done.text


def test_pages_of_another_run_beside_records_of_this_one_are_made_again(again, tmp_path):
    """Restored from a backup, with the notes that they are whole, they told of other settings."""
    pages = "results/report", "results/qa/report", ".ccdlib/tables"
    masters = again.folder / "results/qa/masters.csv"
    for name in pages:
        shutil.copytree(again.folder / name, tmp_path / name)
    shutil.copy2(masters, tmp_path / "masters.csv")
    again.run(overscan="{method: median}")
    right = masters.read_bytes()
    for name in pages:
        shutil.copytree(tmp_path / name, again.folder / name, dirs_exist_ok=True)
    shutil.copy2(tmp_path / "masters.csv", masters)
    tables = again.folder / ".ccdlib/tables"
    for name in ("index", "amplifiers", "plan", "members"):
        (tables / f"{name}.csv").unlink()
    again.run(overscan="{method: median}")
    assert masters.read_bytes() == right
    for page in (again.folder / "results/report").glob("*.html"):
        assert "method: median" in page.read_text() and "method: polynomial" not in page.read_text()
    assert "what it tells of changed" in (again.folder / "logs/reasons.csv").read_text()
    text = again.run(overscan="{method: median}").text
    assert "nothing to do" in text


def test_the_list_of_masters_holds_nothing_else(again):
    """Where a stack had been made before, it was in the list, as it had been then."""
    again.run(stack="{by: [object]}")
    (again.folder / "results/qa/masters.csv").unlink()
    again.run(stack="{by: [object]}")
    rows = (again.folder / "results/qa/masters.csv").read_text().splitlines()[1:]
    assert {row.split(",")[1] for row in rows} == {"detector", "bias", "dark", "flat", "bad_pixels"}
