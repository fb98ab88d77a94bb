"""Writing files so that an interrupted job leaves nothing half-written behind."""

import csv
import errno
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from mmap import PAGESIZE
from pathlib import Path
from typing import BinaryIO

from .errors import CcdlibError
from .plain_text import of_cell

__all__ = [
    *("can_write", "files_below", "is_given", "is_part", "names_on_disk", "read_table"),
    *("refuse_folder", "refuse_link", "refuse_no_folder", "refuse_special", "remove_parts"),
    *("replacing", "tells_case", "times_below", "write_atomically", "write_early"),
    "write_if_other",
]

_PART = ".part"


@contextmanager
def replacing(path: str | Path, lasting: bool = False) -> Iterator[Path]:
    """A temporary path beside `path`, renamed to it when the block ends well.

    The name carries the process number, so that a job that was given up on a lost node and
    its retry never write into the same file.

    Parameters
    ----------
    path : path
    lasting : bool
        Whether the content is on the disk before it has its name, as power may fail in between.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # a name ends at 255 bytes
    end = os.fsdecode(os.fsencode(path.name)[-150:])
    temporary = path.with_name(f".{end}.{os.getpid()}{_PART}")
    try:
        yield temporary
        if lasting:
            # else a file system may have the name on the disk before the content
            with open(temporary, "rb") as file:
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        # of a write or a close the system does not say which file it was
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_early(file: BinaryIO, size: int) -> None:
    """Have the last `size` bytes of a file go to the disk now, while more is made.

    Who has to know them there in the end, as `replacing` does, waits less.
    """
    # the hint that pages are not needed soon starts their way to the disk, and drops none before it
    # is there. The last one is still being filled
    end = file.tell()
    first, behind = ((place // PAGESIZE) * PAGESIZE for place in (end - size, end))
    if hasattr(os, "posix_fadvise") and behind > first:
        # a file system that takes no hints loses nothing by it
        with suppress(OSError):
            os.posix_fadvise(file.fileno(), first, behind - first, os.POSIX_FADV_DONTNEED)


def write_atomically(path: str | Path, content: bytes, lasting: bool = False) -> None:
    """Write bytes to `path`, whole or not at all; `lasting` as for `replacing`."""
    with replacing(path, lasting) as temporary:
        temporary.write_bytes(content)


def write_if_other(path: str | Path, content: bytes) -> None:
    """`write_atomically` where a file has another content: else its time of change stays.

    A link in its place is replaced, as what it leads to may be a raw frame, and so is a FIFO, which
    would be waited for.

    Raises
    ------
    CcdlibError
        If a folder is where the file should be.
    """
    refuse_folder(path)
    is_own = os.path.isfile(path) and not os.path.islink(path)
    if not is_own or Path(path).read_bytes() != content:
        write_atomically(path, content)


def can_write(folder: str | Path) -> bool:
    """Whether files can be made in a folder, which is made itself if need be."""
    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def refuse_folder(path: str | Path) -> None:
    """Refuse a folder where a file should be.

    Raises
    ------
    CcdlibError
        That names it.
    """
    if os.path.isdir(path):
        raise CcdlibError(f"{path} is a folder, where a file should be: move it away")


def refuse_link(path: str | Path) -> None:
    """Refuse a link where a file is written in place: it would be written elsewhere.

    Raises
    ------
    CcdlibError
        That names it.
    """
    if os.path.islink(path):
        raise CcdlibError(
            f"{path} is a link, where a file should be: what it leads to would be written to, so "
            "move it away"
        )


def refuse_special(path: str | Path) -> None:
    """Refuse a FIFO, a socket or a device where a file should be: it would be waited for.

    Raises
    ------
    CcdlibError
        That names it.
    """
    if os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path)):
        raise CcdlibError(f"{path} is no regular file, where one should be: move it away")


def refuse_no_folder(path: str | Path) -> None:
    """Refuse what is no folder, or a link to one, where a folder is filled and emptied.

    Raises
    ------
    CcdlibError
        That names it.
    """
    if os.path.islink(path) or (os.path.lexists(path) and not os.path.isdir(path)):
        what = "a link" if os.path.islink(path) else "a file"
        raise CcdlibError(f"{path} is {what}, where a folder should be: move it away")


def is_given(path: str | Path) -> bool:
    """Whether a file of the user's is there, without which something else is taken.

    Parameters
    ----------
    path : path

    Raises
    ------
    CcdlibError
        If it, or a folder that it lies in, is a link that leads nowhere, as to a disk that is not
        there: what it says would be left out in silence.
    """
    path = Path(path)
    for each in (path, *path.parents):
        if each.is_symlink() and not each.exists():
            raise CcdlibError(f"{each}: a link that leads nowhere, to {os.readlink(each)}")
    return path.exists()


def tells_case(path: str | Path) -> bool:
    """Whether the file system of something that is there has `a` and `A` as two names."""
    other = Path(path).with_name(Path(path).name.swapcase())
    return not (other.exists() and other.samefile(path))


def names_on_disk(folders: Iterable[str | Path], since: int) -> None:
    """Have the names that were given in folders since a time on the disk.

    A file system may keep them in memory for some seconds, in which power may fail: what was
    written under them is then as good as not written.

    Parameters
    ----------
    folders : iterable of path
        Those that are not there are passed over.
    since : int
        ns, as of a file's time of change.
    """
    for folder in folders:
        if not os.path.isdir(folder) or os.stat(folder).st_mtime_ns < since:
            continue
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        except OSError as error:
            # some file servers know it of files alone
            if error.errno != errno.EINVAL:
                raise
        finally:
            os.close(number)


def files_below(folder: str | Path) -> Iterator[str]:
    """Yield the path, as text, of each file below a folder."""
    yield from (path for path, _ in times_below(folder))


def times_below(folder: str | Path) -> Iterator[tuple[str, int]]:
    """Yield the path and the time of change, in ns, of each file below a folder.

    Each is asked for once: of the thousands of a long night that is most of what looking costs.
    """
    folders = [os.fspath(folder)]
    for parent in folders:
        # one may be deleted meanwhile, or be unreadable: what cannot be seen is not there
        try:
            entries = list(os.scandir(parent))
        except OSError:
            continue
        for entry in entries:
            with suppress(OSError):
                found = entry.stat()
                if stat.S_ISREG(found.st_mode):
                    yield entry.path, found.st_mtime_ns
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)


def is_part(name: str) -> bool:
    """Whether a name is that of a file that `replacing` is writing, or was when it was killed."""
    return name.startswith(".") and name.endswith(_PART)


def remove_parts(folder: str | Path, but_at_work: bool = False) -> None:
    """Delete what killed jobs left half-written below a folder.

    Parameters
    ----------
    folder : path
    but_at_work : bool
        Whether what processes that are alive write is left: where other commands than a run write.
    """
    for parent, _, names in os.walk(folder):
        for name in filter(is_part, names):
            if not but_at_work or not _is_alive(name.split(".")[-2]):
                Path(parent, name).unlink(missing_ok=True)


def _is_alive(process):
    """Whether there is a process of a number, given as text."""
    try:
        os.kill(int(process), 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError, ValueError):
        return False
    return True


def read_table(path: str | Path) -> list[dict[str, str]]:
    """The rows of a CSV file as dicts of text; none if there is no such file, or it is no table."""
    try:
        with open(path, newline="", encoding="utf-8", errors="surrogateescape") as file:
            return [{name: of_cell(text) for name, text in row.items()} for row in _whole(file)]
    except (FileNotFoundError, csv.Error):
        return []


def _whole(file):
    """The rows of a CSV file that have as many cells as there are columns."""
    rows = csv.DictReader(file)
    return (row for row in rows if None not in row and None not in row.values())
