"""Delete products whose raw frame is gone or which are refused by now."""

from pathlib import Path

from ccdlib.files import write_atomically
from ccdlib.jobs.job import job
from ccdlib.kinds import record_of

if "snakemake" in globals():
    with job(snakemake) as s:
        for product in s.params.orphans:
            for path in filter(None, (product, record_of(product))):
                Path(path).unlink(missing_ok=True)
        text = "".join(f"{product}\n" for product in s.params.orphans)
        write_atomically(s.output[0], text.encode("utf-8", "surrogateescape"))
