"""One digest of the code behind a product: every definition of ccdlib that making it can reach.

A definition is a function, a class or a value at the top of a module. It reaches the definitions
whose names it uses. What stands at the top of a module and defines nothing is run when the module
is imported, so it belongs to whatever reaches the module. Comments, docstrings and layout do not
count, and neither does `ccdlib.quality`: the records of the report change no product.
"""

import ast
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from ..config import PIPELINE
from ..errors import CcdlibError
from ..kinds import Kind, calibrations_of
from ..state import keep_json, kept_json

__all__ = ["code_digest", "kind_digest", "not_called", "reached", "recipe", "rule_digest"]

_PACKAGE = Path(__file__).parents[1]
# {SHA-256 of a file and of this one: its definitions}; to parse the package takes a third of the
# start of a small night
_KNOWN = Path(".ccdlib/code.json")
# the same for working directories that are new
_BESIDE = _PACKAGE / "__pycache__/code.json"
# folders of the package on which no product depends
_WITHOUT_RESULT = ("quality",)
# definitions that are called only where frames are calibrated with a kind of master
_ONLY_WITH = {
    "dark": (
        *(("frame/subtraction.py", name) for name in ("dark_charge", "dark_pedestal")),
        ("frame/subtraction.py", "dark_variance"),
    )
}
# the name under which a module's own statements stand, and that for all of a module
_STATEMENTS, _ALL = "", "*"
_DEFINITIONS = ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef
_DOCUMENTED = (ast.Module, *_DEFINITIONS)


class _WhatRuns(ast.NodeTransformer):
    """Removes what only readers and type checkers read: docstrings, hints, TYPE_CHECKING blocks."""

    # the function or class that the node is in
    _scope: ast.AST | None = None

    def generic_visit(self, node):
        outer = self._scope
        self._scope = node if isinstance(node, _DEFINITIONS) else outer
        super().generic_visit(node)
        self._scope = outer
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
        if isinstance(node, ast.arg):
            node.annotation = None
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            node.returns = None
        return node

    def visit_AnnAssign(self, node):
        self.generic_visit(node)
        if isinstance(self._scope, ast.ClassDef):
            # the hints of a dataclass are its fields
            return node
        return node.value and ast.copy_location(ast.Assign([node.target], node.value), node)

    def visit_If(self, node):
        self.generic_visit(node)
        test = node.test
        name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", None)
        return node.orelse if name == "TYPE_CHECKING" else node


def parsed(text: str | bytes) -> ast.Module:
    """The syntax tree of what runs: without docstrings, hints and what type checkers alone read."""
    return _WhatRuns().visit(ast.parse(text))


def _text(node):
    """A syntax tree as text that is the same in every version of Python.

    ``ast.dump`` is not: fields come and go between versions, empty ones mostly.
    """
    if isinstance(node, ast.AST):
        fields = [(name, _text(value)) for name, value in ast.iter_fields(node)]
        kept = [f"{name}={text}" for name, text in fields if text not in ("None", "[]")]
        return f"{type(node).__name__}({','.join(kept)})"
    if isinstance(node, list):
        return f"[{','.join(_text(each) for each in node)}]"
    return repr(node)


def _digest(nodes):
    return hashlib.sha256("\n".join(map(_text, nodes)).encode()).hexdigest()[:16]


_NOTHING = _digest([])


@cache
def _file_of(parts):
    """The module's file behind the parts of a name after ccdlib, and the parts that remain."""
    for count in range(len(parts), 0, -1):
        path = _PACKAGE.joinpath(*parts[:count]).with_suffix(".py")
        if path.is_file():
            return path, parts[count:]
    return None, parts


def _imported(node, package):
    """(name it is known by, parts of its name after ccdlib) of each thing that is imported."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            parts = tuple(alias.name.split("."))
            if parts[0] == "ccdlib" and len(parts) > 1:
                # without "as" it is reached by its whole name, which nobody writes here
                yield alias.asname or alias.name, parts[1:]
        return
    if not isinstance(node, ast.ImportFrom):
        return
    path = tuple(node.module.split(".")) if node.module else ()
    if node.level:
        path = ("ccdlib", *package[: len(package) + 1 - node.level], *path)
    if path and path[0] == "ccdlib":
        yield from ((each.asname or each.name, (*path[1:], each.name)) for each in node.names)


def _names_of(node):
    """The names that a statement at the top of a module defines, none where it may do more."""
    if isinstance(node, _DEFINITIONS):
        return [node.name]
    if isinstance(node, ast.Assign):
        flat = [each for one in node.targets for each in getattr(one, "elts", [one])]
        if all(isinstance(each, ast.Name) for each in flat):
            return [each.id for each in flat]
    return []


def _uses(nodes, names, imported, package):
    """What some statements use: names of their own module, and (parts of) names elsewhere."""
    # a walk through a syntax tree takes long: one for all
    each_node = [each for node in nodes for each in ast.walk(node)]
    known = dict(imported)
    for each in each_node:
        if isinstance(each, (ast.Import, ast.ImportFrom)):
            known |= dict(_imported(each, package))
    attributes = set()
    for each in each_node:
        if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name):
            attributes.add(each.value)
            if each.value.id in known:
                yield ("", *known[each.value.id], each.attr)
    for each in each_node:
        if isinstance(each, ast.Name) and each.id in known and each not in attributes:
            yield ("", *known[each.id], _ALL)
        elif isinstance(each, ast.Name) and each.id in names:
            yield (each.id,)


def _parsed(content, package):
    """{name: [digest, what it uses]} of the definitions of a module."""
    body = parsed(content).body
    imports = [node for node in body if isinstance(node, (ast.Import, ast.ImportFrom))]
    imported = {name: parts for node in imports for name, parts in _imported(node, package)}
    parts: dict[str, list[ast.stmt]] = {_STATEMENTS: []}
    for node in body:
        if node not in imports:
            for name in _names_of(node) or [_STATEMENTS]:
                parts.setdefault(name, []).append(node)
    # one that stands in a condition binds its name for the module as well
    within = [each for node in parts[_STATEMENTS] for each in ast.walk(node)]
    imported |= {name: path for node in within for name, path in _imported(node, package)}
    found = {
        name: [_digest(nodes), sorted(set(_uses(nodes, parts, imported, package)))]
        for name, nodes in parts.items()
    }
    # an import runs the other module's statements, whether its names are used or not
    found[_STATEMENTS][1] += sorted(("", *path, _STATEMENTS) for path in imported.values())
    return found


@cache
def _module(path):
    """`_parsed` of one file, as an earlier start in this working directory found it."""
    inside = path.is_relative_to(_PACKAGE)
    package = path.parent.relative_to(_PACKAGE).parts if inside else ()
    content = path.read_bytes()
    # imports are resolved by the folder, and what is known is of this very way to do it
    key = hashlib.sha256(f"{package}".encode() + Path(__file__).read_bytes() + content).hexdigest()
    if key not in _known():
        _known()[key] = _parsed(content, package)
    return _known()[key]


@cache
def _known():
    """What earlier starts worked out, in this working directory or another, and this one."""
    return kept_json(_KNOWN) or kept_json(_BESIDE) or {}


@cache
def _shown(path):
    """A module's name below ccdlib; of another file what it is."""
    return path.relative_to(_PACKAGE).as_posix() if path.is_relative_to(_PACKAGE) else "script"


@cache
def _targets(path, name):
    """What a definition uses, as files and names; several recipes reach it."""
    found = (_target(path, tuple(use)) for use in _module(path)[name][1])
    return tuple(target for target in found if target is not None)


def _target(path, use):
    """The file and the name of what a definition in `path` uses, None for what has no result."""
    if len(use) == 1:
        return path, use[0]
    file, rest = _file_of(use[1:])
    if file is None:
        name = ".".join(part for part in use[1:] if part not in (_ALL, _STATEMENTS))
        raise CcdlibError(
            f"{path.name}: {name} is no module of ccdlib; what is imported from a package itself "
            "cannot be hashed, import it from its own module"
        )
    if _shown(file).partition("/")[0] in _WITHOUT_RESULT:
        return None
    if use[-1] == _STATEMENTS:
        return file, _STATEMENTS
    return file, (rest[0] if rest[0] in _module(file) else _ALL)


def reached(
    *starts: tuple[Path, str], without: frozenset[tuple[Path, str]] = frozenset()
) -> Iterator[tuple[Path, str]]:
    """Every definition that some definitions reach.

    Parameters
    ----------
    *starts : (path, str)
        A module or a script and the name of a definition in it, '*' for all of them.
    without : frozenset of (path, str)
        Definitions that are known not to be called.

    Yields
    ------
    path : Path
    name : str
        Empty for the statements of a module that define nothing.

    Raises
    ------
    CcdlibError
        If something is imported from a package and not from one of its modules.
    """
    found, pending = set(), list(starts)
    while pending:
        at = pending.pop()
        if at in found or at in without:
            continue
        found.add(at)
        file, own = at
        definitions = _module(file)
        if own == _ALL:
            pending += [(file, each) for each in definitions]
            continue
        if definitions[own][0] != _NOTHING:
            yield at
        pending.append((file, _STATEMENTS))
        pending += _targets(*at)


def _digest_of(*starts, without=frozenset()):
    each = reached(*starts, without=without)
    lines = [f"{_shown(file)} {name} {_module(file)[name][0]}" for file, name in each]
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:16]


@cache
def code_digest(script: Path) -> str:
    """Digest of a script and of the definitions of ccdlib that it reaches.

    Parameters
    ----------
    script : path

    Returns
    -------
    str
        Hexadecimal.
    """
    return _digest_of((Path(script), _ALL))


def recipe(kind: Kind) -> tuple[tuple[Path, str], ...]:
    """The definitions that make a product of a kind: its recipe, and how a task is read."""
    jobs = _PACKAGE / "jobs"
    return (jobs / f"{kind.module}.py", kind.entry), (jobs / "job.py", "task_of")


def not_called(kind: Kind) -> frozenset[tuple[Path, str]]:
    """The definitions that no product of a kind calls, as its frames take no such master."""
    own = {each.name for type in kind.made_of for each in calibrations_of(type, before=kind.name)}
    return frozenset(
        (_PACKAGE / file, name)
        for master, definitions in _ONLY_WITH.items()
        for file, name in definitions
        if kind.combined and master not in own
    )


@cache
def _recipe_digest(starts, without):
    return _digest_of(*starts, without=without)


@contextmanager
def _kept():
    """What was worked out is kept: beside the package, and in a working directory in use."""
    before = len(_known())
    yield
    if len(_known()) > before:
        # what lies beside the package may be another user's
        with suppress(OSError, CcdlibError):
            keep_json(_BESIDE, _known())
        if _KNOWN.parent.exists():
            keep_json(_KNOWN, _known())


def kind_digest(kind: Kind) -> str:
    """Digest of the code behind a kind of product: what its `recipe` reaches."""
    with _kept():
        return _recipe_digest(recipe(kind), not_called(kind))


def rule_digest(name: str) -> str:
    """`code_digest` of a rule's script."""
    with _kept():
        return code_digest(PIPELINE / f"scripts/{name}.py")
