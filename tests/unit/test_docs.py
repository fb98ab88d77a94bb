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
    package = _DOCS.parent / "scripts/ccdlib"
    rows = (_DOCS / "architecture.md").read_text().rpartition("| folder | subject | modules |")[2]
    named = {}
    for row in rows.splitlines()[2:]:
        folder, _, modules = (cell.strip() for cell in row.strip("|").split("|"))
        named[folder.strip("`/")] = sorted(re.findall(r"`([a-z_]+)`", modules))
    own = ("toolbox", "commands")  # whose names are those of ccdproc's chapters, of subcommands
    for folder in sorted({path.parent.name for path in package.glob("*/__init__.py")}):
        found = sorted(path.stem for path in (package / folder).glob("[!_]*.py"))
        assert folder in own or named[folder] == found
        assert folder in named
    top = {path.stem for path in package.glob("[!_]*.py")} | {"camera", "raw"}
    assert named["(top)"] == sorted(top)
        {path.stem for path in package.glob("[!_]*.py")} | {"camera", "raw"}
    )
