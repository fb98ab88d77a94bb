"""What a change makes again: exactly the products that depend on it (by the files)."""

import os
import shutil

from small_night import (
    BAD,
    BAD_R,
    BAD_V,
    DARK,
    DETECTOR,
    FLAT_R,
    FLAT_V,
    INDEX,
    LIGHTS,
    PRODUCTS,
    R1,
    TABLES,
    V1,
    V2,
    change_pixel,
)


def test_first_run_makes_every_product(reduced):
    assert reduced.first.made == PRODUCTS | TABLES
    assert "3 calibrated frames and 7 masters" in reduced.first.text


def test_nothing_changed(reduced):
    assert reduced.second.made == set()
    assert "nothing to do" in reduced.second.text


def test_a_fork_says_what_a_run_that_is_started_says(again):
    """Most runs of the tests are forks."""
    forked = again.run()
    again.forks = False
    assert again.run().text == forked.text


def test_elsewhere(night):
    """Copied with results and raw frames, every frame and product touched in any order."""
    for path in [*night.raw.iterdir(), *night.folder.rglob("results/**/*.fits")]:
        path.touch()
    assert night.run().made == TABLES


def test_light_changed_with_size_and_mtime_kept(night):
    change_pixel(night.raw / "M13_V_001.fits")
    assert night.run().made == TABLES | {V1}


def test_light_added_and_removed(night):
    shutil.copy(night.raw / "M13_V_001.fits", night.raw / "new.fits")
    change_pixel(night.raw / "new.fits")
    assert night.run().made == TABLES | {"calibrated/new.fits"}
    (night.raw / "new.fits").unlink()
    run = night.run()
    assert (run.made, run.gone) == (TABLES, set())
    assert "results/calibrated/new.fits" in run.text
    run = night.run(prune="true")
    assert (run.made, run.gone) == ({"pruned.txt"}, {"calibrated/new.fits"})
    assert night.run(prune="true").made == set()


def test_light_renamed(night):
    (night.raw / "sub").mkdir()
    (night.raw / "M13_V_001.fits").rename(night.raw / "sub" / "moved.fits")
    run = night.run(prune="true")
    assert run.made == TABLES | {"calibrated/sub/moved.fits", "pruned.txt"}
    assert run.gone == {V1}


def test_bias_changed(night):
    change_pixel(night.raw / "bias_002.fits")
    assert night.run().made == TABLES | PRODUCTS


def test_bias_added(night):
    """The names stay, and the jobs that are listed are those of a changed bias."""
    shutil.copy(night.raw / "bias_001.fits", night.raw / "bias_009.fits")
    change_pixel(night.raw / "bias_009.fits")
    run = night.run("results/index.csv")
    assert (run.made, run.gone) == (INDEX, set())
    assert night.planned() == PRODUCTS


def test_flat_changed(night):
    change_pixel(night.raw / "flat_V_002.fits")
    assert night.run().made == TABLES | {FLAT_V, BAD_V, DETECTOR, V1, V2}


def test_dark_changed(night):
    change_pixel(night.raw / "dark_120s_001.fits")
    made = night.run().made
    assert made == TABLES | {DARK, FLAT_V, FLAT_R, BAD, BAD_V, BAD_R} | LIGHTS


def test_raw_folder_moved(night):
    night.raw = night.raw.rename(night.raw.with_name("elsewhere"))
    assert night.run().made == TABLES


def test_corrections_added_and_removed(again):
    """A frame's filter corrected: what was and what becomes its flat stay as they are."""
    table = again.folder / "corrections.csv"
    table.write_text("file,filter\nM13_V_001.fits,R\n")
    tables = TABLES - INDEX
    assert again.run(corrections="corrections.csv").made == tables | {V1}
    table.write_text("file,filter\n")
    assert again.run(corrections="corrections.csv").made == tables | {V1}
    table.write_text("file,use\nflat_R_001.fits,false\n")
    run = again.run(corrections="corrections.csv")
    assert run.made == tables | {DETECTOR, FLAT_R, BAD_R, R1}
    assert f"results/{FLAT_R} is made of 2 frames" in run.text


def test_cosmic_ray_settings_make_the_lights_again(again):
    (again.folder / "config").mkdir()
    config = again.folder / "config/config.yaml"
    config.write_text("cosmic_rays: {sigclip: 6.0}\n")
    assert again.run().made == LIGHTS


def test_overscan_settings_make_all_again(again):
    (again.folder / "config").mkdir()
    config = again.folder / "config/config.yaml"
    config.write_text("overscan: {clip: 5.0}\n")
    assert again.planned() == PRODUCTS


def test_dry_run_after_the_index_lists_the_exact_jobs(night):
    change_pixel(night.raw / "flat_R_002.fits")
    assert night.run("results/index.csv").made == INDEX
    assert night.planned() == {FLAT_R, BAD_R, DETECTOR, R1}
    assert night.run().made == {"plan.csv", "members.csv", FLAT_R, BAD_R, DETECTOR, R1}


def test_dry_run_of_a_new_night_lists_the_exact_jobs(raw):
    raw.run("results/index.csv")
    assert raw.planned() == PRODUCTS


def test_clock_set_back(settled):
    """Results from the future must not look newer than a change of today."""
    future = 4e9
    folders = settled.raw, settled.folder / "results", settled.folder / ".ccdlib"
    for path in [path for folder in folders for path in folder.rglob("*") if path.is_file()]:
        os.utime(path, (future, future))
    shutil.copy(settled.raw / "M13_V_002.fits", settled.raw / "M13_V_001.fits")
    change_pixel(settled.raw / "M13_V_001.fits")
    os.utime(settled.raw / "M13_V_001.fits", (future, future))
    assert settled.run().made == TABLES | {V1}
    assert settled.run().made == set()


def test_light_deleted(again):
    (again.folder / "results" / V2).unlink()
    assert again.run().made == {V2}


def test_master_deleted(again):
    """What is made from it is made again too: it may have been damaged."""
    (again.folder / "results" / FLAT_R).unlink()
    assert again.run().made == {FLAT_R, BAD_R, R1}
