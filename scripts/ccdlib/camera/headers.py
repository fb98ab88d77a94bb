"""The headers of one raw file, as the camera file's cards are looked up in them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Headers"]


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
    """

    file: str
    primary: Mapping[str, Any]
    images: tuple[tuple[int, Mapping[str, Any], tuple[int, int]], ...]
    undefined: frozenset = frozenset()

    def get(self, card: str, image: int | None = None) -> Any:
        """Value of a card, None when missing or undefined.

        With `image` (an index into `images`) that extension's header comes first; without,
        the primary header and then the first image's.
        """
        if card == "FILE":
            return self.file
        first = self.images[image][1] if image is not None else self.primary
        second = self.primary if image is not None else self.images[0][1]
        for header in (first, second):
            value = header.get(card)
            value = value.strip() if isinstance(value, str) else value
            if value is not None and value not in self.undefined and str(value) != "":
                return value
        return None
