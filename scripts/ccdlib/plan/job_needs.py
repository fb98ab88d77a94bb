"""What a job asks the scheduler for: memory and time for its frames, threads beside its like."""

from collections.abc import Mapping
from typing import Any

from ..kinds import Kind

__all__ = ["PIXEL_BYTES", "PROCESS_MB", "memory_mb", "runtime", "stack_pixels", "threads"]

# MB of an interpreter with what a job imports
PROCESS_MB = 350
# bytes for each pixel of an image that a job holds at its peak: arrays, and a product on its way to
# the disk
PIXEL_BYTES = 64
# bytes for each pixel of each frame that gain and read noise are measured from, and the most MB
_FRAME_BYTES, _FRAMES_MB = 8, 500
# MB of a stack's rows; with less a master is made in lower bands, not with other results
_BAND_MB = 250
# MB for each frame of a stack, for its headers and the level of its rows
_HEADER_MB = 0.3
# pixels a second that are sure to be reached, with every step, on a slow disk
_PIXELS_PER_SECOND = 5e5
_MINUTES = 5
# more than these are of little use to a job: half of it is done by one
_THREADS = 2


def stack_pixels(settings: Mapping[str, Any], pixels: int) -> int:
    """Pixels of a stack.

    That of all lights of a field is taken to be twice as large as one, and so is what north up cuts
    from a turned one: more is known when they are registered.

    Parameters
    ----------
    settings : dict
        The config's section `stack`, with what a file in `grid` says.
    pixels : int
        Of a light.
    """
    grid = settings["grid"]
    if not isinstance(grid, str):
        rows, columns = grid["shape"]
        return rows * columns
    times = (2 if grid == "union" else 1) * (2 if settings["north_up"] else 1)
    return round(pixels * times / settings["scale"] ** 2)


def memory_mb(kind: Kind, pixels: int, frames: int, attempt: int) -> int:
    """MB that a job may use.

    Parameters
    ----------
    kind : Kind
        That of the product.
    pixels : int
        Of all images of a raw frame, or of the product where that has more.
    frames : int
        Raw frames that the product is made from.
    attempt : int
        From 1.
    """
    needed = PROCESS_MB + pixels * PIXEL_BYTES / 1e6
    if kind.name == "detector":
        needed += min(pixels * frames * _FRAME_BYTES / 1e6, _FRAMES_MB)
    if kind.combined:
        needed += _BAND_MB + frames * _HEADER_MB
    return round(needed) * attempt


def runtime(pixels: int, frames: int, attempt: int) -> int:
    """Minutes that a job may take; parameters as of `memory_mb`."""
    return round(_MINUTES + pixels * frames / _PIXELS_PER_SECOND / 60) * attempt


def threads(products: int, cores: int | None) -> int:
    """Threads for a job of a kind of which there are so many products in the plan.

    Two masters side by side, each with one thread, are done sooner than one after the other, each
    with two.

    Parameters
    ----------
    products : int
    cores : int or None
        Of the run; None where others than this machine's do the jobs.
    """
    beside = _THREADS if cores is None else cores // max(products, 1)
    return max(min(_THREADS, beside), 1)
