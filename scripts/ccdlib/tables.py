"""Tables of the results: CSV files whose columns have types, as rows or as a pandas DataFrame."""

import csv
import io
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import CcdlibError
from .plain_text import cell, of_cell
from .state import as_written, write_noted

if TYPE_CHECKING:
    import pandas

__all__ = ["OtherColumns", "Table", "rows_of"]

# a reason may name a thousand files; csv's own limit is 128 kB
csv.field_size_limit(2**31 - 1)
# rows that are held whole at once
_ROWS = 1000
_FLAGS = {"true": True, "false": False}
# of a type: what makes a value of a cell's text
_PARSERS: dict[str, Callable[[str], Any]] = {
    "text": str,
    "category": str,
    "number": float,
    "integer": int,
    "time": datetime.fromisoformat,
    "flag": _FLAGS.__getitem__,
}
# of a type: what makes of a value what the cell's text is of, where it is not the value itself
_WRITERS: dict[str, Callable[[Any], Any]] = {
    "text": lambda text: cell(str(text)),
    "category": lambda text: cell(str(text)),
    # 60 and 60.0 are one number, with one text
    "number": lambda number: float(number) if number == number else None,
    "time": lambda moment: moment.isoformat(),
    "flag": lambda flag: str(flag).lower(),
}
_DTYPES = {
    "category": "category",
    "number": "float64",
    "integer": "Int64",
    "time": "datetime64[us]",
    "flag": "boolean",
}


class OtherColumns(CcdlibError):
    """A table that another version of ccdlib wrote."""


@dataclass(frozen=True)
class Table:
    """A table of the results: where it lies, and what is in its columns.

    pandas is imported only for a DataFrame: to read the rows alone takes less time than that.

    Attributes
    ----------
    path : str
        Below a working directory.
    columns : dict
        {name: 'text', 'category', 'number', 'integer', 'time' (UTC) or 'flag'}. In a row these
        are str, str, float, int, datetime and bool, and None for an empty cell; in a DataFrame
        string, category, float64, Int64, datetime64[us] and boolean.
    """

    path: str
    columns: dict[str, str]

    def _values(self, path: str | Path | None, names: Sequence[str]) -> dict[str, list]:
        """{column: its values}, {} when there is no file."""
        path = self.path if path is None else path
        if not os.path.exists(path):
            return {}
        # a FIFO would be waited for
        if not os.path.isfile(path):
            raise CcdlibError(f"{path}: no regular file, where a table should be: move it away")
        content = Path(path).read_bytes()
        if as_written(path, content) is False:
            raise CcdlibError(
                f"{path}: not as it was written (damaged or edited); the next run makes it again"
            )
        cells = _columns(_text_of(io.BytesIO(content)), path, names)
        return {name: self._parsed(name, cells.pop(name), path) for name in names}

    def _parsed(self, name: str, cells: Sequence[str], path: str | Path) -> list:
        kind = self.columns[name]
        parse = of_cell if kind in ("text", "category") else _PARSERS[kind]
        try:
            # a value that many rows share is one object
            values = {cell: parse(cell) if cell else None for cell in dict.fromkeys(cells)}
            return [values[cell] for cell in cells]
        except (ValueError, KeyError):
            wrong = next(cell for cell in cells if cell and not _is_a(cell, parse))
            raise CcdlibError(f"{path}: {name}={wrong!r} is no {kind}") from None

    def rows(
        self, path: str | Path | None = None, names: Sequence[str] | None = None
    ) -> list[dict[str, Any]]:
        """The rows of the file, none when there is no such file.

        Parameters
        ----------
        path : path or None
            None for its own below the present folder.
        names : sequence of str or None
            The columns that are wanted; None for all.

        Raises
        ------
        CcdlibError
            If a column is not there or a cell not of its type; the message names both. If the
            table is not as it was written.
        """
        names = list(self.columns) if names is None else names
        columns = self._values(path, names).values()
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]

    def data_frame(self, rows: Iterable[dict[str, Any]]) -> "pandas.DataFrame":
        """Rows as a DataFrame with the declared types."""
        rows = list(rows)
        return self._typed({name: [row.get(name) for row in rows] for name in self.columns})

    def _typed(self, values: dict[str, list]) -> "pandas.DataFrame":
        import pandas

        # names of files need not be UTF-8, which only pandas' own texts can hold
        text = pandas.StringDtype("python")
        return pandas.DataFrame(
            {
                name: pandas.Series(values.get(name, []), dtype=_DTYPES.get(kind, text))
                for name, kind in self.columns.items()
            }
        )

    def read(self, folder: str | Path = ".") -> "pandas.DataFrame":
        """The table of a working directory as a DataFrame.

        Raises
        ------
        CcdlibError
            If it is not there, or as `rows`.
        """
        path = Path(folder, self.path)
        values = self._values(path, list(self.columns))
        if not values:
            raise CcdlibError(f"{path}: no such file; `snakemake {self.path}` makes it")
        return self._typed(values)

    def write(
        self,
        rows: "Iterable[dict[str, Any]] | pandas.DataFrame",
        path: str | Path | None = None,
        made_of: str = "",
    ) -> None:
        """Write rows or a DataFrame, whole or not at all; None becomes an empty cell.

        `made_of` as for `state.write_noted`.
        """
        rows = list(_as_rows(rows))
        columns = [
            _cells(kind, [row.get(name) for row in rows]) for name, kind in self.columns.items()
        ]
        content = io.BytesIO()
        text = _text_of(content)
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows(zip(*columns, strict=True))
        text.flush()
        path = self.path if path is None else path
        write_noted(path, content.getvalue(), made_of)


def _cells(kind: str, values: list) -> list:
    """What is written of the values of a column."""
    write = _WRITERS.get(kind)
    if write is None:
        return values
    # a text that many rows share is worked out once
    texts = {each: write(each) for each in {each for each in values if isinstance(each, str)}}
    return [
        texts[each] if isinstance(each, str) else None if each is None else write(each)
        for each in values
    ]


def _text_of(content: io.BytesIO) -> io.TextIOWrapper:
    """Bytes as the text of a table; StringIO would take four bytes a character."""
    return io.TextIOWrapper(content, "utf-8", "surrogateescape", newline="")


def _columns(text: Iterable[str], path: str | Path, names: Sequence[str]) -> dict[str, list[str]]:
    """{column: its cells} of the columns that are wanted; the others are not kept."""
    try:
        reader = csv.reader(text)
        header = next(reader, [])
        missing = [name for name in names if name not in header]
        if missing:
            raise OtherColumns(
                f"{path}: no column {missing[0]}, another version of ccdlib wrote it"
            )
        wanted = [header.index(name) for name in names]
        found: dict[str, list[str]] = {name: [] for name in names}
        before = 0
        while rows := list(islice(reader, _ROWS)):
            for number, row in enumerate(rows, start=before + 1):
                if len(row) != len(header):
                    raise CcdlibError(f"{path}, row {number}: {len(row)} cells, not {len(header)}")
            columns = list(zip(*rows, strict=True))
            for name, column in zip(names, wanted, strict=True):
                found[name] += columns[column]
            before += len(rows)
    except csv.Error as error:
        raise CcdlibError(f"{path}: no table: {error}") from None
    return found


def _is_a(cell: str, parse: Callable[[str], Any]) -> bool:
    try:
        parse(cell)
    except (ValueError, KeyError):
        return False
    return True


def _as_rows(rows: Any) -> Iterable[dict[str, Any]]:
    return rows_of(rows) if hasattr(rows, "to_dict") else rows


def rows_of(frame: "pandas.DataFrame") -> list[dict[str, Any]]:
    """The rows of a DataFrame as dicts of plain values, None where one is missing."""
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]
