"""Raw files on disk: finding them, naming them, hashing them."""

import hashlib
import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ..errors import CcdlibError
from .frame_names import strip_ending

__all__ = [
    *("check_regular", "find_raw_files", "hidden_files", "listing", "listing_digest", "resolve"),
    *("sha256", "stat_of"),
]

# bytes of a file; the largest mosaics have a tenth of it
LARGEST_FILE = 8 * 2**30
_KINDS = {
    stat.S_IFIFO: "FIFO",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
    stat.S_IFDIR: "folder",
}

# a folder, or a list of folders
RawDir = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


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
        Name relative to `raw_dir` (for a list, preceded by the folder's name), sorted. A folder
        that cannot be entered is among them, its name ends with a slash.

    Raises
    ------
    CcdlibError
        If a folder does not exist or cannot be entered.
    """
    excluded = {str(Path(folder).resolve()) for folder in exclude}
    found = []
    for prefix, folder in _roots(raw_dir):
        if not folder.is_dir():
            raise CcdlibError(f"raw_dir: {folder} is not a folder{_looked_in(folder)}")
        own = list(_walk(str(folder.resolve()), prefix, excluded))
        if [name for name, _ in own] == [prefix]:
            raise CcdlibError(f"raw_dir: {folder} cannot be read")
        found += own
    return sorted(found)


def hidden_files(raw_dir: RawDir, exclude: Iterable[str | Path] = ()) -> str | None:
    """What is said of the FITS files whose names begin with a dot, None where there is none.

    They are left alone as by other programs: macOS leaves one beside each file that it copies to a
    foreign disk, and what copies or unpacks files writes under such names until they are whole.

    Parameters
    ----------
    raw_dir, exclude
        As in `find_raw_files`. Of a folder that is not there nothing is said.
    """
    excluded = {str(Path(folder).resolve()) for folder in exclude}
    found = [
        name
        for prefix, folder in _roots(raw_dir)
        for name, _ in _walk(str(folder.resolve()), prefix, excluded, hidden=True)
    ]
    if not found:
        return None
    what = (
        "1 file whose name begins" if len(found) == 1 else f"{len(found)} files whose names begin"
    )
    return f"{what} with a dot passed over, such as {min(found)}"


def _looked_in(folder):
    """Where a relative folder was looked for: where the run works, and where it was typed."""
    if folder.is_absolute():
        return ""
    typed = os.environ.get("PWD") or os.getcwd()
    return f" in {' or '.join(dict.fromkeys((os.getcwd(), typed)))}"


def _walk(folder, prefix, excluded, hidden=False):
    """FITS files, or those whose names begin with a dot; no folder of such a name is entered."""
    # a link to a folder above would never end
    excluded = excluded | {os.path.realpath(folder)}
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        if not hidden:
            yield prefix, _stat_of_folder(folder)
        return
    for entry in entries:
        is_hidden = entry.name.startswith(".")
        if _is_folder(entry):
            if not is_hidden and os.path.realpath(entry.path) not in excluded:
                yield from _walk(entry.path, f"{prefix}{entry.name}/", excluded, hidden)
        elif is_hidden == hidden and strip_ending(entry.name) is not None:
            yield prefix + entry.name, _stat(entry)


def _stat_of_folder(folder):
    try:
        return os.lstat(folder)
    except OSError:
        # its path is too long for any call
        return os.lstat(os.sep)


def _is_folder(entry):
    try:
        return entry.is_dir()
    except OSError:
        # a link to itself
        return False


def _stat(entry):
    """The entry's stat; the own one of a link to nowhere, so that the index can refuse it."""
    try:
        return entry.stat()
    except OSError:
        return entry.stat(follow_symlinks=False)


def check_regular(path: str | Path, name: str) -> None:
    """Refuse what is no file of a size that can be: reading it would never end.

    Parameters
    ----------
    path : path
        Links are followed.
    name : str
        For the message.

    Raises
    ------
    CcdlibError
    OSError
        If it is not there, or a link leads to itself.
    """
    found = os.stat(path)
    if not stat.S_ISREG(found.st_mode):
        if stat.S_ISDIR(found.st_mode):
            # it is listed as a file only if it cannot be entered
            os.scandir(path).close()
        kind = _KINDS.get(stat.S_IFMT(found.st_mode), "special file")
        raise CcdlibError(f"{name}: a {kind}, not a regular file")
    if found.st_size > LARGEST_FILE:
        raise CcdlibError(
            f"{name}: {found.st_size} bytes, no raw frame has more than {LARGEST_FILE}"
        )


def stat_of(found: os.stat_result) -> tuple[int, int, int, int]:
    """The fields of an os.stat_result that tell whether a file may have changed.

    The change time is in it because ``cp -p`` and ``rsync -t`` keep size and mtime.
    """
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def listing(
    raw_dir: RawDir, exclude: Iterable[str | Path] = ()
) -> dict[str, tuple[int, int, int, int]]:
    """{name: (size, mtime, ctime, inode)} of the raw files: whether one may have changed."""
    return {name: stat_of(found) for name, found in find_raw_files(raw_dir, exclude)}


def listing_digest(files: Mapping[str, tuple[int, int, int, int]]) -> str:
    """One hash of a `listing`."""
    return hashlib.sha256(
        repr(sorted(files.items())).encode("utf-8", "surrogateescape")
    ).hexdigest()


def sha256(path: str | Path) -> str:
    """SHA-256 of a file's bytes, as hexadecimal text.

    Raises
    ------
    CcdlibError
        As `check_regular`.
    """
    check_regular(path, os.path.basename(path))
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
