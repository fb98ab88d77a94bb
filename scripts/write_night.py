"""Write the report's page of a night."""

from ccdlib.jobs.job import job
from ccdlib.report.write import write_night

if "snakemake" in globals():
    with job(snakemake) as s:
        truth, made_of = s.input.get("truth"), s.params.made_of
        write_night(s.wildcards.night, s.params.config, truth, made_of=made_of)
