"""The arithmetic of `ccdlib.statistics.combine`, one pixel at a time and as plainly as can be."""

from math import inf, nan, sqrt

import numpy as np
from scipy.special import erf

from ccdlib.statistics.combine import median_variance_ratio

f32 = np.float32
MAD_TO_SIGMA = 1.482602218505602


def stack_slowly(
    cube, *, mask, variance, weights, scale, level, bias, method, rules, step, factors
):
    """Every argument given; all but scale (n,) and level (n, ny) have the shape of the cube."""
    n, ny, nx = cube.shape
    scale, level = scale.astype(f32)[:, None, None], level.astype(f32)[:, :, None]
    values = (cube.astype(f32) - level - bias.astype(f32)) * scale
    good = np.isfinite(values) & ~mask
    variances = variance.astype(f32) * scale**2
    step = step * float(np.abs(scale).max())
    data, scatter, model = (np.full((ny, nx), nan, f32) for _ in range(3))
    count, clipped = np.zeros((ny, nx), int), np.zeros((n, ny, nx), bool)
    for y in range(ny):
        columns = []
        for x in range(nx):
            records = zip(
                values[:, y, x], variances[:, y, x], weights[:, y, x], range(n), strict=True
            )
            columns.append(sorted(r for r in records if good[r[3], y, x]))
        for x, column in enumerate(columns):
            kept = column
            for rule in rules:
                kept = clip(rule, kept, step, columns)
            count[y, x] = len(kept)
            for record in column:
                clipped[record[3], y, x] = record not in kept
            weighted = (weights != 1).any()
            result = combine(kept, method, factors(len(column), method, rules), weighted)
            data[y, x], scatter[y, x], model[y, x] = result
    return {"data": data, "variance": scatter, "model": model, "count": count, "clipped": clipped}


def median(numbers):
    """In float32."""
    ordered = sorted(numbers)
    n = len(ordered)
    return (ordered[(n - 1) // 2] + ordered[n // 2]) * f32(0.5)


def total(numbers):
    """In float64, from the first to the last."""
    result = 0.0
    for number in numbers:
        result += float(number)
    return result


def mean(numbers):
    return total(numbers) / len(numbers)


def squares(numbers, center):
    return total((float(number) - center) ** 2 for number in numbers)


def clip(rule, column, step, columns):
    """The records of a sorted column that a rule leaves."""
    if not column or rule.method == "none":
        return column
    if rule.method == "limits":
        low = -inf if rule.low is None else f32(rule.low)
        high = inf if rule.high is None else f32(rule.high)
        return [record for record in column if low <= record[0] <= high]
    if rule.method == "minmax":
        n = len(column)
        low, high = (int(n * k + 0.001) if k < 1 else int(k) for k in (rule.nlow, rule.nhigh))
        return column[low : max(n - high, low)]
    return clip_sigma(rule, column, step, columns)


def clip_sigma(rule, column, step, columns):
    kept, iteration, center = column, 0, nan
    while len(kept) > rule.nkeep and iteration != rule.iterations:
        values = [record[0] for record in kept]
        irafs = rule.method in ("ccdclip", "avsigclip") and rule.center == "mean"
        trimmed = kept[1:-1] if irafs and iteration == 0 and len(kept) > 2 else kept
        if rule.center == "median":
            center = float(median(values))
        else:
            center = mean([record[0] for record in trimmed])
        sigmas, reach = spread(rule, kept, trimmed, center, step, columns)
        left = []
        for record, sigma in zip(kept, sigmas, strict=True):
            free = sigma == inf
            low = -inf if rule.low is None or free else f32(center - max(rule.low * sigma, reach))
            high = inf if rule.high is None or free else f32(center + max(rule.high * sigma, reach))
            if low <= record[0] <= high:
                left.append(record)
        if len(left) == len(kept):
            break
        kept = left
        iteration += 1
    return give_back(rule, column, kept, center)


def spread(rule, kept, trimmed, center, step, columns):
    """Sigma of each record, and the distance within which nothing is clipped."""
    n = len(kept)
    values = [record[0] for record in kept]
    variances = [record[1] for record in kept]
    if rule.method == "avsigclip":
        row = row_scatter(rule, columns)
        return [inf if n < 3 else row * sqrt(max(center, 1.0))] * n, 0.0
    if rule.method == "ccdclip" and rule.center == "mean":
        return [sqrt(mean([record[1] for record in trimmed]))] * n, 0.0
    if rule.method == "ccdclip":
        central = (variances[(n - 1) // 2] + variances[n // 2]) * f32(0.5)
        return [sqrt(float(central))] * n, 0.0
    if rule.spread == "noise":
        return [sqrt(float(v)) for v in variances], 0.0
    if rule.spread == "std":
        return [sqrt(squares(values, mean(values)) / n)] * n, 0.0
    middle = median(values)
    mad = float(median([abs(value - middle) for value in values]))
    if mad == 0:
        return [MAD_TO_SIGMA * 0.5 * step] * n, step
    return [MAD_TO_SIGMA * mad] * n, 0.0


def row_scatter(rule, columns):
    scatter, number = 0.0, 0
    for column in columns:
        values = [record[0] for record in column]
        if len(values) > 2:
            center = float(median(values)) if rule.center == "median" else mean(values[1:-1])
            scatter += squares(values, center) / max(1.0, center)
            number += len(values)
    return sqrt(scatter / max(number - 1, 1))


def give_back(rule, column, kept, center):
    """Those nearest to the center come back until `nkeep` are there, equally near ones together."""
    while len(kept) < min(rule.nkeep, len(column)):
        gone = [record for record in column if record not in kept]
        nearest = min(abs(float(record[0]) - center) for record in gone)
        back = [record for record in gone if abs(float(record[0]) - center) == nearest]
        kept = sorted(kept + back)
    return kept


def combine(kept, method, factors, weighted):
    """Value, variance from scatter, variance from the input variances."""
    n = len(kept)
    if n == 0:
        return nan, nan, nan
    values, variances, weights = ([float(record[i]) for record in kept] for i in range(3))
    norm = total(weights)
    if norm == 0:
        return (0.0 if method == "sum" else nan), nan, nan
    result = total(w * x for w, x in zip(weights, values, strict=True))
    average = result / norm
    if weighted:
        scatter = model = 0.0
        for w, x, v in zip(weights, values, variances, strict=True):
            share = w / norm
            scatter += (share * (x - average)) ** 2 / (1 - share) if share != 1 else nan
            model += share**2 * v
    else:
        scatter = squares(values, average) / (n - 1) / n if n > 1 else nan
        model = total(variances) / n**2
    if method == "mean":
        return average, scatter * factors[0], model * factors[1]
    if method == "sum":
        return result, scatter * norm**2 * factors[0], model * norm**2 * factors[1]
    scatter *= median_variance_ratio(n)
    model = variance_of_median(variances)
    return median([f32(x) for x in values]), scatter * factors[0], model * factors[1]


def variance_of_median(variances):
    n, equal = len(variances), median_variance_ratio(len(variances)) / len(variances)
    u = 1 / mean([v**-0.5 for v in variances]) ** 2
    if n < 3 or mean(variances) <= 1.001 * u:
        return equal * mean(variances)
    if n == 3:
        return variance_of_the_central_one(variances)
    c = 0.6 if n % 2 else 0.65 + 3 / n
    for _ in range(4):
        density = mean([(v + c * equal * u) ** -0.5 for v in variances])
        u = 1 / (density**2 * (1 + c * equal))
    return equal * u


def variance_of_the_central_one(variances):
    """Of three, by the distribution of the median: one below x, one at x, one above."""
    sigma = np.sqrt(variances)[:, None]
    x = np.linspace(-9, 9, 2001) * sigma.max()
    below = 0.5 * (1 + erf(x / sigma / 2**0.5))
    density = np.exp(-((x / sigma) ** 2) / 2) / sigma / (2 * np.pi) ** 0.5
    pairs = ((0, 1, 2), (1, 2, 0), (2, 0, 1))
    one = sum(
        density[i] * (below[j] * (1 - below[k]) + below[k] * (1 - below[j])) for i, j, k in pairs
    )
    return float(np.sum(one * x**2) * (x[1] - x[0]))
