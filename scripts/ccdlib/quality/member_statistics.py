"""What a raw frame of a stack is like beside the others: a sample of its rows tells."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from .. import dq
from ..frame.noise import photon_variance
from ..frame.rows import at, strips
from ..statistics.robust import median, robust_sigma
from .frame_pairs import scatter

if TYPE_CHECKING:
    from ..frame.image import Map
    from ..frame.raw_image import RawImage

    class Stack(Protocol):
        """What is asked of `ccdlib.master.master_frames.MasterFrames`, which stands above."""

        kind: str
        raws: list[RawImage]
        shape: tuple[int, int]

        @property
        def light(self) -> Map: ...
        @property
        def pedestal(self) -> Map: ...
        @property
        def read_variance(self) -> Map: ...
        def values(self, number: int, first: int, last: int) -> tuple[np.ndarray, np.ndarray]: ...
        def level_variance(self, number: int, first: int, last: int) -> np.ndarray: ...
        def dark_charge(self, number: int, rows: slice) -> Map: ...


__all__ = ["member_statistics"]

_COLUMNS = 16
_BRIGHTEST = 300


def _median(values, axis=None):
    """The median of what is there, NaN where nothing is: a gap between two CCDs, say."""
    # numpy looks for NaN one row after the other, which takes ten times as long
    if not np.isnan(values).any():
        return median(values) if axis is None else np.median(values, axis=axis)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice", RuntimeWarning)
        return np.nanmedian(values, axis=axis)


def _blocks(sample, count):
    """Medians of a sample in `count` columns of each strip."""
    columns = np.array_split(np.arange(sample.shape[2]), min(count, sample.shape[2]))
    return np.array([_median(sample[:, :, each], (1, 2)) for each in columns]).T


def _noise(sample):
    """Standard deviation of a pixel from differences of neighbours; robust against sources."""
    difference = (sample[..., 1:] - sample[..., :-1]).ravel()
    difference = difference[np.isfinite(difference)]
    if difference.size < 10:
        return np.nan
    spread = robust_sigma(difference, 0)
    # the median of whole adu is whole: it only says what to leave out
    kept = difference[np.abs(difference) <= 4 * max(spread, 1e-6 + np.abs(difference).min())]
    return float(kept.std() / np.sqrt(2)) if kept.size > 1 else np.nan


def _read(stack, number, level):
    """A frame's strips over its level, NaN where flagged, and the variance of its overscan.

    Returns
    -------
    sample : ndarray, shape (strips, rows, columns)
    overscan : list
        Of each strip, adu^2.
    """
    parts, overscans = [], []
    for first, last in strips(stack.shape, len(stack.raws)):
        data, flags = stack.values(number, first, last)
        overscans.append(stack.level_variance(number, first, last))
        good = (flags & ~np.uint16(dq.INHERITED)) == 0
        parts.append(np.where(good, data, np.float32(np.nan)) / np.float32(level))
    return np.stack(parts), overscans


def _variance(stack, number, level, smooth, overscans):
    """The noise model of a frame's strips, over its level; of a light that is smooth in them."""
    parts = []
    for place, (first, last) in enumerate(strips(stack.shape, len(stack.raws))):
        rows = slice(first, last)
        charge = np.float32(0)
        if stack.kind != "bias":
            light = smooth[place] * np.float32(level) - at(stack.pedestal, rows)
            charge = np.maximum(light, 0) + stack.dark_charge(number, rows)
        own = photon_variance(charge, at(stack.light, rows), at(stack.read_variance, rows))
        full = np.broadcast_to(own + overscans[place], (last - first, stack.shape[1]))
        parts.append(full / np.float32(level) ** 2)
    return np.stack(parts)


def _pairs(stack, samples, levels, overscans):
    """Scatter of each frame's difference from the one before over its sigma; None for the first."""
    smooth = _median(samples, (0, 2))
    variances = [
        _variance(stack, number, level, smooth, overscans[number])
        for number, level in enumerate(levels)
    ]
    found = [
        scatter(samples[number] - samples[number - 1], variances[number] + variances[number - 1])
        for number in range(1, len(levels))
    ]
    return [None, *found]


def _signals(samples, levels):
    """Each frame's share of what the brightest pixels hold above their surroundings.

    One for frames of the same exposure; NaN where there is nothing bright enough.
    """
    common = _median(samples.reshape(len(samples), -1), 0)
    excess = common - _median(common)
    usable = np.where(np.isfinite(excess), excess, -np.inf)
    chosen = np.argsort(-usable)[:_BRIGHTEST]
    if not np.isfinite(excess).any():
        return [np.nan] * len(samples)
    # hot pixels, not the tail of the noise
    spread = robust_sigma(excess[np.isfinite(excess)], 0)
    chosen = chosen[usable[chosen] > 20 * spread]
    if chosen.size < 5:
        return [np.nan] * len(samples)
    flat = samples.reshape(len(samples), -1)[:, chosen]
    return [
        float(_median((each - level) / excess[chosen]))
        for each, level in zip(flat, levels, strict=True)
    ]


def member_statistics(stack: Stack, levels: list[float]) -> list[dict[str, Any]]:
    """Level, noise and structure of each frame of a stack.

    Parameters
    ----------
    stack : MasterFrames
        Its values have bias and dark subtracted.
    levels : list of float
        What each frame is divided by before it is combined.

    Returns
    -------
    list of dict
        level (median, adu), noise (adu, of a pixel, from differences of neighbours);
        structure (rms over blocks of the frame's median less that of all frames, its own mean
        difference taken off) and structure_noise (what pixel noise alone gives), both over the
        frame's level; worst, the largest of these differences; signal, see `_signals`; pair,
        the scatter of its difference from the frame before over the sigma of the two.
    """
    with warnings.catch_warnings():
        # a pixel or a block without a good value in any frame is NaN, as it should be
        warnings.filterwarnings("ignore", "All-NaN slice", RuntimeWarning)
        return _statistics(stack, levels)


def _statistics(stack, levels):
    read = [_read(stack, number, level) for number, level in enumerate(levels)]
    samples = np.stack([sample for sample, _ in read])
    pairs = _pairs(stack, samples, levels, [overscan for _, overscan in read])
    blocks = np.array([_blocks(sample, _COLUMNS) for sample in samples])
    residual = blocks - _median(blocks, 0)
    medians = [float(_median(sample)) for sample in samples]
    signals = _signals(samples, medians)
    pixels = samples[0].size / blocks[0].size
    found = []
    for number, (own, level) in enumerate(zip(residual, levels, strict=True)):
        own = own - _median(own)
        noise = _noise(samples[number])
        # none is good where a whole frame is saturated
        good = own[np.isfinite(own)] if np.isfinite(own).any() else np.array([np.nan])
        found.append(
            {
                "level": medians[number] * level,
                "noise": noise * level,
                "structure": float(np.sqrt(np.mean(good**2))),
                "structure_noise": float(1.2533 * noise / np.sqrt(pixels)),
                "worst": float(good[np.argmax(np.abs(good))]),
                "signal": signals[number],
                "pair": pairs[number],
            }
        )
    return found
