"""Which lights are in a stack, how they lie on its reference, and what each counts for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import CcdlibError
from ..registration.match_stars import NotMatched
from ..registration.register import Registration, register_stars
from ..registration.transforms import Transform
from .wcs_of import guess_of_headers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .lights import Light

__all__ = ["Placed", "place_lights", "weights_of"]

# stars by which the reference is chosen
_BRIGHTEST = 30
# lights that are tried as the reference: without an end, a hundred lights of a hundred fields take
# hours to be told apart
_TRIED = 12
# a worse ratio of fluxes than this, relative, says less than the exposure times
_WORST_SCALE = 0.2
# of stars that are ten sigma bright in both lights, noise scatters the ratios by 0.14; where they
# scatter by more than this the stars are blends, or jumped while the shutter was open
_LARGEST_SCATTER = 0.25
# fewer tell no scatter
_FEWEST_RATIOS = 5


@dataclass(frozen=True)
class Placed:
    """A light and how it lies on the reference of its stack.

    Attributes
    ----------
    light : Light
    registration : Registration or None
        None for one that could not be registered.
    scale, scale_error : float
        Flux of the reference over its own; the error is 0 for the reference, and NaN where the
        exposure times tell the scale.
    left : str
        Why it is left out of the stack; empty for one that is in it.
    """

    light: Light
    registration: Registration | None
    scale: float
    scale_error: float
    left: str


def _brightness(light):
    """Median signal over noise of the brightest stars, by which the best light is chosen."""
    stars = light.stars
    if not len(stars):
        return -math.inf
    ratio = stars.flux[:_BRIGHTEST] / stars.flux_error[:_BRIGHTEST]
    # of lights that show as bright stars the one with more of them
    return float(np.median(ratio)) * math.sqrt(min(len(stars), _BRIGHTEST) / _BRIGHTEST)


def _moment(light):
    text = light.facts.get("date_obs")
    return datetime.fromisoformat(text) if text else datetime.max


def place_lights(
    lights: Sequence[Light], wanted: str, leave: dict[str, Any]
) -> tuple[Light, list[Placed]]:
    """Choose the reference of a stack, and bring its lights onto it.

    Parameters
    ----------
    lights : list of Light
    wanted : str
        The reference: 'first', the name of a light, or 'best', the one with the most light from
        stars against the noise onto which half of the others can be brought. One that shows
        another field, or whose stars are streaks, takes the others with it nowhere. The best is
        taken as well where the light that is named is one of another stack.
    leave : dict
        Limits beyond which a light is left out: max_fwhm, max_elongation, max_sky, min_stars and
        min_transparency; None is no limit.

    Returns
    -------
    reference : Light
    placed : list of Placed
        In the order of the lights.

    Raises
    ------
    CcdlibError
        If the light that is named, or every light, is left out.
    """
    unfit = _unfit(lights, leave)
    found: list[tuple[int, Light, list[Placed]]] = []
    for reference in _in_turn(_candidates(lights, wanted, unfit), found):
        placed = [_placed(light, reference, unfit[light.name], leave) for light in lights]
        there = sum(each.registration is not None for each in placed)
        found.append((there, reference, placed))
        if 2 * there > len(lights) - sum(map(bool, unfit.values())):
            break
    _, reference, placed = max(found, key=lambda each: each[0])
    return reference, placed


def _in_turn(candidates, found):
    """The candidates, those last that were brought onto one before: they show what it shows."""
    waiting = list(candidates)
    while waiting and len(found) < _TRIED:
        joined = {each.light.name for *_, placed in found for each in placed if each.registration}
        number = next((n for n, each in enumerate(waiting) if each.name not in joined), 0)
        yield waiting.pop(number)


def _candidates(lights, wanted, unfit):
    """The lights that may be the reference, the better ones first."""
    # the plan refuses a name that is in no stack
    if wanted in unfit:
        if unfit[wanted]:
            raise CcdlibError(f"stack.reference={wanted!r} is to be left out: {unfit[wanted]}")
        return [light for light in lights if light.name == wanted]
    fit = [light for light in lights if not unfit[light.name]]
    if not fit:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in unfit.items())
        raise CcdlibError(f"every light is to be left out: {reasons}")
    if wanted == "first":
        return [min(fit, key=lambda light: (_moment(light), light.name))]
    return sorted(fit, key=_brightness, reverse=True)


def _unfit(lights, leave):
    """{name: why a light is left out whatever it is registered on, empty if it is not}."""
    first: dict[Any, str] = {}
    flat = [light for light in lights if _is_flat(light)]
    found = {}
    for light in lights:
        stars = light.stars
        same = tuple(each.tobytes() for each in (stars.x, stars.y, stars.flux))
        other = first.setdefault(same, light.name)
        if not math.isfinite(light.noise):
            found[light.name] = "every pixel is flagged"
        elif len(stars) and other != light.name:
            found[light.name] = f"same pixels as {other}: one exposure under two names"
        elif not _is_flat(light) and 2 * len(flat) >= len(lights):
            found[light.name] = f"it is not divided by a flat, {flat[0].name} is"
        else:
            found[light.name] = _beyond(light, leave)
    return found


def _is_flat(light):
    """Whether it was divided by a flat, here or before it came here."""
    before = str(light.facts.get("done") or "").partition(" ")[0].split("+")
    return light.header.get("FLATSHA") is not None or "flat" in before


def _beyond(light, leave):
    """Which limit a light is beyond, in words; empty for none."""
    for value, key, what in (
        (light.fwhm, "max_fwhm", "the width of its stars"),
        (light.elongation, "max_elongation", "the elongation of its stars"),
        (light.sky, "max_sky", "its sky"),
    ):
        limit = leave[key]
        # NaN, without a star, is beyond no limit: the number of stars is
        if limit is not None and value > limit:
            return f"{what} is {value:.4g}, stack.leave.{key} is {limit:g}"
    fewest = leave["min_stars"]
    if fewest is not None and len(light.stars) < fewest:
        return f"it has {len(light.stars)} stars, stack.leave.min_stars is {fewest}"
    return ""


def _placed(light, reference, left, leave):
    if light is reference:
        own = Registration(Transform.identity(), len(light.stars), 0.0, 1.0, 0.0, 0, 0.0)
        return Placed(light, own, 1.0, 0.0, "")
    if not left and light.image.unit != reference.image.unit:
        left = (
            f"it is in {light.image.unit}, the reference {reference.name} in {reference.image.unit}"
        )
    if left:
        return Placed(light, None, math.nan, math.nan, left)
    guess = guess_of_headers(reference, light)
    try:
        found = register_stars(light.stars, reference.stars, guess)
    except NotMatched as error:
        return Placed(light, None, math.nan, math.nan, f"not registered: {error}")
    scale, spread = found.flux_ratio, found.flux_ratio_error
    scatter = spread / scale * math.sqrt(found.flux_stars)
    if scatter > _LARGEST_SCATTER and found.flux_stars >= _FEWEST_RATIOS:
        left = (
            f"its stars are of no one flux scale: {found.flux_stars} ratios to those of "
            f"{reference.name} scatter by {100 * scatter:.0f} %"
        )
        return Placed(light, found, scale, spread, left)
    if not spread <= _WORST_SCALE * scale:
        scale, spread = _by_exposure(light, reference), math.nan
    least, seen = leave["min_transparency"], 1 / (scale * _by_exposure(reference, light))
    if least is not None and seen < least:
        left = f"its transparency is {seen:.3g}, stack.leave.min_transparency is {least:g}"
    return Placed(light, found, scale, spread, left)


def _by_exposure(light, reference):
    """Exposure time of the reference over that of a light; 1 where one is not known."""
    return reference.exptime / light.exptime if light.exptime and reference.exptime else 1.0


def weights_of(placed: Sequence[Placed], kind: str) -> np.ndarray:
    """What each light that is in the stack counts for, their sum is 1.

    Parameters
    ----------
    placed : list of Placed
    kind : {'seeing', 'noise', 'equal'}
        ``1 / (s^2 w)``, ``1 / s^2`` or the same for all; s is the noise of the sky on the common
        scale, w the width of the stars.

    Returns
    -------
    ndarray of float64

    Notes
    -----
    The flux of a star is best measured in the stack with the stack's own profile, of width W. Of
    the signal in a light that catches a part in proportion to ``1 / (w^2 + W^2)``, which falls as
    1 / w about W, and a sum of signals a has the largest ratio to its noise with weights
    ``a / s^2``.
    """
    weights = np.ones(len(placed))
    if kind != "equal":
        weights = np.array([1 / (each.light.noise * each.scale) ** 2 for each in placed])
    widths = np.array([each.light.fwhm for each in placed])
    if kind == "seeing" and np.isfinite(widths).all():
        weights /= widths
    return weights / weights.sum()
