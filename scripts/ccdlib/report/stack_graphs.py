"""Graphs of a stack: how well its lights lie on each other, how sharp and how deep it is."""

import math
from collections.abc import Iterator
from typing import Any

from .page import figure, number
from .svgplot import arrows, points

__all__ = ["graphs_of", "width_of"]

# of the width of the image that the longer ones of the residual vectors are drawn over
_LONG, _QUANTILE = 0.06, 0.9
_FEWEST = 3


def width_of(record: dict[str, Any]) -> float | None:
    """How wide the stars of a stack are, in pixels of its reference; None where it is not known."""
    if not record.get("stars"):
        # an earlier version's
        return None
    found, scale = record["stars"]["fwhm"], record["depth"]["scale"]
    return found * scale if found and scale else None


def graphs_of(record: dict[str, Any]) -> Iterator[str]:
    """The graphs of a stack, as HTML; none of what there is too little for.

    Parameters
    ----------
    record : dict
        See `ccdlib.quality.records.stack_record`.
    """
    if not record.get("residuals"):
        # an earlier version's
        return
    own = [light for light in record["lights"] if not light["LEFT"]]
    if len(record["residuals"]["stars"]) >= _FEWEST:
        yield _residuals(record)
    if len(own) >= 2 and any(light["FWHM"] for light in own):
        yield _widths(record, own)
    if len(own) >= 2 and record["depth"]["stack"] and all(light["EXPTIME"] for light in own):
        yield _depth(record, own)


def _residuals(record):
    """What the registration leaves of each star, over the reference."""
    rows, shape = record["residuals"]["stars"], record["residuals"]["shape"]
    lengths = sorted(math.hypot(dx, dy) for _, _, dx, dy, _ in rows)
    long = lengths[int(_QUANTILE * (len(lengths) - 1))]
    times = _round(_LONG * shape[1] / long) if long else 1
    drawn = arrows([row[:4] for row in rows], shape, times, "what the registration leaves")
    return figure(
        drawn,
        f"mean of what is left between each of {len(rows)} stars of the reference and those of the "
        f"lights, drawn {times:g} times as long; half are below "
        f"{number(lengths[len(lengths) // 2], 2)} pixel",
    )


def _round(value):
    """A number of one digit."""
    power = 10.0 ** math.floor(math.log10(value))
    return math.floor(value / power) * power


def _widths(record, own):
    series = {
        "name": "lights",
        "x": list(range(1, len(own) + 1)),
        "y": [light["FWHM"] for light in own],
        "labels": [light["FRAME"] for light in own],
    }
    width = width_of(record)
    lines = [(width, "the stack")] if width else []
    drawn = points([series], "light", "width of stars [pixel]", lines=lines)
    return figure(drawn, "circles with half the light of a star, in pixels of the reference")


def _depth(record, own):
    """How much fainter a star is seen than in the reference, against the exposure time."""
    depth = record["depth"]
    (first,) = [light for light in own if light["FRAME"] == record["reference"]]
    noises = [light["NOISE"] * light["SCALE"] * math.sqrt(depth["pixels"]) for light in own]
    alone = {
        "name": "a light",
        "x": [math.sqrt(light["EXPTIME"] / first["EXPTIME"]) for light in own],
        "y": [depth["light"] / noise for noise in noises],
        "labels": [light["FRAME"] for light in own],
    }
    x, y, names = [], [], []
    time = weight = variance = 0.0
    for light, noise in zip(own, noises, strict=True):
        time += light["EXPTIME"]
        weight += light["WEIGHT"]
        variance += (light["WEIGHT"] * noise) ** 2
        x.append(math.sqrt(time / first["EXPTIME"]))
        y.append(depth["light"] * weight / math.sqrt(variance))
        names.append(f"up to {light['FRAME']}")
    together = {"name": "lights added, by their noise", "x": x, "y": y, "labels": names}
    gain = depth["light"] / depth["stack"]
    stack = {"name": "the stack, with all its noise", "x": x[-1:], "y": [gain], "labels": ["stack"]}
    low = min(alone["x"])
    drawn = points(
        [alone, together, stack],
        "root of the exposure time over that of the reference",
        "times as faint a star",
        curve=[(low, low), (x[-1], x[-1])],
    )
    unit = record["images"][0]["unit"]
    return figure(
        drawn,
        f"five sigma of a star's flux: {number(5 * depth['stack'])} {unit} in the stack, "
        f"{number(5 * depth['light'])} in the reference, within {number(depth['radius'], 2)} "
        "pixels on the sky; the line is the root of the exposure time",
    )
