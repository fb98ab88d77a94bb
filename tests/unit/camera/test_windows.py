"""Windows and margins of a chip as cards say them, and the colours of rows that are turned."""

import pytest
from astropy.io.fits import Header
from making import headers

from ccdlib.camera.amplifier_sections import data_section, overscan_section
from ccdlib.camera.amplifiers import Amplifier
from ccdlib.camera.row_order import turned_header
from ccdlib.camera.sections import Section
from ccdlib.camera.windows import window_of
from ccdlib.config import load_camera
from ccdlib.errors import CcdlibError

WINDOWS = load_camera("generic")["facts"]["window"]


def window(cards, size=(40, 60), binning="1x1"):
    """The window of a frame of (rows, columns)."""
    data = Section(0, size[0], 0, size[1])
    amps = [Amplifier(0, data, data, None, 1.0, 1.0, None, None)]
    return window_of(headers(shape=size, **cards), WINDOWS, amps, binning)


@pytest.mark.parametrize(
    ("cards", "binning", "found"),
    [
        ({"SUBRECT": "11, 60, 70, 21"}, "1x1", "[11:70,21:60]"),
        ({"SUBRECT": "11,70,21,60"}, "1x1", "[11:70,21:60]"),
        ({"SUBRECT": "1, 80, 120, 1"}, "2x2", "[1:120,1:80]"),
        ({"IMGRECT": "[11 21 70 60]"}, "1x1", "[11:70,21:60]"),
        ({"SUBRECT": "1, 512, 512, 1"}, "1x1", None),
        ({"SUBRECT": "0, 39, 59, 0"}, "1x1", None),
        ({"SUBRECT": "whole"}, "1x1", None),
        ({"XORGSUBF": 5, "YORGSUBF": 3, "SUBRECT": "11, 60, 70, 21"}, "1x1", "[6:65,4:43]"),
    ],
)
def test_a_rectangle_is_believed_where_it_has_the_frames_size(cards, binning, found):
    assert window(cards, binning=binning) == found


MARGINS = ["ESO DET OUT1 PRSCX", "ESO DET OUT1 OVSCX", "ESO DET OUT1 PRSCY", "ESO DET OUT1 OVSCY"]


def margins(*values):
    cards = {f"HIERARCH {name}": value for name, value in zip(MARGINS, values, strict=False)}
    return headers(shape=(40, 60), **cards)


def test_margins_leave_the_exposed_pixels_and_the_overscan_beside_them():
    spec = {"data": {"margins": MARGINS}, "overscan": {"before": "data"}}
    data = data_section(margins(6, 4, 0, 5), 0, spec, lambda: (1, 1))
    assert data.fits() == "[7:56,1:35]"
    over = overscan_section(margins(6, 4, 0, 5), 0, spec, 0, [data], lambda: (1, 1))
    assert over.fits() == "[1:6,1:35]"
    # a card that is not there counts none
    assert data_section(margins(6), 0, spec, lambda: (1, 1)).fits() == "[7:60,1:40]"


def test_margins_that_leave_nothing_are_an_error():
    with pytest.raises(CcdlibError, match="PRSCX=50, ESO DET OUT1 OVSCX=10 leave nothing"):
        data_section(margins(50, 10), 0, {"data": {"margins": MARGINS}}, lambda: (1, 1))


@pytest.mark.parametrize(("rows", "pattern"), [(40, "GBRG"), (41, "RGGB")])
def test_colours_of_rows_that_are_turned(rows, pattern):
    """RGGB begins with a row of red and green; of an even number the last is green and blue."""
    header = Header({"ROWORDER": "TOP-DOWN", "BAYERPAT": "RGGB", "NAXIS1": 60, "NAXIS2": rows})
    found = turned_header(header, (rows, 60))
    assert (found["ROWORDER"], found["BAYERPAT"]) == ("BOTTOM-UP", pattern)
