"""One digest of the code behind a job: its script and every ccdlib module it imports."""

import ast
import hashlib
import json
from functools import cache
from pathlib import Path

from ..config import PIPELINE
from ..errors import CcdlibError
from ..files import write_atomically

__all__ = ["code_digest", "rule_digest"]

_PACKAGE = Path(__file__).parents[1]
# {SHA-256 of a file and what else counts: its digest and imports}; to parse the package takes a
# third of the start of a small night
_KNOWN = Path(".ccdlib/code.json")


def _without_docstrings(tree):
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            not isinstance(body, list)
            or not body
            or not isinstance(
                node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
            )
        ):
            continue
        first = body[0]
        if (
            isinstance(first, ast.Expr)
            and isinstance(first.value, ast.Constant)
            and isinstance(first.value.value, str)
        ):
            node.body = body[1:]
    return tree


class _WithoutTyping(ast.NodeTransformer):
    """Removes what only a type checker reads: it never runs, so no result depends on it."""

    def visit_If(self, node):
        self.generic_visit(node)
        test = node.test
        name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", None)
        return node.orelse if name == "TYPE_CHECKING" else node


def parsed(text: str | bytes) -> ast.Module:
    """The syntax tree of what runs: without blocks that only a type checker reads."""
    return _WithoutTyping().visit(ast.parse(text))


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


def _imports(tree, package):
    """What a tree imports from ccdlib, wherever in it, as the parts of the name after ccdlib.

    ``from .files import replacing`` is ("files", "replacing"); `package` has the names of the
    folders below ccdlib that the tree's file lies in.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [tuple(alias.name.split(".")) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            path = tuple(node.module.split(".")) if node.module else ()
            if node.level:
                path = ("ccdlib", *package[: len(package) + 1 - node.level], *path)
            names = [(*path, alias.name) for alias in node.names]
        else:
            continue
        yield from (name[1:] for name in names if name[0] == "ccdlib")


def _files(name, script):
    """The files that Python runs for an imported name: those of its packages and its module's."""
    path = _PACKAGE
    yield path / "__init__.py"
    for part in name:
        path = path / part
        if path.with_suffix(".py").is_file():
            yield path.with_suffix(".py")
            return
        if not path.is_dir():
            raise CcdlibError(
                f"{script.name}: {'.'.join(name)} is no module of ccdlib; what is imported from "
                "a package itself cannot be hashed, import it from its own module"
            )
        yield path / "__init__.py"


def _digest(tree):
    return hashlib.sha256(_text(_without_docstrings(tree)).encode()).hexdigest()


@cache
def _module(path):
    """Digest of one file, and what it imports from ccdlib."""
    inside = path.is_relative_to(_PACKAGE)
    package = path.parent.relative_to(_PACKAGE).parts if inside else ()
    content = path.read_bytes()
    # imports are resolved by the folder, and what is known is of this very way to do it
    key = hashlib.sha256(f"{package}".encode() + Path(__file__).read_bytes() + content).hexdigest()
    if key not in _known():
        tree = parsed(content)
        _known()[key] = _digest(tree), sorted(set(_imports(tree, package)))
    digest, imported = _known()[key]
    return digest, frozenset(map(tuple, imported))


@cache
def _known():
    """What earlier starts in this working directory worked out, and this one."""
    try:
        return json.loads(_KNOWN.read_text())
    except (FileNotFoundError, ValueError):
        return {}


@cache
def code_digest(script):
    """Digest of a script and of the ccdlib modules it imports, directly or not.

    Comments, docstrings, layout and `if TYPE_CHECKING:` blocks do not count: what cannot change a
    result must not make it again.

    Parameters
    ----------
    script : path

    Returns
    -------
    str
        Hexadecimal.

    Raises
    ------
    CcdlibError
        If something is imported from a package and not from one of its modules.
    """
    own, imported = _module(Path(script))
    found, pending = {}, set(imported)
    while pending:
        for path in _files(pending.pop(), Path(script)):
            if path not in found:
                found[path], names = _module(path)
                pending |= names
    files = {path.relative_to(_PACKAGE).as_posix(): digest for path, digest in found.items()}
    lines = [own, *(f"{file} {files[file]}" for file in sorted(files))]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def rule_digest(name):
    """`code_digest` of a rule's script; in a working directory, what it took is kept."""
    before = len(_known())
    digest = code_digest(PIPELINE / f"scripts/{name}.py")
    if len(_known()) > before and _KNOWN.parent.exists():
        write_atomically(_KNOWN, json.dumps(_known()).encode())
    return digest
