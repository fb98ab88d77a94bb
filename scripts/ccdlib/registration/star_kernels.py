"""Compiled kernels of `ccdlib.registration`: the sky below stars, and what is measured in stamps.

Sums go pixel by pixel in one order, and roots are exact: the same stars on every processor.
"""

import numpy as np
from numba import njit

__all__ = [
    "block_medians",
    "brightest",
    "centroids",
    "cut",
    "fluxes",
    "half_light",
    "lower",
    "refill",
    "shapes",
    "smooth",
    "subtract_sky",
]

# for compiled code alone, see `ccdlib.statistics.combine_kernels`
jit = njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
inlined = njit(nogil=True, error_model="numpy", inline="always")
entry = njit(cache=True, nogil=True, error_model="numpy")

# added where a value may stay as it is, see `ccdlib.statistics.combine_kernels`
ZERO = np.float32(0)
ROUNDS = 40
# pixels: a centroid that moves by less stays
CLOSE = 1e-4


@jit
def _nth(values, count, nth):
    """The nth smallest of the first values, which are put in another order."""
    low, high = 0, count - 1
    while low < high:
        pivot = values[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while pivot < values[j]:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if nth <= j:
            high = j
        elif nth >= i:
            low = i
        else:
            break
    return values[nth]


@jit
def _median(values, count):
    """Of the first values; 0 of none."""
    if count == 0:
        return 0.0
    middle = _nth(values, count, count // 2)
    if count % 2:
        return middle
    # what is left of the middle is no larger than it
    below = values[0]
    for k in range(1, count // 2):
        below = max(below, values[k])
    return (below + middle) / 2


@entry
def block_medians(
    data: np.ndarray,
    good: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    looked_at: int,
    fewest: float,
    out: np.ndarray,
) -> None:
    """Medians of a sample of the good pixels of blocks; NaN where too few of it are good.

    Parameters
    ----------
    data : ndarray of float32, shape (ny, nx)
    good : ndarray of bool
    rows, columns : ndarray of int
        Limits of the blocks.
    looked_at : int
        About so many pixels of a block are the sample.
    fewest : float
        Share of the sample that must be good.
    out : ndarray of float64, shape (rows - 1, columns - 1)
    """
    found = np.empty((rows[1] - rows[0] + 1) * (columns[1] - columns[0] + 1))
    for j in range(rows.size - 1):
        for i in range(columns.size - 1):
            wide = columns[i + 1] - columns[i]
            size = (rows[j + 1] - rows[j]) * wide
            count = seen = 0
            # an odd step goes through all columns in turn
            for place in range(0, size, max(size // looked_at, 1) | 1):
                y, x = rows[j] + place // wide, columns[i] + place % wide
                seen += 1
                if good[y, x]:
                    found[count] = data[y, x]
                    count += 1
            enough = count > 0 and count >= fewest * seen
            out[j, i] = _median(found, count) if enough else np.nan


@entry
def subtract_sky(
    left: np.ndarray,
    good: np.ndarray,
    lines: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
    share: np.ndarray,
) -> None:
    """Take the sky from an image in place; bad pixels are 0.

    Parameters
    ----------
    left : ndarray of float32, shape (ny, nx)
    good : ndarray of bool
    lines : ndarray of float32, shape (blocks, nx)
        The sky along the middle of each row of blocks.
    before, after : ndarray of int, shape (ny,)
        Rows of `lines` that each row of the image lies between.
    share : ndarray of float32, shape (ny,)
        Of the one after.
    """
    for y in range(left.shape[0]):
        low, high, up = lines[before[y]], lines[after[y]], share[y]
        down = np.float32(1) - up
        for x in range(left.shape[1]):
            above = left[y, x] - low[x] * down - high[x] * up
            left[y, x] = above if good[y, x] else np.float32(0)


@entry
def smooth(left: np.ndarray, out: np.ndarray) -> None:
    """Fill in means over boxes of 3 by 3 pixels, 0 beyond the edges.

    Parameters
    ----------
    left, out : ndarray of float32, shape (ny, nx)
    """
    ny, nx = left.shape
    line, ninth = np.zeros(nx + 2, np.float32), np.float32(1 / 9)
    nothing = np.zeros(nx, np.float32)
    for y in range(ny):
        below = left[y - 1] if y > 0 else nothing
        above = left[y + 1] if y + 1 < ny else nothing
        for x in range(nx):
            line[x + 1] = left[y, x] + below[x] + above[x]
        for x in range(nx):
            out[y, x] = (line[x + 1] + line[x] + line[x + 2]) * ninth


@entry
def brightest(image: np.ndarray, side: int, least: float, x: np.ndarray, y: np.ndarray) -> int:
    """Fill in the brightest pixel of each block that has one above a level.

    Parameters
    ----------
    image : ndarray of float32, shape (ny, nx)
    side : int
        Of the blocks, in pixels; those at the edges may be smaller.
    least : float
    x, y : ndarray of int
        Long enough for all blocks.

    Returns
    -------
    int
        How many there are.
    """
    ny, nx = image.shape
    line, count = np.empty(nx, np.float32), 0
    for top in range(0, ny, side):
        end = min(top + side, ny)
        # loops, as whole arrays take seconds to compile
        for column in range(nx):
            line[column] = image[top, column]
        for row in range(top + 1, end):
            for column in range(nx):
                line[column] = max(line[column], image[row, column]) + ZERO
        for left in range(0, nx, side):
            column = left
            for other in range(left + 1, min(left + side, nx)):
                if line[other] > line[column]:
                    column = other
            if line[column] > least:
                row = top
                while row + 1 < end and image[row, column] != line[column]:
                    row += 1
                x[count], y[count] = column, row
                count += 1
    return count


@jit
def _ring_level(values, good, inner, outer, found):
    """Median of the good pixels of a ring about the middle of a stamp, 0 without any."""
    half, count = values.shape[0] // 2, 0
    for j in range(-half, half + 1):
        for i in range(-half, half + 1):
            within = inner * inner <= j * j + i * i <= outer * outer
            if within and good[j + half, i + half]:
                found[count] = values[j + half, i + half]
                count += 1
    return _median(found, count)


@jit
def _mirror(values, variance, good, level):
    """Values above a level; bad pixels have what is on the other side of the middle, or 0."""
    last = values.shape[0] - 1
    for j in range(last + 1):
        for i in range(last + 1):
            values[j, i] -= level if good[j, i] else 0.0
    for j in range(last + 1):
        for i in range(last + 1):
            if not good[j, i]:
                values[j, i] = values[last - j, last - i] if good[last - j, last - i] else 0.0
                variance[j, i] = variance[last - j, last - i]
            if not np.isfinite(variance[j, i]):
                variance[j, i] = 0.0


@entry
def cut(
    planes: tuple[np.ndarray, np.ndarray],
    good: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    ring: tuple[float, float],
    values: np.ndarray,
    variance: np.ndarray,
    kept: np.ndarray,
) -> None:
    """Fill stamps with the values above a ring, variances and good pixels around some pixels.

    Parameters
    ----------
    planes : tuple of two ndarrays of float32, shape (ny, nx)
        Values and variances.
    good : ndarray of bool
    x, y : ndarray of int, shape (n,)
    ring : (float, float)
        Its radii.
    values, variance : ndarray of float64, shape (n, side, side)
        Of bad pixels, those on the other side of the middle; 0 where both sides are bad.
    kept : ndarray of bool
    """
    side = values.shape[1]
    found = np.empty(side * side)
    for n in range(x.size):
        for j in range(side):
            for i in range(side):
                row, column = y[n] + j - side // 2, x[n] + i - side // 2
                inside = 0 <= row < good.shape[0] and 0 <= column < good.shape[1]
                kept[n, j, i] = inside and good[row, column]
                values[n, j, i] = planes[0][row, column] if inside else 0.0
                variance[n, j, i] = planes[1][row, column] if inside else 0.0
        level = _ring_level(values[n], kept[n], ring[0], ring[1], found)
        _mirror(values[n], variance[n], kept[n], level)


@entry
def lower(values: np.ndarray, good: np.ndarray, ring: tuple[float, float]) -> None:
    """Take from stamps the median of a ring, in place.

    Parameters
    ----------
    values : ndarray of float64, shape (n, side, side)
    good : ndarray of bool
    ring : (float, float)
        Its radii.
    """
    found = np.empty(values.shape[1] * values.shape[2])
    for n in range(values.shape[0]):
        level = _ring_level(values[n], good[n], ring[0], ring[1], found)
        for j in range(values.shape[1]):
            for i in range(values.shape[2]):
                values[n, j, i] -= level


@entry
def refill(values: np.ndarray, good: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
    """Give bad pixels the value on the other side of the centroid, in place.

    Parameters
    ----------
    values : ndarray of float64, shape (n, side, side)
    good : ndarray of bool
    x, y : ndarray of float64, shape (n,)
        Pixels from the middle.
    """
    side = values.shape[1]
    half = side // 2
    before = np.empty((side, side))
    for n in range(values.shape[0]):
        for j in range(side):
            for i in range(side):
                before[j, i] = values[n, j, i]
        for j in range(side):
            for i in range(side):
                if not good[n, j, i]:
                    across = min(max(2 * (x[n] + half) - i, 0.0), side - 1.001)
                    up = min(max(2 * (y[n] + half) - j, 0.0), side - 1.001)
                    column, row = int(across), int(up)
                    right, above = across - column, up - row
                    low = before[row, column] * (1 - right) + before[row, column + 1] * right
                    row += 1
                    high = before[row, column] * (1 - right) + before[row, column + 1] * right
                    values[n, j, i] = low * (1 - above) + high * above


@inlined
def _reached(place, radius, side):
    """The first pixel of a row that a radius around a place reaches, and the one after the last."""
    half = side // 2
    first, last = int(np.ceil(place - radius)) + half, int(np.floor(place + radius)) + half
    return max(first, 0), min(last + 1, side)


@inlined
def _weight(dx, dy, radius):
    """(1 - r^2 / R^2)^2 within R: near a Gaussian of sigma R / 2, of products alone."""
    share = max(1 - (dy * dy + dx * dx) / (radius * radius), 0.0)
    return share * share


@jit
def _centroid(values, radius, factor):
    """Column and row of a centroid, NaN where it is lost, and the light in the window."""
    side = values.shape[0]
    half = side // 2
    x = y = 0.0
    for _ in range(ROUNDS):
        total = along_x = along_y = 0.0
        for j in range(*_reached(y, radius, side)):
            dy = j - half - y
            for i in range(*_reached(x, radius, side)):
                dx = i - half - x
                light = _weight(dx, dy, radius) * values[j, i]
                total += light
                along_x += light * dx
                along_y += light * dy
        move_x, move_y = factor * along_x / total, factor * along_y / total
        x += move_x
        y += move_y
        # NaN is not within it either
        if not (total > 0 and 9 * (x * x + y * y) < half * half):
            break
        if max(abs(move_x), abs(move_y)) <= CLOSE:
            return x, y, total
    return np.nan, np.nan, np.nan


@entry
def centroids(
    values: np.ndarray,
    variance: np.ndarray,
    radius: float,
    factor: float,
    x: np.ndarray,
    y: np.ndarray,
    error: np.ndarray,
) -> None:
    """Fill in centroids and their errors, see `ccdlib.registration.stamps.centroids`.

    Parameters
    ----------
    values, variance : ndarray of float64, shape (n, side, side)
    radius, factor : float
    x, y, error : ndarray of float64, shape (n,)
    """
    side = values.shape[1]
    half = side // 2
    for n in range(values.shape[0]):
        x[n], y[n], total = _centroid(values[n], radius, factor)
        error[n] = np.nan
        if np.isnan(total):
            continue
        moment = 0.0
        for j in range(*_reached(y[n], radius, side)):
            dy = j - half - y[n]
            for i in range(*_reached(x[n], radius, side)):
                dx = i - half - x[n]
                weight = _weight(dx, dy, radius)
                moment += weight * weight * variance[n, j, i] * (dx * dx + dy * dy)
        error[n] = factor * np.sqrt(moment / 2) / total


@entry
def shapes(
    values: np.ndarray, x: np.ndarray, y: np.ndarray, radius: float, out: np.ndarray
) -> None:
    """Fill in ratios of axes, see `ccdlib.registration.stamps.shapes`.

    Parameters
    ----------
    values : ndarray of float64, shape (n, side, side)
    x, y : ndarray of float64, shape (n,)
    radius : float
    out : ndarray of float64, shape (n,)
    """
    side = values.shape[1]
    half, window = side // 2, radius * radius / 4
    for n in range(values.shape[0]):
        total = xx = yy = xy = 0.0
        for j in range(*_reached(y[n], radius, side)):
            dy = j - half - y[n]
            for i in range(*_reached(x[n], radius, side)):
                dx = i - half - x[n]
                light = _weight(dx, dy, radius) * values[n, j, i]
                total += light
                xx += light * dx * dx
                yy += light * dy * dy
                xy += light * dx * dy
        xx, yy, xy = xx / total, yy / total, xy / total
        root = np.sqrt((xx - yy) * (xx - yy) / 4 + xy * xy)
        long, short = (xx + yy) / 2 + root, (xx + yy) / 2 - root
        found = short > 0 and long < window
        out[n] = np.sqrt((1 / short - 1 / window) / (1 / long - 1 / window)) if found else np.nan


@entry
def fluxes(
    values: np.ndarray,
    variance: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    radius: float,
    flux: np.ndarray,
    error: np.ndarray,
) -> None:
    """Fill in the light within circles, see `ccdlib.registration.stamps.fluxes`.

    Parameters
    ----------
    values, variance : ndarray of float64, shape (n, side, side)
    x, y : ndarray of float64, shape (n,)
    radius : float
    flux, error : ndarray of float64, shape (n,)
    """
    side, edge = values.shape[1], radius + 0.5
    half = side // 2
    for n in range(values.shape[0]):
        total = square = 0.0
        for j in range(*_reached(y[n], edge, side)):
            dy = j - half - y[n]
            for i in range(*_reached(x[n], edge, side)):
                dx = i - half - x[n]
                share = min(max(edge - np.sqrt(dx * dx + dy * dy), 0.0), 1.0)
                total += share * values[n, j, i]
                square += share * share * variance[n, j, i]
        flux[n], error[n] = total, np.sqrt(square)


@jit
def _insert(distance, light, count, own_distance, own_light):
    """Put a pixel among those that are in order of their distance, behind equal ones."""
    k = count
    while k > 0 and distance[k - 1] > own_distance:
        distance[k], light[k] = distance[k - 1], light[k - 1]
        k -= 1
    distance[k], light[k] = own_distance, own_light


@jit
def _pixels_with_half(light, count):
    """How many pixels from the first have half of the light of all, as a fraction; NaN of none."""
    whole = 0.0
    for k in range(count):
        whole += light[k]
    if not whole > 0:
        return np.nan
    within = 0.0
    for k in range(count):
        before = within
        within += light[k]
        if within >= whole / 2:
            return k + (whole / 2 - before) / light[k]
    return np.nan


@entry
def half_light(
    values: np.ndarray,
    order: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    reach: float,
    out: np.ndarray,
) -> None:
    """Fill in diameters with half the light, see `ccdlib.registration.stamps.half_light`.

    Parameters
    ----------
    values : ndarray of float64, shape (n, side, side)
    order : ndarray of int, shape (side^2, 2)
        Row and column of each pixel of a stamp from its middle, the nearest first: about a
        centroid that is near the middle they are nearly in order.
    x, y : ndarray of float64, shape (n,)
    reach : float
    out : ndarray of float64, shape (n,)
    """
    half = values.shape[1] // 2
    distance, light = np.empty(len(order)), np.empty(len(order))
    # the light within n pixels around a place is that of a circle of their area
    wanted, limit = int(np.pi * reach * reach) + 1, (reach + 1.5) * (reach + 1.5)
    for n in range(values.shape[0]):
        count = 0
        for j, i in order:
            dy, dx = j - y[n], i - x[n]
            square = dy * dy + dx * dx
            if square <= limit:
                _insert(distance, light, count, square, values[n, j + half, i + half])
                count += 1
        pixels = _pixels_with_half(light, min(count, wanted))
        out[n] = 2 * np.sqrt(max(pixels, 0.0) / np.pi) if pixels == pixels else np.nan
