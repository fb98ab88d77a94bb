"""One digest of the code behind a job: its script and every ccdlib module it imports."""

import ast
import hashlib
from functools import cache
from pathlib import Path

from .config import PIPELINE
from .errors import CcdlibError

__all__ = ["code_digest", "rule_digest"]

_PACKAGE = Path(__file__).parent


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


def _imports(tree):
    """Names of the ccdlib modules that a tree imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("ccdlib."):
                    yield alias.name.split(".")[1]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            inside = node.level == 1 or module.split(".")[0] == "ccdlib"
            path = module.removeprefix("ccdlib").lstrip(".")
            if inside and path:
                yield path.split(".")[0]
            elif inside:
                yield from (alias.name for alias in node.names)


def _digest(tree):
    return hashlib.sha256(_text(_without_docstrings(tree)).encode()).hexdigest()


@cache
def _module(path):
    """Digest of one file and the names of the modules that it imports."""
    tree = ast.parse(path.read_bytes())
    return _digest(tree), frozenset(_imports(tree))


@cache
def code_digest(script):
    """Digest of a script and of the ccdlib modules it imports, directly or not.

    Comments, docstrings and layout do not count: what cannot change a result must not make
    it again.

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
        If something is imported from the package and not from one of its modules.
    """
    own, imported = _module(Path(script))
    # Python runs the package's own file whatever is imported from it
    found, pending = {}, {"__init__", *imported}
    while pending:
        name = pending.pop()
        path = _PACKAGE / f"{name}.py"
        if name in found:
            continue
        if not path.exists():
            raise CcdlibError(
                f"{Path(script).name}: {name} is no module of ccdlib; what is imported from the "
                "package itself cannot be hashed, import it from its own module"
            )
        found[name], names = _module(path)
        pending |= names
    lines = [own, *(f"{name} {found[name]}" for name in sorted(found))]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def rule_digest(name):
    """`code_digest` of a rule's script."""
    return code_digest(PIPELINE / f"scripts/{name}.py")
