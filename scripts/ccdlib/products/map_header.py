"""The header of a bad-pixel map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..raw.card_list import CardList
from .common_cards import FACTS, add_counts, add_lack, add_master, add_versions
from .master_cards import put_window

if TYPE_CHECKING:
    from ..frame.image import Image

__all__ = ["map_header"]


def map_header(
    sources: dict, images: list[Image], lacks: dict[str, str], window: str | None
) -> CardList:
    """Header of a bad-pixel map.

    Parameters
    ----------
    sources : dict
        dark and flat (Product or None) that it was measured from.
    images : list of Image
    lacks : dict
        {kind: why it shows no bad pixels}.
    window : str or None
        The part of the chip that it holds.

    Returns
    -------
    CardList
    """
    header = CardList()
    FACTS.put(header, "IMAGETYP", "bad pixels")
    for kind, product in sources.items():
        add_master(header, kind.upper(), product)
    add_lack(header, "; ".join(f"{kind}: {reason}" for kind, reason in lacks.items()))
    put_window(header, window, next(iter(sources.values())).header.get("MBINNING"))
    add_counts(header, images)
    add_versions(header)
    add_versions(header, ["SCIPYV"])
    return header
