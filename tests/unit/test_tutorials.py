"""A tutorial's own proof; the site's build runs every cell of every tutorial."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CELL = re.compile(r"^```\{code-cell\}\n(?:---\n.*?\n---\n|(?::.*\n)+)?(.*?)^```", re.S | re.M)


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
