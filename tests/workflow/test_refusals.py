"""Bad input: one clear message that names it, and the rest of the night is reduced."""

import shutil

import numpy as np
import pytest
from astropy.io import fits
from small_night import (
    BAD_R,
    BIAS,
    DARK,
    FLAT_R,
    LIGHTS,
    MASTERS,
    PRODUCTS,
    R1,
    TABLES,
    change_pixel,
)

from ccdlib.cli import main

NAMES = [
    "a b.fits",
    'it\'s "quoted".fits',
    "new\nline.fits",
    "Ωmega ñ.fits",
    "m{13}.fits",
    "{frame}.fits",
    "-n.fits",
    "--version.FIT",
    "%7B.fits",
    "$(touch owned);`touch owned`.fits",
    "dots..and.more.fits",
]


def test_bad_files_leave_the_rest_alone(night):
    """One of each kind that the index refuses."""
    raw, light = night.raw, night.raw / "M13_V_001.fits"
    content = light.read_bytes()
    (raw / "truncated.fits").write_bytes(content[: len(content) - 5000])
    (raw / "empty.fits").write_bytes(b"")
    (raw / "text.fits").write_text("# not an image\n")
    fits.PrimaryHDU().writeto(raw / "blank.fits")
    (raw / "dangling.fits").symlink_to("nowhere")
    (raw / "folder.fits").mkdir()
    shutil.copy(light, raw / "copy.fits")
    shutil.copy(raw / "M13_R_001.fits", raw / "twice.fits")
    change_pixel(raw / "twice.fits")
    shutil.copy(raw / "twice.fits", raw / "twice.fit")
    fits.setval(light, "IMAGETYP", value="Mystery")
    (raw / "copy.fits").write_bytes((raw / "M13_V_002.fits").read_bytes())
    text = night.run().text
    for message in (
        "truncated.fits: truncated, ",
        "empty.fits: empty file",
        "text.fits: not a FITS file, it starts with b'# not an '",
        "blank.fits: no image in it",
        "dangling.fits: cannot be read: ",
        "copy.fits: duplicate, same content as M13_V_002.fits",
        "twice.fit: 2 files have the same FRAME: twice.fit, twice.fits",
        "M13_V_001.fits: no typing rule of the camera fits: IMAGETYP='Mystery'",
    ):
        what, _, reason = message.partition(": ")
        assert f"  {what}: {reason}" in text, message


def test_no_fits_at_all(raw):
    for path in raw.raw.iterdir():
        path.unlink()
    assert f"no .fits, .fit or .fts file below {raw.raw}" in raw.run(code=1).text
    raw.raw.rmdir()
    assert f"raw_dir: {raw.raw} is not a folder" in raw.run(code=1).text


@pytest.mark.parametrize(
    "config, message",
    [
        ({"cosmic": "lacosmic"}, "cosmic is not a key; did you mean cosmic_rays?"),
        ({"camera": "dem"}, "no camera 'dem'; did you mean demo?"),
        ({"strict": "perhaps"}, "strict='perhaps' is not allowed: boolean"),
        ({"match": "{max_age: -1}"}, "match.max_age=-1 is not allowed: number at least 0"),
        ({"corrections": "no.csv"}, "no.csv"),
    ],
)
def test_bad_config_stops_before_any_work(raw, config, message):
    run = raw.run(code=1, **config)
    assert message in run.text
    assert "Traceback" not in run.text
    assert run.made == set()


def test_mixed_shapes_never_meet(night):
    """A bias of another size makes a master of its own."""
    with fits.open(night.raw / "bias_001.fits") as hdus:
        header, data = hdus[0].header, hdus[0].data
        small = np.ascontiguousarray(data[:40])
        header["DATASEC"] = "[1:80,1:40]"
        header["BIASSEC"] = "[81:112,1:40]"
        fits.PrimaryHDU(small, header).writeto(night.raw / "bias_005.fits")
    run = night.run()
    assert run.made == TABLES | {"masters/bias/2024-05-13_demo_112x40_1x1.fits"}


def test_a_refused_master_takes_what_needs_it_and_nothing_else(raw):
    for number in (1, 2):
        (raw.raw / f"flat_R_00{number}.fits").unlink()
    run = raw.run(combine="{flat: {min_frames: 3}}")
    assert run.made == (PRODUCTS | TABLES) - {FLAT_R, BAD_R, R1}
    assert "1 flat frame (flat_R_003.fits), combine.min_frames is 3" in run.text
    assert "M13_R_001.fits: no master flat fits" in run.text


@pytest.mark.faults
def test_a_refusal_at_the_pixels_is_a_failed_job_and_the_report_is_written(raw):
    """Once: what is wrong with the frames is wrong the second time."""
    for path in raw.raw.glob("flat_R_*.fits"):
        with fits.open(path, mode="update", memmap=False) as hdus:
            hdus[0].data[:, :20] = 65535
    run = raw.run(code=1)
    assert run.made == (PRODUCTS | TABLES) - {FLAT_R, BAD_R, R1}
    told = "of the flat's pixels are saturated, flat.max_saturated is 1.0%"
    assert run.text.count(told) == 1
    assert f"failed: results/{FLAT_R}: flat_R_001.fits: " in run.text
    page = (raw.folder / "results/report/index.html").read_text()
    assert "pixels are saturated, flat.max_saturated is 1.0%" in page


def test_a_saturated_flat_is_left_out_by_name(raw):
    with fits.open(raw.raw / "flat_R_001.fits", mode="update", memmap=False) as hdus:
        hdus[0].data[:] = 65535
    run = raw.run()
    assert run.made == PRODUCTS | TABLES
    assert f"left out of results/{FLAT_R}: flat_R_001.fits: 100.0% of the flat's pixels" in run.text
    pages = (raw.folder / "results/report").glob("*.html")
    assert any("flat_R_001.fits: 100.0% of the flat" in page.read_text() for page in pages)


def test_products_of_an_earlier_run_do_not_pass_for_those_of_one_that_failed(
    settled, monkeypatch, capsys
):
    """They stay where they are, and neither the last lines nor the page count them."""
    for path in settled.raw.glob("flat_R_*.fits"):
        with fits.open(path, mode="update", memmap=False) as hdus:
            hdus[0].data[:, :20] = 65535
    run = settled.run(code=1)
    assert (settled.folder / "results" / R1).exists()
    assert f"{len(LIGHTS) - 1} calibrated frames and " in run.text
    assert "out of date: 2 products of an earlier run" in run.text
    assert f"\n  results/{R1}\n" in run.text
    assert f"3 of {len(PRODUCTS)} planned products not made" in run.text
    page = (settled.folder / "results/report/index.html").read_text()
    assert f"{len(LIGHTS) - 1} lights calibrated, 3 not made because a job failed" in page
    assert "the file there is of an earlier run" in page
    monkeypatch.chdir(settled.folder)
    assert main(["verify", f"results/{R1}"]) == 1
    told = capsys.readouterr().out
    assert f"results/{R1}: cannot be compared: results/masters/" in told
    assert told.endswith("0 of 1 products are what the raw frames give, bit for bit\n")


def test_strict_makes_the_rest_and_fails_every_time(raw):
    (raw.raw / "empty.fits").write_bytes(b"")
    run = raw.run(code=1, strict="true")
    assert run.made == PRODUCTS | TABLES
    assert "1 refused and strict is true" in run.text
    assert "empty.fits: empty file" in run.text
    run = raw.run(code=1, strict="true")
    assert run.made == set()
    assert "1 refused and strict is true" in run.text
    assert raw.run().made == set()
    (raw.raw / "empty.fits").unlink()
    assert raw.run(strict="true").made == TABLES


def test_names_of_any_kind(night):
    """Each is a light of its own, and no name is read as a pattern, an option or a command."""
    for number, name in enumerate(NAMES):
        path = night.raw / "sub dir{}" / name
        path.parent.mkdir(exist_ok=True)
        shutil.copy(night.raw / "M13_V_001.fits", path)
        fits.setval(path, "SERIAL", value=number)
    run = night.run()
    made = {name for name in run.made if name.startswith("calibrated/")}
    codes = str.maketrans({"%": "%25", "{": "%7B", "}": "%7D", "\n": "%0A"})
    stems = {name.rsplit(".", 1)[0].translate(codes) for name in NAMES}
    assert made == {f"calibrated/sub dir%7B%7D/{stem}.fits" for stem in stems}
    assert run.made - made == TABLES
    assert not list(night.folder.parent.rglob("owned"))
    assert "nothing to do" in night.run().text
    assert BIAS in MASTERS and not run.made & (LIGHTS | MASTERS)


def test_config_and_camera_cannot_run_code(raw):
    camera = raw.folder.parent / "mine.yaml"
    camera.write_text("description: !!python/object/apply:os.system ['touch owned']\n")
    text = raw.run(code=1, camera=camera).text
    assert "mine.yaml: not YAML" in text
    assert not list(raw.folder.parent.rglob("owned"))


def test_a_dark_of_which_no_pixel_is_good_takes_no_night_with_it(raw, reduced):
    """Nothing can be said of it beside the others; its pixels go into nothing."""
    with fits.open(raw.raw / "dark_120s_001.fits", do_not_scale_image_data=True) as hdus:
        hdus[0].data[:] = 2**15 - 1
        hdus.writeto(raw.raw / "dark_120s_004.fits")
    raw.run()
    assert set(raw.content()) == PRODUCTS
    own, right = (fits.getdata(each.folder / "results" / DARK) for each in (raw, reduced))
    assert np.array_equal(own, right)
    assert (raw.folder / "results/report/2024-05-13.html").exists()
