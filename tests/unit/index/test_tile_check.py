"""Tiles that crash their library, or unpack to more than memory, cost their own frame alone."""

import gzip
import io
import sys

import numpy as np
import pytest
from astropy.io import fits
from making import camera

from ccdlib.index.raw_index import index_file

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a fork is not safe elsewhere")
PIXELS = np.random.default_rng(1).normal(1000, 20, (16, 80)).astype(np.int16)


def _tiles(kind):
    """The bytes of a light in one tile."""
    image = fits.CompImageHDU(PIXELS, compression_type=kind, tile_shape=(16, 80))
    image.header["IMAGETYP"] = "light"
    content = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(content)
    return content.getvalue()


def _row(tmp_path, content):
    path = tmp_path / "a.fits.fz"
    path.write_bytes(content)
    return index_file(str(path), path.name, camera())


@pytest.mark.parametrize("kind", ["RICE_1", "GZIP_1", "GZIP_2", "HCOMPRESS_1", "PLIO_1"])
def test_good_tiles_of_every_kind(tmp_path, kind):
    assert _row(tmp_path, _tiles(kind))["status"] == "ok"


def test_tiles_that_crash_their_library(tmp_path):
    """HCOMPRESS bears the size of the tile, and the library divides by it."""
    content = _tiles("HCOMPRESS_1")
    start = content.index(b"\xdd\x99") + 2
    row = _row(tmp_path, content[: start + 4] + bytes(4) + content[start + 8 :])
    assert row["status"] == "refused"
    told = "its compressed pixels cannot be unpacked: crashed (Floating point exception)"
    assert row["reason"] == f"a.fits.fz: {told}"


@pytest.mark.parametrize("kind", ["GZIP_1", "HCOMPRESS_1"])
def test_damaged_tiles_are_refused_with_the_librarys_words(tmp_path, kind):
    content = _tiles(kind)
    start = content.index({"GZIP_1": b"\x1f\x8b", "HCOMPRESS_1": b"\xdd\x99"}[kind])
    row = _row(tmp_path, content[: start + 14] + b"\xff" * 40 + content[start + 54 :])
    assert "its compressed pixels cannot be unpacked: " in row["reason"]


def test_damaged_tiles_of_rice_are_refused_where_the_index_looks_at_them(tmp_path):
    """A tile of nothing: no job has to fail for it."""
    hdu = fits.CompImageHDU(PIXELS, fits.Header({"IMAGETYP": "light"}), compression_type="RICE_1")
    path = tmp_path / "a.fits.fz"
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)
    with fits.open(path, disable_image_compression=True, mode="update") as hdus:
        start = hdus[1].fileinfo()["datLoc"]
    content = bytearray(path.read_bytes())
    # the descriptor of the first tile: bytes and where they start
    content[start : start + 8] = (3).to_bytes(4, "big") + (0).to_bytes(4, "big")
    row = _row(tmp_path, bytes(content))
    assert row["status"] == "refused"
    assert row["reason"].startswith("a.fits.fz: its compressed pixels cannot be unpacked: ")


def test_a_tile_that_unpacks_to_more_than_memory(tmp_path):
    """500 kB of gzip for 2 kB of pixels."""
    with fits.open(io.BytesIO(_tiles("GZIP_1")), disable_image_compression=True) as hdus:
        cards = [card for card in hdus[1].header.cards if card.keyword[0] == "Z"]
    bomb = np.empty(1, dtype=object)
    bomb[0] = np.frombuffer(gzip.compress(bytes(500 * 2**20), 1), np.uint8)
    table = fits.BinTableHDU.from_columns([fits.Column("COMPRESSED_DATA", "1PB()", array=bomb)])
    table.header.extend([*cards, ("IMAGETYP", "light")])
    table.writeto(tmp_path / "a.fits.fz")
    row = index_file(str(tmp_path / "a.fits.fz"), "a.fits.fz", camera())
    assert "a.fits.fz: its compressed pixels cannot be unpacked: MemoryError" in row["reason"]
