"""Ways of doing the same work, each for a process of its own: `python -m tests.benchmarks.ways`."""

import json
import resource
import sys
import time
from pathlib import Path

__all__ = ["WAYS"]


def files(folder, number):
    return sorted(str(path) for path in Path(folder).glob("b_*.fit"))[: int(number)]


def ours_in_memory(folder, number, threads=2):
    """The engine alone, frames in memory."""
    from astropy.io import fits

    from ccdlib.statistics.clip import Clip
    from ccdlib.statistics.combine import combine_values, compile_kernels

    compile_kernels()
    cube = [fits.getdata(path) for path in files(folder, number)]
    return lambda: combine_values(cube, clip=Clip("sigma", 5, 5), threads=int(threads))


def ours_from_files(folder, number):
    """`ccdlib.combine` of files."""
    import ccdlib
    from ccdlib.statistics.combine import compile_kernels

    compile_kernels()
    return lambda: ccdlib.combine(files(folder, number), unit="adu", **RULE)


def ccdproc_from_files(folder, number):
    """`ccdproc.combine` of files, by its fastest functions."""
    import ccdproc

    return lambda: ccdproc.combine(files(folder, number), unit="adu", mem_limit=4e9, **RULE)


RULE = {
    "method": "average",
    "sigma_clip": True,
    "sigma_clip_low_thresh": 5,
    "sigma_clip_high_thresh": 5,
    "sigma_clip_func": "median",
    "sigma_clip_dev_func": "mad_std",
}


def gunzip(path, module):
    """A file that is packed with gzip, unpacked with one of several libraries."""
    import importlib

    library = importlib.import_module(module)
    return lambda: library.open(path).read()


def tiles(path, module):
    """An image of compressed tiles, read with one of several libraries."""
    if module == "fitsio":
        import fitsio

        return lambda: fitsio.read(path, ext=1)
    from astropy.io import fits

    return lambda: fits.getdata(path, 1)


WAYS = {
    each.__name__: each
    for each in (ours_in_memory, ours_from_files, ccdproc_from_files, gunzip, tiles)
}

if __name__ == "__main__":
    work = WAYS[sys.argv[1]](*sys.argv[2:])
    best = None
    # once to load what is loaded at the first call
    for _ in range(1 if "ccdproc" in sys.argv[1] else 3):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        found = time.perf_counter() - wall, time.process_time() - cpu
        best = found if best is None else tuple(map(min, best, found))
    print(json.dumps([*best, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000]))
