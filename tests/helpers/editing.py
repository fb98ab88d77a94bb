"""Edits of source code: some that cannot change what it does, and one that might."""

import ast

__all__ = ["edited", "reworded"]

_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def reworded(text):
    """The same code with other docstrings, other comments and another layout."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node) is not None:
            node.body[0].value.value = "Other words."
    return f"# another comment\n{ast.unparse(tree)}\n\n\n# the end\n"


def edited(text, name):
    """The same code with one statement more in a function or class."""
    tree = ast.parse(text)
    for node in tree.body:
        if getattr(node, "name", None) == name:
            node.body.append(ast.parse("edited = 1").body[0])
            return ast.unparse(tree)
    raise AssertionError(f"no {name}")
