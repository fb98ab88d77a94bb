"""Which night a frame or a product belongs to: the report has a page for each night."""

import hashlib
import json
import os
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from ..index.index_tables import INDEX_TABLE
from ..kinds import kind_of, record_of
from .plan_tables import INDEX, file_stat

__all__ = ["Nights", "nights_of", "page_of", "read_nights", "verdict_of"]

_UNDATED = "undated"


def page_of(night):
    """Where the page of a night is written."""
    return f"results/report/{night}.html"


def verdict_of(night):
    """Where what the list of nights says of a night is written."""
    return f"results/qa/report/{night}.json"


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

    rows: dict

    @cached_property
    def _of_frame(self):
        return {row["frame"]: night for night, rows in self.rows.items() for row in rows}

    def of_product(self, product):
        """The night of a product: its frame's, or the one that a master's name begins with."""
        kind = kind_of(product)
        if kind.name == "calibrated":
            frame = product.removeprefix(f"{kind.folder}/").removesuffix(kind.ending)
            return self._of_frame.get(frame, _UNDATED)
        night = Path(product).name.partition("_")[0]
        return night if night in self.rows else next(iter(self.rows))

    def inputs(self, plan, keep, night):
        """What the page of a night waits for: its products, and records that were lost.

        A record is made with its product, so only one that is missing beside it must be asked for:
        every file that a job asks for costs Snakemake time at each start.

        Parameters
        ----------
        plan : Plan
        keep : list of str
            Types of frame that get a calibrated file.
        night : str
        """
        products = _products(self, plan, tuple(keep)).get(night, ())
        records = [record_of(product) for product in products if os.path.exists(product)]
        return [*products, *(path for path in records if path and not os.path.exists(path))]

    def pages(self):
        """The pages of all nights, and what the list of nights says of them."""
        return [each(night) for night in self.rows for each in (page_of, verdict_of)]

    def digest(self, plan, keep, night):
        """A digest of what the page says beside the records: raw frames, choices, refusals."""
        products = _products(self, plan, tuple(keep)).get(night, ())
        parts = [
            self.rows.get(night),
            [[product, plan.calibrations(product)] for product in products],
            [item for item in plan.refused.items() if self.of_product(item[0]) == night],
        ]
        text = json.dumps(parts, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@lru_cache(maxsize=2)
def _products(nights, plan, keep):
    """{night: products that are made by default}."""
    found = {}
    for product in plan.targets(keep):
        found.setdefault(nights.of_product(product), []).append(product)
    return found


def nights_of(index):
    """The `Nights` of the rows of an index."""
    found = {}
    for row in index:
        found.setdefault(row["night"] or _UNDATED, []).append(row)
    dated = [night for night in found if night != _UNDATED]
    if len(dated) == 1:
        found = {dated[0]: found[dated[0]] + found.pop(_UNDATED, [])}
    return Nights(dict(sorted(found.items())) or {_UNDATED: []})


@lru_cache(maxsize=1)
def _read(_stat):
    return nights_of(INDEX_TABLE.rows())


def read_nights():
    """The `Nights` of the index in the working directory, read again only when it changed."""
    return _read(file_stat(INDEX))
