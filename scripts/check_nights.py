"""Fail when a night of the archive failed, so that the run's exit code tells."""

from pathlib import Path

from ccdlib.archives.begin_and_end import check_nights
from ccdlib.archives.settings import load
from ccdlib.archives.status import Archive
from ccdlib.jobs.job import job

if "snakemake" in globals():
    with job(snakemake) as s:
        check_nights(Archive(load(s.config)))
        Path(s.output[0]).write_text("no night failed\n")
