"""Measure bad pixels from a master dark and a master flat."""

from ccdlib.jobs.job import job, masters
from ccdlib.jobs.measure_bad_pixels import write_bad_pixels

if "snakemake" in globals():
    with job(snakemake) as s:
        used = masters(s, ("dark", "flat"))
        write_bad_pixels(s.output[0], **used, compress=s.params.compress)
