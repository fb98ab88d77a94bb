"""What `ccdlib verify` says of two files that differ."""

import numpy as np
import pytest
from astropy.io import fits

from ccdlib.commands.verify import differences


def noise(radius, own, **other):
    """A file with a table such as that of a stack's noise."""
    columns = {"RADIUS": np.array(radius), "OWN": np.array(own)} | other
    table = fits.BinTableHDU.from_columns(
        [
            fits.Column(name, "D" if values.dtype.kind == "f" else "8A", array=values)
            for name, values in columns.items()
        ],
        name="NOISE",
    )
    return fits.HDUList([fits.PrimaryHDU(), table])


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (noise([1.0, 2.0], [3.0, 4.5]), "NOISE: OWN: 1 value differs"),
        (noise([1.5, 2.5], [3.0, 4.5]), "NOISE: RADIUS: 2 values differ; OWN: 1 value differs"),
        (noise([1.0], [3.0]), "NOISE: (2,) rows instead of (1,); NAXIS2=2 instead of 1"),
        (
            noise([1.0, 2.0], [3.0, np.nan], NAME=np.array(["a", "b"])),
            "NOISE: columns RADIUS, OWN instead of RADIUS, OWN, NAME",
        ),
    ],
    ids=["a value", "two columns", "rows", "columns"],
)
def test_tables_differ_by_columns(tmp_path, made, told):
    """They were said to be unreadable, with an error of numpy's."""
    noise([1.0, 2.0], [3.0, np.nan]).writeto(tmp_path / "old.fits")
    made.writeto(tmp_path / "new.fits")
    (line,) = differences(tmp_path / "old.fits", tmp_path / "new.fits")
    assert line.startswith(told)
