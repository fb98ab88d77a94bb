"""What the decisions of a plan need to know of the night."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from ..kinds import masters
from .frames import UNDATED
from .matching import missing_policy
from .near_masters import span

if TYPE_CHECKING:
    from ..kinds import Kind
    from .frames import Frame, RefusedFrame
    from .matching import Master, Verdict

__all__ = ["Night"]


@dataclass(frozen=True)
class Night:
    """A night, or several, with what every decision needs to know.

    Attributes
    ----------
    frames : list of Frame
    config, camera : dict
    ready : tuple of Master
        Masters that are there already.
    refused : tuple of RefusedFrame
        Frames that the index refused.
    unknown : tuple of RefusedFrame
        Frames of which nothing says the type.
    """

    frames: list[Frame]
    config: dict
    camera: dict
    ready: tuple[Master, ...] = ()
    refused: tuple[RefusedFrame, ...] = ()
    unknown: tuple[RefusedFrame, ...] = ()
    _verdicts: dict[tuple, dict[int, Verdict]] = field(default_factory=dict)

    @property
    def match(self) -> dict:
        """The config's section."""
        return self.config["match"]

    def overscan_removes_pedestal(self, frame: Frame) -> bool:
        """Whether the overscan takes the pedestal of a frame away."""
        return self.config["overscan"]["method"] != "none" and frame.has_overscan

    def policy(self, kind: str) -> str | None:
        """What happens to a frame for which there is no master of a kind."""
        return missing_policy(kind, self.config, self.camera)

    def has_any(self, kind: Kind, frame: Frame) -> bool:
        """Whether a frame of a kind of master was taken near enough to `frame` to be missed."""
        # one that cannot be read may be of any night
        if any(master.refused for master in self.ready_of(kind.name)):
            return True
        return self._has_usable(kind, frame) or bool(self._refused_near(kind, frame))

    def _has_usable(self, kind, frame):
        dates, nights, undated = self._moments[kind.name]
        # what has no date may be of any night
        if UNDATED in undated or (nights and frame.night == UNDATED):
            return True
        if frame.date is None:
            return frame.night in nights
        first, last = span(frame.date, self.match["max_age"])
        place = bisect_left(dates, first)
        near = place < len(dates) and dates[place] <= last
        return near or frame.night in undated

    def _refused_near(self, kind, frame):
        """The frames of a kind of master that `frame` might have had, had they not been refused."""
        lost = [each for each in self.refused if each.kind in kind.made_of]
        return list(self._near(lost, frame))

    def _near(self, lost, frame):
        """Those of some frames that were taken near enough to `frame` to be missed."""
        for each in lost:
            if each.date is None or frame.date is None:
                # what cannot be read may be of any night
                near = each.night in ("", frame.night)
            else:
                first, last = span(frame.date, self.match["max_age"])
                near = first <= each.date <= last
            if near:
                yield each

    def told_lost(self, kind: Kind, frame: Frame) -> str:
        """What may lack for a kind of master: frames that were refused, or are of unknown type.

        With the reason of the first; empty without any.
        """
        if lost := self._refused_near(kind, frame):
            were = "frame was" if len(lost) == 1 else "frames were"
            return f"{len(lost)} {lost[0].kind} {were} refused, {lost[0].reason}"
        if lost := list(self._near(self.unknown, frame)):
            are = "frame is" if len(lost) == 1 else "frames are"
            return f"{len(lost)} {are} of unknown type and may be of this, {lost[0].reason}"
        return ""

    def verdicts(self, kind: Kind, frame: Frame, *settings: bool) -> dict[int, Verdict]:
        """What is known of a kind's masters, for frames like this one and the same settings."""
        return self._verdicts.setdefault((kind.name, frame.alike, settings), {})

    def lacks(self, kind: Kind, frame: Frame) -> str | None:
        """The first fact that a kind goes by which a frame has not, and others of its camera have.

        Where no frame of a camera has a filter there is none; where others have one, it is unknown.
        """
        lacking = (name for name in kind.same if frame.facts[name] is None)
        return next((name for name in lacking if (frame.facts["camera"], name) in self._told), None)

    @cached_property
    def _told(self):
        """(camera, fact) of each fact that some kind goes by and that a frame has."""
        names = {name for kind in masters() for name in kind.same}
        return {
            (frame.facts["camera"], name)
            for frame in self.frames
            for name in names
            if frame.facts[name] is not None
        }

    def ready_of(self, kind: str) -> list[Master]:
        """The ready masters of a kind."""
        return [master for master in self.ready if master.kind == kind]

    @cached_property
    def _moments(self):
        """{kind of master: dates in order, nights, nights of the frames without a date}."""
        found = {}
        for kind in masters():
            own = [each for each in self.frames if each.kind in kind.made_of]
            frames: list[Frame | Master] = [*own, *self.ready_of(kind.name)]
            dates = sorted(each.date for each in frames if each.date is not None)
            undated = {each.night for each in frames if each.date is None}
            found[kind.name] = dates, {each.night for each in frames}, undated
        return found
