"""Fail when a night of the archive failed, so that the run's exit code tells."""

from ccdlib.archives.begin_and_end import check_nights
from ccdlib.archives.settings import load
from ccdlib.archives.status import Archive
from ccdlib.files import write_atomically
from ccdlib.jobs.job import job

if "snakemake" in globals():
    with job(snakemake) as s:
        check_nights(Archive(load(s.config)))
        write_atomically(s.output[0], b"no night failed\n")
