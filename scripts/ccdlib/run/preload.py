"""What the warm process holds when it forks for a job: all that the scripts and their jobs import.

Many modules are imported late, by the function that needs them, so that a job without a warm
process does not load what it does not use.
"""

from collections.abc import Iterator
from importlib import import_module

__all__ = ["while_idle", "while_waiting"]

# what an index needs, which is the first job of a night: it waits for no more
_FIRST = (
    "ccdlib.jobs.job",
    "ccdlib.index.folder_state",
    "ccdlib.index.raw_index",
    "ccdlib.index.ready_index",
    "astropy.io.fits",
)
_THEN = (
    "ccdlib.plan.night_plan",
    "ccdlib.plan.planning",
    "ccdlib.jobs.calibrate_frame",
    "ccdlib.jobs.combine_frames",
    "ccdlib.jobs.measure_bad_pixels",
    "ccdlib.jobs.measure_detector",
    "ccdlib.quality.stars",
    "ccdlib.report.masters_table",
    "ccdlib.report.write",
    "scipy.ndimage",
)
# where stacks are part of the run
_FOR_STACKS = "ccdlib.jobs.make_stack", "ccdlib.registration.star_kernels"

for _name in _FIRST:
    import_module(_name)


def while_waiting() -> Iterator[None]:
    """Load what no job needs before there is an index, a module at a time."""
    for name in _THEN:
        import_module(name)
        yield


def while_idle() -> None:
    """Load the same, and the compiled kernels, which are there when a first job is."""
    from ..config import grouping_of_last_run

    for name in (*_THEN, *(_FOR_STACKS if grouping_of_last_run() else ())):
        import_module(name)
    from PIL import Image

    from ..products.versions import CARDS, installed
    from .compile_kernels import load_all

    Image.preinit()
    load_all()
    for keyword in CARDS:
        installed(keyword)
