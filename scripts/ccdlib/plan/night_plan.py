"""The plan of a night: which frames make which masters, which masters serve which frame.

Pure functions of index, config, camera file and corrections. What they return is written as
results/plan.csv and results/members.csv, and nothing else decides what is made.
"""

import hashlib
import json
import re
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from functools import cached_property
from urllib.parse import quote

from ..camera.amplifiers import Amplifier
from ..config import combine_settings
from ..index.index_tables import INDEX_TABLE, READY_TABLE, read_layouts, read_rows
from .dark_groups import dark_groups
from .frames import KINDS, frames_of, read_corrections
from .matching import (
    Choice,
    Master,
    age_in_days,
    amplifier_difference,
    choose_bias,
    choose_dark,
    choose_flat,
    facts_agree,
    missing_policy,
)
from .near_masters import Shelf
from .plan_columns import MEMBERS_TABLE

__all__ = ["SET_ASIDE", "make_plan", "plan_files", "product_of", "type_of"]

# the reason of a row of kind "frame", after the name of the file
SET_ASIDE = ": corrections say use=false"

_LONGEST_NAME = 100


@dataclass(frozen=True)
class _Night:
    """What every decision needs to know."""

    frames: list
    config: dict
    camera: dict
    ready: tuple = ()

    @property
    def match(self):
        return self.config["match"]

    def overscan_removes_pedestal(self, frame):
        return self.config["overscan"]["method"] != "none" and frame.has_overscan

    def policy(self, kind):
        return missing_policy(kind, self.config, self.camera)

    def has_any(self, kind, frame):
        """Whether a frame of `kind` was taken near enough to `frame` to be missed."""
        dates, nights, undated = self.moments[kind]
        if frame.date is None:
            return frame.night in nights
        reach = timedelta(days=self.match["max_age"])
        first = bisect_left(dates, frame.date - reach)
        near = first < len(dates) and dates[first] <= frame.date + reach
        return near or frame.night in undated

    def ready_of(self, kind):
        return [master for master in self.ready if master.kind == kind]

    @cached_property
    def moments(self):
        """Of each kind the dates in order, the nights, and the nights of those without a date."""
        found = {}
        for kind in KINDS:
            frames = [each for each in self.frames if each.kind == kind] + self.ready_of(kind)
            dates = sorted(each.date for each in frames if each.date is not None)
            undated = {each.night for each in frames if each.date is None}
            found[kind] = dates, {each.night for each in frames}, undated
        return found

    @cached_property
    def calibrations(self):
        """{path of a detector: the frames that it could be measured from}."""
        found = {}
        for frame in self.frames:
            if frame.kind in ("bias", "dark", "flat"):
                found.setdefault(_detector_path(frame, self.match), []).append(frame)
        return found


def product_of(frame_name):
    """Where the calibrated file of a FRAME is written."""
    return f"results/calibrated/{frame_name}.fits"


def _slug(text, joint="-"):
    """A fact as part of a file name: r' and r, or two letters beyond ASCII, stay two."""
    plain = re.sub(r"[\s_]+", joint, str(text).strip())
    return quote(plain, safe="+", errors="surrogateescape") or "-"


def _key(frame, kind, match):
    """What the frames of one master have in common, but for the conditions of a dark."""
    key = {"night": frame.night} | {name: frame.facts[name] for name in match["facts"]}
    # frames of other shapes, units or amplifiers never meet, whatever match.facts says
    key |= {name: frame.facts[name] for name in ("size", "unit")}
    key["layout"] = frame.layout.without_read_noise.name
    if kind == "flat":
        key["filter"] = frame.facts["filter"]
    return key


def _name(key):
    """A master's name, made of the facts that are matched and the night alone."""
    parts = [key["night"]]
    for fact in ("camera", "size", "binning", "readout_mode"):
        if key.get(fact) is not None:
            parts.append(_slug(key[fact]))
    for fact, letter in (("gain_setting", "g"), ("offset", "o")):
        if key.get(fact) is not None:
            parts.append(letter + _slug(key[fact]))
    if key.get("exptime") is not None:
        parts.append(f"{key['exptime']:g}s")
    if key.get("temperature") is not None:
        parts.append(f"{key['temperature']:g}C")
    if key.get("filter") is not None:
        parts.append(_slug(key["filter"]))
    name = "_".join(parts)
    # a file name ends at 255 bytes, and a bad-pixel map bears the names of two masters
    if len(name) > _LONGEST_NAME:
        name = f"{name[: _LONGEST_NAME - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return name


def _grouped(frames, kind, match):
    """Frames of a kind by name; a second group of the same name is told apart in the reason."""
    groups, alike = {}, {}
    for frame in frames:
        if frame.kind == kind:
            text = json.dumps(_key(frame, kind, match), sort_keys=True)
            alike.setdefault(text, []).append(frame)
    for text, own in alike.items():
        conditions = dark_groups(own, match) if kind == "dark" else {}
        for frame in own:
            exptime, temperature = conditions.get(frame.file, (None, None))
            key = json.loads(text) | {"exptime": exptime, "temperature": temperature}
            same = groups.setdefault(_name(key), {})
            same.setdefault(json.dumps(key, sort_keys=True), []).append(frame)
    return groups


def _difference(first, second):
    """What tells two frames apart that would share a master's name."""
    for fact in first.facts:
        if fact != "object" and first.facts[fact] != second.facts[fact]:
            return f"{fact} {first.facts[fact]} and {second.facts[fact]}"
    names = [field.name for field in fields(Amplifier)]
    found = amplifier_difference(first.layout, second.layout, names)
    return "{} {} and {}".format(*found) if found else "what their headers say of the amplifiers"


def _masters(night, kind):
    """The masters of a kind, those that cannot be made with the reason."""
    needed = combine_settings(night.config, kind)["min_frames"]
    masters = []
    for name, keys in _grouped(night.frames, kind, night.match).items():
        members = [frame for group in keys.values() for frame in group]
        refused = None
        if len(keys) > 1:
            first, second = [group[0] for group in keys.values()][:2]
            refused = (
                f"{len(keys)} groups that differ would share the name {name}: "
                f"{_difference(first, second)} ({first.file}, {second.file})"
            )
        elif len(members) < needed:
            files = ", ".join(frame.file for frame in members)
            refused = (
                f"{len(members)} {kind} frame{'s' * (len(members) > 1)} ({files}), "
                f"combine.min_frames is {needed}"
            )
        temperatures = [frame.temperature for frame in members if frame.temperature is not None]
        masters.append(
            Master(
                kind,
                name,
                tuple(members),
                refused=refused,
                exptime=_mean_exposure(members) if kind == "dark" else None,
                level_removed=night.overscan_removes_pedestal(members[0]),
                temperature=sum(temperatures) / len(temperatures) if temperatures else None,
            )
        )
    return masters


def _mean_exposure(frames):
    times = [frame.exptime for frame in frames]
    return None if None in times else sum(times) / len(times)


def _detector_path(frame, match):
    return f"results/detector/{_name(_key(frame, 'bias', match))}.json"


def _noise_frames(frames):
    """What the read noise is measured from: biases, or the shortest darks where there are none.

    A CMOS camera is often used without biases; in its dark-flats, of a second or two, the
    noise of the dark current is far below the read noise.
    """
    biases = [frame for frame in frames if frame.kind == "bias"]
    darks = [frame for frame in frames if frame.kind == "dark" and frame.exptime is not None]
    if biases or not darks:
        return biases
    shortest = min(frame.exptime for frame in darks)
    return [frame for frame in darks if frame.exptime == shortest]


def _detectors(night):
    """Every gain and read noise that a night's own frames can give, as (path, frames)."""
    for path, frames in night.calibrations.items():
        if _detector_lack(frames) is None:
            noise = {frame.file for frame in _noise_frames(frames)}
            yield path, [each for each in frames if each.kind == "flat" or each.file in noise]


def _detector_lack(frames):
    """Why these frames cannot give gain and read noise, None when they can."""
    biases = len(_noise_frames(frames))
    filters = [frame.facts["filter"] for frame in frames if frame.kind == "flat"]
    flats = max((filters.count(name) for name in filters), default=0)
    if biases >= 2 and flats >= 2:
        return None
    return f"needs two biases and two flats of one filter, there are {biases} and {flats}"


def _choose_detector(frame, night, detectors):
    """Where the gain and read noise of a frame come from when its headers have none."""
    if not frame.needs_detector:
        return Choice("detector", "skipped", "gain and read noise are given")
    match = night.match
    own = _detector_path(frame, match)
    candidates = []
    for probe in detectors.near(frame, match["max_age"]):
        same_facts = all(probe.facts[name] == frame.facts[name] for name in match["facts"])
        layouts = [each.layout.without_read_noise for each in (probe.frames[0], frame)]
        if same_facts and layouts[0] == layouts[1]:
            path, age = probe.name, age_in_days(frame, probe)
            if path == own or (age is not None and age <= match["max_age"]):
                candidates.append((path != own, age or 0.0, path, probe))
    ready = _ready_detector(frame, night)
    best = min(candidates) if candidates else None
    # the noise of darks holds that of their current
    if best and (ready is None or any(each.kind == "bias" for each in best[3].frames)):
        _, age, path, _ = best
        return Choice("detector", "used", f"measured in {path}", None, age, None, path)
    if ready:
        reason = f"as in the header of ready master {ready.ready}"
        return Choice("detector", "used", reason, ready, age_in_days(frame, ready))
    lack = _detector_lack(night.calibrations.get(own, []))
    reason = (
        f"{frame.file}: gain or read noise is neither in the headers nor given by detector.gain "
        f"and detector.read_noise, and to measure it the night {lack}"
    )
    return Choice("detector", "refused", reason)


def _ready_detector(frame, night):
    """The nearest ready master whose header has the gain and read noise of these amplifiers."""
    fitting = [
        master
        for master in night.ready
        if master.has_detector and facts_agree(frame, master, night.match)
    ]
    by_age = [(age_in_days(frame, master) or 0.0, master.path, master) for master in fitting]
    return min(by_age, key=lambda each: each[:2])[2] if by_age else None


def _choose_all(frame, night, masters, kinds):
    """The choices for one frame, one for each kind of calibration that it takes."""
    choices = {}
    masters = {kind: masters[kind].near(frame, night.match["max_age"]) for kind in kinds}
    if "bias" in kinds:
        choices["bias"] = choose_bias(
            frame,
            masters["bias"],
            night.match,
            night.policy("bias"),
            night.has_any("bias", frame),
            night.overscan_removes_pedestal(frame),
        )
    bias_used = "bias" in choices and choices["bias"].status == "used"
    pedestal_gone = bias_used or night.overscan_removes_pedestal(frame)
    if "dark" in kinds:
        choices["dark"] = choose_dark(
            frame,
            masters["dark"],
            night.match,
            night.policy("dark"),
            night.has_any("dark", frame),
            may_scale=night.config["dark"]["scale"],
            pedestal_gone=pedestal_gone,
            bias_used=bias_used,
        )
    if "flat" in kinds:
        choices["flat"] = choose_flat(
            frame, masters["flat"], night.match, night.policy("flat"), night.has_any("flat", frame)
        )
    return choices


def _pedestal(frame, night, choices):
    """A refusal when nothing takes the pedestal away."""
    dark = choices.get("dark")
    by_dark = dark and dark.status == "used" and not dark.master.pedestal_removed
    by_bias = "bias" in choices and choices["bias"].status == "used"
    if by_bias or by_dark or night.overscan_removes_pedestal(frame):
        return None
    if any(choice.status == "refused" for choice in choices.values()):
        return None
    reason = (
        f"{frame.file}: nothing removes its pedestal: no bias, no overscan, and no dark of its "
        f"own exposure ({frame.exptime} s) that still holds it"
    )
    return Choice("pedestal", "refused", reason)


def _shared(master, night, masters, kinds, kind, each):
    """The choices of a master's frames, of one and the same where one serves them all."""
    chosen = {choice.master.name: choice.master for choice in each}
    votes = Counter(choice.master.name for choice in each)
    by_votes = sorted(
        chosen.values(), key=lambda one: (-votes[one.name], -(one.exptime or 0), one.name)
    )
    for one in by_votes if len(chosen) > 1 else []:
        again = [
            _choose_all(frame, night, masters | {kind: Shelf([one])}, kinds)[kind]
            for frame in master.frames
        ]
        if all(choice.status == "used" for choice in again):
            return again
    return each


def _group_choices(master, night, masters, kinds):
    """The choices for a master: those of its frames, which must be the same for all of them."""
    by_frame = [_choose_all(frame, night, masters, kinds) for frame in master.frames]
    agreed = {}
    for kind in by_frame[0]:
        each = [choices[kind] for choices in by_frame]
        if all(choice.status == "used" for choice in each):
            each = _shared(master, night, masters, kinds, kind, each)
        refused = next((choice for choice in each if choice.status == "refused"), None)
        chosen = {choice.master.path if choice.master else choice.status for choice in each}
        if refused:
            agreed[kind] = refused
        elif len(chosen) > 1:
            reason = f"its frames need different masters: {', '.join(sorted(chosen))}"
            agreed[kind] = Choice(kind, "refused", f"{master.name}: {reason}")
        else:
            # each frame of a flat scales the dark by its own exposure
            scales = tuple(choice.scale for choice in each)
            scale = scales[0] if len(set(scales)) == 1 else None
            agreed[kind] = replace(each[0], scale=scale, scales=scales)
    return agreed


def _row(product, choice):
    master = choice.master.path if choice.master else None
    if choice.kind == "detector" and choice.status == "used":
        master = master or choice.candidates
    return {
        "product": product,
        "kind": choice.kind,
        "master": master,
        "status": choice.status,
        "reason": choice.reason,
        "age": None if choice.age is None else round(choice.age, 4),
        "scale": choice.scale,
        "candidates": None if choice.kind == "detector" else choice.candidates or None,
    }


def _members(product, frames, choices=()):
    scales = next((choice.scales for choice in choices if choice.kind == "dark"), ())
    for number, frame in enumerate(frames):
        row = _member(product, frame) | frame.facts
        row |= {"imagetyp": frame.kind, "exptime": frame.exptime, "layout": frame.layout}
        row["temperature"] = frame.temperature
        # for the header of a master, by which other nights find it
        if product.startswith("results/masters/"):
            row |= {"night": frame.night, "date_obs": frame.date}
        if scales:
            row["dark_scale"] = scales[number]
        yield row


def _member(product, frame):
    own = {"master": product, "frame": frame.frame, "sha256": frame.sha256, "file": frame.file}
    return dict.fromkeys(MEMBERS_TABLE.columns) | own


class _Tables:
    """The rows of plan.csv and members.csv as they come."""

    def __init__(self):
        self.plan, self.members, self.ready = [], [], {}

    def add(self, product, choices, frames):
        """A product with its choices; a refused one has no members, it is not made."""
        choices = [choice for choice in choices if choice is not None]
        self.plan += [_row(product, choice) for choice in choices]
        if any(choice.status == "refused" for choice in choices):
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

    def finish(self):
        """Both tables, with a row of members for each ready master in use."""
        for path, master in sorted(self.ready.items()):
            self.members.append(_member(path, master.frames[0]))
        return self.plan, self.members


def _finish(master, night, tables, choices, detectors):
    """Add a master to the tables; returned with its refusal when it cannot be made."""
    own = (
        Choice("frames", "refused", f"{master.path}: {master.refused}")
        if master.refused
        else (Choice("frames", "used", f"{len(master.frames)} frames"))
    )
    detector = _choose_detector(master.frames[0], night, detectors)
    # a bias needs no gain, and its read noise is the scatter of its own frames
    if master.kind == "bias" and detector.status == "refused":
        detector = Choice("detector", "skipped", "a bias can do without")
    rows = [own, *choices.values(), detector]
    if tables.add(master.path, rows, master.frames):
        return master
    return replace(master, refused=next(row.reason for row in rows if row.status == "refused"))


def _plan_masters(night, tables, detectors):
    # ready ones first, as a dark's biases and a flat's darks may be among them
    masters = {kind: Shelf(night.ready_of(kind)) for kind in ("bias", "dark", "flat")}
    for bias in _masters(night, "bias"):
        masters["bias"].append(_finish(bias, night, tables, {}, detectors))
    for dark in _masters(night, "dark"):
        if dark.exptime is None or dark.exptime <= 0:
            files = ", ".join(frame.file for frame in dark.frames)
            lack = f"exptime={dark.exptime} in {files}, a dark needs a positive exposure time"
            dark = replace(dark, refused=lack)
        choices = _group_choices(dark, night, masters, ["bias"])
        by_overscan = all(night.overscan_removes_pedestal(frame) for frame in dark.frames)
        by_bias = choices["bias"].status == "used"
        dark = replace(dark, pedestal_removed=by_bias or by_overscan, bias_removed=by_bias)
        masters["dark"].append(_finish(dark, night, tables, choices, detectors))
    for flat in _masters(night, "flat"):
        choices = _group_choices(flat, night, masters, ["bias", "dark"])
        pedestal = _pedestal(flat.frames[0], night, choices)
        if pedestal:
            choices["pedestal"] = pedestal
        masters["flat"].append(_finish(flat, night, tables, choices, detectors))
    return masters


_STEPS = {
    "bias": [],
    "dark": ["bias"],
    "flat": ["bias", "dark"],
    "light": ["bias", "dark", "flat"],
}


def type_of(kinds):
    """The type of a frame, from the kinds that its rows of plan.csv are about."""
    steps = sorted(set(kinds) & set(_STEPS["light"]))
    return next(kind for kind, own in _STEPS.items() if sorted(own) == steps)


def _bad_pixels(choices, config):
    """Where the bad pixels of a frame come from: the masters that it uses anyway."""
    if config["bad_pixels"] == "none":
        return Choice("bad_pixels", "skipped", "bad_pixels is none"), []
    if config["bad_pixels"] != "measure":
        return Choice("bad_pixels", "skipped", f"read from {config['bad_pixels']}"), []
    # how the frame uses them is its own affair: the map of two frames is the same
    sources = [
        Choice(kind, "used", "measured from it", choices[kind].master)
        for kind in ("dark", "flat")
        if kind in choices and choices[kind].status == "used"
    ]
    if not sources:
        return Choice("bad_pixels", "skipped", "no dark or flat to measure them from"), []
    name = "+".join(choice.master.name for choice in sources)
    master = Master("bad_pixels", name, sources[0].master.frames)
    kinds = " and ".join(choice.kind for choice in sources)
    return Choice("bad_pixels", "used", f"measured from the {kinds}", master), sources


def _plan_frame(frame, night, tables, masters, detectors):
    choices = _choose_all(frame, night, masters, _STEPS[frame.kind])
    pedestal = None if frame.kind in ("bias", "dark") else _pedestal(frame, night, choices)
    detector = _choose_detector(frame, night, detectors)
    bad_pixels, sources = _bad_pixels(choices, night.config)
    rows = [*choices.values(), bad_pixels, detector, pedestal]
    made = tables.add(product_of(frame.frame), rows, [frame])
    return (bad_pixels.master, sources) if made and sources else None


def _ready_masters(rows):
    """The `Master` of each row of ready.csv; of two of one kind and name both bear their hash."""
    wanted = [row for row in rows if row["imagetyp"] in _STEPS]
    names = Counter((row["imagetyp"], _slug(row["frame"], "_")) for row in wanted)
    for row in wanted:
        name = _slug(row["frame"], "_")
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


def make_plan(index, config, camera, corrections, ready=()):
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
    night = _Night(frames, config, camera, tuple(_ready_masters(ready)))
    tables = _Tables()
    tables.set_aside(index, corrections)
    detectors = Shelf(Master("bias", path, tuple(each)) for path, each in _detectors(night))
    for each in detectors:
        tables.add(each.name, [Choice("frames", "used", f"{len(each.frames)} frames")], each.frames)
    masters = _plan_masters(night, tables, detectors)
    maps = {}
    for frame in sorted(frames, key=lambda each: KINDS.index(each.kind)):
        planned = _plan_frame(frame, night, tables, masters, detectors)
        if planned:
            maps[planned[0].path] = planned
    for master, sources in maps.values():
        tables.add(master.path, sources, master.frames[:1])
    return tables.finish()


def plan_files(index, amplifiers, corrections, settings, ready=None):
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
