"""Write the night's report."""

from ccdlib.job import job
from ccdlib.report import write_report

if "snakemake" in globals():
    with job(snakemake) as s:
        write_report(s.output[0], s.params.config, s.input.get("truth"))
