"""The report's pictures: PNG inside the page, made of the shades that the records hold."""

import base64
import io
from html import escape

import numpy as np
from PIL import Image

from .. import dq
from ..quality.records import FLAG_COLOURS
from ..quality.thumbnails import SHADES, shades, unpack
from . import svgplot
from .page import figure, number

__all__ = ["picture", "picture_of_array", "picture_of_record", "pictures_of"]


# PNG keeps a palette of greys smaller than the greys themselves
_GREYS = [(round(255 * step / (SHADES - 1)),) * 3 for step in range(SHADES)]


def _uri(pixels, palette, **options):
    """Numbers of a palette's colours as the address of an <img>; the first row is at the bottom."""
    image = Image.fromarray(np.ascontiguousarray(pixels[::-1]))
    image.putpalette(bytes(value for colour in palette for value in colour))
    content = io.BytesIO()
    image.save(content, "PNG", **options)
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()


def picture(pixels: np.ndarray, description: str, flags: np.ndarray | None = None) -> str:
    """An image, loaded when it comes into view, with its flags on top.

    Parameters
    ----------
    pixels : ndarray of uint8
        Steps of grey, 0 to ``SHADES - 1``; the first row is at the bottom, as in FITS.
    description : str
    flags : ndarray of uint8 or None
        For each pixel the number of its colour in `FLAG_COLOURS`, from 1; 0 is transparent.

    Returns
    -------
    str
        HTML.
    """
    overlay = ""
    if flags is not None and flags.any():
        uri = _uri(flags, [(0, 0, 0), *FLAG_COLOURS.values()], transparency=0)
        overlay = f'<img class="flags" loading="lazy" alt="" src="{uri}">'
    high, wide = pixels.shape
    return (
        f'<span class="picture"><img loading="lazy" width="{wide}" height="{high}" '
        f'alt="{escape(description, quote=True)}" src="{_uri(pixels, _GREYS)}">{overlay}</span>'
    )


def _grey(stored, own, wanted):
    """Stored shades between their own limits as steps of grey between the wanted ones."""
    values = own[0] + (stored / np.float32(SHADES) - 1) * (own[1] - own[0])
    within = (values - wanted[0]) / (wanted[1] - wanted[0])
    return np.rint(np.clip(within, 0, 1) * (SHADES - 1)).astype(np.uint8)


def picture_of_record(
    record: dict, description: str, limits: tuple[float, float] | None = None
) -> str:
    """The picture in an image's record.

    Parameters
    ----------
    record : dict
        With limits, size, picture and maybe flag_picture, see `ccdlib.quality.records`.
    description : str
    limits : (float, float) or None
        Values that are black and white; None: the record's own, zscale.
    """
    size = record["size"]
    pixels = _grey(unpack(record["picture"], size), record["limits"], limits or record["limits"])
    flags = unpack(record["flag_picture"], size) if "flag_picture" in record else None
    return picture(pixels, description, flags)


def picture_of_array(image: np.ndarray, low: float, high: float, description: str) -> str:
    """The picture of an array between two values."""
    return picture(_grey(shades(image, low, high), (low, high), (low, high)), description)


def _flag_legend(names):
    """The colours of the flags that occur."""
    items = ""
    for bit, colour in FLAG_COLOURS.items():
        name, meaning = dq.BITS[bit]
        if name in names:
            swatch = f'<i class="swatch" style="background:rgb{colour}"></i>'
            items += f'<span title="{meaning}">{swatch}{name}</span>'
    return f'<p class="legend">{items}</p>' if items else ""


def _histogram(image, name):
    histogram = image["histogram"]
    unit = image["unit"] or "level 1"
    title = f"histogram of {name}"
    edges, counts = histogram["edges"], histogram["counts"]
    return svgplot.bars(edges, counts, f"good pixels [{unit}]", "pixels, sampled", title=title)


def pictures_of(
    record: dict, name: str, limits: tuple[float, float] | None = None, note: str = ""
) -> list[str]:
    """Picture with its flags and histogram of each image of a product.

    Parameters
    ----------
    record : dict
        See `ccdlib.quality.records`.
    name : str
        Name of the product.
    limits : (float, float) or None
        Values that are black and white; None: zscale of each image.
    note : str
        A remark on the limits.

    Returns
    -------
    list of str
        HTML.
    """
    parts = []
    for place, image in enumerate(record["images"], start=1):
        low, high = limits or image["limits"]
        which = f", image {place}" if len(record["images"]) > 1 else ""
        caption = f"{number(low)} to {number(high)} {image['unit']}{note}{which}"
        shown = picture_of_record(image, f"{name}{which}", limits)
        parts.append(figure(shown + _flag_legend(image["flags"]), caption))
        parts.append(figure(_histogram(image, f"{name}{which}"), ""))
    return parts
