"""Whether the raw folder, or how it is read, changed since it was indexed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..errors import CcdlibError
from ..raw.raw_folder import listing, listing_digest
from ..trigger import Trigger
from .ready_index import files_of, folders_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from ..raw.raw_folder import RawDir

__all__ = [
    *("CACHE", "EXCLUDE", "INDEX", "TRIGGER", "digest_of", "is_current", "note_indexed", "refresh"),
]

TRIGGER = ".ccdlib/listing"
INDEX = Trigger(TRIGGER, ".ccdlib/indexed")
CACHE = ".ccdlib/index.json"
# folders of a working directory that hold no raw frames
EXCLUDE = ["results", "logs", "benchmarks"]


def digest_of(
    raw_files: Mapping[str, tuple[int, int, int, int]],
    ready_files: Mapping[str, tuple[int, int, int, int]],
    key: str,
) -> str:
    """One digest of the stat lists of the raw frames and of the ready masters, and of a key.

    Parameters
    ----------
    raw_files, ready_files : dict
        {name: stat}.
    key : str
        From `ccdlib.index.raw_index.cache_key`: how files are read.
    """
    ready = listing_digest(ready_files) if ready_files else ""
    return f"{listing_digest(raw_files)}{ready} {key}"


def refresh(
    raw_dir: RawDir,
    exclude: Sequence[str],
    key: str,
    may_be_missing: bool = False,
    ready_masters: str | list[str] | None = None,
) -> None:
    """Rewrite the trigger when the raw folder is not as it was indexed, or read in another way.

    Parameters
    ----------
    raw_dir : str or list of str
    exclude : sequence of str
        Folders not to enter.
    key : str
        As of `digest_of`.
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
    INDEX.renew(digest_of(files, ready, key) if files is not None else "absent")


def note_indexed(digest: str, is_whole: bool, tables: Iterable[str]) -> None:
    """Note what the index was made from.

    Parameters
    ----------
    digest : str
        From `digest_of`, before the files were read.
    is_whole : bool
        Whether all could be read; if not, the next run makes the index again.
    tables : iterable of str
        Those of the index.
    """
    INDEX.note_made(digest if is_whole else "", tables)


def is_current(index: str | Path) -> bool:
    """Whether the index at this path was made from the folder as it is."""
    return os.path.exists(index) and INDEX.is_met()
