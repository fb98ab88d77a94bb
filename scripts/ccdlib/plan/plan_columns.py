"""What is in results/plan.csv and results/members.csv."""

from collections.abc import Iterable, Mapping
from typing import Any

from ..tables import Table

__all__ = ["MEMBERS_TABLE", "PLAN_TABLE", "facts_of", "write_members"]

PLAN_TABLE = Table(
    "results/plan.csv",
    {
        "product": "text",
        "kind": "category",
        "master": "text",
        "status": "category",
        "reason": "text",
        "age": "number",
        "scale": "number",
        "candidates": "text",
    },
)
# what the headers say of a frame
_FACTS = {
    "imagetyp": "category",
    "object": "text",
    "filter": "text",
    "exptime": "number",
    "temperature": "number",
    "night": "text",
    "date_obs": "time",
    "camera": "text",
    "size": "text",
    "unit": "text",
    "binning": "text",
    "readout_mode": "text",
    "gain_setting": "text",
    "offset": "text",
    "done": "text",
    "window": "text",
    "row_order": "text",
    "dark_scale": "number",
    "dark": "category",
}
MEMBERS_TABLE = Table(
    "results/members.csv",
    {"master": "text", "frame": "text", "sha256": "text", "file": "text"}
    | _FACTS
    | {"layout": "text"},
)


def facts_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of a member as a job is given them: plain values, those that are known.

    Parameters
    ----------
    row : mapping
        A row of members.csv with its `Layout`.

    Returns
    -------
    dict
        `amplifiers` as `ccdlib.camera.amplifiers.amplifiers_to_rows` has them; the moment as ISO
        text.
    """
    facts = {name: row[name] for name in _FACTS if row.get(name) is not None}
    if "date_obs" in facts:
        facts["date_obs"] = facts["date_obs"].isoformat()
    return facts | ({"amplifiers": row["layout"].rows} if row["layout"] else {})


def write_members(rows: Iterable[Mapping[str, Any]], path: str = MEMBERS_TABLE.path) -> None:
    """Write the members, of each layout the name."""
    MEMBERS_TABLE.write(
        ({**row, "layout": row["layout"].name if row["layout"] else None} for row in rows), path
    )
