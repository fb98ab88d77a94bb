"""What the warm process holds when it forks for a job: everything that the scripts import."""

from ..frame import lacosmic
from ..jobs import calibrate_frame, combine_frames, job, measure_bad_pixels, measure_detector
from ..report import write
from ..statistics import combine

__all__ = ["while_idle"]


def while_idle():
    """Load the compiled kernels, which the first jobs of a run can do without."""
    combine.compile_kernels()
    lacosmic.compile_kernels()
