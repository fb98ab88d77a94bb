"""Undefined values of integers, however they are stored."""

import struct
from contextlib import ExitStack

import numpy as np
import pytest
from astropy.io import fits

from ccdlib.errors import CcdlibError
from ccdlib.raw.stored_pixels import (
    ArrayPixels,
    FilePixels,
    UpsideDown,
    open_unpacked,
    pixels_of,
)


def written(path, compressed, dtype):
    """A file of numbered pixels whose second row is undefined."""
    pixels = np.arange(2000, 2600, dtype=dtype).reshape(20, 30)
    stored = -32768 if dtype == np.uint16 else 2030
    hdu = fits.CompImageHDU(pixels) if compressed else fits.ImageHDU(pixels)
    if dtype == np.uint16:
        hdu.data[1] = 0
    else:
        hdu.data[1] = 2030
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)
    with fits.open(path, mode="update", disable_image_compression=True, uint=True,
                   do_not_scale_image_data=True) as hdus:  # fmt: skip
        hdus[1].header["BLANK"] = stored
    return pixels


@pytest.mark.parametrize("spill", [False, True])
@pytest.mark.parametrize("dtype", [np.uint16, np.int16])
@pytest.mark.parametrize("compressed", [False, True])
def test_what_is_undefined_is_nan(tmp_path, compressed, dtype, spill):
    path = tmp_path / "a.fits"
    pixels = written(path, compressed, dtype)
    with ExitStack() as opened, open_unpacked(path) as file, fits.open(file, memmap=False) as hdus:
        pixels_read = pixels_of(hdus[1], file, "a.fits", opened if spill else None)
        found = pixels_read[0:20, 0:30]
    # pytest refuses a warning of a file that only the collection of garbage would close
    assert not hasattr(pixels_read, "file") or pixels_read.file.closed
    assert np.isnan(found[1]).all()
    rest = np.delete(np.arange(20), 1)
    np.testing.assert_array_equal(found[rest], pixels[rest])


@pytest.mark.parametrize("form", ["memory", "file"])
@pytest.mark.parametrize("dtype", [">f4", ">f8", ">i8"])
def test_a_value_that_cannot_be_squared_is_infinite(tmp_path, form, dtype):
    """One such pixel made a light fail, as its variance was not finite."""
    far = 3e18 if dtype == ">i8" else 3e38
    values = np.array([[far, -far, 7, 1e15]]).astype(dtype)
    (tmp_path / "a").write_bytes(values.tobytes())
    with open(tmp_path / "a", "rb") as file:
        stored = FilePixels(file, "a", 0, values.shape, dtype, 1.0, 0.0, None)
        found = (ArrayPixels(values) if form == "memory" else stored)[:, :]
    np.testing.assert_array_equal(found, np.float32([[np.inf, -np.inf, 7, 1e15]]))


@pytest.mark.parametrize("form", ["memory", "file"])
def test_pixels_upside_down(tmp_path, form):
    values = np.arange(35, dtype=np.uint16).reshape(7, 5)
    values.astype(">i2").tofile(tmp_path / "pixels")
    with open(tmp_path / "pixels", "rb") as file:
        plain = FilePixels(file, "a", 0, values.shape, ">i2", 1.0, 0.0, None)
        turned = UpsideDown(ArrayPixels(values) if form == "memory" else plain)
        assert turned.shape == (7, 5)
        for rows, columns in ((slice(None), slice(None)), (slice(1, 3), slice(2, 5))):
            assert np.array_equal(turned[rows, columns], values[::-1][rows, columns])
            assert np.array_equal(turned.integers(rows, columns), values[::-1][rows, columns])


@pytest.mark.parametrize("length, offset", [(0, 0), (3, 0), (-5, 0), (10**8, 0), (80, 10**6)])
def test_a_damaged_tile_of_rice_is_refused_by_the_name_of_its_file(tmp_path, length, offset):
    """As its job says it; where a tile is and how many bytes it has stands in the table."""
    path = tmp_path / "a.fits.fz"
    pixels = np.random.default_rng(1).poisson(1000, (20, 30)).astype(np.int16)
    hdu = fits.CompImageHDU(pixels, compression_type="RICE_1")
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)
    with fits.open(path, disable_image_compression=True) as hdus:
        where, row = hdus[1].fileinfo()["datLoc"], hdus[1].header["NAXIS1"]
    content = bytearray(path.read_bytes())
    struct.pack_into(">ii", content, where + 3 * row, length, offset)
    path.write_bytes(content)
    refused = pytest.raises(CcdlibError, match=r"^a.fits: its compressed pixels cannot be read: ")
    with open_unpacked(path) as file, fits.open(file, memmap=False) as hdus, refused:
        pixels_of(hdus[1], file, "a.fits")
