"""What the warm process holds when it forks for a job: all that the scripts and their jobs import.

Many modules are imported late, by the function that needs them, so that a job without a warm
process does not load what it does not use.
"""

from importlib import import_module

__all__ = ["while_idle"]

_MODULES = (
    "ccdlib.jobs.job",
    "ccdlib.jobs.calibrate_frame",
    "ccdlib.jobs.combine_frames",
    "ccdlib.jobs.measure_bad_pixels",
    "ccdlib.jobs.measure_detector",
    "ccdlib.index.folder_state",
    "ccdlib.index.raw_index",
    "ccdlib.index.ready_index",
    "ccdlib.plan.night_plan",
    "ccdlib.quality.stars",
    "ccdlib.report.masters_table",
    "ccdlib.report.write",
    "astropy.io.fits",
)

for _name in _MODULES:
    import_module(_name)


def while_idle() -> None:
    """Load what no job needs before there is a plan: compiled kernels and other libraries."""
    from PIL import Image

    from ..products.versions import CARDS, installed
    from .compile_kernels import load_all

    import_module("scipy.ndimage")
    Image.preinit()
    load_all()
    for keyword in CARDS:
        installed(keyword)
