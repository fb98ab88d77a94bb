"""Public functions have type hints; mypy checks that they are true."""

import ast
import tomllib
from pathlib import Path

import pytest

_SCRIPTS = Path(__file__).parents[2] / "scripts"
_SETTINGS = tomllib.loads((_SCRIPTS.parent / "pyproject.toml").read_text())["tool"]["mypy"]


def _without_hints():
    """The modules that need no hints."""
    own = [each["module"] for each in _SETTINGS["overrides"] if "check_untyped_defs" in each]
    return [name for names in own for name in names]


def _name(path):
    parts = path.relative_to(_SCRIPTS).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def _modules():
    packages = [path for path in sorted(_SCRIPTS.rglob("*.py")) if path.parent != _SCRIPTS]
    return [path for path in packages if _name(path) not in _without_hints()]


def _public(body, owner=""):
    """(name, function) of each public function and of the methods of public classes."""
    for node in body:
        special = node.__dict__.get("name", "_").startswith("__")
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from _public(node.body, f"{node.name}.")
        elif isinstance(node, ast.FunctionDef) and (special or not node.name.startswith("_")):
            yield owner + node.name, node


def _unannotated(function):
    given = function.args
    named = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    all_of_them = [*named, *filter(None, (given.vararg, given.kwarg))]
    bare = [each.arg for each in all_of_them if each.annotation is None]
    return [name for name in bare if name not in ("self", "cls")] + (
        ["return"] if function.returns is None else []
    )


@pytest.mark.parametrize("path", _modules(), ids=_name)
def test_public_functions_have_type_hints(path):
    bare = {
        name: missing
        for name, function in _public(ast.parse(path.read_text()).body)
        if (missing := _unannotated(function))
    }
    assert not bare


def test_only_compiled_modules_need_none():
    files = [_SCRIPTS / f"{name.replace('.', '/')}.py" for name in _without_hints()]
    assert not [path.name for path in files if "from numba import njit" not in path.read_text()]


def test_mypy_looks_at_every_module():
    folders = [path.name for path in _SCRIPTS.iterdir() if (path / "__init__.py").exists()]
    assert _SETTINGS["files"] == [f"scripts/{name}" for name in sorted(folders)]
    quiet = {"ignore_errors", "follow_imports", "ignore_missing_imports", "exclude"}
    own = [
        name
        for each in _SETTINGS["overrides"]
        if quiet & set(each)
        for name in each["module"]
        if name.startswith(("ccdlib", "snakemake_logger"))
    ]
    assert not own and not quiet & set(_SETTINGS)
