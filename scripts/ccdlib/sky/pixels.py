"""The pixels that lights have in common: what a sky flat and a fringe frame are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..statistics.clip import Clip
from ..statistics.combine import combine_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .lights import SkyLight

__all__ = ["CommonPixels", "common_pixels"]

# values further than this many sigma of the lights' noise from their median are left out
_CLIP = Clip("sigma", low=4.0, high=4.0, center="median", spread="noise", iterations=3)
# bytes of a band of one light's pixels, with all that is made of them
_BYTES = 24


@dataclass(frozen=True)
class CommonPixels:
    """The weighted mean of lights over their skies, 1 where they are as bright as these.

    Attributes
    ----------
    data : ndarray of float32, shape (ny, nx)
        NaN without a value.
    variance : ndarray of float32
        Of the mean, by the lights' variances.
    weight : ndarray of float32
        Sum of the weights of the lights that show sky there: light i has the share w_i over it.
    count : ndarray of uint16
        Lights that it is made of.
    """

    data: np.ndarray
    variance: np.ndarray
    weight: np.ndarray
    count: np.ndarray


def common_pixels(
    lights: Sequence[SkyLight],
    common: np.ndarray | None,
    memory_mb: float = 1500,
    threads: int = 1,
) -> CommonPixels:
    """Combine the sky of lights pixel by pixel.

    Parameters
    ----------
    lights : list of SkyLight
        With their scales and weights.
    common : ndarray of float32 or None
        What is divided out, pixel by pixel; None for nothing.
    memory_mb : float
        What the process may use; the result does not depend on it.
    threads : int
        Nor on these.
    """
    shape = lights[0].shape
    data, variance, weight = (np.empty(shape, np.float32) for _ in range(3))
    found = CommonPixels(data, variance, weight, np.empty(shape, np.uint16))
    height = max(int(memory_mb * 1e6 / 2 / (_BYTES * len(lights) * shape[1])), 1)
    weights = np.array([each.weight for each in lights])
    for start in range(0, shape[0], height):
        rows = slice(start, min(start + height, shape[0]))
        divisor = 1.0 if common is None else common[rows]
        parts = [each.relative(rows, divisor) for each in lights]
        values, variances, masks = zip(*parts, strict=True)
        made = combine_values(
            list(values),
            mask=list(masks),
            variance=list(variances),
            weights=weights,
            clip=_CLIP,
            threads=threads,
        )
        found.data[rows], found.variance[rows] = made.data, made.model_variance
        found.count[rows] = made.count
        found.weight[rows] = sum(
            (weight * ~mask for weight, mask in zip(weights, masks, strict=True)),
            np.zeros(made.data.shape, np.float32),
        )
    return found
