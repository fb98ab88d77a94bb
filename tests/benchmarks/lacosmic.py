"""LA Cosmic side by side with astroscrappy: `python -m tests.benchmarks.lacosmic [FIELD ...]`.

Each field is simulated, then either engine searches it, with one thread, in a process of its own:
once uncounted, then the shortest of several times (8k x 8k: the one time). Times are processor
times, which other programs hardly change; that they are not above the elapsed times shows that
one thread it was.
"""

import multiprocessing
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

__all__ = ["FIELDS", "main", "simulate"]

# name: shape, sky in electrons, stars, cosmic rays
FIELDS = {
    "900 stars, 1500 cosmic rays": ((4128, 2048), 200, 900, 1500),
    "empty": ((4128, 2048), 200, 0, 0),
    "crowded, 20 000 stars": ((4128, 2048), 200, 20000, 1500),
    "600 s dark sky, 10 000 cosmic-ray pixels": ((4128, 2048), 12, 300, 1430),
    "1k x 1k": ((1024, 1024), 200, 110, 190),
    "8k x 8k": ((8192, 8192), 200, 7200, 12000),
}
TRACK_PIXELS = 7
READ_NOISE = 6.5
PSF_SIGMA = 1.4
STAMP = 15


def simulate(shape, sky, stars, cosmics, seed=20240513):
    """A float32 frame in electrons: sky, stars, straight tracks of cosmic rays, photon and read
    noise."""
    rng = np.random.default_rng(seed)
    light = np.full(shape, float(sky))
    _add_stars(light, stars, rng)
    image = rng.poisson(light).astype(np.float32)
    _add_tracks(image, cosmics, rng)
    image += rng.normal(0, READ_NOISE, shape).astype(np.float32)
    return image


def _add_stars(light, number, rng):
    """Gaussian stars, whose numbers fall with the 0.7th power of their flux."""
    offset = np.arange(-STAMP, STAMP + 1)
    room = np.array(light.shape) - 2 * STAMP - 1
    flux = 400 * rng.pareto(0.7, number).clip(0, 2000)
    rows, columns = rng.uniform(0, room[:, None], (2, number))
    for total, y, x in zip(flux, rows, columns, strict=True):
        down, across = (np.exp(-0.5 * ((offset - z % 1) / PSF_SIGMA) ** 2) for z in (y, x))
        stamp = np.s_[int(y) : int(y) + 2 * STAMP + 1, int(x) : int(x) + 2 * STAMP + 1]
        light[stamp] += total / (2 * np.pi * PSF_SIGMA**2) * np.outer(down, across)


def _add_tracks(image, number, rng):
    """Tracks of exponential length, 100 to 2500 electrons in each pixel."""
    ny, nx = image.shape
    for _ in range(number):
        y, x, angle = rng.uniform(0, (ny, nx, np.pi))
        along = np.arange(1 + rng.exponential(TRACK_PIXELS - 1))
        rows, columns = (y + along * np.sin(angle)).astype(int), (x + along * np.cos(angle))
        inside = (rows < ny) & (columns >= 0) & (columns < nx)
        track = rows[inside], columns[inside].astype(int)
        image[track] += rng.uniform(100, 2500, track[0].size).astype(np.float32)


def _peak_memory():
    """Largest resident memory since it was last asked for, bytes."""
    status = Path("/proc/self/status").read_text()
    Path("/proc/self/clear_refs").write_text("5")
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


def _search(engine, path, runs):
    """Shortest processor time, its ratio to the elapsed time, memory in images, and the mask."""
    if engine == "ccdlib":
        from ccdlib.frame.lacosmic import compile_kernels, detect_cosmics

        compile_kernels()
    else:
        from astroscrappy import detect_cosmics
    image = np.load(path)
    if runs > 1:
        detect_cosmics(image)
    _peak_memory()
    before = _peak_memory()
    times = []
    for _ in range(runs):
        start, processor = time.perf_counter(), time.process_time()
        mask = detect_cosmics(image)[0]
        times.append((time.process_time() - processor, time.perf_counter() - start))
    processor, elapsed = min(times)
    images = (_peak_memory() - before) / image.nbytes
    return processor, processor / elapsed, images, np.flatnonzero(mask)


def _measure(engine, path, runs):
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_search, engine, path, runs).result()


def main(names=None):
    """Print the table of the fields that are named, or of all."""
    os.environ["OMP_NUM_THREADS"] = "1"
    print(
        "| field | ccdlib | astroscrappy | ratio | cosmic-ray pixels | differing pixels "
        "| memory of ccdlib, of astroscrappy, in float32 images | processor / elapsed time |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name in names or FIELDS:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "field.npy"
            np.save(path, simulate(*FIELDS[name]))
            large = FIELDS[name][0][0] > 8000
            ours = _measure("ccdlib", path, 1 if large else 7)
            theirs = _measure("astroscrappy", path, 1 if large else 2)
        differing = np.setxor1d(ours[3], theirs[3]).size
        print(
            f"| {name} | {ours[0]:.3f} s | {theirs[0]:.2f} s | {theirs[0] / ours[0]:.0f} "
            f"| {theirs[3].size} | {differing} | {ours[2]:.1f}, {theirs[2]:.1f} "
            f"| {ours[1]:.2f}, {theirs[1]:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1:])
