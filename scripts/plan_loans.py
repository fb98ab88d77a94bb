"""Plan which night is lent which masters of its neighbours."""

from ccdlib.archives.begin_and_end import write_loans
from ccdlib.archives.settings import load
from ccdlib.archives.status import Archive
from ccdlib.jobs.job import job

if "snakemake" in globals():
    with job(snakemake) as s:
        write_loans(Archive(load(s.config)))
