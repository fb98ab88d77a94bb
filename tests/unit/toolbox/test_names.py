"""What `import ccdlib` offers, and what it costs."""

import inspect
import subprocess
import sys

import ccdproc
import pytest

import ccdlib

# submodules, and what ccdproc's own namespace holds by accident
PUBLIC = sorted(
    name
    for name in dir(ccdproc)
    if not name.startswith("_") and not inspect.ismodule(getattr(ccdproc, name))
)
CALLABLE = [name for name in PUBLIC if name not in ("CCDData", "Conf", "conf")]


def imported_after(code):
    """Names of the modules that a new interpreter has imported after `code`."""
    code = f"import sys\n{code}\nprint(*sys.modules)"
    return set(subprocess.check_output([sys.executable, "-c", code], text=True).split())


def assert_compatible(ours, theirs):
    """Every argument of theirs has its name and place in ours; further ones are optional."""
    mine, other = (list(inspect.signature(each).parameters.values()) for each in (ours, theirs))
    mine, other = (
        [each for each in arguments if each.kind is each.POSITIONAL_OR_KEYWORD]
        for arguments in (mine, other)
    )
    assert [each.name for each in mine][: len(other)] == [each.name for each in other]
    for own, their in zip(mine, other, strict=False):
        assert (own.default is own.empty) == (their.default is their.empty)
    assert all(own.default is not own.empty for own in mine[len(other) :])


@pytest.mark.parametrize("name", CALLABLE)
def test_call_signatures_are_those_of_ccdproc(name):
    assert_compatible(getattr(ccdlib, name), getattr(ccdproc, name))


@pytest.mark.parametrize("kind", ["Combiner", "ImageFileCollection", "Keyword"])
def test_methods_are_those_of_ccdproc(kind):
    ours, theirs = getattr(ccdlib, kind), getattr(ccdproc, kind)
    for name in (name for name in dir(theirs) if not name.startswith("_")):
        member = inspect.getattr_static(theirs, name)
        if inspect.isfunction(member):
            assert_compatible(inspect.getattr_static(ours, name), member)
        else:
            assert isinstance(inspect.getattr_static(ours, name), property)


def test_every_name_can_be_reached_and_is_documented():
    for name in ccdlib.__all__:
        assert inspect.getdoc(getattr(ccdlib, name)), name


@pytest.mark.parametrize("name", sorted({*ccdlib.__all__} - {"conf", "Conf", "Clip"}))
def test_every_function_has_an_example(name):
    assert ">>>" in inspect.getdoc(getattr(ccdlib, name))


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'flatten'"):
        _ = ccdlib.flatten


def test_import_brings_in_nothing_else():
    assert not {"numpy", "astropy", "numba", "scipy"} & imported_after("import ccdlib")


def test_a_step_imports_only_what_it_uses():
    modules = imported_after("from ccdlib import subtract_bias, trim_image, gain_correct")
    assert "astropy.nddata" in modules
    unused = {"numba", "scipy.ndimage", "ccdlib.stack", "ccdlib.lacosmic", "astropy.modeling"}
    assert not (unused & modules) - imported_after("import astropy.nddata")


def test_the_pipelines_jobs_do_not_import_the_toolbox():
    modules = imported_after("import ccdlib.recipes, ccdlib.calibrate")
    assert not {"astropy.nddata", "ccdlib.ccddata", "ccdlib.faces"} & modules
