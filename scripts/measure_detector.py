"""Measure gain and read noise from the night's own biases and flats."""

from ccdlib.jobs.job import job, members
from ccdlib.jobs.measure_detector import write_detector

if "snakemake" in globals():
    with job(snakemake) as s:
        write_detector(s.output[0], s.config["raw_dir"], members(s), s.params.overscan)
