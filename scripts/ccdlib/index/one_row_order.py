"""Frames of one camera in one order of rows: those of the other order are turned."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

__all__ = ["in_one_row_order", "remarked"]


def in_one_row_order(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Turn the frames whose rows run the other way.

    Parameters
    ----------
    rows : iterable of dict
        Rows of the index with their types. `row_order` is that of the file, and `turned` its
        amplifiers when it is turned.

    Returns
    -------
    list of dict
        The same rows, where the frames of a camera are of two orders in that of most lights:
        with its amplifiers, and with a remark on those that are turned, or that do not say.
    """
    rows = list(rows)
    cameras = defaultdict(list)
    for number, row in enumerate(rows):
        if row["status"] in ("ok", "unknown") and row["amplifiers"]:
            cameras[row["camera"]].append(number)
    for numbers in cameras.values():
        order = _order_of([rows[number] for number in numbers])
        if order is not None:
            for number in numbers:
                rows[number] = _in_order(rows[number], order)
    return rows


def _order_of(rows):
    """The order that the frames are to have; None where none of them says."""
    lights = [row for row in rows if row["imagetyp"] in ("light", "lamp") and row["row_order"]]
    counts = Counter(row["row_order"] for row in lights or rows if row["row_order"])
    return counts.most_common(1)[0][0] if counts else None


def _in_order(row, order):
    if row["row_order"] == order:
        return row
    if row["row_order"] is None:
        return remarked(row, f"no ROWORDER here, {order} in others: taken to be the same")
    # some programs count a window's rows from the top in either order: it is not known
    turned = row | {"row_order": order, "amplifiers": row["turned"], "window": None}
    text = f"ROWORDER={row['row_order']!r}, that of the lights is {order!r}: turned when it is read"
    return remarked(turned, text)


def remarked(row: dict[str, Any], text: str) -> dict[str, Any]:
    """A row with one remark more; one that is not ok keeps its reason."""
    before = f"{row['reason']}; " if row["reason"] else f"{row['file']}: "
    return row | {"reason": f"{before}{text}"} if row["status"] == "ok" else row
