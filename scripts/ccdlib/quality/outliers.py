"""Frames that a person would take out: each is compared with the others of its kind.

Every limit is two at once. The frame must stand out from the scatter of the others, and by an
amount that can be seen in its picture; with the first alone a very even night would flag frames
that nothing is wrong with, with the second alone an uneven one would.
"""

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np

from ..statistics.robust import MAD_TO_SIGMA

__all__ = ["light_outliers", "member_outliers", "odd_of_light", "relative_flux"]

# an outlier is measured against the others' scatter, and there is none in fewer frames
_FEWEST = 3
_SPREADS = 6.0
# of a bias or dark: change of level, and unevenness, in units of one pixel's noise
_LEVEL_NOISE = 1.0
_STRUCTURE_NOISE = 0.3
# of a flat: unevenness over its level
_FLAT_STRUCTURE = 0.005
_DARK_SIGNAL = 0.05
_NOISE_RATIO = 1.3
_CLIPPED_PIXELS = 30
_FACTOR = 3.0
# of a light
_ELONGATION = 1.5
_FWHM_RATIO = 1.5
_FLUX_RATIO = 0.7
_COUNT_RATIO = 0.375
# the same star in two frames, in pixels; a light is compared with so many others
_SAME_PLACE = 2.5
_COMPARED = 6
_SKY_RATIO = 1.5
_PULL = 1.3
_FEWEST_STARS = 5
_CAUSES = {
    "bias": "a light leak or interference?",
    "dark": "a light leak?",
    "flat": "another filter, a gradient, or the lamp?",
}


def _others(values, number):
    """Median and robust standard deviation of the other frames' values, None where there are few.

    What a frame has no value of does not count.
    """
    rest = [value for place, value in enumerate(values) if place != number and value is not None]
    if len(rest) < _FEWEST - 1 or values[number] is None:
        return None
    middle = median(rest)
    return middle, MAD_TO_SIGMA * median(abs(value - middle) for value in rest)


def _worst(frames, name):
    """For each frame, the value of the image of it where it is largest."""
    found = []
    for frame in frames:
        values = [image[name] for image in frame["images"] if image[name] is not None]
        found.append(max(values, key=abs) if values else None)
    return found


def _column(frames, name):
    """For each frame, the mean over its images."""
    found = []
    for frame in frames:
        values = [image[name] for image in frame["images"] if image[name] is not None]
        found.append(sum(values) / len(values) if values else None)
    return found


def _level(kind, frames, number):
    levels, noises = _column(frames, "level"), _column(frames, "noise")
    near = _others(levels, number)
    if kind == "flat" or near is None or noises[number] is None:
        return
    change = levels[number] - near[0]
    if abs(change) > max(_SPREADS * near[1], _LEVEL_NOISE * noises[number]):
        yield f"level {change:+.3g} adu from the others' {near[0]:.4g} adu"


def _structure(kind, frames, number):
    """Unevenness that the others do not have: a gradient, a leak, another filter's dust."""
    values, floor = _worst(frames, "structure"), _worst(frames, "structure_noise")
    noises = _column(frames, "noise")
    near = _others(values, number)
    if near is None or noises[number] is None:
        return
    seen = _FLAT_STRUCTURE if kind == "flat" else _STRUCTURE_NOISE * noises[number]
    if values[number] > max(_FACTOR * near[0], _FACTOR * floor[number], seen):
        unit = "of its level" if kind == "flat" else "adu"
        amount = f"{values[number]:.2%}" if kind == "flat" else f"{values[number]:.3g}"
        yield f"uneven against the others by {amount} {unit}: {_CAUSES[kind]}"


def _signal(kind, frames, number):
    """A dark of another exposure time or temperature: its hot pixels tell."""
    signals = _column(frames, "signal")
    near = _others(signals, number)
    if kind != "dark" or near is None or not near[0]:
        return
    change = signals[number] / near[0] - 1
    if abs(change) > max(_DARK_SIGNAL, _SPREADS * near[1] / abs(near[0])):
        yield (
            f"hot pixels hold {1 + change:.2f} times the others' charge: wrong exposure time or "
            "temperature?"
        )


def _noise(kind, frames, number):
    noises = _column(frames, "noise")
    near = _others(noises, number)
    if kind == "flat" or near is None:
        return
    # frames of one value have none
    if noises[number] > max(_NOISE_RATIO * near[0], near[0] + _SPREADS * near[1]):
        yield f"noise {noises[number]:.3g} adu, {near[0]:.3g} in the others"


def _clipped(kind, frames, number):
    """Pixels that the other frames disagree with: in a flat a star, in a dark a shower of hits."""
    counts = [frame["clipped_pixels"] for frame in frames]
    near = _others(counts, number)
    if near is None:
        return
    usual = near[0] + _SPREADS * max(near[1], math.sqrt(near[0] + 1))
    if counts[number] > max(_CLIPPED_PIXELS, usual, _FACTOR * near[0]):
        cause = "a star, or a row of its own?" if kind == "flat" else "cosmic rays or light?"
        yield f"{counts[number]} pixels clipped, {near[0]:.0f} in the others: {cause}"


def member_outliers(kind: str, frames: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """What is odd about each raw frame of a master.

    Parameters
    ----------
    kind : {'bias', 'dark', 'flat'}
    frames : list of dict
        Each with clipped_pixels and images, see `ccdlib.quality.member_statistics`.

    Returns
    -------
    list of list of str
        For each frame its reasons; empty for a good one, and for all of fewer than three.
    """
    tests = (_signal, _level, _structure, _noise, _clipped)
    return [
        [reason for test in tests for reason in test(kind, frames, number)]
        for number in range(len(frames))
    ]


def _stars(light, name):
    stars = light.get("stars") or {}
    if name != "count" and stars.get("measured", 0) < _FEWEST_STARS:
        return None
    return stars.get(name)


def _trailed(group, number):
    values = [_stars(light, "elongation") for light in group]
    if values[number] is None or values[number] <= _ELONGATION:
        return
    near = _others(values, number)
    # a single frame has only roundness to go by
    if near is None or values[number] > 1.25 * near[0]:
        yield f"stars {values[number]:.1f} times as long as wide: trailed?"


def _blurred(group, number):
    values = [_stars(light, "fwhm") for light in group]
    near = _others(values, number)
    if near and values[number] > max(_FWHM_RATIO * near[0], near[0] + _SPREADS * near[1]):
        yield f"stars {values[number]:.1f} pixels wide, {near[0]:.1f} in the others: focus?"


def _rate(light, value):
    return value / light["exptime"] if value is not None and light["exptime"] else None


def relative_flux(light: Mapping[str, Any], other: Mapping[str, Any]) -> float | None:
    """How bright a light's stars are over the same stars in another, None when too few are.

    The telescope may have moved: the shift is the one that brings most stars together.

    Parameters
    ----------
    light, other : dict
        As for `light_outliers`; with stars.
    """
    lists = [np.array(each["stars"]["brightest"]).reshape(-1, 3) for each in (light, other)]
    if min(map(len, lists)) < _FEWEST_STARS or not light["exptime"] or not other["exptime"]:
        return None
    (here, flux), (there, reference) = [(each[:, :2], each[:, 2]) for each in lists]
    shifts = [np.subtract.outer(here[:, axis], there[:, axis]).ravel() for axis in range(2)]
    # an axis after the other: numpy is slow along a last one of two
    x, y = (np.abs(np.subtract.outer(own, own)) <= _SAME_PLACE for own in shifts)
    matches = x & y
    best = matches[matches.sum(axis=1).argmax()]
    mine, theirs = np.nonzero(best.reshape(len(here), len(there)))
    if len(mine) < _FEWEST_STARS:
        return None
    ratio = np.median(flux[mine] / reference[theirs])
    return float(ratio * other["exptime"] / light["exptime"])


def _clouded(group, number):
    """Far fewer stars, or the same ones fainter."""
    counts = [_stars(light, "count") for light in group]
    many = _others(counts, number)
    if many and many[0] >= 2 * _FEWEST_STARS and counts[number] < _COUNT_RATIO * many[0]:
        yield f"{counts[number]} stars, {many[0]:.0f} in the others: clouds?"
        return
    others = [other for place, other in enumerate(group) if place != number and other.get("stars")]
    if not group[number].get("stars") or len(others) < _FEWEST - 1:
        return
    found = [
        relative_flux(group[number], other) for other in others[:: len(others) // _COMPARED + 1]
    ]
    ratios = [ratio for ratio in found if ratio is not None]
    if len(ratios) >= _FEWEST - 1 and median(ratios) < _FLUX_RATIO:
        yield f"stars {median(ratios):.0%} as bright as in the others: clouds?"


def _sky(group, number):
    values = [_rate(light, light["background"]) for light in group]
    near = _others(values, number)
    if not near or near[0] <= 0:
        return
    ratio = values[number] / near[0]
    apart = abs(values[number] - near[0]) > _SPREADS * near[1]
    if apart and not 1 / _SKY_RATIO < ratio < _SKY_RATIO:
        cause = "clouds, moon or twilight?" if ratio > 1 else "exposure time or shutter?"
        yield f"sky {ratio:.2f} times as bright as in the others: {cause}"


def _untrue(group, number):
    pull = group[number]["pull"]
    values = [light["pull"] for light in group]
    near = _others(values, number)
    if pull is not None and pull > _PULL and (near is None or pull > near[0] + _SPREADS * near[1]):
        yield f"pixels scatter {pull:.2f} times as much as their sigma says"


def light_outliers(lights: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """What is odd about each light, beside those of the same object and filter.

    Parameters
    ----------
    lights : list of dict
        Each with object, filter, exptime (s), background (sky level), pull (measured over quoted
        noise) and stars (dict of `ccdlib.quality.stars.Stars`, or None).

    Returns
    -------
    list of list of str
        For each light its reasons; empty for a good one.
    """
    groups: dict[tuple, list[int]] = {}
    for number, light in enumerate(lights):
        groups.setdefault((light["object"], light["filter"]), []).append(number)
    reasons: list[list[str]] = [[] for _ in lights]
    for numbers in groups.values():
        group = [lights[number] for number in numbers]
        for place, number in enumerate(numbers):
            reasons[number] = odd_of_light(group, place)
    return reasons


def odd_of_light(group: Sequence[Mapping[str, Any]], number: int) -> list[str]:
    """What is odd about one of several lights of one object and filter.

    Parameters
    ----------
    group : list of dict
        As for `light_outliers`.
    number : int
        Its place among them.
    """
    tests = (_trailed, _blurred, _clouded, _sky, _untrue)
    return [reason for test in tests for reason in test(group, number)]
