"""Combining in memory: ours, ccdproc's, and how ours grows. `python -m tests.benchmarks.stack`

Each line is measured in a process of its own, so that its peak of memory is its own; the size of
the frames is told apart. The first call of each, in which kernels are loaded, is not counted.
"""

import argparse
import importlib.util
import multiprocessing
import resource
import time

import numpy as np

__all__ = ["main"]

FRAME = (2080, 4128)
CLIPPING = "sigma 5, median, MAD, mean"


def frames(n, shape):
    """Frames of uint16 with a few outliers."""
    rng = np.random.default_rng(1)
    cube = np.empty((n, *shape), np.uint16)
    for frame in cube:
        frame[:] = rng.normal(1000, 10, shape)
        frame[rng.random(shape) < 1e-4] = 20000
    return cube


def ours(cube, threads):
    """A function that combines the frames with ccdlib."""
    from ccdlib.stack import Clip, compile_kernels, stack

    compile_kernels()
    return lambda: stack(cube, clip=Clip("sigma", 5, 5), threads=threads).data


def ours_with_variances(cube, threads):
    """The same, with a variance for each value and a mask."""
    from ccdlib.stack import Clip, compile_kernels, stack

    compile_kernels()
    variance = cube.astype(np.float32) + 25
    mask = cube > 1040
    clip = Clip("sigma", 5, 5)
    return lambda: stack(cube, clip=clip, variance=variance, mask=mask, threads=threads).data


def ours_with_median(cube, threads):
    """A function that takes the median with ccdlib."""
    from ccdlib.stack import compile_kernels, stack

    compile_kernels()
    return lambda: stack(cube, method="median", threads=threads).data


def ccdprocs(cube, threads):
    """A function that combines the frames with ccdproc, in one tile, by its fastest functions."""
    return with_ccdproc(cube, "median", "mad_std")


def ccdprocs_guide(cube, threads):
    """The same with the functions that ccdproc's guide has."""
    from astropy.stats import mad_std

    return with_ccdproc(cube, np.ma.median, mad_std)


def with_ccdproc(cube, center, spread):
    import ccdproc
    from astropy.nddata import CCDData

    images = [CCDData(frame, unit="adu") for frame in cube]
    return lambda: (
        ccdproc.combine(
            images,
            method="average",
            sigma_clip=True,
            sigma_clip_low_thresh=5,
            sigma_clip_high_thresh=5,
            sigma_clip_func=center,
            sigma_clip_dev_func=spread,
            mem_limit=1e12,
        ).data
    )


WAYS = {
    each.__name__: each
    for each in (ours, ours_with_variances, ours_with_median, ccdprocs, ccdprocs_guide)
}


def measure(way, n, shape, threads, repeat):
    """Best time in seconds, peak of memory and size of the frames in MB, mean of the result."""
    cube = frames(n, shape)
    combine = WAYS[way](cube, threads)
    combine()
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        result = combine()
        times.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return min(times), peak, cube.nbytes / 2**20, float(result.mean(dtype=np.float64))


def alone(*arguments):
    """`measure` in a fresh process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measure, arguments)


def line(name, n, shape, seconds, peak, size, peers=()):
    ratios = " ".join(f"{peer / seconds:6.1f}" for peer in peers)
    pixels = f"{shape[0]} x {shape[1]}"
    print(
        f"{name:40s} {n:4d} {pixels:>12s} {seconds:8.3f} {size:8.0f} {peak:8.0f}  {ratios}",
        flush=True,
    )


def main(arguments=None):
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="a sixteenth of the pixels")
    options = parser.parse_args(arguments)
    shape = (FRAME[0] // 4, FRAME[1] // 4) if options.quick else FRAME
    half, double = (shape[0] // 2, shape[1]), (shape[0] * 2, shape[1])
    print(f"combining uint16 frames in memory, {CLIPPING}; {options.threads} threads, seconds, MB")
    print(f"{'':40s}    n       pixels  seconds   frames     peak  ratios")

    peers = []
    if importlib.util.find_spec("ccdproc"):
        for name, way in (("its guide's functions", "ccdprocs_guide"), ("names", "ccdprocs")):
            seconds, peak, size, their_mean = alone(way, 10, shape, 1, 2)
            line(f"ccdproc.combine, {name}", 10, shape, seconds, peak, size)
            peers.append(seconds)
    else:
        print("ccdproc is not installed")
    for threads in sorted({1, options.threads}):
        seconds, peak, size, mean = alone("ours", 10, shape, threads, 7)
        line(f"ccdlib, {threads} thread(s)", 10, shape, seconds, peak, size, peers)
    if peers:
        print(f"    mean of the results: ccdproc {their_mean:.6f}, ccdlib {mean:.6f}")
    for name, way in (
        ("ccdlib, mask and variances", "ours_with_variances"),
        ("ccdlib, median, nothing clipped", "ours_with_median"),
    ):
        line(name, 10, shape, *alone(way, 10, shape, options.threads, 5)[:3])
    for n in (3, 10, 30, 100):
        line("ccdlib, with frames", n, half, *alone("ours", n, half, options.threads, 5)[:3])
    for each in (half, shape, double):
        line("ccdlib, with pixels", 10, each, *alone("ours", 10, each, options.threads, 5)[:3])


if __name__ == "__main__":
    main()
