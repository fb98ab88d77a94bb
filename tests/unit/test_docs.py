"""Pages made from code are in step with it."""

import ast
import re
import runpy
from pathlib import Path

from ccdlib.rerun import code_digests

_DOCS = Path(__file__).parents[2] / "docs"
_PACKAGE = _DOCS.parent / "scripts/ccdlib"


def test_the_config_reference_is_that_of_the_schema():
    text = runpy.run_path(str(_DOCS / "make_config.py"))["text"]()
    assert (_DOCS / "config.md").read_text() == text


def test_every_key_has_a_meaning():
    from ccdlib.config import config_keys

    assert not [key for key, meaning, _, _ in config_keys() if not meaning]


def _map():
    """{folder: modules} of the map of the package, from the ground up."""
    rows = (_DOCS / "architecture.md").read_text().rpartition("| folder | subject | modules |")[2]
    cells = [row.strip("|").split("|") for row in rows.splitlines()[2:]]
    return {row[0].strip(" `/"): re.findall(r"`([a-z_]+)`", row[2]) for row in cells}


def test_the_map_of_the_package_names_every_module():
    named = _map()
    for folder in sorted({path.parent.name for path in _PACKAGE.glob("*/__init__.py")}):
        found = sorted(path.stem for path in (_PACKAGE / folder).glob("[!_]*.py"))
        # those are named after ccdproc's chapters, and after subcommands
        assert folder in ("toolbox", "commands") or sorted(named[folder]) == found
        assert folder in named
    assert sorted(named["(top)"]) == sorted(path.stem for path in _PACKAGE.glob("[!_]*.py"))


def _floor(module):
    """A module's place in the map, from the ground up."""
    folder, _, _ = module.rpartition("/")
    own = {"config": "config", "cli": "cli", "": "(top)"}
    floors = list(_map())
    floors.insert(floors.index("camera") + 1, "config")
    return [*floors, "cli"].index(own.get(module) or folder or "(top)")


def test_no_import_runs_back_up():
    wrong = []
    for path in _PACKAGE.rglob("[!_]*.py"):
        package = path.parent.relative_to(_PACKAGE).parts
        own = path.relative_to(_PACKAGE).with_suffix("").as_posix()
        for name in code_digests._imports(ast.parse(path.read_text()), package):
            *_, used = code_digests._files(name, path)
            other = used.relative_to(_PACKAGE).with_suffix("").as_posix()
            if not other.endswith("__init__") and _floor(other) > _floor(own):
                wrong.append(f"{own} imports {other}")
    assert not wrong
