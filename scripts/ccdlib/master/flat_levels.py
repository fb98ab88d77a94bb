"""The level of each flat before they are combined, and of the master after it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from .. import dq
from ..errors import CcdlibError
from ..statistics.robust import median
from .master_frames import MasterFrames
from .master_result import MasterResult
from .member import UnfitFrames

__all__ = ["flat_levels", "normalise"]


def flat_levels(images: list[MasterFrames], settings: dict, threads: int) -> list[float]:
    """What each flat is divided by, one level for all its images.

    Parameters
    ----------
    images : list of MasterFrames
    settings : dict
        The config's `flat` section.
    threads : int

    Returns
    -------
    list of float
        adu: the median over the pixels that are good in all flats, averaged over the images.

    Raises
    ------
    UnfitFrames
        If flats are not positive or have more saturated pixels than `max_saturated`.
    """
    levels = [_levels_of_image(frames, settings, threads) for frames in images]
    return [float(level) for level in np.mean(levels, axis=0)]


def _levels_of_image(frames, settings, threads):
    """Median of each flat over the pixels that are good in all of them.

    Over its own good pixels a flat with a saturated corner would have another level than one
    without, for the same light.
    """
    levels: list[float] = []
    counts, bad = [], np.zeros(frames.shape, bool)
    unfit: dict[int, str] = {}
    numbers = range(len(frames.raws))
    with ThreadPoolExecutor(threads) as pool:
        for start in numbers[::threads]:
            some = numbers[start : start + threads]
            for level, own, reason in pool.map(lambda n: _fit_level(frames, n, settings), some):
                if reason:
                    unfit[len(levels)] = reason
                levels.append(level)
                counts.append(np.count_nonzero(own))
                bad |= own
    if unfit:
        raise UnfitFrames(unfit)
    for number, count in enumerate(counts):
        if count < np.count_nonzero(bad):
            levels[number] = _median(frames, number, frames.values(number)[0], bad)
    return levels


def _fit_level(frames, number, settings):
    """`_own_level`, and None; or why the flat is unfit."""
    try:
        return *_own_level(frames, number, settings), None
    except CcdlibError as error:
        return np.nan, False, str(error)


def _own_level(frames, number, settings):
    """Median of a flat over its own good pixels, and which are not good."""
    values, flags = frames.values(number)
    exposed = flags.size - dq.count(flags, dq.NO_DATA)
    saturated = dq.count(flags, dq.SATURATED) / max(exposed, 1)
    if saturated > settings["max_saturated"]:
        raise CcdlibError(
            f"{frames.raws[number].name}: {saturated:.1%} of the flat's pixels are saturated, "
            f"flat.max_saturated is {settings['max_saturated']:.1%}"
        )
    bad = flags != 0
    return _median(frames, number, values, bad), bad


def _median(frames, number, values, bad):
    good = values[~bad] if bad.any() else values.ravel()
    level = float(median(good)) if good.size else np.nan
    if not level > 0:
        name = frames.raws[number].name
        raise CcdlibError(f"{name}: the flat's median is {level:g} adu, a flat is positive")
    return level


def normalise(results: list[MasterResult], gains: list, settings: dict) -> Iterator[MasterResult]:
    """Divide all images by one number, so that amplifiers keep their relative response.

    Parameters
    ----------
    results : list of MasterResult
    gains : list of float or ndarray
        Electrons per adu of each image.
    settings : dict
        The config's `flat` section.

    Yields
    ------
    MasterResult
        Without unit; its levels are those of the frames in adu.

    Raises
    ------
    CcdlibError
        If the level is not positive, or the section lies outside the image.
    """
    results = list(_alike(results, gains))
    values = np.concatenate([_chosen_pixels(result.image, settings) for result in results])
    norm = np.mean(values) if settings["normalise"] == "mean" else median(values)
    if not norm > 0:
        raise CcdlibError(f"the flat cannot be normalised: its level is {norm:g}")
    norm = np.float32(norm)
    for result in results:
        image = result.image
        image = replace(
            image, data=image.data / norm, variance=image.variance / (norm * norm), unit=""
        )
        yield replace(result, image=image, levels=[level * float(norm) for level in result.levels])


def _alike(results, gains):
    """The images in adu of the mean gain: proportional to electrons, as a light will be."""
    mean = np.float32(np.mean([np.mean(gain) for gain in gains]))
    for result, gain in zip(results, gains, strict=True):
        image, ratio = result.image, gain / mean
        scaled = replace(image, data=image.data * ratio, variance=image.variance * (ratio * ratio))
        yield replace(result, image=scaled)


def _chosen_pixels(image, settings):
    """The good pixels that the norm is taken from."""
    from ..camera.sections import parse_section

    good = image.dq == 0
    if settings["normalise"] == "section":
        window = np.zeros_like(good)
        window[parse_section(settings["section"], good.shape).slices] = True
        good &= window
    return image.data[good]
