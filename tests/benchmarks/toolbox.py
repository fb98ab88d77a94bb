"""The toolbox beside ccdproc, function by function, in one process: `... benchmarks toolbox`.

Processor seconds of all threads: the least of several calls, made in turns, the ratio of the two,
and the median of the ratios of each pair. The first call of each, which may compile, does not
count.
`--rows`, `--sizes` and `--dtypes` choose some lines of the tables. A pair that takes more than five
seconds is measured once; it is not called before, where the same was called with fewer pixels.
"""

import logging
import time
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np

__all__ = ["DTYPES", "SIZES", "Choice", "toolbox"]

SIZES = (1024, 4096)
DTYPES = ("float32", "float64")
# at least this long is measured, and at least so many pairs; one, where it takes this long
_SECONDS, _PAIRS, _LONG = 1.0, 3, 5.0
_HEAD = """
| | ccdlib s | ccdproc s | ratio of the least | median of ratios |
|---|---|---|---|---|"""


class Choice(NamedTuple):
    """Lines of the tables: names of functions or parts of them, pixels a side, types."""

    rows: tuple[str, ...] = ("",)
    sizes: tuple[int, ...] = SIZES
    dtypes: tuple[str, ...] = DTYPES

    def has(self, name):
        return any(part in name for part in self.rows)


def _image(kind, size, level, lib, seed):
    from astropy.nddata import StdDevUncertainty
    from astropy.wcs import WCS

    rng = np.random.default_rng(seed)
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.cdelt = ["RA---TAN", "DEC--TAN"], [-1e-4, 1e-4]
    wcs.wcs.crpix = [size / 2 + seed / 3, size / 2]
    data = rng.normal(level, level**0.5, (size, size)).astype(kind)
    data[rng.random(data.shape) < 1e-4] += 5000
    sigma = StdDevUncertainty(np.full(data.shape, level**0.5, kind))
    return lib.CCDData(data, uncertainty=sigma, unit="adu", wcs=wcs)


def _clipped(lib, frames):
    combiner = lib.Combiner(frames)
    combiner.clip_extrema(1, 1)
    combiner.average_combine()


def _calls(lib, kind, size):
    """Name and call of each function of a library."""
    from astropy import units as u
    from scipy.ndimage import rotate

    light, bias, flat = (
        _image(kind, size, level, lib, seed) for seed, level in enumerate((1000.0, 90.0, 9000.0))
    )
    gain, noise = 1.5 * u.electron / u.adu, 8 * u.electron
    times = {"data_exposure": 30 * u.s, "dark_exposure": 60 * u.s, "scale": True}
    frames = [light, bias, flat] * 2
    raw, raw_bias, raw_flat = (lib.CCDData(each.data, unit="adu") for each in frames[:3])
    whole = lib.CCDData(light.data.astype(np.uint16), unit="adu")
    combiner = lib.Combiner(frames)
    quarter = f"[1:{size // 2},1:{size // 2}]"
    return {
        "create_deviation": lambda: lib.create_deviation(light, gain, noise),
        "gain_correct": lambda: lib.gain_correct(light, gain),
        "subtract_bias": lambda: lib.subtract_bias(light, bias),
        "subtract_dark": lambda: lib.subtract_dark(light, bias, **times),
        "flat_correct": lambda: lib.flat_correct(light, flat),
        "subtract_bias, no sigma": lambda: lib.subtract_bias(raw, raw_bias),
        "flat_correct, no sigma": lambda: lib.flat_correct(raw, raw_flat),
        "subtract_bias, uint16": lambda: lib.subtract_bias(whole, raw_bias),
        "flat_correct, uint16": lambda: lib.flat_correct(whole, raw_flat),
        "subtract_overscan": lambda: lib.subtract_overscan(light, fits_section="[1:40,:]"),
        "subtract_overscan, no sigma": lambda: lib.subtract_overscan(raw, fits_section="[1:40,:]"),
        "trim_image": lambda: lib.trim_image(light, quarter),
        "ccd_process": lambda: lib.ccd_process(
            light, master_bias=bias, master_flat=flat, gain=gain, gain_corrected=False
        ),
        "combine, average": lambda: lib.combine(frames),
        "combine, median": lambda: lib.combine(frames, method="median"),
        "combine, sigma clip": lambda: lib.combine(frames, sigma_clip=True),
        "Combiner, average": lambda: combiner.average_combine(),
        "Combiner, extrema": lambda: _clipped(lib, frames),
        "cosmicray_lacosmic": lambda: lib.cosmicray_lacosmic(light, gain=1.5),
        "cosmicray_median": lambda: lib.cosmicray_median(light, mbox=5, rbox=5),
        "median_filter": lambda: lib.median_filter(light, 5),
        "block_reduce": lambda: lib.block_reduce(light, 4),
        "block_average": lambda: lib.block_average(light, 4),
        "block_replicate": lambda: lib.block_replicate(light, 2),
        "transform_image": lambda: lib.transform_image(light, rotate, angle=90, order=0),
        "wcs_project": lambda: lib.wcs_project(light, flat.wcs),
        "background_deviation_box": lambda: lib.background_deviation_box(light.data, 64),
        "ccdmask": lambda: lib.ccdmask(flat, byblocks=True),
    }


def _pair(*calls):
    """Seconds of the processor of each."""
    seconds = []
    for call in calls:
        start = time.process_time()
        call()
        seconds.append(time.process_time() - start)
    return seconds


def _row(name, ours, theirs, compiled=False):
    """Print what two calls take that are made in turns."""
    first = _pair(ours, theirs)
    pairs = [first] if compiled and sum(first) > _LONG else []
    while not pairs or np.sum(pairs) < (_SECONDS if len(pairs) >= _PAIRS else _LONG):
        pairs.append(_pair(ours, theirs))
    mine, other = np.transpose(pairs)
    ratios = f"{mine.min() / other.min():.2f} | {np.median(mine / other):.2f}"
    print(f"| {name} | {mine.min():.4f} | {other.min():.4f} | {ratios} |", flush=True)


def _pairs():
    import ccdproc

    import ccdlib

    return ccdlib, ccdproc


def _images(choice):
    for size in choice.sizes:
        for kind in choice.dtypes:
            ours, theirs = (_calls(lib, np.dtype(kind), size) for lib in _pairs())
            chosen = [name for name in ours if choice.has(name)]
            if chosen:
                print(f"\n{size} x {size}, {kind}\n{_HEAD}", flush=True)
            for name in chosen:
                _row(f"`{name}`", ours[name], theirs[name], compiled=size > choice.sizes[0])


def _collections(folder, files=2000):
    from astropy.io import fits

    header = fits.Header([(f"KEY{number}", number) for number in range(30)])
    for number in range(files):
        header["IMAGETYP"], header["EXPTIME"] = ("bias", "light")[number % 2], number % 7 * 1.0
        fits.PrimaryHDU(np.zeros((8, 8), np.int16), header).writeto(folder / f"{number:05d}.fits")
    print(f"\na collection of {files} files\n{_HEAD}", flush=True)
    asked = {"imagetyp": "bias", "exptime": 3.0}
    uses = {
        "table": lambda lib: lib.ImageFileCollection(folder),
        "table of two keywords": lambda lib: lib.ImageFileCollection(folder, list(asked)),
    }
    for name, use in uses.items():
        _row(name, *(lambda lib=lib, use=use: use(lib) for lib in _pairs()))
    nights = [lib.ImageFileCollection(folder) for lib in _pairs()]
    _row(
        "`files_filtered`", *(lambda night=night: night.files_filtered(**asked) for night in nights)
    )


def toolbox(folder: Path, choice: Choice) -> None:
    """Print the tables; "collection" is the name of the last."""
    # ccdproc says at each call that values are negative
    logging.disable(logging.WARNING)
    with warnings.catch_warnings():
        # both libraries', of what the images are
        warnings.simplefilter("ignore")
        _images(choice)
        if choice.has("collection"):
            _collections(folder)
