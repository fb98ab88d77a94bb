"""What the pixels of a frame say of its type, beside the other frames of its camera.

Frames are compared with those that surely saw no light, part by part, so that neither a pattern of
the bias nor an overscan counts as light.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..statistics.robust import MAD_TO_SIGMA
from .pixel_look import LEAST_NOISE

__all__ = ["LONGEST_BIAS", "Seen", "at_odds", "seen_in"]

# seconds up to which a bias may be exposed
LONGEST_BIAS = 1.0
# frames of one setting of a camera have one level
_SETTING = (
    *("binning", "naxis1", "naxis2", "extensions", "readout_mode", "gain_setting", "offset"),
    "unit",
)
# in units of a dark pixel's noise: a level up to this is that of no light, parts may differ by as
# much, and light is bright from here on
_NO_LIGHT, _EVEN, _BRIGHT = 5.0, 10.0, 40.0
# of the noise of the frame itself, which has the response of the pixels in it
_OWN_NOISE = 0.6
# fraction of the highest value of the folder from which on light is bright, and is so in a dark:
# dark current can be much, but not that much
_BRIGHT_SHARE, _DARK_SHARE = 0.08, 0.3
# star-like peaks more than in frames without light (clusters of hot pixels are in both)
_STARS, _MANY_STARS = 5, 12
# cosmic rays that look like stars, per second: a thick chip had 16 in 900 s
_HITS = 0.05
# a dark of so many times the noise of a bias, if it is such a share too, is lit
_MUCH = 200.0
# a flat is brighter than frames of stars by this factor, or has another exposure
_BRIGHTER = 3.0
# the lowest frames of a folder saw no light if others lie higher by so many times their noise
_APART = 20.0


@dataclass(frozen=True)
class Seen:
    """What a frame's pixels say.

    Attributes
    ----------
    light : str
        'none', 'some' or 'bright', by the level.
    stars : bool
    kind : str or None
        The type that they show with the exposure, None where they leave it open.
    text : str
        In words; without numbers, so that frames can be grouped by it.
    level, dark : float
        Its own and that of frames without light, adu.
    peaks : int
        Star-like ones more than in these.
    hits : float
        So many of them may be cosmic rays, in its exposure.
    too_bright : bool
        Whether it has more light than a dark can have, and than others of its exposure.
    starry : bool
        Whether it shows stars on a level that is low for a flat: those of twilight have stars, too.
    """

    light: str
    stars: bool
    kind: str | None
    text: str
    level: float
    dark: float
    peaks: int
    hits: float
    too_bright: bool
    starry: bool


@dataclass(frozen=True)
class _NoLight:
    """Frames that saw no light: medians of parts, of all (adu), noise and scatter of level (adu),
    peaks, and whether exposures or words say that they are such."""

    parts: np.ndarray
    level: float
    noise: float
    scatter: float
    peaks: int
    sure: bool


def _parts(row):
    """Medians of the parts without what a program added, adu."""
    added = row["amplifiers"][0].get("pedestal", 0.0) if row["amplifiers"] else 0.0
    return [part - added for part in row["look"]["parts"]]


def _is_zero(row):
    return row["exptime"] is not None and row["exptime"] == 0


def _frames_without_light(rows, known):
    """Rows that saw no light: biases, frames of no exposure, darks, or the lowest ones."""
    biases = [row for row, kind in zip(rows, known, strict=True) if kind == "bias"]
    zeros = [row for row in rows if _is_zero(row)]
    # a card that is 0 in all frames says nothing
    zeros = zeros if len(zeros) < len(rows) else []
    darks = [row for row, kind in zip(rows, known, strict=True) if kind == "dark"]
    shortest = min((row["exptime"] or 0 for row in darks), default=0)
    darks = [row for row in darks if (row["exptime"] or 0) == shortest]
    return biases or zeros or darks or _lowest(rows)


def _lowest(rows):
    """The lowest frames without stars, where others are clearly higher; [] where none is.

    They are exposed briefly, or flats lie beside them: dim lights alone do not count.
    """
    starless = [row for row in rows if row["look"]["peaks"] < _STARS]
    dark = [row for row in starless if (row["exptime"] or 0) <= LONGEST_BIAS]
    first = min(dark or starless, key=_level, default=None)
    if first is None:
        return []
    noise = first["look"]["noise"]
    higher = [row for row in rows if _level(row) > _level(first) + _APART * noise]
    flats = [
        row
        for row in starless
        if _level(row) > _level(first) + max(_BRIGHT * row["look"]["noise"], _APART * noise)
    ]
    if not (higher if dark else flats):
        return []
    return [row for row in dark or starless if _level(row) <= _level(first) + _NO_LIGHT * noise]


def _level(row):
    return row["look"]["level"]


def _no_light(rows, known):
    """What frames without light are like, None where there are none."""
    own = _frames_without_light(rows, known)
    if not own:
        return None
    own = sorted(own, key=_level)
    noise = _noise(own)
    sure = any(kind in ("bias", "dark") for kind in known) or any(
        row["exptime"] is not None and row["exptime"] <= LONGEST_BIAS for row in own
    )
    # of two the lower one: the other may be no bias
    own = own if len(own) > 2 else own[:1]
    parts = np.array([_parts(row) for row in own])
    middle = np.median(parts, axis=0)
    levels = np.median(parts - middle, axis=1)
    return _NoLight(
        middle,
        float(np.median(middle)),
        noise,
        float(np.median(np.abs(levels))),
        int(np.median([row["look"]["peaks"] for row in own])),
        sure,
    )


@dataclass(frozen=True)
class _Light:
    """What is above the frames without light; `share` is of the highest value of the folder."""

    light: str
    stars: bool
    level: float
    peaks: int
    share: float


def _noise(rows):
    """Of a pixel from frame to frame; of one frame from pixel to pixel."""
    if len(rows) == 1:
        return rows[0]["look"]["noise"]
    values = np.array([row["look"]["pixels"] for row in rows])
    left = np.diff(values, axis=0)
    left -= np.median(left, axis=1, keepdims=True)
    return max(MAD_TO_SIGMA / 2**0.5 * float(np.median(np.abs(left))), LEAST_NOISE)


def _light(row, level, span, dark, top):
    peaks = max(row["look"]["peaks"] - dark.peaks, 0)
    stars = peaks >= _STARS + 2 * dark.peaks
    share = level / max(top - dark.level, 1.0)
    own_noise = _OWN_NOISE * row["look"]["noise"]
    unlit = abs(level) <= _NO_LIGHT * dark.noise + 3 * dark.scatter and span <= _EVEN * dark.noise
    light = "some"
    if unlit and peaks <= 1:
        light = "none"
    elif not stars and level > _BRIGHT * max(dark.noise, own_noise) and share > _BRIGHT_SHARE:
        light = "bright"
    return _Light(light, stars, level, peaks, share)


@dataclass(frozen=True)
class _Alike:
    """Frames of one exposure: levels of the lowest and highest with stars, of the highest that saw
    no light, of three darks or more, and whether some are dim."""

    low: float
    high: float
    unlit: float
    darks: float
    dim: bool


def _alike(lights, known):
    stars = [each.level for each in lights if each.stars]
    darks = [each.level for each, kind in zip(lights, known, strict=True) if kind == "dark"]
    return _Alike(
        min(stars, default=-np.inf),
        max(stars, default=-np.inf),
        max((each.level for each in lights if each.light == "none"), default=-np.inf),
        float(np.median(darks)) if len(darks) > 2 else 0.0,
        any(each.light != "bright" and not each.stars for each in lights),
    )


def _kind(own, exptime, alike, dark, stars):
    """The type that a frame's light and its exposure show; None where they leave it open.

    `alike` are the frames of its exposure, `stars` whether any frame shows some.
    """
    if own.stars:
        return None if exptime == 0 else "light"
    if own.light == "none":
        if exptime is None or not dark.sure:
            return None
        return "bias" if 0 <= exptime <= LONGEST_BIAS else "dark"
    if own.light == "bright":
        # a bright sky without stars has darks of its exposure
        open_sky = own.level <= _BRIGHTER * alike.high or (alike.dim and not stars)
        return "flat" if exptime != 0 and not open_sky else None
    if not exptime:
        return None
    # light of a dim field, or the drift of a dark's level
    if np.isfinite(alike.unlit):
        return "light" if own.level > alike.unlit + _EVEN * dark.noise else "dark"
    # charge of a long dark
    return "dark" if own.level < alike.low else None


def _too_bright(own, dark, alike):
    """Whether a dark has more than dark current, and than others of its exposure."""
    much = own.level > _MUCH * dark.noise and (own.stars or own.share > _DARK_SHARE)
    return much and own.level > _BRIGHTER * alike.darks


_TEXTS = {
    "none": "its pixels saw no light",
    "some": "its level is raised and no stars are seen",
    "bright": "its pixels are bright and smooth",
}


def _seen_in_setting(rows, known):
    """`Seen` of each row of one setting, None where nothing can be compared."""
    dark = _no_light(rows, known)
    if dark is None:
        return [None] * len(rows)
    parts = np.array([_parts(row) for row in rows])
    ends = [(row["highest"] or {}).get("top", 0.0) for row in rows]
    shifts = parts - dark.parts
    levels, spans = np.median(shifts, axis=1).tolist(), np.ptp(shifts, axis=1).tolist()
    top = max(*ends, float(parts.max()))
    lights = [
        _light(row, level, span, dark, top)
        for row, level, span in zip(rows, levels, spans, strict=True)
    ]
    exposures = defaultdict(list)
    for number, row in enumerate(rows):
        exposures[_exposure(row)].append(number)
    groups = {
        exposure: _alike([lights[number] for number in own], [known[number] for number in own])
        for exposure, own in exposures.items()
    }
    stars = any(each.stars for each in lights)
    found = []
    for row, own in zip(rows, lights, strict=True):
        alike = groups[_exposure(row)]
        kind = _kind(own, row["exptime"], alike, dark, stars)
        bright = _too_bright(own, dark, alike)
        text = "its pixels show stars" if own.stars else _TEXTS[own.light]
        level = row["look"]["level"]
        hits = _HITS * (row["exptime"] or 0.0)
        starry = own.stars and own.share <= _BRIGHT_SHARE
        levels = level, dark.level
        found.append(
            Seen(own.light, own.stars, kind, text, *levels, own.peaks, hits, bright, starry)
        )
    return found


def _exposure(row):
    return "" if row["exptime"] is None else f"{row['exptime']:.2g}"


def seen_in(rows: Sequence[dict[str, Any]], known: Iterable[str | None]) -> list[Seen | None]:
    """What the pixels of the frames of one camera say.

    Parameters
    ----------
    rows : list of dict
        Rows of the index with their `look`.
    known : list of str or None
        The types of those that other evidence makes sure.

    Returns
    -------
    list of Seen or None
        None for frames without a `look`, to which something was done already, or beside which
        none is known to have seen no light.
    """
    known = list(known)
    settings = defaultdict(list)
    for number, row in enumerate(rows):
        if row.get("look") and not row["done"]:
            parts = len(row["look"]["parts"])
            settings[(parts, *(str(row[name]) for name in _SETTING))].append(number)
    found: list[Seen | None] = [None] * len(rows)
    for numbers in settings.values():
        own, their = ([values[number] for number in numbers] for values in (rows, known))
        for number, seen in zip(numbers, _seen_in_setting(own, their), strict=True):
            found[number] = seen
    return found


def at_odds(kind: str, seen: Seen | None, is_called_light: bool = False) -> str | None:
    """Why a frame is none of a type by its pixels, None where it can be one.

    Parameters
    ----------
    kind : str
        The type by all other evidence.
    seen : Seen or None
    is_called_light : bool
        Whether words say that it is a light, and none that it is of this type: a bias by its
        exposure of 0 alone.
    """
    if seen is None:
        return None
    levels = f"level={seen.level:.0f} adu, {seen.dark:.0f} adu without light"
    if kind == "flat" and seen.light == "none":
        return f"its pixels saw no light ({levels})"
    many = seen.too_bright or seen.peaks > _MANY_STARS + seen.hits
    called_light = kind == "bias" and is_called_light
    if kind in ("bias", "dark") and seen.stars and (many or called_light):
        return f"its pixels show stars (peaks={seen.peaks}, {levels})"
    if (kind == "bias" and seen.light == "bright") or (kind == "dark" and seen.too_bright):
        return f"its pixels are bright ({levels})"
    if called_light and seen.light == "some":
        return f"its pixels saw light ({levels})"
    return None
