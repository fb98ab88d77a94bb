"""The newest calibrated frame, for a notebook beside the telescope."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import CcdlibError
from ..index.index_tables import INDEX_TABLE
from ..kinds import record_of
from ..plan.night_plan import product_of
from ..state import unsealed
from .night_so_far import OF_INDEX, frame_of

if TYPE_CHECKING:
    from ..toolbox.ccddata import CCDData
    from .night_so_far import Frame

__all__ = ["Latest", "latest"]


@dataclass(frozen=True)
class Latest:
    """A calibrated frame: where it is, and what was measured of it.

    Attributes
    ----------
    path : Path
    numbers : Frame or None
        Its background and noise (in its unit), FWHM and elongation of its stars, saturated part,
        object, filter, exptime (s), date_obs (UTC); None where its record is missing.

    Examples
    --------
    >>> Latest(Path("results/calibrated/light1.fits"), None).path.name
    'light1.fits'
    """

    path: Path
    numbers: Frame | None

    def read(self) -> CCDData:
        """The frame with its uncertainty, mask and flags.

        Returns
        -------
        CCDData

        Examples
        --------
        >>> import tempfile
        >>> import ccdlib
        >>> path = Path(tempfile.mkdtemp(), "light1.fits")
        >>> ccdlib.CCDData([[1.0, 2.0]], unit="electron").write(path)
        >>> Latest(path, None).read().unit
        Unit("electron")
        """
        from ..toolbox.ccddata import fits_ccddata_reader

        return fits_ccddata_reader(self.path)


def latest(folder: str | Path = ".") -> Latest:
    """The calibrated frame that was exposed last.

    Parameters
    ----------
    folder : path
        The working directory of a run, or of a watch that is at work.

    Returns
    -------
    Latest

    Raises
    ------
    CcdlibError
        If there is no calibrated frame, or no index.

    Examples
    --------
    >>> import tempfile
    >>> import ccdlib
    >>> work = Path(tempfile.mkdtemp())
    >>> (work / "results/calibrated").mkdir(parents=True)
    >>> cells = dict.fromkeys(INDEX_TABLE.columns, "")
    >>> cells |= {"frame": "light1", "file": "light1.fits", "imagetyp": "light", "status": "ok"}
    >>> text = f"{','.join(cells)}\\n{','.join(cells.values())}\\n"
    >>> _ = (work / "results/index.csv").write_text(text)
    >>> image = ccdlib.CCDData([[1.0, 2.0]], unit="electron")
    >>> image.write(work / "results/calibrated/light1.fits")
    >>> newest = ccdlib.latest(work)
    >>> newest.path.name
    'light1.fits'
    >>> newest.read().data.sum()
    np.float64(3.0)
    """
    work = Path(folder)
    rows = INDEX_TABLE.rows(work / "results/index.csv", OF_INDEX)
    rows.sort(key=lambda row: (row["date_obs"] or datetime.min, row["frame"]), reverse=True)
    for row in rows:
        product = product_of(row["frame"])
        if row["status"] == "ok" and (work / product).exists():
            path = record_of(product)
            record = unsealed(work / path) if path else None
            numbers = frame_of(product, row, record) if record and record.get("images") else None
            return Latest(work / product, numbers)
    raise CcdlibError(f"{work}: no calibrated frame of the {len(rows)} raw files in its index")
