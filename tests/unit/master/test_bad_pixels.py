"""Bad pixels: what is found of hot and low ones, and how few good ones go with them."""

import numpy as np
import pytest
from astropy.io import fits

from ccdlib import dq
from ccdlib.commands.selftest import Night, reduced
from ccdlib.errors import CcdlibError
from ccdlib.frame.image import Image
from ccdlib.jobs import measure_bad_pixels
from ccdlib.jobs.task import Task
from ccdlib.master.bad_pixels import NoMap, flag_non_linear, flags_of_dark, flags_of_flat
from ccdlib.master.ccdmask import ccdmask, ccdmask_at
from ccdlib.master.master_result import MasterResult
from ccdlib.products.product_files import read_product, write_product
from ccdlib.products.text_cards import text_card
from ccdlib.simulate import exposures as simulate

SHAPE = (200, 200)
NOISE, FRAMES = 8.0, 5


def image(data, flags=0):
    variance = np.full(SHAPE, NOISE**2 / FRAMES, np.float32)
    return Image(data.astype(np.float32), variance, np.full(SHAPE, flags, np.uint16), "adu")


def chosen(rng, number):
    mask = np.zeros(SHAPE, bool)
    mask.flat[rng.choice(mask.size, number, replace=False)] = True
    return mask


@pytest.mark.parametrize("sigma", [10, 30, 1000])
def test_hot_pixels(sigma):
    """99 % of what is 10 sigma of the master above its neighbours."""
    rng = simulate.generator(1)
    hot = chosen(rng, 2000)
    electrons = np.where(hot, 5 + sigma * NOISE / FRAMES**0.5, 5.0)
    frames = rng.poisson(electrons, (FRAMES, *SHAPE)) + rng.normal(0, NOISE, (FRAMES, *SHAPE))
    found = (flags_of_dark(image(frames.mean(axis=0))) & dq.HOT) != 0
    assert found[hot].mean() > 0.99
    # beyond 6 sigma a Gaussian has one of a billion; the skewness of electrons a few more
    assert found[~hot].sum() <= 1


def test_a_column_too_weakly_hot_for_its_pixels():
    """Two sigma of a pixel, seventeen of the mean of 64: from row 100 upwards."""
    rng = simulate.generator(5)
    electrons = np.full(SHAPE, 5.0)
    electrons[128:, 50] += 2 * NOISE / FRAMES**0.5
    frames = rng.poisson(electrons, (FRAMES, *SHAPE)) + rng.normal(0, NOISE, (FRAMES, *SHAPE))
    found = (flags_of_dark(image(frames.mean(axis=0))) & dq.HOT) != 0
    assert found[128:, 50].all()
    found[:, 50] = False
    assert found.sum() <= 1


class Flats:
    """Flats of several levels, of pixels that respond with `power` of the light."""

    def __init__(self, levels, power, seed=3):
        rng = simulate.generator(seed)
        response = rng.normal(1, 0.01, SHAPE)
        self.levels = levels
        self.frames = [
            rng.poisson(level * response * (level / 20_000) ** (power - 1)) for level in levels
        ]

    def values(self, number):
        each = image(self.frames[number])
        return each.data, each.dq


def non_linear(flats):
    result = MasterResult(image(np.ones(SHAPE)), [], [], [], 1.0)
    return (flag_non_linear(result, flats, flats.levels).image.dq & dq.BAD) != 0


def test_non_linear_pixels_of_flats_of_unlike_level():
    """20 % less response at twice the light; a star in one flat is no pixel's fault."""
    odd = chosen(simulate.generator(4), 300)
    flats = Flats([16_000, 18_000, 20_000, 32_000, 36_000, 40_000], np.where(odd, 0.7, 1.0))
    flats.frames[4][80:90, 90:100] += 20_000
    found = non_linear(flats)
    assert found[odd].mean() > 0.99
    assert not found[~odd].any()


@pytest.mark.parametrize("levels", [[20_000, 22_000, 24_000, 25_000], [10_000, 20_000, 40_000]])
def test_flats_that_cannot_tell_accuse_nobody(levels):
    assert not non_linear(Flats(levels, np.where(np.eye(*SHAPE) > 0, 0.5, 1.0))).any()


def test_what_a_flat_corrects_is_not_bad():
    """Pixels of 5 % less response, five times what they scatter, have their place in a flat."""
    rng = simulate.generator(6)
    flat = rng.normal(1, 0.01, SHAPE)
    odd = chosen(rng, 200)
    assert not flags_of_flat(image(np.where(odd, flat - 0.05, flat))).any()
    found = flags_of_flat(image(np.where(odd, flat - 0.2, flat))) != 0
    assert found[odd].mean() > 0.99
    assert not found[~odd].any()


def test_a_column_of_less_response():
    """5 % in 64 rows, which no pixel would be called bad for."""
    flat = simulate.generator(7).normal(1, 0.01, SHAPE)
    flat[64:128, 33] -= 0.05
    found = flags_of_flat(image(flat)) != 0
    assert found[64:128, 33].all()
    assert found.sum() == 64


def test_a_colour_sensor_is_refused_where_its_pattern_would_be_bad():
    flat = simulate.generator(10).normal(1, 0.01, SHAPE)
    flat[::2, ::2] *= 0.5
    flat[1::2, 1::2] *= 0.6
    with pytest.raises(CcdlibError, match=r"finds \d\d% of the pixels .* bad_pixels: dark"):
        flags_of_flat(image(flat))


@pytest.mark.parametrize(("find", "share"), [(flags_of_flat, 0.4), (flags_of_dark, 0.25)])
def test_a_master_that_is_uneven_everywhere_tells_no_bad_pixels(find, share):
    rng = simulate.generator(11)
    uneven = np.where(rng.random(SHAPE) < share, 1.7, 1.0) + rng.normal(0, 0.01, SHAPE)
    with pytest.raises(NoMap, match=r"\d\d% of the pixels would be bad"):
        find(image(uneven))


@pytest.mark.parametrize("odd", [np.s_[::2, :], np.s_[:, 1::2]])
def test_rows_or_columns_that_differ_in_turns_have_their_bad_pixels_found(odd):
    """They are those of two amplifiers, and no colour sensor's."""
    flat = simulate.generator(13).normal(1, 0.01, SHAPE)
    flat[40, 50], flat[71, 22] = 0.4, 1.5
    flat[odd] *= 1.6
    np.testing.assert_array_equal(np.argwhere(flags_of_flat(image(flat))), [[40, 50], [71, 22]])


def test_a_map_that_cannot_be_made_is_empty_and_says_why(tmp_path):
    """The dark's part of it stays; no light is lost."""
    rng = simulate.generator(12)
    dark = rng.normal(0, 1, SHAPE)
    dark[50, 60] = 300
    flat = np.where(rng.random(SHAPE) < 0.4, 1.7, 1.0) + rng.normal(0, 0.01, SHAPE)
    masters = {}
    for kind, data in (("dark", dark), ("flat", flat)):
        masters[kind] = str(tmp_path / f"{kind}.fits")
        write_product(masters[kind], [image(data)], fits.Header(), None, False)
    output = str(tmp_path / "map.fits")
    measure_bad_pixels.make(Task(output, "raw", [], masters, {"products": {"compress": False}}))
    made = read_product(output)
    assert np.argwhere(made.images[0].data).tolist() == [[50, 60]]
    assert made.header["BPMLACK"].startswith("flat: ")
    assert text_card(output, "BPMLACK") == made.header["BPMLACK"]
    assert text_card(output, "NOSUCH") is None


def test_hot_and_saturated_pixels_of_a_night():
    """99 % of both through the whole reduction, and few others with them."""
    rng = simulate.generator(8)
    size, hot = 160, 300
    places = rng.choice(size * size, hot, replace=False)
    rates = np.exp(rng.uniform(np.log(1.0), np.log(100.0), hot))
    stars = np.column_stack([*rng.uniform(20, size - 20, (2, 6)), np.full(6, 1e7)])
    detector = simulate.Detector(
        (size, size),
        (simulate.Amplifier(0, size, 1.5, 8.0, 1000.0),),
        dark_current=0.05,
        hot_pixels=tuple(
            (int(place // size), int(place % size), rate)
            for place, rate in zip(places, rates, strict=True)
        ),
        vignetting=(("V", 0.1),),
    )
    found = reduced(Night(detector, 5, 5, 5, stars=stars), 1)
    hot = np.zeros(size * size, bool)
    hot[places] = True
    hot = hot.reshape(size, size)
    for product, exposure in found:
        flags = product.images[0].dq
        assert exposure.saturated.sum() > 100
        assert ((flags & dq.SATURATED) != 0)[exposure.saturated].mean() > 0.99
        assert ((flags & dq.HOT) != 0)[hot].mean() > 0.99
        others = ~(hot | exposure.saturated | exposure.bleed)
        assert (flags[others] != 0).mean() < 0.001


def test_pixels_that_flicker_are_handed_on():
    dark = image(np.zeros(SHAPE))
    dark.dq[7, 9] = dq.UNSTABLE
    flags = flags_of_dark(dark)
    assert flags[7, 9] & dq.UNSTABLE
    assert (flags != 0).sum() == 1


def test_dead_low_and_bright_pixels_and_columns_of_a_flat():
    rng = simulate.generator(2)
    y, x = np.ogrid[: SHAPE[0], : SHAPE[1]]
    flat = 1 - 0.4 * ((y - 100) ** 2 + (x - 100) ** 2) / 20_000
    flat = flat * rng.normal(1, 0.01, SHAPE)
    odd = chosen(rng, 400)
    flat[odd] *= rng.choice([0.0, 0.1, 0.6, 1.5], 400)
    flat[:, 70] *= 0.05
    odd[:, 70] = True
    found = (flags_of_flat(image(flat)) & dq.BAD) != 0
    assert found[odd].mean() > 0.99
    assert not found[~odd].any()


def test_a_map_of_ones_own(tmp_path):
    """What a run takes from it, `ccdlib verify` does too: neither more nor less."""
    mask = np.zeros(SHAPE, np.uint8)
    mask[10:20, 40], mask[100, 100] = 1, 7
    path = tmp_path / "bad.fits"
    fits.writeto(path, mask)
    amp = simulate.Amplifier(0, 200, 1.5, NOISE, 1000.0, overscan=0)
    detector = simulate.Detector(SHAPE, (amp,), hot_pixels=((50, 60, 300.0),))
    night = Night(detector, 3, 3, 3, lights=1, config=(("bad_pixels", str(path)),))
    ((product, _),) = reduced(night, 1)
    flagged = product.images[0].dq & (dq.BAD | dq.HOT)
    np.testing.assert_array_equal(flagged, np.where(mask, dq.BAD, 0))
    fits.writeto(path, mask[1:], overwrite=True)
    with pytest.raises(CcdlibError, match=r"map has shape \(199, 200\), the frame has \(200"):
        reduced(night, 1)


def _ratio(shape, share_lost):
    """Noise of another size in each corner, with bad pixels and some that have no value."""
    rng = np.random.default_rng(shape[1])
    spread = np.linspace(0.01, 0.03, shape[1])
    ratio = rng.normal(1, spread, shape).astype(np.float32)
    ratio.flat[rng.choice(ratio.size, ratio.size // 50, replace=False)] += 0.2
    ratio[rng.random(shape) < share_lost] = np.nan
    return ratio


@pytest.mark.parametrize("lost", [0, 0.05])
@pytest.mark.parametrize("share", [0.001, 0.5])
@pytest.mark.parametrize("shape", [(150, 157), (76, 45), (15, 15), (9, 400), (5, 6)])
def test_the_mask_of_some_pixels_is_that_of_the_whole_image(shape, share, lost):
    ratio = _ratio(shape, lost)
    whole = ccdmask(ratio, byblocks=True)
    pixels = np.random.default_rng(2).random(shape) < share
    # the corners, and a pixel that is masked
    pixels[0, 0] = pixels[-1, -1] = pixels[0, -1] = pixels[-1, 0] = True
    pixels.flat[np.flatnonzero(whole)[:1]] = True
    np.testing.assert_array_equal(ccdmask_at(ratio, pixels), pixels & whole)


def test_a_block_without_a_sigma_of_its_own_has_that_of_the_image():
    ratio = _ratio((60, 60), 0)
    ratio[15:30, 15:30] = np.nan
    ratio[20, 20] = 3.0
    pixels = np.zeros(ratio.shape, bool)
    pixels[18:22, 18:22] = True
    found = ccdmask_at(ratio, pixels)
    np.testing.assert_array_equal(found, pixels & ccdmask(ratio, byblocks=True))
    assert found[20, 20]


def test_an_image_without_a_value_has_no_mask():
    with pytest.raises(CcdlibError, match="no pixel that is finite"):
        ccdmask_at(np.full((30, 30), np.nan, np.float32), np.zeros((30, 30), bool))
