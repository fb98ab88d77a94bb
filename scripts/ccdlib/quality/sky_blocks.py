"""The sky of a light in few blocks, and what the skies of several lights have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..statistics.mesh import block_levels
from ..statistics.robust import robust_sigma

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..frame.image import Image

__all__ = ["SIDE", "difference", "shared_structure", "sky_blocks"]

# blocks along a side
SIDE = 8
# pixels of which a sample is taken
_PIXELS = 60_000
# fewest lights whose skies can have something in common
_FEWEST = 3


def sky_blocks(image: Image) -> dict[str, list[list[float]]]:
    """The sky in blocks of an image, from a sample of its rows.

    Parameters
    ----------
    image : Image

    Returns
    -------
    dict
        level and sigma, 8 x 8 numbers each; NaN for a block without pixels.
    """
    step = max(image.data.size // _PIXELS, 1)
    data, good = image.data[::step], image.dq[::step] == 0
    y, x = (np.linspace(0, length, SIDE + 1).round().astype(int) for length in data.shape)
    found = block_levels(data, good, y, x)
    return {"level": found.level.tolist(), "sigma": np.sqrt(found.variance).tolist()}


def shared_structure(blocks: Sequence[dict[str, Any]]) -> tuple[float, float] | None:
    """How uneven the mean sky of lights is, without the blocks at the edges.

    Parameters
    ----------
    blocks : list of dict
        From `sky_blocks`; None for NaN, as in a record.

    Returns
    -------
    mad : float
        1.4826 times the median distance of a block of the lights' median from its own, relative.
    error : float
        What that would be for an even sky, from the scatter between the lights.
        None instead of both for fewer than three lights with a sky.
    """
    levels = np.array([each["level"] for each in blocks], float)[:, 1:-1, 1:-1]
    # one that is saturated in a block, or all over, does not count
    levels = levels[np.isfinite(levels).all(axis=(1, 2))]
    if len(levels) < _FEWEST:
        return None
    middle = np.median(levels, axis=(1, 2))
    levels, middle = levels[middle > 0], middle[middle > 0]
    if len(levels) < _FEWEST:
        return None
    relative = levels / middle[:, None, None]
    common = np.median(relative, axis=0)
    # of a median, from the lights' distances to it; one field full of a nebula does not count
    scatter = 1.4826 * np.median(np.abs(relative - common)) * len(relative) / (len(relative) - 1)
    error = scatter * np.sqrt(np.pi / 2 / len(relative))
    return float(robust_sigma(common.ravel())), float(error)


def difference(first: dict[str, Any], second: dict[str, Any]) -> float | None:
    """How unevenly two flats differ, without the blocks at the edges.

    Parameters
    ----------
    first, second : dict
        From `sky_blocks`.

    Returns
    -------
    float or None
        1.4826 times the median distance of a block of their ratio from its median, relative; None
        where a block has no level.
    """
    one, other = (np.array(each["level"], float)[1:-1, 1:-1] for each in (first, second))
    if not (np.isfinite(one / other).all() and (other > 0).all()):
        return None
    ratio = one / other
    return float(robust_sigma((ratio / np.median(ratio)).ravel()))
