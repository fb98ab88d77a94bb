"""Register and combine the lights of one field."""

from ccdlib.jobs.job import job, note_made, task_of
from ccdlib.jobs.make_stack import make

if "snakemake" in globals():
    with job(snakemake) as s:
        make(task_of(s))
        note_made(s)
