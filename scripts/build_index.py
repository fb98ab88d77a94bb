"""Index the raw folder and that of ready masters: one row a file, facts of its headers."""

from ccdlib.files import write_atomically, write_table
from ccdlib.index import ready_index
from ccdlib.index.folder_state import CACHE, INDEXED, digest_of
from ccdlib.index.raw_index import COLUMNS, Cache, build_index, cache_key
from ccdlib.jobs.job import job
from ccdlib.raw.raw_folder import listing


def main(output, ready, raw_dir, masters, workers, camera, exclude, code):
    # from before the scan: a file that came during it makes the index run again
    # ready masters that lie below the raw folder are no raw frames
    others = [*exclude, *ready_index.folders_of(masters)]
    seen = digest_of(listing(raw_dir, others), ready_index.files_of(masters, exclude))
    rows = build_index(
        raw_dir,
        camera,
        cache=Cache(CACHE, cache_key(camera, code)),
        exclude=others,
        workers=workers,
    )
    if ready:
        cache = Cache(ready_index.CACHE, code)
        found = ready_index.index_masters(masters, cache=cache, exclude=exclude)
        write_table(ready, ready_index.READY_COLUMNS, found)
    write_table(output, COLUMNS, rows)
    write_atomically(INDEXED, seen.encode())


if "snakemake" in globals():
    with job(snakemake) as s:
        ready, masters = s.output.get("ready"), s.config["ready_masters"]
        main(s.output[0], ready, s.config["raw_dir"], masters, s.threads, **s.params)
