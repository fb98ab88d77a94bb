"""The recipe of a frame: which steps, in which order, for which kind of frame."""

import numpy as np
import pytest
from astropy.io import fits
from making import amplifier, config

from ccdlib import dq
from ccdlib.errors import CcdlibError
from ccdlib.frame.calibrate import Calibration, calibrate_frame, calibrate_image
from ccdlib.frame.image import Image
from ccdlib.frame.raw_image import RawImage
from ccdlib.products.product_files import Product
from ccdlib.raw.stored_pixels import ArrayPixels

SHAPE = (64, 64)
GAIN, READ_NOISE = 2.0, 8.0
FLOOR = (READ_NOISE / GAIN) ** 2 + 1 / 12
SETTINGS = config(overscan={"method": "none"})


def raw(level, seed=1, hit=0, **changes):
    """A frame of `level` adu of light on a pedestal of 1000, and a `hit` in one pixel."""
    rng = np.random.default_rng(seed)
    pixels = 1000 + (rng.poisson(level * GAIN, SHAPE) + rng.normal(0, READ_NOISE, SHAPE)) / GAIN
    pixels[30, 31] += hit
    amp = amplifier(SHAPE, gain=GAIN, read_noise=READ_NOISE, **changes)
    values = ArrayPixels(np.rint(pixels).astype(np.uint16))
    return RawImage(values, fits.Header(), [amp], "a.fits", SETTINGS["overscan"])


def master(level, variance=0.01, sha="", **header):
    image = Image(
        np.full(SHAPE, level, np.float32), np.full(SHAPE, variance, np.float32),
        np.zeros(SHAPE, np.uint16), "adu",
    )  # fmt: skip
    return Product("m", fits.Header(header), [image], sha)


BIAS = master(1000.0, sha="b")


def reduced(frame, kind="light", settings=SETTINGS, **masters):
    return calibrate_image(frame, 0, Calibration(**masters), settings, kind)


@pytest.mark.parametrize("level", [0, 50, 5000])
def test_a_light_has_the_noise_of_its_light(level):
    image = reduced(raw(level), bias=BIAS)
    good = image.dq == 0
    assert image.unit == "electron"
    pull = (image.data[good] - level * GAIN) / np.sqrt(image.variance[good])
    assert abs(pull.mean()) < 4 / np.sqrt(pull.size) + 0.01
    assert abs(pull.std() - 1) < 4 / np.sqrt(2 * pull.size) + 0.02


def test_a_dark_that_holds_its_pedestal_leaves_the_light_alone():
    dark = master(1000.0, EXPTIME=30.0, PEDREMOV=False, DPED0_1=1000.0)
    image = reduced(raw(500), dark=dark)
    good = image.dq == 0
    expected = (500 / GAIN + FLOOR + 0.01) * GAIN**2
    assert abs(image.data[good].mean() - 1000) < 4 * np.sqrt(expected / good.sum())
    assert np.median(image.variance) == pytest.approx(expected, rel=0.02)


def test_a_pedestal_makes_no_photon_noise():
    for kind in ("bias", "dark"):
        image = reduced(raw(0), kind)
        np.testing.assert_allclose(image.variance, FLOOR * GAIN**2, rtol=1e-5)


def test_what_a_dark_takes_away_leaves_its_noise():
    dark = master(300.0, EXPTIME=30.0, PEDREMOV=True)
    image = reduced(raw(300), bias=BIAS, dark=dark)
    assert np.median(image.variance) == pytest.approx(
        (300 / GAIN + FLOOR + 0.02) * GAIN**2, rel=0.02
    )


def test_a_bias_that_the_dark_shares_is_known_by_its_digest():
    dark = master(0.0, BIASSHA="b")
    assert Calibration(bias=BIAS, dark=dark).shared_bias
    assert not Calibration(bias=master(1000.0, sha="other"), dark=dark).shared_bias
    assert not Calibration(dark=dark).shared_bias


def with_cosmic_ray(level=500):
    return raw(level, hit=4000)


def test_cosmic_rays_are_sought_in_lights_alone():
    light = reduced(with_cosmic_ray(), bias=BIAS)
    assert light.dq[30, 31] & dq.COSMIC_RAY
    for kind in ("flat", "dark", "bias", "lamp"):
        assert not (reduced(with_cosmic_ray(), kind, bias=BIAS).dq & dq.COSMIC_RAY).any()


def test_no_value_is_replaced_without_saying_so():
    plain = SETTINGS | {"cosmic_rays": SETTINGS["cosmic_rays"] | {"method": "none"}}
    before = reduced(with_cosmic_ray(), settings=plain, bias=BIAS)
    after = reduced(with_cosmic_ray(), bias=BIAS)
    other = before.data != after.data
    assert other.any()
    assert (after.dq[other] & dq.INTERPOLATED).all()
    assert ((before.dq & after.dq) == before.dq).all()


def test_the_flat_comes_after_the_dark():
    flat = master(0.5, 0.0)
    dark = master(100.0, EXPTIME=30.0, PEDREMOV=True)
    image = reduced(raw(500), bias=BIAS, dark=dark, flat=flat)
    assert np.median(image.data) == pytest.approx((500 - 100) * GAIN / 0.5, rel=0.01)


def test_a_saturated_pixel_stays_flagged_to_the_end():
    frame = raw(500, saturation=1400.0)
    expected = frame.read().dq & dq.SATURATED
    assert expected.any()
    image = reduced(frame, bias=BIAS, flat=master(1.0, 0.0))
    np.testing.assert_array_equal(image.dq & dq.SATURATED, expected)


def test_what_watches_is_shown_the_frame_as_it_was_read(monkeypatch):
    monkeypatch.setattr("ccdlib.frame.rows.CACHED_PIXELS", 7 * SHAPE[1])
    shapes, seen = [], []

    class Watcher:
        def __init__(self, shape):
            shapes.append(shape)

        add = seen.append

    frame = raw(500, hit=900)
    calibrate_image(frame, 0, Calibration(bias=BIAS), SETTINGS, "light", Watcher)
    assert shapes == [SHAPE]
    assert len(seen) > 5
    whole = frame.read()
    for plane in ("data", "variance", "dq"):
        shown = np.concatenate([getattr(each, plane) for each in seen])
        np.testing.assert_array_equal(shown, getattr(whole, plane))
    assert {each.unit for each in seen} == {"adu"}


def test_a_master_of_fewer_images_than_the_frame_is_refused(tmp_path):
    hdus = [fits.PrimaryHDU()] + [fits.ImageHDU(np.ones(SHAPE, np.uint16))] * 2
    fits.HDUList(hdus).writeto(tmp_path / "a.fits")
    amps = [type(amp)(**vars(amp) | {"hdu": number}) for number, amp in
            enumerate([amplifier(SHAPE)] * 2, start=1)]  # fmt: skip
    with pytest.raises(CcdlibError, match=r"m has 1 images, the frame has more"):
        calibrate_frame(
            tmp_path / "a.fits", "a.fits", amps, Calibration(bias=BIAS), SETTINGS, "light"
        )


@pytest.mark.parametrize("name", ["bias", "dark", "flat", "bad_pixels"])
def test_a_master_with_more_rows_than_the_frame_is_refused(name):
    image = BIAS.images[0]
    longer = Product("m", BIAS.header, [image.rows([*range(SHAPE[0])] * 2)], "x")
    with pytest.raises(CcdlibError, match=r"has shape \(128, 64\), the frame has \(64, 64\)"):
        reduced(raw(500), **{name: longer})


def test_no_pixel_depends_on_where_the_blocks_of_rows_end(monkeypatch):
    dark = master(5.0, EXPTIME=30.0, PEDREMOV=True)
    dark.images[0].data[:] += np.random.default_rng(3).normal(0, 1, SHAPE)
    masters = {"bias": BIAS, "dark": dark, "flat": master(0.8, 1e-4)}
    settings = SETTINGS | {"saturation": {"grow": 9}}
    whole = reduced(raw(200, hit=900, saturation=2000.0), settings=settings, **masters)
    assert np.count_nonzero(whole.dq & dq.SATURATED) == 19
    for height in (1, 7, 20):
        monkeypatch.setattr("ccdlib.frame.rows.CACHED_PIXELS", height * SHAPE[1])
        image = reduced(raw(200, hit=900, saturation=2000.0), settings=settings, **masters)
        for plane in ("data", "variance", "dq"):
            np.testing.assert_array_equal(getattr(image, plane), getattr(whole, plane))
