"""Pages made from code are in step with it."""

import re
import runpy
from pathlib import Path

_DOCS = Path(__file__).parents[2] / "docs"


def test_the_config_reference_is_that_of_the_schema():
    text = runpy.run_path(str(_DOCS / "make_config.py"))["text"]()
    assert (_DOCS / "config.md").read_text() == text


def test_every_key_has_a_meaning():
    from ccdlib.config import config_keys

    assert not [key for key, meaning, _, _ in config_keys() if not meaning]


def test_the_map_of_the_package_names_every_module():
    folders = _DOCS.parent / "scripts/ccdlib"
    modules = {path.stem for path in folders.glob("[!_]*.py")}
    modules |= {f"{path.parent.name}/" for path in folders.glob("*/__init__.py")}
    rows = (_DOCS / "architecture.md").read_text().rpartition("| subject | modules |")[2]
    named = re.findall(
        r"`([a-z_]+/?)`", "".join(row.split("|")[2] for row in rows.splitlines()[2:])
    )
    assert sorted({*named}) == sorted(modules)
    assert len(named) == len({*named})
