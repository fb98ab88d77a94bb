"""Dates with slashes, read as the sure ones of their camera are."""

import pytest
from making import write_raw

from ccdlib.config import load_camera
from ccdlib.index.raw_index import index_file
from ccdlib.index.settle import settled

CAMERA = load_camera("generic")


def dates(folder, *texts):
    """(date_obs, night, reason) of frames with these dates."""
    rows = []
    for number, text in enumerate(texts):
        cards = {"IMAGETYP": "light", "EXPTIME": 1.0, "DATE__OBS": text, "TIME__OBS": "03:00:00"}
        path = write_raw(folder / f"{number}.fits", **cards)
        rows.append(index_file(path, path.name, CAMERA) | {"sha256": str(number)})
    found = settled(rows, CAMERA, lambda one, other: False)
    return [(row["date_obs"][:10], row["night"], row["reason"]) for row in found]


def test_a_sure_date_decides_for_the_others(tmp_path):
    """The month first, as NOAO wrote it; the night moves with its date."""
    assert dates(tmp_path, "05/06/98", "05/13/98", "07/07/98") == [
        (
            "1998-05-06",
            "1998-05-05",
            "0.fits: DATE-OBS='05/06/98' is read as month/day/year, as others must be",
        ),
        ("1998-05-13", "1998-05-12", None),
        ("1998-07-07", "1998-07-06", None),
    ]


def test_the_day_first(tmp_path):
    found = dates(tmp_path, "05/06/98", "13/06/98")
    assert found == [("1998-06-05", "1998-06-04", None), ("1998-06-13", "1998-06-12", None)]


@pytest.mark.parametrize("others", [(), ("05/13/98", "13/05/98")])
def test_without_a_sure_form_the_day_comes_first_and_it_is_said(tmp_path, others):
    (date, _, reason), *_ = dates(tmp_path, "05/06/98", *others)
    assert date == "1998-06-05"
    assert reason == "0.fits: DATE-OBS='05/06/98' is read as day/month/year"
