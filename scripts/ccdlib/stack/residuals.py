"""What the registration of a stack's lights leaves between the places of their stars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .lights import Light
    from .members import Placed

__all__ = ["residuals_of"]


def residuals_of(reference: Light, placed: Sequence[Placed]) -> dict[str, Any]:
    """How far the stars of the lights lie from where those of the reference are, on average.

    Parameters
    ----------
    reference : Light
    placed : list of Placed
        The lights that are in the stack.

    Returns
    -------
    dict
        shape, of the reference; stars, [x, y, dx, dy, number] of each that another light shows as
        well: its column and row, the mean of what is left along both in pixels of the reference,
        and of how many lights.
    """
    # that of the reference has none
    parts = [each.registration.residuals for each in placed if each.registration]
    whole = np.concatenate([np.empty((0, 4)), *parts])
    places, which = np.unique(whole[:, :2], axis=0, return_inverse=True)
    which = which.ravel()
    number = np.bincount(which, minlength=len(places))
    left = [np.bincount(which, whole[:, axis], len(places)) / number for axis in (2, 3)]
    stars = np.round(np.column_stack([places, *left, number]), 4).tolist()
    return {"shape": list(reference.shape), "stars": stars}
