"""The digest of code: blind to what cannot change a result, awake to all that can."""

import ast
import io
from modulefinder import ModuleFinder
from pathlib import Path

import pytest
from editing import reworded

from ccdlib.errors import CcdlibError
from ccdlib.rerun import code_digests
from ccdlib.rerun.code_digests import code_digest

SCRIPTS = Path(code_digests.__file__).parents[2]


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
    monkeypatch.setattr(code_digests, "_PACKAGE", tmp_path / "ccdlib")
    return tmp_path


def digest(package):
    code_digests._module.cache_clear()
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
        ("ccdlib/b.py", "def two", "if TYPE_CHECKING:\n    from .d import four\n\n\ndef two"),
        ("ccdlib/b.py", "def two", "if typing.TYPE_CHECKING:\n    X = 1\n\n\ndef two"),
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


def test_what_runs_when_nobody_checks_types_counts(package):
    edit(
        package / "ccdlib/b.py",
        "def two",
        "if TYPE_CHECKING:\n    y = 1\nelse:\n    y = 2\n\n\ndef two",
    )
    before = digest(package)
    edit(package / "ccdlib/b.py", "y = 1", "y = 3")
    assert digest(package) == before
    edit(package / "ccdlib/b.py", "y = 2", "from .d import four as y")
    middle = digest(package)
    edit(package / "ccdlib/d.py", "four = 4", "four = 5")
    assert len({before, middle, digest(package)}) == 3


def test_what_an_earlier_start_parsed_is_not_parsed_again(tmp_path, monkeypatch):
    (tmp_path / ".ccdlib").mkdir()
    monkeypatch.chdir(tmp_path)
    code_digests._known.cache_clear()
    code_digests._module.cache_clear()
    code_digest.cache_clear()
    before = code_digests.rule_digest("combine_bias")
    code_digests._known.cache_clear()
    code_digests._module.cache_clear()
    code_digest.cache_clear()
    with monkeypatch.context() as patched:
        patched.setattr(code_digests.ast, "parse", None)
        assert code_digests.rule_digest("combine_bias") == before
    code_digests._known.cache_clear()


def test_an_import_counts_from_when_it_is_there(package):
    before = digest(package)
    edit(package / "ccdlib/c.py", "three = 3", "from ccdlib import d\nthree = 3")
    middle = digest(package)
    edit(package / "ccdlib/d.py", "four = 4", "four = 5")
    assert len({before, middle, digest(package)}) == 3


@pytest.mark.parametrize(
    "line",
    ["from ccdlib.e import f", "from .e.f import six", "import ccdlib.e.f", "from .e import f"],
)
def test_a_folder_of_the_package_counts_with_what_it_imports(package, line):
    edit(package / "ccdlib/c.py", "three = 3", f"{line}\nthree = 3")
    (package / "ccdlib/e").mkdir()
    (package / "ccdlib/e/__init__.py").write_text("")
    (package / "ccdlib/e/f.py").write_text("from ..d import four\nfrom .g import seven\nsix = 6\n")
    (package / "ccdlib/e/g.py").write_text("seven = 7\n")
    digests = {digest(package)}
    for file, old in (
        ("e/__init__", ""),
        ("e/f", "six = 6"),
        ("e/g", "seven = 7"),
        ("d", "four = 4"),
    ):
        edit(package / f"ccdlib/{file}.py", old, f"{old}\nmore = 1")
        digests.add(digest(package))
    assert len(digests) == 5


def test_a_circle_of_imports_ends(package):
    edit(package / "ccdlib/b.py", "def two", "from . import a\n\n\ndef two")
    assert digest(package)


def test_a_name_of_the_package_that_is_no_module_is_refused(package):
    edit(package / "ccdlib/c.py", "three = 3", "from ccdlib import four\nthree = 3")
    with pytest.raises(CcdlibError, match=r"job.py: four is no module of ccdlib; what is import"):
        digest(package)


def test_the_text_of_a_tree_has_nothing_of_the_version_of_python():
    assert code_digests._text(ast.parse("def f(): return")) == (
        "Module(body=[FunctionDef(name='f',args=arguments(),body=[Return()])])"
    )


PACKAGE = SCRIPTS / "ccdlib"
MODULES = sorted(PACKAGE.rglob("*.py"))
RULES = sorted(SCRIPTS.glob("*.py"))


class _Finder(ModuleFinder):
    """Finds the imports in bytecode, once what only a type checker reads is gone."""

    def load_module(self, fqname, fp, pathname, file_info):
        if fp is not None:
            fp = io.StringIO(ast.unparse(code_digests.parsed(fp.read())))
        return super().load_module(fqname, fp, pathname, file_info)


def _loaded(script):
    """Modules of ccdlib that a script can load, told from its bytecode by the standard library."""
    finder = _Finder(path=[str(SCRIPTS)])
    finder.run_script(str(script))
    own = [each for name, each in finder.modules.items() if name.split(".")[0] == "ccdlib"]
    return {_name(Path(each.__file__)) for each in own}


def _name(path):
    """'files', 'report/page': a module's name after ccdlib."""
    return path.relative_to(PACKAGE).with_suffix("").as_posix()


def _with_edit(monkeypatch, module, text):
    """Digests of all rules with another text in one module, none on disk."""
    tree = code_digests.parsed(text)
    package = module.parent.relative_to(PACKAGE).parts
    edited = code_digests._digest(tree), frozenset(code_digests._imports(tree, package))
    read = code_digests._module
    with monkeypatch.context() as patched:
        patched.setattr(
            code_digests, "_module", lambda path: edited if path == module else read(path)
        )
        return {script: code_digest.__wrapped__(script) for script in RULES}


def test_an_edit_in_any_module_changes_the_rules_that_can_load_it(monkeypatch):
    loads = {script: _loaded(script) for script in RULES}
    before = {script: code_digest(script) for script in RULES}
    for module in MODULES:
        after = _with_edit(monkeypatch, module, module.read_text() + "\nedited = 1\n")
        changed = {script.stem for script in RULES if after[script] != before[script]}
        assert changed == {script.stem for script in RULES if _name(module) in loads[script]}, (
            module
        )


def test_every_module_imports_what_is_there():
    for module in MODULES:
        for name in code_digests._module(module)[1]:
            assert list(code_digests._files(name, module)), name


def test_comments_docstrings_and_layout_of_any_module_change_no_rule(monkeypatch):
    before = {script: code_digest(script) for script in RULES}
    for module in MODULES:
        text = reworded(module.read_text())
        assert text != module.read_text()
        assert _with_edit(monkeypatch, module, text) == before, module


def test_what_a_rule_makes_does_not_hang_on_how_others_are_made():
    """An edit of the cosmic rays makes no master again, one of the stacks no calibrated frame."""
    loads = {script.stem: _loaded(script) for script in RULES}
    masters = set.union(*(loads[f"combine_{kind}"] for kind in ("bias", "dark", "flat")))
    assert not masters & {
        "frame/cosmic_rays",
        "frame/lacosmic",
        "frame/calibrate",
        "jobs/calibrate_frame",
        "plan/night_plan",
        "report/write",
    }
    assert not loads["calibrate_frame"] & {
        "master/make_master",
        "master/gain_read_noise",
        "jobs/combine_frames",
        "plan/night_plan",
        "report/write",
    }
