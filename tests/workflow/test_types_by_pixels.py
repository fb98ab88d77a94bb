"""Nights whose words tell nothing, or the wrong thing, from raw frames to calibrated lights."""

from strange_nights import TRUTH, Reduced, cards, exposure, is_true, write

_COUNTS = (("bias", 5), ("dark", 5), ("flat", 5), ("light", 2))
# no word, and nothing that another frame does not say as well
_SILENT = {"IMAGETYP": "Light Frame", "OBJECT": "NGC 1", "FILTER": None}


def test_a_night_that_only_its_pixels_and_exposures_tell(tmp_path):
    number, kinds = 0, {}
    for kind, count in _COUNTS:
        for each in range(count):
            name = f"{number:03d}"
            write(
                tmp_path / "raw", f"{name}.fits", exposure(kind, each), cards(kind, each, **_SILENT)
            )
            kinds[f"{name}.fits"] = kind
            number += 1
    night = Reduced(tmp_path / "raw", tmp_path / "work")
    assert {file: row["imagetyp"] for file, row in night.index.items()} == kinds
    for name in ("015", "016"):
        is_true(night.light(name)[1], TRUTH)


def test_frames_that_are_not_what_their_cards_say_go_into_no_master(tmp_path):
    """A flat that the shutter missed, and an open dome in a dark: the rest is as it is."""
    raw = tmp_path / "raw"
    for kind, count in _COUNTS:
        for each in range(count):
            write(raw, f"{kind}{each}.fits", exposure(kind, each), cards(kind, each))
    write(raw, "flat9.fits", exposure("bias", 9), cards("flat", 9))
    write(raw, "dark9.fits", exposure("light", 9, light=40 * TRUTH), cards("dark", 9))
    night = Reduced(raw, tmp_path / "work")
    odd = [file for file, row in night.index.items() if row["status"] == "unknown"]
    assert odd == ["dark9.fits", "flat9.fits"]
    assert "but its pixels show stars" in night.index["dark9.fits"]["reason"]
    assert "but its pixels saw no light" in night.index["flat9.fits"]["reason"]
    assert [night.master(kind).header["NCOMBINE"] for kind in ("dark", "flat")] == [5, 5]
    is_true(night.light()[1], TRUTH)
