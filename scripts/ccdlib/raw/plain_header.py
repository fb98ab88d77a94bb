"""The cards of a header that obeys the standard, each parsed when it is asked for.

astropy makes an object of each card and looks up its configuration for each value, which was most
of the time of a first index. Values and comments are those of astropy: a card that is odd is given
to it, and so is a header with a card that can change what other cards mean.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from astropy.io.fits import Header

__all__ = ["PlainHeader", "all_cards", "plain_header"]

_CARD = 80
_NAME = re.compile(r"[A-Z0-9_-]{1,8}")
_TEXTS = frozenset({"COMMENT", "HISTORY"})
_HIERARCH = "HIERARCH "
# numbers may have a part of a keyword in front, 'AXIS.1: 2', which astropy makes a keyword of
_RECORD = re.compile(r"= *'[A-Za-z_][\w.]*: ")
_STRING, _BOOL, _INTEGER, _FLOAT, _COMMENT = range(1, 6)
_VALUE = re.compile(
    r"(?:'([^']+)'|([TF])|([-+]?\d+)|([-+]?(?:\d+\.\d*|\.\d+|\d+(?=[EeDd]))(?:[EeDd][-+]?\d+)?))?"
    r" *(?:/ *(.*))?"
)
_EXPONENT = str.maketrans("dD", "eE")


class PlainHeader(Mapping[str, Any]):
    """Cards by their keywords; those with the same one are the same.

    Parameters
    ----------
    text : str
        All cards of the header.
    places : dict
        Where the card of each keyword begins.
    """

    def __init__(self, text: str, places: dict[str, int]) -> None:
        self._text, self._places = text, places
        self._parsed: dict[str, tuple[Any, str]] = {}

    @cached_property
    def whole(self) -> Header:
        """All of it as astropy has it."""
        from astropy.io.fits import Header

        return Header.fromstring(self._text)

    def _card(self, name: str) -> tuple[Any, str]:
        """Value and comment of a card."""
        if name not in self._parsed:
            start = self._places[name]
            card = self._text[start : start + _CARD]
            self._parsed[name] = _plain_card(card[10:].strip()) or _odd_card(name, card)
        return self._parsed[name]

    def __getitem__(self, key: str) -> Any:
        name = _name(key)
        if name in _TEXTS:
            return tuple(self._lines(name))
        return self._card(name)[0] if name else self.whole[key]

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a card, or the default without one; looked up most often in vain."""
        name = _name(key)
        if name and name not in self._places and name not in _TEXTS:
            return default
        return super().get(key, default)

    def __contains__(self, key: object) -> bool:
        name = _name(str(key))
        if name in _TEXTS:
            return any(True for _ in self._lines(name))
        return name in self._places if name else key in self.whole

    def _lines(self, name):
        """The text of the cards that have no value."""
        start = self._text.find(name)
        while start >= 0:
            if start % _CARD == 0 and not self._text[start + len(name) : start + 8].strip():
                yield self._text[start + 8 : start + _CARD].rstrip()
            start = self._text.find(name, start + 1)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def image(self, name: str) -> str:
        """A card as it stands in the file."""
        start = self._places[name]
        return self._text[start : start + _CARD]

    @property
    def comments(self) -> _Comments:
        """The comments by the keywords of their cards."""
        return _Comments(self)


class _Comments:
    def __init__(self, header):
        self._header = header

    def __getitem__(self, key: str) -> str:
        name = _name(key)
        if not name or name in _TEXTS:
            return self._header.whole.comments[key]
        return self._header._card(name)[1]


@lru_cache(1024)
def _name(key):
    """The keyword that a key means; None where it may mean several, or blank cards."""
    name = key.strip().upper()
    name = name.removeprefix(_HIERARCH).strip()
    return name if name.replace(" ", "").replace("-", "").replace("_", "").isalnum() else None


def _plain_card(text):
    """Value and comment of a card, None where it is odd."""
    match = _VALUE.fullmatch(text)
    if match is None:
        return None
    comment = (match[_COMMENT] or "").rstrip()
    kind = match.lastindex if match.lastindex != _COMMENT else _kind(match)
    if kind is None:
        return None, comment
    return _READ[kind](match[kind]), comment


def _kind(match):
    return next((kind for kind in range(_STRING, _COMMENT) if match[kind] is not None), None)


def _float(text):
    return float(text.translate(_EXPONENT))


_READ: dict[int, Callable[[str], Any]] = {
    _STRING: str.rstrip,
    _BOOL: "T".__eq__,
    _INTEGER: int,
    _FLOAT: _float,
}


def _odd_card(name, card):
    from astropy.io.fits import Header

    header = Header.fromstring(card)
    return header[name], header.comments[name]


def plain_header(content: bytes) -> PlainHeader | None:
    """A header from its bytes.

    Parameters
    ----------
    content : bytes
        Whole cards, END and the blanks behind it.

    Returns
    -------
    PlainHeader or None
        None where it is better left to a FITS library: with characters beyond ASCII's printable
        ones, cards without ``=``, keywords in lower case, texts that are continued over cards,
        keywords longer than eight letters (HIERARCH), two cards of one keyword that differ, and
        what follows an END.
    """
    text = content.decode("latin1")
    if not (text.isascii() and text.isprintable()) or _RECORD.search(text):
        return None
    places: dict[str, int] = {}
    for start in range(0, len(text), _CARD):
        name = text[start : start + 8].rstrip()
        if name in _TEXTS or not name:
            continue
        if name == "END":
            return PlainHeader(text, places) if not text[start + 3 :].strip() else None
        if text[start + 8 : start + 10] != "= " or not _NAME.fullmatch(name):
            return None
        place = places.setdefault(name, start)
        if place != start and text[place + 8 : place + _CARD] != text[start + 8 : start + _CARD]:
            return None
    return None


def all_cards(header: PlainHeader) -> Iterator[tuple[str, Any]]:
    """Keyword and value of each card, in the order of the file; of COMMENT and HISTORY the text.

    Cards without a keyword are left out; one that is there twice comes twice.
    """
    text = header._text
    for start in range(0, len(text), _CARD):
        name = text[start : start + 8].rstrip()
        if name == "END":
            return
        if name in _TEXTS:
            yield name, text[start + 8 : start + _CARD].rstrip()
        elif name:
            yield name, header[name]
