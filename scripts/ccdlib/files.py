"""Writing files so that an interrupted job leaves nothing half-written behind."""

import csv
import io
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

__all__ = [
    *("files_below", "read_table", "remove_parts", "replacing", "write_atomically"),
    "write_table",
]

_PART = ".part"


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary path beside `path`, renamed to it when the block ends well.

    The name carries the process number, so that a job that was given up on a lost node and
    its retry never write into the same file.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name[-150:]}.{os.getpid()}{_PART}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_atomically(path: str | Path, content: bytes) -> None:
    """Write bytes to `path`, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def files_below(folder: str | Path) -> Iterator[str]:
    """Yield the path, as text, of each file below a folder."""
    for parent, _, names in os.walk(folder):
        yield from filter(os.path.isfile, (f"{parent}/{name}" for name in names))


def remove_parts(folder: str | Path) -> None:
    """Delete what killed jobs left half-written below a folder."""
    for path in files_below(folder):
        if path.endswith(_PART) and os.path.basename(path).startswith("."):
            Path(path).unlink(missing_ok=True)


def read_table(path: str | Path) -> list[dict[str, str]]:
    """The rows of a CSV file as dicts of text; an empty list if there is no such file."""
    try:
        with open(path, newline="", encoding="utf-8", errors="surrogateescape") as file:
            return list(csv.DictReader(file))
    except FileNotFoundError:
        return []


def write_table(
    path: str | Path, columns: Collection[str], rows: Iterable[Mapping[str, object]]
) -> None:
    """Write dicts as CSV; None becomes an empty cell."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, text.getvalue().encode("utf-8", "surrogateescape"))
