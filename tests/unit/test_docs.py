"""Pages made from code are in step with it."""

import runpy
from pathlib import Path

_DOCS = Path(__file__).parents[2] / "docs"


def test_the_config_reference_is_that_of_the_schema():
    text = runpy.run_path(str(_DOCS / "make_config.py"))["text"]()
    assert (_DOCS / "config.md").read_text() == text


def test_every_key_has_a_meaning():
    from ccdlib.config import config_keys

    assert not [key for key, meaning, _, _ in config_keys() if not meaning]
