"""Small files that are large when they are read, in a night that has to be reduced all the same."""

import resource

import pytest
from bombs import packed_bomb, sparse_bomb, tile_bomb

from ccdlib.limits import machine_memory
from ccdlib.raw.fits_structure import LARGEST

# 900 million pixels: a light of that size takes 58 GB
_LARGE = (30_000, 30_000)
_NEEDED_MB = 57_000
PINS = "file,bias,dark,flat\nlarge.fits,none,none,none\n"

BOMBS = {
    "rows.fits": "NAXIS1=32768, NAXIS2=33000, an image of a frame has at most",
    "columns.fits": "NAXIS1=134217728, NAXIS2=1, an image of a frame has at most 131072 columns",
    "tiles.fits.fz": "tiles of an image of 65536 x 64000 pixels (ZNAXISn) unpack to 8388608000",
    "large_tiles.fits.fz": "tiles of an image of 30000 x 30000 pixels (ZNAXISn) unpack to",
    "packed.fits.gz": f"unpacks to more than {LARGEST} bytes",
    "floats.fits": "no master bias fits",
    "large.fits": "a frame of 899040000 pixels needs about 57539 MB of memory, this machine has",
}


@pytest.mark.faults
@pytest.mark.skipif(machine_memory() > _NEEDED_MB, reason="needs a machine with less than 57 GB")
def test_files_that_are_large_when_they_are_read(raw, reduced, tmp_path):
    like = raw.raw / "M13_V_001.fits"
    sparse_bomb(raw.raw / "rows.fits", like, (33_000, 32_768))
    sparse_bomb(raw.raw / "columns.fits", like, (1, 2**27))
    sparse_bomb(raw.raw / "floats.fits", like, (16_384, 16_384), -32)
    sparse_bomb(raw.raw / "large.fits", like, _LARGE)
    tile_bomb(raw.raw / "tiles.fits.fz", like, (64_000, 65_536), 4000)
    tile_bomb(raw.raw / "large_tiles.fits.fz", like, (30_000, 30_000), 3000)
    packed_bomb(raw.raw / "packed.fits.gz", like, (33_000, 16_384))
    (tmp_path / "pins.csv").write_text(PINS)
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    done = raw.run(code=1, corrections=tmp_path / "pins.csv")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(f"largest process {before / 1024:.0f} MB before, {peak / 1024:.0f} MB after")
    print(done.text)
    found = (raw.folder / "results/index.csv").read_text() + done.text
    assert all(f"{name}: {reason}" in found for name, reason in BOMBS.items()), found
    # the packed one is unpacked into memory as far as it may go, which doubles as it grows
    assert peak < 3 * LARGEST / 1024
    assert raw.content() == reduced.content()
