"""Where a converter ends, seen in a folder's own frames."""

import io

import numpy as np
import pytest
from astropy.io import fits
from making import headers
from strange_nights import SHAPE, TRUTH, Reduced, cards, exposure, take, write

from ccdlib import dq
from ccdlib.config import load_camera
from ccdlib.index.pile_up import flag_pile_ups, highest
from ccdlib.index.pixel_sample import sample_rows
from ccdlib.index.raw_index import Cache, build_index


def star(end, step=1, peak=3.0, seed=1):
    """A star whose peak is `peak` times the converter's end, on a sky of a twentieth of it."""
    y, x = np.indices(SHAPE)
    light = end / 20 + peak * end * np.exp(-((y - 40) ** 2 + (x - 50) ** 2) / 8)
    noisy = np.random.default_rng(seed).normal(light, 3 * step)
    return (np.round(noisy / step) * step).clip(0, end).astype(np.uint16)


def looked_at(pixels, bits=None):
    file = io.BytesIO()
    fits.PrimaryHDU(pixels).writeto(file)
    file.seek(0)
    with fits.open(file) as hdus:
        found = headers(image=((0, hdus[0].header, pixels.shape),))
        return highest(found, sample_rows(hdus, found), bits=bits)


def row(pixels, saturation=65535.0, bits=None, **facts):
    amps = [{"hdu": 0, "saturation": saturation}]
    plain = {"file": "a.fits", "status": "ok", "reason": None, "amplifiers": amps, "turned": None}
    same = dict.fromkeys(("camera", "binning", "readout_mode", "gain_setting", "extensions"))
    return plain | same | {"highest": looked_at(pixels, bits)} | facts


def ends(*rows):
    return [each["amplifiers"][0]["saturation"] for each in flag_pile_ups(rows)]


@pytest.mark.parametrize(
    ("end", "step"), [(255, 1), (4095, 1), (16383, 1), (65520, 16), (65532, 4)]
)
def test_the_end_of_a_converter(end, step):
    """Frames that are not saturated learn it from one that is; another setting does not."""
    found = flag_pile_ups(
        [
            row(star(end, step)),
            row(star(end, step, peak=0.3), file="b.fits"),
            row(star(end, step, peak=0.3), file="c.fits", gain_setting="100"),
        ]
    )
    assert [each["amplifiers"][0]["saturation"] for each in found] == [end, end, 65535.0]
    assert found[1]["reason"] == f"b.fits: values pile up at {end}, taken as saturated, not 65535"
    assert found[2]["reason"] is None


@pytest.mark.parametrize(("end", "step", "bits"), [(4095, 1, 12), (65520, 16, 12), (65532, 4, 14)])
def test_the_end_of_a_converter_whose_bits_a_card_says(end, step, bits):
    """Nothing is saturated: the values tell whether they are the upper bits or the lower ones."""
    found = flag_pile_ups([row(star(end, step, peak=0.5, seed=n), bits=bits) for n in (1, 2)])
    assert [each["amplifiers"][0]["saturation"] for each in found] == [end, end]
    which = f"{bits} bits" if step == 1 else f"the upper {bits} bits of 16"
    assert found[0]["reason"] == f"a.fits: {which} end at {end}, taken as saturated, not 65535"


def test_bits_that_the_values_contradict_say_nothing():
    """Sums of binned pixels, files that say different things, 16 bits; a lower card stays."""
    sums, faint = star(16380, peak=0.5), star(4095, peak=0.5)
    assert ends(row(sums, bits=12)) == [65535.0]
    assert ends(row(faint, bits=12), row(faint, bits=14)) == [65535.0] * 2
    assert ends(row(faint, bits=12), row(faint)) == [65535.0] * 2
    assert ends(row(faint, bits=16)) == [65535.0]
    assert ends(row(faint, bits=12, saturation=3000.0)) == [3000.0]
    # a pile-up lies where the values end, whatever the card says
    assert ends(row(star(3700), bits=12)) == [3700]


def test_nothing_piles_up():
    """Noise, a flat, one hot pixel, one value in all pixels; a lower card stays."""
    rng = np.random.default_rng(3)
    bias = [rng.normal(800, sigma, SHAPE).round().astype(np.uint16) for sigma in (0.8, 3, 3, 3)]
    assert ends(*(row(each) for each in bias)) == [65535.0] * 4
    flat = rng.poisson(30_000, SHAPE).astype(np.uint16)
    assert ends(row(flat), row(bias[0])) == [65535.0] * 2
    hot = bias[1].copy()
    hot[5, 5] = 9000
    assert ends(row(hot)) == [65535.0]
    assert looked_at(np.full(SHAPE, 700, np.uint16)) is None
    assert ends(row(star(4095), saturation=3000.0)) == [3000.0]
    assert looked_at(star(4095).astype(np.float32)) is None


def test_a_saturation_below_the_level_of_all_frames_is_not_used():
    rng = np.random.default_rng(3)
    frames = [row(rng.normal(800, 3, SHAPE).astype(np.uint16), saturation=100.0) for _ in range(3)]
    found = flag_pile_ups(frames)
    assert not any("saturation" in each["amplifiers"][0] for each in found)
    assert found[0]["reason"] == (
        "a.fits: a saturation of 100 lies below the level of all frames, not used"
    )
    # one saturated flat says nothing against it
    full = row(np.minimum(rng.normal(900, 30, SHAPE), 880).astype(np.uint16), saturation=880.0)
    plain = [row(rng.normal(300, 3, SHAPE).astype(np.uint16), saturation=880.0) for _ in range(2)]
    assert ends(full, *plain) == [880.0] * 3


def test_values_of_more_than_16_bits_do_not_saturate_where_these_end():
    """As a camera of 20 bits writes them, whose header says no saturation."""
    bright = row(star(65535, peak=0.5).astype(np.int32) * 5)
    found = flag_pile_ups([bright, row(star(255))])
    assert not any("saturation" in each["amplifiers"][0] for each in found)
    top = bright["highest"]["top"]
    assert found[1]["reason"] == (
        f"a.fits: a saturation of 65535 is the end of 16 bits, and values reach {top:g}, not used"
    )
    # where they pile up they do
    assert ends(row(star(65535).astype(np.int32) * 5)) == [5 * 65535.0]
    # what a camera file says otherwise holds
    assert ends(row(star(65535, peak=0.5).astype(np.int32) * 5, saturation=7e4)) == [7e4]
    assert ends(row(star(65535))) == [65535.0]


def test_saturated_pixels_of_a_night_without_a_card(tmp_path):
    raw = tmp_path / "raw"
    for kind, light in (("bias", None), ("dark", None), ("flat", 4000.0)):
        take(raw, kind, 3, light=light)
    clipped = exposure("light", 0, light=3 * TRUTH)
    write(raw, "light0.fits", clipped, cards("light", 0), top=4095)
    _, image = Reduced(raw, tmp_path, saturation={"grow": 0}).light()
    saturated = np.round(clipped) >= 4095
    assert saturated.sum() > 20
    np.testing.assert_array_equal((image.dq & dq.SATURATED) != 0, saturated)


@pytest.mark.parametrize(("card", "value"), [("BITDEPTH", 12), ("READOUTM", "12-bit low gain")])
def test_bits_reach_the_index(tmp_path, card, value):
    for number in range(2):
        write(
            tmp_path,
            f"light{number}.fits",
            exposure("light", number),
            cards("light", number) | {card: value},
        )
    cache = Cache(tmp_path / "cache.json", "key")
    index, layouts = build_index(tmp_path, load_camera("generic"), cache=cache)
    found = {amp.saturation for layout in layouts.values() for amp in layout.amplifiers}
    assert found == {4095.0}
    assert index["reason"].str.contains("12 bits end at 4095").all()


@pytest.mark.parametrize(("count", "saturation"), [(2, 65535.0), (9, None)])
def test_a_pixel_or_two_beyond_16_bits_say_nothing_of_the_converter(count, saturation):
    """A bit that turned in one frame of 32 bits made all others have no saturation."""
    odd = star(60_000, peak=0.3).astype(np.int32)
    odd[40, 50 : 50 + count] = 2**31 - 1 - 10**8 * np.arange(count)
    found = flag_pile_ups([row(odd), row(star(60_000, peak=0.3), file="b.fits")])
    assert [each["amplifiers"][0].get("saturation") for each in found] == [saturation] * 2
    # nor do they hide where the values of the others pile up
    assert count > 2 or ends(row(odd), row(star(4095))) == [4095.0] * 2


def with_strays(pixels, *values):
    found = pixels.copy()
    found[3, 5 : 5 + len(values)] = values
    return found


@pytest.mark.parametrize("values", [(40_000,), (9000, 60_000), (20_000, 20_000), (4200,)])
@pytest.mark.parametrize("where", [3.0, 0.3])
def test_a_pixel_or_two_above_the_pile_of_a_converter_do_not_hide_it(values, where):
    """A bit that turned, in the frame that is saturated or in another."""
    rows = [row(with_strays(star(4095, peak=where), *values)), row(star(4095)), row(star(255))]
    assert ends(*rows) == [4095.0] * 3


def test_pixels_above_a_pile_are_no_strays_where_they_are_many():
    assert (
        ends(row(with_strays(star(4095), 9000, 20_000, 60_000)), row(star(4095))) == [65535.0] * 2
    )
    # nor in many frames
    hot = [row(with_strays(star(4095, seed=n), 40_000 + 900 * n)) for n in range(9)]
    assert ends(*hot) == [65535.0] * 9
    # hot pixels and noise pile up nowhere
    rng = np.random.default_rng(3)
    darks = [rng.normal(800, 3, SHAPE).round().astype(np.uint16) for _ in range(3)]
    hot = [row(with_strays(each, 9000 + n, 20_000 + n)) for n, each in enumerate(darks)]
    assert ends(*hot) == [65535.0] * 3
