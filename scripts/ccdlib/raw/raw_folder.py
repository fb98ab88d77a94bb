"""Raw files on disk: finding them, naming them, hashing them."""

import hashlib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ..errors import CcdlibError

__all__ = [
    *("find_raw_files", "frame_name", "listing", "listing_digest", "resolve", "sha256"),
    *("stat_of", "strip_ending"),
]

_IMAGE_ENDINGS = (".fits", ".fit", ".fts")
_PACKED_ENDINGS = (".gz", ".bz2", ".fz")

# a folder, or a list of folders
RawDir = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def strip_ending(name: str) -> str | None:
    """`name` without its FITS ending(s), or None when it has none."""
    lower = name.lower()
    for packed in _PACKED_ENDINGS:
        if lower.endswith(packed):
            lower = lower[: -len(packed)]
            break
    for ending in _IMAGE_ENDINGS:
        if lower.endswith(ending) and len(lower) > len(ending):
            return name[: len(lower) - len(ending)]
    return None


def frame_name(path: str) -> str:
    """The FRAME of a raw file: its relative path without FITS endings, braces percent-encoded.

    Braces would be read as wildcards by Snakemake. A percent sign is encoded only where it
    could be taken for such a code, so that two names never become one.

    Examples
    --------
    >>> frame_name("night 1/m{13}.FITS.gz")
    'night 1/m%7B13%7D'
    """
    stem = strip_ending(path)
    if stem is None:
        raise CcdlibError(f"{path}: not a FITS file name")
    return re.sub(r"[{}]|%(?=25|7B|7D)", lambda found: f"%{ord(found[0]):X}", stem)


def _roots(raw_dir):
    """Pairs of (prefix of the relative path, folder)."""
    if isinstance(raw_dir, (str, os.PathLike)):
        return [("", Path(raw_dir))]
    folders = [Path(folder) for folder in raw_dir]
    prefixes = [folder.resolve().name for folder in folders]
    doubles = {prefix for prefix in prefixes if prefixes.count(prefix) > 1}
    if doubles:
        raise CcdlibError(f"raw_dir: two folders have the same name {sorted(doubles)[0]!r}")
    return [(prefix + "/", folder) for prefix, folder in zip(prefixes, folders, strict=True)]


def resolve(raw_dir: RawDir, file: str) -> str:
    """The path of a raw file from its name in the index.

    Raises
    ------
    CcdlibError
        If the name leads out of the folders, or into none of them.
    """
    if ".." in file.split("/"):
        raise CcdlibError(f"{file}: leads out of raw_dir")
    for prefix, folder in _roots(raw_dir):
        if file.startswith(prefix):
            return str(folder / file[len(prefix) :])
    raise CcdlibError(f"{file}: not in any folder of raw_dir {raw_dir}")


def find_raw_files(
    raw_dir: RawDir, exclude: Iterable[str | Path] = ()
) -> list[tuple[str, os.stat_result]]:
    """FITS files below a folder, or below each of several.

    Parameters
    ----------
    raw_dir : path or list of paths
    exclude : sequence of path
        Folders not to enter: a working directory that lies inside `raw_dir` must not find
        its own results.

    Returns
    -------
    list of (str, os.stat_result)
        Name relative to `raw_dir` (for a list, preceded by the folder's name), sorted.

    Raises
    ------
    CcdlibError
        If a folder does not exist.
    """
    excluded = {str(Path(folder).resolve()) for folder in exclude}
    found = []
    for prefix, folder in _roots(raw_dir):
        if not folder.is_dir():
            raise CcdlibError(f"raw_dir: {folder} is not a folder")
        found += _walk(str(folder.resolve()), prefix, excluded)
    return sorted(found)


def _walk(folder, prefix, excluded):
    # a link to a folder above would never end
    excluded = excluded | {os.path.realpath(folder)}
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                if os.path.realpath(entry.path) not in excluded:
                    yield from _walk(entry.path, f"{prefix}{entry.name}/", excluded)
            elif strip_ending(entry.name) is not None:
                yield prefix + entry.name, _stat(entry)


def _stat(entry):
    """The entry's stat; a dangling link's own, so that the index can refuse it by name."""
    try:
        return entry.stat()
    except FileNotFoundError:
        return entry.stat(follow_symlinks=False)


def stat_of(stat: os.stat_result) -> tuple[int, int, int, int]:
    """The fields of an os.stat_result that tell whether a file may have changed.

    The change time is in it because ``cp -p`` and ``rsync -t`` keep size and mtime.
    """
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino


def listing(
    raw_dir: RawDir, exclude: Iterable[str | Path] = ()
) -> dict[str, tuple[int, int, int, int]]:
    """{name: (size, mtime, ctime, inode)} of the raw files: whether one may have changed."""
    return {name: stat_of(stat) for name, stat in find_raw_files(raw_dir, exclude)}


def listing_digest(files: Mapping[str, tuple[int, int, int, int]]) -> str:
    """One hash of a `listing`."""
    return hashlib.sha256(
        repr(sorted(files.items())).encode("utf-8", "surrogateescape")
    ).hexdigest()


def sha256(path: str | Path) -> str:
    """SHA-256 of a file's bytes, as hexadecimal text."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
