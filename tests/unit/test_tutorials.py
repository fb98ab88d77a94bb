"""The tutorials run, and what they say of settings is understood.

The site's build runs every cell of every tutorial; here is what needs no build.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ccdlib.config import load_config

ROOT = Path(__file__).parents[2]
TUTORIALS = sorted((ROOT / "docs/tutorials").glob("*.md"))
CELL = re.compile(r"^```\{code-cell\}\n(?:---\n.*?\n---\n|(?::.*\n)+)?(.*?)^```", re.S | re.M)
SECTIONS = (
    "amplifiers",
    "detector",
    "combine",
    "overscan",
    "dark",
    "flat",
    "cosmic_rays",
    "bad_pixels",
)


def test_a_night_by_hand_ends_with_a_true_sigma(tmp_path):
    cells = CELL.findall((ROOT / "docs/tutorials/by_hand.md").read_text())
    (tmp_path / "cells.py").write_text("\n".join(cells))
    done = subprocess.run(
        [sys.executable, "-W", "error", "cells.py"],
        cwd=tmp_path,
        env={"MPLBACKEND": "agg", "HOME": str(tmp_path), "PYTHONPATH": str(ROOT / "scripts")},
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    found = re.search(r"pull: mean (\S+), standard deviation (\S+), (\d+) pixels", done.stdout)
    mean, deviation, pixels = map(float, found.groups())
    assert pixels > 250_000
    # masters of a few frames leave the same small error in all pixels near each other
    assert abs(mean) < 0.02
    assert abs(deviation - 1) < 0.02


def _settings():
    """(page, text) of each setting that a table of the tutorials names."""
    for path in TUTORIALS:
        for text in re.findall(r"`(\w+: \{[^`]*\})`", path.read_text()):
            if text.partition(":")[0] in SECTIONS and "..." not in text:
                yield pytest.param(text, id=f"{path.stem}: {text}")


@pytest.mark.parametrize("text", list(_settings()))
def test_each_setting_of_a_table_is_one(text):
    load_config({"raw_dir": "raw", "camera": "demo"} | yaml.safe_load(text))


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", (ROOT / page).read_text())
    assert not [link for link in links if "://" not in link and not (ROOT / link).exists()]
