"""What a master's image is, and what its header and record say of its frames."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..frame.image import Image
    from ..frame.overscan import Level

__all__ = ["MasterResult"]


@dataclass
class MasterResult:
    """One image of a master with what the header reports.

    Attributes
    ----------
    image : Image
    levels : list of float
        What each frame was divided by before it was combined, adu (1 for bias and dark).
    rejected : list of int
        Clipped pixels of each frame.
    saturated : list of int
        Saturated pixels of each frame.
    scatter_ratio : float
        Median over pixels of the frames' variance over the noise model's; about 1.
    overscan : list of list of Level
        For each frame, the level of each amplifier.
    pedestals : list of float
        For each amplifier, the part of a dark that is no dark current, adu; 0 where it was
        subtracted.
    members : list of dict
        For each frame, see `ccdlib.quality.member_statistics`.
    level_scatter : list of float
        For each amplifier of a bias, adu; see `ccdlib.master.level_scatter`.
    """

    image: Image
    levels: list[float]
    rejected: list[int]
    saturated: list[int]
    scatter_ratio: float
    overscan: list[list[Level]] = field(default_factory=list)
    pedestals: list[float] = field(default_factory=list)
    members: list[dict] = field(default_factory=list)
    level_scatter: list[float] = field(default_factory=list)
