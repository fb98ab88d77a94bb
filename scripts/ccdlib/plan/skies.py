"""Which lights tell of one illumination and one set of fringes, and which are flattened with it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .master_groups import group_key, group_name, slug
from .matching import Choice, Master, facts_agree, other_telescope

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from .frames import Frame
    from .night import Night

    # a light that is made, with what it is calibrated with
    Light = tuple[Frame, Mapping[str, Choice]]

__all__ = ["planned_skies"]

_KINDS = "illumination", "fringe"
# values of the config: that which makes none, and that which makes one of two flats
_READY, _FLATS = "ready", "flats"
_NEEDED = "its sky is corrected by it"


def planned_skies(
    lights: Sequence[Light],
    settings: dict[str, Any] | None,
    night: Night,
    flats: Iterable[Master] = (),
) -> Iterator[tuple[Master, list[Choice]]]:
    """Illuminations, fringe frames and flattened lights of the lights that are made.

    Parameters
    ----------
    lights : list of (Frame, {kind: Choice})
        With what each is calibrated with.
    settings : dict or None
        `illumination`, `fringe` and `min_frames` of the config's section `sky`; none where neither
        is asked for.
    night : Night
        With the ready ones, and what must agree.
    flats : iterable of Master
        The flats that there are.

    Yields
    ------
    product : Master
    rows : list of Choice
        Its rows of the plan; one alone, skipped or refused, where it is not made.
    """
    if not settings or not any(settings[kind] for kind in _KINDS):
        return
    for name, own in _grouped(lights, night.match):
        frames = tuple(frame for frame, _ in own)
        asked = [kind for kind in _KINDS if settings[kind] == _READY]
        ready = {kind: _nearest(frames[0], night.ready_of(kind), night) for kind in asked}
        made = [kind for kind in _KINDS if settings[kind] and kind not in ready]
        by_sky = None
        if settings["illumination"] == _FLATS:
            fits = [each for each in flats if each.lit == "sky" and not each.ready]
            by_sky = _nearest(frames[0], fits, night)
        lack = _lack(own, settings, made, ready, by_sky)
        sky: list[Master] = []
        for kind in _KINDS:
            product = ready.get(kind)
            if kind in made:
                product, rows = _made(kind, name, own, sky, by_sky)
                yield product, [lack] if lack else rows
            if product is not None:
                sky.append(product)
        for frame in frames:
            product = Master("flattened", frame.frame, (frame,))
            yield product, [lack] if lack else _own_rows(frame, sky)


def _made(kind, name, lights, sky, by_sky):
    """An illumination, or a fringe frame, and its rows: of lights, or of two flats."""
    frames = tuple(frame for frame, _ in lights)
    if kind == "illumination" and by_sky:
        # no light goes into it
        return Master(kind, name, by_sky.frames), _rows_of_flats(_flat(lights[0]), by_sky)
    return Master(kind, name, frames), _rows(frames, sky)


def _grouped(lights, match):
    """(name, lights) of those that share their pixels, their filter and their flat."""
    groups: dict[str, dict[str, list]] = {}
    for light in lights:
        key = group_key(light[0], match, ("filter",))
        names = {"exptime": None, "temperature": None}
        by_flat = groups.setdefault(group_name(key | names), {})
        by_flat.setdefault(json.dumps([key, _path(_flat(light))], sort_keys=True), []).append(light)
    for name, alike in groups.items():
        for number, own in enumerate(alike.values(), start=1):
            yield (name if number == 1 else f"{name}_{slug(number)}"), own


def _flat(light):
    """The flat that a light is divided by; None for none."""
    choice = light[1].get("flat")
    return choice.master if choice and choice.status == "used" else None


def _path(master):
    return master.path if master else ""


def _nearest(frame, masters, night):
    """Which of some masters fits the pixels and the filter of a light and is nearest in time."""
    fitting = [
        master
        for master in masters
        if not master.refused
        and not other_telescope(frame, master)
        and facts_agree(frame, master, night.match)
        and all(master.facts[name] == frame.facts[name] for name in ("filter", "window", "size"))
    ]
    return min(fitting, key=lambda each: (_days(frame, each), each.name), default=None)


def _days(frame, master):
    if frame.date is None or master.date is None:
        return float("inf")
    return abs((frame.date - master.date).total_seconds())


def _lack(lights, settings, made, ready, by_sky):
    """The row that says why the sky of some lights is not corrected, None where it is."""
    flat = _flat(lights[0])
    if settings["illumination"] == _FLATS:
        if flat is None or by_sky is None or flat.path == by_sky.path:
            have = flat.name if flat else "none"
            reason = f"their flat is {have}, and there is no flat of the sky beside it"
            return Choice("frames", "skipped", f"{reason}; flat.from=dome takes the dome's")
        made = [kind for kind in made if kind != "illumination"]
    for kind, master in ready.items():
        if master is None:
            return Choice("frames", "skipped", f"no ready {kind} of its facts and filter")
    if made and len(lights) < settings["min_frames"]:
        number = "1 light" if len(lights) == 1 else f"{len(lights)} lights"
        reason = f"{number} of its filter and flat, sky.min_frames is {settings['min_frames']}"
        return Choice("frames", "skipped", reason)
    for frame, _ in lights:
        images = frame.layout.images
        if images > 1:
            reason = f"{frame.file} has {images} images, a sky is corrected in lights of one"
            return Choice("frames", "refused", reason)
    if settings["illumination"] == "pixels" and flat:
        reason = (
            f"sky.illumination=pixels is a flat of its own, and {lights[0][0].file} has the flat "
            f"{flat.path}: give missing={{flat: skip}} and no flats, or sky.illumination=smooth"
        )
        return Choice("frames", "refused", reason)
    return None


def _rows(frames, sky):
    """What an illumination, or a fringe frame, is made from."""
    rows = [Choice("frames", "used", f"{len(frames)} frames")]
    for number, frame in enumerate(frames, start=1):
        kind = "calibrated" if number == 1 else f"calibrated_{number}"
        light = Master("calibrated", frame.frame, (frame,))
        rows.append(Choice(kind, "used", "the same filter and flat", light))
    return [*rows, *(Choice(each.kind, "used", _NEEDED, each) for each in sky)]


def _rows_of_flats(flat, by_sky):
    """What an illumination of two flats is made from."""
    return [
        Choice("frames", "used", "2 frames, flats"),
        Choice("flat", "used", "what the lights are divided by", flat),
        Choice("flat_2", "used", "lit by the sky, as they are", by_sky),
    ]


def _own_rows(frame, sky):
    """What a flattened light is made from."""
    light = Master("calibrated", frame.frame, (frame,))
    own = Choice("calibrated", "used", "its own", light)
    return [own, *(Choice(each.kind, "used", _NEEDED, each) for each in sky)]
