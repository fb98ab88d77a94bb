"""How a fringe frame is made: a product from calibrated lights and their illumination."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..frame.image import Image
from ..products.common_cards import add_recipe
from ..products.product_files import write_product
from ..products.sky_headers import SKY_COLUMNS, sky_header
from ..products.stack_headers import frame_table
from ..quality import records
from ..raw.card_list import CardList
from ..sky.flatten import missing_flags
from ..sky.fringes import fringe_pattern
from ..sky.lights import Look, opened_skies
from ..sky.pixels import common_pixels
from .inputs import lights_of, unchanged
from .sky_inputs import light_rows, opened_sky

if TYPE_CHECKING:
    from .task import Task

__all__ = ["make"]


def make(task: Task) -> None:
    """Find the fringes that the skies of calibrated lights share and write them.

    Parameters
    ----------
    task : Task
        Its masters are the lights, calibrated, calibrated_2 ..., in the order of its frames, and
        perhaps their illumination.
    """
    name, path = Path(task.output).name, task.masters.get("illumination")
    with ExitStack() as opened:
        opened.enter_context(unchanged(replace(task, frames=[])))
        flat = opened.enter_context(opened_sky(path)).image if path else None
        fewest = task.settings["sky"]["min_frames"]
        night = opened.enter_context(
            opened_skies(lights_of(task), Look(flat, True), fewest, name, **task.limits)
        )
        pixels = common_pixels(night.own, None if flat is None else flat.data, **task.limits)
        pattern = fringe_pattern(pixels)
        image = Image(pattern.data, pattern.variance, missing_flags(pattern.good), "")
        cards = _cards(night, pattern, image)
        headers = [each.product.header for each in night.own]
        header = sky_header("fringe", headers, task.frames, cards, image)
        rows = list(light_rows(night.lights))
    add_recipe(header, task.recipe)
    said = CardList()
    said["PEAK"] = (pattern.peak, "weight of a pixel in its own smoothed value")
    said.add_comment("sum of the weights of the lights in a pixel")
    write_product(
        task.output,
        [image],
        header,
        None,
        task.settings["products"]["compress"],
        [("WEIGHT", pixels.weight, said)],
        [("FRAMES", frame_table(rows, SKY_COLUMNS), SKY_COLUMNS)],
    )
    if task.record:
        records.write_record(
            task.record, records.sky_record("fringe", image, rows, cards), task.recipe
        )


def _cards(night, pattern, image):
    """The cards of a fringe frame by keyword, see `ccdlib.products.sky_headers`."""
    return {
        "SKYMETH": "pixels",
        "SKYKERN": pattern.width,
        "SKYRMS": pattern.amplitude,
        "SKYERR": float(np.sqrt(image.variance[pattern.good].mean(dtype=float))),
        "SKYPOINT": night.pointings,
        "SKYLEFT": len(night.lights) - len(night.own),
    }
