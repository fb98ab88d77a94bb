"""How a map of bad pixels is made: a product from a master dark and a master flat."""

from ..master.bad_pixels import flags_of_dark, flags_of_flat, map_image
from ..products.map_header import map_header
from ..products.product_files import read_product, write_product

__all__ = ["make"]

_FLAGS = {"dark": flags_of_dark, "flat": flags_of_flat}


def make(task):
    """Measure bad pixels from a master dark, a master flat or both and write the map.

    Parameters
    ----------
    task : Task
    """
    sources = {kind: read_product(task.masters[kind]) for kind in _FLAGS if kind in task.masters}
    first, *_ = sources.values()
    images = []
    for number in range(len(first.images)):
        flags = 0
        for kind, product in sources.items():
            flags = flags | _FLAGS[kind](product.images[number])
        images.append(map_image(flags))
    compress = task.settings["products"]["compress"]
    write_product(task.output, images, map_header(sources, images), None, compress)
