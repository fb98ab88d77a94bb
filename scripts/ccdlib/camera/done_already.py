"""What the camera's program, or another reduction, did to a frame already.

Programs write it into cards that have a meaning of their own, whatever the camera: MaxIm DL and
AstroImageJ's CALSTAT, IRAF's ZEROCOR, DARKCOR and FLATCOR, ccdproc's SUBBIAS, a HISTORY.
"""

import re
from typing import NamedTuple

from .card_values import number_of
from .headers import Headers

__all__ = ["Done", "done_already", "pedestal"]

_STEPS = ("bias", "dark", "flat")
# the dark of MaxIm holds its bias, so a dark that is done leaves no bias
_CALSTAT = {"B": ("bias",), "D": ("bias", "dark"), "F": ("flat",)}
_CARDS = {
    "ZEROCOR": ("bias",),
    "BIASCOR": ("bias",),
    "BIASSUB": ("bias",),
    "SUBBIAS": ("bias",),
    "DARKCOR": ("dark",),
    "SUBDARK": ("dark",),
    "FLATCOR": ("flat",),
}
# HST and others write a switch there; what is still to be done is not done
_NOT_DONE = {"", "f", "false", "no", "n", "none", "0", "perform", "omit", "skipped", "n/a"}
_HISTORY = (
    (re.compile(r"bias subtraction\b", re.IGNORECASE), ("bias",)),
    (re.compile(r"(auto-?)?dark subtraction\b", re.IGNORECASE), ("bias", "dark")),
    (re.compile(r"flat field\b", re.IGNORECASE), ("flat",)),
)


class Done(NamedTuple):
    """Steps that were done: some of bias, dark and flat, and the cards that say so."""

    steps: tuple[str, ...]
    why: str

    @property
    def text(self) -> str | None:
        """Both in one cell, such as ``bias+dark (CALSTAT='BD')``; None where nothing was done."""
        return f"{'+'.join(self.steps)} ({self.why})" if self.steps else None


def _is_done(value):
    return str(value).strip().lower() not in _NOT_DONE


def done_already(headers: Headers) -> Done:
    """The steps that the headers say were done.

    Parameters
    ----------
    headers : Headers

    Returns
    -------
    Done
    """
    found: dict[str, tuple[str, ...]] = {}
    calstat = str(headers.get("CALSTAT") or "").upper()
    # a text of other letters is of another program, and another meaning
    if re.fullmatch(r"[BDFM]{1,8}", calstat):
        found[f"CALSTAT={calstat!r}"] = tuple(
            step for letter in calstat for step in _CALSTAT.get(letter, ())
        )
    for name, steps in _CARDS.items():
        value = headers.get(name)
        if value is not None and _is_done(value):
            found[f"{name}={str(value)[:40]!r}"] = steps
    for line in _history(headers):
        for pattern, done in _HISTORY:
            if pattern.match(line):
                found[f"HISTORY {line[:40]!r}"] = done
    all_steps = {step for own in found.values() for step in own}
    why = ", ".join(card for card, own in found.items() if own)
    return Done(tuple(step for step in _STEPS if step in all_steps), why)


def _history(headers):
    lines = headers.primary.get("HISTORY") or ()
    return [str(line).strip() for line in ([lines] if isinstance(lines, str) else lines)]


def pedestal(headers: Headers) -> float:
    """What the camera's program added to all pixels, adu.

    PEDESTAL is "the correction to add for zero-based adu": -100 where 100 were added.
    """
    card = headers.card("PEDESTAL")
    value = None if card is None else number_of(headers, card)
    return -(value or 0.0)
