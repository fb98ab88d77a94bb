"""What the frames of one master are calibrated with, and which of them have to leave it.

All frames of a master share one bias, and one dark where there is one that fits them all; else each
takes its own (`dark`, `dark_2` ...). A frame that none fits leaves the stack; the others make the
master, as long as there are combine.min_frames of them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from ..config import combine_settings
from ..kinds import KINDS, calibrations_of
from .frame_choices import choose_all
from .master_groups import with_frames
from .matching import Choice
from .near_masters import NearMasters

if TYPE_CHECKING:
    from .frames import Frame
    from .matching import Master
    from .night import Night

__all__ = ["stack_choices"]


def stack_choices(
    master: Master, night: Night, found: dict[str, NearMasters]
) -> tuple[Master, dict[str, Choice], list[tuple[Frame, str]]]:
    """The choices that the frames of a master share.

    Parameters
    ----------
    master : Master
        With all frames that could go into it.
    night : Night
    found : dict
        {kind: NearMasters} of the masters that come before it.

    Returns
    -------
    master : Master
        With the frames that stay; with all of them where too few do.
    choices : dict
        {kind: Choice}, a refusal where too few frames stay.
    left : list of (Frame, str)
        The frames that leave it, and why.
    """
    (frame_type,) = KINDS[master.kind].made_of
    kinds = calibrations_of(frame_type, before=master.kind)
    staying, refusals, chosen = list(master.frames), [], {}
    for number, kind in enumerate(kinds, start=1):

        def choose(frame, masters=found[kind.name], kind=kind.name, kinds=kinds[:number]):
            return choose_all(frame, night, found | {kind: masters}, kinds)[kind]

        chosen[kind.name] = _shared(kind.name, staying, choose)
        own = {frame.file: chosen[kind.name][frame.file] for frame in staying}
        refusals += [(frame, own[frame.file]) for frame in staying if _is_refused(own[frame.file])]
        staying = [frame for frame in staying if not _is_refused(own[frame.file])]
    needed = combine_settings(night.config, master.kind)["min_frames"]
    if refusals and len(staying) < needed:
        return master, _too_few(refusals[0][1], staying, master, needed), []
    agreed: dict = {}
    for own in chosen.values():
        agreed |= _agreed([own[frame.file] for frame in staying])
    left = [(frame, choice.reason) for frame, choice in refusals]
    return with_frames(master, staying) if left else master, agreed, left


def _is_refused(choice):
    return choice.status == "refused"


def _shared(kind, frames, choose):
    """{file: Choice}: one master for as many frames as possible, for the others a refusal.

    Parameters
    ----------
    kind : str
    frames : list of Frame
    choose : callable
        The choice for a frame, from all masters or from those given.
    """
    each = {frame.file: choose(frame) for frame in frames}
    fitting = [choice for choice in each.values() if not _is_refused(choice)]
    masters = {choice.master.name: choice.master for choice in fitting if choice.master}
    skipped = any(choice.status == "skipped" for choice in fitting)
    if len(masters) + skipped <= 1:
        return each
    votes = Counter(choice.master.name for choice in fitting if choice.master)
    by_votes = sorted(
        masters.values(), key=lambda one: (-votes[one.name], -(one.exptime or 0), one.name)
    )
    ways = [_with_one(one, kind, frames, each, choose) for one in by_votes]
    if skipped:
        ways.append(_without(kind, each))
    best = max(ways, key=_staying)
    # each flat takes the dark of its own exposure rather than leave
    several = kind == "dark" and not skipped and _staying(each) > _staying(best)
    return each if several else best


def _staying(way):
    return sum(not _is_refused(choice) for choice in way.values())


def _with_one(master, kind, frames, each, choose):
    """The choices where all frames are to use one master."""
    way = {}
    for frame in frames:
        choice = each[frame.file]
        if not _is_refused(choice):
            choice = choose(frame, NearMasters([master]))
        if choice.status == "skipped":
            reason = f"{frame.file}: goes without {kind}, the others have {master.name}"
            choice = Choice(kind, "refused", reason)
        way[frame.file] = choice
    return way


def _without(kind, each):
    """The choices where all frames are to go without."""
    way = {}
    for file, choice in each.items():
        if choice.status == "used":
            reason = f"{file}: has {kind} {choice.master.name}, the others go without"
            choice = Choice(kind, "refused", reason)
        way[file] = choice
    return way


def _agreed(choices):
    """{kind: Choice} of all frames; each frame of a flat scales its dark by its exposure.

    Of several masters the second is of kind `dark_2`, and so on; `uses` says which each frame has.
    """
    scales = tuple(choice.scale for choice in choices)
    scale = scales[0] if len(set(scales)) == 1 else None
    first = replace(choices[0], scale=scale, scales=scales)
    by_master = {choice.master.name: choice for choice in choices if choice.master}
    if len(by_master) < 2:
        return {first.kind: first}
    kinds = {
        name: first.kind if number == 1 else f"{first.kind}_{number}"
        for number, name in enumerate(by_master, start=1)
    }
    uses = tuple(kinds[choice.master.name] for choice in choices)
    others = {kinds[name]: replace(choice, kind=kinds[name]) for name, choice in by_master.items()}
    return others | {first.kind: replace(first, uses=uses)}


def _too_few(refusal, staying, master, needed):
    """{kind: Choice} that refuses a master, by the first frame that cannot go into it."""
    reason = refusal.reason
    if staying:
        total = len(master.frames)
        reason += f"; {len(staying)} of {total} frames are left, combine.min_frames is {needed}"
    return {refusal.kind: replace(refusal, reason=reason)}
