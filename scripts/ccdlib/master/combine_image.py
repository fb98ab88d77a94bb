"""The frames of one image of a master combined, band by band of rows.

The engine subtracts overscan, bias and dark on the way in; here are the noise model that it clips
by and the variance that the master quotes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from .. import dq
from ..frame.image import Image
from ..frame.noise import MARGIN, expected_signal, master_variance, photon_variance
from ..frame.raw_image import Band
from ..frame.rows import at, row_blocks, with_margin
from ..statistics.clip import Clip
from ..statistics.combine import Combined, combine_values, median_variance_ratio
from ..statistics.robust import median
from .few_frames import higher_of_two, without_hits
from .master_frames import MasterFrames
from .master_result import MasterResult

__all__ = ["combine_image"]


def _agreed_signal(frames, levels, median, rows):
    """The signal that all frames agree on, over their level, without a pixel's own noise."""
    level = np.float32(np.mean(levels))
    good = np.isfinite(median)
    light = np.where(good, median * level - at(frames.pedestal, rows), 0)
    # a median of n frames is as noisy as one frame of a detector with so many times the gain
    worth = np.float32(len(levels) / median_variance_ratio(len(levels)))
    gain, read_variance = at(frames.light, rows), at(frames.read_variance, rows)
    return expected_signal(light, good, gain * worth, read_variance / worth) / level


def _noise_model(
    frames: MasterFrames, levels: list[float], signal, bands: list[Band], rows: slice, inner: slice
) -> Callable[[int, int, int], np.ndarray]:
    """Variance of each frame's values in adu^2, before they are divided by its level."""
    gain, read_variance = at(frames.light, rows), at(frames.read_variance, rows)

    def variance(number, first, last):
        part = slice(first, last)
        own = at(signal, part) * np.float32(levels[number])
        if frames.darks:
            here = slice(rows.start + first, rows.start + last)
            own = own + frames.dark_charge(number, here)
        known = photon_variance(own, at(gain, part), at(read_variance, part))
        return known + bands[number].variance[inner][part]

    return variance


def _masks(bands):
    """Flagged values of each frame, None without any."""
    if all(band.flags is None for band in bands):
        return None
    none = np.zeros(bands[0].values.shape, bool)
    return [none if band.flags is None else band.flags != 0 for band in bands]


def _combine_band(
    frames: MasterFrames, levels: list[float], rows: slice, settings: dict, threads: int
) -> tuple[Combined, list[np.ndarray | None]]:
    """Some rows combined, and the flags of each frame there."""
    # with a margin no pixel's neighbours depend on where the bands end
    outer, inner = with_margin(rows, frames.shape[0], MARGIN)
    bands = frames.load(outer, threads)
    masks, level = _masks(bands), np.stack([band.level for band in bands])
    common: dict[str, Any] = {"scale": 1 / np.asarray(levels, np.float32), "threads": threads}
    signal = np.float32(0)
    # a bias has no light
    if frames.kind != "bias":
        cube, way = [band.values for band in bands], frames.calibration(outer) | common
        median = combine_values(cube, mask=masks, level=level, method="median", **way).data
        signal = at(_agreed_signal(frames, levels, median, outer), inner)
    variance, calibration = (
        _noise_model(frames, levels, signal, bands, rows, inner),
        frames.calibration(rows),
    )
    masks = masks and [each[inner] for each in masks]
    hits = [0] * len(bands)
    if len(bands) == 2 and settings["clip"] != "none":
        higher = higher_of_two(bands, inner, calibration, common["scale"], variance)
        both = masks[0] | masks[1] if masks else False
        hits = [int((each & ~both).sum()) for each in higher]
        masks = [own | one for own, one in zip(masks or higher, higher, strict=True)]
    combined = combine_values(
        [band.values[inner] for band in bands],
        mask=masks,
        level=level[:, inner],
        variance=variance,
        method=settings["method"],
        clip=Clip.from_settings(settings, len(bands)),
        **calibration,
        **common,
    )
    combined = replace(combined, rejected=combined.rejected + hits)
    return combined, [None if band.flags is None else band.flags[inner] for band in bands]


def _lost_flags(frames, flags, rows, lost):
    """NO_DATA where no frame has a value, and the flags that say why."""
    own = np.where(lost, np.uint16(dq.NO_DATA), np.uint16(0))
    if lost.any():
        union = frames.missing(rows)
        for each in flags:
            union = union if each is None else union | each
        own[lost] |= union[lost]
    return own


def _scatter_ratios(combined):
    """Scatter over model, as variances, of each pixel with at least three values."""
    ok = (combined.count >= 3) & (combined.model_variance > 0)
    freedom = combined.count[ok] - np.float32(1)
    # divided by the median of chi-square over its mean
    root = 1 - 2 / (9 * freedom)
    return combined.variance[ok] / combined.model_variance[ok] / (root * root * root)


def combine_image(
    frames: MasterFrames,
    levels: list[float],
    settings: dict,
    memory_mb: float,
    threads: int,
) -> MasterResult:
    """Combine the frames of one image of a master.

    Parameters
    ----------
    frames : MasterFrames
    levels : list of float
        What each frame is divided by, adu.
    settings : dict
        The config's `combine` section of the kind.
    memory_mb : float
        What the process may use; the result does not depend on it.
    threads : int
        The result does not depend on it either.

    Returns
    -------
    MasterResult
        Its image is in adu over the level.
    """
    data, variance = np.empty(frames.shape, np.float32), np.empty(frames.shape, np.float32)
    flags = np.empty(frames.shape, np.uint16)
    rejected = np.zeros(len(frames.raws), np.int64)
    saturated = np.zeros(len(frames.raws), np.int64)
    ratios = []
    for rows in row_blocks(frames.shape, frames.band_height(memory_mb, threads)):
        combined, own = _combine_band(frames, levels, rows, settings, threads)
        assert combined.model_variance is not None, "the engine was given a noise model"
        quoted, unstable = master_variance(
            combined.model_variance, combined.variance, combined.count
        )
        lost = combined.count == 0
        data[rows] = np.where(lost, 0, combined.data)
        variance[rows] = np.where(lost, 0, quoted + frames.shared_variance(levels, rows))
        flags[rows] = _lost_flags(frames, own, rows, lost)
        flags[rows][unstable] |= dq.UNSTABLE
        rejected += combined.rejected
        saturated += [0 if each is None else dq.count(each, dq.SATURATED) for each in own]
        ratios.append(_scatter_ratios(combined))
    all_ratios = np.concatenate(ratios)
    image = Image(data, variance, flags, "adu")
    if len(frames.raws) == 1 and frames.kind != "dark" and settings["clip"] != "none":
        image, hits = without_hits(image)
        rejected += hits
    return MasterResult(
        image,
        list(levels),
        rejected.tolist(),
        saturated.tolist(),
        float(median(all_ratios)) if all_ratios.size else np.nan,
    )
