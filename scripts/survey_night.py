"""Look at a night: what its headers say, what masters it has and what it lacks."""

from ccdlib.archives.folders import find_nights
from ccdlib.archives.settings import load
from ccdlib.archives.survey import survey
from ccdlib.files import write_atomically
from ccdlib.jobs.job import job

if "snakemake" in globals():
    with job(snakemake) as s:
        night = find_nights(load(s.config))[s.wildcards.night]
        write_atomically(s.output[0], survey(night, s.threads))
