"""List the masters: what went into each and what came out."""

from ccdlib.files import write_table
from ccdlib.jobs.job import job
from ccdlib.report.masters_table import COLUMNS, masters

if "snakemake" in globals():
    with job(snakemake) as s:
        write_table(s.output[0], COLUMNS, masters(list(s.params.recipes)))
