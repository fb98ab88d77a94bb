"""The cards of a header that is being written, without a FITS library's objects.

astropy looks up its configuration several times for each card that is set, and numbers all cards
anew: a tenth of a light's time. What a card looks like is what astropy makes of it; one that is
odd (too long, a value of another kind) is made by astropy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from astropy.io.fits import Header

__all__ = ["CardList", "ListedCard", "card_image"]

_CARD, _BLOCK = 80, 2880
# letters of a line of text
_TEXT = 72
_NAME = re.compile(r"[A-Z0-9_-]{1,8}")
_COMMENTARY = ("COMMENT", "HISTORY", "")
_NUMBER = 20


class ListedCard(NamedTuple):
    """A card, and its text of 80 letters or a multiple of it."""

    keyword: str
    value: Any
    comment: str
    image: str


def card_image(keyword: str, value: Any, comment: str = "") -> str:
    """The text of a card, as astropy writes it.

    Parameters
    ----------
    keyword : str
    value : str, bool, int, float or whatever astropy takes
    comment : str

    Raises
    ------
    ValueError
        If a card cannot hold them.
    """
    shown = _shown(value)
    plain = shown is not None and _NAME.fullmatch(keyword) and keyword not in (*_COMMENTARY, "END")
    text = f"{keyword:8}= {shown}{f' / {comment}' if comment.rstrip() else ''}"
    if plain and len(text) <= _CARD and text.isascii() and text.isprintable():
        return text.ljust(_CARD)
    from astropy.io.fits import Card

    return Card(keyword, value, comment).image


def _shown(value):
    """A value as a card shows it; None for one that is left to astropy."""
    if isinstance(value, str):
        # a name and a number would be a keyword of its own to astropy
        if ": " in value or not value:
            return "''" if not value else None
        return f"{_quoted(value):{_NUMBER}}"
    if isinstance(value, (bool, np.bool_)):
        return "TF"[not value].rjust(_NUMBER)
    if isinstance(value, (int, np.integer)):
        return f"{value:>{_NUMBER}d}"
    if isinstance(value, (float, np.floating)) and np.isfinite(value):
        text = str(value).replace("e", "E")
        return text.rjust(_NUMBER) if len(text) <= _NUMBER else None
    return None


def _is_same(before, value):
    """Whether astropy sees no difference, and leaves the card as it is."""
    if isinstance(before, str) and isinstance(value, str):
        return before.rstrip() == value.rstrip()
    bools = isinstance(before, (bool, np.bool_)) or isinstance(value, (bool, np.bool_))
    return not bools and isinstance(value, type(before)) and bool(before == value)


def _quoted(text):
    return f"'{text.replace(chr(39), 2 * chr(39)):8}'"


class CardList:
    """Cards in their order: those with a value, then lines of text; see astropy's `Header`.

    Parameters
    ----------
    cards : iterable of (str, value, str)
        Keyword, value and comment.
    """

    def __init__(self, cards: Iterable[tuple[str, Any, str]] = ()) -> None:
        self._valued: dict[str, ListedCard] = {}
        self._lines: dict[str, list[str]] = {}
        for keyword, value, comment in cards:
            self[keyword] = (value, comment)

    @classmethod
    def of(cls, header: CardList | Header) -> CardList:
        """A copy of a list, or the cards of astropy's header as they are."""
        own = cls()
        if isinstance(header, CardList):
            own._valued.update(header._valued)
            own._lines = {keyword: list(lines) for keyword, lines in header._lines.items()}
            return own
        for card in header.cards:
            if card.keyword in _COMMENTARY:
                own._add_lines(card.keyword, card.value)
            else:
                found = ListedCard(card.keyword, card.value, card.comment, card.image)
                own._valued.setdefault(card.keyword, found)
        return own

    def copy(self) -> CardList:
        """Another list of the same cards."""
        return CardList.of(self)

    def __setitem__(self, keyword: str, value: Any) -> None:
        before = self._valued.get(keyword)
        value, comment = value if isinstance(value, tuple) else (value, None)
        if comment is None:
            comment = before.comment if before else ""
        if before and _is_same(before.value, value):
            value = before.value
        image = card_image(keyword, value, comment)
        self._valued[keyword] = ListedCard(keyword, value, comment, image)

    def __getitem__(self, keyword: str) -> Any:
        """The value of a card; the lines of a text."""
        return self._lines[keyword] if keyword in self._lines else self._valued[keyword].value

    def get(self, keyword: str, default: Any = None) -> Any:
        """The value of a card, or the default without one."""
        card = self._valued.get(keyword)
        return default if card is None else card.value

    def __contains__(self, keyword: object) -> bool:
        return keyword in self._valued or keyword in self._lines

    def __iter__(self) -> Iterator[str]:
        yield from self._valued
        for keyword, lines in self._lines.items():
            yield from (keyword for _ in lines)

    def __len__(self) -> int:
        return len(self._valued) + sum(map(len, self._lines.values()))

    def keys(self) -> list[str]:
        """The keyword of each card."""
        return list(self)

    @property
    def cards(self) -> list[ListedCard]:
        """The cards that have a value."""
        return list(self._valued.values())

    @property
    def comments(self) -> dict[str, str]:
        """The comments of the cards that have a value."""
        return {keyword: card.comment for keyword, card in self._valued.items()}

    def remove(self, keyword: str, ignore_missing: bool = False, remove_all: bool = False) -> None:
        """Take a card out; of lines of text the first, or all."""
        lines = self._lines.get(keyword)
        if lines:
            del lines[: None if remove_all else 1]
            if not lines:
                del self._lines[keyword]
        elif self._valued.pop(keyword, None) is None and not ignore_missing:
            raise KeyError(f"Keyword {keyword!r} not found.")

    def update(self, other: CardList) -> None:
        """Set the cards of another list."""
        self._valued.update(other._valued)
        for keyword, lines in other._lines.items():
            self._lines.setdefault(keyword, []).extend(lines)

    def add_comment(self, text: str) -> None:
        """Add lines of COMMENT."""
        self._add_lines("COMMENT", text)

    def add_history(self, text: str) -> None:
        """Add lines of HISTORY."""
        self._add_lines("HISTORY", text)

    def _add_lines(self, keyword, text):
        if not (text.isascii() and (text.isprintable() or not text)):
            raise ValueError(f"{keyword}: {text!r} holds characters that no header can hold")
        parts = [text[start : start + _TEXT] for start in range(0, len(text), _TEXT)] or [""]
        self._lines.setdefault(keyword, []).extend(parts)

    def tostring(self) -> str:
        """All cards with END, filled up to whole blocks."""
        images = [card.image for card in self._valued.values()]
        for keyword, lines in self._lines.items():
            images += [f"{keyword:8}{line}".ljust(_CARD) for line in lines]
        text = "".join([*images, "END".ljust(_CARD)])
        return text.ljust(-(-len(text) // _BLOCK) * _BLOCK)

    def to_astropy(self) -> Header:
        """The same cards as astropy's header."""
        from astropy.io.fits import Header

        return Header.fromstring(self.tostring())
