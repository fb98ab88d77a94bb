"""Which lights tell of one illumination and one set of fringes, and which are flattened with it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .master_groups import group_key, group_name, slug
from .matching import Choice, Master

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .frames import Frame

    # a light that is made, with what it is calibrated with
    Light = tuple[Frame, Mapping[str, Choice]]

__all__ = ["planned_skies"]

_NEEDED = "its sky is corrected by it"


def planned_skies(
    lights: Sequence[Light], settings: dict[str, Any] | None, match: dict
) -> Iterator[tuple[Master, list[Choice]]]:
    """Illuminations, fringe frames and flattened lights of the lights that are made.

    Parameters
    ----------
    lights : list of (Frame, {kind: Choice})
        With what each is calibrated with.
    settings : dict or None
        `illumination`, `fringe` and `min_frames` of the config's section `sky`; none where neither
        is asked for.
    match : dict
        The config's section `match`.

    Yields
    ------
    product : Master
    rows : list of Choice
        Its rows of the plan; one alone, skipped or refused, where it is not made.
    """
    if not settings:
        return
    for name, own in _grouped(lights, match):
        frames = tuple(frame for frame, _ in own)
        lack = _lack(own, settings)
        sky: list[Master] = []
        for kind in ("illumination", "fringe"):
            if settings[kind]:
                product = Master(kind, name, frames)
                yield product, [lack] if lack else _rows(frames, sky)
                sky.append(product)
        for frame in frames:
            product = Master("flattened", frame.frame, (frame,))
            yield product, [lack] if lack else _own_rows(frame, sky)


def _grouped(lights, match):
    """(name, lights) of those that share their pixels, their filter and their flat."""
    groups: dict[str, dict[str, list]] = {}
    for light in lights:
        key = group_key(light[0], match, ("filter",))
        names = {"exptime": None, "temperature": None}
        by_flat = groups.setdefault(group_name(key | names), {})
        by_flat.setdefault(json.dumps([key, _flat(light)], sort_keys=True), []).append(light)
    for name, alike in groups.items():
        for number, own in enumerate(alike.values(), start=1):
            yield (name if number == 1 else f"{name}_{slug(number)}"), own


def _flat(light):
    """The flat that a light is divided by; empty for none."""
    choice = light[1].get("flat")
    return choice.master.path if choice and choice.status == "used" and choice.master else ""


def _lack(lights, settings):
    """The row that says why the sky of some lights is not corrected, None where it is."""
    if len(lights) < settings["min_frames"]:
        number = "1 light" if len(lights) == 1 else f"{len(lights)} lights"
        reason = f"{number} of its filter and flat, sky.min_frames is {settings['min_frames']}"
        return Choice("frames", "skipped", reason)
    for frame, _ in lights:
        images = len({amp.hdu for amp in frame.layout.amplifiers})
        if images > 1:
            reason = f"{frame.file} has {images} images, a sky is corrected in lights of one"
            return Choice("frames", "refused", reason)
    flat = _flat(lights[0])
    if settings["illumination"] == "pixels" and flat:
        reason = (
            f"sky.illumination=pixels is a flat of its own, and {lights[0][0].file} has the flat "
            f"{flat}: give missing={{flat: skip}} and no flats, or sky.illumination=smooth"
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


def _own_rows(frame, sky):
    """What a flattened light is made from."""
    light = Master("calibrated", frame.frame, (frame,))
    own = Choice("calibrated", "used", "its own", light)
    return [own, *(Choice(each.kind, "used", _NEEDED, each) for each in sky)]
