"""Find the fringes that lights share."""

from ccdlib.jobs.job import job, note_made, task_of
from ccdlib.jobs.make_fringe import make

if "snakemake" in globals():
    with job(snakemake) as s:
        make(task_of(s))
        note_made(s)
