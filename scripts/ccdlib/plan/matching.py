"""Which master serves which frame: pure functions, each decision with its reason."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

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
    "amplifier_difference",
    "choose_bias",
    "choose_dark",
    "choose_master",
    "facts_agree",
    "missing_policy",
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
    for name in names:
        if frame.facts[name] != master.facts[name]:
            return f"{name} {_shown(master.facts[name])}, the frame has {_shown(frame.facts[name])}"
    return None


def facts_agree(frame: Frame, master: Master, match: dict) -> bool:
    """Whether a master's facts and amplifiers are those of a frame, and it is young enough."""
    return _common_reason(frame, master, match) is None


def _too_old(frame, master, match):
    age = age_in_days(frame, master)
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
    if layout == frame.layout:
        return None
    names = ("gain",) if is_cut(frame, master) else ("data", "gain")
    difference = amplifier_difference(layout, frame.layout, names)
    return difference and "{} {}, the frame has {}".format(*difference)


def _common_reason(frame, master, match):
    """Why a master cannot serve a frame whatever its kind, None when it can."""
    # of the size `_unusable` tells: a master may be larger
    names = [name for name in match["facts"] if name != "size"]
    return (
        _facts_differ(frame, master, names)
        or _too_old(frame, master, match)
        or _unusable(frame, master)
    )


def _choose(frame, kind, masters, why_not, rank, policy, has_any, max_age, unusable=_unusable):
    """The best of the masters that fit, or a skip or a refusal by the policy."""
    pin = frame.pins.get(kind)
    if pin is not None:
        return _pinned(frame, kind, pin, masters, unusable)
    lost: list[tuple[Master, str]] = []
    fitting: list[tuple[Master, None]] = []
    for master in masters:
        # one that cannot be read has no facts to speak of
        reason = (master.ready and master.refused) or why_not(master)
        (fitting if reason is None else lost).append((master, reason))
    if not fitting:
        listed = _listed(frame, lost)
        if policy == "skip" or (policy == "auto" and not has_any):
            reason = f"no {kind} fits" if has_any else f"no {kind} within {max_age:g} days"
            return Choice(
                kind, "skipped", f"{reason}; missing.{kind} is {policy}", candidates=listed
            )
        reason = f"no master {kind} fits" if masters else f"no {kind} frame to make a master from"
        detail = f" ({listed})" if listed else ""
        return Choice(kind, "refused", f"{frame.file}: {reason}{detail}", candidates=listed)
    ordered = sorted(fitting, key=lambda pair: (*rank(pair[0]), pair[0].name))
    best = ordered[0][0]
    lost += [(master, f"fits, {best.name} is nearer") for master, _ in ordered[1:]]
    listed = _listed(frame, lost)
    same = [
        name
        for name, value in best.facts.items()
        if name != "object" and value is not None and value == frame.facts[name]
    ]
    reason = f"{_origin(best)}same " + ", ".join(same)
    section = cut_of(frame, best)
    if section is not None:
        reason += f"; {section.fits()} of it, where the frame's window is"
    return Choice(kind, "used", reason, best, age_in_days(frame, best), None, listed)


def _origin(master):
    return f"ready master {master.ready}; " if master.ready else ""


def _listed(frame, lost):
    """Why masters lost, the nearest in time first; of many the rest is counted."""

    def age(pair):
        days = age_in_days(frame, pair[0])
        return float("inf") if days is None else days

    shown = sorted(lost, key=age) if len(lost) > _MOST_LISTED else lost
    texts = [f"{master.name}: {reason}" for master, reason in shown[:_MOST_LISTED]]
    if len(lost) > _MOST_LISTED:
        texts.append(f"{len(lost) - _MOST_LISTED} others")
    return "; ".join(texts)


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


def _rank_by_age(frame, master):
    age = age_in_days(frame, master)
    # one or two frames make a master where there are no more
    few = not master.ready and len(master.frames) < _FEWEST
    other = frame.night != master.night, is_cut(frame, master)
    return (few, *other, age if age is not None else 0.0, bool(master.ready))


def choose_bias(
    frame: Frame,
    masters: Sequence[Master],
    match: dict,
    policy: str | None,
    has_any: bool,
    level_removed: bool | None = None,
) -> Choice:
    """The master bias for a frame: same facts, of its temperature, nearest in time.

    One of another temperature serves where there is none of its own, and the reason says so.

    Parameters
    ----------
    level_removed : bool or None
        Whether the overscan takes off the frame's level, as it must have the bias's; None
        where nobody asks.
    """

    def unusable(frame, master):
        return _unusable(frame, master) or _other_level(master, level_removed)

    def rank(master):
        few, *others = _rank_by_age(frame, master)
        other = _too_warm(frame, master, match) is not None
        apart = abs(frame.temperature - master.temperature) if other else 0.0
        return few, other, apart, *others

    choice = _choose(
        frame,
        "bias",
        masters,
        lambda master: _common_reason(frame, master, match) or unusable(frame, master),
        rank,
        policy,
        has_any,
        match["max_age"],
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
) -> Choice:
    """The master of any kind for a frame: same facts, and those of the kind, nearest in time."""
    return _choose(
        frame,
        kind,
        masters,
        lambda master: (
            _facts_differ(frame, master, KINDS[kind].same) or _common_reason(frame, master, match)
        ),
        lambda master: _rank_by_age(frame, master),
        policy,
        has_any,
        match["max_age"],
    )


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
    """
    timeless = frame.exptime is None or frame.exptime <= 0
    if masters and timeless and frame.pins.get("dark") != "none":
        return _without_exposure(frame, policy)

    def unusable(frame, master):
        return _unusable(frame, master) or _wrong_exposure(
            frame, master, match, may_scale, pedestal_gone, bias_used
        )

    def rank(master):
        other = not _same_exposure(frame.exptime, master.exptime, match["exposure"])
        shorter = master.exptime < frame.exptime
        apart = abs(master.exptime - frame.exptime)
        few, *others = _rank_by_age(frame, master)
        return few, other, shorter, apart, *others

    choice = _choose(
        frame,
        "dark",
        masters,
        lambda master: (
            _common_reason(frame, master, match)
            or _too_warm(frame, master, match)
            or unusable(frame, master)
        ),
        rank,
        policy,
        has_any,
        match["max_age"],
        unusable,
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
