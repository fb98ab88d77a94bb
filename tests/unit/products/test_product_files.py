"""Products: what is written is what is read, by us and by CCDData.read without a word."""

import io
import os
import shutil
import subprocess
import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.nddata import CCDData, StdDevUncertainty
from astropy.wcs import WCS

from ccdlib import dq
from ccdlib.errors import CcdlibError
from ccdlib.frame.image import Image
from ccdlib.products import product_files
from ccdlib.products.product_files import read_product, write_product

SHAPE = (20, 30)
needs_fitsverify = pytest.mark.skipif(
    shutil.which("fitsverify") is None, reason="no fitsverify (Debian package fitsverify)"
)


def image(seed=1, unit="electron"):
    rng = np.random.default_rng(seed)
    flags = np.zeros(SHAPE, np.uint16)
    flags[2, 3] = dq.SATURATED | dq.COSMIC_RAY
    flags[5, 6] = dq.UNSTABLE
    data = rng.normal(100, 10, SHAPE).astype(np.float32)
    return Image(data, rng.uniform(50, 150, SHAPE).astype(np.float32), flags, unit)


def header(**cards):
    made = fits.Header({"OBJECT": "M 101", "EXPTIME": 30.0, "RAWFILE": "a.fits"})
    made.update(cards)
    return made


def sky():
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [210.8, 54.3]
    wcs.wcs.crpix = [15.5, 10.5]
    wcs.wcs.cdelt = [-1e-4, 1e-4]
    return wcs.to_header()


FORMS = {
    "one": (1, False),
    "several": (3, False),
    "one compressed": (1, True),
    "several compressed": (3, True),
}


@pytest.fixture(params=FORMS.values(), ids=FORMS)
def written(request, tmp_path):
    count, compress = request.param
    images = [image(seed) for seed in range(1, count + 1)]
    path = tmp_path / "p.fits"
    heads = [fits.Header({"AMPNAME": f"amp {number}"}) for number in range(count)]
    write_product(path, images, header(**sky()), heads, compress)
    return path, images, compress


def test_what_is_written_is_read(written):
    path, images, _ = written
    product = read_product(path)
    assert product.name == "p"
    assert len(product.images) == len(images)
    for found, given in zip(product.images, images, strict=True):
        np.testing.assert_array_equal(found.data, given.data)
        np.testing.assert_array_equal(found.dq, given.dq)
        np.testing.assert_allclose(found.variance, given.variance, rtol=3e-7)
        assert found.unit == given.unit
        assert found.data.dtype == found.variance.dtype == np.float32
        assert found.data.dtype.isnative
    assert product.header["OBJECT"] == "M 101"


def test_the_layout_of_the_extensions(written):
    path, images, compress = written
    with fits.open(path) as hdus:
        names = [(hdu.name, hdu.ver) for hdu in hdus]
        if len(images) == 1:
            first = ["SCI"] if compress else []
            assert [name for name, _ in names[1:]] == [*first, "UNCERT", "MASK", "DQ"]
        else:
            expected = [
                (name, ver) for ver in (1, 2, 3) for name in ("SCI", "UNCERT", "MASK", "DQ")
            ]
            assert names[1:] == expected
            assert hdus[0].data is None
        mask, flags = hdus["MASK"], hdus["DQ"]
        assert mask.data.dtype.name == "uint8"
        assert flags.data.dtype.name == "uint16"
        np.testing.assert_array_equal(mask.data != 0, images[0].dq != 0)
        assert flags.header["DQBIT1"] == "SATURATED"
        assert flags.header["NDQ1"] == 1


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("unit", ["electron", "adu"])
def test_ccddata_reads_everything(tmp_path, compress, unit):
    path, given = tmp_path / "p.fits", image(unit=unit)
    write_product(path, [given], header(), [sky()], compress)
    read = CCDData.read(path, hdu=1) if compress else CCDData.read(path)
    np.testing.assert_array_equal(read.data, given.data)
    assert read.unit == u.Unit(unit)
    assert isinstance(read.uncertainty, StdDevUncertainty)
    np.testing.assert_allclose(read.uncertainty.array**2, given.variance, rtol=3e-7)
    np.testing.assert_array_equal(read.mask, given.dq != 0)
    np.testing.assert_allclose(read.wcs.wcs.crpix, [15.5, 10.5])
    np.testing.assert_allclose(read.wcs.wcs.crval, [210.8, 54.3])


def test_ccddata_reads_a_flat_too(tmp_path):
    write_product(tmp_path / "f.fits", [image(unit="")], header())
    read = CCDData.read(tmp_path / "f.fits")
    assert read.unit == u.dimensionless_unscaled
    assert read_product(tmp_path / "f.fits").images[0].unit == ""
    assert read.uncertainty is not None


@needs_fitsverify
@pytest.mark.parametrize("compress", [False, True])
def test_fitsverify_takes_a_flat(tmp_path, compress):
    write_product(tmp_path / "f.fits", [image(unit="")], header(), None, compress)
    done = subprocess.run(
        ["fitsverify", tmp_path / "f.fits"], capture_output=True, text=True, check=False
    )
    assert "found 0 warning(s) and 0 error(s)" in done.stdout, done.stdout


@needs_fitsverify
@pytest.mark.parametrize("compress", [False, True])
def test_fitsverify_takes_a_wcs_that_does_not_say_how_many_axes_it_has(tmp_path, compress):
    axes = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRPIX1": 5.0, "CRPIX2": 6.0}
    axes |= {"CRVAL1": 210.8, "CRVAL2": 54.3, "CD1_1": -1e-4, "CD1_2": 0.0, "CD2_2": 1e-4}
    write_product(tmp_path / "f.fits", [image()], header(**axes), None, compress)
    done = subprocess.run(
        ["fitsverify", tmp_path / "f.fits"], capture_output=True, text=True, check=False
    )
    assert "found 0 warning(s) and 0 error(s)" in done.stdout, done.stdout
    wcs = CCDData.read(tmp_path / "f.fits", hdu=int(compress)).wcs
    assert wcs.wcs.crval.tolist() == [210.8, 54.3]


@needs_fitsverify
def test_fitsverify_has_no_error_and_no_warning(written):
    path, _, _ = written
    done = subprocess.run(["fitsverify", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "found 0 warning(s) and 0 error(s)" in done.stdout, done.stdout


def test_every_hdu_has_a_checksum_that_is_right(written):
    path, _, _ = written
    with fits.open(path, disable_image_compression=True) as hdus:
        assert all({"CHECKSUM", "DATASUM"} <= set(hdu.header) for hdu in hdus)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with fits.open(path, checksum=True, disable_image_compression=True) as hdus:
            for hdu in hdus:
                _ = hdu.data


def test_the_same_input_gives_the_same_bytes_and_no_time(written, tmp_path, monkeypatch):
    path, images, compress = written
    heads = [fits.Header({"AMPNAME": f"amp {number}"}) for number in range(len(images))]
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    monkeypatch.setattr("time.time", lambda: 1e9)
    other = tmp_path / "elsewhere/q.fits"
    write_product(other, images, header(**sky()), heads, compress)
    assert other.read_bytes() == path.read_bytes()
    assert b"elsewhere" not in other.read_bytes()
    assert str(tmp_path).encode() not in other.read_bytes()
    with fits.open(path, disable_image_compression=True) as hdus:
        for hdu in hdus:
            assert "DATE" not in hdu.header
            assert all("T" not in str(hdu.header.comments[key])[-20:] or "20" not in str(
                hdu.header.comments[key]) for key in ("CHECKSUM", "DATASUM"))  # fmt: skip


def test_what_is_given_is_not_changed(tmp_path):
    given, head, own = image(), header(), [sky()]
    before = [head.tostring(), own[0].tostring(), given.data.copy(), given.dq.copy()]
    write_product(tmp_path / "p.fits", [given], head, own)
    assert (head.tostring(), own[0].tostring()) == tuple(before[:2])
    np.testing.assert_array_equal(given.data, before[2])
    np.testing.assert_array_equal(given.dq, before[3])


@pytest.mark.parametrize("plane", ["data", "variance"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_refused_and_nothing_is_left(tmp_path, plane, value):
    given = image()
    getattr(given, plane)[0, 0] = value
    with pytest.raises(CcdlibError, match=r"p.fits: holds values that are not finite"):
        write_product(tmp_path / "p.fits", [given], header())
    assert os.listdir(tmp_path) == []


def test_a_negative_variance_is_refused(tmp_path):
    given = image()
    given.variance[0, 0] = -1
    with pytest.raises(CcdlibError, match=r"p.fits: holds a negative variance"):
        write_product(tmp_path / "p.fits", [given], header())


def test_an_interrupted_write_leaves_the_old_product(tmp_path, monkeypatch):
    path = tmp_path / "p.fits"
    write_product(path, [image()], header())
    before = path.read_bytes()

    def full(file, *arguments):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(product_files, "write_hdu", full)
    with pytest.raises(OSError, match="No space left"):
        write_product(path, [image(2)], header())
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["p.fits"]


def test_another_file_is_no_product(tmp_path):
    fits.PrimaryHDU(np.zeros(SHAPE)).writeto(tmp_path / "a.fits")
    with pytest.raises(CcdlibError, match=r"a.fits: not a product, it has PRIMARY"):
        read_product(tmp_path / "a.fits")


def test_flags_that_are_no_16_bit_integers_are_refused(tmp_path):
    plane = np.zeros(SHAPE, np.float32)
    write_product(
        tmp_path / "a.fits", [Image(plane, plane, plane.astype(np.uint16), "adu")], fits.Header()
    )
    with fits.open(tmp_path / "a.fits") as hdus:
        hdus["DQ"] = fits.ImageHDU(plane, name="DQ")
        hdus.writeto(tmp_path / "b.fits")
    with pytest.raises(CcdlibError, match=r"b.fits: its DQ plane does not hold 16-bit integers"):
        read_product(tmp_path / "b.fits")


def test_the_digest_is_that_of_the_file(tmp_path):
    from ccdlib.raw.raw_folder import sha256

    write_product(tmp_path / "p.fits", [image()], header())
    assert read_product(tmp_path / "p.fits").sha256 == sha256(tmp_path / "p.fits")


def _by_astropy(images, header, own):
    """The bytes of a product without tiles as astropy writes them."""
    cards = [each.copy() for each in own]
    for image, each in zip(images, cards, strict=True):
        each["BUNIT"] = (image.unit, "unit of the image and of UNCERT")
    several = len(images) > 1
    united = header.copy()
    united.update({} if several else cards[0])
    hdus = fits.HDUList([fits.PrimaryHDU(None if several else images[0].data, united)])
    for number, (image, each) in enumerate(zip(images, cards, strict=True), start=1):
        version = number if several else None
        found = product_files._planes(image)
        planes = [(name, plane.whole(), extra.to_astropy()) for name, plane, extra in found]
        for name, array, extra in [("SCI", image.data, each)] * several + planes:
            hdus.append(fits.ImageHDU(array, extra, name=name, ver=version))
    content = io.BytesIO()
    for hdu in hdus:
        hdu.add_checksum(when="of this HDU as written")
    hdus.writeto(content, output_verify="exception")
    return content.getvalue()


@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize("shape", [(5, 7), (31, 46), (1, 1)])
def test_the_bytes_are_those_of_astropy(tmp_path, number, shape):
    rng = np.random.default_rng(number)
    images, own = [], []
    for _ in range(number):
        data, variance = rng.normal(100, 30, (2, *shape)).astype(np.float32)
        flags = rng.choice([0, 1, 2, 1 << 9], shape).astype(np.uint16)
        images.append(Image(data, variance**2, flags, "electron"))
        own.append(fits.Header([("CRPIX1", rng.normal()), ("COMMENT", "of one image")]))
    header = fits.Header([("OBJECT", "it's", "of the raw"), ("AIRMASS", 1.25), ("LONG", "x" * 90)])
    header.add_history("read out twice")
    header["AFTER"] = (True, "a card that is put before the history")
    write_product(tmp_path / "a.fits", images, header, own)
    assert (tmp_path / "a.fits").read_bytes() == _by_astropy(images, header, own)


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("number", [1, 2])
def test_a_product_is_read_as_astropy_reads_it(tmp_path, monkeypatch, number, compress):
    rng = np.random.default_rng(number)
    data = rng.normal(100, 30, (number, 20, 30)).astype(np.float32)
    flags = rng.integers(0, 2**10, (number, 20, 30)).astype(np.uint16)
    images = [Image(*each, "adu") for each in zip(data, data**2, flags, strict=True)]
    header = fits.Header([("FLATNORM", 1.5), ("BUNIT", "counts"), ("LONG", "x" * 90)])
    write_product(tmp_path / "a.fits", images, header, None, compress)
    found = read_product(tmp_path / "a.fits")
    monkeypatch.setattr(product_files, "plain_images", lambda file: None)
    expected = read_product(tmp_path / "a.fits")
    assert found.header.tostring() == expected.header.tostring()
    assert found.sha256 == expected.sha256
    for own, other in zip(found.images, expected.images, strict=True):
        assert own.unit == other.unit
        for name in ("data", "variance", "dq"):
            assert getattr(own, name).tobytes() == getattr(other, name).tobytes()


def test_the_content_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    """Power that fails in between leaves the product as it was, or none."""
    done = []

    def noting(name, own):
        def call(*arguments):
            done.append(name)
            return own(*arguments)

        return call

    for name in ("fsync", "replace"):
        monkeypatch.setattr(os, name, noting(name, getattr(os, name)))
    write_product(tmp_path / "p.fits", [image()], header())
    assert done == ["fsync", "replace"]


@pytest.mark.parametrize("value", [1e20, -1e20])
def test_a_value_that_no_detector_gives_is_read_as_infinite(tmp_path, value):
    given = image()
    given.data[1, 2] = value
    write_product(tmp_path / "p.fits", [given], header())
    data = read_product(tmp_path / "p.fits").images[0].data
    assert data[1, 2] == np.copysign(np.inf, value)
    given.data[1, 2] = data[1, 2]
    np.testing.assert_array_equal(data, given.data)


@pytest.mark.parametrize("number", [1, 3, 64])
def test_a_product_read_by_overlapping_rows_is_what_was_written(tmp_path, number):
    given = image()
    write_product(tmp_path / "p.fits", [given], header())
    with product_files.open_product(tmp_path / "p.fits") as product:
        (stored,) = product.images
        for first in range(0, SHAPE[0], number):
            rows = slice(max(first - 2, 0), min(first + number + 2, SHAPE[0]))
            found = stored.rows(rows)
            np.testing.assert_array_equal(found.data, given.data[rows])
            np.testing.assert_array_equal(found.dq, given.dq[rows])
