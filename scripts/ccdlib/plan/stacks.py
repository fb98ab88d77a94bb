"""Which lights become one stack, and what it is called."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from .master_groups import slug
from .matching import Choice, Master

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .frames import Frame

__all__ = ["planned_stacks"]

# pixels of another camera or binning are others, and so is the light of another telescope, whose
# scale no exposure time tells; only where a name would have several stacks it tells these
_ALWAYS = ("camera", "binning", "telescope")
# what its lights have in common through them; gain and bad pixels bring no noise
_SHARED = ("bias", "dark", "flat")
_IN_LIGHTS = "its noise is in the lights"


def _fact(frame, name):
    own = {"exptime": frame.exptime, "night": frame.night, "telescope": frame.telescope}
    value = own.get(name, frame.facts.get(name))
    return value if value is not None else "none"


def _name(frame, names):
    """The name of a stack: of what its lights have in common."""
    values = [
        f"{_fact(frame, name):g}s"
        if name == "exptime" and frame.exptime
        else slug(_fact(frame, name))
        for name in names
    ]
    return "_".join(values)


def _grouped(lights, by):
    """{name: lights}, in the order of the lights' files."""
    groups: dict[str, dict[tuple, list]] = {}
    # a night comes first, as in the names of masters
    order = sorted(by, key=("night", "object", "filter", "exptime").index)
    for light in lights:
        frame = light[0]
        key = tuple(str(_fact(frame, name)) for name in _ALWAYS)
        groups.setdefault(_name(frame, order), {}).setdefault(key, []).append(light)
    for name, alike in groups.items():
        for key, own in alike.items():
            yield (name if len(alike) == 1 else "_".join([name, *map(slug, key)])), own


def _numbered(kind, masters, reason):
    """A row for each master: the second bias is of kind bias_2, as a flat's second dark is."""
    for number, master in enumerate(masters, start=1):
        yield Choice(kind if number == 1 else f"{kind}_{number}", "used", reason, master)


def _rows(lights, by, flattened):
    """What a stack is made from: its lights, and the masters whose noise these share."""
    frames = [
        Master("flattened" if frame.frame in flattened else "calibrated", frame.frame, (frame,))
        for frame, _ in lights
    ]
    yield from _numbered("calibrated", frames, f"the same {' and '.join(by)}")
    for kind in _SHARED:
        used: dict[str, Master] = {}
        for _, choices in lights:
            choice = choices.get(kind)
            if choice is not None and choice.status == "used" and choice.master:
                used[choice.master.path] = choice.master
        yield from _numbered(kind, used.values(), _IN_LIGHTS)
    skies = {sky.path: sky for frame, _ in lights if (sky := flattened.get(frame.frame))}
    yield from _numbered("illumination", skies.values(), _IN_LIGHTS)


def planned_stacks(
    lights: Sequence[tuple[Frame, Mapping[str, Choice]]],
    settings: dict[str, Any] | None,
    flattened: Mapping[str, Master | None] | None = None,
) -> Iterator[tuple[Master, list[Choice]]]:
    """The stacks of the lights that are made.

    Parameters
    ----------
    lights : list of (Frame, {kind: Choice})
        With what each is calibrated with.
    settings : dict or None
        `by`, `min_frames` and `reference` of the config's section `stack`; none where `by` is
        empty.
    flattened : dict
        {FRAME: its illumination, or None} of each light of which there is a flattened one, which is
        taken.

    Yields
    ------
    stack : Master
    rows : list of Choice
        Its rows of the plan; one alone, skipped or refused, where it is not made.
    """
    if not settings or not settings["by"]:
        return
    unknown = _unknown_reference([frame for frame, _ in lights], settings["reference"])
    for name, own in _grouped(lights, settings["by"]):
        stack = Master("stack", name, tuple(frame for frame, _ in own))
        yield stack, _own_rows(stack, own, settings, unknown, flattened or {})


def _unknown_reference(frames, wanted):
    """Why there is no stack with the reference that is named; empty where there is."""
    if wanted in ("best", "first") or wanted in {frame.frame for frame in frames}:
        return ""
    near = get_close_matches(wanted, [frame.frame for frame in frames], 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"stack.reference={wanted!r} is the FRAME of no light that is made{hint}"


def _own_rows(stack, lights, settings, unknown, flattened):
    """The rows of a stack, or the one that says why it is not made."""
    few = len(lights) < settings["min_frames"]
    if few:
        frames = "1 light" if len(lights) == 1 else f"{len(lights)} lights"
        reason = f"{frames}, stack.min_frames is {settings['min_frames']}"
        return [Choice("frames", "skipped", reason)]
    if unknown:
        return [Choice("frames", "refused", unknown)]
    for frame in stack.frames:
        images = frame.layout.images
        if images > 1:
            reason = f"{frame.file} has {images} images, a stack is made of lights of one"
            return [Choice("frames", "refused", reason)]
    own = Choice("frames", "used", f"{len(lights)} frames")
    return [own, *_rows(lights, settings["by"], flattened)]
