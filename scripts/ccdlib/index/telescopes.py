"""The telescopes of one folder, where cameras of one name are at several.

A name alone tells little: some programs write where a mount points, others nothing while it is not
connected. Two or three names in a camera's frames are telescopes, more are not.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..camera.headers import Headers

__all__ = ["telescope_of", "with_telescopes"]

_MOST = 3
_NONE = {"unknown", "none", "n/a", "telescope", "undefined"}


def telescope_of(headers: Headers) -> str | None:
    """What TELESCOP says, without blanks that say nothing; None where it names none."""
    name = " ".join(str(headers.get("TELESCOP") or "").split())
    return None if name.lower() in _NONE or not name else name


def with_telescopes(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of a folder, with `telescope` only where a camera's frames name two or three.

    Parameters
    ----------
    rows : iterable of dict
        Rows of the index with their types.
    """
    rows = list(rows)
    cameras = defaultdict(list)
    for number, row in enumerate(rows):
        if row["status"] == "ok" and row["telescope"]:
            cameras[row["camera"]].append(number)
    found = [row | {"telescope": None} if row["telescope"] else row for row in rows]
    for numbers in cameras.values():
        spelt: dict[str, str] = {}
        for number in numbers:
            spelt.setdefault(rows[number]["telescope"].lower(), rows[number]["telescope"])
        if 1 < len(spelt) <= _MOST:
            for number in numbers:
                name = spelt[rows[number]["telescope"].lower()]
                found[number] = found[number] | {"telescope": name}
    return found
