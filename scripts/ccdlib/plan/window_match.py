"""Whether a master holds the pixels of a frame: of the same size, or as a part of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..camera.windows import cut_between, starts_at_corner

if TYPE_CHECKING:
    from ..camera.sections import Section
    from .frames import Frame
    from .matching import Master

__all__ = ["cut_of", "is_cut", "why_other_pixels"]

_SAY = "its window can be given in the table of corrections"


def is_cut(frame: Frame, master: Master) -> bool:
    """Whether only a part of the master serves the frame."""
    return cut_of(frame, master) is not None


def cut_of(frame: Frame, master: Master) -> Section | None:
    """The section of a master that a frame from a smaller window needs, None for all of it."""
    own, its = frame.facts["window"], master.facts["window"]
    if None in (own, its) or own == its or frame.facts["binning"] != master.facts["binning"]:
        return None
    section = cut_between(own, its, frame.facts["binning"])
    amps = frame.layout.amplifiers, master.frames[0].layout.amplifiers
    return section if section and _holds(section, *amps) else None


def _holds(section, own, its):
    """Whether the amplifiers of a frame are the parts of a master's that lie in its window."""
    if len(own) != len(its):
        return False
    pairs = zip(own, its, strict=True)
    return all(_cut(whole.place, section) == _edges(part.place) for part, whole in pairs)


def _cut(place, section):
    """The edges of the part of a place that lies in a section, counted from its first pixel."""
    return (
        max(place.y0 - section.y0, 0),
        min(place.y1, section.y1) - section.y0,
        max(place.x0 - section.x0, 0),
        min(place.x1, section.x1) - section.x0,
    )


def _edges(section):
    return section.y0, section.y1, section.x0, section.x1


def why_other_pixels(frame: Frame, master: Master) -> str | None:
    """Why a master does not hold the pixels of a frame, None when it does.

    Parameters
    ----------
    frame : Frame
    master : Master
    """
    own, its = frame.facts["window"], master.facts["window"]
    sizes = master.facts["size"], frame.facts["size"]
    if (own == its and sizes[0] == sizes[1]) or is_cut(frame, master):
        return None
    if own != its and None not in (own, its):
        return f"window {its} of the chip, the frame has {own}"
    if sizes[0] != sizes[1]:
        text = f"size {sizes[0]}, the frame has {sizes[1]}"
        unknown = None in (own, its) and frame.facts["size"].count("x") == 1
        return f"{text} ({_SAY})" if unknown else text
    known = own or its
    if own != its and not starts_at_corner(known):
        what = "of the frame" if own is None else "of the master"
        return f"window {known} of the chip, that {what} is not in its header ({_SAY})"
    return None
