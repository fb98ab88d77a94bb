"""CSV files with typed columns: what is written comes back, as rows and as a DataFrame."""

import os
from datetime import datetime

import pytest

from ccdlib.errors import CcdlibError
from ccdlib.tables import OtherColumns, Table, rows_of

TABLE = Table(
    "t.csv",
    {
        "name": "text",
        "kind": "category",
        "size": "number",
        "count": "integer",
        "when": "time",
        "good": "flag",
    },
)
ROWS = [
    {"name": "a, \"b\"\nc", "kind": "bias", "size": 0.1 + 0.2, "count": 2**40,
     "when": datetime(2024, 5, 13, 3, 0, 0, 123), "good": True},
    # a name that is not UTF-8
    {"name": "\udcff.fits", "kind": "dark", "size": 0.0, "count": 0,
     "when": datetime(2024, 5, 13), "good": False},
    dict.fromkeys(TABLE.columns),
]  # fmt: skip


@pytest.fixture
def path(tmp_path):
    TABLE.write(ROWS, tmp_path / "t.csv")
    return tmp_path / "t.csv"


def test_rows_come_back_as_they_were(path):
    assert TABLE.rows(path) == ROWS
    assert [type(value) for value in TABLE.rows(path)[0].values()] == [
        *(str, str, float, int, datetime, bool)
    ]


def test_a_data_frame_has_the_declared_types_and_is_written_as_its_rows_are(path, tmp_path):
    frame = TABLE.read(tmp_path)
    assert [str(dtype) for dtype in frame.dtypes] == [
        *("string", "category", "float64", "Int64", "datetime64[us]", "boolean")
    ]
    assert rows_of(frame) == ROWS
    TABLE.write(frame, tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_bytes() == path.read_bytes()
    assert rows_of(TABLE.data_frame(ROWS)) == ROWS
    assert rows_of(TABLE.data_frame([])) == TABLE.rows(tmp_path / "none.csv") == []


def test_a_number_has_one_text(tmp_path):
    odd = [{"size": 60, "count": 3}, {"size": 60.0, "count": 3}, {"size": float("nan")}]
    TABLE.write(odd, tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text().split()[1:] == [",,60.0,3,,", ",,60.0,3,,", ",,,,,"]


def test_a_row_is_counted_from_the_first_in_a_long_table_too(path):
    TABLE.write([ROWS[1]] * 2500, path)
    assert len(TABLE.rows(path)) == 2500
    with open(path, "a") as file:
        file.write("a,b\n")
    with pytest.raises(CcdlibError, match=r"t.csv, row 2501: 2 cells, not 6"):
        TABLE.rows(path)


def test_only_what_is_asked_for_is_parsed(path):
    text = path.read_text(errors="surrogateescape").replace("dark,0.0", "dark,no number")
    path.write_text(text, errors="surrogateescape")
    assert [row["kind"] for row in TABLE.rows(path, ["kind"])] == ["bias", "dark", None]
    with pytest.raises(CcdlibError, match=r"t.csv: size='no number' is no number"):
        TABLE.rows(path)


def test_a_table_that_is_not_as_declared_is_named(path, tmp_path):
    path.write_text("name,kind\na,bias\n")
    with pytest.raises(OtherColumns, match=r"t.csv: no column size, another version"):
        TABLE.rows(path)
    path.write_text("name,kind,size,count,when,good\na,bias,1,2\n")
    with pytest.raises(CcdlibError, match=r"t.csv, row 1: 4 cells, not 6"):
        TABLE.rows(path)
    path.write_text("")
    with pytest.raises(OtherColumns):
        TABLE.rows(path)
    with pytest.raises(CcdlibError, match=r"none/t.csv: no such file; `snakemake t.csv` makes it"):
        TABLE.read(tmp_path / "none")


def test_what_is_no_regular_file_is_named(tmp_path, monkeypatch):
    """A FIFO would be waited for without end."""
    monkeypatch.chdir(tmp_path)
    os.mkfifo("t.csv")
    with pytest.raises(CcdlibError, match=r"^t\.csv: no regular file, where a table should be"):
        TABLE.rows("t.csv")
