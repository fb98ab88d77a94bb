"""The settings of an archive, archive.yaml, and of each of its nights."""

import json
import os
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from ..config import (
    config_of,
    load_camera,
    meant_folders,
    merged,
    plan_settings,
    read_yaml,
    settings_of,
    validated,
    with_detector,
)
from ..errors import CcdlibError
from ..files import is_given
from ..kinds import KINDS
from ..raw.frame_names import frame_name
from ..raw.raw_folder import check_regular
from ..state import digest_of

__all__ = ["FILE", "Night", "config_digest", "load", "night_of", "share_of"]

FILE = "archive.yaml"
_SHARE = re.compile(r"([1-9]\d*)/([1-9]\d*)")
# keys whose value may be a path, which a night's own working directory would take for its own
_PATHS = ("camera", "bad_pixels", "ready_masters")
# what says where something lies and not what is in it, or what of the night it is that is lent
# each night's own
_OWN = ("raw_dir", "corrections")
_PLACES = ("raw_dir", "camera", "bad_pixels", "ready_masters", "corrections")


@dataclass(frozen=True)
class Night:
    """A folder of raw frames with the settings that it is reduced by.

    Attributes
    ----------
    name : str
        The folder below raw_dir, as the results can be called.
    folder : str
        Its path.
    pattern : str
        The first pattern that it matches: nights of one pattern lend each other masters.
    given : dict
        What its config.yaml has.
    """

    name: str
    folder: str
    pattern: str
    given: dict[str, Any]

    @property
    def work(self) -> Path:
        """Its working directory."""
        return Path("nights", self.name)

    @cached_property
    def config(self) -> dict[str, Any]:
        """Its whole config, with every default."""
        own = {key: self.given[key] for key in _OWN if key in self.given}
        shared = {key: value for key, value in self.given.items() if key not in _OWN}
        return _whole(json.dumps(shared, sort_keys=True, default=str)) | own

    @property
    def camera(self) -> dict[str, Any]:
        """The camera file that it names, with the values of its config's `detector`."""
        return with_detector(_camera(self.config["camera"]), self.config["detector"])

    @property
    def plan_settings(self) -> dict[str, Any]:
        """What its plan depends on."""
        return plan_settings(self.config, self.camera)


# thousands of nights share a few; to check the settings takes longer than all else of a night
@cache
def _whole(given):
    return config_of(json.loads(given) | {"raw_dir": "."}, FILE)


@cache
def _camera(name):
    return load_camera(name)


def load(given: dict[str, Any]) -> dict[str, Any]:
    """The settings of the archive in the present folder.

    Parameters
    ----------
    given : dict
        From the command line, which wins over archive.yaml, key by key.

    Raises
    ------
    CcdlibError
        On an unknown key, a wrong type or an impossible value; the message names the key, the
        value and what is allowed.
    """
    own = read_yaml(FILE) if is_given(FILE) else {}
    found = merged(own, given)
    if not found:
        raise CcdlibError(f"no {FILE} in {Path.cwd()}, and no raw_dir on the command line")
    if "raw_dir" in found:
        found["raw_dir"] = os.path.abspath(meant_folders(found["raw_dir"]))
    config = validated(found, "archive", f"{FILE} or --config" if given else FILE)
    for pattern in _patterns(config):
        _check_pattern(pattern)
    for settings in (config["settings"], *_patterns(config).values()):
        _check_keys(settings)
    share_of([], config["share"])
    return config


def _check_pattern(pattern):
    """A night's name is a folder of results: none may lead out of it, or be called in two ways."""
    parts = pattern.strip("/").split("/")
    if wrong := [part for part in parts if part in ("", ".", "..", "**")]:
        raise CcdlibError(
            f"{FILE}: nights={pattern!r} is not allowed, for {wrong[0]!r}: "
            "a pattern of folders below raw_dir, such as */2024-*"
        )


def _check_keys(settings):
    for key in _OWN:
        if key in settings:
            remedy = "raw_dir of the archive" if key == "raw_dir" else "corrections/NIGHT.csv"
            raise CcdlibError(f"{FILE}: settings.{key} is each night's own: use {remedy}")


def _patterns(config):
    """{pattern: settings of the nights that match it}, in order."""
    nights = config["nights"]
    return {nights: {}} if isinstance(nights, str) else nights


def _matches(below, pattern):
    """Whether a path matches a pattern, part by part as a shell has it."""
    parts, wanted = below.split("/"), pattern.strip("/").split("/")
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))


def night_of(config: dict[str, Any], below: str) -> Night | None:
    """The night in a folder, None when it matches no pattern.

    Parameters
    ----------
    config : dict
        From `load`.
    below : str
        Its path below raw_dir.
    """
    patterns = {
        pattern: settings
        for pattern, settings in _patterns(config).items()
        if _matches(below, pattern)
    }
    if not patterns:
        return None
    given = config["settings"]
    for settings in patterns.values():
        given = merged(given, settings)
    given = {key: _absolute(key, value) for key, value in given.items()}
    folder = os.path.join(config["raw_dir"], below)
    name = frame_name(f"{below}/")
    corrections = Path("corrections", f"{name}.csv")
    own = {"raw_dir": folder}
    if is_given(corrections):
        check_regular(corrections, str(corrections))
        own["corrections"] = str(corrections.absolute())
    return Night(name, folder, next(iter(patterns)), given | own)


def _absolute(key, value):
    """A path that was given relative to the archive's folder, whole."""
    if isinstance(value, list) and key == "ready_masters":
        return [_absolute(key, each) for each in value]
    is_path = isinstance(value, str) and key in _PATHS and os.path.exists(value)
    named = key == "camera" and isinstance(value, str) and "/" not in value
    return os.path.abspath(value) if is_path and not named else value


def config_digest(night: Night) -> tuple[str, dict[str, Any]]:
    """A digest of all settings of a night, and these: contents count, not where files lie.

    Parameters
    ----------
    night : Night
    """
    own = {key: value for key, value in night.config.items() if key not in _PLACES}
    own |= {"bad_pixels": settings_of(night.config, KINDS["calibrated"])["bad_pixels"]}
    own |= {"camera": night.config["camera"] if _is_named(night) else "own", "in_it": night.camera}
    return digest_of(own), own


def _is_named(night):
    return "/" not in night.config["camera"]


def share_of(names: list[str], share: str | None) -> list[str]:
    """The names of a share such as 3/10: every tenth, from the third one on.

    Raises
    ------
    CcdlibError
        If it is no share.
    """
    if share is None:
        return names
    found = _SHARE.fullmatch(share)
    if not found or int(found[1]) > int(found[2]):
        raise CcdlibError(f"share={share!r} is not allowed: a number of a whole, such as 3/10")
    return names[int(found[1]) - 1 :: int(found[2])]
