"""Raw frames on their way in: trim, overscan, flips, flags, whatever the rows asked for."""

from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st
from making import amplifier, camera, headers

from ccdlib import dq
from ccdlib.camera.amplifiers import amplifiers_from_rows, amplifiers_to_rows
from ccdlib.camera.camera_file import amplifiers
from ccdlib.config import load_config
from ccdlib.errors import CcdlibError
from ccdlib.frame.calibrate import _read
from ccdlib.frame.detector_noise import gain_map, has_gain, needs_scatter, noise_of, read_variance
from ccdlib.frame.image import amplifier_map
from ccdlib.frame.raw_image import RawImage, open_raw
from ccdlib.raw.stored_pixels import ArrayPixels

OVERSCAN = load_config({"raw_dir": "a", "camera": "b"})["overscan"] | {"method": "median"}
NONE = OVERSCAN | {"method": "none"}


def raw(pixels, amps, overscan=OVERSCAN):
    return RawImage(ArrayPixels(pixels), fits.Header(), amps, "a.fits", overscan)


def layout(shape, *specs, **detector):
    spec = camera(amplifiers=list(specs), detector={"gain": 2.0, "read_noise": 8.0} | detector)
    return amplifiers(headers(shape=shape), spec)


def test_the_overscan_goes_row_by_row_and_the_rest_is_trimmed():
    pixels = np.zeros((6, 14), np.uint16)
    level = 1000 + 10 * np.arange(6)
    pixels[:, 10:] = level[:, None]
    pixels[:, :10] = level[:, None] + np.arange(10)
    image = raw(pixels, layout((6, 14), {"data": "[1:10,1:6]", "overscan": "[11:14,1:6]"})).read()
    np.testing.assert_array_equal(image.data, np.tile(np.arange(10.0), (6, 1)))
    assert (image.data.dtype, image.variance.dtype, image.dq.dtype) == ("f4", "f4", "u2")
    assert image.unit == "adu"
    assert (image.variance > 0).all()


def test_a_difference_below_zero_does_not_wrap():
    pixels = np.full((4, 10), 5, np.uint16)
    pixels[:, 6:] = 10
    image = raw(pixels, layout((4, 10), {"data": "[1:6,1:4]", "overscan": "[7:10,1:4]"})).read()
    assert (image.data == -5).all()


@pytest.mark.parametrize("ending", ["fits", "fits.gz"])
def test_pixels_that_wrapped_round_when_they_were_written_are_refused(tmp_path, ending):
    """40000 as a signed pixel of 16 bits is -25536; a bias subtracted by the camera is not."""
    path = tmp_path / f"a.{ending}"
    amps = layout((4, 10), {"data": "[1:10,1:4]"})
    pixels = np.full((4, 10), -30, np.int16)
    fits.PrimaryHDU(pixels).writeto(path)
    with open_raw(path, amps, "a.fits", NONE) as (_, [image]):
        assert (image.read().data == -30).all()
    pixels[2, 3] = np.array(40000).astype(np.int16)
    fits.PrimaryHDU(pixels).writeto(path, overwrite=True)
    message = "a.fits: pixels down to -25536 with BITPIX=16 and BZERO=0: .*BZERO=32768 is missing"
    with (
        open_raw(path, amps, "a.fits", NONE) as (_, [image]),
        pytest.raises(CcdlibError, match=message),
    ):
        image.read()


def test_a_blank_pixel_has_not_wrapped(tmp_path):
    pixels = np.full((4, 10), 7, np.int16)
    pixels[1, 2] = -32768
    path = tmp_path / "a.fits"
    fits.PrimaryHDU(pixels, fits.Header([("BLANK", -32768)])).writeto(path)
    with open_raw(path, layout((4, 10), {"data": "[1:10,1:4]"}), "a.fits", NONE) as (_, [image]):
        assert image.read().dq.ravel().tolist().count(dq.NO_DATA) == 1


def test_two_amplifiers_have_two_levels_and_gains():
    pixels = np.zeros((4, 24), np.uint16)
    pixels[:, :10], pixels[:, 10:12] = 1100, 1000
    pixels[:, 14:], pixels[:, 12:14] = 2100, 2000
    amps = layout(
        (4, 24),
        {"data": "[1:10,1:4]", "overscan": "[11:12,1:4]"},
        {"data": "[15:24,1:4]", "overscan": "[13:14,1:4]"},
        gain=[2.0, 4.0],
    )
    image = raw(pixels, amps)
    assert image.shape == (4, 20)
    assert (image.read().data == 100).all()
    assert gain_map(image)[0].tolist() == [2.0] * 10 + [4.0] * 10
    assert [each.read_noise for each in noise_of(image)] == [8, 8]
    expected = (8 / np.array([2.0] * 10 + [4.0] * 10)) ** 2 + 1 / 12
    np.testing.assert_allclose(read_variance(image)[0], expected, rtol=1e-6)


def test_a_flipped_amplifier_is_read_the_other_way():
    rng = np.random.default_rng(3)
    pixels = rng.integers(900, 5000, (6, 14)).astype(np.uint16)
    # every row its own level
    pixels[:, 10:] = 500 + 7 * np.arange(6)[:, None]
    plain = {"data": "[1:10,1:6]", "overscan": "[11:14,1:6]"}
    straight = raw(pixels, layout((6, 14), plain)).read()
    for flipped, view in (
        ("[10:1,1:6]", np.s_[:, ::-1]),
        ("[1:10,6:1]", np.s_[::-1]),
        ("[10:1,6:1]", np.s_[::-1, ::-1]),
    ):
        image = raw(pixels, layout((6, 14), plain | {"data": flipped})).read()
        np.testing.assert_array_equal(image.data, straight.data[view])
        np.testing.assert_array_equal(image.variance, straight.variance[view])


@given(st.integers(0, 7), st.integers(1, 8), st.sampled_from(["[1:10,1:8]", "[10:1,8:1]"]))
@settings(max_examples=40, deadline=None)
def test_rows_are_the_same_in_any_piece(first, count, data):
    rng = np.random.default_rng(5)
    pixels = rng.integers(900, 65536, (8, 30)).astype(np.uint16)
    second = {"data": "[21:30,1:8]", "overscan": "[18:20,1:8]"}
    amps = layout((8, 30), {"data": data, "overscan": "[11:15,1:8]"}, second, saturation=60000)
    image = raw(pixels, amps)
    whole, last = image.read(), min(first + count, 8)
    part = image.read(first, last)
    for name in ("data", "variance", "dq"):
        np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[first:last])


def test_flags_come_from_the_raw_values_before_any_arithmetic():
    pixels = np.full((4, 12), 1000.0)
    pixels[0, 0], pixels[0, 1], pixels[0, 2] = 60000, 59999, 50001
    pixels[1, 0], pixels[1, 1] = np.nan, np.inf
    amps = layout(
        (4, 12), {"data": "[1:8,1:4]", "overscan": "[9:12,1:4]"},
        saturation=60000, linear_limit=50000,
    )  # fmt: skip
    image = raw(pixels, amps).read()
    assert image.dq[0, 0] == dq.SATURATED | dq.NONLINEAR
    assert image.dq[0, 1] == dq.NONLINEAR
    assert image.dq[0, 2] == dq.NONLINEAR
    assert image.dq[1, 0] & dq.NO_DATA
    assert image.dq[1, 1] & dq.NO_DATA
    assert np.count_nonzero(image.dq) == 5
    assert np.isfinite(image.data).all()
    assert image.data[1, 0] == image.data[1, 1] == 0


def test_what_no_amplifier_covers_has_no_data():
    amps = layout((20, 20), {"data": "[1:10,1:10]"}, {"data": "[11:20,11:20]"})
    image = raw(np.full((20, 20), 7, np.uint16), amps, NONE).read()
    assert (image.dq[:10, :10] == 0).all()
    assert (image.dq[10:, 10:] == 0).all()
    assert (image.dq[:10, 10:] == dq.NO_DATA).all()
    assert (image.dq[10:, :10] == dq.NO_DATA).all()


def test_the_raw_array_is_not_changed():
    pixels = np.arange(60, dtype=np.float32).reshape(4, 15)
    pixels[0, 0] = np.nan
    before = pixels.copy()
    raw(pixels, layout((4, 15), {"data": "[1:10,1:4]", "overscan": "[11:15,1:4]"})).read()
    np.testing.assert_array_equal(pixels, before)


def test_an_overscan_that_misses_rows_of_the_data_is_refused():
    amps = layout((8, 15), {"data": "[1:10,1:8]", "overscan": "[11:15,2:8]"})
    with pytest.raises(CcdlibError, match=r"a.fits: overscan \[11:15,2:8\] does not cover"):
        raw(np.zeros((8, 15)), amps)


def test_an_overscan_may_have_more_rows_than_the_data():
    pixels = np.arange(8)[:, None] + np.zeros((8, 15))
    amps = layout((8, 15), {"data": "[1:10,3:6]", "overscan": "[11:15,1:8]"})
    image = raw(pixels, amps)
    assert image.levels[0].values.tolist() == [2, 3, 4, 5]
    assert (image.read().data == 0).all()


def test_a_level_of_zero_is_a_level():
    pixels = np.zeros((4, 15))
    amps = layout((4, 15), {"data": "[1:10,1:4]", "overscan": "[11:15,1:4]"})
    assert raw(pixels, amps).has_level
    assert not raw(pixels, amps, NONE).has_level
    assert not raw(pixels, layout((4, 15), {"data": "[1:10,1:4]"})).has_level


def test_the_noise_of_the_overscan_names_the_file():
    pixels = np.full((4, 15), np.nan)
    amps = layout((4, 15), {"data": "[1:10,1:4]", "overscan": "[11:15,1:4]"})
    with pytest.raises(CcdlibError, match=r"a.fits: overscan row 1 has no finite pixel"):
        raw(pixels, amps)


def test_measured_values_fill_in_what_is_not_given():
    amps = [amplifier((4, 10), gain=None)]
    image = raw(np.zeros((4, 10)), amps)
    measured = [{"hdu": 0, "gain": 1.5, "read_noise": 99.0}]
    assert noise_of(image, measured) == [(1.5, 8.0, "measured", "declared")]
    assert not needs_scatter(image, measured)
    # electrons say nothing of adu where no gain is known
    assert noise_of(image) == [(None, None, "", "")]
    assert needs_scatter(image) and not has_gain(image)
    assert gain_map(image) == 1


def test_a_measured_read_noise_is_in_adu_and_takes_the_gain_that_is_used():
    measured = [{"hdu": 0, "gain": 1.5, "read_noise": 6.0, "read_noise_adu": 4.0}]
    image = raw(np.zeros((4, 10)), [amplifier((4, 10), gain=2.06, read_noise=None)])
    assert noise_of(image, measured)[0].read_noise == 4.0 * 2.06
    assert np.sqrt(read_variance(image, measured) - 1 / 12) == pytest.approx(4.0, rel=1e-6)
    image = raw(np.zeros((4, 10)), [amplifier((4, 10), gain=None, read_noise=None)])
    assert noise_of(image, measured)[0].read_noise == 4.0 * 1.5


def test_what_the_masters_frames_contradict_gives_way():
    image = raw(np.zeros((4, 10)), [amplifier((4, 10), gain=2.0, read_noise=2.0)])
    image.use_bias(fits.Header({"BRON0_1": 4.0}))
    assert noise_of(image) == [(2.0, 8.0, "declared", "biases")]
    image.use_flat(fits.Header({"FGAI0_1": 1.5}))
    assert noise_of(image) == [(1.5, 6.0, "flats", "biases")]


def test_an_overscan_shows_the_read_noise_that_nothing_gives():
    pixels = np.random.default_rng(1).normal(500, 4, (300, 60))
    amps = layout(
        (300, 60), {"data": "[1:30,1:300]", "overscan": "[31:60,1:300]"}, read_noise="measure"
    )
    (found,) = noise_of(raw(pixels, amps))
    assert found.noise_from == "overscan"
    assert found.read_noise / 2 == pytest.approx(4, rel=0.03)


def test_one_value_stays_a_number():
    amps = layout((4, 20), {"data": "[1:10,1:4]"}, {"data": "[11:20,1:4]"})
    assert np.ndim(amplifier_map(amps, [2.0, 2.0])) == 0
    assert amplifier_map(amps, [2.0, 3.0]).shape == (4, 20)


def test_a_file_that_shrinks_while_it_is_read_is_refused(tmp_path):
    fits.PrimaryHDU(np.ones((100, 100), np.uint16)).writeto(tmp_path / "a.fits")
    with open_raw(tmp_path / "a.fits", [amplifier()], "a.fits", NONE) as (_, images):
        with open(tmp_path / "a.fits", "r+b") as file:
            file.truncate(12000)
        with pytest.raises(CcdlibError, match=r"a.fits: shrank while it was read"):
            images[0].read()


@pytest.mark.parametrize(
    ("pixels", "name"),
    [
        (np.arange(80, dtype=np.uint16).reshape(4, 20) * 800, "a.fits"),
        (np.arange(80, dtype=np.int16).reshape(4, 20) - 40, "a.fits"),
        (np.arange(80, dtype=np.int32).reshape(4, 20), "a.fits"),
        (np.arange(80, dtype=np.uint32).reshape(4, 20) + 1000, "a.fits"),
        (np.arange(80, dtype=np.uint32).reshape(4, 20) + 1000, "a.fits.gz"),
        (np.arange(80, dtype=np.uint8).reshape(4, 20), "a.fits"),
        (np.linspace(0, 1, 80, dtype=np.float32).reshape(4, 20), "a.fits"),
        (np.linspace(0, 1, 80).reshape(4, 20), "a.fits"),
        (np.arange(80, dtype=np.uint16).reshape(1, 4, 20), "a.fits"),
        (np.arange(80, dtype=np.uint16).reshape(4, 20), "a.fits.gz"),
        (np.arange(80, dtype=np.uint16).reshape(4, 20), "a.fits.bz2"),
    ],
)
def test_files_of_every_type_are_read_as_astropy_reads_them(tmp_path, pixels, name):
    fits.PrimaryHDU(pixels).writeto(tmp_path / name)
    with open_raw(tmp_path / name, [amplifier((4, 20))], name, NONE) as (_, images):
        image = images[0].read()
        part = images[0].read(1, 3)
    np.testing.assert_array_equal(image.data, pixels.reshape(4, 20).astype(np.float32))
    np.testing.assert_array_equal(part.data, image.data[1:3])


@pytest.mark.parametrize("name", ["a.fits.fz", "a.fits"])
def test_tiles_are_read(tmp_path, name):
    pixels = np.random.default_rng(1).integers(900, 1100, (40, 50)).astype(np.uint16)
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(pixels)]).writeto(tmp_path / name)
    amp = amplifier((40, 50))
    amp = type(amp)(**vars(amp) | {"hdu": 1})
    with open_raw(tmp_path / name, [amp], "a", NONE) as (_, images):
        np.testing.assert_array_equal(images[0].read(10, 20).data, pixels[10:20])


def test_scaled_integers_and_blanks(tmp_path):
    hdu = fits.PrimaryHDU(np.array([[10, 20], [-32768, 40]], np.int16))
    hdu.header["BLANK"] = -32768
    hdu.header["BSCALE"], hdu.header["BZERO"] = 0.5, 100.0
    hdu.writeto(tmp_path / "a.fits")
    with fits.open(tmp_path / "a.fits", do_not_scale_image_data=True) as hdus:
        stored = hdus[0].data.copy()
        scale, zero = hdus[0].header.get("BSCALE", 1), hdus[0].header.get("BZERO", 0)
        blank = hdus[0].header.get("BLANK")
    expected = np.where(stored == blank, np.nan, stored * scale + zero)
    with open_raw(tmp_path / "a.fits", [amplifier((2, 2))], "a", NONE) as (_, images):
        image = images[0].read()
    lost = ~np.isfinite(expected)
    assert (image.dq[lost] == dq.NO_DATA).all()
    np.testing.assert_allclose(image.data[~lost], expected[~lost])


def test_the_camera_files_bad_pixels_are_flagged_whatever_the_rows():
    pixels = np.full((8, 14), 1000, np.uint16)
    spec = {"data": "[10:1,2:8]", "overscan": "[11:14,1:8]", "bad": ["[3:4,5:20]", "[9:9,:]"]}
    with pytest.raises(CcdlibError, match=r"a.fits: bad: .*\[3:4,5:20\]"):
        layout((8, 14), spec)
    amps = layout((8, 14), spec | {"bad": ["[3:4,5:8]", "[9:9,:]"]})
    expected = np.zeros((8, 10), bool)
    expected[4:, 2:4] = expected[:, 8] = True
    assert amplifiers_from_rows(amplifiers_to_rows(amps)) == amps
    image = raw(pixels, amps)
    flags = np.concatenate([image.read(first, last).dq for first, last in ((0, 3), (3, 7))])
    np.testing.assert_array_equal((flags & dq.BAD) != 0, expected[1:, ::-1])


@pytest.mark.parametrize(("first", "last"), [(0, 8), (3, 4), (2, 7)])
def test_the_recipe_reads_as_masters_read(first, last):
    """`calibrate` spells out the steps of `above_overscan`; both give the same bits."""
    rng = np.random.default_rng(6)
    pixels = rng.integers(900, 60000, (10, 30)).astype(np.uint16)
    own = {"data": "[10:1,1:8]", "overscan": "[11:15,1:10]", "parallel": "[1:10,9:10]"}
    other = {"data": "[21:30,8:1]", "overscan": "[16:20,1:10]", "bad": ["[22:24,3:5]"]}
    detector = {"saturation": 50000, "linear_limit": 40000, "linearity": {"polynomial": [1e-6]}}
    amps = layout((10, 30), own, other, **detector)
    shares = (0, 1e-3), (2e-3, 0)
    amps = [replace(amp, crosstalk=own) for amp, own in zip(amps, shares, strict=True)]
    image = raw(pixels, amps)
    assert image.columns[0] is not None and any(amps[0].crosstalk) and amps[0].linearity
    step_by_step = _read(image, slice(first, last))
    whole = image.read().rows(slice(first, last))
    assert step_by_step.dq.any()
    for plane in ("data", "variance", "dq"):
        assert getattr(step_by_step, plane).tobytes() == getattr(whole, plane).tobytes()


def tiles_of_floats(folder, values):
    tiles = fits.CompImageHDU(values, compression_type="GZIP_2", quantize_level=0.0)
    fits.HDUList([fits.PrimaryHDU(), tiles]).writeto(folder / "a.fits.fz")
    return folder / "a.fits.fz"


def refused_when_opened(path, message):
    amp = replace(amplifier((40, 50)), hdu=1)
    with (
        pytest.raises(CcdlibError, match=message),
        open_raw(path, [amp], "a", {"method": "none"}),
    ):
        pass


def test_fractions_in_tiles_are_named(tmp_path):
    """The index does not unpack tiles: the job that does says what is wrong with them."""
    values = np.random.default_rng(1).uniform(0.01, 0.5, (40, 50)).astype(np.float32)
    path = tiles_of_floats(tmp_path, values)
    refused_when_opened(path, r"a: values from 0.01 to 0.5: these are fractions")


def test_tiles_of_floats_that_are_called_integers_are_named(tmp_path):
    values = np.random.default_rng(1).normal(1000, 30, (40, 50)).astype(np.float32)
    path = tiles_of_floats(tmp_path, values)
    with fits.open(path, "update", disable_image_compression=True) as hdus:
        hdus[1].header["ZBITPIX"] = 32
    refused_when_opened(path, r"a: no value below 1.1\de\+09, which no detector gives")


def test_a_blank_that_is_no_integer_shows_no_warning_of_astropy(tmp_path):
    """It named no file; here each warning is an error."""
    header = fits.Header({"BLANK": 800, "OBJECT": "M13"})
    fits.writeto(tmp_path / "a.fits", np.full((40, 50), 900, np.int16), header)
    card = b"BLANK   =                  800"
    content = (tmp_path / "a.fits").read_bytes().replace(card, card[:-5] + b"800.0")
    (tmp_path / "a.fits").write_bytes(content)
    with open_raw(tmp_path / "a.fits", [amplifier((40, 50))], "a", {"method": "none"}) as found:
        header, (image,) = found
    assert image.shape == (40, 50)
    assert header["OBJECT"] == "M13"
