"""Delete products whose raw frame is gone or which are refused by now."""

from ccdlib.files import write_atomically
from ccdlib.jobs.job import job
from ccdlib.products.recipes import remove

if "snakemake" in globals():
    with job(snakemake) as s:
        for product in s.params.orphans:
            remove(product)
        text = "".join(f"{product}\n" for product in s.params.orphans)
        write_atomically(s.output[0], text.encode("utf-8", "surrogateescape"))
