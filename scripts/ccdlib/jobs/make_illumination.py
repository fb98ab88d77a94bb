"""How an illumination is made: a product from calibrated lights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import CcdlibError
from ..frame.image import Image
from ..products.common_cards import add_recipe
from ..products.product_files import read_product, write_product
from ..products.sky_headers import SKY_COLUMNS, sky_header
from ..products.stack_headers import frame_table
from ..quality import records
from ..raw.card_list import CardList
from ..sky.flatten import missing_flags
from ..sky.illumination import FEWEST
from ..sky.lights import Look, opened_skies
from ..sky.pixels import common_pixels
from ..statistics.mesh import block_levels, cells, smoothed, surface
from .inputs import lights_of, unchanged
from .sky_inputs import light_rows

if TYPE_CHECKING:
    from .task import Task

__all__ = ["make"]


def make(task: Task) -> None:
    """Find the illumination of calibrated lights and write it.

    Parameters
    ----------
    task : Task
        Its masters are the lights, calibrated, calibrated_2 ..., in the order of its frames; or the
        flat that they are divided by and `flat_2`, lit by the sky.
    """
    with unchanged(replace(task, frames=[])):
        made = _of_flats(task) if "flat_2" in task.masters else _of_lights(task)
    image, planes, headers, cards, rows = made
    header = sky_header("illumination", headers, task.frames, cards, image)
    add_recipe(header, task.recipe)
    tables = [("FRAMES", frame_table(rows, SKY_COLUMNS), SKY_COLUMNS)]
    compress = task.settings["products"]["compress"]
    write_product(task.output, [image], header, None, compress, planes, tables)
    if task.record:
        records.write_record(
            task.record, records.sky_record("illumination", image, rows, cards), task.recipe
        )


def _of_lights(task):
    """Image, planes, headers, cards and rows of what the skies of lights have in common."""
    settings, name = task.settings["sky"], Path(task.output).name
    look = Look(fringed=bool(settings["fringe"]))
    by_pixels = settings["illumination"] == "pixels"
    fewest = settings["min_frames"]
    with opened_skies(lights_of(task), look, fewest, name, **task.limits) as night:
        shape, planes = night.own[0].shape, []
        if by_pixels:
            image, planes = _by_pixels(night, task.limits)
        else:
            image = _image_of(night.common.mesh, shape)
        headers = [each.product.header for each in night.own]
        return image, planes, headers, _cards(night, image, by_pixels), [*light_rows(night.lights)]


def _of_flats(task):
    """The same of a flat of the sky over the flat that lights are divided by."""
    products = [read_product(task.masters[kind]) for kind in ("flat", "flat_2")]
    flat, by_sky = (each.images[0] for each in products)
    good = (flat.dq == 0) & (by_sky.dq == 0) & (flat.data > 0)
    ratio = np.divide(by_sky.data, flat.data, out=np.ones_like(flat.data), where=good)
    edges = cells(ratio.shape)
    levels = block_levels(ratio, good, *edges)
    if not np.isfinite(levels.level).any():
        names = " and ".join(each.name for each in products)
        raise CcdlibError(f"{Path(task.output).name}: {names} have no good pixels in common")
    image = _image_of(smoothed(levels.level, levels.variance), ratio.shape)
    cards = {"SKYMETH": "flats"} | _numbers(image)
    rows = [
        {"FRAME": each.name, "SHA256": each.sha256, "LEFT": "", "SKY": 1.0}
        | {"SOURCES": 0.0, "WEIGHT": 0.5}
        for each in products
    ]
    return image, [], [each.header for each in products], cards, rows


def _image_of(mesh, shape):
    """The surface through a mesh, 1 in the median of its blocks."""
    edges, middle = cells(shape), np.median(mesh.value)
    spread = mesh.variance / (middle * middle)
    # beside a block that is much less certain the surface swings below those around, and below 0
    variance = np.maximum(surface(spread, *edges), spread.min())
    data = surface(mesh.value / middle, *edges)
    return Image(data, variance.astype(np.float32), np.zeros(shape, np.uint16), "")


def _by_pixels(night, limits):
    """Each pixel by itself, and how much the lights count for in it."""
    found = common_pixels(night.own, None, **limits)
    good = (found.count >= FEWEST) & (found.data > 0)
    image = Image(
        np.where(good, found.data, np.float32(1)),
        np.where(good, found.variance, np.float32(0)),
        missing_flags(good),
        "",
    )
    said = CardList()
    said.add_comment("sum of the weights of the lights in a pixel")
    return image, [("WEIGHT", found.weight, said)]


def _cards(night, image, by_pixels):
    """The cards of an illumination by keyword, see `ccdlib.products.sky_headers`."""
    cards = {
        "SKYMETH": "pixels" if by_pixels else "smooth",
        **_numbers(image),
        "SKYGRAD": night.common.gradient,
        "SKYPOINT": night.pointings,
        "SKYLEFT": len(night.lights) - len(night.own),
    }
    if by_pixels:
        return cards
    return cards | {"SKYKERN": cards["SKYMESH"] * min(night.common.mesh.width, 1e3)}


def _numbers(image):
    """What is said of every illumination: its mesh, what it corrects and how well."""
    good = image.dq == 0
    return {
        "SKYMESH": float(max(np.diff(edges).max() for edges in cells(image.shape))),
        "SKYRMS": float(image.data[good].std(dtype=float)),
        "SKYERR": float(np.sqrt(image.variance[good].mean(dtype=float))),
    }
