"""The tables of a working directory as pandas DataFrames, for a notebook."""

from pathlib import Path
from typing import TYPE_CHECKING

from ..index.index_tables import AMPLIFIERS_TABLE, INDEX_TABLE
from ..tables import Table
from .frames import join_corrections, read_corrections
from .plan_columns import MEMBERS_TABLE, PLAN_TABLE

if TYPE_CHECKING:
    import pandas

__all__ = ["read_amplifiers", "read_index", "read_members", "read_plan"]

_CORRECTED = {"use": "flag", "bias": "text", "dark": "text", "flat": "text"}


def read_index(
    folder: str | Path = ".", corrections: str | Path | None = None
) -> "pandas.DataFrame":
    """What the headers of the raw frames say: results/index.csv.

    Parameters
    ----------
    folder : path
        The working directory of the run.
    corrections : path or None
        A table of corrections (`corrections` in the config) to join: what it gives is in place
        of what was found, and the columns use, bias, dark and flat are added.

    Returns
    -------
    DataFrame
        One row a file. Texts are ``string``, imagetyp and status ``category``, naxis1, naxis2
        and extensions ``Int64``, exptime (s) and temperature (degrees) ``float64``, date_obs
        (UTC) ``datetime64[us]``. `layout` is a name in `read_amplifiers`.

    Raises
    ------
    CcdlibError
        If a table is not there or a cell not of its type, and as `read_corrections`.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> folder = Path(tempfile.mkdtemp())
    >>> (folder / "results").mkdir()
    >>> cells = dict.fromkeys(INDEX_TABLE.columns, "")
    >>> cells |= {"file": "light1.fits", "imagetyp": "light", "exptime": "60.0", "naxis1": "1056"}
    >>> cells |= {"date_obs": "2024-05-13T03:00:00", "status": "ok"}
    >>> text = f"{','.join(cells)}\\n{','.join(cells.values())}\\n"
    >>> _ = (folder / "results/index.csv").write_text(text)
    >>> index = read_index(folder)
    >>> index[["file", "imagetyp", "exptime", "naxis1"]]
              file imagetyp  exptime  naxis1
    0  light1.fits    light     60.0    1056
    >>> index.date_obs.dt.hour.item()
    3
    """
    if corrections is None:
        return INDEX_TABLE.read(folder)
    path = Path(folder, INDEX_TABLE.path)
    rows = INDEX_TABLE.rows(path)
    given = read_corrections(corrections, {row["file"] for row in rows})
    joined = Table(INDEX_TABLE.path, INDEX_TABLE.columns | _CORRECTED)
    return joined.data_frame(join_corrections(rows, given))


def read_amplifiers(folder: str | Path = ".") -> "pandas.DataFrame":
    """The amplifiers of each layout that index and members refer to: results/amplifiers.csv.

    Parameters
    ----------
    folder : path
        The working directory of the run.

    Returns
    -------
    DataFrame
        One row for each layout and amplifier, numbered from 1: sections as FITS text, gain
        (electron/adu), read_noise (electron), saturation and linear_limit (adu). To have them
        beside the frames: ``read_index(folder).merge(read_amplifiers(folder), on="layout",
        suffixes=("", "_of_amplifier"))``.

    Raises
    ------
    CcdlibError
        As `read_index`.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> folder = Path(tempfile.mkdtemp())
    >>> (folder / "results").mkdir()
    >>> row = dict.fromkeys(AMPLIFIERS_TABLE.columns) | {"layout": "7d4c", "amplifier": 1}
    >>> AMPLIFIERS_TABLE.write([row | {"gain": 1.7}], folder / "results/amplifiers.csv")
    >>> read_amplifiers(folder)[["layout", "amplifier", "gain"]]
      layout  amplifier  gain
    0   7d4c          1   1.7
    """
    return AMPLIFIERS_TABLE.read(folder)


def read_plan(folder: str | Path = ".") -> "pandas.DataFrame":
    """What every product is calibrated with, and why: results/plan.csv.

    Parameters
    ----------
    folder : path
        The working directory of the run.

    Returns
    -------
    DataFrame
        One row for each product and kind of calibration: the master, status (used, skipped,
        refused) and reason, its age (days), the scale of a dark, the candidates that lost.

    Raises
    ------
    CcdlibError
        As `read_index`.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> folder = Path(tempfile.mkdtemp())
    >>> (folder / "results").mkdir()
    >>> row = "results/calibrated/light1.fits,dark,results/masters/dark/a.fits,used,same camera,"
    >>> text = f"{','.join(PLAN_TABLE.columns)}\\n{row}0.25,0.5,\\n"
    >>> _ = (folder / "results/plan.csv").write_text(text)
    >>> plan = read_plan(folder)
    >>> plan[plan.status == "used"][["kind", "age", "scale"]]
       kind   age  scale
    0  dark  0.25    0.5
    """
    return PLAN_TABLE.read(folder)


def read_members(folder: str | Path = ".") -> "pandas.DataFrame":
    """The raw frames in every product, with what their headers say: results/members.csv.

    Parameters
    ----------
    folder : path
        The working directory of the run.

    Returns
    -------
    DataFrame
        One row for each raw frame in each product; `master` is the product's path.

    Raises
    ------
    CcdlibError
        As `read_index`.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> folder = Path(tempfile.mkdtemp())
    >>> (folder / "results").mkdir()
    >>> names = ",".join(MEMBERS_TABLE.columns)
    >>> row = "results/masters/bias/a.fits,bias1,ab12,bias1.fits,bias"
    >>> row += "," * (len(MEMBERS_TABLE.columns) - 5)
    >>> _ = (folder / "results/members.csv").write_text(f"{names}\\n{row}\\n")
    >>> read_members(folder).groupby("master").size()
    master
    results/masters/bias/a.fits    1
    dtype: int64
    """
    return MEMBERS_TABLE.read(folder)
