"""The catalogue: nights, masters and frames of an archive in one SQLite file.

It is written by one process, in one transaction, and of a night that did not change nothing is
written: it costs what changed, however large the archive is.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import chdir, closing
from pathlib import Path
from typing import Any

from ..errors import CcdlibError
from ..index.index_tables import INDEX_TABLE
from ..kinds import kind_of
from ..plan.night_plan import product_of
from ..plan.plan_columns import MEMBERS_TABLE, PLAN_TABLE
from ..state import digest_of
from .measures import MEASURES

__all__ = ["CATALOGUE", "COLUMNS", "NIGHT_OF", "update", "verdict_of"]

CATALOGUE = "archive/catalogue.sqlite"
_VERSION = 1
_SQL = {"number": "REAL", "integer": "INTEGER", "flag": "INTEGER"}
_FRAME_COLUMNS = [name for name in INDEX_TABLE.columns if name not in ("layout", "failed")]
_NUMBERS = dict.fromkeys(MEASURES, "number")
_COMBINED = ("bias", "dark", "flat")

# {table: {column: type as in `ccdlib.tables.Table`}}; `night` is the name of its folder
COLUMNS: dict[str, dict[str, str]] = {
    "nights": {
        **dict.fromkeys(("night", "first", "last", "camera", "verdict", "words"), "text"),
        **dict.fromkeys(("frames", "lights", "refused", "odd", "lent"), "integer"),
        "seconds": "number",
        "versions": "text",
        "digest": "text",
    },
    "masters": {
        **dict.fromkeys(("night", "product", "kind", "filter", "binning"), "text"),
        **dict.fromkeys(("exptime", "temperature"), "number"),
        "frames": "integer",
        **_NUMBERS,
    },
    "frames": {
        "folder": "text",
        **{name: INDEX_TABLE.columns[name] for name in _FRAME_COLUMNS},
        "product": "text",
        "state": "text",
        "why": "text",
    },
}
# the column that names the folder of the night
NIGHT_OF = {"nights": "night", "masters": "night", "frames": "folder"}


def _create(base: sqlite3.Connection) -> None:
    for table, columns in COLUMNS.items():
        named = ", ".join(f'"{name}" {_SQL.get(kind, "TEXT")}' for name, kind in columns.items())
        base.execute(f"CREATE TABLE {table} ({named})")
        base.execute(f"CREATE INDEX {table}_of_night ON {table} ({NIGHT_OF[table]})")
    base.execute("CREATE INDEX frames_by_type ON frames (imagetyp, filter)")
    base.execute(f"PRAGMA user_version = {_VERSION}")


def _opened() -> sqlite3.Connection:
    """The catalogue, made anew where there is none of this version or it is damaged."""
    path = Path(CATALOGUE)
    path.parent.mkdir(exist_ok=True)
    for _ in range(2):
        base = sqlite3.connect(path, isolation_level=None)
        try:
            (version,) = base.execute("PRAGMA user_version").fetchone()
            if version == _VERSION:
                return base
            if version == 0 and not base.execute("SELECT name FROM sqlite_master").fetchall():
                return base
        except sqlite3.DatabaseError:
            pass
        base.close()
        path.unlink()
    raise CcdlibError(f"{CATALOGUE}: cannot be made anew")


def update(nights: Iterable[str], records: Mapping[str, Mapping[str, Any]]) -> int:
    """Bring the catalogue in step with what the nights' jobs left.

    Parameters
    ----------
    nights : iterable of str
        All of the archive; what the catalogue has of others goes.
    records : dict
        {night: record}, from `ccdlib.archives.status.read_record`.

    Returns
    -------
    int
        How many nights were written.

    Raises
    ------
    CcdlibError
        If the catalogue cannot be written.
    """
    with closing(_opened()) as base:
        try:
            base.execute("BEGIN IMMEDIATE")
            if base.execute("PRAGMA user_version").fetchone() == (0,):
                _create(base)
            known = dict(base.execute("SELECT night, digest FROM nights"))
            now = {name: digest_of(records[name]) for name in nights if name in records}
            changed = [name for name, digest in now.items() if known.get(name) != digest]
            for name in [*changed, *(known.keys() - now.keys())]:
                _remove(base, name)
            for name in changed:
                _add(base, name, records[name], now[name])
            base.execute("COMMIT")
        except sqlite3.Error as error:
            raise CcdlibError(f"{CATALOGUE}: cannot be written: {error}") from None
    return len(changed)


def _remove(base, name):
    for table, column in NIGHT_OF.items():
        base.execute(f"DELETE FROM {table} WHERE {column} = ?", (name,))


def _add(base, name, record, digest):
    _insert(base, "nights", [_night_row(name, record, digest)])
    _insert(base, "masters", ({"night": name} | each for each in record["masters"]))
    # a night that failed may have left no tables, or a file in their place
    if Path("nights", name, "results").is_dir():
        _insert(base, "frames", _frames_of(name))


def _insert(base: sqlite3.Connection, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
    columns = COLUMNS[table]
    named, marks = ", ".join(f'"{name}"' for name in columns), ", ".join("?" * len(columns))
    values = ([_stored(row.get(name)) for name in columns] for row in rows)
    base.executemany(f"INSERT INTO {table} ({named}) VALUES ({marks})", values)


def _stored(value):
    return value.isoformat(" ") if hasattr(value, "isoformat") else value


def verdict_of(record: Mapping[str, Any]) -> str:
    """A night in one word: failed, refused (some of it), odd (something stands out) or good."""
    if record["failed"]:
        return "failed"
    return "refused" if record["refused"] else "odd" if record["odd"] else "good"


def _night_row(name: str, record: Mapping[str, Any], digest: str) -> dict[str, Any]:
    versions = " ".join(f"{package} {number}" for package, number in record["versions"].items())
    nights = record["nights"] or [None]
    return {
        "night": name,
        "first": nights[0],
        "last": nights[-1],
        "camera": record["camera"],
        "verdict": verdict_of(record),
        "words": record["failed"] or record["words"],
        "frames": sum(record["counts"].values()),
        "lent": len(record["lent"]),
        "versions": versions,
        "digest": digest,
    } | {key: record[key] for key in ("lights", "refused", "odd", "seconds")}


def _frames_of(name: str) -> Iterator[dict[str, Any]]:
    """The rows of a night's frames: its index, and what became of each frame."""
    with chdir(Path("nights", name)):
        rows = INDEX_TABLE.rows()
        refused: dict[str, str] = {}
        for row in PLAN_TABLE.rows(names=("product", "status", "reason")):
            if row["status"] == "refused":
                refused.setdefault(row["product"], row["reason"])
        members = MEMBERS_TABLE.rows(names=("frame", "master"))
        used = {row["frame"] for row in members if kind_of(row["master"]).name in _COMBINED}
        for row in rows:
            own = {"folder": name, "state": row["status"], "why": row["reason"]}
            if row["status"] == "ok":
                own |= _state(row, refused, used)
            yield row | own


def _state(row, refused, used):
    product = product_of(row["frame"])
    if row["imagetyp"] in ("light", "lamp") and product in refused:
        return {"state": "refused", "why": refused[product]}
    if Path(product).exists():
        return {"state": "calibrated", "product": product}
    return {"state": "combined" if row["frame"] in used else "left"}
