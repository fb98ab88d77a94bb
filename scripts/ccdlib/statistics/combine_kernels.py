"""Compiled kernels of `ccdlib.statistics.combine`: sort, clip and average columns of values.

A block is an array (n, pixels) in which +inf means "no value"; float32 for the pipeline, float64
where the toolbox is asked for it: each kernel is compiled for both. It is worked through in tiles
of a few hundred pixels that stay in the processor's first cache. Each column of a tile is sorted by
a network of compare-and-exchange steps; a step acts on whole rows, so that the compiler turns it
into vector instructions over pixels. What a rule keeps of a sorted column is a range [lo, hi).

Nothing here may be compiled with fastmath: +inf has a meaning, and each sum runs over the sorted
column so that the order of the frames does not change a bit of the result. All of it is one module
because numba's cache notices changes only in the file of the function that is called.

What is stored in place of itself or of another value has zero added (`+ ZERO`): a compiler would
store it through a mask, which takes some processors a dozen cycles. -0.0 becomes 0.0.
"""

from __future__ import annotations

from collections import namedtuple

import numpy as np
from numba import njit

from .robust import MAD_TO_SIGMA

__all__ = [
    "combine_block",
    "count_values",
    "load_float",
    "load_integer",
    "network",
    "poisson_scatter",
]

# for compiled code alone, Python would crash: what it needs to call them is a sixth of the work
jit = njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
entry = njit(cache=True, nogil=True, error_model="numpy")

ZERO, HALF = np.float32(0), np.float32(0.5)
INF = np.float32(np.inf)
TILE_BYTES = 24576
# mean variance over what the densities at the center say, up to which variances count as equal
ALIKE = 1.001
MEDIAN_ROUNDS = 4

SIGMA, NOISE, LIMITS, MINMAX = range(4)
MAD, STD, CENTRAL, POISSON = range(4)
MEAN, MEDIAN, SUM = range(3)

Rule = namedtuple("Rule", "kind low high mean spread iterations nlow nhigh nkeep step")
Tile = namedtuple("Tile", "value variance weight frame good lo hi")
Output = namedtuple("Output", "data variance model count rejection_map flags")


def network(n: int) -> np.ndarray:
    """Steps (k, 2) of Batcher's odd-even merge sort of n values (Knuth, vol. 3, 5.2.2)."""
    steps = []
    half = 1
    while half < n:
        gap = half
        while gap:
            for first in range(gap % half, n - gap, 2 * gap):
                for low in range(first, min(first + gap, n - gap)):
                    if low // (2 * half) == (low + gap) // (2 * half):
                        steps.append((low, low + gap))
            gap //= 2
        half *= 2
    return np.array(steps, np.int64).reshape(-1, 2)


@entry
def load_integer(frame, swap, flip, mask, level, bias, dark, factor, scale, out):
    """Load 16-bit integers, given as their bits (rows, columns) uint16; see `finish_row`.

    `swap` exchanges the two bytes; `flip` is 0x8000 for signed integers, else 0.
    """
    bad = 0
    columns = frame.shape[1]
    for y in range(frame.shape[0]):
        row = frame[y]
        to = out[y * columns : (y + 1) * columns]
        for x in range(columns):
            bits = row[x]
            if swap:
                bits = np.uint16((bits >> 8) | (bits << 8))
            to[x] = np.float32(bits ^ flip) - np.float32(flip)
        bad += finish_row(y, mask, level, bias, dark, factor, scale, to)
    return bad


@entry
def load_float(frame, mask, level, bias, dark, factor, scale, out):
    """Load float32 values (rows, columns); see `finish_row`."""
    bad = 0
    columns = frame.shape[1]
    for y in range(frame.shape[0]):
        row = frame[y]
        to = out[y * columns : (y + 1) * columns]
        for x in range(columns):
            to[x] = row[x]
        bad += finish_row(y, mask, level, bias, dark, factor, scale, to)
    return bad


@jit
def finish_row(y, mask, level, bias, dark, factor, scale, row):
    """Make (row - level - bias - factor * dark) * scale in place; the number left out.

    +inf where masked or not finite. The subtraction is `frame.subtraction.subtracted`, written out
    so that the compiler fuses it with the loading; a test holds it to that function bit for bit.
    """
    bad = np.int32(0)
    rest = level[y]
    if bias.size:
        below = bias[y]
        for x in range(row.size):
            row[x] = row[x] - rest - below[x]
        rest = np.float32(0)
    if dark.size:
        below = dark[y]
        for x in range(row.size):
            row[x] = row[x] - rest - factor * below[x]
        rest = np.float32(0)
    for x in range(row.size):
        value = (row[x] - rest) * scale
        ok = abs(value) < INF
        row[x] = value if ok else INF
        bad += np.int32(not ok)
    if mask.size:
        hidden = mask[y]
        for x in range(row.size):
            value = row[x]
            bad += np.int32(hidden[x] & (value < INF))
            row[x] = (INF if hidden[x] else value) + ZERO
    return bad


@entry
def count_values(values):
    """How many columns of a block have 0, 1, ... n values."""
    n, size = values.shape
    good = np.zeros(size, np.int32)
    for i in range(n):
        row = values[i]
        for p in range(size):
            good[p] += np.int32(row[p] < INF)
    number = np.zeros(n + 1, np.int64)
    for p in range(size):
        number[good[p]] += 1
    return number


@jit
def sort_values(value, steps, width):
    """Sort the columns of `value` (n, width)."""
    for k in range(steps.shape[0]):
        a = value[steps[k, 0]]
        b = value[steps[k, 1]]
        for p in range(width):
            x = a[p]
            y = b[p]
            a[p] = (y if y < x else x) + ZERO
            b[p] = x if y < x else y


@jit
def sort_records(tile, steps, width):
    """Sort the columns of a tile by value, then variance, then weight; the frame goes along."""
    value, variance, weight, frame = tile.value, tile.variance, tile.weight, tile.frame
    for k in range(steps.shape[0]):
        i, j = steps[k, 0], steps[k, 1]
        x, y = value[i], value[j]
        v, u = variance[i], variance[j]
        w, z = weight[i], weight[j]
        f, g = frame[i], frame[j]
        for p in range(width):
            xp, yp, vp, up, wp, zp, fp, gp = x[p], y[p], v[p], u[p], w[p], z[p], f[p], g[p]
            swap = (yp < xp) | ((yp == xp) & ((up < vp) | ((up == vp) & (zp < wp))))
            x[p] = (yp if swap else xp) + ZERO
            y[p] = xp if swap else yp
            v[p] = up if swap else vp
            u[p] = vp if swap else up
            w[p] = zp if swap else wp
            z[p] = wp if swap else zp
            f[p] = gp if swap else fp
            g[p] = fp if swap else gp


@jit
def median(column, lo, hi):
    """Median of a sorted column over [lo, hi)."""
    return (column[(lo + hi - 1) // 2] + column[(lo + hi) // 2]) * HALF


@jit
def mean(column, lo, hi):
    """Mean of a sorted column over [lo, hi), summed upwards."""
    total = 0.0
    for i in range(lo, hi):
        total += column[i]
    return total / (hi - lo)


@jit
def squares(column, lo, hi, center):
    """Sum of (value - center)^2 of a sorted column over [lo, hi), summed upwards."""
    total = 0.0
    for i in range(lo, hi):
        total += (column[i] - center) ** 2
    return total


@jit
def nth_deviation(column, lo, hi, center, nth):
    """Return the nth smallest |value - center| of a sorted column.

    It is the smallest, over windows of nth neighbours, of the larger deviation of their two ends;
    the one end's grows with the window's place and the other's falls: the best is where they cross.
    """
    first, last = lo, hi - nth + 1
    while first < last:
        middle = (first + last) // 2
        if column[middle + nth - 1] - center >= center - column[middle]:
            last = middle
        else:
            first = middle + 1
    above = column[first + nth - 1] - center if first <= hi - nth else INF
    below = center - column[first - 1] if first > lo else INF
    return min(above, below)


@jit
def median_deviation(column, lo, hi, center):
    """Median of |value - center| of a sorted column over [lo, hi)."""
    n = hi - lo
    low = nth_deviation(column, lo, hi, center, (n + 1) // 2)
    if n % 2:
        return low
    return (low + nth_deviation(column, lo, hi, center, n // 2 + 1)) * HALF


@jit
def sigma_limits(rule, center, sigma, reach, column):
    """Values below the first or above the second are clipped; none where sigma is not a number.

    They are of the type of `column`, with whose values they are compared.
    """
    below, above = rule.low * sigma, rule.high * sigma
    below = max(below, reach) if below < np.inf else np.inf
    above = max(above, reach) if above < np.inf else np.inf
    return column.dtype.type(center - below), column.dtype.type(center + above)


@jit
def center_and_limits(rule, column, variance, lo, hi, trim, poisson):
    """Center and limits of a sorted column from its values in [lo, hi).

    For means `trim` of the lowest and of the highest are left out.
    """
    center = np.float64(median(column, lo, hi))
    if rule.mean:
        center = mean(column, lo + trim, hi - trim)
    reach = 0.0
    if rule.spread == MAD:
        mad = median_deviation(column, lo, hi, median(column, lo, hi))
        # A MAD of zero says that the true one is within half a step: see Clip.
        sigma = MAD_TO_SIGMA * (mad if mad > 0 else 0.5 * rule.step)
        reach = 0.0 if mad > 0 else rule.step
    elif rule.spread == STD:
        sigma = np.sqrt(squares(column, lo, hi, mean(column, lo, hi)) / (hi - lo))
    elif rule.spread == POISSON:
        sigma = poisson * np.sqrt(max(center, 1.0)) if hi - lo > 2 else np.inf
    elif rule.mean:
        sigma = np.sqrt(mean(variance, lo + trim, hi - trim))
    else:
        sigma = np.sqrt(np.float64(median(variance, lo, hi)))
    low, high = sigma_limits(rule, center, sigma, reach, column)
    return center, low, high


@jit
def clip_sigma(rule, column, variance, lo, hi, poisson):
    """Clip about the center until nothing changes; the range that is left."""
    first, last = lo, hi
    center = 0.0
    for iteration in range(rule.iterations):
        before = hi - lo
        if before <= rule.nkeep:
            break
        # IRAF's rules start from a mean without the lowest and the highest value
        trim = 1 if rule.spread >= CENTRAL and iteration == 0 and before > 2 else 0
        center, low, high = center_and_limits(rule, column, variance, lo, hi, trim, poisson)
        while lo < hi and column[lo] < low:
            lo += 1
        while lo < hi and column[hi - 1] > high:
            hi -= 1
        if hi - lo == before:
            break
    return keep_some(rule, column, first, lo, hi, last, center)


@jit
def keep_some(rule, column, first, lo, hi, last, center):
    """Widen [lo, hi) to `nkeep` values of [first, last) by those nearest to the center."""
    if lo == hi:
        lo = first
        while lo < last and column[lo] < center:
            lo += 1
        hi = lo
    while hi - lo < min(rule.nkeep, last - first):
        below = center - column[lo - 1] if lo > first else np.inf
        above = column[hi] - center if hi < last else np.inf
        nearest = min(below, above)
        while lo > first and center - column[lo - 1] <= nearest:
            lo -= 1
        while hi < last and column[hi] - center <= nearest:
            hi += 1
    return lo, hi


@jit
def clip_limits(rule, column, lo, hi):
    """Clip what lies outside absolute limits; the range that is left."""
    while lo < hi and column[lo] < column.dtype.type(rule.low):
        lo += 1
    while lo < hi and column[hi - 1] > column.dtype.type(rule.high):
        hi -= 1
    return lo, hi


@jit
def clip_minmax(rule, lo, hi):
    """Clip a number, or a fraction, of the lowest and highest; the range that is left."""
    n = hi - lo
    # 0.001 as in IRAF: 0.3 of 10 is 3 whatever the rounding
    nlow = int(n * rule.nlow + 0.001) if rule.nlow < 1 else int(rule.nlow)
    nhigh = int(n * rule.nhigh + 0.001) if rule.nhigh < 1 else int(rule.nhigh)
    lo = min(lo + nlow, hi)
    return lo, max(hi - nhigh, lo)


@jit
def clip_noise(rule, records, lo, last):
    """Clip each value by its own standard deviation; return the new end.

    `records` are the sorted column and the columns that go with it, of variances, weights and
    frames. What is clipped moves behind the end.
    """
    column, variance, _, _ = records
    hi = last
    center = 0.0
    for _ in range(rule.iterations):
        before = hi
        if hi - lo <= rule.nkeep:
            break
        center = mean(column, lo, hi) if rule.mean else np.float64(median(column, lo, hi))
        i = lo
        while i < hi:
            low, high = sigma_limits(rule, center, np.sqrt(np.float64(variance[i])), 0.0, column)
            if column[i] < low or column[i] > high:
                hi -= 1
                move_record(records, i, hi)
            else:
                i += 1
        if hi == before:
            break
    while hi - lo < min(rule.nkeep, last - lo):
        hi = take_back(records, lo, hi, last, center)
    return hi


@jit
def take_back(records, lo, hi, last, center):
    """Put the values of [hi, last) that are nearest to the center back in order; the new end."""
    column = records[0]
    nearest = np.inf
    for i in range(hi, last):
        nearest = min(nearest, abs(column[i] - center))
    for i in range(hi, last):
        if abs(column[i] - center) <= nearest:
            place = lo
            while place < hi and column[place] < column[i]:
                place += 1
            move_record(records, i, place)
            hi += 1
    return hi


@jit
def move_record(records, source, target):
    """Move one record to another place; those between shift by one."""
    column, variance, weight, frame = records
    value, noise, share, origin = column[source], variance[source], weight[source], frame[source]
    step = 1 if target > source else -1
    for i in range(source, target, step):
        column[i], variance[i] = column[i + step], variance[i + step]
        weight[i], frame[i] = weight[i + step], frame[i + step]
    column[target], variance[target], weight[target], frame[target] = value, noise, share, origin


@jit
def clear(out, width):
    """Set the first `width` numbers to zero."""
    for p in range(width):
        out[p] = 0.0


@jit
def medians(value, n, width, out):
    """Medians of columns of n sorted values."""
    a, b = value[(n - 1) // 2], value[n // 2]
    for p in range(width):
        out[p] = (a[p] + b[p]) * HALF


@jit
def means(value, n, width, out):
    """Means of columns of n sorted values, summed upwards as `mean` does."""
    clear(out, width)
    for i in range(n):
        row = value[i]
        for p in range(width):
            out[p] += row[p]
    for p in range(width):
        out[p] /= n


@jit
def deviations_mad(rule, value, n, width, middle, sigma, reach):
    """MAD of columns of n sorted values; the windows of `nth_deviation`, all of them."""
    mad = np.empty(width, value.dtype)
    nearest = np.empty(width, value.dtype)
    clear(mad, width)
    for nth in ((n + 1) // 2, n // 2 + 1):
        for p in range(width):
            nearest[p] = INF
        for i in range(n - nth + 1):
            a, b = value[i], value[i + nth - 1]
            for p in range(width):
                below = middle[p] - a[p]
                above = b[p] - middle[p]
                larger = above if above > below else below
                nearest[p] = (larger if larger < nearest[p] else nearest[p]) + ZERO
        for p in range(width):
            mad[p] += nearest[p]
    for p in range(width):
        half = mad[p] * HALF
        sigma[p] = MAD_TO_SIGMA * (half if half > 0 else 0.5 * rule.step)
        reach[p] = 0.0 if half > 0 else rule.step


@jit
def deviations_std(value, n, width, average, sigma):
    """Standard deviations (ddof 0) of columns of n sorted values."""
    clear(sigma, width)
    for i in range(n):
        row = value[i]
        for p in range(width):
            sigma[p] += (row[p] - average[p]) ** 2
    for p in range(width):
        sigma[p] = np.sqrt(sigma[p] / n)


@jit
def screen(rule, tile, n, width, poisson, start, active):
    """Mark the columns of n values in which the first iteration clips something.

    The arithmetic is that of `clip_sigma`, over whole rows; most columns need no more.
    """
    value, variance = tile.value, tile.variance
    middle, center = np.empty(width, tile.value.dtype), np.empty(width)
    average, sigma, reach = np.empty(width), np.empty(width), np.empty(width)
    clear(reach, width)
    medians(value, n, width, middle)
    if rule.mean or rule.spread == STD:
        means(value, n, width, average)
    for p in range(width):
        center[p] = average[p] if rule.mean else middle[p]
    if rule.kind == NOISE:
        screen_noise(rule, value, variance, n, width, center, active)
        return
    if rule.spread == MAD:
        deviations_mad(rule, value, n, width, middle, sigma, reach)
    elif rule.spread == STD:
        deviations_std(value, n, width, average, sigma)
    elif rule.mean:
        for p in range(width):
            active[p] = True
        return
    elif rule.spread == POISSON:
        level = poisson[start : start + width]
        for p in range(width):
            sigma[p] = level[p] * np.sqrt(max(center[p], 1.0)) if n > 2 else np.inf
    else:
        medians(variance, n, width, middle)
        for p in range(width):
            sigma[p] = np.sqrt(np.float64(middle[p]))
    lowest, highest = value[0], value[n - 1]
    for p in range(width):
        low, high = sigma_limits(rule, center[p], sigma[p], reach[p], value)
        active[p] = (lowest[p] < low) | (highest[p] > high)


@jit
def screen_noise(rule, value, variance, n, width, center, active):
    """Mark the columns in which a value lies outside the limits of its own standard deviation."""
    for p in range(width):
        active[p] = False
    for i in range(n):
        row, noise = value[i], variance[i]
        for p in range(width):
            low, high = sigma_limits(rule, center[p], np.sqrt(np.float64(noise[p])), 0.0, value)
            active[p] |= (row[p] < low) | (row[p] > high)


@jit
def clip_tile(rule, tile, n, width, poisson, start, active):
    """Apply one rule to each column of a tile."""
    tile_lo, tile_hi = tile.lo, tile.hi
    column, noise = np.empty(n, tile.value.dtype), np.empty(n, tile.value.dtype)
    weight, frame = np.empty(n, tile.value.dtype), np.empty(n, np.int32)
    records = column, noise, weight, frame
    for p in range(width):
        active[p] = True
    if rule.kind == SIGMA or rule.kind == NOISE:
        screen(rule, tile, n, width, poisson, start, active)
    for p in range(width):
        lo, hi = int(tile_lo[p]), int(tile_hi[p])
        if lo == 0 and hi == n and not active[p]:
            continue
        take_column(rule, tile, p, lo, hi, records)
        if rule.kind == SIGMA:
            level = poisson[start + p] if poisson.size else 0.0
            lo, hi = clip_sigma(rule, column, noise, lo, hi, level)
        elif rule.kind == NOISE:
            hi = clip_noise(rule, records, lo, hi)
            put_column(tile, p, lo, int(tile_hi[p]), records)
        elif rule.kind == LIMITS:
            lo, hi = clip_limits(rule, column, lo, hi)
        else:
            lo, hi = clip_minmax(rule, lo, hi)
        tile_lo[p], tile_hi[p] = lo, hi


@jit
def take_column(rule, tile, p, lo, hi, records):
    """Copy [lo, hi) of one column out of a tile, as much of it as the rule looks at."""
    value, variance, weight, frame = tile.value, tile.variance, tile.weight, tile.frame
    for i in range(lo, hi):
        records[0][i] = value[i, p]
    if rule.kind == NOISE or rule.spread == CENTRAL:
        for i in range(lo, hi):
            records[1][i] = variance[i, p]
    if rule.kind == NOISE:
        for i in range(lo, hi):
            records[2][i] = weight[i, p]
            records[3][i] = frame[i, p]


@jit
def put_column(tile, p, lo, hi, records):
    """Copy [lo, hi) of one column back into a tile."""
    value, variance, weight, frame = tile.value, tile.variance, tile.weight, tile.frame
    for i in range(lo, hi):
        value[i, p] = records[0][i]
        variance[i, p] = records[1][i]
        weight[i, p] = records[2][i]
        frame[i, p] = records[3][i]


@jit
def sum_kept(rows, lo, hi, n, width, total):
    """Sum over [lo, hi) of each column, upwards."""
    clear(total, width)
    for i in range(n):
        row = rows[i]
        place = np.int32(i)
        for p in range(width):
            value = np.float64(row[p])
            total[p] += value if (lo[p] <= place) & (place < hi[p]) else 0.0


@jit
def sum_squares(rows, lo, hi, n, width, average, total):
    """Sum over [lo, hi) of each column of (value - average)^2, upwards."""
    clear(total, width)
    for i in range(n):
        row = rows[i]
        place = np.int32(i)
        for p in range(width):
            off = row[p] - average[p]
            square = off * off
            total[p] += square if (lo[p] <= place) & (place < hi[p]) else 0.0


@jit
def average_plain(tile, n, width, method, has_variances, median_ratio, total, norm, scatter, model):
    """Per column, of what was kept: sum, number, variance of the mean from scatter, from variances.

    The last is for the median u / n as its variance ratio has to multiply it: see `combine_values`.
    """
    lo, hi = tile.lo, tile.hi
    sum_kept(tile.value, lo, hi, n, width, total)
    average = np.empty(width)
    for p in range(width):
        norm[p] = hi[p] - lo[p]
        average[p] = total[p] / norm[p]
    sum_squares(tile.value, lo, hi, n, width, average, scatter)
    for p in range(width):
        scatter[p] /= (norm[p] - 1.0) * norm[p]
    if has_variances:
        sum_kept(tile.variance, lo, hi, n, width, model)
        if method == MEDIAN:
            spread_of_median(tile.variance, lo, hi, n, width, median_ratio, model)
        for p in range(width):
            model[p] /= norm[p] * norm[p]


@jit
def spread_of_median(variance, lo, hi, n, width, median_ratio, model):
    """Turn the sum of the variances into that of equal ones whose median is as uncertain."""
    inverse = np.empty(width)
    clear(inverse, width)
    for i in range(n):
        row = variance[i]
        for p in range(width):
            part = 1.0 / np.sqrt(np.float64(row[p]))
            inverse[p] += part if (lo[p] <= i) & (i < hi[p]) else 0.0
    for p in range(width):
        kept = hi[p] - lo[p]
        central = np.float64(kept) ** 3 / (inverse[p] * inverse[p])
        if kept > 2 and model[p] > ALIKE * central:
            own = variance[lo[p] : hi[p], p]
            if kept == 3 and model[p] < np.inf:
                found = median_of_three(own)
            else:
                start = central if central > 0.0 else model[p]
                found = median_of_unequal(own, median_ratio[kept], start / kept)
            model[p] = found * kept * kept / median_ratio[kept]


@jit
def median_of_three(variance):
    """Variance of the median of three normal values: E(x^2) of each where it is the central one."""
    a, b, c = np.float64(variance[0]), np.float64(variance[1]), np.float64(variance[2])
    root = np.sqrt(a * b + b * c + c * a)
    if root == 0.0:
        return 0.0
    total = 0.0
    for _ in range(3):
        lies = 0.5 - np.arcsin(a / np.sqrt((a + b) * (a + c))) / np.pi
        total += a * lies - a * a / (np.pi * root) * (b / (a + b) + c / (a + c))
        a, b, c = b, c, a
    return total


@jit
def median_of_unequal(variance, median_ratio, mean):
    """Variance of the median of unequal normal values, by a fixed point; see `combine_values`.

    `mean` is a first guess of the variance of one value.
    """
    n = variance.size
    equal = median_ratio / n
    width = 0.6 if n % 2 else 0.65 + 3.0 / n
    found = equal * mean
    for _ in range(MEDIAN_ROUNDS):
        density = 0.0
        for each in variance:
            density += 1.0 / np.sqrt(np.float64(each) + width * found)
        found = equal * n * n / (density * density * (1.0 + width * equal))
    return found


@jit
def average_weighted(tile, n, width, total, norm, scatter, model):
    """As `average_plain`, with weights: weighted sum, sum of weights, variances of the mean.

    That from scatter is sum(a^2 r^2 / (1 - a)), a = w / sum(w) and r the residual: unbiased for
    equal weights and for weights that are inverse variances (HC2 of MacKinnon and White 1985).
    """
    lo, hi = tile.lo, tile.hi
    sum_kept(tile.weight, lo, hi, n, width, norm)
    clear(total, width)
    clear(scatter, width)
    clear(model, width)
    for i in range(n):
        row, weight = tile.value[i], tile.weight[i]
        for p in range(width):
            part = np.float64(row[p]) * weight[p]
            total[p] += part if (lo[p] <= i) & (i < hi[p]) else 0.0
    average = np.empty(width)
    for p in range(width):
        average[p] = total[p] / norm[p]
    for i in range(n):
        row, weight, variance = tile.value[i], tile.weight[i], tile.variance[i]
        for p in range(width):
            kept = (lo[p] <= i) & (i < hi[p])
            share = weight[p] / norm[p]
            off = share * (row[p] - average[p])
            square = off * off / (1.0 - share)
            expected = share * share * variance[p]
            scatter[p] += square if kept else 0.0
            model[p] += expected if kept else 0.0


@jit
def finish(tile, width, method, factors, total, norm, scatter, model, start, out):
    """Write the results of a tile.

    `factors` (3, n + 1): of scatter and of model by the number before clipping, and the
    variance ratio of the median by the number kept.
    """
    good, lo, hi = tile.good, tile.lo, tile.hi
    here = slice(start, start + width)
    data, variance, model_out = out.data[here], out.variance[here], out.model[here]
    count, clipped = out.count[here], out.rejection_map[here]
    for p in range(width):
        kept = hi[p] - lo[p]
        count[p] = kept
        clipped[p] = good[p] - kept
        data[p] = (total[p] if kept > 0 else np.nan) if method == SUM else total[p] / norm[p]
        factor = norm[p] * norm[p] if method == SUM else 1.0
        factor = factors[2, kept] if method == MEDIAN else factor
        scatter[p] *= factor * factors[0, good[p]]
        model[p] *= factor * factors[1, good[p]]
        variance[p] = scatter[p] if kept > 1 else np.nan
    if method == MEDIAN:
        for p in range(width):
            low, high = (lo[p] + hi[p] - 1) // 2, (lo[p] + hi[p]) // 2
            data[p] = (tile.value[low, p] + tile.value[high, p]) * HALF if lo[p] < hi[p] else np.nan
    if model_out.size:
        for p in range(width):
            model_out[p] = model[p] if lo[p] < hi[p] else np.nan


@jit
def attribute(values, tile, width, start, records, rejected, flags):
    """Say which frames the columns of a tile lost."""
    value, lo, hi, good = tile.value, tile.lo, tile.hi, tile.good
    for p in range(width):
        if hi[p] - lo[p] == good[p]:
            continue
        if records:
            attribute_records(tile.frame, p, lo[p], hi[p], good[p], start, rejected, flags)
        else:
            low = value[lo[p], p] if lo[p] < hi[p] else INF
            high = value[hi[p] - 1, p] if lo[p] < hi[p] else INF
            attribute_values(values, start + p, low, high, rejected, flags)


@jit
def attribute_records(frame, p, lo, hi, good, start, rejected, flags):
    """Count the frames of the records of column p outside [lo, hi)."""
    for i in range(good):
        if i < lo or i >= hi:
            rejected[frame[i, p]] += 1
            if flags.size:
                flags[frame[i, p], start + p] = True


@jit
def attribute_values(values, place, low, high, rejected, flags):
    """Count the frames whose values at one place lie outside [low, high]."""
    for frame in range(values.shape[0]):
        value = values[frame, place]
        clipped = (value < low) | ((value > high) & (value < INF))
        rejected[frame] += np.int64(clipped)
        if flags.size:
            flags[frame, place] = clipped


@jit
def copy_row(rows, i, start, width, out):
    """Copy part of a row, or ones where there are no rows."""
    if rows.size:
        row = rows[i, start : start + width]
        for p in range(width):
            out[p] = row[p]
    else:
        for p in range(width):
            out[p] = 1.0


@jit
def fill(values, variances, weights, tile, start, width, records):
    """Copy a tile's columns out of the block and count their values."""
    good, lo, hi = tile.good, tile.lo, tile.hi
    for p in range(width):
        good[p] = lo[p] = 0
    for i in range(values.shape[0]):
        source, row = values[i, start : start + width], tile.value[i]
        for p in range(width):
            value = source[p]
            row[p] = value
            good[p] += np.int32(value < INF)
        if records:
            frame = tile.frame[i]
            for p in range(width):
                frame[p] = i
            copy_row(weights, i, start, width, tile.weight[i])
            copy_row(variances, i, start, width, tile.variance[i])
    for p in range(width):
        hi[p] = good[p]


@entry
def combine_block(
    values, variances, weights, poisson, steps, rules, method, factors, out, rejected
):
    """Combine the columns of `values` (n, pixels).

    variances, weights : (n, pixels), or empty
    poisson : (pixels,) of `poisson_scatter`, or empty
    steps : `network(n)`
    rules : (k, 10) float64, a `Rule` each
    method : MEAN, MEDIAN or SUM
    factors : (3, n + 1), see `finish`
    out : `Output` of (pixels,) arrays; flags (n, pixels) or empty
    rejected : (n,) int64, to which the clipped values of each frame are added
    """
    n, size = values.shape
    records = variances.size > 0 or weights.size > 0 or needs_records(rules)
    width = max(64, TILE_BYTES // (4 * n) // 16 * 16)
    tile = Tile(
        np.empty((n, width), values.dtype),
        np.empty((n, width) if records else (0, 0), values.dtype),
        np.empty((n, width) if records else (0, 0), values.dtype),
        np.empty((n, width) if records else (0, 0), np.int32),
        np.empty(width, np.int32),
        np.empty(width, np.int32),
        np.empty(width, np.int32),
    )
    total, norm = np.empty(width), np.empty(width)
    scatter, model = np.empty(width), np.empty(width)
    active = np.empty(width, np.bool_)
    for start in range(0, size, width):
        here = min(width, size - start)
        fill(values, variances, weights, tile, start, here, records)
        if records:
            sort_records(tile, steps, here)
        else:
            sort_values(tile.value, steps, here)
        for r in range(rules.shape[0]):
            clip_tile(rule_of(rules[r]), tile, n, here, poisson, start, active)
        if weights.size:
            average_weighted(tile, n, here, total, norm, scatter, model)
        else:
            known = variances.size > 0
            average_plain(tile, n, here, method, known, factors[2], total, norm, scatter, model)
        finish(tile, here, method, factors, total, norm, scatter, model, start, out)
        attribute(values, tile, here, start, records, rejected, out.flags)


@jit
def needs_records(rules):
    """Whether equal values may fare differently, so that each must be known by its frame."""
    found = False
    for r in range(rules.shape[0]):
        found |= rules[r, 0] == MINMAX
    return found


@jit
def rule_of(row):
    """Read a `Rule` from numbers."""
    return Rule(
        int(row[0]),
        row[1],
        row[2],
        row[3] != 0,
        int(row[4]),
        int(row[5]),
        row[6],
        row[7],
        int(row[8]),
        row[9],
    )


@entry
def poisson_scatter(values, steps, columns, mean_center, out):
    """Scatter of each row of an image over the square root of its level: that of IRAF's avsigclip.

    sqrt(sum((value - center)^2 / max(1, center)) / (number - 1)) over all values of the columns
    with at least three; the center is the median, or the mean without the lowest and the highest.

    values : (n, pixels), pixels in whole rows of `columns`; out : (pixels,)
    """
    n, size = values.shape
    block, column = np.empty((n, columns), values.dtype), np.empty(n, values.dtype)
    for start in range(0, size, columns):
        for i in range(n):
            copy_row(values, i, start, columns, block[i])
        sort_values(block, steps, columns)
        total = 0.0
        number = 0
        for p in range(columns):
            good = 0
            while good < n and block[good, p] < INF:
                column[good] = block[good, p]
                good += 1
            if good < 3:
                continue
            if mean_center:
                center = mean(column, 1, good - 1)
            else:
                center = np.float64(median(column, 0, good))
            total += squares(column, 0, good, center) / max(1.0, center)
            number += good
        for p in range(columns):
            out[start + p] = np.sqrt(total / max(number - 1, 1))
