"""Header cards of products read as text: a FITS library would take minutes for ten thousand."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["primary_cards", "text_card"]

_BLOCK, _CARD = 2880, 80


def primary_cards(product: str) -> Iterator[str]:
    """The cards of a product's primary header, each of 80 letters, up to END.

    Parameters
    ----------
    product : str
    """
    with open(product, "rb") as file:
        while len(block := file.read(_BLOCK)) == _BLOCK:
            for start in range(0, _BLOCK, _CARD):
                card = block[start : start + _CARD].decode("latin-1")
                if card.rstrip() == "END":
                    return
                yield card


def text_card(product: str, keyword: str) -> str | None:
    """The value of a card that holds text of at most 68 letters, None where there is none.

    Parameters
    ----------
    product, keyword : str
    """
    for card in primary_cards(product):
        if card[:8].rstrip() == keyword:
            return card[10:].split("'")[1].strip()
    return None
