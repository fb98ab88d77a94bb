"""Write the report's first page."""

from ccdlib.jobs.job import job
from ccdlib.report.write import write_index

if "snakemake" in globals():
    with job(snakemake) as s:
        write_index(s.params.nights, s.params.config, s.params.made_of)
