"""Find what the skies of lights have in common."""

from ccdlib.jobs.job import job, note_made, task_of
from ccdlib.jobs.make_illumination import make

if "snakemake" in globals():
    with job(snakemake) as s:
        make(task_of(s))
        note_made(s)
