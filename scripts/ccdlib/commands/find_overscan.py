"""Where the light ends in a raw frame: its overscan columns, found in the pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..camera.headers import Headers
from ..statistics.robust import robust_sigma

__all__ = ["Edge", "Pixels", "column_medians", "find_edge", "levels_of", "picture"]

# largest fraction of the width that can be overscan on one side
_WIDEST = 0.25
# the light must stand out by this many times the columns' own scatter
_CONTRAST = 20.0
_TRAIL = 4.0
# and must fall by this share within four columns
_SHARP = 0.4


@dataclass(frozen=True)
class Edge:
    """Columns without light on one side of an image.

    Attributes
    ----------
    side : str
        'right' or 'left'.
    first, last : int
        Columns, one-based, of the overscan without trailing charge.
    trailing : int
        Columns between it and the light whose level differs: charge that trails out of the
        image, or the undershoot of the electronics.
    light, level : float
        Medians in adu, of the exposed columns and of the overscan.
    """

    side: str
    first: int
    last: int
    trailing: int
    light: float
    level: float


def _columns(image):
    """Median of each column, over the middle half of the rows."""
    rows = image.shape[0]
    return np.median(image[rows // 4 : rows - rows // 4].astype(np.float64), axis=0)


def _dark_columns(profile, light):
    """The number of columns without light at the start of a profile, with level and scatter."""
    reach = int(len(profile) * _WIDEST)
    level = np.median(profile[:5])
    scatter = max(robust_sigma(profile[:5], level), 0.5)
    if light - level < _CONTRAST * scatter:
        return 0, level, scatter
    below = profile[:reach] < level + 0.5 * (light - level)
    count = int(np.argmin(below)) if not below.all() else 0
    # vignetting falls as far, but not within four columns
    if count >= 2 and profile[count + 2] - profile[count - 2] < _SHARP * (light - level):
        count = 0
    return count, level, scatter


def find_edge(image: np.ndarray) -> Edge | None:
    """The overscan of a bright frame with one amplifier; None if it shows none.

    Parameters
    ----------
    image : ndarray, shape (ny, nx)
        A flat, or another frame whose sky stands well above the bias.

    Returns
    -------
    Edge or None
        The wider side, when both have one.
    """
    profile = _columns(image)
    nx = len(profile)
    light = float(np.median(profile[nx // 4 : nx - nx // 4]))
    found = []
    for side, one in (("right", profile[::-1]), ("left", profile)):
        count, level, _ = _dark_columns(one, light)
        if count < 3:
            continue
        inner = one[: max(count // 2, 3)]
        level = float(np.median(inner))
        scatter = max(robust_sigma(inner, level), 0.5)
        off = np.flatnonzero(np.abs(one[:count] - level) > _TRAIL * scatter)
        # only columns next to the light count, not an odd one further out
        trailing = 0
        while trailing < count and count - 1 - trailing in off:
            trailing += 1
        clean = count - trailing
        if clean < 3:
            continue
        first, last = (nx - clean + 1, nx) if side == "right" else (1, clean)
        found.append(Edge(side, first, last, trailing, light, level))
    return max(found, key=lambda edge: edge.last - edge.first, default=None)


@dataclass(frozen=True)
class Pixels:
    """What the pixels of a folder show of its cameras' columns.

    Attributes
    ----------
    bright : ndarray
        A bright frame, best a flat.
    headers : Headers
        Its headers.
    dark : list of ndarray
        `column_medians` of some frames without light, of the same shape.
    """

    bright: np.ndarray
    headers: Headers
    dark: list[np.ndarray]


# a step of a strip's level must stand out by this many of its errors
_STEP = 6.0
# adu: medians of whole numbers differ by one for no reason, and the bias takes out so small a step
_LEAST_STEP = 2.0
# columns on both sides of a border between amplifiers
_BESIDE = 8


def column_medians(image: np.ndarray) -> np.ndarray:
    """Median of each column, over the middle half of the rows."""
    return _columns(image)


def levels_of(
    profiles: Sequence[np.ndarray], first: int, last: int, parts: int
) -> np.ndarray | None:
    """The levels of equal parts of an overscan, where they are of amplifiers side by side.

    The data of frames without light must step where one amplifier ends, and by as much as the
    overscan does.

    Parameters
    ----------
    profiles : list of ndarray
        `column_medians` of frames without light.
    first, last : int
        Columns of the overscan, one-based; the light is before them, or behind.
    parts : int

    Returns
    -------
    ndarray or None, shape (frames, parts)
        adu.
    """
    width = last - first + 1
    start, length = (0, first - 1) if first > 1 else (last, len(profiles[0]) - last)
    if width % parts or length % parts or width // parts < 3 or length // parts < _BESIDE:
        return None
    strips = np.array([one[first - 1 : last].reshape(parts, -1) for one in profiles])
    levels = np.median(strips, axis=2)
    # scatter of a column about its part's level, of all frames together
    errors = robust_sigma((strips - levels[:, :, None]).ravel(), 0.0) * (width / parts) ** -0.5
    edges = start + length // parts * np.arange(1, parts)
    steps = np.array(
        [
            [np.median(one[e : e + _BESIDE]) - np.median(one[e - _BESIDE : e]) for e in edges]
            for one in profiles
        ]
    )
    apart = np.diff(levels, axis=1)
    seen = np.abs(apart) > max(_STEP * np.hypot(errors, errors), _LEAST_STEP)
    # the bias has a pattern of its own, a few adu from column to column
    same = np.abs(apart - steps) < np.maximum(0.3 * np.abs(apart), 3.0)
    return levels if seen.any(axis=0).all() and same[seen].all() else None


def picture(profile: np.ndarray, width: int = 64) -> str:
    """Column medians as a line of small bars, the lowest to the highest of most columns."""
    bars = "▁▂▃▄▅▆▇█"
    edges = np.linspace(0, len(profile), min(width, len(profile)) + 1).astype(int)
    values = np.array([np.median(profile[a:b]) for a, b in pairwise(edges)])
    low, high = np.percentile(values, [2, 98])
    height = np.clip((values - low) / max(high - low, 1e-9), 0, 1) * (len(bars) - 1)
    return "".join(bars[round(float(each))] for each in height)
