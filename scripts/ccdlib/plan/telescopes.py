"""The telescopes of the frames that are planned, where cameras of one name are at several.

A name alone tells little: some programs write where a mount points, others nothing while it is not
connected. Two or three names in a camera's frames are telescopes, more are not. Ready masters
count as frames: those of another night may be of the telescope at which the camera was then.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .frames import Frame

__all__ = ["with_telescopes"]

_MOST = 3


def with_telescopes(frames: Sequence[Frame]) -> list[Frame]:
    """The frames, with `telescope` only where a camera's frames name two or three.

    Parameters
    ----------
    frames : list of Frame
    """
    cameras: dict[str, dict[str, str]] = defaultdict(dict)
    for frame in frames:
        if frame.telescope is not None:
            name = frame.telescope
            cameras[frame.facts["camera"]].setdefault(name.lower(), name)
    return [_with_telescope(frame, cameras[frame.facts["camera"]]) for frame in frames]


def _with_telescope(frame, spelt):
    """A frame with the name of its telescope as it was spelt first, or with none."""
    if frame.telescope is None:
        return frame
    name = spelt[frame.telescope.lower()] if 1 < len(spelt) <= _MOST else None
    return frame if frame.telescope == name else replace(frame, telescope=name)
