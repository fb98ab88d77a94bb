"""Frames as the plan sees them: rows of the index with the user's corrections applied."""

import csv
import difflib
import io
import math
import posixpath
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from ..camera.amplifiers import Layout
from ..camera.sections import parse_section
from ..camera.type_words import kind_of_name
from ..errors import CcdlibError
from ..kinds import FRAME_TYPES, masters
from ..plain_text import of_cell

__all__ = [
    *("UNDATED", "Frame", "RefusedFrame", "frames_of", "join_corrections", "read_corrections"),
    *("refused_frames", "unknown_frames"),
]

# the night of a frame without a date
UNDATED = "undated"
# kinds of masters that the user may name for a frame
_PINS = tuple(kind.name for kind in masters())
# steps that a camera's program may have done
_STEPS = frozenset({"bias", "dark", "flat"})
_SECONDS = re.compile(r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,2})?")
# what `index.exposures` says of a file whose exposure another one holds
_DOUBLE = re.compile(r": (duplicate, same content as|same pixels as|the same frame as) ")
_CORRECTION_COLUMNS = (
    *("file", "imagetyp", "object", "filter", "exptime", "done", "window", "use"),
    *_PINS,
)


@dataclass(frozen=True)
class Frame:
    """A raw frame that may be used.

    Attributes
    ----------
    facts : dict
        What must agree or is written into products: camera, size, unit, binning,
        readout_mode, gain_setting, offset, filter, object, window, row_order; and `done`,
        see `done_steps`.
    pins : dict
        {kind: name of a master, or 'none'} from the corrections.
    lit : {'dome', 'sky'} or None
        What lights a flat.
    telescope : str or None
        Where the frames of its camera name several, once `telescopes.with_telescopes` saw them.
    """

    frame: str
    file: str
    kind: str
    sha256: str
    night: str
    exptime: float | None
    temperature: float | None
    date: datetime | None
    facts: dict
    layout: Layout
    pins: dict = field(default_factory=dict)
    lit: str | None = None
    telescope: str | None = None

    @cached_property
    def alike(self) -> tuple:
        """What it has in common with frames that differ from it in their moment alone."""
        facts = tuple(self.facts.values())
        conditions = self.night, self.exptime, self.temperature, self.telescope
        return facts, self.layout.name, *conditions

    @property
    def has_overscan(self) -> bool:
        """Whether every amplifier has an overscan."""
        return self.layout.has_overscan

    @property
    def done_steps(self) -> frozenset[str]:
        """Steps that were done to it already: some of bias, dark and flat."""
        return frozenset(str(self.facts.get("done") or "").partition(" ")[0].split("+")) & _STEPS

    @property
    def needs_detector(self) -> bool:
        """Whether a gain or a read noise is to be measured."""
        return self.layout.needs_detector


@dataclass(frozen=True)
class RefusedFrame:
    """A raw frame that the index refused, of the type that its header or its name says.

    Attributes
    ----------
    kind, file, reason : str
        `kind` is empty where nothing says it.
    night : str
        Empty where it is not known.
    date : datetime or None
    """

    kind: str
    file: str
    reason: str
    night: str
    date: datetime | None


def _row_error(path, number, message):
    return CcdlibError(f"{path}, line {number}: {message}")


def _check_correction(path, number, row, known):
    if row["file"] not in known:
        close = difflib.get_close_matches(row["file"], known, 1, 0.5)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        text = f"file={row['file']!r} is not in the index (results/index.csv){hint}"
        raise _row_error(path, number, text)
    if row["imagetyp"] and row["imagetyp"] not in FRAME_TYPES:
        raise _row_error(
            path, number, f"imagetyp={row['imagetyp']!r} is none of {', '.join(FRAME_TYPES)}"
        )
    if row["use"] and row["use"].lower() not in ("true", "false"):
        raise _row_error(path, number, f"use={row['use']!r} is neither true nor false")
    if row["done"] and row["done"] != "none" and not set(row["done"].split("+")) <= _STEPS:
        text = f"done={row['done']!r} is neither none nor some of bias, dark, flat joined by +"
        raise _row_error(path, number, text)
    if row["window"]:
        try:
            parse_section(row["window"], (math.inf, math.inf))
        except CcdlibError as error:
            raise _row_error(path, number, f"window: {error}") from None
    if row["exptime"] and not _SECONDS.fullmatch(row["exptime"]):
        raise _row_error(path, number, f"exptime={row['exptime']!r} is not a time in seconds")


def _lines(path: str | Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Number and cells of each line of a CSV that has some.

    Of a quote that is not closed the csv module makes one cell of all that follows it.
    """
    reader = csv.reader(io.StringIO(text), strict=True)
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise _row_error(path, number, f"not CSV: {error}") from None
        if cells is None:
            return
        if any("\n" in cell for cell in cells):
            raise _row_error(path, number, "a cell in quotes goes on in the next line")
        if cells:
            yield number, cells


def read_corrections(path: str | Path, known: Collection[str]) -> dict[str, dict[str, str]]:
    """The corrections table (`corrections` in the config).

    Parameters
    ----------
    path : path
        CSV with the column ``file`` and any of imagetyp, object, filter, exptime, done, window,
        use, bias, dark, flat; an empty cell leaves what was found.
    known : container of str
        The files of the index.

    Returns
    -------
    dict
        {file: {column: text}} with the cells that are not empty.

    Raises
    ------
    CcdlibError
        If the table is missing, has an unknown column, names a file that is not there or
        twice, or holds an impossible value; the message names the line.
    """
    try:
        # a spreadsheet puts a mark before the first column's name
        text = Path(path).read_text(encoding="utf-8-sig", errors="surrogateescape")
    except FileNotFoundError:
        raise CcdlibError(f"corrections: {path}: no such file") from None
    lines = _lines(path, text)
    columns = next((cells for _, cells in lines), [])
    unknown = [name for name in columns if name not in _CORRECTION_COLUMNS]
    if unknown or "file" not in columns:
        raise CcdlibError(f"{path}: columns {columns} are not of {', '.join(_CORRECTION_COLUMNS)}")
    if doubles := [name for name in _CORRECTION_COLUMNS if columns.count(name) > 1]:
        raise CcdlibError(f"{path}: column {doubles[0]} is there twice")
    found = {}
    for number, cells in lines:
        if more := cells[len(columns) :]:
            raise _row_error(path, number, f"more cells than columns: {', '.join(more)}")
        given = zip(columns, (of_cell(cell.strip()) for cell in cells), strict=False)
        row = dict.fromkeys(_CORRECTION_COLUMNS, "") | dict(given)
        _check_correction(path, number, row, known)
        if row["file"] in found:
            raise _row_error(path, number, f"file={row['file']!r} is listed twice")
        found[row["file"]] = {name: cell for name, cell in row.items() if cell and name != "file"}
    return found


def _is_mended(row, given):
    """Whether a frame was refused for values that the corrections give."""
    failed = set((row.get("failed") or "").split("+")) - {""}
    # what was done to a light is no reason to refuse it
    known = given.keys() | ({"done"} if given.get("imagetyp") in ("light", "lamp") else set())
    return row["status"] == "refused" and bool(failed) and failed <= known


def join_corrections(
    index: Iterable[dict[str, Any]], corrections: Mapping[str, dict[str, str]]
) -> Iterator[dict[str, Any]]:
    """The rows of the index joined with the corrections.

    Parameters
    ----------
    index : iterable of dict
        Rows of the index.
    corrections : dict
        From `read_corrections`.

    Yields
    ------
    dict
        The row with what is corrected in place of what was found, and with `use` (bool) and
        bias, dark and flat (text or None). A frame of unknown type that was given one is ok.
    """
    plain = {"use": True} | dict.fromkeys(_PINS)
    for row in index:
        given: dict[str, Any] = dict(corrections.get(row["file"], {}))
        if "exptime" in given:
            given["exptime"] = float(given["exptime"])
        if "use" in given:
            given["use"] = given["use"].lower() == "true"
        if "imagetyp" in given and row["status"] in ("unknown", "aside"):
            given |= {"status": "ok", "reason": None}
        if _is_mended(row, given):
            given |= {"status": "ok", "reason": None}
        yield row | plain | given


def _frame(row):
    facts = {
        name: row[name] for name in ("camera", "binning", "readout_mode", "gain_setting", "offset")
    }
    facts["size"] = f"{row['naxis1']}x{row['naxis2']}"
    if row["extensions"] != 1:
        facts["size"] += f"x{row['extensions']}"
    facts |= {
        name: row[name] for name in ("unit", "object", "filter", "done", "window", "row_order")
    }
    return Frame(
        frame=row["frame"],
        file=row["file"],
        kind=row["imagetyp"],
        sha256=row["sha256"],
        night=row["night"] or UNDATED,
        exptime=row["exptime"],
        temperature=row["temperature"],
        date=row["date_obs"],
        facts=facts,
        layout=row["layout"],
        pins={kind: row[kind] for kind in _PINS if row[kind]},
        lit=row.get("lit"),
        telescope=row.get("telescope"),
    )


def frames_of(
    index: Iterable[dict[str, Any]], corrections: Mapping[str, dict[str, str]]
) -> list[Frame]:
    """The frames that may be used: typed rows, corrected, without those set aside.

    Parameters
    ----------
    index : iterable of dict
        Rows of the index, with their `Layout`.
    corrections : dict
        From `read_corrections`.

    Returns
    -------
    list of Frame
        In the order of the index.
    """
    rows = join_corrections(index, corrections)
    return [_frame(row) for row in rows if row["status"] == "ok" and row["use"]]


def refused_frames(
    index: Iterable[dict[str, Any]], corrections: Mapping[str, dict[str, str]]
) -> list[RefusedFrame]:
    """The frames that would be there, had they not been refused; without those set aside.

    Parameters
    ----------
    index : iterable of dict
        Rows of the index.
    corrections : dict
        From `read_corrections`.
    """
    rows = join_corrections(index, corrections)
    lost = [row for row in rows if row["status"] == "refused" and row["use"]]
    # nothing is lost where another file holds the same exposure
    lost = [row for row in lost if not _DOUBLE.search(row["reason"])]
    # a header that cannot be read tells no type
    kinds = [row["imagetyp"] or kind_of_name(posixpath.basename(row["file"])) for row in lost]
    return [_lost(kind, row) for kind, row in zip(kinds, lost, strict=True) if kind in FRAME_TYPES]


def unknown_frames(
    index: Iterable[dict[str, Any]], corrections: Mapping[str, dict[str, str]]
) -> list[RefusedFrame]:
    """The frames that may be of any type; without those set aside.

    Parameters
    ----------
    index, corrections
        As for `refused_frames`.
    """
    rows = join_corrections(index, corrections)
    return [_lost("", row) for row in rows if row["status"] == "unknown" and row["use"]]


def _lost(kind, row):
    return RefusedFrame(kind, row["file"], row["reason"], row["night"] or "", row["date_obs"])
