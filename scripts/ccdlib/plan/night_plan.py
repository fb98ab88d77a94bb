"""The plan of a night: which frames make which masters, which masters serve which frame.

Pure functions of index, config, camera file and corrections. What they return is written as
results/plan.csv and results/members.csv, and nothing else decides what is made.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from ..index.index_tables import INDEX_TABLE, READY_TABLE, read_layouts, read_rows
from ..kinds import FRAME_TYPES, KINDS, calibrations_of, kind_of, masters, ready_kinds
from ..raw.frame_names import same_file
from .detector_choice import Detectors
from .frame_choices import choose_all, pedestal_refusal
from .frames import frames_of, read_corrections, refused_frames, unknown_frames
from .master_groups import grouped_masters, slug
from .matching import Choice, Master
from .near_masters import NearMasters
from .night import Night
from .plan_columns import MEMBERS_TABLE
from .skies import planned_skies
from .stack_choices import stack_choices
from .stacks import planned_stacks
from .telescopes import with_telescopes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

__all__ = ["LEFT_STACK", "SET_ASIDE", "make_plan", "plan_files", "product_of", "type_of"]

# the reason of a row of kind "frame", after the name of the file
SET_ASIDE = ": corrections say use=false"
# the kind of a row about a frame that left its stack
LEFT_STACK = "stack"


def product_of(frame_name: str) -> str:
    """Where the calibrated file of a FRAME is written."""
    return KINDS["calibrated"].path(frame_name)


def _row(product, choice):
    return {
        "product": product,
        "kind": choice.kind,
        "master": choice.master.path if choice.master else "",
        "status": choice.status,
        "reason": choice.reason,
        "age": None if choice.age is None else round(choice.age, 4),
        "scale": choice.scale,
        "candidates": choice.candidates or None,
    }


def _members(product, frames, choices=()):
    dark = next((choice for choice in choices if choice.kind == "dark"), Choice("dark", "", ""))
    for number, frame in enumerate(frames):
        row = _member(product, frame) | frame.facts
        row |= {"imagetyp": frame.kind, "exptime": frame.exptime, "layout": frame.layout}
        row["temperature"] = frame.temperature
        # for the header of a master, by which other nights find it, and of a stack
        if kind_of(product).combined:
            row |= {"night": frame.night, "date_obs": frame.date}
        if dark.scales:
            row["dark_scale"] = dark.scales[number]
        if dark.uses:
            row["dark"] = dark.uses[number]
        yield row


def _member(product, frame):
    own = {"master": product, "frame": frame.frame, "sha256": frame.sha256, "file": frame.file}
    return dict.fromkeys(MEMBERS_TABLE.columns) | own


class _Tables:
    """The rows of plan.csv and members.csv as they come.

    Parameters
    ----------
    one_case : bool
        Whether the products lie where names that differ in capitals alone are one.
    """

    def __init__(self, one_case: bool = False) -> None:
        self.plan: list[dict[str, Any]] = []
        self.members: list[dict[str, Any]] = []
        self.ready: dict[str, Master] = {}
        self._one_case = one_case
        self._names: dict[str, str] = {}

    def name_refusal(self, product):
        """A refused `Choice` where the file of another product would be overwritten, else None."""
        if not self._one_case:
            return None
        first = self._names.setdefault(same_file(product), product)
        if first == product:
            return None
        reason = (
            f"{product}: the file of {first} where the results lie, as capitals do not count there"
        )
        return Choice("name", "refused", reason)

    def add(self, product, choices, frames):
        """A product with its choices; one that is not made, refused or skipped, has no members."""
        choices = [choice for choice in choices if choice is not None]
        self.plan += [_row(product, choice) for choice in choices]
        if any(
            choice.status == "refused" or (choice.kind, choice.status) == ("frames", "skipped")
            for choice in choices
        ):
            return False
        self.members += _members(product, frames, choices)
        used = [choice.master for choice in choices if choice.status == "used" and choice.master]
        self.ready |= {master.path: master for master in used if master.ready}
        return True

    def set_aside(self, index, corrections):
        """A row for each frame that the user does not want, whatever else is wrong with it."""
        for row in sorted(index, key=lambda each: each["file"]):
            if corrections.get(row["file"], {}).get("use", "true").lower() == "false":
                choice = Choice("frame", "skipped", f"{row['file']}{SET_ASIDE}")
                self.plan.append(_row(product_of(row["frame"]), choice))

    def leave(self, master, left):
        """A row for each frame that left its stack."""
        for frame, reason in left:
            choice = Choice(LEFT_STACK, "skipped", reason, master)
            self.plan.append(_row(product_of(frame.frame), choice))

    def finish(self):
        """Both tables, with a row of members for each ready master in use."""
        for path, master in sorted(self.ready.items()):
            self.members.append(_member(path, master.frames[0]))
        return self.plan, self.members


def _planned(master, night, tables, choices, detectors):
    """A master in the tables; returned with its refusal when it cannot be made."""
    own = (
        Choice("frames", "refused", f"{master.path}: {master.refused}")
        if master.refused
        else Choice("frames", "used", f"{len(master.frames)} frames")
    )
    detector = detectors.choose(master.frames[0])
    named = [refusal] if (refusal := tables.name_refusal(master.path)) else []
    rows = [own, *choices.values(), detector, *named]
    if tables.add(master.path, rows, master.frames):
        return master
    return replace(master, refused=next(row.reason for row in rows if row.status == "refused"))


def _with_pedestal(dark, night, choices):
    """A dark that knows whether its pedestal is gone, refused without an exposure time."""
    if dark.exptime is None or dark.exptime <= 0:
        files = ", ".join(frame.file for frame in dark.frames)
        lack = f"exptime={dark.exptime} in {files}, a dark needs a positive exposure time"
        dark = replace(dark, refused=lack)
    by_overscan = all(night.overscan_removes_pedestal(frame) for frame in dark.frames)
    by_bias = choices["bias"].status == "used"
    return replace(dark, pedestal_removed=by_bias or by_overscan, bias_removed=by_bias)


def _plan_masters(night, tables, detectors):
    """{kind: the masters that frames can be calibrated with}."""
    # ready ones first, as a dark's biases and a flat's darks may be among them
    found = {kind.name: NearMasters(night.ready_of(kind.name)) for kind in masters()}
    for kind in masters():
        for master, strays in grouped_masters(night, kind):
            master, choices, left = stack_choices(master, night, found)
            tables.leave(master, strays + left)
            if kind.name == "dark":
                master = _with_pedestal(master, night, choices)
            elif kind.name != "bias":
                pedestal = pedestal_refusal(master.frames[0], night, choices)
                choices |= {"pedestal": pedestal} if pedestal else {}
            found[kind.name].append(_planned(master, night, tables, choices, detectors))
    return found


@cache
def type_of(kinds: frozenset[str]) -> str:
    """The type of a frame, from the kinds that its rows of plan.csv are about."""
    own = set(kinds) & {kind.name for kind in masters()}
    return next(
        each for each in FRAME_TYPES if {kind.name for kind in calibrations_of(each)} == own
    )


def _bad_pixels(choices, config):
    """Where the bad pixels of a frame come from: the masters that it uses anyway."""
    if config["bad_pixels"] == "none":
        return Choice("bad_pixels", "skipped", "bad_pixels is none"), []
    sources = {"measure": ("dark", "flat"), "dark": ("dark",)}.get(config["bad_pixels"])
    if sources is None:
        return Choice("bad_pixels", "skipped", f"read from {config['bad_pixels']}"), []
    # a map does not depend on how a frame uses the masters: that of two frames is the same
    used = {
        kind: choices[kind].master
        for kind in sources
        if kind in choices and choices[kind].status == "used"
    }
    if not used:
        lack = f"no {' or '.join(sources)} to measure them from"
        return Choice("bad_pixels", "skipped", lack), []
    name = "+".join(master.name for master in used.values())
    own = Master("bad_pixels", name, next(iter(used.values())).frames)
    choice = Choice("bad_pixels", "used", f"measured from the {' and '.join(used)}", own)
    return choice, [Choice(kind, "used", "measured from it", each) for kind, each in used.items()]


def _plan_frame(frame, night, tables, found, detectors):
    """A frame in the tables.

    Returns
    -------
    made : dict or None
        {kind: Choice} of what it is calibrated with; None if it is refused.
    bad_pixels : tuple or None
        Its bad-pixel map and what that is measured from.
    """
    choices = choose_all(frame, night, found, calibrations_of(frame.kind))
    pedestal = None if frame.kind in ("bias", "dark") else pedestal_refusal(frame, night, choices)
    detector = detectors.choose(frame)
    bad_pixels, sources = _bad_pixels(choices, night.config)
    product = product_of(frame.frame)
    rows = [*choices.values(), bad_pixels, detector, pedestal, tables.name_refusal(product)]
    if not tables.add(product, rows, [frame]):
        return None, None
    return choices, (bad_pixels.master, sources) if sources else None


def _ready_masters(rows):
    """The `Master` of each row of ready.csv; of two of one kind and name both bear their hash."""
    kinds = [kind.name for kind in ready_kinds()]
    wanted = [row for row in rows if row["imagetyp"] in kinds]
    names = Counter((row["imagetyp"], slug(row["frame"], "_")) for row in wanted)
    for row in wanted:
        name = slug(row["frame"], "_")
        if names[row["imagetyp"], name] > 1:
            name = f"{name}-{row['sha256'][:8]}"
        # a refused one has no facts to tell, and needs none
        (frame,) = frames_of([row | {"status": "ok"}], {})
        yield Master(
            row["imagetyp"],
            name,
            (frame,),
            exptime=frame.exptime,
            temperature=frame.temperature,
            pedestal_removed=bool(row["pedestal_removed"]),
            refused=row["reason"] or None,
            level_removed=bool(row["level_removed"]) if row["imagetyp"] == "bias" else None,
            bias_removed=bool(row["bias_removed"]),
            ready=row["file"],
            has_detector=bool(row["detector"]),
        )


def _at_telescopes(frames, ready):
    """Frames and ready masters, with their telescopes where there are several."""
    found = with_telescopes([*frames, *(master.frames[0] for master in ready)])
    own = zip(ready, found[len(frames) :], strict=True)
    return found[: len(frames)], tuple(replace(master, frames=(frame,)) for master, frame in own)


def make_plan(
    index: Iterable[dict[str, Any]],
    config: dict,
    camera: dict,
    corrections: Mapping[str, dict[str, str]],
    ready: Iterable[dict[str, Any]] = (),
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Plan a night.

    Parameters
    ----------
    index : iterable of dict
        Rows of the index, with their `Layout`.
    config : dict
        From `load_config`.
    camera : dict
        From `load_camera`.
    corrections : dict
        From `read_corrections`.
    ready : iterable of dict
        Rows of the table of ready masters, with their `Layout`.

    Returns
    -------
    plan : list of dict
        One row for each (product, kind), `PLAN_TABLE`; a product with a row of status
        'refused' is not made.
    members : list of dict
        One row for each raw frame in each product that is made, `MEMBERS_TABLE` with the
        `Layout`. The last rows are the ready masters that are used.
    """
    index = list(index)
    frames = sorted(frames_of(index, corrections), key=lambda frame: frame.file)
    refused = tuple(refused_frames(index, corrections))
    frames, masters_there = _at_telescopes(frames, list(_ready_masters(ready)))
    unknown = tuple(unknown_frames(index, corrections))
    night = Night(frames, config, camera, masters_there, refused, unknown)
    tables = _Tables(config.get("one_case", False))
    tables.set_aside(index, corrections)
    detectors = Detectors(night)
    for each in detectors:
        tables.add(each.path, [Choice("frames", "used", f"{len(each.frames)} frames")], each.frames)
    found = _plan_masters(night, tables, detectors)
    maps, lights = {}, []
    for frame in sorted(frames, key=lambda each: FRAME_TYPES.index(each.kind)):
        made, bad_pixels = _plan_frame(frame, night, tables, found, detectors)
        if bad_pixels:
            maps[bad_pixels[0].path] = bad_pixels
        if made is not None and frame.kind == "light":
            lights.append((frame, made))
    for master, sources in maps.values():
        tables.add(master.path, sources, master.frames[:1])
    flattened: dict[str, Master | None] = {}
    for product, rows in planned_skies(lights, config.get("sky"), night, found["flat"]):
        made = tables.add(product.path, [*rows, tables.name_refusal(product.path)], product.frames)
        if made and product.kind == "flattened":
            used = {row.kind: row.master for row in rows}
            flattened[product.name] = used.get("illumination")
    for stack, rows in planned_stacks(lights, config.get("stack"), flattened):
        tables.add(stack.path, [*rows, tables.name_refusal(stack.path)], stack.frames)
    return tables.finish()


def plan_files(
    index: str | Path,
    amplifiers: str | Path,
    corrections: str | Path | None,
    settings: dict,
    ready: str | Path | None = None,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Plan the night of an index file.

    Parameters
    ----------
    index, amplifiers, corrections, ready : str
        Paths; corrections and the table of ready masters may be empty.
    settings : dict
        From `ccdlib.config.plan_settings`.

    Returns
    -------
    plan, members : list of dict
        See `make_plan`.
    """
    layouts = read_layouts(amplifiers)
    rows = read_rows(INDEX_TABLE, index, layouts, amplifiers)
    files = {row["file"] for row in rows}
    corrected = read_corrections(corrections, files) if corrections else {}
    masters = read_rows(READY_TABLE, ready, layouts, amplifiers) if ready else ()
    return make_plan(rows, settings, settings["camera"], corrected, masters)
