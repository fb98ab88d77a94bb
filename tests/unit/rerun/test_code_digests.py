"""The digest of code: blind to what cannot change a result, awake to all that can."""

import ast
from pathlib import Path

import pytest
from editing import edited, reworded

from ccdlib.errors import CcdlibError
from ccdlib.kinds import KINDS
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
    yield tmp_path
    _forget()


def _forget():
    """As if Python had started anew."""
    for each in vars(code_digests).values():
        if hasattr(each, "cache_clear"):
            each.cache_clear()


def digest(package):
    _forget()
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
        ("ccdlib/b.py", "(x):", "(x: int) -> int:"),
        ("ccdlib/b.py", "return x * 2", "y: int\n    return x * 2"),
        ("ccdlib/c.py", "three = 3", "three: int = 3"),
        ("ccdlib/c.py", "three = 3", "four: int\nthree = 3"),
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


def test_the_hints_of_a_class_count_as_those_of_a_dataclass_are_its_fields(package):
    edit(package / "ccdlib/b.py", "def two", "class Two:\n    x = 1\n\n\ndef two")
    edit(package / "ccdlib/b.py", "x * 2", "x * Two.x")
    before = digest(package)
    edit(package / "ccdlib/b.py", "    x = 1", "    x: int = 1")
    assert digest(package) != before


def test_what_runs_when_nobody_checks_types_counts(package):
    edit(
        package / "ccdlib/b.py",
        "def two",
        "if TYPE_CHECKING:\n    y = 1\nelse:\n    y = 2\n\n\ndef two",
    )
    edit(package / "ccdlib/b.py", "x * 2", "x * y")
    before = digest(package)
    edit(package / "ccdlib/b.py", "y = 1", "y = 3")
    assert digest(package) == before
    edit(package / "ccdlib/b.py", "y = 2", "from .d import four as y")
    middle = digest(package)
    edit(package / "ccdlib/d.py", "four = 4", "four = 5")
    assert len({before, middle, digest(package)}) == 3


@pytest.mark.parametrize("second", ["work", "another"])
def test_what_an_earlier_start_parsed_is_not_parsed_again(tmp_path, monkeypatch, second):
    """In the same working directory, and in a new one."""
    monkeypatch.setattr(code_digests, "_BESIDE", tmp_path / "beside/code.json")
    for name in ("work", "another"):
        (tmp_path / name / ".ccdlib").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work")
    _forget()
    before = code_digests.kind_digest(KINDS["bias"])
    if second == "work":
        code_digests._BESIDE.unlink()
    monkeypatch.chdir(tmp_path / second)
    _forget()
    with monkeypatch.context() as patched:
        patched.setattr(code_digests.ast, "parse", None)
        assert code_digests.kind_digest(KINDS["bias"]) == before
    _forget()


def test_where_nothing_can_be_kept_the_digests_are_the_same(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _forget()
    before = code_digests.kind_digest(KINDS["bias"])
    (tmp_path / "file").touch()
    monkeypatch.setattr(code_digests, "_BESIDE", tmp_path / "file/code.json")
    _forget()
    assert code_digests.kind_digest(KINDS["bias"]) == before
    _forget()


def test_an_import_counts_from_when_it_is_there(package):
    before = digest(package)
    edit(package / "ccdlib/c.py", "three = 3", "from ccdlib import d\nthree = d.four")
    middle = digest(package)
    edit(package / "ccdlib/d.py", "four = 4", "four = 5")
    assert len({before, middle, digest(package)}) == 3


@pytest.mark.parametrize(
    ("line", "use"),
    [
        ("from ccdlib.e import f", "f.six"),
        ("from .e.f import six", "six"),
        ("import ccdlib.e.f as f", "f.six"),
        ("from .e import f", "f.six()"),
    ],
)
def test_a_folder_of_the_package_counts_with_what_it_uses(package, line, use):
    edit(package / "ccdlib/c.py", "three = 3", f"{line}\nthree = {use}")
    (package / "ccdlib/e").mkdir()
    (package / "ccdlib/e/__init__.py").write_text("")
    text = "from ..d import four\nfrom .g import seven\nsix = four + seven\n"
    (package / "ccdlib/e/f.py").write_text(text)
    (package / "ccdlib/e/g.py").write_text("seven = 7\n")
    digests = {digest(package)}
    for file, old, new in (
        ("e/f", "six = four", "six = -four"),
        ("e/g", "seven = 7", "seven = 8"),
        ("d", "four = 4", "four = 5"),
    ):
        edit(package / f"ccdlib/{file}.py", old, new)
        digests.add(digest(package))
    assert len(digests) == 4


def test_what_is_beside_what_is_used_does_not_count(package):
    """The rest of a module counts only where it does something when the module is imported."""
    before = digest(package)
    edit(
        package / "ccdlib/b.py",
        "def two",
        "other = 1\n\n\ndef three(x):\n    return x\n\n\ndef two",
    )
    edit(package / "ccdlib/c.py", "three = 3", "from ccdlib import d\nthree = 3")
    assert digest(package) == before
    edit(package / "ccdlib/d.py", "four = 4", "four = 4\nprint(four)")
    assert digest(package) != before


def test_what_only_type_checkers_import_does_not_count(package):
    before = digest(package)
    lines = (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .d import four\nthree = 3"
    )
    edit(package / "ccdlib/c.py", "three = 3", lines)
    assert digest(package) == before


@pytest.mark.parametrize(
    ("definition", "use"),
    [
        ("class Six:\n    def seven(self):\n        return d.four", "Six().seven"),
        ("@d.four\ndef six(): ...", "six"),
        ("def six(x=d.four): ...", "six"),
        ("six, seven = d.four, 1", "seven"),
        ("six: int = d.four", "six"),
        ("def six():\n    def seven():\n        return d.four\n    return seven", "six"),
        ("six = 1\nif six:\n    six = d.four", "six"),
        ("six = vars(d)", "six"),
    ],
)
def test_whatever_way_a_definition_uses_another(package, definition, use):
    edit(package / "ccdlib/c.py", "three = 3", f"from . import d\n{definition}\nthree = {use}")
    before = digest(package)
    edit(package / "ccdlib/d.py", "four = 4", "four = 5")
    assert digest(package) != before


def test_a_circle_of_imports_ends(package):
    edit(package / "ccdlib/b.py", "def two", "from . import a\n\n\ndef two")
    assert digest(package)


def test_a_name_of_the_package_that_is_no_module_is_refused(package):
    edit(package / "ccdlib/c.py", "three = 3", "from ccdlib import four\nthree = 3")
    with pytest.raises(CcdlibError, match=r"c.py: four is no module of ccdlib; what is import"):
        digest(package)


def test_the_text_of_a_tree_has_nothing_of_the_version_of_python():
    assert code_digests._text(ast.parse("def f(): return")) == (
        "Module(body=[FunctionDef(name='f',args=arguments(),body=[Return()])])"
    )


PACKAGE = SCRIPTS / "ccdlib"
MODULES = sorted(PACKAGE.rglob("*.py"))
RULES = sorted(SCRIPTS.glob("*.py"))


def _with_edit(monkeypatch, module, text):
    """Digests of all kinds and rules with another text in one module, none on disk."""
    package = module.parent.relative_to(PACKAGE).parts
    edited, read = code_digests._parsed(text, package), code_digests._module
    with monkeypatch.context() as patched:
        patched.setattr(
            code_digests, "_module", lambda path: edited if path == module else read(path)
        )
        rules = {script.stem: code_digest.__wrapped__(script) for script in RULES}
        digest_of = code_digests._recipe_digest.__wrapped__
        return rules | {
            name: digest_of(code_digests.recipe(kind), code_digests.not_called(kind))
            for name, kind in KINDS.items()
        }


def test_every_module_uses_what_is_there():
    for module in MODULES:
        assert list(code_digests.reached((module, "*"))) is not None


def test_comments_docstrings_and_layout_of_any_module_change_no_rule(monkeypatch):
    before = _with_edit(monkeypatch, PACKAGE / "errors.py", (PACKAGE / "errors.py").read_text())
    for module in MODULES:
        text = reworded(module.read_text())
        assert text != module.read_text()
        assert _with_edit(monkeypatch, module, text) == before, module


ALL_PIXELS = {"detector", "bias", "dark", "flat", "bad_pixels", "calibrated"}
STACKS = {"bias", "dark", "flat"}


@pytest.mark.parametrize(
    ("module", "definition", "made_again"),
    [
        ("quality/thumbnails", "zscale", set()),
        ("quality/records", "frame_record", set()),
        ("quality/stars", "find_stars", set()),
        ("report/lights", "lights_section", set()),
        ("commands/why", "run", set()),
        ("plan/matching", "choose_dark", set()),
        ("frame/cosmic_rays", "clean_cosmic_rays", {"calibrated"}),
        # one or two darks or flats have their cosmic rays found by it, too
        ("frame/lacosmic", "cosmic_ray_mask", STACKS | {"calibrated"}),
        ("products/frame_headers", "_add_cosmic_rays", {"calibrated"}),
        ("frame/steps", "divide_flat", set()),
        ("frame/fused_steps", "add_noise_and_divide", {"calibrated"}),
        ("frame/step_kernels", "divide_rows", {"calibrated"}),
        ("frame/noise_kernels", "middle", STACKS | {"calibrated"}),
        ("frame/calibrate", "calibrate_image", {"calibrated"}),
        ("frame/amplifier_match", "match_amplifiers", {"calibrated"}),
        ("frame/overscan", "overscan_level", STACKS | {"detector", "calibrated"}),
        ("frame/noise", "expected_signal", STACKS | {"calibrated"}),
        ("frame/subtraction", "dark_variance", {"flat"}),
        ("frame/subtraction", "dark_charge", {"flat", "calibrated"}),
        ("master/make_master", "make_master", STACKS),
        ("master/gain_read_noise", "measure_gain", STACKS | {"detector"}),
        ("master/bad_pixels", "flags_of_flat", {"bad_pixels"}),
        ("products/product_files", "write_product", STACKS | {"bad_pixels", "calibrated"}),
    ],
)
def test_an_edit_makes_again_what_depends_on_it(monkeypatch, module, definition, made_again):
    path = PACKAGE / f"{module}.py"
    before = _with_edit(monkeypatch, path, path.read_text())
    after = _with_edit(monkeypatch, path, edited(path.read_text(), definition))
    assert {name for name in ALL_PIXELS if before[name] != after[name]} == made_again
