"""How a stack is made: a product from calibrated lights."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import CcdlibError
from ..limits import refuse_without_memory
from ..plan.job_needs import PIXEL_BYTES, PROCESS_MB
from ..products.common_cards import add_recipe
from ..products.product_files import write_product
from ..products.stack_headers import (
    APERTURE_COLUMNS,
    FRAME_COLUMNS,
    aperture_table,
    frame_table,
    stack_header,
    stack_planes,
)
from ..quality import records
from ..stack.aperture import RADII, factor_of
from ..stack.combine import RESULT_BYTES, Member, combine_lights
from ..stack.depth import depth_of
from ..stack.grid import grid_of
from ..stack.lights import opened_lights
from ..stack.members import place_lights, weights_of
from ..stack.residuals import residuals_of
from ..stack.shared_noise import groups_of, shared_noise
from .inputs import lights_of, unchanged

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..stack.members import Placed
    from .task import Task

__all__ = ["make"]

# MB of a job that nobody limits, and those that its tiles have at least: no result depends on them
_MEMORY_MB, _LEAST_MB = 1000.0, 64.0


def make(task: Task) -> None:
    """Register calibrated lights, combine them and write the stack.

    Parameters
    ----------
    task : Task
        Its masters are the lights, calibrated, calibrated_2 ..., in the order of its frames, and
        the masters that these were calibrated with.
    """
    settings = task.settings["stack"]
    facts = [frame["facts"] for frame in task.frames]
    threads = task.limits.get("threads", 1)
    # the raw frames are not looked at, the lights are
    with (
        unchanged(replace(task, frames=[])),
        opened_lights(lights_of(task), facts, threads) as lights,
    ):
        reference, placed = place_lights(lights, settings["reference"], settings["leave"])
        own = _fit(placed, settings["min_frames"], Path(task.output).name)
        noises = shared_noise([each.light for each in own], task.masters)
        weights = weights_of(own, settings["weights"])
        stack, grid = _combined(own, weights, noises, reference, settings, task.limits)
        cards = _cards(placed, own, reference, grid, settings)
        header = stack_header(
            [each.light.header for each in own],
            reference.header,
            [each.light.facts for each in own],
            cards,
            stack.image,
            grid.wcs,
        )
        rows = list(_rows(placed, own, weights))
    add_recipe(header, task.recipe)
    noise = stack.footprints
    kernels = noise.correlation(grid.middle), noise.shared_correlation(grid.middle)
    factors = np.array([[factor_of(kernel, radius) for kernel in kernels] for radius in RADII])
    planes = stack_planes(stack, *kernels)
    tables = [
        ("APERTURE", aperture_table(RADII, factors), APERTURE_COLUMNS),
        ("FRAMES", frame_table(rows), FRAME_COLUMNS),
    ]
    compress = task.settings["products"]["compress"]
    write_product(task.output, [stack.image], header, None, compress, planes, tables)
    if task.record:
        depth = depth_of(stack, kernels, grid.scale, reference, own, weights)
        residuals = residuals_of(reference, own)
        found = records.stack_record(stack, rows, reference.name, depth, residuals)
        records.write_record(task.record, found, task.recipe)


def _fit(placed, fewest, name):
    """The lights that are in the stack.

    Raises
    ------
    CcdlibError
        If they are too few.
    """
    own = [each for each in placed if not each.left]
    if len(own) < fewest:
        reasons = "; ".join(f"{each.light.name}: {each.left}" for each in placed if each.left)
        raise CcdlibError(
            f"{name}: {len(own)} of {len(placed)} lights can be combined, stack.min_frames is "
            f"{fewest}: {reasons}"
        )
    return own


def _combined(placed, weights, noises, reference, settings, limits):
    """The stack of some lights, and its grid."""
    transforms = [each.registration.transform for each in placed]
    shapes = [each.light.shape for each in placed]
    grid = grid_of(settings, reference, transforms, shapes)
    refuse_without_memory(
        math.prod(grid.shape) * PIXEL_BYTES / 1e6,
        f"a stack of {grid.shape[1]} x {grid.shape[0]} pixels",
    )
    groups = groups_of([each.light for each in placed])
    skies: dict[str, Callable[[Placed], float]] = {
        "match": lambda each: reference.sky,
        "subtract": lambda each: 0.0,
        "keep": lambda each: each.light.sky * each.scale,
    }
    members = [
        Member(
            each.light,
            each.registration.transform,
            each.scale,
            each.light.sky,
            skies[settings["sky"]](each),
            float(weight),
            noise,
            group,
        )
        for each, weight, noise, group in zip(placed, weights, noises, groups, strict=True)
    ]
    memory = limits.get("memory_mb", _MEMORY_MB) - math.prod(grid.shape) * RESULT_BYTES / 1e6
    tiles = max(memory - PROCESS_MB, _LEAST_MB)
    return combine_lights(members, grid, settings, tiles, limits.get("threads", 1)), grid


def _cards(placed, own, reference, grid, settings) -> dict[str, Any]:
    """The cards of a stack by keyword, see `ccdlib.products.stack_headers`."""
    first = grid.base(0.0, 0.0)
    kind = settings["grid"] if isinstance(settings["grid"], str) else "given"
    return {
        "NCOMBINE": len(own),
        "NLEFT": len(placed) - len(own),
        "STKREF": reference.name,
        "STKREFX": round(float(first[0]), 6),
        "STKREFY": round(float(first[1]), 6),
        "STKSCALE": round(grid.scale, 9),
        "STKGRID": kind + (", north up" if settings["north_up"] else ""),
        "STKSAMP": settings["resampling"],
        "COMBMETH": settings["method"],
        "STKWGHT": settings["weights"],
        "STKCLIP": settings["clip"],
        "STKSKY": settings["sky"],
        "SKYSIG": reference.sky_error * grid.area,
        "EXPTIME": reference.exptime,
        "TEXPTIME": sum(each.light.exptime for each in own),
    }


def _rows(placed, own, weights):
    """The table of the lights; what is not known of one is NaN."""
    weight_of = {each.light.name: float(weight) for each, weight in zip(own, weights, strict=True)}
    for each in placed:
        light, found = each.light, each.registration
        yield {
            "FRAME": light.name,
            "SHA256": light.product.sha256,
            "LEFT": each.left,
            "EXPTIME": light.exptime,
            "NFOUND": len(light.stars),
            "FWHM": light.fwhm,
            "ELONG": light.elongation,
            "SKY": light.sky,
            "SKYERR": light.sky_error,
            "NOISE": light.noise,
            "NSTARS": found.n_stars if found else 0,
            "RMS": found.rms if found else float("nan"),
            "SCALE": each.scale,
            "SCALERR": each.scale_error,
            "WEIGHT": weight_of.get(light.name, 0.0),
            "TRANSFRM": found.transform.to_text() if found else "",
        }
