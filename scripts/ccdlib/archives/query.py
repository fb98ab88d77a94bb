"""``ccdlib.archive``: the catalogue of an archive as pandas DataFrames."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import CcdlibError
from ..tables import Table
from .catalogue import CATALOGUE, COLUMNS, NIGHT_OF

if TYPE_CHECKING:
    import pandas

__all__ = ["ArchiveCatalogue", "archive"]


class ArchiveCatalogue:
    """The nights, masters and frames of an archive.

    Parameters
    ----------
    folder : path
        The working directory of the archive.

    Examples
    --------
    See `archive`.
    """

    def __init__(self, folder: str | Path = ".") -> None:
        self.path = Path(folder, CATALOGUE)

    @property
    def nights(self) -> "pandas.DataFrame":
        """A row for each night that was made: verdict, counts, versions, seconds that it took."""
        return self.read("nights")

    @property
    def masters(self) -> "pandas.DataFrame":
        """A row for each master: its facts and what was measured of it."""
        return self.read("masters")

    @property
    def frames(self) -> "pandas.DataFrame":
        """A row for each raw frame: what its header says, and what became of it."""
        return self.read("frames")

    def read(self, table: str, where: str = "") -> "pandas.DataFrame":
        """The rows of a table that fulfil a condition, without reading the others.

        Parameters
        ----------
        table : {'nights', 'masters', 'frames'}
        where : str
            A condition of SQL, such as ``filter = 'V' AND exptime > 60``.

        Returns
        -------
        DataFrame
            By night. Texts are ``string``, numbers ``float64`` and ``Int64``, times
            ``datetime64[us]``.

        Raises
        ------
        CcdlibError
            If there is no catalogue, no such table, or the condition is none.
        """
        if table not in COLUMNS:
            raise CcdlibError(f"no table {table!r} (there are {', '.join(COLUMNS)})")
        if not self.path.exists():
            raise CcdlibError(f"{self.path}: no such file; `ccdlib archive` makes it")
        columns = COLUMNS[table]
        names = ", ".join(f'"{name}"' for name in columns)
        condition = f" WHERE {where}" if where else ""
        # in the catalogue they are in the order in which nights were made
        order = f" ORDER BY {NIGHT_OF[table]}, rowid"
        try:
            # as an address: a folder's name may have a # or a ?
            address = f"{self.path.absolute().as_uri()}?mode=ro"
            with closing(sqlite3.connect(address, uri=True)) as base:
                rows = base.execute(f"SELECT {names} FROM {table}{condition}{order}").fetchall()
        except sqlite3.Error as error:
            raise CcdlibError(f"{self.path}: {where or table}: {error}") from None
        plain = (dict(zip(columns, row, strict=True)) for row in rows)
        return Table(table, columns).data_frame(plain)


def archive(folder: str | Path = ".") -> ArchiveCatalogue:
    """The catalogue of an archive, to be asked in a notebook.

    Parameters
    ----------
    folder : path
        The working directory of the archive.

    Returns
    -------
    ArchiveCatalogue
        With `nights`, `masters` and `frames` as pandas DataFrames.

    Raises
    ------
    CcdlibError
        If there is no catalogue; when a table is asked for.

    Examples
    --------
    >>> import sqlite3, tempfile
    >>> from pathlib import Path
    >>> folder = Path(tempfile.mkdtemp())
    >>> (folder / "archive").mkdir()
    >>> with sqlite3.connect(folder / CATALOGUE) as base:
    ...     for table, columns in COLUMNS.items():
    ...         _ = base.execute(f"CREATE TABLE {table} ({', '.join(map(repr, columns))})")
    ...     row = "'2024-05-13', 'm13.fits', 'light', 'V', 60.0, 'calibrated'"
    ...     names = "folder, file, imagetyp, filter, exptime, state"
    ...     _ = base.execute(f"INSERT INTO frames ({names}) VALUES ({row})")
    >>> frames = archive(folder).frames
    >>> frames.query("filter == 'V' and exptime > 30")[["folder", "file", "state"]]
           folder      file       state
    0  2024-05-13  m13.fits  calibrated
    """
    return ArchiveCatalogue(folder)
