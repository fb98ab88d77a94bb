"""Which master serves which frame: pure functions, each decision with its reason."""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass, replace
from functools import cached_property
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from ..camera.amplifiers import Layout
from ..kinds import KINDS
from .window_match import cut_of, is_cut, why_other_pixels

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from .frames import Frame

__all__ = [
    "Choice",
    "Master",
    "Verdict",
    "amplifier_difference",
    "choose_bias",
    "choose_dark",
    "choose_master",
    "facts_agree",
    "missing_policy",
    "other_telescope",
]

_SECONDS_PER_DAY = 86400.0
# a master of fewer frames comes last
_FEWEST = 3
# beyond, the plan of an archive would be about nothing else
_MOST_LISTED = 4


@dataclass(frozen=True)
class Master:
    """A master frame that is planned, or ready.

    Attributes
    ----------
    kind, name : str
    frames : tuple of Frame
    exptime, temperature : float or None
        Of darks.
    pedestal_removed : bool
        Whether the bias level is gone from it; a dark that still holds it cannot be scaled.
    refused : str or None
        Why it cannot be made.
    level_removed, bias_removed : bool or None
        Whether the overscan's level and a master bias were subtracted from its frames; None
        when nobody asked.
    ready : str or None
        The file of one that is there already; `frames` then is one that stands for it.
    has_detector : bool
        Whether a ready one's header has the gain and read noise of its amplifiers.
    """

    kind: str
    name: str
    frames: tuple[Frame, ...]
    exptime: float | None = None
    temperature: float | None = None
    pedestal_removed: bool = True
    refused: str | None = None
    level_removed: bool | None = None
    bias_removed: bool | None = None
    ready: str | None = None
    has_detector: bool = False

    @property
    def path(self) -> str:
        """Where it is written; of a ready one what it is called, wherever its folder lies."""
        if self.ready:
            return f"ready/{self.kind}/{self.name}.fits"
        return KINDS[self.kind].path(self.name)

    # every frame that the master might serve asks for these

    @cached_property
    def night(self) -> str:
        return self.frames[0].night

    @cached_property
    def facts(self) -> dict[str, Any]:
        return self.frames[0].facts

    @cached_property
    def lit(self) -> str | None:
        """What lights a flat, as far as it is known of any of its frames."""
        lights = {frame.lit for frame in self.frames} - {None}
        return lights.pop() if len(lights) == 1 else None

    @cached_property
    def telescope(self) -> str | None:
        """Where the frames of its camera name several."""
        return self.frames[0].telescope

    @cached_property
    def date(self) -> datetime | None:
        """The mean moment of its frames, None when one has no date."""
        dates = [frame.date for frame in self.frames if frame.date is not None]
        if len(dates) < len(self.frames):
            return None
        return dates[0] + sum(
            ((date - dates[0]) for date in dates), start=dates[0] - dates[0]
        ) / len(dates)


@dataclass(frozen=True)
class Choice:
    """What was decided for one kind of calibration of one product.

    Attributes
    ----------
    status : str
        'used', 'skipped' or 'refused'.
    reason : str
    master : Master or None
    age : float or None
        Days between the frame and the master.
    scale : float or None
        Factor on a dark; None where the frames of a master have different ones.
    scales : tuple of float
        Of each frame of a master.
    uses : tuple of str
        Where the frames of a master have several darks: dark, dark_2 ... of each.
    candidates : str
        The others and why they lost.
    """

    kind: str
    status: str
    reason: str
    master: Master | None = None
    age: float | None = None
    scale: float | None = None
    candidates: str = ""
    scales: tuple[float | None, ...] = ()
    uses: tuple[str, ...] = ()


class _Lost(NamedTuple):
    """A master that was not chosen: its age in days, why, and how much of it does not fit."""

    master: Master
    age: float | None
    reason: str
    misses: int = 0


class Verdict(NamedTuple):
    """What is to be said of a master for all frames that differ in their moment alone.

    Attributes
    ----------
    differs, unfit : str or None
        Why it cannot serve them; `differs` is said before its age, `unfit` after it.
    rank, tie : tuple
        How near it is, the smaller the nearer: first `rank`, then its age, then `tie`.
    """

    differs: str | None
    unfit: str | None
    rank: tuple = ()
    tie: tuple = ()


def missing_policy(kind: str, config: dict, camera: dict) -> str | None:
    """What happens when a kind has no master: the config's word, the camera's, the default."""
    given = config["missing"].get(kind) or camera["missing"].get(kind)
    return given or KINDS[kind].missing


def age_in_days(frame: Frame, master: Master | Frame) -> float | None:
    """Days between a frame and the mean moment of a master, None when either has no date."""
    if frame.date is None or master.date is None:
        return None
    return abs((frame.date - master.date).total_seconds()) / _SECONDS_PER_DAY


def _shown(value):
    return "none" if value is None else value


def _facts_differ(frame, master, names):
    own, its = frame.facts, master.facts
    for name in names:
        # of the size `_unusable` tells: a master may be larger
        if own[name] != its[name] and name != "size":
            return f"{name} {_shown(its[name])}, the frame has {_shown(own[name])}"
    return None


def facts_agree(frame: Frame, master: Master, match: dict) -> bool:
    """Whether a master's facts and amplifiers are those of a frame, and it is young enough."""
    reason = (
        _facts_differ(frame, master, match["facts"])
        or _too_old(frame, master, match, age_in_days(frame, master))
        or _unusable(frame, master)
    )
    return reason is None


def _too_old(frame, master, match, age):
    if age is None:
        same = frame.night == master.night
        return None if same else f"night {master.night}, the frame's is {frame.night}"
    if age > match["max_age"]:
        return f"{age:.1f} days away, at most {match['max_age']:g} (match.max_age)"
    return None


def amplifier_difference(
    first: Layout, second: Layout, names: Sequence[str] = ("data", "gain")
) -> tuple[Any, ...] | None:
    """Where the amplifiers of two frames differ.

    Parameters
    ----------
    first, second : Layout
    names : sequence of str
        What to compare; what one of the two does not know cannot differ.

    Returns
    -------
    (str, value, value) or None
    """
    if first == second:
        return None
    ones, others = first.amplifiers, second.amplifiers
    if len(ones) != len(others):
        return "number of amplifiers", len(ones), len(others)
    for one, other in zip(ones, others, strict=True):
        for name in names:
            values = getattr(one, name), getattr(other, name)
            if None not in values and values[0] != values[1]:
                return name, *(value.fits() if name == "data" else value for value in values)
    return None


def _unusable(frame, master):
    """Why a master cannot serve a frame even where the user asks for it, None when it can."""
    reason = why_other_pixels(frame, master) or _facts_differ(frame, master, ["unit"])
    # one of other pixels would not serve if it could be made
    if reason or master.refused:
        return reason or master.refused
    orders = master.facts["row_order"], frame.facts["row_order"]
    if None not in orders and orders[0] != orders[1]:
        return f"row_order {orders[0]}, the frame has {orders[1]}"
    layout = master.frames[0].layout
    if layout is frame.layout or layout == frame.layout:
        return None
    names = ("gain",) if is_cut(frame, master) else ("data", "gain")
    difference = amplifier_difference(layout, frame.layout, names)
    return difference and "{} {}, the frame has {}".format(*difference)


def _verdict(frame, master, match, unfit=_unusable, nearer=lambda master: (), same=()):
    """The `Verdict` on a master.

    Parameters
    ----------
    unfit : callable
        Why the master cannot serve the frame although the facts agree, None when it can.
    nearer : callable
        What counts before the night in how near the master is.
    same : sequence of str
        Facts that must agree beside those of all kinds.
    """
    # one that cannot be read has no facts to speak of
    differs = (
        (master.refused if master.ready else None)
        or _facts_differ(frame, master, same)
        or _facts_differ(frame, master, match["facts"])
    )
    reason = differs or unfit(frame, master)
    if reason is not None:
        return Verdict(differs, reason)
    # one or two frames make a master where there are no more
    few = not master.ready and len(master.frames) < _FEWEST
    # a light is lit by the sky
    by_dome = master.lit == "dome"
    # what a telescope has no part in may be of another one, if its detector went round
    other = other_telescope(frame, master) is not None
    rank = other, few, *nearer(master), frame.night != master.night, by_dome, is_cut(frame, master)
    return Verdict(None, None, rank, (bool(master.ready),))


def _misses(verdict):
    """0 where a master serves but for its age, 1 where it is of the same facts, 2 of others."""
    return (verdict.differs is not None) + (verdict.unfit is not None)


def _choose(frame, kind, masters, judge, verdicts, policy, has_any, match, unusable=_unusable):
    """The best of the masters that fit, or a skip or a refusal by the policy.

    Parameters
    ----------
    judge : callable
        The `Verdict` on a master, asked for where `verdicts` has none of it yet.
    verdicts : dict or None
        {id of a master: Verdict} of frames that differ from this one in their moment alone.
    """
    pin = frame.pins.get(kind)
    if pin is not None:
        return _pinned(frame, kind, pin, masters, unusable)
    verdicts = {} if verdicts is None else verdicts
    lost: list[_Lost] = []
    fitting: list[tuple[tuple, Master, float | None]] = []
    for master in masters:
        verdict = verdicts.get(id(master))
        if verdict is None:
            verdict = verdicts[id(master)] = judge(master)
        age = age_in_days(frame, master)
        reason = verdict.differs or _too_old(frame, master, match, age) or verdict.unfit
        if reason is None:
            rank = (*verdict.rank, age or 0.0, *verdict.tie, master.name)
            fitting.append((rank, master, age))
        else:
            lost.append(_Lost(master, age, reason, _misses(verdict)))
    if not fitting:
        return _without(frame, kind, lost, policy, has_any, match["max_age"])
    fitting.sort(key=itemgetter(0))
    _, best, age = fitting[0]
    farther = f"fits, {best.name} is nearer"
    lost += [_Lost(master, days, farther) for _, master, days in fitting[1:]]
    same = [
        name
        for name, value in best.facts.items()
        if name != "object" and value is not None and value == frame.facts[name]
    ]
    reason = f"{_origin(best)}same " + ", ".join(same)
    section = cut_of(frame, best)
    if section is not None:
        reason += f"; {section.fits()} of it, where the frame's window is"
    return Choice(kind, "used", reason, best, age, None, _listed(lost))


def _without(frame, kind, lost, policy, has_any, max_age):
    """A skip or a refusal by the policy where no master fits."""
    listed = _listed(lost)
    if policy == "skip" or (policy == "auto" and not has_any):
        reason = f"no {kind} fits" if has_any else f"no {kind} within {max_age:g} days"
        return Choice(kind, "skipped", f"{reason}; missing.{kind} is {policy}", candidates=listed)
    reason = f"no master {kind} fits" if lost else f"no {kind} frame to make a master from"
    detail = f" ({listed})" if listed else ""
    return Choice(kind, "refused", f"{frame.file}: {reason}{detail}", candidates=listed)


def _origin(master):
    return f"ready master {master.ready}; " if master.ready else ""


def _listed(lost):
    """Why masters lost, those first that lack least; of many the rest is counted."""
    shown = sorted(lost, key=_lack) if len(lost) > _MOST_LISTED else lost
    texts = [f"{each.master.name}: {each.reason}" for each in shown[:_MOST_LISTED]]
    if len(lost) > _MOST_LISTED:
        texts.append(f"{len(lost) - _MOST_LISTED} others")
    return "; ".join(texts)


def _lack(lost):
    """What only its age keeps away comes first, then what has all the facts, then the youngest."""
    return lost.misses, math.inf if lost.age is None else lost.age


def _pinned(frame, kind, pin, masters, unusable):
    """The master that the user asks for; its age and temperature are the user's business."""
    if pin == "none":
        return Choice(kind, "skipped", "corrections say none")
    wanted = pin.removeprefix("./").rpartition("/")[2].removesuffix(".fits")
    named = next((master for master in masters if master.name == wanted), None)
    if named is None:
        names = [master.name for master in masters]
        near = difflib.get_close_matches(wanted, names, 3, 0.0) or ["none"]
        others = f" and {len(names) - 3} others" if len(names) > 3 else ""
        reason = (
            f"{frame.file}: corrections want {kind} {pin!r}, there is {', '.join(near)}{others}"
        )
        return Choice(kind, "refused", reason)
    reason = unusable(frame, named)
    if reason is not None:
        return Choice(kind, "refused", f"{frame.file}: corrections want {kind} {pin!r}: {reason}")
    reason = f"{_origin(named)}pinned by the corrections"
    return Choice(kind, "used", reason, named, age_in_days(frame, named))


def choose_bias(
    frame: Frame,
    masters: Sequence[Master],
    match: dict,
    policy: str | None,
    has_any: bool,
    level_removed: bool | None = None,
    verdicts: dict[int, Verdict] | None = None,
) -> Choice:
    """The master bias for a frame: same facts, of its temperature, nearest in time.

    One of another temperature serves where there is none of its own, and the reason says so.

    Parameters
    ----------
    level_removed : bool or None
        Whether the overscan takes off the frame's level, as it must have the bias's; None
        where nobody asks.
    verdicts : dict or None
        What is known of masters for frames that are `Frame.alike` and asked with the same
        settings; filled.
    """

    def unusable(frame, master):
        return _unusable(frame, master) or _other_level(master, level_removed)

    def nearer(master):
        other = _too_warm(frame, master, match) is not None
        return other, abs(frame.temperature - master.temperature) if other else 0.0

    choice = _choose(
        frame,
        "bias",
        masters,
        lambda master: _verdict(frame, master, match, unusable, nearer),
        verdicts,
        policy,
        has_any,
        match,
        unusable,
    )
    warm = choice.master and _too_warm(frame, choice.master, match)
    return replace(choice, reason=f"{choice.reason}; {warm}") if warm else choice


def _other_level(master, level_removed):
    """Why a bias cannot serve a frame whose overscan is treated otherwise."""
    if level_removed is None or master.level_removed in (None, level_removed):
        return None
    if level_removed:
        return "still holds its level, the frame's is taken off by its overscan"
    return "had its overscan subtracted, the frame has not"


def choose_master(
    frame: Frame,
    masters: Sequence[Master],
    match: dict,
    policy: str | None,
    has_any: bool,
    kind: str,
    verdicts: dict[int, Verdict] | None = None,
    lit: str = "auto",
) -> Choice:
    """The master of any kind for a frame: same facts, and those of the kind, nearest in time.

    Parameters
    ----------
    lit : {'auto', 'dome', 'sky'}
        What is to light a flat; auto takes the sky's where a night has both.
    """

    def unfit(frame, master):
        reason = _unusable(frame, master) or other_telescope(frame, master)
        return reason or _other_light(master, lit)

    return _choose(
        frame,
        kind,
        masters,
        lambda master: _verdict(frame, master, match, unfit, same=KINDS[kind].same),
        verdicts,
        policy,
        has_any,
        match,
    )


def other_telescope(frame: Frame, master: Master) -> str | None:
    """How a master's telescope differs from a frame's, None where one of the two is not known."""
    own, its = frame.telescope, master.telescope
    return None if None in (own, its) or own == its else f"telescope {its}, the frame has {own}"


def _other_light(master, lit):
    """Why a flat is not the one that is asked for."""
    own = master.lit
    if lit == "auto" or own in (None, lit):
        return None
    return f"lit by the {own}, flat.from is {lit}"


def _same_exposure(first, second, tolerance):
    return abs(first - second) <= tolerance * max(abs(first), abs(second))


def _too_warm(frame, master, match):
    if frame.temperature is None or master.temperature is None:
        return None
    if abs(frame.temperature - master.temperature) <= match["temperature"]:
        return None
    return (
        f"temperature {master.temperature:g}, the frame has {frame.temperature:g} "
        f"(match.temperature {match['temperature']:g})"
    )


def _wrong_exposure(frame, master, match, may_scale, pedestal_gone, bias_used):
    """Why a dark cannot be subtracted, as it is or scaled; None when it can."""
    if pedestal_gone and not master.pedestal_removed:
        return "still holds its bias, the frame's is taken off by other means"
    if bias_used and master.bias_removed is False:
        return "had no bias subtracted, its structure would go twice from the frame"
    if not pedestal_gone and master.pedestal_removed:
        return "holds its bias no more, and nothing else takes off the frame's"
    if _same_exposure(frame.exptime, master.exptime, match["exposure"]):
        return None
    times = f"exposure {master.exptime:g} s, the frame has {frame.exptime:g} s"
    if not may_scale:
        return f"{times} and dark.scale is false"
    if not master.pedestal_removed:
        return f"{times} and a dark that holds its bias cannot be scaled"
    return None


def _without_exposure(frame, policy):
    """A dark for a frame whose exposure time is missing: none, or a refusal."""
    reason = f"exptime={frame.exptime}, a dark needs a positive exposure time"
    if policy == "skip" and "dark" not in frame.pins:
        return Choice("dark", "skipped", f"{reason}; missing.dark is skip")
    return Choice("dark", "refused", f"{frame.file}: {reason}")


def choose_dark(
    frame: Frame,
    masters: Sequence[Master],
    match: dict,
    policy: str | None,
    has_any: bool,
    *,
    may_scale: bool,
    pedestal_gone: bool,
    bias_used: bool = False,
    verdicts: dict[int, Verdict] | None = None,
) -> Choice:
    """The master dark for a frame.

    A dark of the frame's own exposure comes first, then the nearest longer one, since
    scaling down scales noise down. One that still holds its pedestal serves only frames of
    its own exposure whose pedestal nothing else removes.

    Parameters
    ----------
    may_scale : bool
        The config's dark.scale.
    pedestal_gone : bool
        Whether a bias or the overscan removes the frame's pedestal.
    bias_used : bool
        Whether a bias is subtracted from the frame.
    verdicts : dict or None
        As in `choose_bias`.
    """
    timeless = frame.exptime is None or frame.exptime <= 0
    if masters and timeless and frame.pins.get("dark") != "none":
        return _without_exposure(frame, policy)

    def wrong_exposure(master):
        return _wrong_exposure(frame, master, match, may_scale, pedestal_gone, bias_used)

    def nearer(master):
        other = not _same_exposure(frame.exptime, master.exptime, match["exposure"])
        return other, master.exptime < frame.exptime, abs(master.exptime - frame.exptime)

    def unfit(frame, master):
        return _unusable(frame, master) or _too_warm(frame, master, match) or wrong_exposure(master)

    choice = _choose(
        frame,
        "dark",
        masters,
        lambda master: _verdict(frame, master, match, unfit, nearer),
        verdicts,
        policy,
        has_any,
        match,
        lambda frame, master: _unusable(frame, master) or wrong_exposure(master),
    )
    if choice.status != "used":
        return choice
    same = _same_exposure(frame.exptime, choice.master.exptime, match["exposure"])
    as_it_is = same or not choice.master.pedestal_removed
    times = f"{choice.master.exptime:g} s for {frame.exptime:g} s"
    return replace(
        choice,
        reason=f"{choice.reason}; {times}",
        scale=1.0 if as_it_is else frame.exptime / choice.master.exptime,
    )
