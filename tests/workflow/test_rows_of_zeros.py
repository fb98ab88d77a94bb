"""Frames of which some rows hold no exposure, as where a transfer broke off."""

import numpy as np
from strange_nights import TRUTH, Reduced, cards, exposure, is_true, take, write

from ccdlib import dq

_ROWS = slice(20, 22)


def _broken(folder, kind, count):
    for number in range(count):
        values = exposure(kind, number)
        values[_ROWS] = 0
        write(folder, f"{kind}{number}.fits", values, cards(kind, number))


def _rest_is_true(image):
    flagged = (image.dq & (dq.NO_DATA | dq.NO_CALIBRATION)) != 0
    assert flagged[_ROWS].all()
    assert not np.delete(flagged, np.r_[_ROWS], axis=0).any()
    is_true(image, TRUTH)


def test_darks_without_some_rows_give_no_light_their_pedestal(tmp_path):
    """Those rows of the lights would be brighter by 800 adu, and look like sky."""
    raw = tmp_path / "raw"
    for kind, count in (("bias", 5), ("flat", 5), ("light", 2)):
        take(raw, kind, count)
    _broken(raw, "dark", 5)
    night = Reduced(raw, tmp_path / "work")
    assert ((night.master("dark").images[0].dq & dq.NO_DATA) != 0)[_ROWS].all()
    _rest_is_true(night.light()[1])


def test_a_light_without_some_rows_says_so(tmp_path):
    raw = tmp_path / "raw"
    for kind in ("bias", "dark", "flat"):
        take(raw, kind, 5)
    _broken(raw, "light", 1)
    _rest_is_true(Reduced(raw, tmp_path / "work").light()[1])


def test_biases_without_some_rows_leave_no_light_its_pedestal(tmp_path):
    """A row that no bias has read out: the lights would be brighter by 800 adu in it."""
    raw = tmp_path / "raw"
    for kind, count in (("dark", 5), ("flat", 5), ("light", 1)):
        take(raw, kind, count)
    _broken(raw, "bias", 5)
    night = Reduced(raw, tmp_path / "work")
    assert ((night.master("bias").images[0].dq & dq.NO_DATA) != 0)[_ROWS].all()
    _rest_is_true(night.light()[1])
