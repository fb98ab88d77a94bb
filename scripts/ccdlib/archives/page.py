"""The first page of an archive: its nights, and what is followed over years."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import quote

from ..plain_text import shown
from ..report import svgplot
from ..report.page import figure, page, section, table
from ..state import write_noted
from .measures import MEASURES

__all__ = ["PAGE", "write_page"]

PAGE = "archive/index.html"
_BAD = ("failed", "unreadable", "not made", "refused")
# marks of a series, and rows of the table: a page of more is slow to open
_MARKS, _ROWS = 1000, 2000


def _trends(records: Mapping[str, Mapping[str, Any]]) -> str:
    graphs = [_graph(name, records) for name in MEASURES]
    body = "".join(graphs)
    if not body:
        return ""
    lead = "One mark for each master of each night. Point at it for its night and value."
    return section("Over the years", f'<div class="grid-of wide">{body}</div>', "trends", lead)


def _graph(name, records):
    series = _series(name, records)
    if not series:
        return ""
    title, unit = MEASURES[name]
    graph = svgplot.points(series, "night", f"{title} [{unit}]", time=True, dates=True)
    return figure(graph, title)


def _series(name: str, records: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A series for each camera, and each filter or exposure time."""
    found: dict[str, dict[str, Any]] = {}
    several = len({record["camera"] for record in records.values()}) > 1
    for night, record in records.items():
        for master in record["masters"]:
            if master.get(name) is None:
                continue
            key = _group(name, master)
            if several:
                camera = Path(str(record["camera"])).stem
                key = camera if key == MEASURES[name][0] else f"{camera}, {key}"
            each = found.setdefault(key, {"name": key, "x": [], "y": [], "labels": []})
            each["x"].append(_moment(record, master))
            each["y"].append(master[name])
            each["labels"].append(f"{night}, {os.path.basename(master['product'])}")
    return [_thinned(found[key]) for key in sorted(found)]


def _group(name: str, master: Mapping[str, Any]) -> str:
    if name == "flat_level":
        return master["filter"] or "no filter"
    if name == "dark_current":
        return f"{master['exptime']:g} s"
    if name == "bad_pixels":
        return "of darks and flats" if "+" in master["product"] else "of darks or flats alone"
    return MEASURES[name][0]


def _thinned(series: Mapping[str, Any]) -> dict[str, Any]:
    """A series with medians in place of marks that would lie on each other."""
    size = -(-len(series["x"]) // _MARKS)
    if size < 2:
        return dict(series)
    order = sorted(range(len(series["x"])), key=lambda place: series["x"][place])
    groups = [order[start : start + size] for start in range(0, len(order), size)]
    labels = series["labels"]
    return {
        "name": series["name"],
        "x": [series["x"][group[len(group) // 2]] for group in groups],
        "y": [median(series["y"][place] for place in group) for group in groups],
        "labels": [f"median of {len(group)} from {labels[group[0]]}" for group in groups],
    }


def _moment(record: Mapping[str, Any], master: Mapping[str, Any]) -> datetime:
    """The night that a master's name begins with, else the first of the folder."""
    named = os.path.basename(master["product"]).partition("_")[0]
    return datetime.fromisoformat(named if named in record["nights"] else record["nights"][0])


def _nights(rows: Sequence[Mapping[str, Any]]) -> str:
    cells: list[list] = []
    marked = set()
    for place, row in enumerate(_listed(rows)):
        if row["verdict"] in _BAD:
            marked.add(place)
        name = escape(row["night"])
        if row.get("report"):
            # a name may have what an address has for itself, such as # and %
            name = f'<a href="../{quote(row["report"])}">{name}</a>'
        numbers = [_number(row.get(key)) for key in ("frames", "lights", "refused", "odd", "lent")]
        words = escape(row["words"] or "")
        cells.append([(name, row["night"]), row["verdict"], *numbers, escape(row["camera"]), words])
    heads = ["night", "verdict", "frames", "lights", "refused", "stand out", "lent", "camera"]
    body = ""
    if len(cells) < len(rows):
        body = f"<p>{len(cells)} of them are listed; archive/nights.csv has all.</p>"
    body += table(
        [*heads, "in words"], cells, name="nights", filtered=True, marked=marked, text=(8,)
    )
    lead = (
        "<em>lent</em> is how many masters of near nights a night was given, for frames that have "
        "none of their own."
    )
    return section("Nights", body, "nights", lead)


def _verdict(rows: Sequence[Mapping[str, Any]]) -> str:
    words = ", ".join(f"{number} {verdict}" for verdict, number in _counts(rows))
    mood = "bad" if any(row["verdict"] in _BAD for row in rows) else "good"
    return f'<p class="verdict {mood}">{len(rows)} nights: {words}.</p>'


def _listed(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """All nights, or of very many those to look at and the last ones."""
    if len(rows) <= _ROWS:
        return list(rows)
    last = {row["night"] for row in rows[-_ROWS // 2 :]}
    found = [row for row in rows if row["verdict"] in _BAD or row["night"] in last]
    return found[-_ROWS:]


def _number(value):
    return "" if value is None else (str(value), value)


def _counts(rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, int]]:
    verdicts = [row["verdict"] for row in rows]
    for verdict in ("good", "odd", *reversed(_BAD)):
        if verdict in verdicts:
            yield verdict, verdicts.count(verdict)


def write_page(rows: Sequence[Mapping[str, Any]], records: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the page.

    Parameters
    ----------
    rows : list of dict
        From `ccdlib.archives.table.rows_of_nights`.
    records : dict
        {night: record}, those of nights that were made.
    """
    dated = {name: record for name, record in sorted(records.items()) if record["nights"]}
    # the graphs first: below the rows of years they would not be found
    sections = [("Over the years", _trends(dated)), ("Nights", _nights(rows))]
    title = f"Archive of {len(rows)} nights"
    first = min((record["nights"][0] for record in dated.values()), default="")
    last = max((record["nights"][-1] for record in dated.values()), default="")
    lead = f'<p class="quiet">{first} to {last}</p>' if dated else ""
    text = page(title, lead + _verdict(rows), [(name, body) for name, body in sections if body])
    Path(PAGE).parent.mkdir(exist_ok=True)
    write_noted(PAGE, shown(text, but="\n\t").encode())
