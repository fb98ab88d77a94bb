"""What `import ccdlib` offers, and what it costs."""

import importlib
import inspect
import pkgutil
import re
import subprocess
import sys

import ccdproc
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import ccdlib
from ccdlib.errors import CcdlibError

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


# what docs/differences.md says of them
OTHER_DEFAULTS = {
    # 6; as ccdproc, 9
    **{("ccdmask", name): None for name in ("lsigma", "hsigma")},
    # median and MAD; as ccdproc, mean and standard deviation
    ("Combiner.sigma_clipping", "func"): None,
    ("Combiner.sigma_clipping", "dev_func"): None,
    ("combine", "sigma_clip_func"): None,
    ("combine", "sigma_clip_dev_func"): None,
    **{
        (f"Combiner.{method}", "uncertainty_func"): None
        for method in ("average_combine", "median_combine", "sum_combine")
    },
    # the engine's own sum
    ("Combiner.average_combine", "sum_func"): None,
    # no list that calls could share
    ("CCDData.convert_unit_to", "equivalencies"): (),
}
KINDS = ("CCDData", "Combiner", "ImageFileCollection", "Keyword")


def pairs():
    """Name, ours and theirs of every function, class and method of ccdproc."""
    for name in CALLABLE:
        yield name, getattr(ccdlib, name), getattr(ccdproc, name)
    for kind in KINDS:
        theirs = getattr(ccdproc, kind)
        for name in (name for name in dir(theirs) if not name.startswith("_")):
            if inspect.isroutine(inspect.getattr_static(theirs, name)):
                yield f"{kind}.{name}", getattr(getattr(ccdlib, kind), name), getattr(theirs, name)


PAIRS = {name: each for name, *each in pairs()}


def arguments_of(function):
    return inspect.signature(function).parameters


@pytest.mark.parametrize("name", PAIRS)
def test_every_argument_of_ccdproc_is_accepted(name):
    """By its name, and by its place where theirs may be given by place."""
    ours, theirs = PAIRS[name]
    given = {
        key: key
        for key, each in arguments_of(theirs).items()
        if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
    }
    inspect.signature(ours).bind(**given)
    by_place = [
        key for key, each in arguments_of(theirs).items() if each.kind is each.POSITIONAL_OR_KEYWORD
    ]
    bound = inspect.signature(ours).bind(*by_place).arguments
    assert all(key == value for key, value in bound.items() if isinstance(value, str))


@pytest.mark.parametrize("name", PAIRS)
def test_defaults_are_those_of_ccdproc(name):
    ours, theirs = (arguments_of(each) for each in PAIRS[name])
    for key, their in theirs.items():
        if key in ours:
            default = OTHER_DEFAULTS.get((name, key), their.default)
            assert ours[key].default == default, key
    # what is ours alone may be left out
    assert all(
        each.default is not each.empty
        for key, each in ours.items()
        if key not in theirs and each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)
    )


def test_every_other_default_is_still_another():
    for (name, key), default in OTHER_DEFAULTS.items():
        assert arguments_of(PAIRS[name][1])[key].default != default


@pytest.mark.parametrize("kind", KINDS)
def test_attributes_are_those_of_ccdproc(kind):
    ours, theirs = getattr(ccdlib, kind), getattr(ccdproc, kind)
    for name in (name for name in dir(theirs) if not name.startswith("_")):
        if isinstance(inspect.getattr_static(theirs, name), property):
            assert isinstance(inspect.getattr_static(ours, name), property), name


def test_every_name_can_be_reached_and_is_documented():
    for name in ccdlib.__all__:
        assert inspect.getdoc(getattr(ccdlib, name)), name


@pytest.mark.parametrize("name", sorted({*ccdlib.__all__} - {"conf", "Conf", "Clip"}))
def test_every_function_has_an_example(name):
    assert ">>>" in inspect.getdoc(getattr(ccdlib, name))


MODULES = ["core", "ccddata", "combiner", "image_collection", "utils.slices"]


@pytest.mark.parametrize("module", MODULES)
def test_modules_of_ccdproc_have_their_names_here(module):
    theirs, ours = (importlib.import_module(f"{lib}.{module}") for lib in ("ccdproc", "ccdlib"))
    assert {*ours.__all__} == {*theirs.__all__}
    for name in ours.__all__:
        if name in ccdlib.__all__:
            assert getattr(ours, name) is getattr(ccdlib, name)


@pytest.mark.parametrize("name", [*MODULES, "dq.names", "utils.slices.slice_from_string"])
def test_modules_are_there_after_the_one_import(name):
    assert "ccdlib.errors" in imported_after(f"import ccdlib\nccdlib.{name}\nimport ccdlib.errors")


def test_every_module_of_ccdproc_is_here_or_known_not_to_be():
    modules = {each.name for each in pkgutil.iter_modules(ccdproc.__path__)}
    public = {name for name in modules if not name.startswith("_")} - {"tests", "conftest"}
    assert public - {name.partition(".")[0] for name in MODULES} == {"log_meta"}


RANGE = st.sampled_from(["*", "-*", "*:2", "-*:3", "", "7"]) | st.builds(
    lambda bounds: ":".join("" if each is None else str(each) for each in bounds),
    st.lists(st.none() | st.integers(-3, 30), min_size=2, max_size=3),
)


@given(st.lists(RANGE, min_size=1, max_size=3), st.booleans(), st.sampled_from(["[%s]", " [%s ] "]))
@example(["1:5"], True, "%s")
@example(["1:2:3:4"], False, "[%s]")
def test_slices_are_those_of_ccdproc(ranges, fits, form):
    text = form % ",".join(ranges)
    if fits and any(re.fullmatch(r"\d*:0(:.*)?", each) for each in ranges):
        # theirs is a slice without pixels
        with pytest.raises(CcdlibError, match="below 1"):
            ccdlib.utils.slices.slice_from_string(text, fits_convention=True)
        return
    results = []
    for lib in (ccdproc, ccdlib):
        slices = importlib.import_module(f"{lib.__name__}.utils.slices")
        try:
            results.append(slices.slice_from_string(text, fits_convention=fits))
        except (ValueError, TypeError) as error:
            results.append(ValueError)
            assert lib is ccdproc or isinstance(error, CcdlibError)
    assert results[0] == results[1]


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'flatten'"):
        _ = ccdlib.flatten


def test_import_brings_in_nothing_else():
    assert not {"numpy", "astropy", "numba", "scipy"} & imported_after("import ccdlib")


COMPILED = {"numba", "ccdlib.statistics.combine_kernels", "ccdlib.frame.lacosmic_kernels"}
FILES = {"ccdlib.toolbox.collection", "ccdlib.toolbox.image_files"}
STEPS = {
    "ccdlib.toolbox.calibration",
    "ccdlib.toolbox.overscan_and_trim",
    "ccdlib.toolbox.transforms",
}
ENGINES = {
    "ccdlib.statistics.combine",
    "ccdlib.frame.lacosmic",
    "ccdlib.toolbox.combiner",
    "ccdlib.toolbox.cosmicrays",
}
OTHER = {"scipy.ndimage", "astropy.modeling", "matplotlib", "pandas", "ccdlib.simulate.exposures"}


@pytest.mark.parametrize(
    ("names", "unused"),
    [
        ("subtract_bias, trim_image, gain_correct", COMPILED | ENGINES | FILES | OTHER),
        ("Combiner, combine", COMPILED | STEPS | FILES | OTHER | {"ccdlib.frame.lacosmic"}),
        ("cosmicray_lacosmic", COMPILED | STEPS | FILES | OTHER | {"ccdlib.toolbox.combiner"}),
        ("ImageFileCollection", COMPILED | STEPS | ENGINES | OTHER | {"ccdlib.toolbox.masks"}),
        ("ccdmask, sigma_func", COMPILED | STEPS | ENGINES | FILES | OTHER | {"astropy.nddata"}),
        (", ".join(ccdlib.__all__), COMPILED | OTHER),
    ],
)
def test_a_step_imports_only_what_it_uses(names, unused, modules_of_nddata):
    modules = imported_after(f"from ccdlib import {names}")
    assert not (unused & modules) - (modules_of_nddata - {"astropy.nddata"})


@pytest.fixture(scope="module")
def modules_of_nddata():
    return imported_after("import astropy.nddata")


def test_the_pipelines_jobs_do_not_import_the_toolbox():
    modules = imported_after("import ccdlib.jobs.calibrate_frame, ccdlib.jobs.combine_frames")
    assert not {"astropy.nddata", "ccdlib.toolbox.ccddata", "ccdlib.toolbox.conversion"} & modules
