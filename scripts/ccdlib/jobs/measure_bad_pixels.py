"""How a map of bad pixels is made: paths and values in, a product on disk."""

from ..master.bad_pixels import flags_of_dark, flags_of_flat, map_image
from ..products.map_header import map_header
from ..products.product_files import write_product
from .inputs import optional_product

__all__ = ["write_bad_pixels"]


def write_bad_pixels(output, dark, flat, compress):
    """Measure bad pixels from a master dark, a master flat or both and write the map."""
    sources = {"dark": optional_product(dark), "flat": optional_product(flat)}
    first = sources["dark"] or sources["flat"]
    images = []
    for number in range(len(first.images)):
        flags = 0
        if sources["dark"]:
            flags = flags | flags_of_dark(sources["dark"].images[number])
        if sources["flat"]:
            flags = flags | flags_of_flat(sources["flat"].images[number])
        images.append(map_image(flags))
    write_product(output, images, map_header(sources, images), None, compress)
