"""What stands between the raw frames and the products: each cause once, by what it costs."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field

from .advice import advice

__all__ = ["Obstacle", "obstacles"]


# no dark of its own exposure (90.0 s): the same cause for every exposure
_OWN_EXPOSURE = re.compile(r"\([0-9.]+ s\)")


@dataclass
class Obstacle:
    """One cause of refusals.

    Attributes
    ----------
    cause : str
        The reason without the name of the frame.
    refused : list of str
        Raw files and products that are refused for it.
    lights : int
        Frames that are not calibrated for it, directly or because a master is missing.
    act : str
        What a person can do about it.
    """

    cause: str
    refused: list[str] = field(default_factory=list)
    lights: int = 0
    act: str = ""


def _cause(what, reason):
    """A reason without the name of what is refused and of its raw file."""
    text = reason.removeprefix(what).lstrip(":, ")
    name, colon, rest = text.partition(": ")
    # a file has an ending: the text of empty.fits may begin with "empty", too
    own = name.startswith(what.removeprefix("results/calibrated/").removesuffix("fits"))
    return rest if own and colon else text


def obstacles(refused: list[tuple[str, str]], lights: Collection[str] = ()) -> list[Obstacle]:
    """The causes of refusals, those that cost most lights first.

    Parameters
    ----------
    refused : list of (str, str)
        What, and its reason: see `last_lines.refusals`. What is refused for several reasons is
        there with each.
    lights : set of str
        Raw files among them that are lights.

    Returns
    -------
    list of Obstacle
        A cause that another one quotes (a light that has no flat, as that was refused) comes before
        it, with its lights.
    """
    found: dict[str, Obstacle] = {}
    costs: dict[str, set[str]] = {}
    for what, reason in refused:
        first = _cause(what, reason)
        cause = _OWN_EXPOSURE.sub("", first)
        own = found.setdefault(cause, Obstacle(first, act=advice(reason)))
        own.refused.append(what)
        if what.startswith("results/calibrated/") or what in lights:
            costs.setdefault(cause, set()).add(what)
    for cause, each in found.items():
        # a light that has no flat, as that has no dark, may have no dark itself: it counts once
        each.lights = len(set().union(*(own for text, own in costs.items() if cause in text)))
    # stable: those of equal cost stay in the order in which they came; what is quoted is shorter
    return sorted(
        found.values(), key=lambda each: (-each.lights, len(each.cause) if each.lights else 0)
    )
