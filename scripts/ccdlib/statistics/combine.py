"""Combining frames pixel by pixel: rejection, mean, median or sum, and their variances.

The arithmetic is defined here and done by the compiled kernels of `combine_kernels`. Every pixel
is combined by itself, from the sorted column of its values, so that the result is the same, bit for
bit, whatever the order of the frames, the height of the bands in which they come and the
number of threads. (Only "avsigclip" looks at more than a pixel: at its row.)
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..errors import CcdlibError
from .clip import Clip, one_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, DTypeLike

__all__ = [
    "Combined",
    "clip_factors",
    "combine_values",
    "compile_kernels",
    "median_variance_ratio",
    "rejections",
]

METHODS = ("mean", "median", "sum")
BLOCK_BYTES = 2 << 20

# n times the variance of the median of n standard normal values, for n = 1 to 30: the integral of
# x^2 over the density of the middle order statistic; for even n of ((x + y) / 2)^2 over the joint
# density of the two central ones (David and Nagaraja, Order Statistics, 2.1 and 2.2).
MEDIAN_VARIANCE_RATIO = (
    *(1.000000, 1.000000, 1.346013, 1.192798, 1.434168, 1.288456, 1.473128, 1.345447, 1.494912),
    *(1.383264, 1.508787, 1.410194, 1.518387, 1.430350, 1.525420, 1.446003, 1.530792, 1.458513),
    *(1.535029, 1.468741, 1.538455, 1.477258, 1.541283, 1.484463, 1.543656, 1.490635, 1.545677),
    *(1.495984, 1.547418, 1.500663),
)


NO_CLIP = Clip()


@dataclass(frozen=True)
class Combined:
    """What `combine_values` returns; arrays are (ny, nx) unless said otherwise.

    Attributes
    ----------
    data : float32, or the type that was asked for, as for the variances
        The combined values, NaN where nothing was left.
    variance : float32
        Variance of `data` from the scatter of the values that were kept; NaN for fewer than two.
    model_variance : float32 or None
        Variance of `data` from the input variances, where these were given.
    count : uint16
        How many values were used.
    rejected : int64 (n,)
        How many values each frame lost to clipping; masked ones are not among them.
    rejection_map : uint16
        How many values were clipped.
    """

    data: np.ndarray
    variance: np.ndarray
    model_variance: np.ndarray | None
    count: np.ndarray
    rejected: np.ndarray
    rejection_map: np.ndarray


class _Inputs(NamedTuple):
    """The frames and what goes with them, checked; lists of n planes, or n numbers."""

    frames: list
    mask: list | None
    variance: list | np.ndarray | Callable | None
    weights: list | np.ndarray | None
    level: np.ndarray
    bias: list | None
    dark: np.ndarray | None
    factors: np.ndarray
    scale: np.ndarray
    kind: np.dtype

    @property
    def shape(self):
        """(n, ny, nx)"""
        return len(self.frames), *self.frames[0].shape


class _Plan(NamedTuple):
    """What is done to each block of rows."""

    method: str
    rules: tuple
    numbers: np.ndarray
    factors: bool
    flags: bool
    height: int


def combine_values(
    cube: np.ndarray | Sequence[np.ndarray],
    *,
    mask: np.ndarray | Sequence[np.ndarray] | None = None,
    variance: ArrayLike | Callable | None = None,
    weights: ArrayLike | None = None,
    scale: ArrayLike | None = None,
    level: ArrayLike | None = None,
    bias: np.ndarray | None = None,
    dark: tuple[np.ndarray, ArrayLike] | None = None,
    method: str = "mean",
    clip: Clip | Sequence[Clip] = NO_CLIP,
    step: float = 1.0,
    threads: int = 1,
    dtype: DTypeLike = np.float32,
) -> Combined:
    """Combine n frames pixel by pixel.

    The values are (cube - level - bias - factor * dark) * scale in `dtype`. Masked and
    non-finite values are left out, the rule says what is clipped, and the rest is combined: ::

        mean    sum(w x) / sum(w)          w = 1 without weights
        median  the central value, or the mean of the two central ones
        sum     sum(w x)

    Two variances of the result are given. From the scatter of the n values kept, with
    s^2 = sum((x - mean)^2) / (n - 1): ::

        mean    s^2 / n, with weights sum(a^2 (x - mean)^2 / (1 - a)), a = w / sum(w)
        median  s^2 / n * median_variance_ratio(n)
        sum     that of the mean times sum(w)^2

    and from the input variances v: ::

        mean    sum(w^2 v) / sum(w)^2
        median  V = median_variance_ratio(n) u / n
        sum     sum(w^2 v)

    u is v where all v are equal. Otherwise a median's variance goes with the density of the values
    where it lies, which is its own width around the center: ::

        u = (1 + c V1) / mean((v + c V)^-1/2)^2,  V1 = median_variance_ratio(n) / n

    with c = 0.6 for odd n and 0.65 + 3 / n for even n, from a fit to simulated medians. Where the
    sigmas differ by up to a factor of 2 that is true to 1 % of sigma; by up to 3, to 4 % for n = 4,
    3 % for 5 and 2 % from 6 on. Two and three values are exact: mean(v) / 2, and the sum over the
    values of E(x^2) where x is the central one. From scatter alone the variance of a median of
    unequal values is too large.

    After clipping the values kept scatter less than they did, and the mean of what a rule keeps is
    less certain than the mean of as many untouched values. Both variances are multiplied by a
    factor that makes them right on average for normal noise: see `clip_factors`.

    Parameters
    ----------
    cube : array (n, ny, nx) or list of n arrays (ny, nx)
        uint16, int16 (in either byte order) and `dtype` are read where they are, so that a list of
        memory-mapped bands costs no copy; other types are converted to `dtype`.
    mask : bool, as cube, optional
        True: the value is left out.
    variance : array (n,), or as cube, or callable, optional
        Variances of the values before they are scaled. A callable is given the number of a frame
        and its first and last row and returns the variances of these rows, or one for each row
        (rows, 1), so that a noise model needs no n planes; it is called from all threads.
    weights : array (n,), or as cube, optional
        Not negative. Those of values that are left out do not count.
    scale : array (n,), optional
    level : array (n,) or (n, ny), optional
        Of each frame, or of each of its rows.
    bias : array (ny, nx), or as cube, optional
        The former is subtracted from all frames.
    dark : (plane, factors), optional
        An array (ny, nx), and what it is multiplied by for each frame before it is subtracted.
    method : {"mean", "median", "sum"}
    clip : Clip, or a sequence of Clip that are applied in turn
    step : float
        Quantisation step of the input, before scaling: 1 for adu, the gain for electrons, 0 for
        data without one. See "mad" of `Clip`.
    threads : int
        Each holds, besides the result, 2 MB or one row of all frames, whichever is more, for the
        values and as much for variances and for weights.
    dtype : {float32, float64}
        What values, clipping limits and results are; float64 takes twice the memory.

    Returns
    -------
    Combined

    Raises
    ------
    CcdlibError
        When shapes or numbers of frames differ, a weight is negative, weights come with the median,
        or a rule needs variances and there are none.

    Examples
    --------
    >>> import numpy as np
    >>> frames = np.array([9, 10, 11, 10, 60], np.uint16).reshape(5, 1, 1)
    >>> result = combine_values(frames, clip=Clip("sigma", low=5, high=5))
    >>> float(result.data[0, 0]), int(result.count[0, 0])
    (10.0, 4)
    """
    one_of("method", method, METHODS)
    if method == "median" and weights is not None:
        raise CcdlibError("a median takes no weights")
    inputs = _check(cube, mask, variance, weights, scale, level, bias, dark, dtype)
    out, rejected = _run(inputs, method, _rules(clip), step, threads)
    image = inputs.shape[1:]
    return Combined(
        out.data.reshape(image),
        out.variance.reshape(image),
        out.model.reshape(image) if variance is not None else None,
        out.count.reshape(image),
        rejected,
        out.rejection_map.reshape(image),
    )


def rejections(
    cube: np.ndarray | Sequence[np.ndarray],
    *,
    mask: np.ndarray | Sequence[np.ndarray] | None = None,
    variance: ArrayLike | Callable | None = None,
    scale: ArrayLike | None = None,
    level: ArrayLike | None = None,
    bias: np.ndarray | None = None,
    clip: Clip | Sequence[Clip],
    step: float = 1.0,
    threads: int = 1,
    dtype: DTypeLike = np.float32,
) -> np.ndarray:
    """Which values a rule clips.

    Parameters are those of `combine_values`.

    Returns
    -------
    bool (n, ny, nx)
        True where a value was clipped; False for masked and non-finite ones.
    """
    inputs = _check(cube, mask, variance, None, scale, level, bias, dtype=dtype)
    out, _ = _run(inputs, "mean", _rules(clip), step, threads, factors=False, flags=True)
    return out.flags.reshape(inputs.shape)


def clip_factors(n: int, method: str, rules: tuple[Clip, ...]) -> tuple[float, float]:
    """Factors that make the variances right once n values have been clipped.

    From a simulation: the rules are applied to n normal values, 4096 to 65536 times. With r the
    combined value, s the variance from scatter and v that from the input variances, the factors are
    mean(r^2) / mean(s) and mean(r^2 / v): by the second the pulls have the standard deviation 1
    (of the first, with a handful of values, no such mean exists). The same mean without clipping,
    whose truth is known, is subtracted from each to take most of the noise out of it.

    For n to infinity and known limits the factor of the scatter would be that of the truncated
    normal distribution. That is not enough: for "mad" at 5 sigma it is 1.00002, while 1.52 is
    needed at n = 3 and 1.07 at n = 10, where the MAD is so uncertain that it often clips good
    values; for "mad" at 2 sigma it is 1.29, and 2.07 is needed at n = 300.

    What they do not cover: they are averages over pixels, be something clipped there or not; they
    hold for values of equal variance and weight; outliers that survive are not noise; and "limits"
    has no effect on them, as its limits do not follow the noise.

    Parameters
    ----------
    n : int
        Number of values before clipping.
    method : {"mean", "median", "sum"}
    rules : tuple of Clip

    Returns
    -------
    scatter, model : float
    """
    rules = tuple(rule for rule in rules if rule.method not in ("none", "limits"))
    method = "median" if method == "median" else "mean"
    return _simulated_factors(n, method, rules) if rules and n > 1 else (1.0, 1.0)


@lru_cache(maxsize=4096)
def _simulated_factors(n, method, rules):
    columns = max(4096, min(65536, (1 << 21) // n))
    # RandomState, as its stream is frozen: the factors must not change with numpy's version. The
    # level is one at which avsigclip takes the noise as constant.
    values = np.random.RandomState(n).standard_normal((n, 1, columns)).astype(np.float32) - 10
    inputs = _check(values, None, np.ones(n), None, None, None, None)
    plain, _ = _run(inputs, method, (), 0.0, 1, factors=False)
    clipped, _ = _run(inputs, method, rules, 0.0, 1, factors=False)
    truth = (median_variance_ratio(n) if method == "median" else 1.0) / n

    def average(values, reference, use):
        return np.mean(np.where(use, values, 0) - reference, dtype=np.float64)

    error, error_plain = (np.square(out.data + 10.0) for out in (clipped, plain))
    some, several = clipped.count > 0, clipped.count > 1
    scatter = model = 1.0
    if several.any():
        scatter = (average(error, error_plain, several) + truth) / (
            average(clipped.variance, plain.variance, several) + truth
        )
    if some.any():
        pulls = error / np.where(some, clipped.model, 1)
        model = average(pulls, error_plain / plain.model, some) + 1
    return scatter, model


def median_variance_ratio(n: int) -> float:
    """Variance of the median of n normal values over that of their mean.

    Exact to six digits up to n = 30; beyond, pi/2 (1 + a/n + b/n^2 + c/n^3), with
    a = pi/2 - 2 for odd n and pi/2 - 3 for even n, and b and c from a fit to exact values for
    n = 31 to 202, which it meets to 1e-5.
    """
    if n < 1 or n != int(n):
        raise CcdlibError(f"the median of {n} values has no variance")
    if n <= len(MEDIAN_VARIANCE_RATIO):
        return MEDIAN_VARIANCE_RATIO[n - 1]
    a, b, c = (np.pi / 2 - 2, -0.08, 0.26) if n % 2 else (np.pi / 2 - 3, 2.92, -6.79)
    return np.pi / 2 * (1 + a / n + b / (n * n) + c / (n * n * n))


def compile_kernels() -> None:
    """Compile what the pipeline's stacks use, and fill the cache on disk with it."""
    bits = np.arange(24, dtype=np.uint16).reshape(3, 2, 4)
    for cube in (bits, bits.astype(np.float32)):
        combine_values(cube, mask=cube > 22, variance=np.ones(3), clip=Clip("sigma", 5, 5))


def _rules(clip):
    rules = (clip,) if isinstance(clip, Clip) else tuple(clip)
    if sum(rule.method == "avsigclip" for rule in rules) > 1:
        raise CcdlibError("avsigclip comes more than once in a sequence of rules")
    return tuple(rule for rule in rules if rule.method != "none")


def _check(
    cube, mask, variance, weights, scale, level, bias, dark=None, dtype: DTypeLike = np.float32
):
    """Bring what `combine_values` was given into one form."""
    kind = np.dtype(dtype)
    if kind not in (np.float32, np.float64):
        raise CcdlibError(f"values are combined as float32 or float64, not as {kind}")
    frames = [np.asarray(frame) for frame in cube]
    n = len(frames)
    if not 1 <= n <= 65535:
        raise CcdlibError(f"combining takes 1 to 65535 frames, not {n}")
    shape = frames[0].shape
    if len(shape) != 2:
        raise CcdlibError(f"frames have two axes, not the shape {shape}")
    _same_shapes("frame", frames, n, shape)
    if bias is not None and np.shape(bias) == shape:
        bias = [bias] * n
    plane, factors = (None, np.ones(n)) if dark is None else dark
    if plane is not None:
        _same_shapes("dark", [plane], 1, shape)
    weights = _planes("weights", weights, n, shape, kind)
    if weights is not None and any(not (np.asarray(plane) >= 0).all() for plane in weights):
        raise CcdlibError("a weight is negative or not a number")
    return _Inputs(
        frames,
        None if mask is None else _list("mask", mask, n, shape),
        _planes("variance", variance, n, shape, kind),
        weights,
        _levels(level, n, shape[0], kind),
        None if bias is None else _list("bias", bias, n, shape),
        plane,
        _numbers("factors", factors, (n,), kind),
        np.ones(n, kind) if scale is None else _numbers("scale", scale, (n,), kind),
        kind,
    )


def _same_shapes(name, planes, n, shape):
    if len(planes) != n:
        raise CcdlibError(f"{name}: there are {len(planes)} for {n} frames")
    for i, plane in enumerate(planes):
        if plane.shape != shape:
            raise CcdlibError(f"{name} {i} has the shape {plane.shape}, the first frame {shape}")


def _list(name, values, n, shape):
    planes = [np.asarray(plane) for plane in values]
    _same_shapes(name, planes, n, shape)
    return planes


def _numbers(name, values, shape, kind):
    array = np.asarray(values, kind)
    if array.shape != shape or not np.isfinite(array).all():
        raise CcdlibError(f"{name} must be finite numbers of the shape {shape}, not {values}")
    return array


def _planes(name, values, n, shape, kind):
    """n numbers as an array, n planes as a list, or None."""
    if values is None or callable(values):
        return values
    if np.ndim(values[0]) == 0:
        return _numbers(name, values, (n,), kind)
    return _list(name, values, n, shape)


def _levels(level, n, ny, kind):
    """`level` for each row (n, ny)."""
    if level is None:
        return np.zeros((n, ny), kind)
    if np.ndim(level) == 2:
        return np.ascontiguousarray(_numbers("level", level, (n, ny), kind))
    return np.repeat(_numbers("level", level, (n,), kind)[:, None], ny, axis=1)


def _run(inputs, method, rules, step, threads, *, factors=True, flags=False):
    """Combine all blocks of rows, in threads; the `Output` and the values clipped by frame."""
    from . import combine_kernels as kernels

    n, ny, nx = inputs.shape
    size = ny * nx
    out = kernels.Output(
        np.empty(size, inputs.kind),
        np.empty(size, inputs.kind),
        np.empty(size if inputs.variance is not None else 0, inputs.kind),
        np.empty(size, np.uint16),
        np.empty(size, np.uint16),
        np.empty((n, size) if flags else (0, 0), np.bool_),
    )
    # the frames share a step only where they share a scale; the largest is the safe one
    step = step * float(np.abs(inputs.scale).max())
    numbers = [_rule(kernels, rule, step, inputs) for rule in rules]
    height = max(1, BLOCK_BYTES // (inputs.kind.itemsize * n * max(nx, 1)))
    plan = _Plan(
        method, rules, np.array(numbers, np.float64).reshape(-1, 10), factors, flags, height
    )
    blocks = iter(range(0, ny, height))
    with ThreadPoolExecutor(threads) as pool:
        jobs = [pool.submit(_work, kernels, inputs, plan, blocks, out) for _ in range(threads)]
        return out, sum(job.result() for job in jobs)


def _rule(kernels, clip, step, inputs):
    """The numbers of a `kernels.Rule`."""
    own_noise = clip.method == "sigma" and clip.spread == "noise"
    if (own_noise or clip.method == "ccdclip") and inputs.variance is None:
        raise CcdlibError(
            f"clip {clip.method!r} with the noise of the values needs their variances"
        )
    kinds = {"limits": kernels.LIMITS, "minmax": kernels.MINMAX}
    spreads = {"ccdclip": kernels.CENTRAL, "avsigclip": kernels.POISSON}
    return kernels.Rule(
        kinds.get(clip.method, kernels.NOISE if own_noise else kernels.SIGMA),
        (-np.inf if clip.method == "limits" else np.inf) if clip.low is None else clip.low,
        np.inf if clip.high is None else clip.high,
        clip.center == "mean",
        spreads.get(clip.method, kernels.STD if clip.spread == "std" else kernels.MAD),
        np.iinfo(np.int32).max if clip.iterations is None else clip.iterations,
        clip.nlow,
        clip.nhigh,
        clip.nkeep,
        step,
    )


def _work(kernels, inputs, plan, blocks, out):
    """Combine blocks of rows until there are none left; the number of clipped values by frame."""
    n, ny, nx = inputs.shape
    steps = kernels.network(n)
    planes = 1 + (inputs.variance is not None) + (inputs.weights is not None)
    scratch = np.empty((planes, n * plan.height * nx), inputs.kind)
    rejected = np.zeros(n, np.int64)
    for first in blocks:
        last = min(first + plan.height, ny)
        here = slice(first * nx, last * nx)
        block = iter(scratch[:, : n * (last - first) * nx].reshape(planes, n, -1))
        values = next(block)
        bad = sum(_load(kernels, inputs, i, first, last, values[i]) for i in range(n))
        variances = _fill(inputs.variance, np.square(inputs.scale), first, last, block)
        weights = _fill(inputs.weights, np.ones(n, inputs.kind), first, last, block)
        poisson = _poisson(kernels, plan, values, steps, nx)
        flags = np.zeros(values.shape if plan.flags else (0, 0), np.bool_)
        part = kernels.Output(*(array[here] for array in out[:5]), flags)
        goods = np.flatnonzero(kernels.count_values(values)) if bad else (n,)
        kernels.combine_block(
            *(values, variances, weights, poisson, steps, plan.numbers),
            *(METHODS.index(plan.method), _factors(plan, n, goods), part, rejected),
        )
        if plan.flags:
            out.flags[:, here] = flags
    return rejected


def _factors(plan, n, goods):
    """Factors (3, n + 1) by number of values: of scatter, of model, of the median."""
    factors = np.ones((3, n + 1))
    if plan.method == "median":
        factors[2, 1:] = [median_variance_ratio(k) for k in range(1, n + 1)]
    if plan.factors:
        for good in goods:
            factors[:2, good] = clip_factors(int(good), plan.method, plan.rules)
    return factors


def _load(kernels, inputs, i, first, last, values):
    """Load rows of frame i into `values`; the number that is masked or not finite."""
    frame = _rows(inputs.frames[i], first, last)
    common = (
        NO_MASK if inputs.mask is None else _rows(inputs.mask[i], first, last, np.bool_),
        inputs.level[i, first:last],
        NOTHING if inputs.bias is None else _rows(inputs.bias[i], first, last, inputs.kind),
        NOTHING if inputs.dark is None else _rows(inputs.dark, first, last, inputs.kind),
        inputs.factors[i],
        inputs.scale[i],
        values,
    )
    if frame.dtype.kind in "iu" and frame.dtype.itemsize == 2:
        flip = np.uint16(0x8000 if frame.dtype.kind == "i" else 0)
        return kernels.load_integer(frame.view(np.uint16), not frame.dtype.isnative, flip, *common)
    with np.errstate(over="ignore"):
        frame = frame.astype(inputs.kind, copy=False)
    return kernels.load_float(_read_only(frame), *common)


def _fill(planes, factors, first, last, block):
    """Scaled rows of variances or weights in the next part of a block's scratch, or nothing."""
    if planes is None:
        return np.empty((0, 0), factors.dtype)
    out = next(block)
    for i, (factor, row) in enumerate(zip(factors, out, strict=True)):
        into = row.reshape(last - first, -1)
        np.multiply(_part(planes, i, first, last), factor, out=into, casting="same_kind")
    return out


def _part(planes, i, first, last):
    """Rows of what goes with frame i."""
    if callable(planes):
        return planes(i, first, last)
    return planes[i] if np.ndim(planes[i]) == 0 else planes[i][first:last]


def _poisson(kernels, plan, values, steps, nx):
    """`kernels.poisson_scatter` where a rule needs it, else nothing."""
    rows = [rule for rule in plan.rules if rule.method == "avsigclip"]
    out = np.empty(values.shape[1] if rows else 0)
    if rows:
        kernels.poisson_scatter(values, steps, nx, rows[0].center == "mean", out)
    return out


def _rows(plane, first, last, dtype=None):
    """Rows of a plane, copied only where they are not contiguous or not of the type."""
    return _read_only(np.ascontiguousarray(plane[first:last], dtype))


def _read_only(array):
    """A read-only view: a kernel would be compiled once more for memory that may be written."""
    view = array.view()
    view.flags.writeable = False
    return view


NOTHING = _read_only(np.empty((0, 0), np.float32))
NO_MASK = _read_only(np.empty((0, 0), np.bool_))
