"""The tables of the index: raw files, ready masters, and the amplifiers that both refer to."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..camera.amplifiers import Layout, amplifiers_from_rows, layout_of
from ..errors import CcdlibError
from ..tables import Table

if TYPE_CHECKING:
    import pandas

__all__ = [
    *("AMPLIFIERS_TABLE", "INDEX_TABLE", "READY_TABLE", "as_read", "data_frame"),
    *("layouts_in", "read_layouts", "read_rows", "with_names", "write_layouts"),
]

INDEX_TABLE = Table(
    "results/index.csv",
    {
        "frame": "text",
        "file": "text",
        "imagetyp": "category",
        "object": "text",
        "filter": "text",
        "exptime": "number",
        "date_obs": "time",
        "night": "text",
        "binning": "text",
        "temperature": "number",
        # one number for each amplifier where they differ; the table of amplifiers has each
        "gain": "text",
        "read_noise": "text",
        "naxis1": "integer",
        "naxis2": "integer",
        "extensions": "integer",
        "sha256": "text",
        "status": "category",
        "reason": "text",
        # of a refused frame the facts that the table of corrections may give
        "failed": "text",
        # what the type comes from
        "evidence": "text",
        # what lights a flat: dome or sky, where words or its light tell it
        "lit": "category",
        "telescope": "text",
        "camera": "text",
        "readout_mode": "text",
        "gain_setting": "text",
        "offset": "text",
        "unit": "text",
        "done": "text",
        # where the pixels are on the chip, and in which order their rows
        "window": "text",
        "row_order": "text",
        "layout": "text",
    },
)
_STEPS_DONE = ("level_removed", "bias_removed", "pedestal_removed", "detector")
READY_TABLE = Table("results/ready.csv", INDEX_TABLE.columns | dict.fromkeys(_STEPS_DONE, "flag"))
AMPLIFIERS_TABLE = Table(
    "results/amplifiers.csv",
    {
        "layout": "text",
        "amplifier": "integer",
        "hdu": "integer",
        "image": "integer",
        **dict.fromkeys(("data", "place", "overscan", "parallel"), "text"),
        **dict.fromkeys(("gain", "read_noise", "saturation", "linear_limit"), "number"),
        "corner": "text",
        "pedestal": "number",
        "match": "flag",
        "turned": "flag",
        # values of these are separated by blanks
        **dict.fromkeys(("crosstalk", "linearity", "bad"), "text"),
    },
)


def _linearity_text(values: list) -> str:
    kind, *rest = values
    numbers = rest if kind == "polynomial" else [number for pair in rest for number in pair]
    return " ".join([kind, *map(repr, numbers)])


def _linearity(text: str) -> list:
    kind, *words = text.split()
    numbers = [float(word) for word in words]
    if kind == "polynomial":
        return [kind, *numbers]
    return [kind, *(list(pair) for pair in zip(numbers[::2], numbers[1::2], strict=True))]


def _lists_as_text(row: dict[str, Any]) -> dict[str, Any]:
    """An amplifier's row with its lists as one cell each."""
    found = dict(row)
    if "crosstalk" in row:
        found["crosstalk"] = " ".join(map(repr, row["crosstalk"]))
    if "linearity" in row:
        found["linearity"] = _linearity_text(row["linearity"])
    if "bad" in row:
        found["bad"] = " ".join(row["bad"])
    return found


def _text_as_lists(cells: dict[str, Any]) -> dict[str, Any]:
    """An amplifier's row from its cells; what is empty is left out."""
    found = {name: value for name, value in cells.items() if value is not None}
    if "crosstalk" in found:
        found["crosstalk"] = [float(word) for word in found["crosstalk"].split()]
    if "linearity" in found:
        found["linearity"] = _linearity(found["linearity"])
    if "bad" in found:
        found["bad"] = found["bad"].split()
    return found


def write_layouts(layouts: Mapping[str, Layout], path: str | Path = AMPLIFIERS_TABLE.path) -> None:
    """Write the amplifiers of each layout.

    They are written before the tables that refer to them, so that no run that is killed leaves
    a layout without its amplifiers.

    Parameters
    ----------
    layouts : dict
        {name: layout}.
    path : path
    """
    rows = [
        {"layout": name, "amplifier": number} | _lists_as_text(row)
        for name in sorted(layouts)
        for number, row in enumerate(layouts[name].rows, start=1)
    ]
    AMPLIFIERS_TABLE.write(rows, path)


def read_layouts(path: str | Path = AMPLIFIERS_TABLE.path) -> dict[str, Layout]:
    """{name: `Layout`} of the table of amplifiers, {} when it is not there.

    Raises
    ------
    CcdlibError
        If the amplifiers of a layout are not those that it was named after: the table was cut,
        edited or is not the one that was written with the index.
    """
    found: dict[str, list] = {}
    for cells in AMPLIFIERS_TABLE.rows(path):
        name = cells.pop("layout")
        del cells["amplifier"]
        found.setdefault(name, []).append(_text_as_lists(cells))
    layouts = {name: layout_of(amplifiers_from_rows(rows)) for name, rows in found.items()}
    for name, layout in layouts.items():
        if layout.name != name:
            raise CcdlibError(
                f"{path}: the amplifiers of layout {name} are not those that it was named after "
                f"(they make {layout.name}); delete the table and it is made again"
            )
    return layouts


def read_rows(
    table: Table, path: str | Path, layouts: Mapping[str, Layout], amplifiers: str | Path
) -> list[dict[str, Any]]:
    """The rows of a table, with the `Layout` in place of its name.

    Parameters
    ----------
    table : Table
        One that has a column `layout`.
    path : path
    layouts : dict
        From `read_layouts`.
    amplifiers : path
        Where that was read, for the message.

    Raises
    ------
    CcdlibError
        If a layout is not among them.
    """
    rows = table.rows(path)
    for row in rows:
        name = row["layout"]
        if name is not None and name not in layouts:
            raise CcdlibError(
                f"{path}: {row['file']} has the layout {name}, which is not in {amplifiers}; "
                f"delete both tables and they are made again"
            )
        row["layout"] = layouts.get(name)
    return rows


@lru_cache(maxsize=1000)
def _layout(text: str) -> Layout:
    return layout_of(amplifiers_from_rows(json.loads(text)))


def as_read(row: dict[str, Any]) -> dict[str, Any]:
    """A row that a file's headers gave, as it comes back from the table: time and `Layout`."""
    date, amplifiers = row["date_obs"], row["amplifiers"]
    return row | {
        "date_obs": datetime.fromisoformat(date) if date else None,
        # thousands of frames share a few layouts
        "layout": _layout(json.dumps(amplifiers)) if amplifiers else None,
    }


def layouts_in(rows: Iterable[dict[str, Any]]) -> dict[str, Layout]:
    """{name: layout} of rows that have a `Layout`."""
    return {row["layout"].name: row["layout"] for row in rows if row["layout"]}


def data_frame(table: Table, rows: Iterable[dict[str, Any]]) -> "pandas.DataFrame":
    """Rows that have a `Layout` as a DataFrame that has its name."""
    return table.data_frame(with_names(rows))


def with_names(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Rows that have a `Layout` with its name instead, as they are written."""
    for row in rows:
        yield row | {"layout": row["layout"].name if row["layout"] else None}
