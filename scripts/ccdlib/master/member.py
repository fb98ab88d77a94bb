"""A raw frame that goes into a master or a measurement, and those that do not fit."""

from dataclasses import dataclass
from typing import Any

from ..camera.amplifiers import Amplifier, amplifiers_from_rows
from ..errors import CcdlibError

__all__ = ["Member", "UnfitFrames"]


@dataclass(frozen=True)
class Member:
    """A raw frame of a stack: its path, its name for messages and what the headers say."""

    path: str
    name: str
    facts: dict[str, Any]

    @property
    def amplifiers(self) -> list[Amplifier]:
        """Its amplifiers, as the index resolved them."""
        return amplifiers_from_rows(self.facts["amplifiers"])


class UnfitFrames(CcdlibError):
    """Frames that a master cannot be made with, where it may be made without them.

    Parameters
    ----------
    reasons : dict
        {number of the frame: why it is unfit, with its name}.
    """

    def __init__(self, reasons: dict[int, str]) -> None:
        first, *others = reasons.values()
        super().__init__(f"{first}; and {len(others)} more like it" if others else first)
        self.reasons = reasons
