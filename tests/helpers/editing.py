"""Edits of source code that cannot change what it does."""

import ast

__all__ = ["reworded"]

_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def reworded(text):
    """The same code with other docstrings, other comments and another layout."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node) is not None:
            node.body[0].value.value = "Other words."
    return f"# another comment\n{ast.unparse(tree)}\n\n\n# the end\n"
