"""How a map of bad pixels is made: a product from a master dark and a master flat."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..camera.windows import common_window
from ..master.bad_pixels import NoMap, flags_of_dark, flags_of_flat, map_image
from ..products.common_cards import add_recipe
from ..products.cut_out import cut_out
from ..products.kept_hashes import kept_sha256
from ..products.map_header import map_header
from ..products.master_cards import window_of_master
from ..products.product_files import read_product, write_product
from .inputs import unchanged

if TYPE_CHECKING:
    from .task import Task

__all__ = ["make"]

_FLAGS = {"dark": flags_of_dark, "flat": flags_of_flat}


def make(task: Task) -> None:
    """Measure bad pixels from a master dark, a master flat or both and write the map.

    A master that tells none, such as the flat of a colour sensor, adds none: what lights go without
    is said in the header, and no light is lost for it.

    Parameters
    ----------
    task : Task
    """
    with unchanged(task):
        kinds = [kind for kind in _FLAGS if kind in task.masters]
        paths = {kind: task.masters[kind] for kind in kinds}
        sources = {kind: read_product(path, kept_sha256(path)) for kind, path in paths.items()}
    window = common_window([window_of_master(each.header) for each in sources.values()])
    sources = {
        kind: cut_out(each, window, each.header.get("MBINNING")) for kind, each in sources.items()
    }
    shapes = [image.data.shape for image in next(iter(sources.values())).images]
    flags = [np.zeros(shape, np.uint16) for shape in shapes]
    lacks = {}
    for kind, product in sources.items():
        try:
            own = [_FLAGS[kind](image) for image in product.images]
        except NoMap as error:
            lacks[kind] = str(error)
        else:
            flags = [one | other for one, other in zip(flags, own, strict=True)]
    images = [map_image(each) for each in flags]
    compress = task.settings["products"]["compress"]
    header = map_header(sources, images, lacks, window)
    add_recipe(header, task.recipe)
    write_product(task.output, images, header, None, compress)
