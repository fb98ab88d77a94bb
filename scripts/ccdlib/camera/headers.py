"""The headers of one raw file, as the camera file's cards are looked up in them."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

__all__ = ["Card", "Headers"]

# characters of a text that are looked at: continued over cards it can have millions
_LONGEST = 1000
_TEXTS = ("COMMENT", "HISTORY", "")


class Card(NamedTuple):
    """A header card that has a value, and the header that it is in."""

    name: str
    value: Any
    header: Mapping[str, Any]

    @property
    def comment(self) -> str:
        """Its comment; to look it up takes as long as the value, and few ask."""
        comments = getattr(self.header, "comments", None)
        return "" if comments is None else comments[self.name][:_LONGEST]


def _has_value(header, name):
    """Whether a text is the card's value; without '= ' the standard calls it a comment."""
    cards = getattr(header, "cards", None)
    if cards is None:
        return True
    image = cards[name].image
    return image[8:10] == "= " or image.startswith("HIERARCH")


def _image(header, name):
    """A card as it stands in the file, or as a FITS library mends it."""
    if hasattr(header, "image"):
        return header.image(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return header.cards[name].image


def _values(header, name):
    """The values of all cards of one keyword, that of the first in front."""
    found = [header[name]]
    # a plain header is one without such doubles
    if not hasattr(header, "count") or name in _TEXTS:
        return found
    return found + [header[name, number] for number in range(1, header.count(name))]


@dataclass(frozen=True)
class Headers:
    """The headers of one raw file.

    Attributes
    ----------
    file : str
        Name used in messages.
    primary : mapping
        Header of the first HDU.
    images : tuple of (int, mapping, (ny, nx))
        HDU number, header and shape of each HDU that holds an image.
    undefined : frozenset
        Values that stand for a missing one, such as 'UNKNOWN'.
    notes : list of str
        What was odd in the cards that were looked up; see `note`.
    day_order : list of str
        Of dates with slashes: 'day' or 'month' (what comes first) where they can only be read so,
        else 'either'.
    refusals : dict
        {fact: text} of values that cannot be used, until the table of corrections has others.
    """

    file: str
    primary: Mapping[str, Any]
    images: tuple[tuple[int, Mapping[str, Any], tuple[int, int]], ...]
    undefined: frozenset = frozenset()
    notes: list[str] = field(default_factory=list, compare=False)
    day_order: list[str] = field(default_factory=list, compare=False)
    refusals: dict[str, str] = field(default_factory=dict, compare=False)
    _found: dict[tuple[str, int | None], Card | None] = field(
        default_factory=dict, compare=False, repr=False
    )

    def card(self, name: str, image: int | None = None) -> Card | None:
        """A card, None when it is missing, has no value or an undefined one.

        With `image` (an index into `images`) that extension's header comes first; without,
        the primary header and then the first image's.
        """
        if (name, image) not in self._found:
            self._found[name, image] = self._looked_up(name, image)
        return self._found[name, image]

    def _looked_up(self, name, image):
        if name == "FILE":
            return Card(name, self.file, {})
        first = self.images[image][1] if image is not None else self.primary
        second = self.primary if image is not None else self.images[0][1]
        # in a file of one HDU they are the same
        for header in (first,) if first is second else (first, second):
            # a header takes long to look up a value, and most cards are in few cameras' headers
            if name not in header:
                continue
            value = self._value(header, name)
            if isinstance(value, str):
                value = value[:_LONGEST].strip() if _has_value(header, name) else None
            if value is not None and value not in self.undefined and str(value) != "":
                return Card(name, value, header)
        return None

    def _value(self, header, name):
        """The first value of a keyword; None with a note where it is none, a note on others."""
        from astropy.io.fits.verify import VerifyError

        try:
            first, *others = _values(header, name)
        except VerifyError:
            text = _image(header, name).partition("=")[2].rstrip(" /").strip()
            self.note(f"{name}={text[:_LONGEST]} cannot be read, taken as missing")
            return None
        for other in others:
            if other != first:
                self.note(f"{name}={first!r} and {name}={other!r} in one header, the first is used")
        return first

    def get(self, card: str, image: int | None = None) -> Any:
        """Value of a card as `card` finds it, None without one."""
        found = self.card(card, image)
        return None if found is None else found.value

    def note(self, text: str) -> None:
        """Keep a remark on a card's value, once."""
        if text not in self.notes:
            self.notes.append(text)
