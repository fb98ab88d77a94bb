"""The table of masters: frames that went in, statistics that came out."""

from collections.abc import Iterable
from typing import Any

from ..kinds import kind_of, record_of
from ..plan.plan_tables import read_plan
from ..state import unsealed
from ..tables import Table

__all__ = ["MASTERS", "masters"]

MASTERS = Table(
    "results/qa/masters.csv",
    {
        "product": "text",
        "kind": "text",
        "frames": "integer",
        "image": "integer",
        "median": "number",
        "spread": "number",
        "unit": "text",
    },
)


def masters(products: Iterable[str]) -> list[dict[str, Any]]:
    """Rows for results/qa/masters.csv, from the records that the masters' jobs left.

    Parameters
    ----------
    products : list of str

    Returns
    -------
    list of dict
        One for each image of a master; median and spread (1.4826 times the median absolute
        deviation) are of its good pixels. Maps of bad pixels and detectors have no such row.
    """
    plan = read_plan()
    return [row for product in sorted(products) for row in _rows(product, plan)]


def _rows(product, plan):
    common = {
        "product": product,
        "kind": kind_of(product).name,
        "frames": len(plan.members(product)),
    }
    record = record_of(product)
    if record is None:
        return [common]
    images = (unsealed(record) or {}).get("images", [])
    kept = ("median", "spread", "unit")
    return [
        common | {"image": number} | {key: image[key] for key in kept}
        for number, image in enumerate(images, start=1)
    ]
