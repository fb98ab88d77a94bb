"""The examples in the docstrings are true."""

import doctest
import importlib

import pytest

import ccdlib

MODULES = sorted({*ccdlib._TABLE.values()})


@pytest.mark.parametrize("module", MODULES)
def test_examples(module):
    assert doctest.testmod(importlib.import_module(f"ccdlib.{module}")).failed == 0
