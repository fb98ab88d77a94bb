"""Fail when anything is refused: what `strict` asks for."""

from ccdlib.errors import CcdlibError
from ccdlib.jobs.job import job
from ccdlib.report.last_lines import refusals

if "snakemake" in globals():
    with job(snakemake) as s:
        refused = refusals(s.params.keep)
        if refused:
            raise CcdlibError(f"{len(refused)} refused and strict is true")
