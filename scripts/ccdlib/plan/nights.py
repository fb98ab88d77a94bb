"""Which night a frame or a product belongs to: the report has a page for each night."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..index.index_tables import INDEX_TABLE
from ..kinds import kind_of, product_of
from ..raw.raw_folder import sha256
from ..state import digest_of
from .plan_tables import INDEX, file_stat

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .plan_tables import Plan

__all__ = [
    *("FIRST_PAGE", "Nights", "nights_of", "page_of", "read_nights", "verdict_of"),
    "with_pages",
]

FIRST_PAGE = "results/report/index.html"

_UNDATED = "undated"


def page_of(night: str) -> str:
    """Where the page of a night is written."""
    return f"results/report/{night}.html"


def verdict_of(night: str) -> str:
    """Where what the list of nights says of a night is written."""
    return f"results/qa/report/{night}.json"


def with_pages(made_of: str, nights: Iterable[str]) -> str:
    """The digest of what the first page is made of: of the pages as they are, and of the rest."""
    files = [each(night) for night in nights for each in (page_of, verdict_of)]
    return digest_of([made_of, [sha256(file) for file in files if Path(file).is_file()]])


# one is what another equals only if it is the same: they are keys of a cache
@dataclass(frozen=True, eq=False)
class Nights:
    """The nights of an index.

    Attributes
    ----------
    rows : dict
        {night: rows of the index}. Frames without a date go with the only night there is, or
        make one of their own, 'undated'.
    """

    rows: dict[str, list[dict[str, Any]]]

    @cached_property
    def _of_frame(self):
        return {row["frame"]: night for night, rows in self.rows.items() for row in rows}

    def of_product(self, product: str) -> str:
        """The night of a product: its frame's, or the one that a master's name begins with."""
        kind = kind_of(product)
        if kind.per_frame:
            frame = product.removeprefix(f"{kind.folder}/").removesuffix(kind.ending)
            return self._of_frame.get(frame, _UNDATED)
        night = Path(product).name.partition("_")[0]
        return night if night in self.rows else next(iter(self.rows))

    def inputs(self, products: Iterable[str], night: str) -> list[str]:
        """Which of some products the page of a night waits for.

        Parameters
        ----------
        products : iterable of str
            Products, and records, that the run makes.
        night : str
        """
        return _by_night(self, tuple(products)).get(night, [])

    def pages(self) -> list[str]:
        """The pages of all nights, and what the list of nights says of them."""
        return [each(night) for night in self.rows for each in (page_of, verdict_of)]

    def digest(self, plan: Plan, keep: Iterable[str], night: str, keys: Mapping[str, str]) -> str:
        """A digest of what the page tells of: raw frames, products, choices, refusals."""
        products = _products(self, plan, tuple(keep)).get(night, ())
        parts = [
            self.rows.get(night),
            [
                [product, plan.recipe(product, keys), plan.calibrations(product)]
                for product in products
            ],
            [item for item in plan.refused.items() if self.of_product(item[0]) == night],
        ]
        text = json.dumps(parts, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@lru_cache(maxsize=2)
def _products(nights, plan, keep):
    """{night: products that are made by default}."""
    return _by_night(nights, tuple(plan.targets(keep)))


@lru_cache(maxsize=2)
def _by_night(nights, paths):
    """{night: those of some products and records that are its own}."""
    found: dict[str, list[str]] = {}
    for path in paths:
        found.setdefault(nights.of_product(product_of(path)), []).append(path)
    return found


def nights_of(index: Iterable[dict[str, Any]]) -> Nights:
    """The `Nights` of the rows of an index."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in index:
        found.setdefault(row["night"] or _UNDATED, []).append(row)
    dated = [night for night in found if night != _UNDATED]
    if len(dated) == 1:
        found = {dated[0]: found[dated[0]] + found.pop(_UNDATED, [])}
    return Nights(dict(sorted(found.items())) or {_UNDATED: []})


@lru_cache(maxsize=1)
def _read(_stat):
    return nights_of(INDEX_TABLE.rows())


def read_nights() -> Nights:
    """The `Nights` of the index in the working directory, read again only when it changed."""
    return _read(file_stat(INDEX))
