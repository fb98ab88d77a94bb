"""Where the gain and read noise of a frame come from when its headers do not give them."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING

from ..frame.detector_noise import NO_GAIN, OWN_NOISE
from ..kinds import KINDS
from .master_groups import group_key, group_name
from .matching import Choice, Master, age_in_days, facts_agree
from .near_masters import NearMasters

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .frames import Frame
    from .night import Night

__all__ = ["Detectors"]


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


def _most_flats(frames):
    """The number of flats of the filter that has most."""
    filters = [frame.facts["filter"] for frame in frames if frame.kind == "flat"]
    return max((filters.count(name) for name in filters), default=0)


def _gives_read_noise(frames):
    return len(_noise_frames(frames)) >= 2


def _gives_gain(frames):
    return _gives_read_noise(frames) and _most_flats(frames) >= 2


def _worth_measuring(frames):
    """Whether two biases, or what is needed for a gain, are there; darks only where needed."""
    biases = any(frame.kind == "bias" for frame in frames)
    needed = any(frame.needs_detector for frame in frames)
    return _gives_gain(frames) or (_gives_read_noise(frames) and (biases or needed))


def _of_most_sections(frames):
    """Frames whose amplifiers lie where most frames have them: pixels of others are not the same.

    One flat with another DATASEC in its header does not stop the measurement.
    """

    def sections(frame):
        return tuple((amp.data, amp.place) for amp in frame.layout.as_stacked.amplifiers)

    if len({id(frame.layout) for frame in frames}) == 1:
        return frames
    (most, _), *_ = Counter(map(sections, frames)).most_common()
    return [frame for frame in frames if sections(frame) == most]


def _lack(frames, needs_gain):
    """What is missing to measure what a frame needs."""
    biases = len(_noise_frames(frames))
    if not needs_gain:
        return f"two biases are needed, there {'is' if biases == 1 else 'are'} {biases}"
    flats = _most_flats(frames)
    return f"two biases and two flats of one filter are needed, there are {biases} and {flats}"


class Detectors:
    """The gains and read noises that a night's own frames can give, and which serve a frame.

    Parameters
    ----------
    night : Night
    """

    def __init__(self, night: Night) -> None:
        self._night = night
        self._frames: dict[str, list[Frame]] = {}
        for frame in night.frames:
            if frame.kind in KINDS["detector"].made_of:
                self._frames.setdefault(self._name(frame), []).append(frame)
        self._measured = NearMasters(self._measurements())

    def __iter__(self) -> Iterator[Master]:
        """The measurements, each a `Master` with the frames that it is made from."""
        return iter(self._measured)

    def _name(self, frame):
        return group_name(group_key(frame, self._night.match))

    def _measurements(self):
        for name, frames in self._frames.items():
            frames = _of_most_sections([*frames, *self._borrowed(frames)])
            if _worth_measuring(frames):
                noise = {frame.file for frame in _noise_frames(frames)}
                own = [each for each in frames if each.kind == "flat" or each.file in noise]
                # neighbours in time make the pairs, whatever the files are called
                yield Master("detector", name, tuple(sorted(own, key=_moment)))

    def _borrowed(self, frames):
        """Biases or flats of the nearest night for a night whose own give no gain that it needs."""
        if not any(frame.needs_detector for frame in frames) or _gives_gain(frames):
            return []
        for enough, kinds in ((_gives_read_noise, ("bias",)), (_gives_flats, ("flat",))):
            if enough(frames):
                continue
            near = [each for each in self._near(frames[0]) if enough(each)]
            for other in near[:1]:
                return [frame for frame in other if frame.kind in kinds]
        return []

    def _near(self, frame):
        """The frames of other nights with the same amplifiers, the nearest night first."""
        match = self._night.match
        found = []
        for other in self._frames.values():
            age = age_in_days(frame, other[0])
            if other[0].night == frame.night or age is None or age > match["max_age"]:
                continue
            if _same_detector(frame, other[0], match):
                found.append((age, other[0].night, other))
        return [each[2] for each in sorted(found, key=lambda each: each[:2])]

    def choose(self, frame: Frame) -> Choice:
        """The `Choice` for a frame: given, measured, of a ready master, or its own scatter."""
        if not frame.needs_detector:
            return Choice("detector", "skipped", "gain and read noise are given")
        measured, ready = self._nearest(frame), _ready_detector(frame, self._night)
        if measured and ready and frame.layout.needs_gain and not _gives_gain(measured.frames):
            measured = None
        # the noise of darks holds that of their current
        if measured and (ready is None or any(each.kind == "bias" for each in measured.frames)):
            reason, age = f"measured in {measured.path}", age_in_days(frame, measured)
            return Choice("detector", "used", reason, measured, age or 0.0)
        if ready:
            reason = f"as in the header of ready master {ready.ready}"
            return Choice("detector", "used", reason, ready, age_in_days(frame, ready))
        return Choice("detector", "skipped", self._scatter(frame))

    def _scatter(self, frame):
        """Why a frame's noise comes from its own scatter."""
        needs_gain = frame.layout.needs_gain
        what = "gain" if needs_gain else "read noise"
        lack = _lack(self._frames.get(self._name(frame), []), needs_gain)
        source = NO_GAIN if needs_gain else OWN_NOISE
        if not needs_gain and frame.has_overscan:
            source = "read noise from the overscan"
        return (
            f"{source}: {what} is neither in the headers nor given by "
            f"detector.{what.replace(' ', '_')}, and to measure it {lack}"
        )

    def _nearest(self, frame):
        """The measurement of the frame's own night, else the nearest in time; None without one."""
        match, own = self._night.match, self._name(frame)
        found = []
        for each in self._measured.near(frame, match["max_age"]):
            if not _same_detector(frame, each.frames[0], match):
                continue
            age = age_in_days(frame, each)
            if each.name == own or (age is not None and age <= match["max_age"]):
                lacking = frame.layout.needs_gain and not _gives_gain(each.frames)
                found.append((lacking, each.name != own, age or 0.0, each.name, each))
        return min(found, key=lambda each: each[:4])[4] if found else None


def _moment(frame):
    return frame.date or datetime.max, frame.file


def _gives_flats(frames):
    return _most_flats(frames) >= 2


def _same_detector(frame, other, match):
    """Whether two frames are read out alike, but for the read noise that is quoted."""
    names = [name for name in match["facts"] if name != "size"]
    same_facts = all(other.facts[name] == frame.facts[name] for name in names)
    if not same_facts or _same_shape(frame, other):
        return same_facts
    # the amplifiers are the same in any window of their chip that has pixels of each
    gains = [[amp.gain for amp in one.layout.amplifiers] for one in (other, frame)]
    return None not in (frame.facts["window"], other.facts["window"]) and gains[0] == gains[1]


def _same_shape(frame, other):
    layouts = [one.layout.as_stacked for one in (other, frame)]
    return layouts[0] == layouts[1] and other.facts["size"] == frame.facts["size"]


def _ready_detector(frame, night):
    """The nearest ready master whose header has the gain and read noise of these amplifiers."""
    fitting = [
        master
        for master in night.ready
        if master.has_detector and facts_agree(frame, master, night.match)
    ]
    by_age = [(age_in_days(frame, master) or 0.0, master.path, master) for master in fitting]
    return min(by_age, key=lambda each: each[:2])[2] if by_age else None
