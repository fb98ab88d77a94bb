"""The calibration graph of a night: which masters from what, used by which lights."""

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from ..index.ready_masters import is_ready
from ..kinds import KINDS, kind_of, order_of
from ..plan.nights import read_nights
from .page import section

if TYPE_CHECKING:
    from .night import Light, Night

__all__ = ["calibration_graph", "with_masters"]

_COLUMN, _ROW, _BOX = 250, 46, 34


def _names(masters):
    """{product: (kind, short name)}; parts that all names share are left out."""
    parts = {
        product: [name.split("_") for name in Path(product).stem.split("+")] for product in masters
    }
    every = [name for names in parts.values() for name in names]
    same = [len(set(places)) == 1 for places in zip(*every, strict=False)]
    common = same.index(False) if False in same else len(same)
    return {
        product: (
            kind_of(product).name.replace("_", " "),
            " + ".join("_".join(n[common:]) for n in names),
        )
        for product, names in parts.items()
    }


def _groups(night):
    """Lights of the same object, filter and masters are one box: {key: [light, ...]}."""
    groups: dict[tuple, list[Light]] = {}
    for light in night.lights:
        used = tuple(sorted(row["master"] for row in night.used(light.product).values()))
        facts = light.facts
        what = (facts.get("object") or facts.get("imagetyp") or "", facts.get("filter") or "")
        groups.setdefault((what, used), []).append(light)
    return groups


def _nodes(night):
    """[(column, key, title, second line)] and [(from key, to key)]."""
    nodes, edges = [], []
    frames: dict[str, int] = {}
    files: dict[str, str] = {}
    for row in night.members:
        frames[row["master"]] = frames.get(row["master"], 0) + 1
        files[row["master"]] = row["file"]
    products = sorted({row["master"] for row in night.plan if row["status"] == "used"} - {None})
    masters = [each for each in products if each.startswith("results/masters/") or is_ready(each)]
    names = _names(masters)
    for product in sorted(masters, key=lambda each: (order_of(each), each)):
        kind, name = names[product]
        count = "" if kind == "bad pixels" else f" from {frames.get(product, 0)} frames"
        if is_ready(product):
            count, name = ", ready", files.get(product, name)
        nodes.append((order_of(product), product, f"{kind}{count}", name))
        edges += [
            (row["master"], product)
            for row in night.used(product).values()
            if row["master"] in masters
        ]
    for ((what, filter), used), lights in _groups(night).items():
        key = f"{what} {filter} {used}"
        which = f"{lights[0].frame} ... {lights[-1].frame}" if len(lights) > 1 else lights[0].frame
        title = f"{len(lights)} x {what} {filter}".strip()
        nodes.append((list(KINDS).index("calibrated"), key, title, which))
        edges += [(master, key) for master in used if master in masters]
    return nodes, edges


def _short(text, limit):
    return text if len(text) <= limit else f"{text[: limit - 2]}..."


def _box(x, y, title, second):
    return (
        f"<g><title>{escape(title)}: {escape(second)}</title>"
        f'<rect class="box" x="{x}" y="{y}" width="{_COLUMN - 50}" height="{_BOX}" rx="4"/>'
        f'<text class="name" x="{x + 8}" y="{y + 14}">{escape(_short(title, 28))}</text>'
        f'<text x="{x + 8}" y="{y + 28}">{escape(_short(second, 32))}</text></g>'
    )


def _link(night, master, words):
    """A link to a master on this page or on its night's; a ready master has none."""
    if is_ready(master):
        return f"{words} (ready)"
    place = ""
    if not any(each.product == master for each in night.masters):
        own = read_nights().of_product(master)
        place = "" if own == night.name else f"{own}.html"
    return f'<a href="{escape(place + "#" + master, quote=True)}">{words}</a>'


def with_masters(night: "Night", product: str, but: str = "results/stacks/") -> str:
    """Links to the masters that a product was calibrated with, but for those of a folder, HTML."""
    masters = {row["master"] for row in night.plan if (row["master"] or "").endswith(".fits")}
    names = _names({each for each in masters if not each.startswith(but)})
    used = [row["master"] for row in night.used(product).values() if row["master"] in names]
    return ", ".join(
        _link(night, master, escape(" ".join(names[master]).strip())) for master in used
    )


def calibration_graph(night: "Night") -> str:
    """The section of the page, empty when nothing was planned.

    Parameters
    ----------
    night : Night

    Returns
    -------
    str
        HTML.
    """
    nodes, edges = _nodes(night)
    if not nodes:
        return ""
    columns = sorted({column for column, *_ in nodes})
    places, boxes = {}, []
    filled: dict[int, int] = {}
    for column, key, title, second in nodes:
        x = columns.index(column) * _COLUMN
        y = filled.get(column, 0) * _ROW + 4
        filled[column] = filled.get(column, 0) + 1
        places[key] = x, y
        boxes.append(_box(x, y, title, second))
    lines = []
    for start, end in edges:
        (x1, top1), (x2, top2) = places[start], places[end]
        x1, y1, y2 = x1 + _COLUMN - 50, top1 + _BOX / 2, top2 + _BOX / 2
        lines.append(f'<path class="edge" d="M{x1} {y1}C{x1 + 28} {y1} {x2 - 28} {y2} {x2} {y2}"/>')
    width, height = len(columns) * _COLUMN - 48, max(filled.values()) * _ROW
    svg = (
        f'<div class="scroll"><svg class="graph" width="{width}" height="{height}" '
        f'viewBox="-1 0 {width} {height}" role="img" aria-label="calibration graph">'
        f"{''.join(lines)}{''.join(boxes)}</svg></div>"
    )
    lead = "Each arrow is a master that was subtracted from, divided into or flagged in the next."
    return section("What was made from what", svg, "graph", lead)
