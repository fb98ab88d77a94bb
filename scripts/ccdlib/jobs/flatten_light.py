"""How a light is flattened: a product from a calibrated light, its illumination and fringes."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..products.common_cards import add_recipe
from ..products.kept_hashes import kept_sha256
from ..products.light_files import header_of_image
from ..products.product_files import open_product, write_product
from ..products.sky_headers import flattened_header
from ..quality import records
from ..sky.flatten import divided, without_fringes
from ..sky.fringes import FringePattern, strength_of
from ..sky.sources import in_blocks, sources_in, whole
from ..statistics.mesh import cells
from .inputs import unchanged
from .sky_inputs import opened_sky

if TYPE_CHECKING:
    from .task import Task

__all__ = ["make"]


def make(task: Task) -> None:
    """Divide a light by its illumination, subtract its fringes, and write it.

    Parameters
    ----------
    task : Task
        Of one frame; its masters are the calibrated light, and illumination or fringe or both.
    """
    with ExitStack() as opened:
        opened.enter_context(unchanged(replace(task, frames=[])))
        path = task.masters["calibrated"]
        product = opened.enter_context(open_product(path, kept_sha256(path)))
        light = product.images[0].rows(slice(None))
        flat, fringe = (
            opened.enter_context(opened_sky(task.masters[kind])) if kind in task.masters else None
            for kind in ("illumination", "fringe")
        )
        image = light
        if flat is not None:
            image = _divided(light, flat, product)
        cards: dict = {}
        if fringe is not None:
            image, cards = _without_fringes(image, fringe, product)
        used = {
            kind: each.product
            for kind, each in (("ILLU", flat), ("FRIN", fringe))
            if each is not None
        }
        header = flattened_header(header_of_image(product, path), used, cards, image)
    add_recipe(header, task.recipe)
    write_product(task.output, [image], header, None, task.settings["products"]["compress"])
    if task.record:
        records.write_record(
            task.record, records.flattened_record(light, image, cards), task.recipe
        )


def _divided(light, flat, product):
    """A light over its illumination."""
    scale, share = flat.share(product)
    image = divided(light, flat.image)
    if share is None:
        return image
    # where it shows more than sky it is not in the illumination
    share = np.where(_shows_sky(image), share, np.float32(0))
    return divided(light, flat.image, share, scale)


def _shows_sky(image, fringes=None):
    """The pixels of a light that show the sky alone."""
    free = in_blocks(image)
    if fringes is not None:
        # as if the fringes were as strong as the sky; what they hide or feign is little
        expected = fringes.data * np.float32(free.level)
        free = in_blocks(replace(image, data=image.data - expected))
    return (image.dq == 0) & ~whole(sources_in(free, *cells(image.shape)), image.shape)


def _without_fringes(image, fringe, product):
    """A light less its fringes where that makes it better, and the cards that tell of it."""
    header = fringe.product.header
    pattern = FringePattern(
        fringe.image.data,
        fringe.image.variance,
        fringe.image.dq == 0,
        header["SKYKERN"],
        fringe.peak,
        header["SKYRMS"],
    )
    show = _shows_sky(image, pattern)
    scale, share = fringe.share(product)
    own = np.zeros(image.shape, np.float32)
    if share is not None:
        own = np.where(show, np.float32(pattern.peak / scale) * share * image.variance, own)
    strength = strength_of(image, show, pattern, own)
    cards = {"FRINSCAL": strength.value, "FRINSIG": strength.sigma}
    cards |= {"FRINBEF": strength.before, "FRINAFT": strength.after}
    if not strength.before > strength.after:
        return image, cards | {"FRINLACK": "less than their errors"}
    return without_fringes(image, pattern, strength, own), cards
