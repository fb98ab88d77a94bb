"""Measure bad pixels from a master dark and a master flat."""

from ccdlib.job import job
from ccdlib.recipes import write_bad_pixels

if "snakemake" in globals():
    with job(snakemake) as s:
        write_bad_pixels(s.output[0], s.input.get("dark"), s.input.get("flat"), s.params.compress)
