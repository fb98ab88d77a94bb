"""Pages made from code are in step with it."""

import re
import runpy
from pathlib import Path

import pytest

from ccdlib.kinds import KINDS
from ccdlib.rerun import code_digests

_DOCS = Path(__file__).parents[2] / "docs"
_PACKAGE = _DOCS.parent / "scripts/ccdlib"


def test_the_config_reference_is_that_of_the_schema():
    text = runpy.run_path(str(_DOCS / "make_config.py"))["text"]()
    assert (_DOCS / "config.md").read_text() == text


@pytest.mark.parametrize("name", ["flags", "cards", "messages"])
def test_the_reference_is_that_of_the_code(name):
    page = runpy.run_path(str(_DOCS / "make_reference.py"))["page"]
    assert (_DOCS / f"reference/{name}.md").read_text() == page(name)


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
    own = {"config": "config", "": "(top)"}
    # ccdproc's names for the toolbox's modules
    own |= dict.fromkeys(("cli", "ccddata", "combiner", "core", "image_collection"), "cli")
    floors = list(_map())
    floors.insert(floors.index("camera") + 1, "config")
    return [*floors, "cli"].index(own.get(module) or folder or "(top)")


def test_no_import_runs_back_up():
    wrong = []
    for path in _PACKAGE.rglob("[!_]*.py"):
        own = path.relative_to(_PACKAGE).with_suffix("").as_posix()
        for _, uses in code_digests._module(path).values():
            for use in uses:
                file, _ = code_digests._file_of(tuple(use)[1:])
                other = (file or path).relative_to(_PACKAGE).with_suffix("").as_posix()
                if _floor(other) > _floor(own):
                    wrong.append(f"{own} uses {'.'.join(use)}")
    assert not wrong


def _kinds_table():
    """The table of kinds as docs/architecture.md has it."""
    yield "| kind | rule | where | made of | serves | depends on | where there is none |"
    yield "|---|---|---|---|---|---|---|"
    for kind in KINDS.values():
        cells = kind.made_of, kind.serves, kind.sections, (kind.missing or "",)
        where = f"`{kind.folder}/`"
        texts = [", ".join(cell) or "-" for cell in cells]
        yield " | ".join(["| " + kind.name, f"`{kind.rule}`", where, *texts]) + " |"


def test_the_table_of_kinds_is_that_of_the_code():
    assert "\n".join(_kinds_table()) in (_DOCS / "architecture.md").read_text()
