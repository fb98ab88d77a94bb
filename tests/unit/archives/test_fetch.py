"""Which frames of a list are fetched, and where they go."""

from pathlib import Path

import pytest

from ccdlib.archives.fetch import addresses
from ccdlib.errors import CcdlibError


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_last_two_parts_of_an_address_are_night_and_file():
    Path("frames.txt").write_text(
        "s3://bucket/2024-05-13/a.fits\n\n  /data/ccd/2024-05-14/b c.fits  \n"
    )
    assert addresses({}) == {
        "raw/2024-05-13/a.fits": "s3://bucket/2024-05-13/a.fits",
        "raw/2024-05-14/b c.fits": "/data/ccd/2024-05-14/b c.fits",
    }
    assert next(iter(addresses({"raw_dir": "/r"}))) == "/r/2024-05-13/a.fits"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("s3://bucket/a.fits", "line 1: s3://bucket/a.fits does not end in NIGHT/FILE"),
        ("s3://bucket/night/", "does not end in NIGHT/FILE"),
        ("s3://bucket/../a.fits", "does not end in NIGHT/FILE"),
        (
            "s3://b/n/a.fits\ns3://c/n/a.fits",
            "line 2: s3://c/n/a.fits and s3://b/n/a.fits are both",
        ),
        ("s3://b/n/{a}.fits", "has a brace"),
        ("\n", "names no frame"),
    ],
)
def test_what_cannot_be_a_raw_frame_of_a_night_is_refused(text, message):
    Path("frames.txt").write_text(text)
    with pytest.raises(CcdlibError, match=message.replace(".", r"\.")):
        addresses({})


def test_a_list_that_is_not_there_and_a_key_that_is_none():
    with pytest.raises(CcdlibError, match=r"list=frames\.txt: cannot be read"):
        addresses({})
    with pytest.raises(CcdlibError, match="--config raw: unknown; there are list, raw_dir"):
        addresses({"raw": "x"})
