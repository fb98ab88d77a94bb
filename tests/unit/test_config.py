"""Config and camera files: every key documented, every mistake named."""

import os
import re

import numpy as np
import pytest
import yaml
from astropy.io import fits
from making import camera, config

from ccdlib.config import (
    PIPELINE,
    combine_settings,
    find_config,
    load,
    load_camera,
    load_config,
    old_names,
    read_yaml,
    settings_of,
    with_detector,
)
from ccdlib.errors import CcdlibError
from ccdlib.kinds import KINDS

CAMERAS = sorted(path.stem for path in (PIPELINE / "config/cameras").glob("*.yaml"))
SCHEMA = yaml.safe_load((PIPELINE / "workflow/schemas/config.schema.yaml").read_text())


def nested(path, value):
    for key in reversed(path.split(".")):
        value = {key: value}
    return value


def leaves(schema, path=""):
    for key, part in schema["properties"].items():
        here = f"{path}{key}"
        if "properties" in part:
            yield from leaves(part, here + ".")
        else:
            yield here, part


def test_every_key_has_a_description_and_a_default():
    found = dict(leaves(SCHEMA))
    assert len(found) > 40
    assert [path for path, part in found.items() if not part.get("description")] == []
    required = {"raw_dir", "camera"}
    # a kind of master takes what it does not say from combine itself
    kinds = re.compile(r"combine\.(bias|dark|flat)\.")
    no_default = {path for path, part in found.items() if "default" not in part}
    assert {path for path in no_default if not kinds.match(path)} == required


def test_every_default_is_allowed_and_filled_in():
    filled = config()
    for path, part in leaves(SCHEMA):
        if "default" not in part or re.match(r"combine\.(bias|dark|flat)\.", path):
            continue
        value = filled
        for key in path.split("."):
            value = value[key]
        assert value == part["default"], path


def test_giving_the_defaults_outright_changes_nothing():
    assert load_config(config()) == config()


def test_the_demo_config_is_the_default_but_for_folder_and_camera():
    own = load_config(read_yaml(PIPELINE / "config/config.yaml"))
    assert (own.pop("raw_dir"), own.pop("camera")) == ("demo/raw", "demo")
    assert own == {key: value for key, value in config().items() if key in own}


@pytest.mark.parametrize("name", CAMERAS)
def test_shipped_cameras_are_valid(name):
    spec = load_camera(name)
    facts = {"gain", "read_noise", "saturation", "linear_limit", "linearity", "bits"}
    assert set(spec["detector"]) == facts


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("overscan.method", "medain", r"overscan.method='medain' is not allowed: one of median"),
        ("overscan.degree", -1, r"overscan.degree=-1 is not allowed: integer at least 0"),
        ("overscan.degree", 2.5, r"overscan.degree=2.5 is not allowed: integer"),
        ("overscan.clip", "1_0", r"overscan.clip='1_0' is not allowed: number at least 0"),
        ("overscan.clip", "\u0664", r"overscan.clip='\u0664' is not allowed: number"),
        ("overscan.clip", "high", r"overscan.clip='high' is not allowed: number at least 0"),
        ("combine.low", 0, r"combine.low=0 is not allowed: number above 0"),
        ("combine.low", float("nan"), r"combine.low=nan is not allowed"),
        ("combine.flat.min_frames", 0, r"combine.flat.min_frames=0 is not allowed: integer at l"),
        ("products.keep", ["light", "lihgt"], r"products.keep.1='lihgt' is not allowed: one of li"),
        ("products.unit", "photons", r"products.unit='photons' is not allowed: one of elec"),
        ("dark.scale", "perhaps", r"dark.scale='perhaps' is not allowed: boolean"),
        ("strict", 1, r"strict=1 is not allowed: boolean"),
        ("match.max_age", True, r"match.max_age=True is not allowed: number at least 0"),
        ("match.facts", ["colour"], r"match.facts.0='colour' is not allowed: one of camera, size"),
        ("missing.flat", "guess", r"missing.flat='guess' is not allowed: one of refuse, skip"),
        ("detector.gain", -1, r"detector.gain=-1 is not allowed"),
        ("detector.gain", "unknown", r"detector.gain='unknown' is not allowed"),
        ("bad_pixels", True, r"bad_pixels=True is not allowed: string \(measure .*, none, or th"),
        ("raw_dir", [], r"raw_dir=\[\] is not allowed: string"),
        ("camera", None, r"camera=None is not allowed: string"),
        ("strict", "", r"strict='' is not allowed: boolean"),
        ("overscan.degree", "[", r"overscan.degree='\[' is not allowed: integer"),
        ("overscan", "none", r"overscan='none' is not allowed: object"),
        ("flat.min_value", 0, r"flat.min_value=0 is not allowed: number above 0"),
        ("flat.max_saturated", 1.5, r"flat.max_saturated=1.5 is not allowed: .*at most 1"),
    ],
)  # fmt: skip
def test_an_impossible_value_is_named_with_what_is_allowed(path, value, message):
    with pytest.raises(CcdlibError, match=f"^config: {message}"):
        config(**nested(path, value))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("oversacn", r"oversacn is not a key; did you mean overscan\? \(allowed: raw_dir, camera"),
        ("flat.normalize", r"flat.normalize is not a key; did you mean normalise\?"),
        ("combine.bias.metod", r"combine.bias.metod is not a key; did you mean method\?"),
        ("zzz", r"zzz is not a key \(allowed: "),
    ],
)
def test_a_misspelt_key_is_named_with_the_nearest(path, message):
    with pytest.raises(CcdlibError, match=message):
        config(**nested(path, 1))


def test_a_missing_key_is_named():
    with pytest.raises(CcdlibError, match="config: camera is missing"):
        load_config({"raw_dir": "x"})


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        ("strict", "true", True),
        ("strict", "False", False),
        ("dark.scale", "no", False),
        ("match.max_age", "4.5", 4.5),
        ("match.max_age", "1e1", 10),
        ("overscan.degree", "2", 2),
        ("overscan.degree", 2.0, 2),
        ("products.keep", "[light, flat]", ["light", "flat"]),
        ("detector.gain", "1.5", 1.5),
        ("detector.gain", "measure", "measure"),
        ("detector.gain", "[1.5, 2]", [1.5, 2]),
        ("missing.bias", "skip", "skip"),
        ("overscan.method", "none", "none"),
        ("bad_pixels", "none", "none"),
        ("camera", 2024, "2024"),
        ("raw_dir", 20240513, "20240513"),
        ("corrections", 7, "7"),
    ],
)
def test_text_and_numbers_from_the_command_line(path, text, value):
    found = config(**nested(path, text))
    for key in path.split("."):
        found = found[key]
    assert found == value
    assert type(found) is type(value)


def test_a_folder_named_like_a_date_is_a_folder(tmp_path):
    (tmp_path / "c.yaml").write_text("raw_dir: 2024-05-13\ncamera: demo\n")
    assert load_config(read_yaml(tmp_path / "c.yaml"))["raw_dir"] == "2024-05-13"


def test_a_section_to_normalise_needs_a_section():
    with pytest.raises(CcdlibError, match=r"flat.section=None is not allowed: .*normalise"):
        config(flat={"normalise": "section"})
    with pytest.raises(CcdlibError, match=r"flat.section='1:5' is not allowed: section '1:5' is n"):
        config(flat={"normalise": "section", "section": "1:5"})
    assert config(flat={"normalise": "section", "section": "[1:5,1:5]"})


def test_a_kind_takes_what_it_does_not_say_from_combine():
    found = config(combine={"method": "median", "low": 3, "flat": {"low": 4}})
    assert combine_settings(found, "flat")["low"] == 4
    assert combine_settings(found, "flat")["method"] == "median"
    assert combine_settings(found, "bias")["low"] == 3
    assert "flat" not in combine_settings(found, "flat")


def test_what_is_given_is_not_changed():
    given = {"raw_dir": "x", "camera": "demo", "overscan": {"degree": "2"}}
    load_config(given)
    assert given == {"raw_dir": "x", "camera": "demo", "overscan": {"degree": "2"}}


# --- files


def test_the_command_line_wins_key_by_key(tmp_path):
    (tmp_path / "config.yaml").write_text("raw_dir: a\ncamera: b\noverscan: {degree: 2, clip: 3}")
    content, source = find_config({"raw_dir": "c", "overscan": {"clip": "5"}}, tmp_path)
    assert content == {"raw_dir": "c", "camera": "b", "overscan": {"degree": 2, "clip": "5"}}
    assert source == f"{tmp_path / 'config.yaml'} or --config"
    assert find_config({}, tmp_path)[1] == str(tmp_path / "config.yaml")


@pytest.mark.parametrize("link", ["config", "config/config.yaml"])
def test_a_config_that_is_a_link_to_nowhere_is_named(tmp_path, link):
    """As to a disk that is not there: every key was the default, in silence."""
    (tmp_path / link).parent.mkdir(exist_ok=True)
    (tmp_path / link).symlink_to("/nowhere/else")
    with pytest.raises(CcdlibError, match=f"{link}: a link that leads nowhere, to /nowhere/else"):
        find_config({"raw_dir": "a", "camera": "b"}, tmp_path / "config")


@pytest.mark.parametrize("make, kind", [(os.mkfifo, "FIFO"), (os.mkdir, "folder")])
def test_corrections_that_are_no_file_are_named_for_what_they_are(tmp_path, make, kind):
    make(tmp_path / "c.csv")
    given = {"raw_dir": "a", "camera": "demo", "corrections": str(tmp_path / "c.csv")}
    with pytest.raises(CcdlibError, match=f"corrections: .*c.csv: a {kind}, not a regular file"):
        load(given)


def test_without_an_own_config_it_is_the_demo(tmp_path):
    content, _ = find_config({}, tmp_path)
    assert content["raw_dir"] == "demo/raw"


# each line ten times the one before it
NESTED = "a0: &a0 [1]\n" + "".join(
    f"a{number}: &a{number} [{', '.join([f'*a{number - 1}'] * 10)}]\n" for number in range(1, 10)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2", "key 'a' is given twice"),
        ("a: {b: 1, b: 2}", "key 'b' is given twice"),
        ("a: [1", "not YAML"),
        ("- a\n- b", "holds a list, not keys and values"),
        ("a: !!python/object:os.system {}", "not YAML"),
        ("a: 2024-99-99", "not YAML"),
        ("a: " + "9" * 10_000, "not YAML"),
        ("a: " + "[" * 10_000, "not YAML"),
        ("a: &a [*a]", "not YAML"),
        (NESTED, "2345679012 values with its aliases written out, at most 100000"),
    ],
)
def test_a_file_that_cannot_be_meant(tmp_path, text, message):
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(CcdlibError, match=f"c.yaml: {message}"):
        read_yaml(tmp_path / "c.yaml")


@pytest.mark.parametrize("make, kind", [(os.mkfifo, "FIFO"), (os.mkdir, "folder")])
def test_what_is_no_file_is_not_waited_for(tmp_path, make, kind):
    make(tmp_path / "c.yaml")
    with pytest.raises(CcdlibError, match=f"c.yaml: a {kind}, not a regular file"):
        read_yaml(tmp_path / "c.yaml")


def test_a_missing_and_an_empty_file(tmp_path):
    with pytest.raises(CcdlibError, match=r"c.yaml: no such file"):
        read_yaml(tmp_path / "c.yaml")
    (tmp_path / "c.yaml").write_text("# nothing\n")
    assert read_yaml(tmp_path / "c.yaml") == {}


# --- cameras


@pytest.mark.parametrize("pattern", ["(a+)+b", "(a*)*", "((x|a+b?c*))+", "(.*a){20}", "(a{2,})*b"])
def test_a_pattern_that_could_take_for_ever_is_refused(pattern):
    with pytest.raises(CcdlibError, match=r"types.0.when.OBJECT=.* repeats what is repeated"):
        camera(types=[{"type": "bias", "when": {"OBJECT": [None, pattern]}}])


@pytest.mark.parametrize("pattern", ["(" * 5000, "a{99999999999}"])
def test_a_pattern_that_cannot_be_compiled_is_refused(pattern):
    with pytest.raises(CcdlibError, match=r"types.0.when.OBJECT=.* is not a pattern"):
        camera(types=[{"type": "bias", "when": {"OBJECT": pattern}}])


def test_an_unknown_camera_is_named_with_the_known():
    with pytest.raises(CcdlibError, match=r"no camera 'lick_nikel'; did you mean lick_nickel\?"):
        load_camera("lick_nikel")


def test_a_camera_by_its_path(tmp_path):
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(camera()))
    assert load_camera(str(tmp_path / "own.yaml")) == camera()
    with pytest.raises(CcdlibError, match=r"none.yaml: no such file"):
        load_camera(str(tmp_path / "none.yaml"))


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"fatcs": {}}, r"fatcs is not a key; did you mean facts\?"),
        ({"facts": {"filtre": "FILTER"}}, r"facts.filtre is not a key; did you mean filter\?"),
        ({"types": []}, r"types=\[\] is not allowed"),
        ({"types": [{"type": "biased", "when": {"A": "b"}}]}, r"types.0.type='biased' is not all"),
        ({"types": [{"type": "bias", "when": {}}]}, r"types.0.when"),
        ({"types": [{"type": "bias", "when": {"A": "(b"}}]}, r"types.0.when.A='\(b' is not a pat"),
        ({"detector": {"gain": 0}}, r"detector.gain=0 is not allowed"),
        ({"longitude": -500}, r"longitude=-500 is not allowed"),
        ({"amplifiers": [{"overscan": {"after": "image"}}]}, r"amplifiers.0.overscan"),
        ({"missing": {"bias": "guess"}}, r"missing.bias='guess' is not allowed: one of refuse"),
    ],
)
def test_a_mistake_in_a_camera_file_is_named(parts, message):
    with pytest.raises(CcdlibError, match=message):
        camera(**parts)


def test_the_config_overrides_the_detector():
    spec = with_detector(camera(), {"gain": 1.5, "read_noise": None, "saturation": None})
    assert spec["detector"]["gain"] == 1.5
    assert spec["detector"]["read_noise"] == camera()["detector"]["read_noise"]


@pytest.mark.parametrize(("old", "new"), [("frames", "corrections"), ("masters", "ready_masters")])
def test_a_key_of_an_earlier_version_is_understood_and_its_new_name_told(tmp_path, old, new):
    own = tmp_path / "config.yaml"
    own.write_text(f"raw_dir: raw\ncamera: demo\n{old}: in_the_file\n")
    assert load_config(*find_config({}, tmp_path))[new] == "in_the_file"
    assert old_names({}, tmp_path) == [
        f"{own}: {old} is called {new} now; the old name is still understood"
    ]
    # the command line wins over the file, whichever of the names either has
    for name in (old, new):
        assert load_config(*find_config({name: "given"}, tmp_path))[new] == "given"
    assert old_names({old: "given"}, tmp_path / "none") == [
        f"--config: {old} is called {new} now; the old name is still understood"
    ]
    assert old_names({new: "given"}, tmp_path / "none") == []


@pytest.mark.parametrize(("old", "new"), [("frames", "corrections"), ("masters", "ready_masters")])
def test_both_names_of_a_key_at_once_are_an_error(tmp_path, old, new):
    both = {old: "one", new: "two"}
    with pytest.raises(CcdlibError, match=f"--config: {old} and {new} are both given"):
        find_config(both, tmp_path)
    (tmp_path / "config.yaml").write_text(f"{old}: one\n{new}: two\n")
    with pytest.raises(CcdlibError, match=f"config.yaml: {old} and {new} are both given"):
        find_config({}, tmp_path)


# --- raw_dir as it was typed


@pytest.fixture
def typed(tmp_path, monkeypatch):
    """Settings on the command line, given in `here`, with a working directory below it."""
    here, work = tmp_path / "here", tmp_path / "work"
    for folder in (here / "0513", here / "1e5", work / "raw", here / "raw", here / "night"):
        folder.mkdir(parents=True)
    monkeypatch.chdir(work)
    monkeypatch.setenv("PWD", str(here))

    def load_with(raw_dir):
        given = {"raw_dir": raw_dir, "camera": "generic"}
        found = load(given)[0]["raw_dir"]
        assert given["raw_dir"] == found
        return found

    load_with.here = here
    return load_with


@pytest.mark.parametrize(("value", "name"), [(513, "0513"), (100000.0, "1e5"), ("night", "night")])
def test_a_folder_whose_name_reads_as_a_number_or_lies_where_the_command_was_given(
    typed, value, name
):
    assert typed(value) == str(typed.here / name)
    assert typed([value]) == [str(typed.here / name)]


def test_a_folder_of_the_working_directory_comes_first(typed):
    assert typed("raw") == "raw"
    assert typed(str(typed.here / "raw")) == str(typed.here / "raw")


def test_a_number_that_no_folder_or_two_read_as_is_asked_about(typed):
    with pytest.raises(CcdlibError, match=r"raw_dir=77 is a number, and no folder in .* quote it"):
        typed(77)
    (typed.here / "513").mkdir()
    with pytest.raises(CcdlibError, match=r"raw_dir=513 is a number, and .*0513, .*513 in "):
        typed(513)


def test_spectra_set_what_the_user_does_not(tmp_path):
    """Over the defaults of the pipeline's own file, below the user's file and command line."""
    given = {"raw_dir": "a", "camera": "generic", "data": "spectra"}
    found = load_config(*find_config(given, tmp_path))
    assert (found["cosmic_rays"]["method"], found["bad_pixels"]) == ("none", "dark")
    assert found["cosmic_rays"]["sigclip"] == 4.5
    found = load_config(*find_config(given | {"bad_pixels": "measure"}, tmp_path))
    assert (found["cosmic_rays"]["method"], found["bad_pixels"]) == ("none", "measure")
    (tmp_path / "config.yaml").write_text("data: spectra\ncosmic_rays: {method: median}\n")
    given = {"raw_dir": "a", "camera": "generic"}
    found = load_config(*find_config(given, tmp_path))
    assert (found["cosmic_rays"]["method"], found["bad_pixels"]) == ("median", "dark")
    assert config()["cosmic_rays"]["method"] == "lacosmic"


@pytest.mark.parametrize(
    ("stack", "message"),
    [
        ({"grid": "m13.fits", "scale": 2}, "stack.scale=2 is not allowed with stack.grid=m13.fits"),
        ({"grid": "m13.fits", "north_up": True}, "stack.north_up=True is not allowed with stack.g"),
        ({"resampling": "shift", "scale": 0.5}, "stack.scale=0.5 is not allowed with .*=shift"),
        (
            {"resampling": "shift", "grid": "a.fits"},
            "stack.grid=a.fits is not allowed with .*shift",
        ),
        ({"scale": 0}, "stack.scale=0 is not allowed"),
    ],
)
def test_grids_of_stacks_that_contradict_each_other(stack, message):
    with pytest.raises(CcdlibError, match=message):
        config(stack=stack)


def test_a_grid_that_is_no_word_and_no_file(tmp_path):
    with pytest.raises(CcdlibError, match="grid='unoin' is not allowed: reference, union, inters"):
        settings_of(config(stack={"grid": "unoin"}), KINDS["stack"])
    path = tmp_path / "plain.fits"
    fits.writeto(path, np.zeros((3, 4)))
    with pytest.raises(CcdlibError, match=r"plain.fits: no image with a WCS of the sky"):
        settings_of(config(stack={"grid": str(path)}), KINDS["stack"])


@pytest.mark.parametrize("odd", [None, 1, 1.5, True])
@pytest.mark.parametrize("section", [None, "stack"])
def test_a_key_that_is_no_text_beside_another_one_is_named(odd, section):
    """As `null: 1` in a file; they could not be put in an order."""
    wrong = {odd: 1, "zzz": 2}
    path = rf"{section}\.{odd}" if section else f"{odd}"
    with pytest.raises(CcdlibError, match=rf"{path} is not a key"):
        load_config({"raw_dir": "raw", "camera": "demo"} | ({section: wrong} if section else wrong))
