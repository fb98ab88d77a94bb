"""Masters against plain numpy on small cubes, from raw files to what is on disk."""

import json

import numpy as np
import pytest
from astropy.io import fits
from making import amplifier, config

from ccdlib import dq
from ccdlib.camera.amplifiers import amplifiers_to_rows
from ccdlib.config import settings_of
from ccdlib.errors import CcdlibError
from ccdlib.frame.raw_image import RawImage
from ccdlib.jobs import combine_frames
from ccdlib.jobs.task import Task
from ccdlib.kinds import KINDS
from ccdlib.master.master_frames import MasterFrames
from ccdlib.products.product_files import read_product
from ccdlib.raw.raw_folder import sha256

SHAPE = (24, 40)
GAIN, READ_NOISE, SATURATION = 2.0, 8.0, 60000
FLOOR = (READ_NOISE / GAIN) ** 2 + 1 / 12


class Folder:
    """Raw frames of one kind, and the master that is made of them."""

    def __init__(self, path):
        self.path = path
        self.members = []

    def add(self, pixels, kind, exptime=0.0, overscan=None, data=None, **facts):
        name = f"{kind}{len(self.members)}.fits"
        hdu = fits.PrimaryHDU(np.asarray(pixels))
        hdu.header["AIRMASS"] = 1.0 + len(self.members)
        hdu.header["TELESCOP"] = "Nickel"
        hdu.writeto(self.path / name)
        amp = amplifier(pixels.shape, data, overscan, saturation=SATURATION)
        facts = {"amplifiers": amplifiers_to_rows([amp]), "imagetyp": kind, "exptime": exptime,
                 "filter": "V"} | facts  # fmt: skip
        self.members.append({"file": name, "sha256": sha256(self.path / name), "facts": facts})

    def make(self, kind, name="m.fits", bias=None, dark=None, settings=None, limits=None, **parts):
        full = config(**parts)
        settings = settings_of(full, KINDS[kind]) | (
            settings or {"overscan": full["overscan"] | {"method": "none"}}
        )
        output, masters = self.path / name, {"bias": bias, "dark": dark}
        masters = {name: path for name, path in masters.items() if path}
        raw_dir = str(self.path)
        task = Task(output, raw_dir, self.members, masters, settings, limits=limits or {})
        combine_frames.make(task)
        return output


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def noisy(level, sigma, seed):
    rng = np.random.default_rng(seed)
    return np.rint(level + rng.normal(0, sigma, SHAPE)).clip(0, 65535).astype(np.uint16)


def biases(folder, count=5, level=1000):
    cube = [noisy(level, np.sqrt(FLOOR), seed) for seed in range(count)]
    for pixels in cube:
        folder.add(pixels, "bias")
    return np.array(cube, float)


@pytest.mark.parametrize(("gain", "read_noise"), [(2.06, None), (None, 8.0), (None, None)])
def test_a_bias_that_lacks_gain_or_read_noise_has_its_own_noise(folder, gain, read_noise):
    """Declared electrons never meet a scatter in adu that was made with another gain."""
    biases(folder, 9)
    own = amplifier(SHAPE, saturation=SATURATION, gain=gain, read_noise=read_noise)
    for member in folder.members:
        member["facts"]["amplifiers"] = amplifiers_to_rows([own])
    product = read_product(folder.make("bias"))
    ratio = np.median(product.images[0].variance) * 9 / FLOOR
    # eight differences of 960 pixels
    assert ratio == pytest.approx(1, abs=4 * np.sqrt(3 / (8 * 960)))


NO_CLIP = {"clip": "none"}


@pytest.mark.parametrize("method", ["mean", "median"])
def test_a_bias_is_the_plain_mean_or_median(folder, method):
    cube = biases(folder)
    product = read_product(folder.make("bias", combine={"method": method} | NO_CLIP))
    image = product.images[0]
    np.testing.assert_allclose(image.data, getattr(np, method)(cube, axis=0), rtol=1e-6)
    # the variance of a median of five normal values over that of their mean
    efficiency = {"mean": 1.0, "median": 1.4342}[method]
    good = image.dq == 0
    shared = product.header["BLEV0_1"] ** 2
    quoted = (FLOOR * efficiency + shared) / 5
    np.testing.assert_allclose(image.variance[good], quoted, rtol=1e-4)
    assert shared < 0.01 * FLOOR
    assert product.header["NCOMBINE"] == 5
    assert product.header["IMAGETYP"] == "bias"


def plain_clip(cube, sigma, low=5, high=5, rounds=5):
    """Sigma clipping about the median with a known sigma, by the book."""
    kept = np.ones(cube.shape, bool)
    for _ in range(rounds):
        center = np.nanmedian(np.where(kept, cube, np.nan), axis=0)
        again = kept & (cube - center >= -low * sigma) & (cube - center <= high * sigma)
        if (again == kept).all():
            break
        kept = again
    return kept


def test_outliers_are_clipped_by_the_noise_model(folder):
    cube = biases(folder, 6)
    spoilt = cube.copy()
    spoilt[2, 3, 4] += 300
    spoilt[4, 10, 11] -= 200
    spoilt[0, 20, 21] += 4.0 * np.sqrt(FLOOR)
    folder.members.clear()
    for path in folder.path.glob("*.fits"):
        path.unlink()
    for pixels in spoilt:
        folder.add(pixels.astype(np.uint16), "bias")
    product = read_product(folder.make("bias"))
    kept = plain_clip(np.floor(spoilt), np.sqrt(FLOOR))
    assert kept.sum() == cube.size - 2
    expected = np.nanmean(np.where(kept, np.floor(spoilt), np.nan), axis=0)
    np.testing.assert_allclose(product.images[0].data, expected, rtol=1e-6)
    counts = [product.header[f"NCLIP{number:03d}"] for number in range(1, 7)]
    assert counts == [0, 0, 1, 0, 1, 0]


def test_minmax_leaves_out_the_ends(folder):
    cube = biases(folder, 6)
    clip = {"clip": "minmax", "nlow": 1, "nhigh": 2, "min_frames": 4}
    product = read_product(folder.make("bias", combine=clip))
    expected = np.sort(cube, axis=0)[1:4].mean(axis=0)
    np.testing.assert_allclose(product.images[0].data, expected, rtol=1e-6)


def test_a_saturated_pixel_does_not_enter_and_one_in_all_frames_has_no_data(folder):
    cube = np.array([noisy(1000, 4, seed) for seed in range(4)])
    cube[1, 5, 6] = 65535
    cube[:, 7, 8] = 65535
    for pixels in cube:
        folder.add(pixels, "bias")
    product = read_product(folder.make("bias", combine=NO_CLIP))
    image = product.images[0]
    assert image.data[5, 6] == pytest.approx(np.delete(cube[:, 5, 6], 1).mean())
    assert image.dq[5, 6] == 0
    assert image.dq[7, 8] == dq.NO_DATA | dq.SATURATED
    assert image.data[7, 8] == image.variance[7, 8] == 0
    assert product.header["NSATUR"] == 1


def test_a_pixel_that_flickers_is_said_so(folder):
    cube = np.array([noisy(1000, np.sqrt(FLOOR), seed) for seed in range(8)])
    cube[::2, 5, 6] += 400
    for pixels in cube:
        folder.add(pixels, "bias")
    image = read_product(folder.make("bias", combine=NO_CLIP)).images[0]
    assert image.dq[5, 6] == dq.UNSTABLE
    assert image.variance[5, 6] == pytest.approx(cube[:, 5, 6].var(ddof=1) / 8, rel=1e-4)
    assert np.count_nonzero(image.dq) == 1


def test_the_overscan_is_trimmed_and_taken_off(folder):
    for seed in range(3):
        pixels = noisy(1000 + 20 * seed, np.sqrt(FLOOR), seed)
        folder.add(pixels, "bias", data="[1:30,1:24]", overscan="[31:40,1:24]")
    settings = {"overscan": config()["overscan"]}
    product = read_product(folder.make("bias", settings=settings))
    image = product.images[0]
    assert image.data.shape == (24, 30)
    # as well as three levels of ten columns and 24 rows are known
    assert abs(image.data.mean()) < 4 * np.sqrt(FLOOR / (3 * 240)) + 4 * np.sqrt(FLOOR / (3 * 720))
    assert product.header["OSCMETH"] == "polynomial"


# --- darks and flats


def test_a_dark_is_the_mean_less_the_bias(folder, tmp_path):
    biases(folder)
    bias = folder.make("bias", "bias.fits")
    night = Folder(tmp_path / "darks")
    night.path.mkdir()
    cube = np.array([noisy(1100, 8, seed + 50) for seed in range(3)], float)
    times = [60.0, 60.0, 60.003]
    for pixels, exptime in zip(cube, times, strict=True):
        night.add(pixels.astype(np.uint16), "dark", exptime)
    product = read_product(night.make("dark", bias=bias, combine=NO_CLIP))
    expected = cube.mean(axis=0) - read_product(bias).images[0].data
    np.testing.assert_allclose(product.images[0].data, expected, rtol=1e-5)
    assert product.header["PEDREMOV"] is True
    assert product.header["EXPTIME"] == pytest.approx(np.mean(times))
    assert product.header["BIASSHA"] == sha256(bias)
    # the bias is in every frame alike: averaging does not make it smaller
    own = product.images[0].variance - read_product(bias).images[0].variance
    assert (own > 0).all()


def test_a_dark_without_bias_says_that_it_holds_its_pedestal(folder):
    for seed in range(3):
        folder.add(noisy(1000, np.sqrt(FLOOR), seed), "dark", 60.0)
    product = read_product(folder.make("dark"))
    assert product.header["PEDREMOV"] is False
    assert abs(product.images[0].data.mean() - 1000) < 1


def flats(folder, levels=(20000, 30000, 25000, 10000), shape=None):
    vignette = 1 - 0.3 * np.hypot(*np.mgrid[-1 : 1 : SHAPE[0] * 1j, -1 : 1 : SHAPE[1] * 1j]) ** 2
    shape = vignette if shape is None else shape
    cube = []
    for seed, level in enumerate(levels):
        expected = level * shape
        cube.append(noisy(expected, np.sqrt(expected / GAIN + FLOOR), seed + 70))
        add_flat(folder, cube[-1])
    return np.array(cube, float)


def add_flat(folder, pixels, exptime=5.0):
    """With a pedestal of 1000 that its overscan knows exactly."""
    strip = np.full((SHAPE[0], 8), 1000)
    wide = np.hstack([np.minimum(np.asarray(pixels, int) + 1000, 65535), strip])
    folder.add(wide.astype(np.uint16), "flat", exptime, data="[1:40,1:24]", overscan="[41:48,1:24]")


OVERSCAN = {"overscan": config()["overscan"] | {"method": "median"}}


def test_a_flat_is_the_mean_of_scaled_frames_over_its_median(folder):
    cube = flats(folder)
    product = read_product(folder.make("flat", settings=OVERSCAN))
    levels = np.median(cube, axis=(1, 2))
    expected = (cube / levels[:, None, None]).mean(axis=0)
    expected /= np.median(expected)
    image = product.images[0]
    np.testing.assert_allclose(image.data, expected, rtol=3e-6)
    assert image.unit == ""
    assert np.median(image.data) == pytest.approx(1, abs=1e-6)
    # frames of other levels are scaled before anything is clipped
    assert sum(product.header[f"NCLIP{number:03d}"] for number in range(1, 5)) == 0
    # sum of the variances of the scaled frames
    truth = np.sum([(cube[n] / GAIN + FLOOR) / levels[n] ** 2 for n in range(4)], axis=0) / 16
    assert np.median(image.variance / truth) == pytest.approx(1, rel=0.02)


def test_a_flat_normalised_by_mean_and_by_section(folder):
    cube = flats(folder)
    levels = np.median(cube, axis=(1, 2))
    plain = (cube / levels[:, None, None]).mean(axis=0)
    found = (
        read_product(folder.make("flat", settings=OVERSCAN, flat={"normalise": "mean"}))
        .images[0]
        .data
    )
    np.testing.assert_allclose(found, plain / plain.mean(), rtol=3e-6)
    window = {"normalise": "section", "section": "[11:20,6:15]"}
    found = read_product(folder.make("flat", settings=OVERSCAN, flat=window)).images[0].data
    np.testing.assert_allclose(found, plain / np.median(plain[5:15, 10:20]), rtol=3e-6)


def test_a_section_outside_the_image_is_refused(folder):
    flats(folder)
    with pytest.raises(CcdlibError, match=r"section '\[1:500,1:5\]' reaches from 1 to 500"):
        folder.make(
            "flat", settings=OVERSCAN, flat={"normalise": "section", "section": "[1:500,1:5]"}
        )


def test_one_wild_pixel_does_not_move_the_norm(folder):
    cube = flats(folder)
    clean = read_product(folder.make("flat", "a.fits", settings=OVERSCAN)).images[0].data
    other = Folder(folder.path / "other")
    other.path.mkdir()
    cube[:, 2, 3] = 59000
    for pixels in cube:
        add_flat(other, pixels)
    spoilt = read_product(other.make("flat", settings=OVERSCAN)).images[0].data
    spoilt[2, 3] = clean[2, 3]
    np.testing.assert_allclose(spoilt, clean, rtol=1e-3)


def test_a_saturated_flat_is_left_out_with_both_numbers(folder):
    cube = flats(folder)
    cube[1, :, :2] = 65535
    full = Folder(folder.path / "full")
    full.path.mkdir()
    for pixels in cube:
        add_flat(full, pixels)
    message = "flat1.fits: 5.0% of the flat's pixels are saturated, flat.max_saturated is 1.0%"
    with pytest.raises(CcdlibError, match=message):
        full.make("flat", settings=OVERSCAN, combine={"min_frames": 4})
    # the others make the same master as without it
    product = read_product(full.make("flat", settings=OVERSCAN))
    assert [product.header[card] for card in ("NCOMBINE", "LEFT001")] == [3, message]
    assert list(product.header["IMCMB*"].values()) == ["flat0.fits", "flat2.fits", "flat3.fits"]
    others = Folder(folder.path / "others")
    others.path.mkdir()
    for pixels in cube[[0, 2, 3]]:
        add_flat(others, pixels)
    alone = read_product(others.make("flat", settings=OVERSCAN)).images[0]
    for name in ("data", "variance", "dq"):
        np.testing.assert_array_equal(getattr(product.images[0], name), getattr(alone, name))
    # where it may be, the level is that of the pixels that are good in all
    product = read_product(full.make("flat", settings=OVERSCAN, flat={"max_saturated": 0.06}))
    levels = [product.header[f"LEVEL{number:03d}"] for number in range(1, 5)]
    expected = np.median(cube[:, :, 2:], axis=(1, 2))
    np.testing.assert_allclose(np.array(levels) / levels[0], expected / expected[0], rtol=1e-6)


def test_a_flat_without_light_is_refused(folder, tmp_path):
    biases(folder)
    bias = folder.make("bias", "bias.fits")
    night = Folder(tmp_path / "flats")
    night.path.mkdir()
    for seed in range(3):
        night.add(noisy(900, 1, seed), "flat", 5.0)
    with pytest.raises(CcdlibError, match=r"flat0.fits: the flat's median is -10\d.* positive"):
        night.make("flat", bias=bias)


def test_a_dark_of_another_exposure_is_scaled_for_each_flat(folder, tmp_path):
    biases(folder)
    bias = folder.make("bias", "bias.fits")
    darks = Folder(tmp_path / "darks")
    darks.path.mkdir()
    for seed in range(3):
        darks.add(noisy(1600, np.sqrt(600 / GAIN + FLOOR), seed + 20), "dark", 60.0)
    dark = darks.make("dark", bias=bias)
    night = Folder(tmp_path / "flats")
    night.path.mkdir()
    cube = []
    for seed, exptime in enumerate([3.0, 6.0, 12.0]):
        level = 1000 + 10 * exptime + 20000
        cube.append(noisy(level, np.sqrt(20000 / GAIN + FLOOR), seed + 30))
        night.add(cube[-1], "flat", exptime, dark_scale=exptime / product_exptime(dark))
    product = read_product(night.make("flat", bias=bias, dark=dark))
    bias_data, dark_data = (read_product(path).images[0].data for path in (bias, dark))
    reduced = [
        pixels - bias_data - exptime / product_exptime(dark) * dark_data
        for pixels, exptime in zip(cube, [3.0, 6.0, 12.0], strict=True)
    ]
    scaled = np.mean([each / np.median(each) for each in reduced], axis=0)
    np.testing.assert_allclose(product.images[0].data, scaled / np.median(scaled), rtol=2e-5)


def product_exptime(path):
    return read_product(path).header["EXPTIME"]


# --- whatever the pieces


@pytest.mark.parametrize("kind", ["bias", "dark", "flat"])
def test_the_bytes_do_not_depend_on_the_height_of_the_bands(folder, kind, monkeypatch):
    if kind == "flat":
        flats(folder)
    else:
        for seed in range(4):
            pixels = noisy(1000, np.sqrt(FLOOR), seed)
            pixels[seed, 7] += 500
            folder.add(pixels, kind, 0.0 if kind == "bias" else 60.0)
    settings = OVERSCAN if kind == "flat" else None
    whole = folder.make(kind, settings=settings).read_bytes()
    for rows in (1, 5, 7, 23):
        monkeypatch.setattr(MasterFrames, "band_height", lambda *_, rows=rows: rows)
        assert folder.make(kind, settings=settings).read_bytes() == whole, rows


@pytest.mark.parametrize("kind", ["bias", "dark", "flat"])
def test_the_bytes_do_not_depend_on_threads_or_on_who_takes_the_level_off(
    folder, kind, monkeypatch
):
    """The engine takes overscan, bias and scale off integers as `RawImage.read` would."""
    cube = flats(folder)
    for member, pixels in zip(folder.members, cube, strict=True):
        member["facts"] |= {"imagetyp": kind, "exptime": 0.0 if kind == "bias" else 60.0}
        if kind != "flat":
            flat = noisy(1000, np.sqrt(FLOOR), int(pixels[0, 0])).astype(float)
            flat[3, 4] = 65535
            rewrite(folder, member, flat)
    settings = OVERSCAN
    whole = folder.make(kind, settings=settings).read_bytes()
    assert folder.make(kind, settings=settings, limits={"threads": 3}).read_bytes() == whole
    monkeypatch.setattr(RawImage, "_integers", lambda *_: None)
    assert folder.make(kind, settings=settings).read_bytes() == whole


def rewrite(folder, member, pixels):
    """Other pixels with the overscan of a flat."""
    path = folder.path / member["file"]
    wide = np.hstack([pixels, np.full((SHAPE[0], 8), 990.0)])
    fits.PrimaryHDU(wide.astype(np.uint16)).writeto(path, overwrite=True)
    member["sha256"] = sha256(path)


def test_the_values_do_not_depend_on_the_order_of_the_frames(folder):
    flats(folder)
    first = read_product(folder.make("flat", settings=OVERSCAN)).images[0]
    folder.members.reverse()
    second = read_product(folder.make("flat", settings=OVERSCAN)).images[0]
    np.testing.assert_array_equal(first.data, second.data)
    np.testing.assert_array_equal(first.dq, second.dq)


def test_the_raw_files_are_not_touched(folder):
    biases(folder)
    before = {path.name: sha256(path) for path in folder.path.glob("*.fits")}
    folder.make("bias", "out.fits")
    assert all(sha256(folder.path / name) == digest for name, digest in before.items())


# --- what is refused, what is said


def test_biases_that_are_all_noisier_than_declared_are_believed(folder):
    for seed in range(5):
        folder.add(noisy(1000, 40, seed), "bias")
    header = fits.getheader(folder.make("bias"))
    assert header["BRON0_1"] == pytest.approx(40, rel=0.1)


def test_frames_that_do_not_belong_together_are_refused(folder):
    for seed in range(5):
        step = np.repeat([-9, 9], 20).astype(np.int16) * (-1) ** seed
        folder.add((noisy(1000, 4, seed) + step).astype(np.uint16), "bias")
    with pytest.raises(CcdlibError, match=r"m, image 1: its frames scatter with .* times the var"):
        folder.make("bias")


def test_the_frame_that_does_not_belong_is_named(folder):
    sigma = np.sqrt(FLOOR)
    for seed, factor in enumerate((1, 1, 1, 9, 1)):
        folder.add(noisy(1000, factor * sigma, seed), "bias")
    with pytest.raises(CcdlibError, match=r"scatter .*; bias3.fits: noise 3\d\.\d adu, \d"):
        folder.make("bias", combine=NO_CLIP)


def test_frames_of_other_shapes_are_refused_by_name(folder):
    folder.add(noisy(1000, 4, 1), "bias")
    folder.add(noisy(1000, 4, 2)[:20], "bias")
    with pytest.raises(CcdlibError, match=r"bias1.fits has \(20, 40\) pixels, bias0.fits has \(24"):
        folder.make("bias")


def test_a_frame_that_changed_since_it_was_indexed_is_refused(folder):
    biases(folder)
    path = folder.path / "bias2.fits"
    path.write_bytes(path.read_bytes()[:-1] + b"\1")
    with pytest.raises(CcdlibError, match=r"bias2.fits: changed since it was indexed, SHA-256"):
        folder.make("bias")
    path.unlink()
    with pytest.raises(CcdlibError, match=r"bias2.fits: gone since it was indexed"):
        folder.make("bias")


def test_the_header_can_repeat_the_master(folder):
    biases(folder)
    path = folder.make("bias")
    header = read_product(path).header
    for number, member in enumerate(folder.members, start=1):
        assert header[f"IMCMB{number:03d}"] == member["file"]
        assert header[f"IMSHA{number:03d}"] == member["sha256"]
    assert (header["COMBMETH"], header["CLIPMETH"], header["CLIPLOW"]) == ("mean", "sigma", 5.0)
    assert header["TELESCOP"] == "Nickel"
    assert "AIRMASS" not in header
    assert str(folder.path) not in fits.getheader(path).tostring()
    assert header["SCATTER"] == pytest.approx(1, abs=0.1)
    json.dumps(dict(header))


@pytest.mark.parametrize("number", [3, 4])
@pytest.mark.parametrize("how", ["upside down", "a dark among biases"])
def test_one_frame_that_does_not_belong_leaves_its_master(folder, tmp_path, number, how):
    """It made the master fail, and with it every frame of the night."""
    rng = np.random.default_rng(4)
    pattern = np.rint(rng.normal(0, 7, SHAPE) + np.arange(SHAPE[0])[:, None])
    cube = [noisy(900, np.sqrt(FLOOR), seed) + pattern for seed in range(number)]
    hot = 10 + np.rint(rng.exponential(9, SHAPE))
    cube[1] = cube[1][::-1] if how == "upside down" else cube[1] + hot
    for pixels in cube:
        folder.add(pixels.astype(np.uint16), "bias")
    product = read_product(folder.make("bias"))
    assert product.header["NCOMBINE"] == number - 1
    assert product.header["LEFT001"].startswith("bias1.fits: the others disagree with")
    others = Folder(tmp_path / "others")
    others.path.mkdir()
    for pixels in [each for at, each in enumerate(cube) if at != 1]:
        others.add(pixels.astype(np.uint16), "bias")
    alone = read_product(others.make("bias")).images[0]
    for name in ("data", "variance", "dq"):
        np.testing.assert_array_equal(getattr(product.images[0], name), getattr(alone, name))


@pytest.mark.parametrize("step", [20, 60, 300])
def test_halves_that_disagree_make_no_master(folder, step):
    """Which half is right cannot be known; one that is far off left a master without a value."""
    for seed in range(4):
        folder.add(noisy(900 + step * (seed % 2), np.sqrt(FLOOR), seed), "bias")
    with pytest.raises(CcdlibError, match=f"do not belong together.*bias0.fits: level -{step:g}"):
        folder.make("bias")


def test_frames_without_a_good_pixel_make_no_master(folder):
    for _ in range(3):
        folder.add(np.full(SHAPE, 65535, np.uint16), "bias")
    with pytest.raises(CcdlibError, match=r"none of its 3 frames has a good pixel, bias0.fits fir"):
        folder.make("bias")


def test_a_dark_of_another_offset_than_its_bias_is_refused(folder, tmp_path):
    """Its level was negative, and the lights that it was taken off too bright, in silence."""
    biases(folder, level=1400)
    bias = folder.make("bias")
    darks = Folder(tmp_path / "darks")
    darks.path.mkdir()
    for seed in range(3):
        darks.add(noisy(1005, np.sqrt(FLOOR), seed), "dark", 60.0)
    with pytest.raises(CcdlibError, match=r"dark0.fits first: its level is -39\d.* of another off"):
        darks.make("dark", bias=bias)
