"""The index: one row a file whatever is wrong with it, and nothing read that did not change."""

import bz2
import errno
import gzip
import os
import re
import tracemalloc

import numpy as np
import pytest
from astropy.io import fits
from making import camera, generic, indexed, write_raw

from ccdlib.errors import CcdlibError
from ccdlib.index import open_raw, raw_index
from ccdlib.index.index_tables import INDEX_TABLE, with_names
from ccdlib.index.raw_index import (
    COLUMNS,
    Cache,
    build_index,
    cache_key,
    index_file,
    index_rows,
    night_of,
)
from ccdlib.raw.raw_folder import listing, sha256
from ccdlib.state import kept_json


@pytest.mark.parametrize(
    ("date", "longitude", "night"),
    [
        # Lick, one night on both sides of UT midnight
        ("2024-05-12T23:30:00", -121.6, "2024-05-12"),
        ("2024-05-13T00:30:00", -121.6, "2024-05-12"),
        ("2024-05-13T12:00:00", -121.6, "2024-05-12"),
        # from local noon, which is 20:06 UT, to local noon
        ("2024-05-13T20:05:00", -121.6, "2024-05-12"),
        ("2024-05-13T20:07:00", -121.6, "2024-05-13"),
        # Siding Spring: its night lies inside one UT day
        ("2024-05-13T09:00:00", 149.1, "2024-05-13"),
        ("2024-05-13T19:30:00", 149.1, "2024-05-13"),
        ("2024-05-13T11:59:59", None, "2024-05-12"),
        ("2024-05-13T12:00:00", None, "2024-05-13"),
        (None, -121.6, ""),
    ],
)
def test_a_night_runs_from_local_noon_to_local_noon(date, longitude, night):
    assert night_of(date, longitude) == night


@pytest.mark.parametrize("date", ["2024-05-12T23:30:00", "2024-05-13T12:00:00"])
def test_a_longitude_counted_eastward_to_360_is_the_same_place(date):
    assert night_of(date, 360 - 121.6) == night_of(date, -121.6)


# --- refusals of files


def reason(path, spec=None):
    row = index_file(str(path), path.name, spec or camera())
    assert set(row) == set(COLUMNS)
    assert row["status"] == "refused"
    assert row["reason"].startswith(f"{path.name}")
    assert str(path.parent) not in row["reason"]
    return row["reason"]


def test_an_empty_file(tmp_path):
    (tmp_path / "a.fits").touch()
    assert "empty file" in reason(tmp_path / "a.fits")


@pytest.mark.parametrize("content", [b"#!/bin/sh\n", b"SIMPLE", b"\0" * 2880, b"\x1f\x8b\x08"])
def test_a_file_that_is_no_fits(tmp_path, content):
    (tmp_path / "a.fits").write_bytes(content)
    assert "not a FITS file, it starts with" in reason(tmp_path / "a.fits")


@pytest.mark.parametrize("name", ["a.fits.gz", "a.fits.bz2", "a.fits.fz"])
def test_packed_nonsense(tmp_path, name):
    (tmp_path / name).write_bytes(b"not packed at all" * 100)
    assert reason(tmp_path / name)


def test_packed_text(tmp_path):
    with gzip.open(tmp_path / "a.fits.gz", "wb") as file:
        file.write(b"a text" * 1000)
    assert reason(tmp_path / "a.fits.gz")


def cut(path, size):
    with open(path, "r+b") as file:
        file.truncate(size)


def test_a_file_cut_in_its_pixels_says_both_sizes(tmp_path):
    path = write_raw(tmp_path / "a.fits", np.zeros((100, 100), np.uint16), IMAGETYP="bias")
    cut(path, 12000)
    assert "truncated, 12000 bytes where the headers need 22880" in reason(path)


def test_only_the_padding_may_be_missing(tmp_path):
    path = write_raw(tmp_path / "a.fits", np.zeros((100, 100), np.uint16), IMAGETYP="bias")
    cut(path, 2880 + 20000)
    assert index_file(str(path), "a.fits", camera())["status"] == "ok"


def test_a_file_cut_in_its_header(tmp_path):
    path = write_raw(tmp_path / "a.fits", IMAGETYP="bias", OBJECT="x" * 40)
    cut(path, 400)
    assert reason(path)


def mosaic(path, count=3, **cards):
    hdus = [fits.PrimaryHDU()]
    hdus[0].header.update(cards)
    for number in range(count):
        hdus.append(fits.ImageHDU(np.zeros((50, 60), np.uint16), name="SCI", ver=number + 1))
    fits.HDUList(hdus).writeto(path)
    return path


def test_a_file_cut_in_the_header_of_its_last_extension(tmp_path):
    path = mosaic(tmp_path / "a.fits", IMAGETYP="bias")
    with fits.open(path) as hdus:
        start = hdus[3].fileinfo()["hdrLoc"]
    cut(path, start + 800)
    assert "truncated" in reason(path)


@pytest.mark.parametrize("pack", [gzip.open, bz2.open])
def test_a_packed_file_that_is_cut(tmp_path, pack):
    path = write_raw(tmp_path / "a.fits", np.arange(10000, dtype=np.uint16).reshape(100, 100))
    packed = tmp_path / ("b.fits.gz" if pack is gzip.open else "b.fits.bz2")
    with pack(packed, "wb") as file:
        file.write(path.read_bytes())
    cut(packed, packed.stat().st_size // 2)
    assert reason(packed)


def noise(shape=(200, 300)):
    return np.random.default_rng(1).integers(900, 1100, shape).astype(np.uint16)


def fpacked(path, **cards):
    hdu = fits.CompImageHDU(noise(), compression_type="RICE_1")
    hdu.header.update(cards)
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)
    return path


def test_an_fpacked_file_that_is_cut(tmp_path):
    path = fpacked(tmp_path / "a.fits.fz", IMAGETYP="bias")
    cut(path, path.stat().st_size // 2)
    assert "truncated" in reason(path)


@pytest.mark.parametrize("name", ["a.fits.fz", "a.fits"])
def test_tiles_are_an_image_whatever_the_ending(tmp_path, name):
    path = fpacked(tmp_path / name, IMAGETYP="bias")
    row = index_file(str(path), name, camera())
    assert row["status"] == "ok", row["reason"]
    assert (row["naxis1"], row["naxis2"]) == (300, 200)


@pytest.mark.parametrize("pack", [gzip.open, bz2.open])
def test_a_packed_file_is_read_like_a_plain_one(tmp_path, pack):
    plain = write_raw(tmp_path / "a.fits", noise(), IMAGETYP="bias", EXPTIME=0.0)
    packed = tmp_path / ("a.fits.gz" if pack is gzip.open else "a.fits.bz2")
    with pack(packed, "wb") as file:
        file.write(plain.read_bytes())
    first, second = (index_file(str(path), path.name, camera()) for path in (plain, packed))
    assert first["status"] == "ok"
    assert first | {"file": "", "reason": ""} == second | {"file": "", "reason": ""}


def test_a_file_without_an_image(tmp_path):
    fits.HDUList([fits.PrimaryHDU()]).writeto(tmp_path / "a.fits")
    assert "no image in it" in reason(tmp_path / "a.fits")
    table = fits.BinTableHDU.from_columns([fits.Column("a", "J", array=[1, 2])])
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(tmp_path / "b.fits")
    assert "no image in it" in reason(tmp_path / "b.fits")


def test_an_empty_primary_of_two_axes_is_no_image(tmp_path):
    path = mosaic(tmp_path / "a.fits", count=1, IMAGETYP="bias")
    content = path.read_bytes()
    old = b"NAXIS   =                    0"
    axes = b"NAXIS   =                    2".ljust(80) + b"".join(
        f"NAXIS{axis}  =                    0".encode().ljust(80) for axis in (1, 2)
    )
    assert content.count(old) == 1
    at = content.index(old)
    header = content[:2880].rstrip(b" ")
    changed = (content[:at] + axes + content[at + 80 : len(header)]).ljust(2880) + content[2880:]
    path.write_bytes(changed)
    assert index_file(str(path), "a.fits", camera())["naxis1"] == 60


def test_a_third_axis_of_one_is_an_image_and_of_more_a_cube(tmp_path):
    flat = write_raw(tmp_path / "a.fits", np.zeros((1, 20, 30), np.uint16), IMAGETYP="bias")
    row = index_file(str(flat), "a.fits", camera())
    assert (row["status"], row["naxis1"], row["naxis2"]) == ("ok", 30, 20)
    cube = write_raw(tmp_path / "b.fits", np.zeros((7, 20, 30), np.uint16), IMAGETYP="bias")
    assert "image with axes 30 x 20 x 7" in reason(cube)


def test_a_file_that_cannot_be_reached(tmp_path):
    (tmp_path / "a.fits").symlink_to(tmp_path / "nowhere.fits")
    assert "cannot be read: FileNotFoundError" in reason(tmp_path / "a.fits")


def test_an_unknown_type_shows_the_cards_that_the_rules_look_at(tmp_path):
    path = write_raw(tmp_path / "a.fits", IMAGETYP="focus", EXPTIME=3.0)
    row = index_file(str(path), "a.fits", camera())
    assert row["status"] == "unknown"
    assert "no typing rule of the camera fits: IMAGETYP='focus'" in row["reason"]
    assert row["exptime"] == 3.0


def test_a_refused_frame_keeps_its_type(tmp_path):
    path = write_raw(tmp_path / "a.fits", IMAGETYP="bias", EXPTIME="soon")
    row = index_file(str(path), "a.fits", camera())
    assert row["imagetyp"] == "bias"
    assert "EXPTIME='soon' is not a number" in row["reason"]


# --- header oddities of the field


def test_the_oddities_of_real_headers_are_read(tmp_path):
    path = tmp_path / "odd name.fits"
    hdu = fits.PrimaryHDU(np.zeros((10, 12), np.uint16))
    hdu.header["IMAGETYP"] = "Light Frame"
    hdu.header["FILE"] = "something/else.fits"
    hdu.header["FILTER"] = "V      "
    hdu.header.append(("EXPTIME", 30.0), end=True)
    hdu.header.append(("EXPTIME", "30"), end=True)
    hdu.header["HIERARCH ESO DET CHIP"] = "a chip with spaces"
    hdu.header["DATE-OBS"] = "2024-05-13T01:59:58"
    hdu.writeto(path)
    row = index_file(str(path), "odd name.fits", generic())
    assert row["status"] == "ok"
    assert (row["frame"], row["filter"], row["exptime"]) == ("odd name", "V", 30.0)


@pytest.mark.parametrize("value", [b"0.0.0 'broken", b"NaN", b"1_20", b"120 \xb2"])
@pytest.mark.parametrize("other", [b"", b"UPSET   = 'r\xe9sum\xe9'"])
def test_a_card_that_cannot_be_read_is_missing(tmp_path, value, other):
    path = write_raw(tmp_path / "a.fits", IMAGETYP="bias", EXPTIME=0.0, OTHER=1)
    content = path.read_bytes()
    for name, text in ((b"EXPTIME", b"EXPTIME = " + value), (b"OTHER", other)):
        start = content.index(name)
        content = content[:start] + text.ljust(80) + content[start + 80 :]
    path.write_bytes(content)
    row = index_file(str(path), "a.fits", camera())
    assert (row["status"], row["imagetyp"], row["exptime"]) == ("ok", "bias", None)
    assert "a.fits: " in row["reason"] and "EXPTIME=" in row["reason"]
    assert "taken as missing" in row["reason"]


def test_a_card_that_is_there_twice_with_two_values_is_remarked_on(tmp_path):
    path = write_raw(tmp_path / "a.fits", IMAGETYP="light", EXPTIME=60.0, OTHER=1.0, FILTER="V")
    path.write_bytes(path.read_bytes().replace(b"OTHER   =", b"EXPTIME ="))
    row = index_file(str(path), "a.fits", camera())
    assert (row["status"], row["exptime"]) == ("ok", 60.0)
    assert "EXPTIME=60.0 and EXPTIME=1.0 in one header, the first is used" in row["reason"]


def test_pixels_that_would_all_be_of_one_value_are_refused(tmp_path):
    path = tmp_path / "a.fits"
    fits.writeto(path, np.arange(20, dtype=np.int16).reshape(4, 5), fits.Header([("BLOCKED", 0)]))
    path.write_bytes(path.read_bytes().replace(b"BLOCKED =", b"BSCALE  ="))
    assert reason(path) == "a.fits: BSCALE=0, all pixels would have one value"


# --- the whole folder


@pytest.mark.parametrize("value", ["1E-300", "1E300"])
def test_a_scale_that_no_detector_has_is_refused(tmp_path, value):
    path = tmp_path / "a.fits"
    fits.writeto(path, noise().astype(np.int16), fits.Header({"IMAGETYP": "bias", "BLOCKED": 7}))
    card = b"BLOCKED =                    7"
    content = path.read_bytes()
    assert card in content
    path.write_bytes(content.replace(card, b"BSCALE  = %20s" % value.encode()))
    assert reason(path) == f"a.fits: BSCALE={value} is no scaling of a frame's pixels"


def _eight_bits_for_sixteen(path):
    fits.writeto(path, noise().astype(np.int16), fits.Header({"IMAGETYP": "bias"}))
    content = path.read_bytes()
    assert b"BITPIX  =                   16" in content
    path.write_bytes(
        content.replace(b"BITPIX  =                   16", b"BITPIX  =                    8")
    )


def _two_files_in_one(path):
    fits.writeto(path, noise().astype(np.int16), fits.Header({"IMAGETYP": "bias"}))
    path.write_bytes(path.read_bytes() * 2)


def _something_appended(path):
    fits.writeto(path, noise().astype(np.int16), fits.Header({"IMAGETYP": "bias"}))
    path.write_bytes(path.read_bytes() + b"the camera's log\n" * 1000)


@pytest.mark.parametrize("size", [100, 2880, 5000])
def test_a_file_that_ends_in_its_first_header_has_nothing_behind_an_hdu(tmp_path, size):
    path = tmp_path / "a.fits"
    cards = fits.Header([("IMAGETYP", "bias"), *((f"KEY{n}", n) for n in range(90))])
    fits.writeto(path, noise().astype(np.int16), cards)
    path.write_bytes(path.read_bytes()[:size])
    assert "behind" not in reason(path)


@pytest.mark.parametrize(
    "change", [_eight_bits_for_sixteen, _two_files_in_one, _something_appended]
)
def test_what_stands_behind_the_image_and_is_no_extension_is_refused(tmp_path, change):
    """With BITPIX=8 for 16 the bytes of half the pixels were taken for pixels, in silence."""
    path = tmp_path / "a.fits"
    change(path)
    message = r"a.fits: \d+ bytes behind its last HDU are no extension: BITPIX or an axis is too"
    assert re.match(message, reason(path))


@pytest.mark.parametrize("filling", [b"\0" * 600_000, b"log of the camera"])
def test_padding_or_a_few_bytes_behind_the_image_do_no_harm(tmp_path, filling):
    path = tmp_path / "a.fits"
    fits.writeto(path, noise().astype(np.int16), fits.Header({"IMAGETYP": "bias"}))
    path.write_bytes(path.read_bytes() + filling)
    assert index_file(str(path), "a.fits", camera())["status"] == "ok"


@pytest.mark.parametrize(
    ("card", "told"),
    [
        ("SIMPLE  =                    1", "SIMPLE=1 and SIMPLE=T, not T alone"),
        ("SIMPLE  =                    F", "SIMPLE=F and SIMPLE=T, not T alone"),
        ("EXTEND  =                   'a", "EXTEND='a is no value that FITS knows"),
        ("GROUPS  =                  NaN", "GROUPS=NaN is no value that FITS knows"),
        ("BSCALE  =                 O'N'", "BSCALE=O'N' is no value that FITS knows"),
    ],
)
def test_a_card_that_a_library_ends_on_is_named(tmp_path, card, told):
    """It said that the file is empty, or that something has no attribute 'fileinfo'."""
    path = tmp_path / "a.fits"
    fits.writeto(path, noise().astype(np.int16), fits.Header({"IMAGETYP": "bias", "ODD": 1}))
    odd = b"ODD     =                    1"
    path.write_bytes(path.read_bytes().replace(odd, card.encode()))
    assert reason(path) == f"a.fits: {told}"


@pytest.mark.parametrize(
    "card", ["EXTEND  =                  'T'", "BLANK   =                     ", "GROUPS  = F / no"]
)
def test_a_card_that_does_no_harm_is_passed_over(tmp_path, card):
    path = tmp_path / "a.fits"
    fits.writeto(path, noise().astype(np.int16), fits.Header({"IMAGETYP": "bias", "ODD": 1}))
    odd = b"ODD     =                    1"
    path.write_bytes(path.read_bytes().replace(odd, card.encode().ljust(30)))
    assert index_file(str(path), "a.fits", camera())["status"] == "ok"


def test_tiles_of_sixteen_bits_in_an_image_of_eight_are_refused(tmp_path):
    """The library wraps them: 300 became 44."""
    path = tmp_path / "a.fits.fz"
    fpacked(path)
    with fits.open(path, mode="update", disable_image_compression=True) as hdus:
        hdus[1].header["ZBITPIX"] = 8
    assert "ZBITPIX=8, but its tiles hold integers of 2 bytes (BYTEPIX)" in reason(path)


def _with_other_bits(path, values, algorithm, bits):
    """Tiles of values, of which the header says that they have other bits."""
    tiles = fits.CompImageHDU(values, compression_type=algorithm, quantize_level=16)
    tiles.header.update({"IMAGETYP": "light", "EXPTIME": 60.0, "DATE-OBS": "2024-05-13T01:00:00"})
    fits.HDUList([fits.PrimaryHDU(), tiles]).writeto(path)
    with fits.open(path, mode="update", disable_image_compression=True) as hdus:
        hdus[1].header["ZBITPIX"] = bits
    return path


@pytest.mark.parametrize("algorithm", ["GZIP_1", "GZIP_2", "HCOMPRESS_1", "PLIO_1"])
def test_tiles_of_more_bits_than_their_image_has_are_refused(tmp_path, algorithm):
    """The library wraps what does not fit, 1000 to 232; what fits is read."""
    values = np.arange(900, 2900).reshape(40, 50).astype(np.int16)
    path = _with_other_bits(tmp_path / "a.fits.fz", values, algorithm, 8)
    assert "unpacked: ZBITPIX=8, but they are from 900 to 2899" in reason(path)
    path = _with_other_bits(tmp_path / "b.fits.fz", values, algorithm, 32)
    assert index_file(str(path), "b.fits", camera())["status"] == "ok"


def test_tiles_of_wider_integers_are_refused(tmp_path):
    values = np.arange(90_000, 92_000).reshape(40, 50).astype(np.int32)
    path = _with_other_bits(tmp_path / "a.fits.fz", values, "RICE_1", 16)
    assert "ZBITPIX=16, but its tiles hold integers of 4 bytes (BYTEPIX)" in reason(path)


@pytest.mark.parametrize("algorithm", ["RICE_1", "HCOMPRESS_1"])
@pytest.mark.parametrize("bits", [16, 32])
def test_tiles_of_floats_in_an_image_of_integers_are_refused(tmp_path, algorithm, bits):
    """The library cuts what is behind the point."""
    values = np.random.default_rng(3).normal(1000, 30, (40, 50)).astype(np.float32)
    path = _with_other_bits(tmp_path / "a.fits.fz", values, algorithm, bits)
    assert f"ZBITPIX={bits}, but its tiles have a column ZSCALE, as those of floats" in reason(path)


def test_floats_that_bitpix_calls_integers_are_refused(tmp_path):
    """One bit of the minus in BITPIX = -32: 1000 is 1148846080."""
    values = np.random.default_rng(3).normal(1000, 30, (40, 50)).astype(np.float32)
    path = write_raw(tmp_path / "a.fits", values, IMAGETYP="bias")
    assert index_file(str(path), "a.fits", camera())["status"] == "ok"
    path.write_bytes(path.read_bytes().replace(b"                 -32", b"                  32", 1))
    assert re.match(r"a.fits: no value below 1.1\de\+09, which no detector gives", reason(path))


@pytest.mark.parametrize("algorithm", ["GZIP_1", "GZIP_2", "HCOMPRESS_1", None])
def test_fewer_bits_than_those_of_the_offset_are_refused(tmp_path, algorithm):
    """Tiles would be unpacked to them, 1000 to 232."""
    path = tmp_path / "a.fits"
    values = noise().astype(np.uint16)
    hdu = fits.PrimaryHDU(values) if algorithm is None else fits.CompImageHDU(
        values, compression_type=algorithm
    )  # fmt: skip
    fits.HDUList([hdu] if algorithm is None else [fits.PrimaryHDU(), hdu]).writeto(path)
    name = b"BITPIX  " if algorithm is None else b"ZBITPIX "
    path.write_bytes(path.read_bytes().replace(name + b"=%21d" % 16, name + b"=%21d" % 8, 1))
    keyword = name.decode().strip()
    assert reason(path) == (
        f"a.fits: {keyword}=8 with BZERO=32768, which is that of integers of 16 bits: one of the "
        "two is wrong"
    )


@pytest.fixture
def night(tmp_path):
    for number in range(4):
        write_raw(tmp_path / f"raw/b{number}.fits", noise((10, 10)) + number, IMAGETYP="bias")
    write_raw(tmp_path / "raw/sub/l.fits", noise((10, 10)) + 9, IMAGETYP="light", EXPTIME=60.0)
    return tmp_path


def scan(night, spec=None, code="1"):
    spec = spec or camera()
    cache = Cache(night / "cache.json", cache_key(spec, code))
    return indexed(build_index(night / "raw", spec, cache=cache))


def test_the_rows_are_written_as_their_data_frame_is(night):
    spec = camera()
    table, _ = build_index(night / "raw", spec, cache=Cache(night / "cache.json", "1"))
    files = listing(night / "raw")
    rows = index_rows(night / "raw", files, spec, cache=Cache(night / "cache.json", "1"))
    INDEX_TABLE.write(table, night / "frame.csv")
    INDEX_TABLE.write(with_names(rows), night / "rows.csv")
    assert (night / "rows.csv").read_bytes() == (night / "frame.csv").read_bytes()
    assert len(rows) == 5


def test_the_cache_writes_again_only_what_it_read_anew(night, monkeypatch):
    scan(night)
    before = (night / "cache.json").read_bytes()
    dumped = []
    real = raw_index.json.dumps
    monkeypatch.setattr(
        raw_index.json, "dumps", lambda *given, **how: dumped.append(given) or real(*given, **how)
    )
    scan(night)
    assert (night / "cache.json").read_bytes() == before
    assert not [given for given in dumped if "row" in given[0]]
    write_raw(night / "raw/b9.fits", noise((10, 10)) + 30, IMAGETYP="bias")
    scan(night)
    written = [given[0]["row"]["file"] for given in dumped if "row" in given[0]]
    assert written == ["b9.fits"]
    # the lines of the others are among the new ones as they were, and all is read again
    lines = {line.rstrip(b",") for line in (night / "cache.json").read_bytes().split(b"\n")[2:]}
    assert {line.rstrip(b",") for line in before.split(b"\n")[2:]} <= lines
    assert len(kept_json(night / "cache.json")["files"]) == 6


@pytest.fixture
def reads(monkeypatch):
    """Names of the files whose headers were read, and of those that were hashed."""
    seen = {"headers": [], "hashes": []}

    def counted(name, function):
        def call(path, *args):
            seen[name].append(os.path.basename(path))
            return function(path, *args)

        return call

    monkeypatch.setattr(raw_index, "index_file", counted("headers", index_file))
    monkeypatch.setattr(raw_index, "sha256", counted("hashes", sha256))
    return seen


def test_rows_are_in_order_with_every_column(night):
    rows = scan(night)
    assert [row["file"] for row in rows] == [*(f"b{n}.fits" for n in range(4)), "sub/l.fits"]
    assert all(set(row) == set(INDEX_TABLE.columns) and row["status"] == "ok" for row in rows)
    assert rows[0]["sha256"] == sha256(night / "raw/b0.fits")


def test_a_second_scan_reads_nothing(night, reads):
    first = scan(night)
    assert len(reads["headers"]) == len(reads["hashes"]) == 5
    reads["headers"].clear()
    reads["hashes"].clear()
    assert scan(night) == first
    assert reads == {"headers": [], "hashes": []}


def test_one_changed_file_is_read_alone_even_when_size_and_mtime_stay(night, reads):
    first = scan(night)
    path = night / "raw/b2.fits"
    stat = path.stat()
    content = bytearray(path.read_bytes())
    content[2880 + 7] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    reads["headers"].clear()
    reads["hashes"].clear()
    second = scan(night)
    assert reads == {"headers": ["b2.fits"], "hashes": ["b2.fits"]}
    assert [a == b for a, b in zip(first, second, strict=True)] == [True, True, False, True, True]


def test_another_camera_or_code_reads_headers_again_but_hashes_nothing(night, reads):
    scan(night)
    for change in ({"spec": camera(longitude=-100)}, {"code": "2"}):
        reads["headers"].clear()
        reads["hashes"].clear()
        scan(night, **change)
        assert len(reads["headers"]) == 5
        assert reads["hashes"] == []


def test_a_file_that_went_leaves_no_row(night):
    scan(night)
    (night / "raw/b1.fits").unlink()
    assert "b1.fits" not in [row["file"] for row in scan(night)]


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"key": 1}', '{"files": {"b0.fits": {}}}'])
def test_a_damaged_cache_is_as_good_as_none(night, content):
    expected = scan(night)
    (night / "cache.json").write_text(content)
    assert scan(night) == expected


def _written_to(monkeypatch, name, times):
    """Have a file written to as its header was read, so many times."""
    left = [times]

    def index_and_change(path, file, spec):
        row = index_file(path, file, spec)
        if file == name and left[0]:
            left[0] -= 1
            with fits.open(path, mode="update") as hdus:
                hdus[0].header["EXPTIME"] = 100.0 + left[0]
        return row

    monkeypatch.setattr(raw_index, "index_file", index_and_change)


@pytest.mark.parametrize("times", [1, 2])
def test_header_and_hash_are_of_one_state_of_a_file(night, monkeypatch, times):
    _written_to(monkeypatch, "b2.fits", times)
    row = scan(night)[2]
    assert (row["status"], row["exptime"]) == ("ok", 100.0)
    assert row["sha256"] == sha256(night / "raw/b2.fits")


def test_a_file_that_is_written_all_the_time_is_refused_until_it_is_not(night, monkeypatch):
    _written_to(monkeypatch, "b2.fits", 3)
    rows = scan(night)
    assert [row["status"] for row in rows] == ["ok", "ok", "refused", "ok", "ok"]
    assert rows[2]["reason"] == (
        "b2.fits: changed each of 3 times that it was read; it is being written"
    )
    assert scan(night)[2]["status"] == "ok"


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (OSError(errno.ESTALE, "Stale file handle"), True),
        (OSError(errno.EIO, "Input/output error"), True),
        (MemoryError("no room"), True),
        (PermissionError(errno.EACCES, "Permission denied"), False),
    ],
)
@pytest.mark.parametrize("step", ["check_regular", "sha256"])
def test_what_could_not_be_read_for_the_moment_is_looked_at_again(
    night, monkeypatch, reads, error, passes, step
):
    """Though the file is as it was: the fault was the file server's, or the memory's."""
    if step == "sha256" and isinstance(error, MemoryError):
        pytest.skip("a hash needs no memory")
    module = {"check_regular": open_raw, "sha256": raw_index}[step]
    real = getattr(module, step)

    def fail(path, *name):
        if os.path.basename(path) == "b2.fits":
            raise error
        return real(path, *name)

    cache = Cache(night / "cache.json", "key")
    with monkeypatch.context() as patched:
        patched.setattr(module, step, fail)
        rows = indexed(build_index(night / "raw", camera(), cache=cache))
    assert rows[2]["status"] == "refused"
    assert rows[2]["reason"].startswith("b2.fits: cannot be read: ")
    assert cache.is_whole is not passes
    reads["headers"].clear()
    again = Cache(night / "cache.json", "key")
    rows = indexed(build_index(night / "raw", camera(), cache=again))
    # one without a hash is never kept
    assert ("b2.fits" in reads["headers"]) is (passes or step == "sha256")
    assert (rows[2]["status"] == "ok") is (passes or step == "sha256")


def test_a_float_image_is_looked_through_by_rows(tmp_path, monkeypatch):
    """A gigabyte of zeros in a hole of the file is no gigabyte of memory."""
    path = tmp_path / "a.fits"
    header = fits.Header([("IMAGETYP", "light")])
    cards = fits.PrimaryHDU(np.zeros((2, 2), np.float32), header).header
    cards.update(NAXIS1=8192, NAXIS2=8192)
    with path.open("wb") as file:
        file.write(cards.tostring().encode())
        file.truncate(len(cards.tostring()) + -(-(4 * 2**26) // 2880) * 2880)
    tracemalloc.start()
    row = index_file(str(path), "a.fits", camera())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert row["status"] == "ok", row["reason"]
    # strips of it are kept for all that the index asks of pixels: 256 rows, in some copies
    assert peak < 12 * 256 * 8192 * 4


@pytest.mark.parametrize("shape", [(1, 2**18), (2**15, 2**16)])
def test_an_image_that_no_detector_gives_is_refused_by_its_cards(tmp_path, shape):
    path = tmp_path / "a.fits"
    cards = fits.PrimaryHDU(np.zeros((2, 2), np.uint8)).header
    cards.update(NAXIS1=shape[1], NAXIS2=shape[0])
    with path.open("wb") as file:
        file.write(cards.tostring().encode())
        file.truncate(2880 + -(-shape[0] * shape[1] // 2880) * 2880)
    assert reason(path).startswith(f"a.fits: NAXIS1={shape[1]}, NAXIS2={shape[0]}, an image of a")


def test_images_that_are_too_many_pixels_together_are_refused_by_their_cards(tmp_path):
    """A job holds all of them at once."""
    path, length = tmp_path / "a.fits", 2**15 * 2**14
    first = fits.PrimaryHDU(np.zeros((2, 2), np.uint8)).header
    others = [fits.ImageHDU(np.zeros((2, 2), np.uint8)).header for _ in range(2)]
    with path.open("wb") as file:
        for header in (first, *others):
            header.update(NAXIS1=2**15, NAXIS2=2**14)
            file.write(header.tostring().encode())
            file.seek(-(-length // 2880) * 2880, os.SEEK_CUR)
        file.truncate()
    message = f"a.fits: 3 images of {3 * length} pixels in all, those of a frame have at most"
    assert reason(path).startswith(message)


def test_files_with_the_same_frame_are_all_refused(night):
    write_raw(night / "raw/b1.fit", IMAGETYP="bias")
    rows = {row["file"]: row for row in scan(night)}
    for name in ("b1.fits", "b1.fit"):
        assert rows[name]["status"] == "refused"
        assert "2 files have the same FRAME: b1.fit, b1.fits" in rows[name]["reason"]
    assert rows["b0.fits"]["status"] == "ok"


def test_of_the_same_content_the_first_by_name_is_used(night):
    (night / "raw/a_copy.fits").write_bytes((night / "raw/b3.fits").read_bytes())
    rows = {row["file"]: row for row in scan(night)}
    assert rows["a_copy.fits"]["status"] == "ok"
    assert rows["b3.fits"]["status"] == "refused"
    assert rows["b3.fits"]["reason"] == "b3.fits: duplicate, same content as a_copy.fits"


def test_a_copy_of_a_refused_file_says_why_it_is_refused(night):
    for name in ("x.fits", "y.fits"):
        (night / "raw" / name).write_bytes(b"no fits")
    rows = {row["file"]: row for row in scan(night)}
    assert all("not a FITS file" in rows[name]["reason"] for name in ("x.fits", "y.fits"))


def test_a_frame_of_a_doubled_name_does_not_take_its_content_with_it(night):
    # b1.fit and b1.fits are refused, so the copy of one of them is the first that counts
    write_raw(night / "raw/b1.fit", IMAGETYP="bias")
    (night / "raw/copy.fits").write_bytes((night / "raw/b1.fits").read_bytes())
    rows = {row["file"]: row for row in scan(night)}
    assert rows["copy.fits"]["status"] == "ok"


def test_the_refusal_of_a_double_ends_with_its_cause(night):
    write_raw(night / "raw/b1.fit", IMAGETYP="bias")
    scan(night)
    (night / "raw/b1.fit").unlink()
    assert all(row["status"] == "ok" for row in scan(night))


def test_a_folder_without_fits_is_refused_by_name(tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/notes.txt").touch()
    with pytest.raises(CcdlibError, match=r"no .fits, .fit or .fts file below .*raw"):
        scan(tmp_path)


def test_two_thousand_headers(tmp_path, reads):
    base = write_raw(tmp_path / "base.fits", IMAGETYP="light", EXPTIME=1.0, OBJECT="number 00000")
    content = base.read_bytes()
    (tmp_path / "raw").mkdir()
    for number in range(2000):
        changed = content.replace(b"number 00000", f"number {number:05d}".encode())
        (tmp_path / f"raw/{number:05d}.fits").write_bytes(changed)
    rows = scan(tmp_path)
    assert [row["object"] for row in rows] == [f"number {number:05d}" for number in range(2000)]
    assert len(reads["headers"]) == len(reads["hashes"]) == 2000
    assert scan(tmp_path) == rows
    assert len(reads["headers"]) == 2000


def test_many_processes_find_what_one_finds(tmp_path, monkeypatch):
    for number in range(30):
        write_raw(tmp_path / f"raw/{number}.fits", IMAGETYP="bias", OBJECT=str(number))
    one = scan(tmp_path)
    monkeypatch.setattr(raw_index, "_POOL_FROM", 10)
    spec = camera()
    cache = Cache(tmp_path / "other.json", cache_key(spec, "1"))
    assert indexed(build_index(tmp_path / "raw", spec, cache=cache, workers=2)) == one


@pytest.mark.parametrize(
    ("cards", "reason"),
    [
        ({"DATE__OBS": "2024-05-13"}, "undated, DATE-OBS='2024-05-13' has no time of day"),
        (
            {"DATE__OBS": "2024-02-30T01:00"},
            "undated, DATE-OBS='2024-02-30T01:00' has no time",
        ),
        ({}, "undated, there is no DATE-OBS"),
    ],
)
def test_a_frame_without_a_moment_is_said_to_be_undated(tmp_path, cards, reason):
    path = write_raw(tmp_path / "a.fits", IMAGETYP="light", **cards)
    spec = camera(facts={"date_obs": "DATE-OBS"})
    row = index_file(str(path), "a.fits", spec)
    assert (row["status"], row["night"]) == ("ok", "")
    assert row["reason"].startswith(f"a.fits: {reason}")


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ((0.02, 0.48), "refused"),
        ((0, 1), "refused"),
        ((0, 0), "ok"),
        ((-3, 1), "ok"),
        ((0, 9), "ok"),
    ],
)
def test_fractions_are_refused_with_their_range(tmp_path, values, status):
    data = np.linspace(*values, 20, dtype=np.float32).reshape(4, 5)
    path = write_raw(tmp_path / "a.fits", data, IMAGETYP="light", DATE__OBS="2024-05-13T01:00:00")
    row = index_file(str(path), "a.fits", camera(facts={"date_obs": "DATE-OBS"}))
    assert row["status"] == status
    if status == "refused":
        low, high = values
        assert f"a.fits: values from {low} to {high}: these are fractions" in row["reason"]


@pytest.mark.parametrize(("odd", "status"), [(np.nan, "refused"), (1.5, "ok"), (-0.1, "ok")])
def test_one_value_in_rows_that_no_sample_has_decides(tmp_path, odd, status):
    """Of a tall image strips of rows are looked at first."""
    data = np.linspace(0, 1, 3000, dtype=np.float32).reshape(600, 5)
    data[20] = odd
    path = write_raw(tmp_path / "a.fits", data, IMAGETYP="light", DATE__OBS="2024-05-13T01:00:00")
    row = index_file(str(path), "a.fits", camera(facts={"date_obs": "DATE-OBS"}))
    assert row["status"] == status


def test_what_is_odd_in_a_card_is_a_remark_and_no_refusal(tmp_path):
    path = write_raw(tmp_path / "a.fits", IMAGETYP="light", EXPTIME="long", EGAIN="HIGH")
    spec = camera(facts={"exptime": "EXPTIME"}, detector={"gain": "EGAIN", "read_noise": 5})
    row = index_file(str(path), "a.fits", spec)
    assert (row["status"], row["exptime"], row["gain"]) == ("ok", None, "")
    assert "EXPTIME='long' is not a number, taken as missing; EGAIN='HIGH' is not" in row["reason"]


@pytest.mark.parametrize(
    ("text", "unit"),
    [(None, None), ("ADU", None), ("DN", None), ("electrons", "electron"), ("nJy", "nJy")],
)
def test_the_unit_of_raw_values(tmp_path, text, unit):
    path = write_raw(tmp_path / "a.fits", IMAGETYP="light", **({"BUNIT": text} if text else {}))
    assert index_file(str(path), "a.fits", camera())["unit"] == unit


def test_a_long_text_is_cut_where_it_is_looked_at(tmp_path):
    write_raw(tmp_path / "a.fits", IMAGETYP="light", EXPTIME="1" * 3000, OBJECT="(" * 3000)
    row = index_file(tmp_path / "a.fits", "a.fits", camera())
    assert row["status"] == "ok" and row["exptime"] is None
    assert row["object"] == "(" * 1000
    assert len(row["reason"]) < 3000


def test_a_pattern_that_takes_for_ever_costs_the_frame_and_not_the_night(tmp_path, monkeypatch):
    monkeypatch.setattr(raw_index, "_SECONDS", 0.2)
    write_raw(tmp_path / "a.fits", IMAGETYP="a" * 60)
    row = index_file(
        tmp_path / "a.fits",
        "a.fits",
        camera(types=[{"type": "bias", "when": {"IMAGETYP": "(a|aa)+b"}}]),
    )
    assert row["status"] == "refused"
    assert row["reason"].startswith("a.fits: cannot be read: TooLong: more than 0.2")


def test_a_file_of_thousands_of_extensions_is_refused_at_once(tmp_path):
    path = tmp_path / "a.fits"
    write_raw(path)
    empty = fits.ImageHDU()
    content = path.read_bytes() + (str(empty.header.tostring()).encode() * 5000)
    path.write_bytes(content)
    row = index_file(path, "a.fits", camera())
    assert row["reason"] == "a.fits: more than 1000 extensions"


@pytest.mark.parametrize("what", ["FIFO", "device", "folder"])
def test_what_is_no_regular_file_is_refused_unread(tmp_path, what):
    path = tmp_path / "raw/a.fits"
    path.parent.mkdir()
    if what == "FIFO":
        os.mkfifo(path)
    elif what == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    row = index_file(path, "a.fits", camera())
    assert row["reason"] == f"a.fits: a {what}, not a regular file"


def test_a_folder_that_cannot_be_entered_is_refused_by_name(night, monkeypatch):
    scandir = os.scandir

    def closed(path):
        if os.fspath(path).rstrip("/").endswith("/sub"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    found = {row["file"]: row["reason"] for row in scan(night) if row["status"] == "refused"}
    assert found == {"sub/": "sub/: cannot be read: Permission denied"}


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "f4"])
@pytest.mark.parametrize("size", [(20, 30), (400, 30)])
def test_a_row_is_that_of_a_fits_library(tmp_path, monkeypatch, dtype, size):
    values = np.random.default_rng(3).integers(5, 250, size).astype(dtype)
    cards = {
        **{"IMAGETYP": "Light Frame", "OBJECT": "NGC 1: it's", "EXPTIME": 1.5, "GAIN": "1,2"},
        **{"DATE__OBS": "2024-05-13T02:00:00", "CCD__TEMP": -20.0, "CALSTAT": "", "FILTER": " V"},
    }
    path = write_raw(tmp_path / "a.fits", values, **cards)
    for spec in (camera(), generic()):
        quick = index_file(str(path), "a.fits", spec)
        with monkeypatch.context() as patched:
            patched.setattr(open_raw, "plain_hdus", lambda *_: None)
            assert index_file(str(path), "a.fits", spec) == quick
        assert quick["status"] in ("ok", "unknown")
