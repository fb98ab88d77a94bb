"""Put a raw frame that was fetched into its night."""

from pathlib import Path

from ccdlib.files import write_atomically
from ccdlib.jobs.job import job

if "snakemake" in globals():
    with job(snakemake) as s:
        write_atomically(s.output[0], Path(s.input[0]).read_bytes())
