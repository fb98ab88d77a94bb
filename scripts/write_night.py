"""Write the report's page of a night."""

from ccdlib.jobs.job import job
from ccdlib.report.write import write_night

if "snakemake" in globals():
    with job(snakemake) as s:
        write_night(s.wildcards.night, s.params.config, s.input.get("truth"))
