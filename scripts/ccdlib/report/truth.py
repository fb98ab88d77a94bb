"""The report's comparison of the demo night with its simulated truth."""

from collections.abc import Iterable
from html import escape
from pathlib import Path

import numpy as np

from ..quality.thumbnails import reduced, zscale
from ..simulate.truth import compare, summary
from . import svgplot
from .page import figure, section, table
from .pictures import picture_of_array

__all__ = ["truth_section"]

_SIDE = 256
_COLUMNS = [
    "light",
    "pull: mean",
    "pull: standard deviation",
    "beyond 5 sigma",
    "expected",
    "cosmic-ray pixels flagged",
    "flagged elsewhere",
    "saturated or bled, flagged",
    "hot pixels flagged",
]


def _share(pair):
    found, there = pair
    return f"{found} of {there}", found / there if there else 1


def _row(name, numbers):
    return [
        escape(name),
        (f"{numbers['mean']:+.4f} &plusmn; {numbers['error']:.4f}", numbers["mean"]),
        f"{numbers['deviation']:.4f}",
        str(numbers["beyond_5"]),
        f"{numbers['expected_5']:.2f}",
        _share(numbers["cosmic_ray"]),
        str(numbers["false_cosmic_rays"]),
        _share(numbers["saturated"]),
        _share(numbers["hot"]),
    ]


def _histogram(pull):
    edges = np.linspace(-6, 6, 61)
    counts, _ = np.histogram(pull, edges)
    centers = (edges[1:] + edges[:-1]) / 2
    normal = np.exp(-(centers**2) / 2) / np.sqrt(2 * np.pi) * 0.2 * pull.size
    return svgplot.bars(
        edges.tolist(),
        counts.tolist(),
        "pull, (value - truth) / sigma",
        "pixels",
        curve=normal.tolist(),
        log=True,
    )


def _pictures(comparison):
    """Truth, result and pull of one light side by side."""
    low, high = zscale(comparison.data, comparison.flags == 0)
    name = escape(comparison.name)
    stretch = f"{low:.0f} to {high:.0f} electrons"
    images = [
        (comparison.truth, low, high, f"{name}: truth, {stretch}"),
        (comparison.data, low, high, f"calibrated, {stretch}"),
        (np.nan_to_num(comparison.pull), -5, 5, "pull, -5 to 5 sigma; flagged pixels grey"),
    ]
    shown = [
        figure(picture_of_array(reduced(image, _SIDE), black, white, caption), caption)
        for image, black, white, caption in images
    ]
    pull = comparison.pull[np.isfinite(comparison.pull)]
    curve = "pull of the pixels that are not flagged; the line is a normal distribution"
    return f'<div class="grid-of">{"".join(shown)}{figure(_histogram(pull), curve)}</div>'


def truth_section(products: Iterable[str | Path], truth_dir: str | Path) -> str:
    """The section of the page.

    Parameters
    ----------
    products : list of path
        Calibrated lights of the demo night, in electrons.
    truth_dir : path

    Returns
    -------
    str
        HTML; empty without lights.
    """
    rows, pictures, seen = [], [], set()
    for product in products:
        found = compare(product, truth_dir)
        if found is None:
            continue
        rows.append(_row(found.name, summary(found)))
        if found.filter not in seen:
            seen.add(found.filter)
            pictures.append(_pictures(found))
    if not rows:
        return ""
    lead = (
        "The demo night is simulated, so the light that fell on each pixel is known. Where sigma "
        "is true, the pull (value - truth) / sigma has mean 0 and standard deviation 1."
    )
    body = table(_COLUMNS, rows, name="lights against the truth") + "".join(pictures)
    return section("Against the truth", body, "truth", lead)
