"""What a person can do about a refusal."""

from ccdlib.config import load_config, remember
from ccdlib.report.advice import advice

DARK = "a.fits: no master dark fits"


def test_what_to_go_without_is_added_to_what_the_last_run_went_without(tmp_path, monkeypatch):
    """Who follows one line after the other gives all of it: --config takes the last one alone."""
    monkeypatch.chdir(tmp_path)
    assert advice(DARK).endswith("--config 'missing={dark: skip}'.")
    given = {"raw_dir": "raw", "camera": "generic", "missing": {"bias": "skip", "flat": "refuse"}}
    remember(load_config(given), given)
    assert advice(DARK).endswith("--config 'missing={bias: skip, dark: skip}'.")
    assert advice("a.fits: no bias frame").endswith("--config 'missing={bias: skip}'.")
