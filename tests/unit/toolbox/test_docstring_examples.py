"""The reference of public names: what their docstrings say is whole, and its examples are true."""

import doctest
import importlib
import inspect
import re

import pytest

import ccdlib

MODULES = sorted({*ccdlib._TABLE.values(), "utils.slices"})


def _methods(cls):
    """Yield (name, function) of a class's own public methods."""
    for name, member in vars(cls).items():
        function = getattr(member, "__func__", member)
        if inspect.isfunction(function) and not name.startswith("_"):
            yield f"{cls.__name__}.{name}", function


def _public():
    """Yield each public function and class, and the methods of the classes."""
    for name in ccdlib._TABLE:
        thing = getattr(ccdlib, name)
        if inspect.isclass(thing):
            yield from _methods(thing)
        if callable(thing):
            yield name, thing


PUBLIC = dict(_public())


@pytest.mark.parametrize("module", MODULES)
def test_examples(module):
    assert doctest.testmod(importlib.import_module(f"ccdlib.{module}")).failed == 0


@pytest.mark.parametrize("name", PUBLIC)
def test_a_docstring_has_an_example_and_says_each_argument(name):
    thing = PUBLIC[name]
    text = inspect.getdoc(thing)
    assert ">>>" in text
    # of a class, those of its __init__; what it passes on is its base's
    arguments = set(inspect.signature(thing).parameters) - {"self", "cls"}
    head = re.findall(r"^(\*{0,2}\w+(?:, \*{0,2}\w+)*)(?: : .*)?$", text, re.MULTILINE)
    said = {word.strip("*") for line in head for word in line.split(", ")}
    assert arguments <= said


@pytest.mark.parametrize("name", [name for name in PUBLIC if not inspect.isclass(PUBLIC[name])])
def test_a_docstring_says_what_comes_back(name):
    returned = inspect.signature(PUBLIC[name]).return_annotation
    headings = re.findall(r"^(\w+)\n-{3,}$", inspect.getdoc(PUBLIC[name]), re.MULTILINE)
    assert returned in (None, "None") or {"Returns", "Yields"} & set(headings)
