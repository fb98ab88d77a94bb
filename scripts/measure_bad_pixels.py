"""Measure bad pixels from a master dark and a master flat."""

from ccdlib.jobs.job import job, note_made, task_of
from ccdlib.jobs.measure_bad_pixels import make

if "snakemake" in globals():
    with job(snakemake) as s:
        make(task_of(s))
        note_made(s)
