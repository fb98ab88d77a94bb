"""Dates with slashes: whether the day or the month comes first, from all dates of a folder.

05/06/98 is the 5th of June or the 6th of May. A date of the same camera that has a number above 12
can be read in one way alone, and the others are of its form.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from ..camera.moments import DAY_FIRST

__all__ = ["in_one_day_order"]

_MONTH_FIRST = "is read as month/day/year, as others must be"


def in_one_day_order(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Read dates of either form as the sure ones of their camera are.

    Parameters
    ----------
    rows : iterable of dict
        Rows with `day_order`: 'day', 'month', 'either' or None.

    Returns
    -------
    list of dict
        The same rows. Without a sure date, or with sure ones of both forms, the day comes first
        and the remark says so.
    """
    rows = list(rows)
    sure = defaultdict(set)
    for row in rows:
        if row.get("day_order") in ("day", "month"):
            sure[row["camera"]].add(row["day_order"])
    return [_in_order(row, sure[row["camera"]]) for row in rows]


def _in_order(row, sure):
    if row.get("day_order") != "either" or len(sure) != 1:
        return row
    if sure == {"day"}:
        return row | {"reason": _without(row["reason"], row["file"])}
    reason = row["reason"] and row["reason"].replace(DAY_FIRST, _MONTH_FIRST)
    found = row | {"reason": reason}
    if row["date_obs"] is None:
        return found
    was = datetime.fromisoformat(row["date_obs"])
    now = was.replace(month=was.day, day=was.month)
    found["date_obs"] = now.isoformat()
    if row["night"]:
        moved = date.fromisoformat(row["night"]) + (now.date() - was.date())
        found["night"] = moved.isoformat()
    return found


def _without(reason, file):
    """A row's remarks without the one on its date."""
    if not reason:
        return reason
    kept = [each for each in reason.removeprefix(f"{file}: ").split("; ") if DAY_FIRST not in each]
    return f"{file}: {'; '.join(kept)}" if kept else None
