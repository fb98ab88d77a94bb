"""The digest of code: blind to what cannot change a result, awake to all that can."""

import ast
import sys
from pathlib import Path

import pytest

from ccdlib import codehash
from ccdlib.codehash import code_digest
from ccdlib.errors import CcdlibError

SCRIPTS = Path(codehash.__file__).parents[1]


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A script that imports a, which imports b and, in a function, c; nobody imports d."""
    files = {
        "job.py": '"""A job."""\nfrom ccdlib.a import one\n\n'
        'if "snakemake" in globals():\n    one(1)\n',
        "ccdlib/__init__.py": "",
        "ccdlib/a.py": '"""A."""\nfrom . import dq\nfrom .b import two\n\n\ndef one(x):\n'
        '    """One."""\n    from .c import three\n\n    return two(x) + three + dq.BAD\n',
        "ccdlib/b.py": "def two(x):\n    return x * 2\n",
        "ccdlib/c.py": "three = 3\n",
        "ccdlib/d.py": "four = 4\n",
        "ccdlib/dq.py": "BAD = 1\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(codehash, "_PACKAGE", tmp_path / "ccdlib")
    return tmp_path


def digest(package):
    codehash._module.cache_clear()
    code_digest.cache_clear()
    return code_digest(package / "job.py")


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("job.py", '"""A job."""', '"""Another word for it."""'),
        ("job.py", '"""A job."""\n', ""),
        ("ccdlib/a.py", '    """One."""\n', ""),
        ("ccdlib/a.py", '"""One."""', '"""Uno, due."""'),
        ("ccdlib/b.py", "x * 2", "x*2  # twice"),
        ("ccdlib/b.py", "def two", "# above\n\n\ndef two"),
        ("ccdlib/b.py", "return x * 2", "return (\n        x * 2\n    )"),
        ("ccdlib/d.py", "four = 4", "four = 5"),
    ],
)
def test_comments_docstrings_layout_and_strangers_do_not_count(package, file, old, new):
    before = digest(package)
    edit(package / file, old, new)
    assert digest(package) == before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("job.py", "one(1)", "one(2)"),
        ("ccdlib/a.py", "two(x) +", "two(x) -"),
        ("ccdlib/b.py", "x * 2", "x * 3"),
        ("ccdlib/b.py", "x * 2", "x * 2.0"),
        ("ccdlib/b.py", "def two(x)", "def two(x=None)"),
        ("ccdlib/c.py", "three = 3", "three = '3'"),
        ("ccdlib/c.py", "three = 3", "three = None"),
        ("ccdlib/dq.py", "BAD = 1", "BAD = True"),
        ("ccdlib/b.py", "return x * 2", "return x * 2\n    'no docstring'"),
    ],
)
def test_what_can_change_a_result_counts_however_far_away(package, file, old, new):
    before = digest(package)
    edit(package / file, old, new)
    assert digest(package) != before


def test_an_import_counts_from_when_it_is_there(package):
    before = digest(package)
    edit(package / "ccdlib/c.py", "three = 3", "from ccdlib import d\nthree = 3")
    middle = digest(package)
    edit(package / "ccdlib/d.py", "four = 4", "four = 5")
    assert len({before, middle, digest(package)}) == 3


def test_a_circle_of_imports_ends(package):
    edit(package / "ccdlib/b.py", "def two", "from . import a\n\n\ndef two")
    assert digest(package)


def test_a_name_of_the_package_that_is_no_module_is_refused(package):
    edit(package / "ccdlib/c.py", "three = 3", "from ccdlib import four\nthree = 3")
    with pytest.raises(CcdlibError, match=r"job.py: four is no module of ccdlib; what is import"):
        digest(package)


def test_the_text_of_a_tree_has_nothing_of_the_version_of_python():
    assert codehash._text(ast.parse("def f(): return")) == (
        "Module(body=[FunctionDef(name='f',args=arguments(),body=[Return()])])"
    )


@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("*.py")), ids=lambda path: path.stem)
def test_every_module_that_a_script_imports_is_in_its_digest(script):
    """What Python itself loads is what must have been hashed."""
    import subprocess

    code = (
        "import runpy, sys\n"
        f"runpy.run_path({str(script)!r}, run_name='job')\n"
        "print('\\n'.join(name for name in sys.modules if name.startswith('ccdlib.')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={"PYTHONPATH": str(SCRIPTS), "PATH": ""},
    )  # fmt: skip
    loaded = {name.split(".")[1] for name in done.stdout.split()}
    pending, found = set(codehash._module(script)[1]), set()
    while pending:
        name = pending.pop()
        path = SCRIPTS / f"ccdlib/{name}.py"
        if name not in found and path.exists():
            found.add(name)
            pending |= codehash._module(path)[1]
    assert loaded <= found
