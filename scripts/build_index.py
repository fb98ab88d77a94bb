"""Index the raw folder and that of ready masters: one row a file, facts of its headers."""

from ccdlib.index import ready_index
from ccdlib.index.folder_state import CACHE, digest_of, note_indexed
from ccdlib.index.index_tables import (
    INDEX_TABLE,
    READY_TABLE,
    layouts_in,
    with_names,
    write_layouts,
)
from ccdlib.index.raw_index import Cache, cache_key, index_rows
from ccdlib.jobs.job import job
from ccdlib.raw.raw_folder import listing


def main(outputs, raw_dir, ready_masters, workers, camera, exclude, code):
    # from before the scan: a file that came during it makes the index run again
    # ready masters that lie below the raw folder are no raw frames
    others = [*exclude, *ready_index.folders_of(ready_masters)]
    files = listing(raw_dir, others)
    key = cache_key(camera, code)
    seen = digest_of(files, ready_index.files_of(ready_masters, exclude), key)
    cache = Cache(CACHE, key)
    index = index_rows(raw_dir, files, camera, cache=cache, workers=workers)
    layouts, is_whole = layouts_in(index), cache.is_whole
    if ready_masters:
        cache = Cache(ready_index.CACHE, code)
        ready, others = ready_index.index_masters(ready_masters, cache=cache, exclude=exclude)
        layouts, is_whole = layouts | others, is_whole and cache.is_whole
    # before the tables that refer to it
    write_layouts(layouts, outputs.amplifiers)
    if ready_masters:
        READY_TABLE.write(ready, outputs.ready)
    INDEX_TABLE.write(with_names(index), outputs.index)
    note_indexed(seen, is_whole, outputs)


if "snakemake" in globals():
    with job(snakemake) as s:
        main(s.output, s.config["raw_dir"], s.config["ready_masters"], s.threads, **s.params)
