"""What two pages prove by their own cells; the site's build runs every cell of every page."""

import os
import re
import subprocess
import sys

import pytest
from pages import ROOT

CELL = re.compile(r"^```\{code-cell\}\n(?:---\n.*?\n---\n|(?::.*\n)+)?(.*?)^```", re.S | re.M)


def told(page, folder):
    """What the cells of a page print, run as one script; a warning is an error."""
    cells = CELL.findall((ROOT / "docs" / page).read_text())
    (folder / "cells.py").write_text("\n".join(cells))
    done = subprocess.run(
        [sys.executable, "-W", "error", "cells.py"],
        cwd=folder,
        env=os.environ | {"MPLBACKEND": "agg", "PYTHONPATH": str(ROOT / "scripts")},
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_night_by_hand_ends_with_a_true_sigma(tmp_path):
    text = told("tutorials/by_hand.md", tmp_path)
    found = re.search(r"pull: mean (\S+), standard deviation (\S+), (\d+) pixels", text)
    mean, deviation, pixels = map(float, found.groups())
    assert pixels > 250_000
    # masters of a few frames leave the same small error in all pixels near each other
    assert abs(mean) < 0.02
    assert abs(deviation - 1) < 0.02


def test_the_pictures_show_what_they_say(tmp_path):
    text = told("noise_in_pictures.md", tmp_path)
    found = re.findall(r"^(.*): mean (\S+), standard deviation (\S+)$", text, re.MULTILINE)
    pulls = {name: (float(mean), float(deviation)) for name, mean, deviation in found}
    # 160 000 pixels; the estimate of the signal is shared by neighbours
    right = (
        "expected from the pixels around",
        "after the bias",
        "with the master's variance",
        "pull",
    )
    for name in right:
        mean, deviation = pulls.pop(name)
        assert abs(mean) < 0.02 and abs(deviation - 1) < 0.02, name
    assert pulls["own value"] == (pytest.approx(-0.06, abs=0.01), pytest.approx(0.91, abs=0.01))
    assert pulls["before the bias"][1] < 0.3
    assert pulls["without it"][1] == pytest.approx((4 / 3) ** 0.5, abs=0.01)
