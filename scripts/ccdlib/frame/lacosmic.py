"""Cosmic rays by Laplacian edge detection: the masks of astroscrappy, many times faster.

van Dokkum 2001, PASP 113, 1420, in the form of astroscrappy 1.3.0, whose definitions, treatment
of edges and order of tests are the contract. What makes it fast: everything is computed in windows
that fit into the processor's cache, by loops that vectorise; the median of the Laplacian, the fine
structure and the growth are computed only around pixels whose Laplacian is over the limit already;
and after the first iteration only what the replaced pixels can have changed is searched again.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..errors import CcdlibError
from . import lacosmic_kernels as kernels

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["compile_kernels", "cosmic_ray_mask", "detect_cosmics", "psf_kernel"]

SMALLEST = 8
LARGEST = np.float32(1e30)  # above it, as IRAF's INDEF of 1.6e38 is, sums would become infinite
CHUNK_PIXELS = 1 << 17
TILE = (64, 256)
SAMPLE = 4096
CELL = 64
MEDIAN_REACH = 6  # 7 x 7 median of the Laplacian over the 7 x 7 median of the noise; also 5 + 9
GROWTH_REACH = 2
FS_MODES = ("median", "convolve")
PSF_MODELS = ("gauss", "gaussx", "gaussy", "moffat")
NO_IMAGE = np.empty((0, 0), np.float32)


class Frame(NamedTuple):
    """The arrays as given, and what turns them into electrons.

    With an `edge` they are searched as if they went on for so many pixels, as in a mirror.
    """

    data: np.ndarray
    background: np.ndarray | None
    variance: np.ndarray | None
    gain: np.float32
    readnoise: np.float32
    edge: int = 0

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns that are searched."""
        rows, columns = self.data.shape
        return rows + 2 * self.edge, columns + 2 * self.edge


class Search(NamedTuple):
    """How to look for cosmic rays and what to put in their place."""

    rules: kernels.Rules
    cleaner: int
    niter: int
    threads: int


def detect_cosmics(
    indat: ArrayLike,
    inmask: ArrayLike | None = None,
    inbkg: ArrayLike | None = None,
    invar: ArrayLike | None = None,
    sigclip: float = 4.5,
    sigfrac: float = 0.3,
    objlim: float = 5.0,
    gain: float = 1.0,
    readnoise: float = 6.5,
    satlevel: float = 65536.0,
    niter: int = 4,
    sepmed: bool = True,
    cleantype: str = "meanmask",
    fsmode: str = "median",
    psfmodel: str = "gauss",
    psffwhm: float = 2.5,
    psfsize: int = 7,
    psfk: ArrayLike | None = None,
    psfbeta: float = 4.765,
    threads: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """Find the pixels that cosmic rays have hit, and replace them from their surroundings.

    An iteration compares L, the mean of the positive parts of the Laplacians of a pixel's four
    quarters, with the noise N = sqrt(median(variance)): S = L / 2N, S' = S - median(S). A cosmic
    ray is a pixel with S' > sigclip and S' > objlim * (F - median(F)) / N, where F is the image
    without what is sharper than a star. Their neighbours with S' > sigclip follow, then the
    neighbours of all these with S' > sigfrac * sigclip. The pixels are replaced and the next
    iteration begins, until none is new. The names are those of astroscrappy.detect_cosmics.

    Parameters
    ----------
    indat : array of (ny, nx), at least 8 x 8
        Image in adu that still holds its sky, from which the noise is estimated. Never changed.
    inmask : array of (ny, nx), optional
        Non-zero where a pixel is not to be used; these and their eight neighbours are never
        cosmic rays and never replace one.
    inbkg : array of (ny, nx), optional
        Background in adu, subtracted before the search; its noise is added unsmoothed.
    invar : array of (ny, nx), optional
        Variance in adu squared, instead of that from image, gain and read noise.
    sigclip, sigfrac, objlim : float
        The limits above.
    gain : float
        Electrons per adu.
    readnoise : float
        Electrons.
    satlevel : float
        Electrons; pixels at or above it whose surroundings are over a tenth of it are saturated
        stars, which are treated as inmask, with 4 pixels around them.
    niter : int
        Largest number of iterations.
    sepmed : bool
        Medians along the rows, then along the columns (5, 7 and 9 pixels) instead of those of
        squares (3, 5 and 7).
    cleantype : {'meanmask', 'medmask', 'idw', 'median'}
        Replace by the mean, the (lower) median or the inverse-distance-weighted mean of the good
        pixels of the 5 x 5 around, or by the median of all 25, from the first row to the last.
        Without a good pixel by the median of the image. The two outermost rows and columns stay.
    fsmode : {'median', 'convolve'}
        F is the median-filtered image or the flux of the best-fitting star at each pixel.
    psfmodel, psffwhm, psfsize, psfbeta
        The star of 'convolve', see `psf_kernel`.
    psfk : array, optional
        The star itself instead, with an odd number of rows and columns.
    threads : int
        Threads for the search; the result is the same with any number.

    Returns
    -------
    crmask : bool array of (ny, nx)
        True at the cosmic rays, not at masked or saturated pixels.
    cleaned : float32 array of (ny, nx)
        The image in adu, multiplied by and divided by the gain, without the cosmic rays.

    Raises
    ------
    CcdlibError
        When shapes disagree or a parameter is impossible.

    Notes
    -----
    Pixels where indat, inbkg or invar is not finite or over 1e30 count as inmask; in `cleaned` they
    are as they were. astroscrappy lets a NaN spread to its neighbours. With cleantype='median',
    astroscrappy 1.3.0 takes the median of uninitialised memory; this function takes that of the 25
    pixels.
    """
    _check_numbers(sigclip, sigfrac, objlim, gain, readnoise, satlevel, niter, threads)
    _check_choice("cleantype", cleantype, kernels.CLEANERS)
    frame = _frame(indat, inbkg, invar, gain, readnoise)
    psf = _psf(fsmode, psfk, psfmodel, psffwhm, psfsize, psfbeta)
    clip, lower = np.float32(sigclip), np.float32(sigfrac) * np.float32(sigclip)
    rules = kernels.Rules(clip, lower, np.float32(objlim), bool(sepmed), psf)
    images, lost = _prepare(frame, inmask, satlevel, rules.separable)
    crmask = _iterate(frame, images, Search(rules, kernels.CLEANERS[cleantype], niter, threads))
    cleaned = images.light
    if images.background.size:
        cleaned += images.background
    cleaned /= frame.gain
    with np.errstate(over="ignore"):
        cleaned.flat[lost] = frame.data.flat[lost]
    return crmask, cleaned


def cosmic_ray_mask(
    data: np.ndarray,
    unsearched: np.ndarray,
    variance: np.ndarray,
    edge: int,
    *,
    sigclip: float,
    sigfrac: float,
    objlim: float,
    niter: int,
) -> np.ndarray:
    """The mask of `detect_cosmics` for an image in electrons, searched to its edges.

    It is that of the image that goes on for `edge` pixels as in a mirror, of which no copy is made.

    Parameters
    ----------
    data, variance : ndarray of float32, shape (ny, nx)
        electron, electron^2
    unsearched : ndarray of bool
        Where a pixel is not to be used.
    edge : int
    sigclip, sigfrac, objlim, niter
        Of `detect_cosmics`, whose `cleantype` is 'medmask'.

    Returns
    -------
    ndarray of bool
    """
    frame = Frame(data, None, variance, np.float32(1), np.float32(0), edge)
    clip = np.float32(sigclip)
    rules = kernels.Rules(clip, np.float32(sigfrac) * clip, np.float32(objlim), True, NO_IMAGE)
    images, _ = _prepare(frame, unsearched, np.inf, rules.separable)
    found = _iterate(frame, images, Search(rules, kernels.CLEANERS["medmask"], niter, 1))
    rows, columns = data.shape
    return found[edge : edge + rows, edge : edge + columns]


def psf_kernel(
    model: str = "gauss", fwhm: float = 2.5, size: int = 7, beta: float = 4.765
) -> np.ndarray:
    """Image of a star, of sum 1, for the matched filter of `detect_cosmics`.

    Parameters
    ----------
    model : {'gauss', 'gaussx', 'gaussy', 'moffat'}
        exp(-r^2 / 2 sigma^2), the same with x or y alone for r, or (1 + (r / alpha)^2)^-beta.
    fwhm : float
        Full width at half maximum, pixels.
    size : int
        Rows and columns, odd.
    beta : float
        Exponent of the Moffat profile.

    Returns
    -------
    float32 array of (size, size)
    """
    _check_choice("psfmodel", model, PSF_MODELS)
    if size < 1 or size % 2 == 0:
        raise CcdlibError(f"psfsize is {size}; it must be odd and positive")
    if not (fwhm > 0 and beta > 0):
        raise CcdlibError(f"psffwhm is {fwhm} and psfbeta {beta}; both must be positive")
    width, beta = np.float32(fwhm), float(np.float32(beta))
    y, x = np.indices((size, size)) - size // 2
    if model == "moffat":
        alpha = float(width) / 2 / np.sqrt(2 ** (1 / beta) - 1)
        r = np.sqrt(x * x + y * y)
        profile = (1 + r * r / alpha / alpha) ** -beta
    else:
        variance = float(width * width) / 2.35482 / 2.35482
        r2 = {"gauss": x * x + y * y, "gaussx": x * x, "gaussy": y * y}[model]
        profile = np.exp(-0.5 * r2 / variance)
    kernel = profile.astype(np.float32)
    return kernel / kernel.sum()


def compile_kernels() -> None:
    """Compile what the default parameters need, or load it from numba's cache."""
    image = np.full((32, 32), 100.0, np.float32)
    image[8, 8], image[16:25, 16:25], image[4, 24] = 5000, 70000, np.nan
    detect_cosmics(image)


def _check_numbers(sigclip, sigfrac, objlim, gain, readnoise, satlevel, niter, threads):
    finite = {
        "sigclip": sigclip,
        "sigfrac": sigfrac,
        "objlim": objlim,
        "gain": gain,
        "readnoise": readnoise,
    }
    for name, value in finite.items():
        if not np.isfinite(value):
            raise CcdlibError(f"{name} is {value}; it must be a finite number")
    if gain <= 0:
        raise CcdlibError(f"gain is {gain} electrons per adu; it must be positive")
    if np.isnan(satlevel):
        raise CcdlibError("satlevel is not a number; without saturation it is infinite")
    if niter < 0 or threads < 1:
        raise CcdlibError(f"niter is {niter} and threads {threads}; the least are 0 and 1")


def _check_choice(name, value, allowed):
    if value not in allowed:
        raise CcdlibError(f"{name} is {value!r}; it must be one of {', '.join(allowed)}")


def _check_shape(name, array, shape):
    if array.shape != shape:
        raise CcdlibError(f"{name} has shape {array.shape}, the image {shape}")


def _frame(indat, inbkg, invar, gain, readnoise):
    data = np.asarray(indat)
    if data.ndim != 2 or min(data.shape) < SMALLEST:
        raise CcdlibError(
            f"the image has shape {data.shape}; two axes of at least {SMALLEST} pixels are needed"
        )
    optional = []
    for name, given in (("inbkg", inbkg), ("invar", invar)):
        array = None if given is None else np.asarray(given)
        if array is not None:
            _check_shape(name, array, data.shape)
        optional.append(array)
    background, variance = optional
    return Frame(data, background, variance, np.float32(gain), np.float32(readnoise))


def _psf(fsmode, psfk, psfmodel, psffwhm, psfsize, psfbeta):
    """The star of the matched filter; empty for the median filter."""
    _check_choice("fsmode", fsmode, FS_MODES)
    if fsmode == "median":
        return NO_IMAGE
    if psfk is None:
        return psf_kernel(psfmodel, psffwhm, psfsize, psfbeta)
    psf = np.array(psfk, np.float32, order="C")
    if psf.ndim != 2 or psf.shape[0] % 2 == 0 or psf.shape[1] % 2 == 0:
        raise CcdlibError(f"psfk has shape {psf.shape}; two odd sides are needed")
    return psf


def _row_chunks(shape):
    step = max(1, CHUNK_PIXELS // shape[1])
    return [slice(y, min(y + step, shape[0])) for y in range(0, shape[0], step)]


def _mirrored(plane, rows, edge):
    """Some rows of a plane that goes on for `edge` pixels as in a mirror."""
    if edge == 0:
        return plane[rows]
    down = np.pad(np.arange(len(plane)), edge, mode="reflect")[rows]
    part = np.empty((down.size, plane.shape[1] + 2 * edge), plane.dtype)
    np.take(plane, down, axis=0, out=part[:, edge:-edge], mode="clip")
    part[:, :edge] = part[:, 2 * edge : edge : -1]
    part[:, -edge:] = part[:, -edge - 2 : -2 * edge - 2 : -1]
    return part


def _electrons(frame, rows):
    """Light with its background, variance without it, and background (or None) of some rows."""
    gain, readnoise, edge = float(frame.gain), frame.readnoise, frame.edge
    with np.errstate(over="ignore", invalid="ignore"):
        light = (_mirrored(frame.data, rows, edge) * gain).astype(np.float32, copy=False)
        background = None
        if frame.background is not None:
            background = _mirrored(frame.background, rows, edge) * gain
            background = background.astype(np.float32, copy=False)
        if frame.variance is not None:
            squared = float(frame.gain * frame.gain)
            variance = _mirrored(frame.variance, rows, edge) * squared
            variance = variance.astype(np.float32, copy=False)
            if background is not None:
                variance = variance - background
        else:
            variance = light if background is None else light - background
            variance = variance + readnoise * readnoise
    return light, variance, background


def _prepare(frame, inmask, satlevel, sepmed):
    """The images to search, and the flat indices of the pixels that are not finite."""
    shape = frame.shape
    mask = np.zeros(shape, np.uint8)
    if inmask is not None:
        inmask = np.asarray(inmask)
        _check_shape("inmask", inmask, frame.data.shape)
        for rows in _row_chunks(shape):
            mask[rows] = _mirrored(inmask, rows, frame.edge) != 0
    light, variance = np.empty(shape, np.float32), np.empty(shape, np.float32)
    background = NO_IMAGE if frame.background is None else np.empty(shape, np.float32)
    images = kernels.Images(light, variance, background, mask)
    lost_in_chunks = []
    for rows in _row_chunks(shape):
        light[rows], variance[rows], sky = _electrons(frame, rows)
        usable = (np.abs(light[rows]) < LARGEST) & (np.abs(variance[rows]) < LARGEST)
        if sky is not None:
            background[rows] = sky
            usable &= np.abs(sky) < LARGEST
        if not usable.all():
            lost_in_chunks.append(np.flatnonzero(~usable) + rows.start * shape[1])
    lost = np.concatenate(lost_in_chunks) if lost_in_chunks else np.empty(0, np.int64)
    if lost.size:
        _fill(images, lost)
    _mask_neighbours(mask)
    _mask_saturated(light, mask, satlevel, sepmed)
    if background.size:
        light -= background
    return images, lost


def _fill(images, lost):
    """Mask pixels and give them values that leave their surroundings as they are."""
    images.mask.flat[lost] = 1
    for image in (images.light, images.variance, images.background):
        if image.size == 0:
            continue
        kernels.fill_from_neighbours(image, lost, images.mask, np.float32(np.nan))
        alone = lost[np.isnan(image.flat[lost])]
        if alone.size:
            good = image[images.mask == 0]
            image.flat[alone] = np.median(good, overwrite_input=True) if good.size else 0


def _mask_neighbours(mask):
    """Mask the eight neighbours of masked pixels; on the edge of the image no further ones."""
    if mask.any():
        rows = mask[:, :-2] | mask[:, 1:-1] | mask[:, 2:]
        mask[1:-1, 1:-1] = rows[:-2] | rows[1:-1] | rows[2:]


def _mask_saturated(light, mask, satlevel, sepmed):
    with np.errstate(over="ignore"):
        satlevel = np.float32(satlevel)
    saturated = np.flatnonzero(light >= satlevel)
    if saturated.size:
        starlevel = np.float32(float(satlevel) / 10)
        mask |= kernels.saturated_stars(light, saturated, starlevel, sepmed)


def _iterate(frame, images, search):
    """The mask of the cosmic rays, which are replaced in light and variance."""
    shape = images.mask.shape
    cosmics = np.zeros(shape, np.uint8)
    flat = cosmics.reshape(-1)
    pixels = np.empty(0, np.int64)
    reach = MEDIAN_REACH
    if search.rules.psf.size:
        reach = max(reach, 7 + max(search.rules.psf.shape) // 2)
    levels = np.full(2, np.nan, np.float32)
    boxes = _tiles(shape)
    for _ in range(search.niter):
        found = np.unique(_search(images, boxes, search))
        new = found[flat[found] == 0]
        if new.size == 0:
            break
        flat[new] = 1
        pixels = np.sort(np.concatenate([pixels, new]))
        if np.isnan(levels[0]) and kernels.any_lonely(pixels, cosmics, images.mask):
            levels = _levels(frame, images.mask)
        changed = kernels.clean_pixels(pixels, images, cosmics, search.cleaner, levels)
        boxes = kernels.changed_boxes(changed, *shape, CELL, reach + 2 * GROWTH_REACH)
    return cosmics.view(bool)


def _tiles(shape):
    """Boxes that cover an image, as rows of y0, y1, x0, x1."""
    y, x = np.mgrid[0 : shape[0] : TILE[0], 0 : shape[1] : TILE[1]]
    bottom, right = np.minimum(y + TILE[0], shape[0]), np.minimum(x + TILE[1], shape[1])
    return np.stack([y, bottom, x, right], axis=-1).reshape(-1, 4)


def _search(images, boxes, search):
    def part(boxes):
        return kernels.find_cosmics(images, boxes, search.rules)

    if search.threads == 1:
        return part(boxes)
    with ThreadPoolExecutor(search.threads) as pool:
        return np.concatenate(list(pool.map(part, np.array_split(boxes, search.threads))))


def _levels(frame, mask):
    """Lower medians of the unmasked light and variance, both without background.

    From the input, because a few of the pixels have been replaced by now.
    """
    levels = np.empty(2, np.float32)
    for k in range(2):
        good = np.empty(mask.size - int(mask.sum(dtype=np.int64)), np.float32)
        start = 0
        for rows in _row_chunks(mask.shape):
            light, variance, background = _electrons(frame, rows)
            if background is not None:
                light = light - background
            part = (light, variance)[k][mask[rows] == 0]
            good[start : start + part.size] = part
            start += part.size
        levels[k] = _lower_median(good)
    return levels


def _lower_median(values):
    """The value in the middle, the lower of two; only what is near that of a sample is ordered."""
    middle, below, near = (values.size - 1) // 2, 0, values
    sample = np.sort(values[:: max(values.size // SAMPLE, 1)])
    low, high = (sample[int(share * (sample.size - 1))] for share in (0.47, 0.53))
    lower = int(np.count_nonzero(values < low))
    between = values[(values >= low) & (values <= high)]
    if lower <= middle < lower + between.size:
        below, near = lower, between
    return np.partition(near, middle - below)[middle - below]
