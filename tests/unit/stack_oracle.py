"""Combining a stack of frames: rejection, mean, median or sum, and their variances."""

from dataclasses import dataclass

import numpy as np

from ccdlib.errors import CcdlibError

__all__ = ["Clip", "Stacked", "median_efficiency", "stack"]

METHODS = ("mean", "median", "sum")
CLIPS = ("none", "sigma", "minmax", "extrema", "ccdclip", "avsigclip")
MAD_TO_SIGMA = 1.482602218505602


@dataclass(frozen=True)
class Clip:
    """One rejection rule."""

    method: str = "none"
    low: float | None = None
    high: float | None = None
    center: str = "median"
    spread: str = "mad"
    iterations: int | None = 5
    nlow: float = 0
    nhigh: float = 0
    nkeep: int = 0


@dataclass(frozen=True)
class Stacked:
    """What `stack` returns."""

    data: np.ndarray
    variance: np.ndarray
    model_variance: np.ndarray | None
    count: np.ndarray
    rejected: np.ndarray
    rejection_map: np.ndarray


def median_efficiency(n):
    table = [1, 1, 1.346013, 1.192798, 1.434168, 1.288456, 1.473128, 1.345447, 1.494912, 1.383264]
    if n <= len(table):
        return table[n - 1]
    if n % 2:
        return np.pi / 2 * (1 + (np.pi / 2 - 2) / n - 0.08 / n**2)
    return np.pi / 2 * (1 + (np.pi / 2 - 3) / n + 2.8 / n**2)


def stack(
    cube,
    *,
    mask=None,
    variance=None,
    weights=None,
    scale=None,
    zero=None,
    method="mean",
    clip=Clip("none"),  # noqa: B008
    step=1.0,
    threads=1,
):
    """Combine n frames; plain numpy."""
    if method not in METHODS or clip.method not in CLIPS:
        raise CcdlibError(f"method {method!r} or clip {clip.method!r} is unknown")
    n = len(cube)
    values = np.stack([np.asarray(frame, np.float32) for frame in cube])
    shape = values.shape[1:]
    one = np.ones(n, np.float32)
    zero = one * 0 if zero is None else np.asarray(zero, np.float32)
    scale = one if scale is None else np.asarray(scale, np.float32)
    values = (values - zero[:, None, None]) * scale[:, None, None]
    good = np.isfinite(values)
    if mask is not None:
        good &= ~np.stack([np.asarray(m, bool) for m in mask])
    v = _planes(variance, n, shape, 1.0) * (scale * scale)[:, None, None]
    w = _planes(weights, n, shape, 1.0)
    values = np.where(good, values, np.float32(np.inf))
    order = np.lexsort((v, w, values), axis=0)
    values, v, w = (np.take_along_axis(a, order, 0) for a in (values, v, w))
    kept = values < np.inf
    ngood = kept.sum(0)
    kept = _clip(values, v, kept, clip, step * np.abs(scale).max())
    count = kept.sum(0)
    rejected = np.zeros((n, *shape), bool)
    np.put_along_axis(rejected, order, (values < np.inf) & ~kept, 0)
    data, scatter, model = _combine(values, v, w, kept, method)
    return Stacked(
        data.astype(np.float32),
        scatter.astype(np.float32),
        None if variance is None else model.astype(np.float32),
        count.astype(np.uint16),
        rejected.sum(axis=(1, 2)),
        (ngood - count).astype(np.uint16),
    )


def _planes(array, n, shape, default):
    if array is None:
        return np.full((n, *shape), default, np.float32)
    array = np.asarray(array, np.float32)
    return np.broadcast_to(array[:, None, None] if array.ndim == 1 else array, (n, *shape))


def _sum(values, kept):
    total = np.zeros(values.shape[1:])
    for row, use in zip(values, kept, strict=True):
        total += np.where(use, row, 0)
    return total


def _median(values, kept):
    ordered = np.sort(np.where(kept, values, np.inf), axis=0)
    n = kept.sum(0)
    low, high = (
        np.take_along_axis(ordered, np.maximum(k, 0)[None], 0)[0] for k in ((n - 1) // 2, n // 2)
    )
    with np.errstate(invalid="ignore"):
        return np.where(n > 0, (low + high) * 0.5, np.nan)


def _clip(values, v, kept, clip, step):
    first = kept
    with np.errstate(invalid="ignore", divide="ignore"):
        if clip.method == "none":
            return kept
        center = _median(values, kept)
        if clip.method == "extrema":
            n = kept.sum(0)
            drop = [
                (n * k + 0.001).astype(int) if k < 1 else int(k) for k in (clip.nlow, clip.nhigh)
            ]
            rank = np.arange(len(values))[:, None, None]
            kept = kept & (rank >= drop[0]) & (rank < n - drop[1])
        elif clip.method == "minmax":
            low = -np.inf if clip.low is None else clip.low
            high = np.inf if clip.high is None else clip.high
            kept = kept & (values >= low) & (values <= high)
        else:
            kept, center = _sigma_clip(values, v, kept, clip, step)
        return _restore(values, kept, first, center, clip.nkeep)


def _sigma_clip(values, v, kept, clip, step):
    left = 10**6 if clip.iterations is None else clip.iterations
    center = _median(values, kept)
    row = _row_scatter(values, kept, clip.center) if clip.method == "avsigclip" else None
    while left > 0:
        n = kept.sum(0)
        mean = _sum(values, kept) / n
        median = _median(values, kept)
        center = median if clip.center == "median" else mean
        reach = np.zeros(center.shape)
        if row is not None:
            sigma = np.where(n < 3, np.inf, row[:, None] * np.sqrt(np.maximum(center, 1)))
        elif clip.method == "ccdclip" or clip.spread == "noise":
            sigma = np.sqrt(v)
        elif clip.spread == "std":
            sigma = np.sqrt(_sum((values - mean) ** 2, kept) / n)
        else:
            mad = _median(np.abs(values - median), kept)
            sigma = MAD_TO_SIGMA * np.where(mad == 0, step / 2, mad)
            reach = np.where(mad == 0, step, 0)
        low = np.inf if clip.low is None else np.maximum(clip.low * sigma, reach)
        high = np.inf if clip.high is None else np.maximum(clip.high * sigma, reach)
        new = kept & (values >= center - low) & (values <= center + high)
        if (new == kept).all():
            break
        kept = new
        left -= 1
    return kept, center


def _row_scatter(values, kept, which):
    n = kept.sum(0)
    center = _median(values, kept)
    if which == "mean":
        rank = np.arange(len(values))[:, None, None]
        center = _sum(values, kept & (rank > 0) & (rank < n - 1)) / (n - 2)
    use = kept & (n >= 3)
    each = np.where(use, (values - center) ** 2 / np.maximum(center, 1), 0).sum((0, 2))
    return np.sqrt(each / np.maximum(use.sum((0, 2)) - 1, 1))


def _restore(values, kept, first, center, nkeep):
    """Give back the nearest to the center where fewer than `nkeep` are left."""
    far = np.where(first & ~kept, np.abs(values - center), np.inf)
    for _ in range(min(nkeep, len(values))):
        short = (kept.sum(0) < nkeep) & (far.min(0) < np.inf)
        back = short & (far == far.min(0))
        kept = kept | back
        far = np.where(back, np.inf, far)
    return kept


def _combine(values, v, w, kept, method):
    n = kept.sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        total = _sum(w, kept)
        a = w / total
        mean = _sum(np.where(kept, values, 0) * w, kept) / total
        each = np.where(kept, values - mean, 0) ** 2 * a * a / (1 - a)
        scatter = np.where(n < 2, np.nan, _sum(each, kept))
        model = _sum(w * w * v, kept) / total**2
        if method == "sum":
            return (
                np.where(n > 0, mean * total, np.nan),
                scatter * total**2,
                model * total**2,
            )
        if method == "mean":
            return mean, scatter, model
        eff = np.array([np.nan] + [median_efficiency(k) for k in range(1, len(values) + 1)])[n]
        return _median(values, kept), scatter * eff, _sum(v, kept) / n / n * eff
