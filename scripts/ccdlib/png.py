"""Small pictures of images as PNG bytes, without a plotting library.

A job that has the pixels in hand makes the picture of its product, so this must not cost it
more than a few milliseconds; importing matplotlib alone would cost hundreds.
"""

import base64
import struct
import zlib

import numpy as np

__all__ = ["data_uri", "encode", "grey", "overlay", "reduced", "zscale"]

_SAMPLES = 2000
_CONTRAST = 0.25
# fewer levels of grey than the eye can tell apart in noise make the file half as large
_LEVELS = 40


def zscale(data, good=None, contrast=_CONTRAST):
    """Limits that show the sky and faint objects (IRAF's zscale).

    A line is fitted to the sorted values of a sample, outliers rejected; its slope over
    `contrast` spans the range about the median.

    Parameters
    ----------
    data : ndarray
    good : ndarray of bool or None
        Pixels that may count.
    contrast : float

    Returns
    -------
    low, high : float
    """
    values = data.ravel() if good is None else data[good]
    values = values[:: max(values.size // _SAMPLES, 1)]
    values = np.sort(values[np.isfinite(values)]).astype(np.float64)
    if values.size < 10:
        return (float(values[0]), float(values[-1]) + 1) if values.size else (0.0, 1.0)
    x = np.arange(values.size) - (values.size - 1) / 2
    kept = np.ones(values.size, bool)
    for _ in range(5):
        slope, level = np.polyfit(x[kept], values[kept], 1)
        residual = values - (level + slope * x)
        again = np.abs(residual) <= 2.5 * residual[kept].std()
        if again.sum() < values.size / 2 or (again == kept).all():
            break
        kept = again
    slope = slope / contrast if kept.sum() >= values.size / 2 else 0
    median = np.median(values)
    low = max(values[0], median + slope * x[0])
    high = min(values[-1], median + slope * x[-1])
    return (float(low), float(high)) if high > low else (float(values[0]), float(values[-1]) + 1)


def reduced(image, side, combine=np.mean):
    """An image made small enough for a side, block by block.

    Parameters
    ----------
    image : ndarray, shape (ny, nx)
    side : int
        Most pixels along the longer axis.
    combine : callable
        Of an array along an axis: mean for values, bitwise_or.reduce for flags.

    Returns
    -------
    ndarray
        Rows and columns that fill no block are left out.
    """
    step = max(-(-max(image.shape) // side), 1)
    if step == 1:
        return image
    # rows before columns: whole rows are combined as fast as memory is read
    ny, nx = image.shape
    high, wide = min(step, ny), min(step, nx)
    rows = combine(image[: ny // high * high].reshape(ny // high, high, nx), axis=1)
    return combine(rows[:, : nx // wide * wide].reshape(len(rows), nx // wide, wide), axis=2)


def encode(pixels, palette=None, transparent=()):
    """PNG bytes of 8-bit pixels.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (ny, nx)
        Grey, or numbers of the palette's colours. The first row is at the bottom, as in FITS.
    palette : list of (int, int, int) or None
    transparent : sequence of int
        Colours of the palette that are not drawn, first ones only.
    """
    ny, nx = pixels.shape
    rows = np.zeros((ny, nx + 1), np.uint8)
    rows[:, 1:] = pixels[::-1]
    kind = 0 if palette is None else 3
    parts = [(b"IHDR", struct.pack(">IIBBBBB", nx, ny, 8, kind, 0, 0, 0))]
    if palette is not None:
        parts.append((b"PLTE", bytes(value for colour in palette for value in colour)))
        parts.append((b"tRNS", bytes(0 for _ in transparent)))
    parts += [(b"IDAT", zlib.compress(rows.tobytes(), 6)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in parts
    )


def grey(image, low, high, levels=_LEVELS):
    """PNG bytes of an image between two limits, dark to bright."""
    scaled = (np.nan_to_num(image, nan=low) - low) / (high - low)
    steps = np.rint(np.clip(scaled, 0, 1) * (levels - 1))
    return encode((steps * (255 / (levels - 1))).astype(np.uint8))


def overlay(flags, bits, colours):
    """PNG bytes that colour each pixel by the first of its bits, elsewhere transparent.

    Parameters
    ----------
    flags : ndarray of uint16
    bits : list of int
        What is most worth seeing first.
    colours : list of (int, int, int)
    """
    numbers = np.zeros(flags.shape, np.uint8)
    for number, bit in reversed(list(enumerate(bits, start=1))):
        numbers[flags & bit != 0] = number
    return encode(numbers, [(0, 0, 0), *colours], transparent=[0])


def data_uri(png):
    """PNG bytes as the address of an <img>."""
    return "data:image/png;base64," + base64.b64encode(png).decode()
