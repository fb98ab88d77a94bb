"""A raw frame that goes into a master or a measurement."""

from dataclasses import dataclass
from typing import Any

from ..camera.amplifiers import Amplifier, amplifiers_from_rows

__all__ = ["Member"]


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
