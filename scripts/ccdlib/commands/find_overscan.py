"""Where the light ends in a raw frame: its overscan columns, found in the pixels."""

from dataclasses import dataclass

import numpy as np

from ..statistics.robust import robust_sigma

__all__ = ["Edge", "find_edge"]

# largest fraction of the width that can be overscan on one side
_WIDEST = 0.2
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
