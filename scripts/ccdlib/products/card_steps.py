"""Which step each card of a product's header tells of.

Each module that writes cards declares its own, so that another word for a cosmic-ray card makes no
master again; here they are put together for those who read.
"""

from __future__ import annotations

from . import common_cards, frame_headers, master_cards, master_headers, sky_headers, stack_headers
from .cards import StepCards

__all__ = ["STEPS", "step_of"]

_WRITERS = common_cards, frame_headers, master_headers, master_cards, sky_headers, stack_headers
_ORDER = (
    *("frame", "overscan", "detector", "noise", "bias", "dark", "flat", "bad pixels"),
    *("cosmic rays", "illumination", "fringes", "combination", "sky", "stack", "matching"),
    *("counts", "versions", "recipe"),
)


def _collected() -> dict[str, list[StepCards]]:
    found: dict[str, list[StepCards]] = {step: [] for step in _ORDER}
    for writer in _WRITERS:
        for cards in writer.STEPS:
            found[cards.step].append(cards)
    return found


# the cards of each step, in the order in which a reader wants them
STEPS = _collected()


def step_of(keyword: str) -> str | None:
    """The step that a card tells of, None for a card of the raw frame or of the file's layout."""
    for step, tables in STEPS.items():
        if any(cards.has(keyword) for cards in tables):
            return step
    return None
