"""Index the raw folder: one row a file, with the facts of its headers."""

from ccdlib.files import write_atomically, write_table
from ccdlib.index import COLUMNS, Cache, build_index, cache_key
from ccdlib.job import job
from ccdlib.listing import CACHE, INDEXED
from ccdlib.rawfiles import listing, listing_digest


def main(output, raw_dir, workers, camera, exclude, code):
    seen = listing_digest(listing(raw_dir, exclude))
    rows = build_index(
        raw_dir,
        camera,
        cache=Cache(CACHE, cache_key(camera, code)),
        exclude=exclude,
        workers=workers,
    )
    write_table(output, COLUMNS, rows)
    # from before the scan: a file that came during it makes the index run again
    write_atomically(INDEXED, seen.encode())


if "snakemake" in globals():
    with job(snakemake) as s:
        main(s.output[0], s.config["raw_dir"], s.threads, **s.params)
