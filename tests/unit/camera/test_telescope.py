"""The telescope that a header names."""

import pytest

from ccdlib.camera.headers import Headers
from ccdlib.camera.telescope import telescope_of


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("C14  at  home ", "C14 at home"),
        *((value, None) for value in ("", "  ", "Unknown", "Telescope", "N/A", None)),
        (1.2, "1.2"),
    ],
)
def test_what_the_card_says(value, name):
    header = {} if value is None else {"TELESCOP": value}
    assert telescope_of(Headers("a.fits", header, ((0, header, (1, 1)),))) == name
