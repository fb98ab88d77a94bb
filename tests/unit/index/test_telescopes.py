"""Which of a camera's frames are of one telescope."""

import pytest

from ccdlib.camera.headers import Headers
from ccdlib.index.telescopes import telescope_of, with_telescopes


def rows(*names, camera="cam", status="ok"):
    return [{"telescope": name, "camera": camera, "status": status} for name in names]


def told(found):
    return [row["telescope"] for row in with_telescopes(found)]


def test_two_or_three_names_are_telescopes():
    assert told(rows("C14", None, "Newton", "c14")) == ["C14", None, "Newton", "C14"]
    assert told(rows("a", "b", "c")) == ["a", "b", "c"]


@pytest.mark.parametrize("names", [["C14"] * 3, ["C14", None], ["C14", "c14"], [*"abcd"]])
def test_one_name_is_none_and_many_are_where_a_mount_points(names):
    assert told(rows(*names)) == [None] * len(names)


def test_other_cameras_and_refused_files_do_not_count():
    assert told(rows("A") + rows("B", camera="other")) == [None, None]
    assert told(rows("A") + rows("B", status="refused")) == [None, None]


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
