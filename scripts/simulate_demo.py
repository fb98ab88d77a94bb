"""Simulate the demo night from a known truth."""

from ccdlib.jobs.job import job
from ccdlib.simulate.exposures import simulate_demo

if "snakemake" in globals():
    with job(snakemake) as s:
        simulate_demo(s.output.raw, s.output.truth)
