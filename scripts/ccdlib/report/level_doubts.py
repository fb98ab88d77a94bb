"""Lights whose level goes by frames of another night, which their pixels do not bear out."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..index.folder_state import CACHE
from ..index.index_tables import INDEX_TABLE, read_layouts
from ..state import kept_json

__all__ = ["level_doubts", "level_notes"]

# days: frames of one night are nearer to each other
_SAME_NIGHT = 0.6
# the darkest part of a light lies off by so many times the scatter of those levels
_APART = 3.0


def _darkest(row, parts):
    """How far the darkest part of a light lies above the same part of other frames, adu."""
    return float(np.min(np.array(row["look"]["parts"]) - np.median(parts, axis=0)))


def _level_of(choices):
    """The choice that takes a light's level off: its bias, else its dark; None without one."""
    used = {row["kind"]: row for row in choices if row["status"] == "used"}
    return used.get("bias") or used.get("dark")


def _is_apart(choice):
    """Whether a master is of another night than the frame that uses it."""
    return (choice["age"] or 0) >= _SAME_NIGHT


def level_doubts(
    plan: Iterable[Mapping[str, Any]],
    members: Iterable[Mapping[str, Any]],
    rows: Mapping[str, Mapping[str, Any]],
) -> list[str]:
    """What is to be said of lights without overscan whose level is that of another night.

    Parameters
    ----------
    plan, members : iterable of dict
        From `make_plan`.
    rows : dict
        {calibrated product: its row of the index}, and {file: row} of the masters' frames.
    """
    choices, frames = defaultdict(list), defaultdict(list)
    for row in plan:
        choices[row["product"]].append(row)
    for row in members:
        frames[row["master"]].append(rows.get(row["file"]))
    found: dict[str, list[tuple[str, float]]] = {}
    for product, own in choices.items():
        light, level = rows.get(product), _level_of(own)
        if light is None or level is None or light["imagetyp"] not in ("light", "lamp"):
            continue
        theirs = [row for row in frames[level["master"]] if row and row["look"]]
        near = not _is_apart(level)
        if near or light["layout"].has_overscan or not theirs or not light["look"]:
            continue
        parts = np.array([row["look"]["parts"] for row in theirs])
        scatter = float(np.std(np.median(parts, axis=1)))
        above = _darkest(light, parts)
        if abs(above) > _APART * max(scatter, 1.0):
            found.setdefault(level["master"], []).append((light["file"], above))
    return [_text(master, lights) for master, lights in found.items()]


def level_notes(
    plan: Iterable[Mapping[str, Any]], members: Iterable[Mapping[str, Any]]
) -> list[str]:
    """The same after a run, from what its index saw of the pixels.

    Parameters
    ----------
    plan, members : iterable of dict
        Rows of the tables in results/.
    """
    plan, members = list(plan), list(members)
    layouts = read_layouts()
    # hardly a run needs a look at the index's own notes
    if all(layout.has_overscan for layout in layouts.values()) or not any(
        row["kind"] in ("bias", "dark") and _is_apart(row) for row in plan
    ):
        return []
    files = (kept_json(CACHE) or {}).get("files", {})
    rows = {
        row["file"]: row
        | {"layout": layouts[row["layout"]], "look": files[row["file"]]["row"]["look"]}
        for row in INDEX_TABLE.rows()
        if row["layout"] and row["file"] in files
    }
    products = {
        row["master"]: rows[row["file"]] | {"imagetyp": row["imagetyp"]}
        for row in members
        if row["file"] in rows and row["master"].startswith("results/calibrated/")
    }
    return level_doubts(plan, members, rows | products)


def _text(master, lights):
    values = ", ".join(f"{file} by {above:.0f} adu" for file, above in lights[:4])
    more = f" and {len(lights) - 4} more" if len(lights) > 4 else ""
    return (
        f"level: there is no overscan, and {master} is of another night; even the darkest parts of "
        f"these lights lie off its frames: {values}{more}. That is light, or the level of another "
        "night; only frames of that night could tell: take some in each night. The flux of a star "
        "above the sky around it does not depend on it, the level of the sky does"
    )
