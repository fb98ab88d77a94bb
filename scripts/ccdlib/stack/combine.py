"""Lights combined into one image, tile by tile."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..frame.image import Image
from ..statistics.combine import median_variance_ratio
from . import combine_kernels, resample_kernels
from .footprints import Footprints
from .grid import Chain, chained
from .place_kernels import places, table_of
from .resample_kernels import weights_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..registration.transforms import Transform
    from .grid import Grid
    from .lights import Light
    from .shared_noise import SharedNoise

__all__ = ["METHODS", "RESULT_BYTES", "Member", "Stack", "combine_lights"]

METHODS = {"mean": combine_kernels.MEAN, "median": combine_kernels.MEDIAN}
# rows of a tile, the fewest, the fewest columns, and bytes of a pixel of each light in it
_ROWS, _LOWEST, _COLUMNS, _BYTES = 64, 8, 64, 40
# bytes of a pixel of the result: four planes of float32 and four of uint16
RESULT_BYTES = 24
# blocks of the field, in each direction, with a coherence each; and where in them it is worked out
_BLOCKS, _POINTS = 4, (0.25, 0.75)


@dataclass(frozen=True)
class Member:
    """A light in its stack.

    Attributes
    ----------
    light : Light
    transform : Transform
        From the reference to it.
    scale : float
        On its values, so that stars have the flux of the reference.
    level : float
        Of its sky, taken off its values before, so that outliers are told without it.
    sky : float
        Added after, that of a pixel of the reference.
    weight : float
    noise : SharedNoise
    group : int
        See `shared_noise.groups_of`.
    """

    light: Light
    transform: Transform
    scale: float
    level: float
    sky: float
    weight: float
    noise: SharedNoise
    group: int


@dataclass(frozen=True)
class Stack:
    """A stack.

    Attributes
    ----------
    image : Image
    shared : ndarray of float32
        The part of sigma that does not go down with the number of lights.
    any_dq : ndarray of uint16
        All flags of the lights at a pixel.
    coverage, rejected : ndarray of uint16
        Lights that a pixel is made of, and those whose value was an outlier.
    exptime : ndarray of float32
        Sum of the exposure times of the lights that a pixel is made of.
    footprints : Footprints
    """

    image: Image
    shared: np.ndarray
    any_dq: np.ndarray
    coverage: np.ndarray
    rejected: np.ndarray
    exptime: np.ndarray
    footprints: Footprints


def combine_lights(
    members: Sequence[Member],
    grid: Grid,
    settings: dict[str, Any],
    memory_mb: float = 250.0,
    threads: int = 1,
) -> Stack:
    """Combine lights.

    Parameters
    ----------
    members : list of Member
    grid : Grid
    settings : dict
        `resampling`, `method` and `clip` of the config's section `stack`.
    memory_mb : float
        For the tiles of all threads; no bit of the result depends on it.
    threads : int

    Returns
    -------
    Stack
    """
    own, shared = _typical_noise(members)
    footprints = Footprints(
        [chained(grid.base, member.transform) for member in members],
        np.array([member.weight for member in members]),
        own,
        shared,
        np.array([member.group for member in members]),
        weights_of(settings["resampling"], grid.stretch),
    )
    planes = [np.empty(grid.shape, np.float32) for _ in range(4)]
    counts = [np.empty(grid.shape, np.uint16) for _ in range(4)]
    coherence = _coherence(footprints, grid)
    work = _Work(members, grid, settings, footprints, coherence, planes, counts)
    tiles = list(_tiles(grid.shape, len(members), memory_mb / threads))
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(work.combine, tiles):
            pass
    data, variance, common, exptime = planes
    coverage, rejected, flags, every = counts
    image = Image(data, variance, flags, members[0].light.image.unit)
    return Stack(image, np.sqrt(common), every, coverage, rejected, exptime, footprints)


def _tiles(shape, lights, memory_mb) -> Iterator[tuple[slice, slice]]:
    """Tiles of an image, as large as the memory allows; no value depends on their borders.

    Lower ones rather than narrow ones: whole rows of the lights are read for each.
    """
    ny, nx = shape
    pixels = memory_mb * 1e6 / (_BYTES * lights)
    height = _ROWS
    while height > _LOWEST and height * nx > pixels:
        height //= 2
    width = min(max(int(pixels / height) // _COLUMNS * _COLUMNS, _COLUMNS), nx)
    for first in range(0, ny, height):
        for left in range(0, nx, width):
            yield slice(first, min(first + height, ny)), slice(left, min(left + width, nx))


def _block(place, length):
    """The block of the field, of four in each direction, that a row or a column lies in."""
    return place // _block_length(length)


def _block_length(length):
    # whole tiles, so that all rows of one lie in one block
    return -(-length // (_BLOCKS * _ROWS)) * _ROWS


def _coherence(footprints, grid):
    """What is left of shared noise in each block of the field, (rows, columns, groups, 2)."""
    ny, nx = grid.shape
    high, wide = _block_length(ny), _block_length(nx)
    return np.array(
        [
            [
                footprints.coherence(
                    [(x + wide * a, y + high * b) for a in _POINTS for b in _POINTS]
                )
                for x in range(0, nx, wide)
            ]
            for y in range(0, ny, high)
        ]
    )


def _typical_noise(members):
    """Variance of the own noise of a light's sky, and sigma of what it shares, as it is added."""
    own, shared = [], []
    for member in members:
        ny, nx = member.light.shape
        # a band in the middle tells enough of what is a weight among lights of one camera
        rows = slice(max(ny // 2 - _ROWS // 2, 0), ny // 2 + _ROWS // 2)
        sky = np.full((len(range(*rows.indices(ny))), nx), member.light.sky, np.float32)
        common = float(np.median(member.noise.sigma(sky, rows, slice(0, nx)))) * member.scale
        total = member.light.noise * member.scale
        shared.append(common)
        own.append(max(total * total - common * common, 0.0))
    return np.array(own), np.array(shared)


@dataclass(frozen=True)
class _Work:
    """What the tiles of a stack need."""

    members: Sequence[Member]
    grid: Grid
    settings: dict[str, Any]
    footprints: Footprints
    coherence: np.ndarray
    planes: list[np.ndarray]
    counts: list[np.ndarray]

    def combine(self, tile: tuple[slice, slice]) -> None:
        """Fill a tile of the results."""
        rows, columns = tile
        # the slope at its border needs a pixel more
        outer, inner = zip(
            *(_with_border(each, end) for each, end in zip(tile, self.grid.shape, strict=True)),
            strict=True,
        )
        block, flags = self._resampled(*outer)
        center, slope = (np.empty(flags.shape[1:], np.float32) for _ in range(2))
        combine_kernels.medians(block[0], flags, center)
        combine_kernels.slopes(center, slope)
        combine_kernels.combine(
            tuple(np.ascontiguousarray(each[:, *inner]) for each in block),
            np.ascontiguousarray(flags[:, *inner]),
            self._frames(rows),
            np.array([_block(x, self.grid.shape[1]) for x in range(columns.start, columns.stop)]),
            np.ascontiguousarray(center[inner]),
            np.ascontiguousarray(slope[inner]),
            float(self.settings["clip"]),
            METHODS[self.settings["method"]],
            self._ratios,
            tuple(each[rows, columns] for each in self.planes),
            tuple(each[rows, columns] for each in self.counts[:2]),
            tuple(each[rows, columns] for each in self.counts[2:]),
        )

    def _frames(self, rows):
        """What `combine_kernels.combine` needs to know of the lights, at some rows."""
        coherence = self.coherence[_block(rows.start, self.grid.shape[0])]
        return (*self._of_lights, coherence)

    # these are the same for all tiles
    @cached_property
    def _transforms(self):
        transforms = (chained(self.grid.base, member.transform) for member in self.members)
        return [
            table_of([each.first, each.then] if isinstance(each, Chain) else [each])
            for each in transforms
        ]

    @cached_property
    def _of_lights(self):
        return (
            self.footprints.weights,
            np.array([member.light.exptime for member in self.members]),
            np.array([member.sky for member in self.members]) * self.grid.area,
            self.footprints.groups,
        )

    @cached_property
    def _ratios(self):
        return np.array([0.0, *map(median_variance_ratio, range(1, len(self.members) + 1))])

    def _resampled(self, rows, columns):
        """Values, variances and shared sigmas of all lights at some pixels, and their flags."""
        size = rows.stop - rows.start, columns.stop - columns.start
        shape = (len(self.members), *size)
        block = tuple(np.empty(shape, np.float32) for _ in range(3))
        flags = np.empty(shape, np.uint16)
        for number, member in enumerate(self.members):
            out = tuple(each[number] for each in block)
            u, v, area = (np.empty(size) for _ in range(3))
            places(*self._transforms[number], columns.start, rows.start, u, v, area)
            _resample(member, u, v, area, self.footprints.table, out, flags[number])
        return block, flags


def _with_border(part, end):
    """A slice with one more at each side, and where it lies in that."""
    outer = slice(max(part.start - 1, 0), min(part.stop + 1, end))
    return outer, slice(part.start - outer.start, part.stop - outer.start)


def _resample(member, u, v, area, table, out, flags):
    """Fill `out` and `flags` with a light at some places."""
    ny, nx = member.light.shape
    margin = table.shape[1] // 2 + 1
    rows, columns = _needed(v, ny, margin), _needed(u, nx, margin)
    if not (rows.stop > rows.start and columns.stop > columns.start):
        for each in out:
            each[...] = 0.0
        flags[...] = resample_kernels.NO_DATA
        return
    image = member.light.image.rows(rows)
    image = replace(
        image,
        data=np.ascontiguousarray(image.data[:, columns]),
        variance=np.ascontiguousarray(image.variance[:, columns]),
        dq=np.ascontiguousarray(image.dq[:, columns]),
    )
    shared = member.noise.sigma(image.data, rows, columns)
    data = image.data - np.float32(member.level)
    resample_kernels.resample(
        (data, image.variance, shared),
        image.dq,
        u - columns.start,
        v - rows.start,
        table,
        # a pixel of the stack covers more or less of the light than one of its own
        member.scale * area,
        out,
        flags,
    )


def _needed(places, end, margin):
    """The rows or columns that values at some places are made of, and some beside them."""
    first, last = int(np.floor(places.min())), int(np.ceil(places.max()))
    return slice(min(max(first - margin, 0), end), max(min(last + margin + 1, end), 0))
