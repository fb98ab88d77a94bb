"""Damaged FITS files: each is refused with a reason or read, in bounded time and memory."""

import gzip
import os
import subprocess
import sys
import tracemalloc

import damage
import numpy as np
import pytest
from astropy.io import fits
from small_night import PIPELINE

from ccdlib.config import load_camera
from ccdlib.index.raw_index import index_file
from ccdlib.raw.fits_structure import LARGEST

REAL = PIPELINE.parent / "shared/data"
_REAL = [
    *(f"header_variants/{name}.fit" for name in ("biastest1", "uint16", "sip-wcs", "flattest")),
    "header_variants/maximdl_5_21_header.fit",
    *("lick_nickel/d1001.fits", "lick_nickel/d1074.fits", "arcsat/domeflat_z_001.fits"),
    *("saao_ste3/a8280271.fits", "lco_mef/mef_raw_test_frame.fits"),
    *(
        f"lco_fz/{name}.fits.fz"
        for name in ("coj1m011-fl08-20151216-0049-b00", "cpt1m012-fl10-20151216-0044-f00")
    ),
]


@pytest.fixture(scope="module")
def sources(simulated, tmp_path_factory):
    """Files to damage: plain, several extensions, fpacked, and real ones where they are."""
    folder = tmp_path_factory.mktemp("sources")
    light = simulated / "M13_V_001.fits"
    pixels, header = fits.getdata(light), fits.getheader(light)
    images = [fits.ImageHDU(pixels, header) for _ in range(2)]
    fits.HDUList([fits.PrimaryHDU(header=header), *images]).writeto(folder / "several.fits")
    packed = fits.CompImageHDU(pixels, header)
    fits.HDUList([fits.PrimaryHDU(), packed]).writeto(folder / "tiles.fits.fz")
    real = [path for path in map(REAL.joinpath, _REAL) if path.exists()]
    for path in real:
        if path.suffix == ".fits":
            _cut_down(path, folder / f"cut_{path.name}")
    return [light, simulated / "bias_001.fits", *sorted(folder.iterdir()), *real]


def _cut_down(path, target):
    """The first rows of each image of a frame, its other cards left as they are."""
    with fits.open(path, do_not_scale_image_data=True) as hdus:
        for hdu in hdus:
            if hdu.data is not None:
                hdu.data = hdu.data[:40].copy()
        hdus.writeto(target, output_verify="ignore")


def _fuzz(number, seed, folder, sources):
    done = subprocess.run(
        [sys.executable, damage.__file__, str(number), str(seed), folder, *sources],
        env=os.environ | {"PYTHONPATH": str(PIPELINE / "scripts")},
        capture_output=True,
        text=True,
        errors="replace",
    )
    assert done.returncode == 0, done.stderr[-2000:]
    print(done.stdout)
    assert "BROKEN" not in done.stdout, done.stdout
    assert " refused\n" in done.stdout
    assert " read\n" in done.stdout


def test_damaged_files(tmp_path, sources):
    _fuzz(300, 0, tmp_path, sources)


@pytest.mark.parametrize(
    "seed",
    [
        pytest.param(seed, marks=pytest.mark.faults if seed == 1 else pytest.mark.slow)
        for seed in range(1, 11)
    ],
)
def test_ten_thousand_damaged_files(tmp_path, sources, seed):
    _fuzz(1000, seed, tmp_path, sources)


def _row(path):
    return index_file(str(path), path.name, load_camera("demo"))


def _blocks(*cards):
    text = b"".join(card.ljust(80) for card in cards)
    return text.ljust(-(-len(text) // 2880) * 2880)


PRIMARY = b"SIMPLE  =                    T", b"BITPIX  =                   16"


@pytest.mark.parametrize(
    "cards, reason",
    [
        ((b"NAXIS   =             99999999", b"END"), "NAXIS=99999999, a frame has two axes"),
        ((b"NAXIS   =                   -2", b"END"), "NAXIS=-2, a frame has two axes"),
        ((b"NAXIS   =                  abc", b"END"), "NAXIS=abc is not an integer"),
        (
            (b"NAXIS   =                    2", b"NAXIS1  =                  -80", b"END"),
            "NAXIS1=-80 is negative",
        ),
        (
            (
                b"NAXIS   =                    2",
                b"NAXIS1  =         900000000000",
                b"NAXIS2  =         900000000000",
                b"END",
            ),
            "truncated",
        ),
    ],
)
def test_absurd_sizes_are_refused_by_card(tmp_path, cards, reason):
    path = tmp_path / "a.fits"
    path.write_bytes(_blocks(*PRIMARY, *cards) + bytes(2880))
    row = _row(path)
    assert row["status"] == "refused"
    assert reason in row["reason"]


@pytest.mark.parametrize(
    "cards, reason",
    [
        ({"ZNAXIS1": 10**9}, "1000000000 x 64 pixels (ZNAXISn) unpack to 128000000000 bytes"),
        ({"ZNAXIS": 10**8}, "ZNAXIS=100000000, a frame has two axes"),
        ({"ZNAXIS2": -64}, "ZNAXIS2=-64 is negative"),
        ({"ZBITPIX": 5}, "ZBITPIX=5 is not one of 8, 16, 32, 64, -32, -64"),
        ({"ZTILE1": 0}, "ZTILE1=0, a tile has pixels"),
        ({"ZTILE1": 1}, "are 5120 tiles, where there are 64 (NAXIS2) and can be 1000000"),
        ({"ZTILE1": 2**40, "ZTILE2": 2**40}, None),
    ],
)
def test_absurd_tiles_are_refused_by_card(tmp_path, cards, reason):
    """In no more memory than a frame needs: a tile that is too large is that of the whole image."""
    path = tmp_path / "a.fits.fz"
    pixels = np.arange(64 * 80, dtype=np.int16).reshape(64, 80)
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(pixels)]).writeto(path)
    content = path.read_bytes()
    for keyword, value in cards.items():
        start = content.index(f"{keyword:<8}=".encode())
        content = content[:start] + f"{keyword:<8}= {value:>20}".encode() + content[start + 30 :]
    path.write_bytes(content)
    tracemalloc.start()
    row = _row(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10**8
    if reason is None:
        assert "tiles" not in (row["reason"] or "")
    else:
        assert row["status"] == "refused" and reason in row["reason"]


def test_a_card_given_twice_is_refused_where_it_says_how_many_pixels_there_are(tmp_path):
    """The library that reads them may take the other one."""
    path = tmp_path / "a.fits"
    axes = [f"NAXIS{n}  = {value:>20}".encode() for n, value in ((1, 10**6), (2, 10**6), (1, 1))]
    path.write_bytes(_blocks(*PRIMARY, b"NAXIS   =                    2", *axes, b"END"))
    assert "NAXIS1=1000000 and NAXIS1=1 in one header" in _row(path)["reason"]


def test_a_header_that_never_ends(tmp_path):
    path = tmp_path / "a.fits.gz"
    with gzip.open(path, "wb", 1) as file:
        file.write(_blocks(*PRIMARY))
        file.write(b" " * 2880 * 4000)
    assert "a header without END in 4194304 bytes" in _row(path)["reason"]


@pytest.mark.faults
def test_a_file_that_unpacks_to_more_than_memory(tmp_path):
    path = tmp_path / "a.fits.gz"
    with gzip.open(path, "wb", 1) as file:
        for _ in range(LARGEST // 2**24 + 1):
            file.write(bytes(2**24))
    assert f"unpacks to more than {LARGEST} bytes" in _row(path)["reason"]
