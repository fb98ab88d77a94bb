"""What one frame is calibrated with: a choice of each kind of master."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from .matching import Choice, choose_bias, choose_dark, choose_master

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..kinds import Kind
    from .frames import Frame
    from .near_masters import NearMasters
    from .night import Night

__all__ = ["choose_all", "pedestal_refusal"]


def _choose(kind, frame, candidates, night, chosen):
    """The choice of one kind of master for a frame.

    Parameters
    ----------
    kind : Kind
    frame : Frame
    candidates : list of Master
    night : Night
    chosen : dict
        {kind: Choice} of the kinds that come before it.
    """
    if kind.name in frame.done_steps:
        return Choice(kind.name, "skipped", f"done already: {frame.facts['done']}")
    level_removed = night.overscan_removes_pedestal(frame)
    doubt = None if level_removed else _doubt(kind.name, frame, candidates)
    if doubt:
        return Choice(kind.name, "refused", doubt)
    common = candidates, night.match, night.policy(kind.name), night.has_any(kind, frame)
    by_bias = "bias" in chosen and chosen["bias"].status == "used"
    bias_used = by_bias or "bias" in frame.done_steps
    verdicts = night.verdicts(kind, frame, level_removed, bias_used)
    if kind.name == "bias":
        return choose_bias(frame, *common, level_removed, verdicts)
    if kind.name == "dark":
        return choose_dark(
            frame,
            *common,
            may_scale=night.config["dark"]["scale"],
            pedestal_gone=bias_used or level_removed,
            bias_used=bias_used,
            verdicts=verdicts,
        )
    lit = night.config.get("flat_from", "auto")
    return choose_master(frame, *common, kind.name, verdicts, lit)


def _doubt(kind, frame, candidates):
    """A refusal where a pedestal was added to the frame alone, and no card says why."""
    own = frame.layout.pedestal
    if kind == "flat" or frame.facts.get("done") or kind in frame.pins:
        return None
    alike = [master for master in candidates if master.facts["size"] == frame.facts["size"]]
    other = next((master for master in alike if master.frames[0].layout.pedestal != own), None)
    if other is None:
        return None
    theirs = -other.frames[0].layout.pedestal
    return (
        f"{frame.file}: PEDESTAL={-own:g} where {kind} {other.name} has {theirs:g} "
        "(0 stands for none): something was subtracted from one of them, and no card says what; "
        "write done=bias+dark (or done=none) for it in the table of corrections"
    )


def choose_all(
    frame: Frame, night: Night, found: Mapping[str, NearMasters], kinds: Iterable[Kind]
) -> dict[str, Choice]:
    """{kind: Choice} for one frame, of each kind of master that it is calibrated with."""
    chosen: dict[str, Choice] = {}
    for kind in kinds:
        candidates = found[kind.name].near(frame, night.match["max_age"])
        choice = _choose(kind, frame, candidates, night, chosen)
        chosen[kind.name] = _with_lost(choice, kind, frame, night)
    return chosen


def _with_lost(choice, kind, frame, night):
    """A choice of no master, with what the index refused, or did not know, and may be lacking."""
    wanted = choice.master is None and kind.name not in frame.pins | dict.fromkeys(frame.done_steps)
    told = wanted and night.told_lost(kind, frame)
    return replace(choice, reason=f"{choice.reason}; {told}") if told else choice


def pedestal_refusal(frame: Frame, night: Night, choices: Mapping[str, Choice]) -> Choice | None:
    """A refusal when nothing takes the pedestal away."""
    dark = choices.get("dark")
    used = dark.master if dark and dark.status == "used" else None
    by_dark = used and not used.pedestal_removed
    by_bias = "bias" in choices and choices["bias"].status == "used"
    if by_bias or by_dark or night.overscan_removes_pedestal(frame):
        return None
    if "bias" in frame.done_steps:
        return None
    if any(choice.status == "refused" for choice in choices.values()):
        return None
    reason = (
        f"{frame.file}: nothing removes its pedestal: no bias, no overscan, and no dark of its "
        f"own exposure ({frame.exptime} s) that still holds it"
    )
    return Choice("pedestal", "refused", reason)
