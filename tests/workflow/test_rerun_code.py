"""What a change of code, camera file, software or place makes again (by the files)."""

import re
import shutil

import pytest
from editing import edited, reworded
from small_night import (
    BAD,
    BAD_R,
    BAD_V,
    HALF_WRITTEN,
    LIGHTS,
    PIPELINE,
    PRODUCTS,
    R1,
    TABLES,
    V1,
    V2,
    change_pixel,
)

FOLDERS = "config", "envs", "profiles", "scripts", "workflow"


@pytest.fixture
def clone(again, tmp_path):
    """That night, and the pipeline cloned anew at another place."""
    again.pipeline = tmp_path / "clone"
    for folder in FOLDERS:
        shutil.copytree(PIPELINE / folder, again.pipeline / folder, ignore=HALF_WRITTEN)
    shutil.copy(PIPELINE / "Snakefile", again.pipeline)
    return again


def _replace(path, old, new):
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def test_a_clone_elsewhere_with_other_comments_and_docstrings_in_every_file(clone):
    """And another camera's file changed: nothing is made again."""
    files = [*(clone.pipeline / "scripts").rglob("*.py")]
    assert len(files) > 80
    for path in files:
        path.write_text(reworded(path.read_text()))
    camera = clone.pipeline / "config/cameras/lick_nickel.yaml"
    camera.write_text(camera.read_text().replace("OBSTYPE", "OBSTIPO"))
    run = clone.run()
    assert run.made == set()
    assert "nothing to do" in run.text


@pytest.mark.parametrize(
    ("module", "function", "made"),
    [
        ("frame/cosmic_rays", "clean_cosmic_rays", LIGHTS),
        ("master/bad_pixels", "flags_of_flat", LIGHTS | {BAD, BAD_V, BAD_R}),
        ("report/page", "section", set()),
        ("quality/records", "frame_record", set()),
    ],
)
def test_an_edit_of_a_function_makes_again_what_is_made_with_it(clone, module, function, made):
    path = clone.pipeline / f"scripts/ccdlib/{module}.py"
    path.write_text(edited(path.read_text(), function))
    run = clone.run()
    assert run.made == made
    assert clone.run().made == set()


def test_another_ccdlib_than_the_workflows_own_is_refused(clone):
    own = {"PYTHONPATH": str(PIPELINE / "scripts")}
    run = clone.run(code=1, environment=own)
    both = f"{clone.pipeline}/scripts/ccdlib, not with {PIPELINE}/scripts/ccdlib"
    assert f"these rules go with ccdlib {both}: pip install -e {clone.pipeline}" in run.text
    assert run.made == set()


def test_rule_of_a_camera_file_for_one_type_of_frame(again, tmp_path):
    """Lights are known by another card, then one is a lamp: only what that changes."""
    camera = tmp_path / "mine.yaml"
    shutil.copy(PIPELINE / "config/cameras/demo.yaml", camera)
    again.config["camera"] = camera
    rule = "{type: light, when: {IMAGETYP: Light Frame}}"
    _replace(camera, rule, "{type: light, when: {IMAGETYP: Light.*}}")
    assert again.run().made == TABLES
    lamp = "{type: lamp, when: {IMAGETYP: Light.*, FILTER: R}}"
    _replace(camera, "Light.*}}", f"Light.*, FILTER: V}}}}\n  - {lamp}")
    assert again.run().made == TABLES | {R1}


def _upgrade(folder, package, version):
    """Another version of a package, as far as its metadata tell."""
    metadata = folder / f"{package}-{version}.dist-info/METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")


def test_an_upgrade_is_told_and_what_was_made_stays(reduced, raw):
    """New products name the new version, the others are made again when the user asks."""
    shutil.copytree(reduced.folder, raw.folder, symlinks=True)
    _upgrade(raw.folder.parent / "upgrade", "numpy", "99.0")
    path = [str(PIPELINE / "scripts"), str(raw.folder.parent / "upgrade")]
    new = {"PYTHONPATH": ":".join(path)}
    assert "made with numpy" not in raw.run().text
    change_pixel(raw.raw / "M13_V_001.fits")
    run = raw.run(environment=new)
    assert run.made == TABLES | {V1}
    told = f"{len(PRODUCTS) - 2} products made with numpy"
    assert told in run.text
    assert told in (raw.folder / "results/report/index.html").read_text()
    assert told in raw.run(environment=new).text
    run = raw.run("--forcerun", "calibrate_frame", environment=new)
    assert run.made == LIGHTS
    assert V2 in run.made
    assert f"{len(PRODUCTS) - 4} products made with numpy" in run.text


def test_reasons_are_told_by_the_run_and_by_the_report(again, tmp_path):
    run = again.run("-n", cosmic_rays="{sigclip: 6}")
    reasons = re.findall(r"^Reason: (.*)$", run.text, re.MULTILINE)
    assert set(reasons) == {"cosmic_rays.sigclip was 4.5, is 6"}
    assert len(reasons) > len(LIGHTS)
    again.run(cosmic_rays="{sigclip: 6}")
    page = (again.folder / "results/report/index.html").read_text()
    assert "cosmic_rays.sigclip was 4.5, is 6" in page
    told = (again.folder / "logs/reasons.csv").read_text().splitlines()
    assert f'results/{V1},"cosmic_rays.sigclip was 4.5, is 6"' in told


@pytest.fixture
def two_folders(raw):
    """The night in two folders, lights in one of them."""
    lights = raw.raw.with_name("lights")
    lights.mkdir()
    for path in raw.raw.glob("M13_*.fits"):
        path.rename(lights / path.name)
    raw.config["raw_dir"] = f"[{raw.raw},{lights}]"
    return raw


def test_a_list_of_raw_folders(two_folders):
    """A light added to one, and one of them moved as a whole."""
    assert len(two_folders.run().made) == len(PRODUCTS | TABLES)
    lights = two_folders.raw.with_name("lights")
    shutil.copy(lights / "M13_V_001.fits", lights / "new.fits")
    change_pixel(lights / "new.fits")
    assert two_folders.run().made == TABLES | {"calibrated/lights/new.fits"}
    moved = two_folders.folder.parent / "elsewhere" / "lights"
    moved.parent.mkdir()
    lights.rename(moved)
    two_folders.config["raw_dir"] = f"[{two_folders.raw},{moved}]"
    assert two_folders.run().made == set()
