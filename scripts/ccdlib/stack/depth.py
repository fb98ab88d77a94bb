"""How faint a star a stack shows, beside its reference."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from .aperture import factors_at
from .footprints import disc
from .members import weights_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .combine import Stack
    from .lights import Light
    from .members import Placed

__all__ = ["depth_of"]

# of the radius in which a star's flux is best measured over the width with half its light
_RADIUS = 0.67


def depth_of(
    stack: Stack, apertures: np.ndarray, reference: Light, placed: Sequence[Placed], weights: str
) -> dict[str, float]:
    """Sigma of a star's flux on the sky of a stack, and on that of its reference.

    Parameters
    ----------
    stack : Stack
    apertures : structured ndarray
        Its table APERTURE.
    reference : Light
    placed : list of Placed
        The lights that are in it.
    weights : str
        See `weights_of`.

    Returns
    -------
    dict
        radius; stack and light, the sigmas in that radius; expected, how many times less that of
        the stack would be if the lights shared no noise and were as good as the reference.
    """
    radius = _RADIUS * reference.fwhm if math.isfinite(reference.fwhm) else 2.0
    pixels = disc(0.0, 0.0, radius)[0].size
    good = stack.image.dq == 0
    if not good.any():
        return {"radius": radius, "stack": math.nan, "light": math.nan, "expected": math.nan}
    variance = float(np.median(stack.image.variance[good]))
    common = float(np.median(stack.shared[good])) ** 2
    own_factor, shared_factor = factors_at(apertures, radius)
    deep = math.sqrt(pixels * (own_factor * (variance - common) + shared_factor * common))
    share = weights_of(placed, weights)
    noise = np.array([each.light.noise * each.scale for each in placed])
    expected = reference.noise / math.sqrt(float((share**2 * noise**2).sum()))
    single = reference.noise * math.sqrt(pixels)
    return {"radius": radius, "stack": deep, "light": single, "expected": expected}
