"""`data: spectra` is proposed where headers say so."""

import pytest
from making import headers

from ccdlib.commands.propose_spectra import why_spectra


def night(card, lamps=1, lights=3, camera="one"):
    """Headers and rows of some lights that have a card, and lamps that have none."""
    files = [("light", f"l{n}.fits") for n in range(lights)]
    files += [("lamp", f"arc{n}.fits") for n in range(lamps)]
    rows = [{"file": f, "imagetyp": kind, "status": "ok", "camera": camera} for kind, f in files]
    heads = [headers(file=file, **(card if kind == "light" else {})) for kind, file in files]
    return heads, rows


@pytest.mark.parametrize(
    ("card", "words"),
    [
        ({"GRISM": "g5"}, "GRISM='g5' in 3 lights"),
        ({"ALGRNM": "Grism_#4"}, "ALGRNM="),
        ({"OBS_MODE": "SPECTROSCOPY"}, "OBS_MODE="),
        ({"HIERARCH ESO DPR TECH": "SPECTRUM"}, "ESO DPR TECH="),
        ({"GRATING": "B600+_G5323"}, "GRATING="),
        ({"INSGRID": "BLUE 100 C"}, "INSGRID="),
        ({}, "a lamp to compare with (arc0.fits)"),
    ],
)
def test_spectra_by_their_cards(card, words):
    assert words in why_spectra(*night(card))


@pytest.mark.parametrize(
    "card",
    [
        *({"GRATING": "MIRROR"}, {"ALGRNM": "Open (Lyot)"}, {"INSGRID": "GRISM-11"}),
        *({"OBS_MODE": "IMAGING"}, {"HIERARCH ESO DPR TECH": "IMAGE"}, {"GRISM": "none"}),
    ],
)
def test_images_by_their_cards_though_there_are_lamps(card):
    assert why_spectra(*night(card)) is None


def test_without_lamps_or_with_several_cameras_nothing_is_concluded():
    assert why_spectra(*night({}, lamps=0)) is None
    heads, rows = night({})
    rows[0]["camera"] = "another"
    assert why_spectra(heads, rows) is None
