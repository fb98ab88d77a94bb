"""Flatten one calibrated light."""

from ccdlib.jobs.flatten_light import make
from ccdlib.jobs.job import job, note_made, task_of

if "snakemake" in globals():
    with job(snakemake) as s:
        make(task_of(s))
        note_made(s)
