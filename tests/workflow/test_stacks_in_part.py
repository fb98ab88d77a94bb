"""Frames of one master that are not alike: each is corrected with its own, or leaves by name."""

import numpy as np
import pytest
from strange_nights import RESPONSE, TRUTH, Reduced, is_true, take

FLATS = "results/masters/flat/2024-03-01_Box_112x80_R.fits"


def darks_and_flats(raw, counts, light=24_000.0):
    """Darks that hold the pedestal and flats, {exposure: (darks, flats)}; no biases."""
    first = 0
    for seconds, (darks, flats) in counts.items():
        take(raw, "dark", darks, seconds, prefix=f"d{seconds}_", first=first)
        take(raw, "flat", flats, seconds, prefix=f"f{seconds}_", light=light, first=first)
        first += 10


def test_each_flat_takes_the_dark_of_its_own_exposure(tmp_path):
    raw = tmp_path / "raw"
    darks_and_flats(raw, {20: (3, 2), 40: (5, 3), 55: (3, 1)})
    take(raw, "light", 1)
    reduced = Reduced(raw, tmp_path)
    used = [reduced.row(FLATS, kind)["master"] for kind in ("dark", "dark_2", "dark_3")]
    assert sorted(name[-14:] for name in used) == [
        "_20s_-15C.fits",
        "_40s_-15C.fits",
        "_55s_-15C.fits",
    ]
    flat = reduced.master("flat")
    assert flat.header["NCOMBINE"] == 6
    assert {flat.header[f"DRKFIL{n}"][-8:] for n in (1, 2, 3)} == {
        "20s_-15C",
        "40s_-15C",
        "55s_-15C",
    }
    is_true(reduced.light()[1], TRUTH)


@pytest.mark.parametrize("biases", [0, 3])
def test_the_noise_of_several_darks(tmp_path, biases):
    """Faint flats, of which the darks' noise is a large part, with and without a common bias."""
    raw = tmp_path / "raw"
    take(raw, "bias", biases)
    darks_and_flats(raw, {20: (2, 3), 40: (2, 3)}, light=120.0)
    reduced = Reduced(raw, tmp_path, dark={"scale": False})
    flat = reduced.product(FLATS)
    image = flat.images[0]
    good = image.dq == 0
    truth = RESPONSE / np.median(RESPONSE[good])
    pull = ((image.data - truth) / np.sqrt(image.variance))[good]
    assert good.mean() > 0.95
    assert pull.std() == pytest.approx(1, abs=0.04)


def test_one_dark_for_all_where_it_fits_them_all(tmp_path):
    """With biases the dark is scaled: no flat needs another one."""
    raw = tmp_path / "raw"
    take(raw, "bias", 3)
    darks_and_flats(raw, {20: (3, 2), 40: (3, 2)})
    reduced = Reduced(raw, tmp_path)
    assert not [row for row in reduced.rows if row["kind"] == "dark_2"]


def test_a_flat_without_a_dark_leaves_the_others(tmp_path):
    raw = tmp_path / "raw"
    darks_and_flats(raw, {20: (3, 2), 40: (3, 2), 7: (0, 1)})
    reduced = Reduced(raw, tmp_path)
    (left,) = [row for row in reduced.rows if row["kind"] == "stack"]
    assert left["reason"].startswith("f7_flat20.fits: no master dark fits")
    assert reduced.master("flat").header["NCOMBINE"] == 4
