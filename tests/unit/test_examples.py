"""The examples run, and what they print is true."""

import re
import subprocess
import sys
from pathlib import Path

_EXAMPLES = Path(__file__).parents[2] / "examples"


def test_a_night_by_hand_ends_with_a_true_sigma(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", _EXAMPLES / "by_hand.py"],
        cwd=tmp_path,
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
