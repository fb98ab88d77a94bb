"""The compiled half of LA Cosmic: windows of medians, the sub-sampled Laplacian, the search and
the cleaning.

All of it works on windows of the image that fit into the processor's cache, and each window's
result depends on the image alone, so that a part of the image can be searched again at any time.
One file, because numba recompiles a function when its own file changes, not when another one does.

The order of every float32 sum below is that of astroscrappy 1.3.0 as it is compiled for x86-64;
the other order differs in the last bit, and a pixel at a limit would differ with it.
"""

from collections import namedtuple

import numpy as np
from numba import njit

__all__ = [
    "CLEANERS",
    "Images",
    "Rules",
    "any_lonely",
    "changed_boxes",
    "clean_pixels",
    "fill_from_neighbours",
    "find_cosmics",
    "saturated_stars",
]

# float32 of (ny, nx) but for the uint8 mask; an empty background stands for none.
Images = namedtuple("Images", "light variance background mask")
# The float32 limits, whether medians are separable, and the float32 PSF or an empty array.
Rules = namedtuple("Rules", "sigclip siglow objlim separable psf")
Workspace = namedtuple(
    "Workspace",
    "rows noise significance smooth fine filter_noise weighted marks points excess values",
)

MEDIAN, MEDMASK, MEANMASK, IDW = range(4)
CLEANERS = {"median": MEDIAN, "medmask": MEDMASK, "meanmask": MEANMASK, "idw": IDW}

# As numpy integers, because a literal argument means a compilation of its own.
STAR_HALF, NOISE_HALF, LARGE_HALF = (np.int64(half) for half in (2, 3, 4))
SEARCH_MARGIN = np.int64(5)  # growth reaches two pixels out of a box, the 7 x 7 median three more
NEXT_PIXEL = np.int64(1)
LANES = 64
VARIANCE_FLOOR = np.float32(0.00001)
FINE_FLOOR = np.float32(0.01)
ZERO, QUARTER, ONE, TWO, FOUR = (np.float32(value) for value in (0, 0.25, 1, 2, 4))
INVERSE_DISTANCE = np.array(
    [[1 / np.sqrt(y * y + x * x) if x or y else 0 for x in range(-2, 3)] for y in range(-2, 3)],
    np.float32,
)

# What is called from Python is cached; what it calls is compiled into it. A part is merged into its
# only caller before that, because each level of calls costs another pass of the compiler.
options = {"nogil": True, "error_model": "numpy"}
entry = njit(cache=True, **options)
# for compiled code alone, Python would crash: what it needs to call them is a sixth of the work
kernel = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **options)
part = njit(inline="always", **options)


@kernel
def smaller(a, b):
    return a if a < b else b


@kernel
def larger(a, b):
    return a if a > b else b


@kernel
def median3(a, b, c):
    return larger(smaller(a, b), smaller(larger(a, b), c))


# The median of 2n - 1 values is that of 2n - 3 once the smallest and the largest of any n + 1 of
# them are left out: neither has n values on its far side.
@kernel
def median5(a, b, c, d, e):
    low = larger(smaller(a, b), smaller(c, d))
    high = smaller(larger(a, b), larger(c, d))
    return median3(low, high, e)


@kernel
def median7(a, b, c, d, e, f, g):
    low_ab, high_ab = smaller(a, b), larger(a, b)
    low_cd, high_cd = smaller(c, d), larger(c, d)
    inner = smaller(larger(smaller(low_ab, low_cd), e), larger(high_ab, high_cd))
    return median5(larger(low_ab, low_cd), smaller(high_ab, high_cd), inner, f, g)


@kernel
def median9(a, b, c, d, e, f, g, h, i):
    low_ab, high_ab = smaller(a, b), larger(a, b)
    low_cd, high_cd = smaller(c, d), larger(c, d)
    low_ef, high_ef = smaller(e, f), larger(e, f)
    low, high = larger(low_ab, low_cd), smaller(high_ab, high_cd)
    low2 = larger(smaller(low_ab, low_cd), low_ef)
    high2 = smaller(larger(high_ab, high_cd), high_ef)
    return median7(low, high, low2, high2, g, h, i)


@kernel
def lower_median(values, count):
    """Sort the first `count` values and give the (count + 1) // 2 th."""
    for i in range(1, count):
        value = values[i]
        j = i
        while j > 0 and values[j - 1] > value:
            values[j] = values[j - 1]
            j -= 1
        values[j] = value
    return values[(count - 1) // 2]


@kernel
def running_median(flat, start, step, half, out):
    """out[i] = median of flat[start + k * step + i] for k = 0 .. 2 * half.

    Slices of equal length, because loops over computed indices do not vectorise.
    """
    n = out.size
    a, b, c, d, e = (
        flat[start : start + n],
        flat[start + step : start + step + n],
        flat[start + 2 * step : start + 2 * step + n],
        flat[start + 3 * step : start + 3 * step + n],
        flat[start + 4 * step : start + 4 * step + n],
    )
    if half == 2:
        for i in range(n):
            out[i] = median5(a[i], b[i], c[i], d[i], e[i])
        return
    f, g = (
        flat[start + 5 * step : start + 5 * step + n],
        flat[start + 6 * step : start + 6 * step + n],
    )
    if half == 3:
        for i in range(n):
            out[i] = median7(a[i], b[i], c[i], d[i], e[i], f[i], g[i])
        return
    p, q = (
        flat[start + 7 * step : start + 7 * step + n],
        flat[start + 8 * step : start + 8 * step + n],
    )
    for i in range(n):
        out[i] = median9(a[i], b[i], c[i], d[i], e[i], f[i], g[i], p[i], q[i])


@part
def separable_medians(image, half, inner, rows, out, y0, x0):
    """Medians along the rows, then along the columns, of the box `inner` of the image."""
    top, bottom, left, right = inner
    nx = image.shape[1]
    width = right - left
    flat = image.reshape(image.size)
    for y in range(top - half, bottom + half):
        k = (y - top + half) * width
        running_median(flat, y * nx + left - half, NEXT_PIXEL, half, rows[k : k + width])
    for y in range(top, bottom):
        line = out[y - y0, left - x0 : right - x0]
        running_median(rows, (y - top) * width, width, half, line)


@part
def median_of_lanes(lanes, count, width):
    """Leave the median of lanes[:count] in lanes[1], for each of `width` columns at once.

    Why zero is added is said in `ccdlib.statistics.combine_kernels`.
    """
    following = count // 2 + 2
    for live in range(count // 2 + 2, 2, -1):
        for i in range(1, live):
            for k in range(width):
                a, b = lanes[0, k], lanes[i, k]
                lanes[0, k], lanes[i, k] = smaller(a, b) + ZERO, larger(a, b)
        for i in range(1, live - 1):
            for k in range(width):
                a, b = lanes[i, k], lanes[live - 1, k]
                lanes[i, k], lanes[live - 1, k] = smaller(a, b) + ZERO, larger(a, b)
        if following < count:
            for k in range(width):
                lanes[0, k] = lanes[following, k]
            following += 1


@part
def full_medians(image, half, inner, rows, out, y0, x0):
    """Medians of (2 half + 1) x (2 half + 1) pixels in the box `inner` of the image."""
    top, bottom, left, right = inner
    side = 2 * half + 1
    lanes = rows[: side * side * LANES].reshape(side * side, LANES)
    for y in range(top, bottom):
        for x in range(left, right, LANES):
            width = min(LANES, right - x)
            for k in range(side * side):
                line, across = image[y - half + k // side], x - half + k % side
                for j in range(width):
                    lanes[k, j] = line[across + j]
            median_of_lanes(lanes, side * side, width)
            for j in range(width):
                out[y - y0, x - x0 + j] = lanes[1, j]


@kernel
def medians(image, half, separable, box, rows, out):
    """Median-filter a box of the image with a width of 2 * half + 1, or 2 less when not separable.

    Pixels for which the filter reaches over the edge of the image keep their value.
    """
    y0, y1, x0, x1 = box
    ny, nx = image.shape
    if not separable:
        half -= 1
    top, bottom = max(y0, half), min(y1, ny - half)
    left, right = max(x0, half), min(x1, nx - half)
    if top > y0 or bottom < y1 or left > x0 or right < x1:
        for y in range(y0, y1):
            for x in range(x0, x1):
                out[y - y0, x - x0] = image[y, x]
    if top >= bottom or left >= right:
        return
    inner = (top, bottom, left, right)
    if separable:
        separable_medians(image, half, inner, rows, out, y0, x0)
    else:
        full_medians(image, half, inner, rows, out, y0, x0)


@kernel
def inside(y, x, shape, margin):
    """Whether a pixel is none of the outermost `margin` rows and columns."""
    return margin <= y < shape[0] - margin and margin <= x < shape[1] - margin


@kernel
def median_at(image, y, x, separable, values):
    """The 7 x 7 separable, or 5 x 5 full, median at one pixel; at the edge the pixel itself."""
    half = 3 if separable else 2
    if not inside(y, x, image.shape, half):
        return image[y, x]
    if not separable:
        for k in range(25):
            values[k] = image[y - 2 + k // 5, x - 2 + k % 5]
        return lower_median(values, 25)
    for k in range(7):
        line = image[y - 3 + k, x - 3 : x + 4]
        values[k] = median7(line[0], line[1], line[2], line[3], line[4], line[5], line[6])
    return median7(values[0], values[1], values[2], values[3], values[4], values[5], values[6])


@kernel
def laplacian(center, left, right, above, below):
    """Mean of the four Laplacians, negative ones as zero, of a pixel split into 2 x 2 equal ones.

    Each of the four has two of its own kind and two of the pixel's neighbours beside it.
    """
    fourfold = FOUR * center
    west, east = (fourfold - center) - left, (fourfold - right) - center
    north, south = above + center, center + below
    diagonal = larger(west - north, ZERO) + larger(east - south, ZERO)
    return (diagonal + (larger(west - south, ZERO) + larger(east - north, ZERO))) * QUARTER


@kernel
def sub_laplacian(image, j, i):
    """The Laplacian at row j, column i of the image of twice the size; no term beyond its edge."""
    last_j, last_i = 2 * image.shape[0] - 1, 2 * image.shape[1] - 1
    center = image[j // 2, i // 2]
    fourfold = FOUR * center
    left = image[j // 2, (i - 1) // 2] if i > 0 else ZERO
    right = image[j // 2, (i + 1) // 2] if i < last_i else ZERO
    above = image[(j - 1) // 2, i // 2] if j > 0 else ZERO
    below = image[(j + 1) // 2, i // 2] if j < last_j else ZERO
    if j == 0:  # this row alone is summed in double precision
        return np.float32(4.0 * center - np.float64(right) - np.float64(left) - np.float64(below))
    if j == last_j:
        if i == last_i:
            return (fourfold - left) - above
        if i == 0:
            return fourfold - (right + above)
        return (fourfold - above) - (right + left)
    if i == 0:
        return (fourfold - right) - (below + above)
    if i == last_i:
        return (fourfold - below) - (left + above)
    return ((fourfold - right) - left) - (above + below)


@kernel
def edge_laplacian(image, y, x):
    """`laplacian` at a pixel on the edge of the image."""
    upper_left = larger(sub_laplacian(image, 2 * y, 2 * x), ZERO)
    upper_right = larger(sub_laplacian(image, 2 * y, 2 * x + 1), ZERO)
    lower_left = larger(sub_laplacian(image, 2 * y + 1, 2 * x), ZERO)
    lower_right = larger(sub_laplacian(image, 2 * y + 1, 2 * x + 1), ZERO)
    return ((upper_left + lower_right) + (lower_left + upper_right)) * QUARTER


@kernel
def noise_map(images, rules, box, rows, out):
    """Noise in a box: root of the median-filtered variance, the background's added afterwards."""
    y0, y1, x0, x1 = box
    medians(images.variance, NOISE_HALF, rules.separable, box, rows, out)
    for y in range(y1 - y0):
        line = out[y]
        if images.background.size:
            sky = images.background[y0 + y, x0:x1]
            for x in range(line.size):
                line[x] = line[x] + sky[x]
        for x in range(line.size):
            line[x] = np.sqrt(larger(line[x], VARIANCE_FLOOR))


@kernel
def significance_map(light, noise, box, out):
    """Laplacian over twice the noise in a box."""
    y0, y1, x0, x1 = box
    ny, nx = light.shape
    left, right = max(x0, 1), min(x1, nx - 1)
    for y in range(y0, y1):
        line, sigma = out[y - y0], noise[y - y0]
        if y == 0 or y == ny - 1:
            for x in range(x0, x1):
                line[x - x0] = edge_laplacian(light, y, x) / (TWO * sigma[x - x0])
            continue
        if x0 == 0:
            line[0] = edge_laplacian(light, y, x0) / (TWO * sigma[0])
        if x1 == nx:
            line[x1 - x0 - 1] = edge_laplacian(light, y, x1 - 1) / (TWO * sigma[x1 - x0 - 1])
        above, center, below = (
            light[y - 1, left:right],
            light[y, left:right],
            light[y + 1, left:right],
        )
        west, east = light[y, left - 1 : right - 1], light[y, left + 1 : right + 1]
        inner, inner_sigma = line[left - x0 : right - x0], sigma[left - x0 : right - x0]
        for x in range(inner.size):
            value = laplacian(center[x], west[x], east[x], above[x], below[x])
            inner[x] = value / (TWO * inner_sigma[x])


@kernel
def grown(box, margin, shape):
    """The box, `margin` pixels larger on each side, cut at the edges of the image."""
    y0, y1, x0, x1 = box
    top, left = max(y0 - margin, 0), max(x0 - margin, 0)
    return top, min(y1 + margin, shape[0]), left, min(x1 + margin, shape[1])


@kernel
def window(flat, box):
    """The start of a flat array as an image of the box's shape."""
    height, width = box[1] - box[0], box[3] - box[2]
    return flat[: height * width].reshape(height, width)


@kernel
def convolve(source, reach, psf, box, shape, out):
    """Convolve a box with the PSF; `source` holds what the image, of `shape`, has in `reach`."""
    ry, rx = psf.shape[0] // 2, psf.shape[1] // 2
    y0, y1, x0, x1 = box
    out[:] = ZERO
    for y in range(y0, y1):
        for j in range(max(y - ry, 0), min(y + ry, shape[0] - 1) + 1):
            for k in range(-rx, rx + 1):
                factor = psf[ry + y - j, rx - k]
                left, right = max(x0, -k), min(x1, shape[1] - k)
                line = out[y - y0, left - x0 : right - x0]
                terms = source[j - reach[0], left + k - reach[2] : right + k - reach[2]]
                for x in range(line.size):
                    line[x] += factor * terms[x]


@part
def matched_filter(images, rules, box, work, out):
    """Flux of the star that fits best at each pixel of the box.

    Light over variance convolved with the PSF, over 1 / variance convolved with the PSF; beyond
    the edge of the image both are zero.
    """
    light, psf = images.light, rules.psf
    reach = grown(box, max(psf.shape[0], psf.shape[1]) // 2, light.shape)
    noise, weighted = window(work.filter_noise, reach), window(work.weighted, reach)
    noise_map(images, rules, reach, work.rows, noise)
    for y in range(noise.shape[0]):
        for x in range(noise.shape[1]):
            sigma = noise[y, x]
            weighted[y, x] = light[reach[0] + y, reach[2] + x] / sigma / sigma
            noise[y, x] = ONE / sigma / sigma
    convolve(weighted, reach, psf, box, light.shape, out)
    weight = window(work.weighted, box)
    convolve(noise, reach, psf, box, light.shape, weight)
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            out[y, x] /= weight[y, x]


@kernel
def fine_structure(images, rules, box, work):
    """What a box of the smoothed image has above its own 9 x 9 (or full 7 x 7) medians."""
    reach = grown(box, LARGE_HALF, images.light.shape)
    smooth, fine = window(work.smooth, reach), window(work.fine, box)
    if rules.psf.size:
        matched_filter(images, rules, reach, work, smooth)
    else:
        medians(images.light, STAR_HALF, rules.separable, reach, work.rows, smooth)
    y, x = box[0] - reach[0], box[2] - reach[2]
    height, width = fine.shape
    inner = (y, y + height, x, x + width)
    medians(smooth, LARGE_HALF, rules.separable, inner, work.rows, fine)
    for j in range(height):
        for i in range(width):
            fine[j, i] = smooth[y + j, x + i] - fine[j, i]
    return fine


@part
def workspace(boxes, psf, shape):
    """Scratch arrays that hold the largest of the boxes with its margins."""
    height, width = 0, 0
    for box in boxes:
        height, width = max(height, box[1] - box[0]), max(width, box[3] - box[2])
    reach = LARGE_HALF + max(psf.shape[0], psf.shape[1]) // 2
    margin = 2 * max(SEARCH_MARGIN, reach)
    height, width = min(height + margin, shape[0]), min(width + margin, shape[1])
    area = height * width
    filter_area = area if psf.size else 0
    return Workspace(
        np.empty(max((height + 2 * LARGE_HALF) * width, 49 * LANES), np.float32),
        np.empty(area, np.float32),
        np.empty(area, np.float32),
        np.empty(area, np.float32),
        np.empty(area, np.float32),
        np.empty(filter_area, np.float32),
        np.empty(filter_area, np.float32),
        np.empty(area, np.uint8),
        np.empty((2, area), np.int64),
        np.empty(area, np.float32),
        np.empty(25, np.float32),
    )


@kernel
def excess_at(significance, y, x, separable, values):
    """What is left of the significance at a pixel without that of the larger structures."""
    return significance[y, x] - median_at(significance, y, x, separable, values)


@part
def bright_pixels(significance, core, outer, mask, rules, work):
    """Pixels of the core with an excess over sigclip: their number and the box around them.

    Where they are is left in work.points[0], as indices into the significance, and their excess
    in work.excess. It is never above the significance, which is quick to look at.
    """
    top, bottom, left, right = core[1], core[0], core[3], core[2]
    n = 0
    for y in range(core[0], core[1]):
        line = significance[y - outer[0], core[2] - outer[2] : core[3] - outer[2]]
        above = 0
        for x in range(line.size):
            above += line[x] > rules.sigclip
        if above == 0:
            continue
        for x in range(core[2], core[3]):
            j, i = y - outer[0], x - outer[2]
            if not significance[j, i] > rules.sigclip or mask[y, x]:
                continue
            excess = excess_at(significance, j, i, rules.separable, work.values)
            if excess > rules.sigclip:
                work.points[0, n] = j * significance.shape[1] + i
                work.excess[n] = excess
                n += 1
                top, bottom = min(top, y), max(bottom, y + 1)
                left, right = min(left, x), max(right, x + 1)
    return n, (top, bottom, left, right)


@part
def sharper_than_stars(n, fine, box, noise, outer, objlim, work):
    """Of the n bright pixels keep those whose excess is over objlim times the fine structure."""
    kept = 0
    width = noise.shape[1]
    for k in range(n):
        y, x = work.points[0, k] // width, work.points[0, k] % width
        contrast = fine[y + outer[0] - box[0], x + outer[2] - box[2]] / noise[y, x]
        if contrast < FINE_FLOOR:
            contrast = FINE_FLOOR
        if work.excess[k] / contrast > objlim:
            work.points[0, kept] = work.points[0, k]
            kept += 1
    return kept


@kernel
def grow(points, significance, outer, mask, limit, separable, work, near):
    """The points and their neighbours, as far as their excess is over the limit; their number.

    A pixel on the edge of the image is nobody's neighbour.
    """
    height, width = significance.shape
    marks = work.marks[: height * width]
    marks[:] = 0
    found = 0
    for p in points:
        for step in range(9):
            y, x = p // width + step // 3 - 1, p % width + step % 3 - 1
            image_y, image_x = y + outer[0], x + outer[2]
            if step != 4 and not inside(image_y, image_x, mask.shape, 1):
                continue
            q = y * width + x
            if marks[q] or mask[image_y, image_x]:
                continue
            marks[q] = 1
            if not significance[y, x] > limit:
                continue
            if excess_at(significance, y, x, separable, work.values) > limit:
                near[found] = q
                found += 1
    return found


@part
def search_box(images, core, rules, work):
    """Number of the cosmic-ray pixels that follow from a box, and the box that they count in.

    Where they are is left in work.points[0], as indices into that second box.
    """
    outer = grown(core, SEARCH_MARGIN, images.light.shape)
    noise, significance = window(work.noise, outer), window(work.significance, outer)
    noise_map(images, rules, outer, work.rows, noise)
    significance_map(images.light, noise, outer, significance)
    n, box = bright_pixels(significance, core, outer, images.mask, rules, work)
    if n > 0:
        fine = fine_structure(images, rules, box, work)
        n = sharper_than_stars(n, fine, box, noise, outer, rules.objlim, work)
    mask, separable = images.mask, rules.separable
    first, second = work.points[0], work.points[1]
    for limit, points, near in (
        (rules.sigclip, first, second),
        (rules.siglow, second, first),
    ):
        if n > 0:
            n = grow(points[:n], significance, outer, mask, limit, separable, work, near)
    return n, outer


@kernel
def with_room_for(values, used, more):
    """The array, or a longer one that begins as it does, with room for `more` values."""
    if used + more <= values.size:
        return values
    longer = np.empty(2 * (used + more), values.dtype)
    for k in range(used):
        longer[k] = values[k]
    return longer


@entry
def find_cosmics(images, boxes, rules):
    """Flat indices of the cosmic-ray pixels that follow from the boxes; some more than once.

    `boxes` has rows of y0, y1, x0, x1; what is found reaches two pixels out of them.
    """
    nx = images.light.shape[1]
    work = workspace(boxes, rules.psf, images.light.shape)
    found = np.empty(1024, np.int64)
    total = 0
    for k in range(boxes.shape[0]):
        core = (boxes[k, 0], boxes[k, 1], boxes[k, 2], boxes[k, 3])
        n, outer = search_box(images, core, rules, work)
        found = with_room_for(found, total, n)
        width = outer[3] - outer[2]
        for p in work.points[0, :n]:
            found[total] = (p // width + outer[0]) * nx + p % width + outer[2]
            total += 1
    return found[:total].copy()


@entry
def changed_boxes(changed, height, width, cell, margin):
    """Boxes around the changed pixels, those of each cell of the image together, with a margin."""
    columns = -(-width // cell)
    boxes = np.empty((-(-height // cell) * columns, 4), np.int64)
    boxes[:, 0::2] = max(height, width)
    boxes[:, 1::2] = 0
    for p in changed:
        y, x = p // width, p % width
        box = boxes[y // cell * columns + x // cell]
        box[0], box[1] = min(box[0], y), max(box[1], y + 1)
        box[2], box[3] = min(box[2], x), max(box[3], x + 1)
    boxes = boxes[boxes[:, 1] > 0]
    for box in boxes:
        box[0], box[1] = max(box[0] - margin, 0), min(box[1] + margin, height)
        box[2], box[3] = max(box[2] - margin, 0), min(box[3] + margin, width)
    return boxes


@kernel
def dilate5(points, mask):
    """Mark what is within two pixels of the points but for the corners; the list of all marked.

    The two outermost rows and columns are marked only where they have a point themselves.
    """
    nx = mask.shape[1]
    marked = np.empty(min(21 * points.size, mask.size), np.int64)
    n = 0
    for p in points:
        for dy in range(-2, 3):
            for dx in range(-2, 3):
                y, x = p // nx + dy, p % nx + dx
                if abs(dy * dx) == 4 or not (dy == dx == 0 or inside(y, x, mask.shape, 2)):
                    continue
                if mask[y, x]:
                    continue
                mask[y, x] = 1
                marked[n] = y * nx + x
                n += 1
    return marked[:n].copy()


@entry
def saturated_stars(light, saturated, starlevel, separable):
    """Mask of those saturated pixels whose median is over starlevel, dilated twice."""
    nx = light.shape[1]
    values = np.empty(25, np.float32)
    mask = np.zeros(light.shape, np.uint8)
    stars = np.empty_like(saturated)
    n = 0
    for p in saturated:
        if median_at(light, p // nx, p % nx, separable, values) > starlevel:
            stars[n] = p
            n += 1
    dilate5(dilate5(stars[:n], mask), mask)
    return mask


@entry
def any_lonely(pixels, cosmics, mask):
    """Whether one of the pixels has no good one in the 5 x 5 around it."""
    for p in pixels:
        y, x = p // mask.shape[1], p % mask.shape[1]
        if not inside(y, x, mask.shape, 2):
            continue
        good = 0
        for j in range(y - 2, y + 3):
            for i in range(x - 2, x + 3):
                good += not (cosmics[j, i] or mask[j, i])
        if good == 0:
            return True
    return False


@kernel
def replacement(image, y, x, cosmics, mask, cleaner, level, values):
    """The value of a cosmic-ray pixel from the good ones in the 5 x 5 around it."""
    n = 0
    total, weight = ZERO, ZERO
    for j in range(y - 2, y + 3):
        for i in range(x - 2, x + 3):
            if cleaner != MEDIAN and (cosmics[j, i] or mask[j, i]):
                continue
            values[n] = image[j, i]
            n += 1
            factor = INVERSE_DISTANCE[j - y + 2, i - x + 2] if cleaner == IDW else ONE
            total += factor * image[j, i]
            weight += factor
    if n == 0:
        return level
    if cleaner in (MEDIAN, MEDMASK):
        return lower_median(values, n)
    return total / weight


@entry
def clean_pixels(pixels, images, cosmics, cleaner, levels):
    """Replace the pixels in light and variance, in order; the list of those that have changed.

    The two outermost rows and columns stay. `levels` are the light and the variance of a pixel
    without good neighbours.
    """
    light, variance, mask = images.light, images.variance, images.mask
    values = np.empty(25, np.float32)
    changed = np.empty(pixels.size, np.int64)
    n = 0
    for p in pixels:
        y, x = p // mask.shape[1], p % mask.shape[1]
        if not inside(y, x, mask.shape, 2):
            continue
        before = light[y, x], variance[y, x]
        light[y, x] = replacement(light, y, x, cosmics, mask, cleaner, levels[0], values)
        variance[y, x] = replacement(variance, y, x, cosmics, mask, cleaner, levels[1], values)
        if before != (light[y, x], variance[y, x]):
            changed[n] = p
            n += 1
    return changed[:n].copy()


@entry
def fill_from_neighbours(image, pixels, mask, level):
    """Replace pixels by the mean of the unmasked ones in the 5 x 5 around them, else by a level."""
    ny, nx = image.shape
    for p in pixels:
        y, x = p // nx, p % nx
        total, n = 0.0, 0
        for j in range(max(y - 2, 0), min(y + 3, ny)):
            for i in range(max(x - 2, 0), min(x + 3, nx)):
                if not mask[j, i]:
                    total += image[j, i]
                    n += 1
        image[y, x] = total / n if n else level
