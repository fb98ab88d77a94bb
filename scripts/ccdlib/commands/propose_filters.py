"""Filters that only the names of folders and files tell."""

import posixpath
import re
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["filters_of_names"]

_SYSTEM = r"(?:sdss|sloan|bessell?|johnson|cousins|harris|astrodon|filter)"
_BAND = (
    r"[ubvrigzyjhkl]|[ugrizy][p']|lum(?:inance)?|red|green|blue|clear|"
    r"h-?a(?:lpha)?|h-?b(?:eta)?|o-?(?:iii|3)|s-?(?:ii|2)|n-?(?:ii|2)"
)
_FILTER = re.compile(rf"{_SYSTEM}?[ -]?(?:{_BAND})|(?:{_BAND})[ -]?{_SYSTEM}", re.IGNORECASE)


def _named(file):
    """The filter that a name tells: that of the nearest folder, else of a word of the file's."""
    folder, name = posixpath.split(file)
    for part in reversed(folder.split("/")):
        if _FILTER.fullmatch(part):
            return part
    words = re.split(r"[_. ]", name)[:-1]
    found = {word for word in words if _FILTER.fullmatch(word)}
    return found.pop() if len(found) == 1 else None


def filters_of_names(rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The filters of flats and lights by the names of their folders or files.

    Parameters
    ----------
    rows : iterable of dict
        Rows of the index.

    Returns
    -------
    dict
        {file: filter}. Empty where some header tells a filter, where the name of one flat or light
        tells none, or where all tell the same.
    """
    lit = [row for row in rows if row["status"] == "ok" and row["imagetyp"] in ("flat", "light")]
    found = {row["file"]: _named(row["file"]) for row in lit}
    if any(row["filter"] for row in lit) or None in found.values():
        return {}
    return found if len(set(found.values())) > 1 else {}
