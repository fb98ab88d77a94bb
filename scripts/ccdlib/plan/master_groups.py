"""Which frames make one master, and what it is called."""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ..camera.amplifiers import Amplifier
from ..camera.sections import parse_section
from ..camera.windows import starts_at_corner
from ..config import combine_settings
from ..raw.frame_names import periodic
from .dark_groups import bias_groups, dark_groups
from .matching import Master, amplifier_difference

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ..kinds import Kind
    from .frames import Frame
    from .night import Night

__all__ = ["group_key", "group_name", "grouped_masters", "slug", "with_frames"]

_LONGEST_NAME, _LONGEST_GAINS = 100, 24
# frames that differ from the others of their name leave them where they are such a share at most
_FEW = 1 / 3


def slug(text: object, joint: str = "-") -> str:
    """A fact as part of a file name: r' and r, or two letters beyond ASCII, stay two."""
    plain = re.sub(r"[\s_]+", joint, str(text).strip())
    return quote(plain, safe="+", errors="surrogateescape") or "-"


def group_key(frame: Frame, match: dict, same: Sequence[str] = ()) -> dict[str, Any]:
    """What the frames of one master have in common, but for the conditions of a dark."""
    key = {"night": frame.night} | {name: frame.facts[name] for name in match["facts"]}
    # frames of other shapes, units or amplifiers never meet, whatever match.facts says
    key |= {name: frame.facts[name] for name in ("size", "unit")}
    window = frame.facts["window"]
    # a whole frame may say that it is one, or not
    key["window"] = None if window is None or starts_at_corner(window) else window
    key["layout"] = frame.layout.as_stacked.name
    key["telescope"] = frame.telescope
    return key | {name: frame.facts[name] for name in same}


def group_name(key: Mapping[str, Any]) -> str:
    """A master's name, made of the facts that are matched and the night alone."""
    parts = [key["night"]]
    for fact in ("camera", "size", "binning", "readout_mode"):
        if key.get(fact) is not None:
            parts.append(slug(key[fact]))
    if key.get("window") is not None:
        section = parse_section(key["window"], (math.inf, math.inf))
        parts.append(f"x{section.x0 + 1}y{section.y0 + 1}")
    for fact, letter in (("gain_setting", "g"), ("offset", "o")):
        if key.get(fact) is not None:
            parts.append(letter + slug(key[fact]))
    if key.get("exptime") is not None:
        parts.append(f"{key['exptime']:g}s")
    if key.get("temperature") is not None:
        parts.append(f"{key['temperature']:g}C")
    if key.get("filter") is not None:
        parts.append(slug(key["filter"]))
    if key.get("telescope") is not None:
        parts.append(slug(key["telescope"]))
    if key.get("lit") is not None:
        parts.append(key["lit"])
    name = "_".join(parts)
    # a file name ends at 255 bytes, and a bad-pixel map bears the names of two masters
    if len(name) > _LONGEST_NAME or periodic(name):
        name = f"{name[: _LONGEST_NAME - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return name


def _grouped(frames, kind, match):
    """Frames of a kind by name; a second group of the same name is told apart in the reason."""
    groups: dict[str, dict[str, list[Frame]]] = {}
    alike: dict[str, list[Frame]] = {}
    for frame in frames:
        if frame.kind in kind.made_of:
            text = json.dumps(group_key(frame, match, kind.same), sort_keys=True)
            alike.setdefault(text, []).append(frame)
    for text, own in alike.items():
        conditions: dict[str, Any] = dark_groups(own, match) if kind.name == "dark" else {}
        if kind.name == "bias":
            warm = bias_groups(own, match)
            conditions = {file: (None, temperature) for file, temperature in warm.items()}
        # flats of the dome and of the sky are two masters, and only where there are both
        lights = {frame.lit for frame in own} - {None}
        for frame in own:
            exptime, temperature = conditions.get(frame.file, (None, None))
            key = json.loads(text) | {"exptime": exptime, "temperature": temperature}
            key["lit"] = frame.lit if len(lights) > 1 else None
            same = groups.setdefault(group_name(key), {})
            same.setdefault(json.dumps(key, sort_keys=True), []).append(frame)
    return groups


def _difference(first, second):
    """What tells two frames apart that would share a master's name."""
    for fact in first.facts:
        if fact != "object" and first.facts[fact] != second.facts[fact]:
            return f"{fact} {first.facts[fact]} and {second.facts[fact]}"
    names = [field.name for field in fields(Amplifier)]
    found = amplifier_difference(first.layout, second.layout, names) or _unlike(first, second)
    return "{} {} and {}".format(*found) if found else "the number of their amplifiers"


def _unlike(first, second):
    """The first value that only one of two frames has for an amplifier, and both values."""
    layouts = [frame.layout.as_stacked.amplifiers for frame in (first, second)]
    for pair in zip(*layouts, strict=False):
        for name in (field.name for field in fields(Amplifier)):
            values = [getattr(amp, name) for amp in pair]
            if values[0] != values[1]:
                return name, *values
    return None


def _without_strays(groups):
    """Groups that would share a name, and the frames that leave them: few that differ from many.

    One frame with another gain in its header does not stop the others.
    """
    largest = max(groups, key=len)
    others = [frame for group in groups if group is not largest for frame in group]
    if len(others) > _FEW * (len(largest) + len(others)):
        return groups, []
    left = [
        (frame, f"{frame.file}: {_difference(frame, largest[0])} in the {len(largest)} others")
        for frame in others
    ]
    return [largest], left


def grouped_masters(night: Night, kind: Kind) -> Iterator[tuple[Master, list[tuple[Frame, str]]]]:
    """The masters of a kind, those that cannot be made with the reason.

    Yields
    ------
    master : Master
    left : list of (Frame, str)
        Frames that would be in it but for a value in which they differ, and that value.
    """
    needed = combine_settings(night.config, kind.name)["min_frames"]
    for shared, keys in _grouped(night.frames, kind, night.match).items():
        groups, left = _without_strays(list(keys.values()))
        for name, own in _named_by_gain(shared, groups).items():
            yield _master(name, own, kind, night, needed), left
            # each leaves once
            left = []


def _named_by_gain(name, groups):
    """{name: groups}: one each where their gains tell apart what would share a name."""
    told = ["+".join(_gains(group[0])) for group in groups]
    apart = all(told) and len(set(told)) == len(groups)
    if len(groups) < 2 or not apart or max(map(len, told)) > _LONGEST_GAINS:
        return {name: groups}
    return {f"{name}_{gain}e": [group] for gain, group in zip(told, groups, strict=True)}


def _gains(frame):
    """The gain of each amplifier of a frame as text, once where it is that of all; () for none."""
    gains = [amp.gain for amp in frame.layout.amplifiers]
    return () if None in gains else tuple(dict.fromkeys(f"{gain:.6g}" for gain in gains))


def _master(name, groups, kind, night, needed):
    """The master of a name; of several groups one that cannot be made, with the reason."""
    members = [frame for group in groups for frame in group]
    refused = None
    if len(groups) > 1:
        first, second = [group[0] for group in groups][:2]
        refused = (
            f"{len(groups)} groups that differ would share the name {name}: "
            f"{_difference(first, second)} ({first.file}, {second.file})"
        )
    elif fact := night.lacks(kind, members[0]):
        files = ", ".join(frame.file for frame in members)
        refused = (
            f"{fact} none in {files}, and other frames of this camera have one: which it is "
            "cannot be known"
        )
    elif len(members) < needed:
        files = ", ".join(frame.file for frame in members)
        refused = (
            f"{len(members)} {kind.name} frame{'s' * (len(members) > 1)} ({files}), "
            f"combine.min_frames is {needed}"
        )
    level_removed = night.overscan_removes_pedestal(members[0])
    master = Master(kind.name, name, (), refused=refused, level_removed=level_removed)
    return with_frames(master, members)


def with_frames(master: Master, frames: Sequence[Frame]) -> Master:
    """A master made of these frames, with their mean temperature and, of darks, exposure."""
    temperatures = [frame.temperature for frame in frames if frame.temperature is not None]
    return replace(
        master,
        frames=tuple(frames),
        exptime=_mean_exposure(frames) if master.kind == "dark" else None,
        temperature=sum(temperatures) / len(temperatures) if temperatures else None,
    )


def _mean_exposure(frames):
    times = [frame.exptime for frame in frames]
    return None if None in times else sum(times) / len(times)
