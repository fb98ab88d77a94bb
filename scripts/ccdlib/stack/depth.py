"""How faint a star a stack shows, beside its reference."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from .aperture import disc, sigma_on_sky

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .combine import Stack
    from .lights import Light
    from .members import Placed

__all__ = ["depth_of"]

# of the radius in which a star's flux is best measured over the width with half its light
_RADIUS = 0.67


def depth_of(
    stack: Stack,
    kernels: tuple[np.ndarray, np.ndarray],
    scale: float,
    reference: Light,
    placed: Sequence[Placed],
    weights: np.ndarray,
) -> dict[str, float]:
    """Sigma of a star's flux on the sky of a stack, and on that of its reference.

    Parameters
    ----------
    stack : Stack
    kernels : (ndarray, ndarray)
        Its correlations of own and of shared noise.
    scale : float
        Side of its pixels in those of the reference.
    reference : Light
    placed : list of Placed
        The lights that are in it.
    weights : ndarray of float64
        From `weights_of`.

    Returns
    -------
    dict
        radius, in pixels of the reference, and pixels, their number in it; scale; stack and light,
        the sigmas in that radius; expected, how many times less that of the stack would be if the
        lights shared no noise and were as good as the reference.
    """
    radius = _RADIUS * reference.fwhm if math.isfinite(reference.fwhm) else 2.0
    pixels = disc(0.0, 0.0, radius)[0].size
    good = stack.image.dq == 0
    if not good.any():
        values = ("radius", "pixels", "scale", "stack", "light", "expected")
        return dict.fromkeys(values, math.nan)
    variance = float(np.median(stack.image.variance[good]))
    common = float(np.median(stack.shared[good]))
    own = radius / scale
    deep = sigma_on_sky(variance, common, kernels, own)
    noise = np.array([each.light.noise * each.scale for each in placed])
    expected = reference.noise / math.sqrt(float((weights**2 * noise**2).sum()))
    single = reference.noise * math.sqrt(pixels)
    found = {"radius": radius, "pixels": float(pixels), "scale": scale}
    return found | {"stack": deep, "light": single, "expected": expected}
