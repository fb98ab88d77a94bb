"""Measure gain and read noise from the night's own biases and flats."""

from ccdlib.jobs.job import job, note_made, task_of
from ccdlib.jobs.measure_detector import make

if "snakemake" in globals():
    with job(snakemake) as s:
        make(task_of(s))
        note_made(s)
