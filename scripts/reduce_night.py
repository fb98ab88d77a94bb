"""Run the workflow of one night in its own working directory, and keep what became of it."""

from ccdlib.archives.reduce import reduce_night
from ccdlib.files import write_atomically
from ccdlib.jobs.job import job

if "snakemake" in globals():
    with job(snakemake) as s:
        record = reduce_night(s.wildcards.night, s.threads, s.resources.mem_mb, s.log[0])
        write_atomically(s.output[0], record)
