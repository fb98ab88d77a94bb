"""Small files that say that they are large: what reads them without looking runs out of memory.

All have the cards of a raw frame. Holes take no space on the disk.
"""

import gzip

import numpy as np
from astropy.io import fits

__all__ = ["packed_bomb", "sparse_bomb", "tile_bomb"]

_BLOCK = 2880


def _cards(like, bitpix, shape, zero):
    """A frame's header with another image, and sections that fit it."""
    ny, nx = shape
    header = fits.getheader(like)
    header.update(BITPIX=bitpix, NAXIS1=nx, NAXIS2=ny)
    for keyword in ("BSCALE", "BZERO"):
        header.remove(keyword)
    if zero:
        header["BZERO"] = zero
    data = f"[1:{max(nx - 32, 1)},1:{ny}]"
    header.update(DATASEC=data, TRIMSEC=data, BIASSEC=f"[{max(nx - 31, 1)}:{nx},1:{ny}]")
    return header


def sparse_bomb(path, like, shape, bitpix=16):
    """A plain file whose pixels are a hole.

    Parameters
    ----------
    path, like : path
        What is written, and the frame whose cards it has.
    shape : tuple of int
        (ny, nx).
    bitpix : int
    """
    cards = _cards(like, bitpix, shape, 0).tostring().encode()
    size = shape[0] * shape[1] * abs(bitpix) // 8
    with open(path, "wb") as file:
        file.write(cards)
        file.truncate(len(cards) + -(-size // _BLOCK) * _BLOCK)


def packed_bomb(path, like, shape):
    """A gzipped file of zeros."""
    rows = bytes(shape[1] * 2 * 64)
    with gzip.open(path, "wb", 1) as file:
        file.write(_cards(like, 16, shape, 0).tostring().encode())
        for _ in range(shape[0] // 64):
            file.write(rows)


def tile_bomb(path, like, shape, tiles):
    """A file of many tiles that are one and the same, each some rows of zeros."""
    ny, nx = shape
    rows = ny // tiles
    tile = fits.CompImageHDU(np.zeros((rows, nx), np.int16), tile_shape=(rows, nx))
    tile.writeto(path, overwrite=True)
    with fits.open(path, disable_image_compression=True) as hdus:
        table = hdus[1]
        own, heap = table.header, table.data
        descriptors = np.zeros((tiles, 2), ">i4")
        descriptors[:, 0] = len(heap["COMPRESSED_DATA"][0])
        start = table.fileinfo()["datLoc"] + own["NAXIS1"] * own["NAXIS2"]
    content = path.read_bytes()
    packed = content[start : start + descriptors[0, 0]]
    width = own["NAXIS1"]
    cells = np.zeros((tiles, width), np.uint8)
    cells[:, :8] = descriptors.view(np.uint8).reshape(tiles, 8)
    own.update(NAXIS2=tiles, ZNAXIS2=ny, THEAP=tiles * width)
    like_cards = _cards(like, 16, shape, 0)
    for keyword in ("SIMPLE", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2"):
        like_cards.remove(keyword)
    own.extend(like_cards, update=True)
    data = cells.tobytes() + packed
    own["PCOUNT"] = len(packed)
    with open(path, "wb") as file:
        file.write(fits.PrimaryHDU().header.tostring().encode())
        file.write(own.tostring().encode())
        file.write(data.ljust(-(-len(data) // _BLOCK) * _BLOCK, b"\0"))
