"""List the masters: what went into each and what came out."""

from ccdlib.jobs.job import job
from ccdlib.report.masters_table import MASTERS, masters

if "snakemake" in globals():
    with job(snakemake) as s:
        MASTERS.write(masters(list(s.params.recipes)), s.output[0], s.params.made_of)
