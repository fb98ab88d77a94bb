"""How an illumination is made: a product from calibrated lights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .. import dq
from ..frame.image import Image
from ..products.common_cards import add_recipe
from ..products.product_files import write_product
from ..products.sky_headers import SKY_COLUMNS, light_table, sky_header
from ..quality import records
from ..raw.card_list import CardList
from ..sky.lights import Look, opened_skies
from ..sky.pixels import FEWEST, common_pixels
from ..statistics.mesh import cells, surface
from .inputs import lights_of, unchanged
from .sky_inputs import light_rows

if TYPE_CHECKING:
    from .task import Task

__all__ = ["make"]


def make(task: Task) -> None:
    """Find what the skies of calibrated lights have in common and write it.

    Parameters
    ----------
    task : Task
        Its masters are the lights, calibrated, calibrated_2 ..., in the order of its frames.
    """
    settings, name = task.settings["sky"], Path(task.output).name
    look = Look(fringed=bool(settings["fringe"]))
    by_pixels = settings["illumination"] == "pixels"
    with (
        unchanged(replace(task, frames=[])),
        opened_skies(lights_of(task), look, settings["min_frames"], name, **task.limits) as night,
    ):
        image, planes = _by_pixels(night, task.limits) if by_pixels else (_smooth(night), [])
        cards = _cards(night, image, by_pixels)
        header = sky_header(
            "illumination",
            [each.product.header for each in night.own],
            task.frames,
            cards,
            image,
        )
        rows = list(light_rows(night.lights))
    add_recipe(header, task.recipe)
    tables = [("FRAMES", light_table(rows), SKY_COLUMNS)]
    compress = task.settings["products"]["compress"]
    write_product(task.output, [image], header, None, compress, planes, tables)
    if task.record:
        records.write_record(task.record, records.sky_record("illumination", image, rows, cards))


def _smooth(night):
    """The surface through what the skies have in common."""
    mesh, shape = night.common.mesh, night.own[0].shape
    edges = cells(shape)
    # beside a block that is much less certain the surface swings below those around, and below 0
    best = np.float32(mesh.variance.min())
    variance = np.maximum(surface(mesh.variance, *edges), best)
    data = surface(mesh.value, *edges)
    return Image(data, variance, np.zeros(shape, np.uint16), "")


def _by_pixels(night, limits):
    """Each pixel by itself, and how much the lights count for in it."""
    found = common_pixels(night.own, None, **limits)
    good = (found.count >= FEWEST) & (found.data > 0)
    image = Image(
        np.where(good, found.data, np.float32(1)),
        np.where(good, found.variance, np.float32(0)),
        np.where(good, 0, dq.NO_CALIBRATION).astype(np.uint16),
        "",
    )
    said = CardList()
    said.add_comment("sum of the weights of the lights in a pixel")
    return image, [("WEIGHT", found.weight, said)]


def _cards(night, image, by_pixels):
    """The cards of an illumination by keyword, see `ccdlib.products.sky_headers`."""
    mesh, (y, x) = night.common.mesh, cells(image.shape)
    side = float(max(np.diff(y).max(), np.diff(x).max()))
    good = image.dq == 0
    cards = {
        "SKYMETH": "pixels" if by_pixels else "smooth",
        "SKYMESH": side,
        "SKYRMS": float(image.data[good].std(dtype=float)),
        "SKYERR": float(np.sqrt(image.variance[good].mean(dtype=float))),
        "SKYGRAD": night.common.gradient,
        "SKYPOINT": night.pointings,
        "SKYLEFT": len(night.lights) - len(night.own),
    }
    return cards if by_pixels else cards | {"SKYKERN": side * min(mesh.width, 1e3)}
