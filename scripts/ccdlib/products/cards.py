"""The header cards of one step of the reduction, declared before they are written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..raw.header_cards import put

if TYPE_CHECKING:
    from ..raw.card_list import CardList

__all__ = ["StepCards"]


class StepCards:
    """Keywords and comments of the cards that tell of one step.

    Parameters
    ----------
    step : str
        Its name in `ccdlib why`.
    comments : dict
        Keyword: comment. In a keyword ``#`` stands for a number, ``###`` for one of three digits
        at least, before which the name is cut to keep the eight letters of a keyword.

    Examples
    --------
    >>> overscan = StepCards("overscan", {"OSCLEV#": "[adu] mean level"})
    >>> header = {}
    >>> overscan.put(header, "OSCLEV#", 1000.5, 2)
    >>> header
    {'OSCLEV2': (1000.5, '[adu] mean level')}
    >>> overscan.has("OSCLEV12"), overscan.has("OSCLEVEL")
    (True, False)
    """

    def __init__(self, step: str, comments: Mapping[str, str]) -> None:
        self.step, self.comments = step, dict(comments)

    def put(self, header: CardList, keyword: str, value: object, *numbers: int) -> None:
        """Set a card of this step.

        Parameters
        ----------
        header : CardList
            Changed in place.
        keyword : str
            As it is declared.
        value : str, bool, int or float
        *numbers : int
            What stands in the place of each ``#``.

        Raises
        ------
        KeyError
            If the keyword is not declared.
        """
        put(header, _numbered(keyword, numbers), value, self.comments[keyword])

    def has(self, keyword: str) -> bool:
        """Whether a keyword of a header is one of this step."""
        return any(re.fullmatch(_pattern(declared), keyword) for declared in self.comments)


def _numbered(keyword, numbers):
    if "###" in keyword:
        (number,) = numbers
        digits = f"{number:03d}"
        return keyword.removesuffix("###")[: 8 - len(digits)] + digits
    for number in numbers:
        keyword = keyword.replace("#", str(number), 1)
    return keyword


def _pattern(keyword):
    """The regular expression of a declared keyword."""
    if "###" not in keyword:
        return keyword.replace("#", r"\d+")
    name = keyword.removesuffix("###")
    return "|".join(f"{name[: 8 - digits]}\\d{{{digits}}}" for digits in (3, 4, 5))
