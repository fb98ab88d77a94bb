"""Peak of memory of a stack against the number of its lights: `python -m
tests.benchmarks stack_memory`.

Lights of 8192 x 8192 pixels that lie nowhere: rows of them are made when they are asked for, so
that a thousand take no disk. Some tiles of the stack are made, which is what memory depends on;
what the whole of the result takes is said beside it.
"""

import resource
import sys
import time
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from .measure import run

# MB: what the job of such a stack asks for, less the process and the result
SIDE, MEMORY_MB, TILES = 8192, 2900.0, 2
# bytes of a pixel of the result
PLANES = 4 * 4 + 4 * 2


class _Pixels:
    """An image whose rows are drawn as they are read."""

    shape, unit = (SIDE, SIDE), "electron"

    def __init__(self, seed):
        self.seed = seed

    def rows(self, rows):
        from ccdlib.frame.image import Image

        height = len(range(*rows.indices(SIDE)))
        line = np.random.default_rng(self.seed).normal(100, 10, SIDE).astype(np.float32)
        data = np.broadcast_to(line, (height, SIDE)).copy()
        return Image(data, np.full_like(data, 100), np.zeros(data.shape, np.uint16), "electron")


def tiles_of_many(number):
    """Combine some tiles of so many lights."""
    from ccdlib.registration.transforms import Transform
    from ccdlib.stack import combine
    from ccdlib.stack.grid import Grid
    from ccdlib.stack.lights import Light
    from ccdlib.stack.shared_noise import SharedNoise

    rng, noise = np.random.default_rng(1), SharedNoise(None, None)
    members = []
    for n in range(number):
        product = SimpleNamespace(images=[_Pixels(n)], name=str(n), sha256="")
        light = Light(str(n), product, {}, {"exptime": 60.0}, None, 100.0, 0.1, 10.0)
        turn, (x, y) = rng.uniform(-2e-3, 2e-3), rng.uniform(-20, 20, 2)
        transform = Transform.linear([[1, -turn], [turn, 1]], (x, y))
        members.append(combine.Member(light, transform, 1.0, 100.0, 0.0, 1 / number, noise, 0))
    every = combine._tiles
    combine._tiles = lambda *given: islice(every(*given), TILES)
    settings = {"resampling": "cubic", "method": "mean", "clip": 5.0}
    grid = Grid((SIDE, SIDE), Transform.identity())
    start = time.process_time()
    combine.combine_lights(members, grid, settings, MEMORY_MB, 2)
    pixels = TILES * _pixels_of_a_tile(every, number)
    print(number, pixels, time.process_time() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(f"{peak:.0f}")


def _pixels_of_a_tile(tiles, number):
    rows, columns = next(tiles((SIDE, SIDE), number, MEMORY_MB / 2))
    return (rows.stop - rows.start) * (columns.stop - columns.start)


def stack_memory(_folder):
    """The table."""
    root = Path(__file__).parents[2]
    print(f"\nStacks of lights of {SIDE} x {SIDE}, {TILES} tiles by 2 threads\n")
    print("| lights | peak MB, planes of the result beside it | s of processor in all |")
    print("|---|---|---|")
    planes = PLANES * SIDE * SIDE / 1e6
    for number in (10, 100, 1000):
        cost = run([sys.executable, "-m", "tests.benchmarks.stack_memory", number], root)
        print(f"| {number} | {cost.peak:.0f} + {planes:.0f} | {cost.cpu:.1f} |", flush=True)


if __name__ == "__main__":
    tiles_of_many(int(sys.argv[1]))
