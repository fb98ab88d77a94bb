"""The commands that look at products: verify and why."""

import os
import subprocess
import sys

import numpy as np
import pytest
from astropy.io import fits
from small_night import BAD_V, BIAS, FLAT_V, R1, V1, V2, change_pixel

from ccdlib.cli import main


@pytest.fixture
def inside(again, monkeypatch):
    monkeypatch.chdir(again.folder)
    return again


@pytest.fixture
def own(settled, monkeypatch):
    """For tests that change raw frames."""
    monkeypatch.chdir(settled.folder)
    return settled


def _change(path, extension, row=3):
    """Change one pixel of an extension by 2, checksums left as they are."""
    with fits.open(path, mode="update", memmap=False) as hdus:
        hdus[extension].data[row, 5] += np.float32(2)


def test_verify_finds_every_product_as_the_raw_frames_give_it(inside, capsys):
    assert main(["verify"]) == 0
    assert capsys.readouterr().out == (
        "11 of 11 products are what the raw frames give, bit for bit\n"
    )
    assert main(["verify", "--quick"]) == 0


def test_verify_names_extension_pixels_and_amount(inside, capsys):
    light = f"results/{V1}"
    _change(light, 0)
    _change(light, "UNCERT")
    _change(light, "UNCERT", 4)
    assert main(["verify", light]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        f"{light}: PRIMARY: 1 pixel differs, by up to 2",
        f"{light}: UNCERT: 2 pixels differ, by up to 2",
        "0 of 1 products are what the raw frames give, bit for bit",
    ]


def test_verify_names_cards(inside, capsys):
    light = f"results/{V2}"
    fits.setval(light, "OBJECT", value="M31")
    assert main(["verify", light]) == 1
    assert f"{light}: PRIMARY: OBJECT='M31' instead of 'M13'" in capsys.readouterr().out


@pytest.mark.parametrize(
    "old, new, message",
    [
        (b"'M13     '", b"'M31     '", "PRIMARY: its header is not that of its CHECKSUM"),
        (b"\x00" * 20, b"\x00" * 19 + b"\x01", "its data are not those of its DATASUM"),
    ],
)
def test_quick_verify_finds_changed_bytes(inside, capsys, old, new, message):
    path = inside.folder / "results" / V2
    content = path.read_bytes()
    start = content.index(old)
    path.write_bytes(content[:start] + new + content[start + len(old) :])
    assert main(["verify", "--quick"]) == 1
    shown = capsys.readouterr().out
    assert f"results/{V2}: " in shown
    assert message in shown
    assert "10 of 11 products have the checksums they were written with" in shown


@pytest.fixture
def damaged(inside):
    """A truncated master and a missing light."""
    os.truncate(f"results/{FLAT_V}", 20000)
    os.remove(f"results/{R1}")
    return inside


@pytest.mark.parametrize("quick", [[], ["--quick"]])
def test_truncated_and_missing_products_are_removed(damaged, capsys, quick):
    before = set(damaged.files())
    assert main(["verify", "--remove", *quick]) == 1
    shown = capsys.readouterr().out
    assert f"results/{FLAT_V}: " in shown
    assert f"results/{R1}: missing" in shown
    assert "2 removed: the next run makes them again" in shown
    assert before - set(damaged.files()) == {FLAT_V}


def test_what_was_removed_is_made_again(damaged):
    """What was made from a damaged master is made again with it."""
    assert main(["verify", "--remove", "--quick"]) == 1
    assert damaged.run().made == {FLAT_V, BAD_V, V1, V2, R1}
    assert main(["verify"]) == 0


def test_verify_of_a_changed_raw_frame(own, capsys):
    change_pixel(own.raw / "M13_V_001.fits")
    assert main(["verify", f"results/{V1}"]) == 1
    assert "cannot be made again: M13_V_001.fits: changed since" in capsys.readouterr().out


def test_commands_where_nothing_was_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["verify"]) == 1
    assert f"no run was made in {tmp_path}" in capsys.readouterr().err


def test_why_tells_masters_losers_and_steps(inside, capsys):
    assert main(["why", f"results/{V1}"]) == 0
    shown = capsys.readouterr().out
    assert "  M13_V_001.fits (imagetyp light, object M13, filter V, exptime 120.0" in shown
    assert f"  flat: used results/{FLAT_V} (same camera, binning, size, filter" in shown
    assert "    not 2024-05-13_demo_112x64_1x1_R: filter R, the frame has V" in shown
    assert (
        f"  results/{FLAT_V}\n    from flat_V_001.fits, flat_V_002.fits, flat_V_003.fits" in shown
    )
    assert "CRSIGC=4.5" in shown
    assert f"  numpy {np.__version__}\n" in shown
    assert shown.endswith("up to date\n")


def test_why_tells_what_is_out_of_date(own, capsys):
    change_pixel(own.raw / "bias_001.fits")
    own.run("results/plan.csv", cosmic_rays="{sigclip: 6}")
    assert main(["why", f"results/{V1}"]) == 1
    stale = capsys.readouterr().out.split("out of date\n")[1].splitlines()
    assert "  cosmic_rays.sigclip was 4.5, is 6" in stale
    assert f"  results/{BIAS} changed" in stale
    assert f"  results/{BIAS}: the content of bias_001.fits changed" in stale


def test_why_tells_what_is_out_of_date_before_any_run(own, capsys):
    """From raw folder, config file and corrections as they are, nothing written."""
    before = {path: path.stat().st_mtime_ns for path in own.folder.rglob("*.*")}
    (own.raw / "sub").mkdir()
    (own.raw / "bias_001.fits").rename(own.raw / "sub/bias_001.fits")
    (own.folder / "config").mkdir()
    (own.folder / "config/config.yaml").write_text("cosmic_rays: {sigclip: 6}\n")
    assert main(["why", f"results/{V1}"]) == 1
    stale = capsys.readouterr().out.split("out of date\n")[1].splitlines()
    assert "  cosmic_rays.sigclip was 4.5, is 6" in stale
    assert f"  results/{BIAS}: raw frame bias_001.fits is no longer used" in stale
    assert f"  results/{BIAS}: raw frame sub/bias_001.fits was added" in stale
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())
    for path in own.raw.glob("flat_*"):
        path.unlink()
    (own.folder / "config/config.yaml").write_text("missing: {flat: refuse}\n")
    assert main(["why", f"results/{V1}"]) == 1
    stale = capsys.readouterr().out.split("out of date\n")[1]
    assert "M13_V_001.fits: no flat frame to make a master from" in stale


def test_why_takes_a_raw_frame(inside, capsys):
    """A light has one product; of a bias all that it goes into are named."""
    for name in ("M13_V_001", "M13_V_001.fits"):
        assert main(["why", name]) == 0
        assert capsys.readouterr().out.startswith(f"results/{V1}\n")
    assert main(["why", "bias_001.fits"]) == 1
    told = capsys.readouterr().err
    assert f"results/{BIAS}" in told and "name one of them" in told


def test_output_that_nobody_reads_ends_a_command_quietly(inside):
    command = f"{sys.executable} -m ccdlib.cli why results/{V1} | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.returncode in (0, 141)
    assert "Traceback" not in done.stderr


def test_why_of_what_is_no_product(inside, capsys):
    assert main(["why", "results/calibrated/other.fits"]) == 1
    assert "no raw frame in results/index.csv leads to it" in capsys.readouterr().err
