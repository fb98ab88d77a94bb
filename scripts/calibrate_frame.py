"""Calibrate one raw frame."""

from ccdlib.jobs.calibrate_frame import make
from ccdlib.jobs.job import job, note_made, task_of

if "snakemake" in globals():
    with job(snakemake) as s:
        make(task_of(s))
        note_made(s)
