"""Whether the raw folder changed since it was indexed.

The trigger of the index is a small file with a digest of the folder's stat list. It is
rewritten only when the list is no longer the one that the index was made from.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import CcdlibError
from ..raw.raw_folder import listing, listing_digest
from ..state import keep, kept
from .ready_index import files_of, folders_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..raw.raw_folder import RawDir

__all__ = [
    *("CACHE", "EXCLUDE", "TRIGGER", "digest_of", "is_current", "note_indexed", "refresh"),
]

TRIGGER = ".ccdlib/listing"
_INDEXED = ".ccdlib/indexed"
# instead of a digest, where a file could not be read for the moment
_AGAIN = "again"
CACHE = ".ccdlib/index.json"
# folders of a working directory that hold no raw frames
EXCLUDE = ["results", "logs", "benchmarks"]


def _text(path):
    found = kept(path)
    return None if found is None else found.decode()


def digest_of(
    raw_files: Mapping[str, tuple[int, int, int, int]],
    ready_files: Mapping[str, tuple[int, int, int, int]],
) -> str:
    """One digest of the stat lists of the raw frames and of the ready masters."""
    return listing_digest(raw_files) + (listing_digest(ready_files) if ready_files else "")


def refresh(
    raw_dir: RawDir,
    exclude: Sequence[str],
    may_be_missing: bool = False,
    ready_masters: str | list[str] | None = None,
) -> None:
    """Rewrite the trigger when the raw folder is not as it was indexed.

    Parameters
    ----------
    raw_dir : str or list of str
    exclude : sequence of str
        Folders not to enter.
    may_be_missing : bool
        Whether the folder may be made by the workflow itself.
    ready_masters : str, list of str or None
        Folders of ready masters.

    Raises
    ------
    CcdlibError
        If the folder is missing and may not be, or holds no FITS file.
    """
    try:
        files = listing(raw_dir, [*exclude, *folders_of(ready_masters)])
    except CcdlibError:
        if not may_be_missing:
            raise
        files = None
    if files is not None and not files and not may_be_missing:
        raise CcdlibError(f"raw_dir: no .fits, .fit or .fts file below {raw_dir}")
    ready = files_of(ready_masters, exclude)
    digest = digest_of(files, ready) if files is not None else "absent"
    indexed, trigger = _text(_INDEXED), _text(TRIGGER)
    if indexed == _AGAIN:
        # Snakemake looks at what is in it, not at when it was written
        keep(TRIGGER, f"{digest} {time.time_ns()}".encode())
    elif digest not in (indexed, trigger) or trigger is None:
        keep(TRIGGER, digest.encode())


def note_indexed(digest: str, is_whole: bool) -> None:
    """Note what the index was made from.

    Parameters
    ----------
    digest : str
        From `digest_of`, before the files were read.
    is_whole : bool
        Whether all could be read; if not, the next run makes the index again.
    """
    keep(_INDEXED, (digest if is_whole else _AGAIN).encode())


def is_current(index: str | Path) -> bool:
    """Whether the index at this path was made from the folder as it is."""
    if not os.path.exists(index):
        return False
    return os.stat(index).st_mtime_ns >= os.stat(TRIGGER).st_mtime_ns
