"""Write the table of the archive, its page and its catalogue."""

from ccdlib.archives.begin_and_end import write_archive
from ccdlib.archives.settings import load
from ccdlib.archives.status import Archive
from ccdlib.jobs.job import job

if "snakemake" in globals():
    with job(snakemake) as s:
        write_archive(Archive(load(s.config)))
