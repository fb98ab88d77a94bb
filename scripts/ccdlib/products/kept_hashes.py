"""SHA-256 of masters, kept beside the results: a night of lights hashes each of them once."""

from __future__ import annotations

import os
from pathlib import Path

from ..raw.raw_folder import sha256, stat_of
from ..state import keep_json, kept_json

__all__ = ["kept_sha256"]

_FOLDER = ".ccdlib/sha256"


def kept_sha256(path: str | Path) -> str:
    """SHA-256 of a file's bytes, taken from where it is kept if the file's stat is the same.

    Parameters
    ----------
    path : path
        Only files below the working directory, given relative to it, are kept.
    """
    if os.path.isabs(path) or ".." in Path(path).parts:
        return sha256(path)
    note, own = Path(_FOLDER, f"{path}.json"), stat_of(os.stat(path))
    *stat, digest = kept_json(note) or [None]
    if stat == list(own):
        return digest
    digest = sha256(path)
    keep_json(note, [*own, digest])
    return digest
