"""The noise of a frame from its own scatter, where its gain or its read noise is not known.

In boxes of 16 x 16 pixels the variance of second differences along rows and along columns, divided
by 6, is that of a pixel, whatever plane lies below; where one of the axes shows structure, it is
that of the other. Where a difference is an outlier, a star or a hot pixel is there, and those
around it are left out with it; what its wings still add the boxes' median outvotes. Of two frames
of one kind it is the variance of their difference, divided by 2. Noise that neighbours share, as
interpolation makes it, shows in no difference of neighbours.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..errors import CcdlibError
from ..statistics.small_systems import fitted_line
from .noise import DIGITISATION, near_median

if TYPE_CHECKING:
    from .image import Image

__all__ = [
    *("Boxes", "NoiseLine", "boxes_of_image", "boxes_of_pair", "boxes_of_one", "joined_boxes"),
    *("noise_line", "strips", "whole_pair"),
]

_BOX = 16
# strips of boxes of a frame that are looked at
_STRIPS = 16
# variance of a second difference of unit noise
_SECOND = 6.0
# [sigma] a second difference beyond this is no noise; so many pixels around it are left out. A
# bright star of FWHM 3.8 pixels is lost in the noise after 4, hot pixels can be too many for that
_PEAK, _AROUND = 4.0, (4, 2, 0)
# chance makes the median variance along one axis so many times that along the other in one strip
# of seven boxes of forty, and of 32 in none
_STRUCTURE = 1.2
# boxes that are looked at together, which bounds the memory
_TOGETHER = 512
# values of a box that are independent, of the 196 that have both differences
_INDEPENDENT = 120
# a slope counts beyond this many of its standard errors, from levels that span this factor
_SURE, _SPAN = 5.0, 1.5
# robust sigma beyond which a box is an outlier of the line
_FAR = 3.0


class Boxes(NamedTuple):
    """Level and variance of a pixel in each box of an image, adu and adu^2; NaN without pixels."""

    levels: np.ndarray
    variances: np.ndarray


class NoiseLine(NamedTuple):
    """variance = floor + slope * signal, in adu.

    Attributes
    ----------
    slope : float
        The inverse of a gain; 0 where the scatter tells of no photon noise.
    floor : float
        adu^2.
    """

    slope: float
    floor: float

    @property
    def light(self) -> float:
        """The gain that gives this slope, infinite without one."""
        return 1 / self.slope if self.slope > 0 else np.inf


def _cut(image, height, width):
    """The image as (boxes, rows, columns), edges that fill no box left out."""
    height, width = min(height, image.shape[0]), min(width, image.shape[1])
    ny, nx = image.shape[0] // height, image.shape[1] // width
    cut = image[: ny * height, : nx * width].reshape(ny, height, nx, width)
    return cut.transpose(0, 2, 1, 3).reshape(ny * nx, height, width)


def _variance(values):
    """Clipped variance of the finite values; NaN where over half of them are not."""
    good = values[np.isfinite(values)].astype(np.float64)
    if good.size < max(values.size / 2, 4):
        return np.nan
    try:
        return float(good[near_median(good)].var(ddof=1))
    except CcdlibError:
        return np.nan


def _level(values):
    good = values[np.isfinite(values)]
    return float(np.median(good)) if good.size else np.nan


def _box_medians(plane):
    return np.array([_level(box) for box in _cut(plane, _BOX, _BOX)])


def _second_differences(boxes):
    """Second differences along rows and along columns, with the variance of a pixel.

    An axis of less than three pixels has none.

    Parameters
    ----------
    boxes : ndarray, shape (n, rows, columns)

    Returns
    -------
    ndarray, shape (axes, n, rows - 2, columns - 2)
    ndarray, shape (n, rows - 2, columns - 2)
        The pixels in their middle.
    """
    axes = [axis for axis in (1, 2) if boxes.shape[axis] > 2]
    inner = tuple(slice(1, -1) if axis in axes else slice(None) for axis in range(3))
    found = []
    for axis in axes:
        along = np.moveaxis(boxes, axis, 0)
        second = np.moveaxis(
            (along[:-2] - 2 * along[1:-1] + along[2:]) / math.sqrt(_SECOND), 0, axis
        )
        across = tuple(slice(None) if n == axis else part for n, part in enumerate(inner))
        found.append(second[across])
    return np.array(found), boxes[inner]


def _peaks(differences):
    """Which differences of a box are no noise; those without a value are none."""
    found, known = np.zeros(differences.shape, bool), np.isfinite(differences)
    if known.sum() > 1:
        found[known] = ~near_median(differences[known], _PEAK)
    return found


def _noise_alone(differences):
    """Which pixels of each box are no star and no hot pixel, nor beside one.

    As far from them as leaves a quarter of the box; a box of which nothing does has none.
    """
    from scipy.ndimage import maximum_filter

    peaks = np.any([[_peaks(box) for box in along] for along in differences], axis=0)
    known = np.isfinite(differences).all(axis=0)
    left = np.zeros_like(known)
    fewest = max(known[0].size / 4, 4)
    for around in _AROUND:
        few = left.sum(axis=(1, 2)) < fewest
        # separable, which a dilation by a square is not
        near = maximum_filter(peaks[few].view(np.uint8), (1, 2 * around + 1, 2 * around + 1))
        left[few] = known[few] & (near == 0)
    left[left.sum(axis=(1, 2)) < fewest] = False
    return left


def _along_each_axis(boxes):
    """Yield level and variances along each axis of each box, NaN where too little is left."""
    differences, middles = _second_differences(boxes.astype(np.float64))
    left = _noise_alone(differences)
    for middle, along, kept in zip(middles, np.moveaxis(differences, 1, 0), left, strict=True):
        if kept.any():
            yield [middle[kept].mean(), *along[:, kept].var(axis=1, ddof=1)]
        else:
            yield [np.nan] * (1 + len(along))


def _quieter(variances):
    """The mean of both axes; the lower one where the other holds structure as well.

    Rows of amplifiers that are read in turns differ, and so do those of a spectrum.
    """
    known = variances[np.isfinite(variances).all(axis=1)]
    if not known.size:
        return variances.mean(axis=1)
    middles = np.median(known, axis=0)
    if middles.max() > _STRUCTURE * middles.min():
        return variances[:, np.argmin(middles)]
    return variances.mean(axis=1)


def boxes_of_one(values: np.ndarray) -> Boxes:
    """Levels and variances of one image, from second differences along its rows and columns.

    Parameters
    ----------
    values : ndarray, shape (ny, nx)
        adu; NaN is left out.
    """
    boxes = _cut(values, _BOX, _BOX)
    parts = (boxes[first : first + _TOGETHER] for first in range(0, len(boxes), _TOGETHER))
    found = np.array([each for part in parts for each in _along_each_axis(part)])
    return Boxes(found[:, 0], _quieter(found[:, 1:]))


def boxes_of_pair(first: np.ndarray, second: np.ndarray) -> Boxes:
    """Levels and variances of a pixel of one flat, from the difference of two.

    The second is brought to the first one's level box by box.

    Parameters
    ----------
    first, second : ndarray, shape (ny, nx)
        adu; NaN is left out.
    """
    found = []
    for one, other in zip(_cut(first, _BOX, _BOX), _cut(second, _BOX, _BOX), strict=True):
        levels = _level(one), _level(other)
        ratio = levels[0] / levels[1] if min(levels) > 0 else 1.0
        found.append((levels[0], _variance(one - ratio * other) / (1 + ratio * ratio)))
    return Boxes(*np.transpose(found))


def whole_pair(first: np.ndarray, second: np.ndarray) -> Boxes:
    """The same of two biases or darks in one box: what is uneven between them is an error too."""
    return Boxes(np.array([_level(first)]), np.array([_variance(first - second) / 2]))


def strips(shape: tuple[int, int]) -> list[slice]:
    """Rows of strips of boxes, evenly spread over an image; those of a large one are enough."""
    places = np.arange(max(shape[0] // _BOX, 1))
    some = np.unique(np.linspace(0, len(places) - 1, min(_STRIPS, len(places))).astype(int))
    return [slice(row, min(row + _BOX, shape[0])) for row in (places[some] * _BOX).tolist()]


def boxes_of_image(image: Image, flat: Image | None, part: tuple[slice, slice]) -> Boxes:
    """Levels and variances of some rows of a frame, less the variance that its masters bring.

    Divided by its flat first, or the response of the pixels would count as noise.

    Parameters
    ----------
    image : Image
        In adu, bias and dark subtracted; its variance is theirs.
    flat : Image or None
        The same rows.
    part : (slice, slice)
        Rows and columns of the amplifier.
    """
    data = np.where(image.dq == 0, image.data, np.float32(np.nan))[part]
    brought = np.broadcast_to(image.variance, image.data.shape)[part]
    if flat is None:
        levels, variances = boxes_of_one(data)
        return Boxes(levels, _less(variances, _box_medians(brought)))
    response = np.where((flat.dq == 0) & (flat.data > 0), flat.data, np.float32(np.nan))[part]
    levels, variances = boxes_of_one(data / response)
    middle = _box_medians(response)
    # what the flat's own noise adds, in adu^2 before the division
    brought = brought + np.square(data / response) * flat.variance[part]
    return Boxes(levels * middle, _less(variances * np.square(middle), _box_medians(brought)))


def _less(variances, brought):
    """What is left; at least half, as errors that neighbours share do not show in the scatter."""
    return np.maximum(variances - brought, variances / 2)


def joined_boxes(parts: list[Boxes], lit: bool) -> Boxes:
    """The boxes of all strips; their levels are 0 where these are no light."""
    levels, variances = (np.concatenate(each) for each in zip(*parts, strict=True))
    return Boxes(levels if lit else np.zeros_like(levels), variances)


def noise_line(boxes: Boxes, gain: float | None = None, floor: float | None = None) -> NoiseLine:
    """The noise that boxes show.

    With a known gain only the floor is sought. With a known floor (the read noise of the night's
    biases) what the boxes have beyond it is the noise of their light. With neither it is a straight
    line, if the boxes' levels span a factor of 1.5 and its slope is sure; else one number.

    Parameters
    ----------
    boxes : Boxes
        Of an image above its pedestal.
    gain : float or None
        Electrons per adu.
    floor : float or None
        Variance without light, adu^2.

    Raises
    ------
    CcdlibError
        If no box has a variance.
    """
    levels, variances = (each[np.isfinite(boxes.variances)] for each in boxes)
    if not variances.size:
        raise CcdlibError("no part of the image shows its noise: all of it is flagged")
    if gain is not None:
        own = float(np.median(variances - np.maximum(levels, 0) / gain))
        return NoiseLine(1 / gain, max(own, DIGITISATION))
    middle, level = float(np.median(variances)), float(np.median(levels))
    # the median of so many variances
    error = 1.25 * middle * math.sqrt(2 / _INDEPENDENT / variances.size)
    if floor is not None and level > 0 and middle - floor > _SURE * error:
        return NoiseLine((middle - floor) / level, floor)
    return _fitted(levels, variances) or NoiseLine(0.0, max(middle, DIGITISATION))


def _fitted(levels, variances):
    """A straight line through the boxes, None where they show none."""
    low, high = np.percentile(levels, [5, 95])
    if levels.size < 20 or low <= 0 or high < _SPAN * low:
        return None
    kept = np.ones(levels.size, bool)
    for _ in range(5):
        slope, floor, error2, _ = fitted_line(levels[kept], variances[kept])
        left = variances - floor - slope * levels
        spread = 1.4826 * np.median(np.abs(left[kept] - np.median(left[kept])))
        kept = np.abs(left) <= _FAR * spread
        if kept.sum() < 20:
            return None
    if slope < _SURE * math.sqrt(error2) or floor < 0:
        return None
    return NoiseLine(slope, max(floor, DIGITISATION))
