"""Reading and checking the config and the camera files against their schemas."""

import difflib
import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from .camera.sections import parse_section
from .errors import CcdlibError
from .files import is_given, tells_case
from .kinds import Kind
from .pipeline_folder import PIPELINE
from .raw.footprint import footprint_of
from .raw.raw_folder import check_regular, sha256
from .state import keep, kept_json

__all__ = [
    "PIPELINE",
    "check_camera",
    "combine_settings",
    "config_keys",
    "config_of",
    "find_config",
    "flat_items",
    "grouping_of_last_run",
    "is_remembered",
    "last_config",
    "last_given",
    "load",
    "load_camera",
    "load_config",
    "meant_folders",
    "merged",
    "old_names",
    "plan_settings",
    "read_yaml",
    "remember",
    "settings_of",
    "validated",
    "with_detector",
]

# values of a YAML file; a camera of a hundred amplifiers has two thousand
_MOST_VALUES = 100_000
# a parser needs some hundred times the memory
_LARGEST = 16 * 2**20
_LAST, _GIVEN = ".ccdlib/config.json", ".ccdlib/given.json"
# keys that had other names in earlier versions
_NEW_NAMES = {"frames": "corrections", "masters": "ready_masters"}

# other values of stack.grid are files
_GRIDS = "reference", "union", "intersection"

_CAMERAS = PIPELINE / "config/cameras"


class _Loader(yaml.SafeLoader):
    """Plain data only, and a key given twice is an error."""


def _mapping(loader, node):
    keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
    doubles = {str(key) for key in keys if keys.count(key) > 1}
    if doubles:
        raise CcdlibError(f"key {min(doubles)!r} is given twice")
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def _check_size(content: Any) -> None:
    """Refuse what aliases make endless: each looks small, and they multiply."""
    values: dict[int, int | None] = {}

    def count(part):
        if not isinstance(part, (dict, list)):
            return 1
        if id(part) not in values:
            values[id(part)] = None
            inside = part.values() if isinstance(part, dict) else part
            values[id(part)] = 1 + sum(map(count, inside))
        found = values[id(part)]
        if found is None:
            raise CcdlibError("an alias is part of what it stands for")
        return found

    total = count(content)
    if total > _MOST_VALUES:
        raise CcdlibError(f"{total} values with its aliases written out, at most {_MOST_VALUES}")


def read_yaml(path: str | Path) -> dict:
    """The mapping in a YAML file.

    Raises
    ------
    CcdlibError
        If the file is missing, no regular one, is not YAML, holds no mapping, or gives a key twice.
    """
    try:
        check_regular(path, str(path))
    except FileNotFoundError:
        raise CcdlibError(f"{path}: no such file") from None
    if (size := os.path.getsize(path)) > _LARGEST:
        raise CcdlibError(
            f"{path}: {size} bytes, no config or camera file has more than {_LARGEST}"
        )
    try:
        content = yaml.load(Path(path).read_text(), _Loader)
        _check_size(content)
    except CcdlibError as error:
        raise CcdlibError(f"{path}: {error}") from None
    # impossible dates, endless integers and brackets without end are no YAMLError
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise CcdlibError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise CcdlibError(f"{path}: holds a {type(content).__name__}, not keys and values")
    return content


@cache
def _schema(name):
    # with the parser in C, where PyYAML has it, 0.005 s instead of 0.036 s in each start
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load((PIPELINE / f"workflow/schemas/{name}.schema.yaml").read_text(), loader)


def _resolve(part, schema):
    """A part of a schema with its reference followed."""
    if "$ref" not in part:
        return part
    target = schema
    for key in part["$ref"].removeprefix("#/").split("/"):
        target = target[key]
    return target | {key: value for key, value in part.items() if key != "$ref"}


def _types(part, schema):
    """The types that a part of a schema allows."""
    part = _resolve(part, schema)
    if "anyOf" in part:
        return {name for each in part["anyOf"] for name in _types(each, schema)}
    kinds = part.get("type", [])
    return set([kinds] if isinstance(kinds, str) else kinds)


def _coerce(value, part, schema):
    """Text from the command line as the boolean or number that the schema wants."""
    part = _resolve(part, schema)
    if isinstance(value, dict):
        known = part.get("properties", {})
        return {
            key: _coerce(each, known[key], schema) if key in known else each
            for key, each in value.items()
        }
    if isinstance(value, list) and "items" in part:
        return [_coerce(each, part["items"], schema) for each in value]
    types = _types(part, schema)
    if isinstance(value, str) and "string" not in types and value not in part.get("enum", []):
        return _plain(value, types, part)
    # YAML reads a camera named 2024 as a number and a folder named 2024-05-13 as a date
    name = isinstance(value, (int, date)) and not isinstance(value, bool)
    if name and "string" in types and not types & {"number", "integer"}:
        return str(value)
    if isinstance(value, float) and types == {"integer"} and value.is_integer():
        return int(value)
    return value


def _plain(text, types, part):
    """The value that a text stands for; the text itself if it has none of the types."""
    # float() would read 1_0 and digits of other scripts, too
    if {"number", "integer"} & types and text.isascii() and "_" not in text:
        # YAML reads 1e3 as text
        with suppress(ValueError):
            number = float(text)
            return int(number) if number.is_integer() else number
    try:
        plain = yaml.load(text, _Loader)
    except (yaml.YAMLError, CcdlibError):
        return text
    kind = {bool: "boolean", list: "array", dict: "object"}.get(type(plain))
    empty = plain is None and text and ("null" in types or None in part.get("enum", []))
    return plain if kind in types or empty else text


def _with_defaults(value, part, schema):
    part = _resolve(part, schema)
    # an inheriting section stays as given: its missing keys come from the section above
    if not isinstance(value, dict) or part.get("inherit"):
        return value
    filled = dict(value)
    for key, each in part.get("properties", {}).items():
        default = _resolve(each, schema).get("default")
        if key not in filled and "default" in _resolve(each, schema):
            filled[key] = default
        if key in filled:
            filled[key] = _with_defaults(filled[key], each, schema)
    return filled


def _allowed(part, schema):
    part = _resolve(part, schema)
    if "enum" in part:
        return "one of " + ", ".join(
            "null" if value is None else str(value) for value in part["enum"]
        )
    if "const" in part:
        return str(part["const"])
    if "anyOf" in part:
        return " or ".join(_allowed(each, schema) for each in part["anyOf"])
    kinds = part.get("type", "a value")
    text = kinds if isinstance(kinds, str) else " or ".join(kinds)
    words = {
        "minimum": "at least",
        "maximum": "at most",
        "exclusiveMinimum": "above",
        "minItems": "with at least",
    }
    bounds = [f"{word} {part[key]}" for key, word in words.items() if key in part]
    if part.get("uniqueItems"):
        text += f" of {_allowed(part['items'], schema)}, each once"
    return f"{text} {' and '.join(bounds)}".strip()


def _message(error, schema):
    """One sentence that names the key, the value and what is allowed."""
    where = ".".join(str(key) for key in error.absolute_path)
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        wrong = min((key for key in error.instance if key not in known), key=str)
        close = difflib.get_close_matches(str(wrong), known, 1)
        hint = f"; did you mean {close[0]}?" if close else ""
        path = f"{where}.{wrong}" if where else wrong
        return f"{path} is not a key{hint} (allowed: {', '.join(known)})"
    if error.validator == "required":
        missing = next(key for key in error.validator_value if key not in error.instance)
        return f"{where + '.' if where else ''}{missing} is missing"
    allowed = _allowed(error.schema, schema)
    # only the description says which texts
    if allowed == "string" and "description" in error.schema:
        allowed += f" ({error.schema['description'].rstrip('.')})"
    return f"{where}={error.instance!r} is not allowed: {allowed}"


def validated(content: dict, name: str, source: str) -> dict:
    """Content with defaults filled in, checked against one of the schemas.

    Parameters
    ----------
    content : dict
    name : {'config', 'camera', 'archive'}
    source : str
        Where it came from, for the message.

    Raises
    ------
    CcdlibError
        That names the key, the value and what is allowed.
    """
    import jsonschema

    schema = _schema(name)
    content = _with_defaults(_coerce(content, schema, schema), schema, schema)
    errors = jsonschema.Draft202012Validator(schema).iter_errors(content)
    first = min(errors, key=lambda error: list(map(str, error.absolute_path)), default=None)
    if first is not None:
        raise CcdlibError(f"{source}: {_message(first, schema)}")
    for key, value in flat_items(content):
        # no bound of a schema excludes nan
        if isinstance(value, float) and math.isnan(value):
            raise CcdlibError(f"{source}: {key}=nan is not allowed: a number")
    return content


def flat_items(content: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """(key with its sections, value) of each setting: ``flat.min_value``, 0.05."""
    for key, value in content.items():
        if isinstance(value, dict):
            yield from flat_items(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _check_together(config, source):
    """Refuse values that contradict each other, which a schema cannot do."""
    flat = config["flat"]
    if flat["normalise"] == "section":
        try:
            parse_section(flat["section"], (math.inf, math.inf))
        except CcdlibError as error:
            raise CcdlibError(
                f"{source}: flat.section={flat['section']!r} is not allowed: {error} "
                f"(flat.normalise is section)"
            ) from None
    _check_grid(config["stack"], source)


def _check_grid(stack, source):
    """Refuse a scale or an orientation where a file or whole pixels have their own."""
    plain = {"scale": 1, "north_up": False}
    own = [f"{key}={stack[key]}" for key, value in plain.items() if stack[key] != value]
    other = [] if stack["grid"] in _GRIDS else [f"grid={stack['grid']}"]
    if own and other:
        raise CcdlibError(
            f"{source}: stack.{own[0]} is not allowed with stack.{other[0]}: the file says what "
            "pixels the stack has"
        )
    if stack["resampling"] == "shift" and (own or other):
        raise CcdlibError(
            f"{source}: stack.{(own + other)[0]} is not allowed with stack.resampling=shift: "
            "whole pixels have the scale and the orientation of the reference"
        )


def load_config(content: dict, source: str = "config") -> dict:
    """A config with every default filled in.

    Parameters
    ----------
    content : dict
        Given by the user; text is accepted where the schema wants a boolean or a number.
    source : str
        Where it came from, for the message.

    Returns
    -------
    dict

    Raises
    ------
    CcdlibError
        On an unknown key, a wrong type or an impossible value; the message names the key,
        the value and what is allowed.
    """
    try:
        # Snakemake may have read it
        _check_size(content)
    except CcdlibError as error:
        raise CcdlibError(f"{source}: {error}") from None
    config = validated(content, "config", source)
    _check_together(config, source)
    return config


def _with_new_names(content, source):
    """A config with its keys as they are called now."""
    renamed = {}
    for key, value in content.items():
        name = _NEW_NAMES.get(key, key)
        if name != key and name in content:
            raise CcdlibError(
                f"{source}: {key} and {name} are both given; {key} is the old name of {name}"
            )
        renamed[name] = value
    return renamed


def _user_config(folder):
    return Path(folder) / "config.yaml"


def old_names(given: dict, folder: str | Path = "config") -> list[str]:
    """A line for each key that was given by a name of an earlier version.

    Parameters
    ----------
    given : dict
        From the command line.
    folder : path
        See `find_config`.
    """
    own = _user_config(folder)
    sources = {"--config": given} | ({str(own): read_yaml(own)} if is_given(own) else {})
    return [
        f"{source}: {key} is called {name} now; the old name is still understood"
        for source, content in sources.items()
        for key, name in _NEW_NAMES.items()
        if key in content
    ]


# what the kind of data changes, where the user does not say otherwise
_PRESETS = {"spectra": {"cosmic_rays": {"method": "none"}, "bad_pixels": "dark"}}


def find_config(given: dict, folder: str | Path = "config") -> tuple[dict, str]:
    """The user's settings, and where they came from.

    Parameters
    ----------
    given : dict
        From the command line; wins over the file, key by key.
    folder : path
        config.yaml in it is read when there is one, else the pipeline's own.

    Returns
    -------
    content : dict
    source : str

    Raises
    ------
    CcdlibError
        If the file cannot be read, or it or the command line gives a key by both its old name
        and its new one.
    """
    own = _user_config(folder)
    has_own = is_given(own)
    path = own if has_own else PIPELINE / "config/config.yaml"
    source = str(own) if has_own else "config"
    if has_own and given:
        source += " or --config"
    found, given = _with_new_names(read_yaml(path), path), _with_new_names(given, "--config")
    # the pipeline's own file names the camera of the demo
    other = given.get("raw_dir", found.get("raw_dir")) != found.get("raw_dir")
    if other and not has_own and "camera" not in given:
        raise CcdlibError(
            f"camera: not given for raw_dir={given['raw_dir']}; `ccdlib init FOLDER` finds or "
            "writes one, camera=generic reads the usual cards"
        )
    whole = merged(found, given)
    preset = _PRESETS.get(str(whole.get("data")), {})
    # below what the user says, above the pipeline's own file, which has every default
    user = merged(found, given) if has_own else given
    return merged(merged(whole, preset), user) if preset else whole, source


def config_of(content: dict, source: str) -> dict:
    """The whole config of a working directory whose config.yaml has this content.

    Raises
    ------
    CcdlibError
        As `load_config`.
    """
    return load_config(merged(_PRESETS.get(str(content.get("data")), {}), content), source)


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Two configs as one: what is given above wins, key by key."""
    found = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(found.get(key), dict)
        found[key] = merged(found[key], value) if both else value
    return found


def with_detector(camera: dict, detector: dict) -> dict:
    """A camera with the config's detector values in place of its own."""
    given = {name: value for name, value in detector.items() if value is not None}
    return camera | {"detector": camera["detector"] | given}


def combine_settings(config: dict, kind: str) -> dict:
    """The `combine` section for one kind of master, its own keys over the common ones."""
    combine = config["combine"]
    common = {key: value for key, value in combine.items() if not isinstance(value, dict)}
    return common | combine.get(kind, {})


def settings_of(config: dict, kind: Kind) -> dict:
    """The part of a config that a product of a kind depends on.

    Parameters
    ----------
    config : dict
    kind : Kind

    Returns
    -------
    dict
        The sections that the kind names. `combine` is that of the kind, `bad_pixels` the digest of
        the user's own map, None without one, and a file in `stack.grid` what its header says: its
        content counts, not where it lies.
    """
    found: dict[str, Any] = {}
    for name in kind.sections:
        section, _, key = name.partition(".")
        if key:
            found.setdefault(section, {})[key] = config[section][key]
        else:
            found[section] = config[section]
    if "combine" in found:
        found["combine"] = combine_settings(config, kind.name)
    if "bad_pixels" in found:
        found["bad_pixels"] = _digest_of_mask(config["bad_pixels"])
    if "stack" in found:
        found["stack"]["grid"] = _grid_of_stacks(config["stack"])
    return found


def _grid_of_stacks(stack):
    """What stacks cover: a word, or the pixels that a file's header tells of."""
    grid = stack["grid"]
    if grid in _GRIDS:
        return grid
    try:
        return footprint_of(grid)
    except CcdlibError as error:
        raise CcdlibError(
            f"stack.grid={grid!r} is not allowed: {', '.join(_GRIDS)}, or a FITS file ({error})"
        ) from None


def _digest_of_mask(path):
    """SHA-256 of the user's own map of bad pixels, None without one."""
    if path in ("measure", "dark", "none"):
        return None
    try:
        return sha256(path)
    except OSError as error:
        raise CcdlibError(
            f"bad_pixels={path!r} is not allowed: measure, dark, none, or a FITS file "
            f"({error.strerror})"
        ) from None


def plan_settings(config: dict, camera: dict) -> dict:
    """The part of config and camera file that the plan depends on.

    And `one_case`, where the working directory does not tell capitals from small letters.
    """
    sections = ("match", "missing", "combine", "dark", "bad_pixels")
    own = Path(_LAST).parent
    one_case = own.exists() and not tells_case(own)
    return {key: config[key] for key in sections} | {
        "overscan": {"method": config["overscan"]["method"]},
        **({"sky": sky} if (sky := _planned_skies(config)) else {}),
        **({"stack": stacked} if (stacked := _planned_stacks(config)) else {}),
        "camera": {"missing": camera["missing"]},
        **({"one_case": True} if one_case else {}),
        **({"flat_from": lit} if (lit := config["flat"]["from"]) != "auto" else {}),
    }


def _planned_stacks(config):
    """What the plan needs to know of stacks, nothing where none are asked for."""
    stack = config["stack"]
    return {key: stack[key] for key in ("by", "min_frames", "reference")} if stack["by"] else {}


def _planned_skies(config):
    """What the plan needs to know of illumination and fringes, nothing where none are asked for."""
    sky = config["sky"]
    return dict(sky) if sky["illumination"] or sky["fringe"] else {}


def remember(config: dict, given: dict) -> None:
    """Keep the config of a run, and the part given on the command line."""
    for path, content in ((_LAST, config), (_GIVEN, given)):
        keep(path, json.dumps(content, indent=1, default=str).encode())


def is_remembered() -> bool:
    """Whether the config of the last run is there."""
    return Path(_LAST).exists()


def last_given() -> dict:
    """The settings on the last run's command line; the rest comes from the config file."""
    return kept_json(_GIVEN) or {}


def grouping_of_last_run() -> list[str] | None:
    """`stack.by` of the last run in this working directory; None where it is not known."""
    return ((kept_json(_LAST) or {}).get("stack") or {}).get("by")


def last_config() -> dict:
    """The config of the last run in this working directory.

    Raises
    ------
    CcdlibError
        If no run was made here.
    """
    found = kept_json(_LAST)
    if found is None:
        raise CcdlibError(f"{_LAST} is missing or damaged: no run was made in {Path.cwd()}")
    return _with_new_names(found, _LAST)


def meant_folders(value: Any) -> Any:
    """raw_dir as the command line meant it, each folder by itself."""
    if isinstance(value, list):
        return [_meant_folder(each) for each in value]
    return _meant_folder(value)


def _meant_folder(value):
    """One folder: a name that Snakemake read as a number, or one relative to where it was typed."""
    # Snakemake works in --directory; the shell says where the command was given
    typed = Path(os.environ.get("PWD") or Path.cwd())
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        places = dict.fromkeys((Path.cwd().resolve(), typed.resolve()))
        found = [folder for place in places for folder in sorted(place.iterdir())]
        found = [each for each in found if each.is_dir() and _reads_as(each.name, value)]
        if len(found) == 1:
            return str(found[0])
        many = ", ".join(map(str, found)) or "no folder"
        raise CcdlibError(
            f"raw_dir={value!r} is a number, and {many} in {' or '.join(map(str, places))} reads "
            f"as that: quote it twice, --config 'raw_dir=\"{value}\"', or give its whole path"
        )
    if not isinstance(value, str) or Path(value).is_absolute() or Path(value).is_dir():
        return value
    return str(typed / value) if (typed / value).is_dir() else value


def _reads_as(name, value):
    try:
        return float(name) == value
    except ValueError:
        return False


def load(given: dict) -> tuple[dict, dict]:
    """The config with what is given on the command line, and its camera.

    Returns
    -------
    config, camera : dict

    Raises
    ------
    CcdlibError
        As `load_config` and `load_camera`, and if the table of corrections is missing.
    """
    if "raw_dir" in given:
        given["raw_dir"] = meant_folders(given["raw_dir"])
    config = load_config(*find_config(given))
    if config["corrections"]:
        _check_corrections(config["corrections"])
    return config, with_detector(load_camera(config["camera"]), config["detector"])


def _check_corrections(name):
    try:
        check_regular(name, f"corrections: {name}")
    except FileNotFoundError:
        where = "" if Path(name).is_absolute() else f" in {Path.cwd()}"
        raise CcdlibError(f"corrections: {name}: no such file{where}") from None


def load_camera(name: str) -> dict:
    """A camera file by its name in config/cameras, or by its path.

    Raises
    ------
    CcdlibError
        If there is no such camera or its file breaks the schema.
    """
    path = Path(name)
    if "/" not in name and path.suffix not in (".yaml", ".yml"):
        path = _CAMERAS / f"{name}.yaml"
        if not path.exists():
            known = sorted(file.stem for file in _CAMERAS.glob("*.yaml"))
            close = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise CcdlibError(f"camera: no camera {name!r}{hint} (known: {', '.join(known)})")
    return check_camera(read_yaml(path), path.name)


def check_camera(content: dict, source: str = "camera") -> dict:
    """A camera file's content with defaults filled in, checked against the schema.

    Raises
    ------
    CcdlibError
        On an unknown key, an impossible value, or an invalid pattern.
    """
    camera = validated(content, "camera", source)
    for number, rule in enumerate(camera.get("types", ())):
        for card, condition in rule["when"].items():
            for each in condition if isinstance(condition, list) else [condition]:
                _check_pattern(each, f"{source}: types.{number}.when.{card}")
    return camera


# a group with a repetition that is repeated itself
_ENDLESS = re.compile(r"[*+}][^()]*\)+[*+{]")


def _check_pattern(condition, key):
    if not isinstance(condition, str):
        return
    try:
        re.compile(condition)
    except (re.error, OverflowError, RecursionError) as error:
        raise CcdlibError(f"{key}={condition!r} is not a pattern: {error}") from None
    if _ENDLESS.search(condition):
        raise CcdlibError(
            f"{key}={condition!r} repeats what is repeated: on some texts it would take for ever"
        )


def _keys(part, schema, prefix=""):
    for name, each in part.get("properties", {}).items():
        each = _resolve(each, schema)
        key, meaning = f"{prefix}{name}", each.get("description", "")
        if each.get("inherit"):
            yield key, f"Keys of `{prefix[:-1]}` that differ for this kind.", "section", "{}"
        elif each.get("properties"):
            if meaning:
                yield key, meaning, "section", ""
            yield from _keys(each, schema, f"{key}.")
        else:
            default = json.dumps(each["default"]) if "default" in each else "required"
            yield key, meaning, _allowed(each, schema), default


def config_keys() -> list[tuple[str, str, str, str]]:
    """Every key of the config, in the schema's order.

    Returns
    -------
    list of (str, str, str, str)
        Key with its section, what it means, what is allowed, default. A section that has a
        meaning of its own stands before its keys.
    """
    schema = _schema("config")
    return list(_keys(schema, schema))
