"""What one run keeps for the next: every file with the digest of its content, and believed with it.

Disks fail, files are cut, edited and copied. A file of .ccdlib begins with the digest of its place
and its content; a JSON file of the results has that of its content as its first key; that of a
table or a page is kept in .ccdlib. What is not as it was written is as good as none: it is made
again, and a line says so.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import CcdlibError
from .files import files_below, is_part, refuse_folder, write_atomically

__all__ = [
    *(
        "FOLDER",
        "as_written",
        "contents_of",
        "digest_of",
        "discard",
        "discarded",
        "drop",
        "is_made_of",
    ),
    *("is_sound", "keep", "keep_json", "kept", "kept_json", "sealed", "unsealed"),
    "write_noted",
]

FOLDER = ".ccdlib"
# those that only by being there, or by a lock on them, say something
_MARKS = ("jobs", "lock", "unfinished")
_TABLES = f"{FOLDER}/tables"
_RESULTS = "results"
# {folder with tables and pages: where below _TABLES their notes are}
_NOTED = {_RESULTS: "", "archive": "archive"}
_RECORDS = "qa", "nights"
_PAGES, _VERDICTS = f"{_RESULTS}/report", f"{_RESULTS}/qa/report"
_FIRST_PAGE, _LIST = f"{_PAGES}/index.html", f"{_RESULTS}/qa/masters.csv"
# {file that was not as it was written: whether it was told}
_found: dict[str, bool] = {}


def _digest(content):
    return hashlib.sha256(content).hexdigest()


def digest_of(content: Any) -> str:
    """A short digest of what JSON can hold, whatever the order of its keys."""
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _place(path):
    """Where in .ccdlib a file lies: one that was moved into the place of another is none of it."""
    _, inside, place = Path(path).as_posix().rpartition(f"{FOLDER}/")
    # what lies beside the package may be anywhere
    return os.fsencode(place if inside else Path(path).name)


def _read(path):
    """A file's bytes, None when there is no such file, it cannot be read or is no regular one."""
    try:
        return Path(path).read_bytes() if os.path.isfile(path) else None
    except OSError:
        return None


def keep(path: str | Path, content: bytes) -> None:
    """Write a file of .ccdlib.

    Raises
    ------
    CcdlibError
        If a folder is where the file should be, or a file where a folder should be.
    """
    with _changing(path):
        write_atomically(path, f"{_digest(_place(path) + content)}\n".encode() + content)


@contextmanager
def _changing(path):
    """Say what to do where a folder is in the place of a file of .ccdlib, or a file of a folder."""
    try:
        yield
    except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
        raise CcdlibError(
            f"{path} cannot be written ({error.strerror}): delete {FOLDER}, it is made again"
        ) from None


def kept(path: str | Path) -> bytes | None:
    """What `keep` wrote; None when it is not there, or not as it was written."""
    found = _read(path)
    if found is None:
        return None
    digest, _, content = found.partition(b"\n")
    if digest == _digest(_place(path) + content).encode():
        return content
    _found.setdefault(str(path), False)
    return None


def keep_json(path: str | Path, content: Any) -> None:
    """`keep` of plain values."""
    keep(path, json.dumps(content).encode())


def kept_json(path: str | Path) -> Any:
    """What `keep_json` wrote; None as `kept`."""
    content = kept(path)
    return None if content is None else json.loads(content)


def _seal(rest):
    return f'{{"sha256": "{_digest(rest)}",'.encode()


def _below(path):
    """Where a file lies below the records of a night or the nights of an archive."""
    parts = Path(path).parts
    above = [at for at, part in enumerate(parts) if part in _RECORDS]
    return "/".join(parts[above[-1] + 1 :] if above else parts[-1:])


def sealed(
    content: dict[str, Any], indent: int | None = 1, place: str | Path | None = None
) -> bytes:
    """A JSON file of the results, whose first key is the digest of the rest.

    Parameters
    ----------
    content : dict
    indent : int or None
        None for what nobody reads as it is: all on one line, in a tenth of the time.
    place : path or None
        Where it will lie: it is not believed in the place of another.
    """
    if place is not None:
        content = {"place": _below(place)} | content
    rest = (json.dumps(content, indent=indent)[1:] + "\n").encode()
    return _seal(rest) + rest


def unsealed(path: str | Path) -> dict[str, Any] | None:
    """The content of a `sealed` file; None when it is not there, or not what or where it was."""
    found = _read(path)
    if found is None:
        return None
    rest = found[len(_seal(b"")) :]
    content = json.loads(b"{" + rest) if found.startswith(_seal(rest)) else {}
    place = content.pop("place", None)
    return content if content and place in (None, _below(path)) else None


def _note_of(table):
    """Where the digest of a table is kept, None for one that lies in no working directory."""
    for folder, place in _NOTED.items():
        above, found, below = Path(table).as_posix().rpartition(f"{folder}/")
        if found and (not above or above.endswith("/")):
            return Path(above, _TABLES, place, below)
    return None


def write_noted(path: str | Path, content: bytes, made_of: str = "") -> None:
    """Write a table or a page whose damage and age the next start is to notice.

    Its digest is kept first, beside that of the one that is there: whoever reads in between finds
    one of the two.

    Parameters
    ----------
    path : path
    content : bytes
    made_of : str
        A digest of what it is made of, for `is_made_of`.
    """
    note = _note_of(path)
    if note is not None:
        before = _read(path)
        digests = [_digest(each) for each in (content, before) if each is not None]
        keep(note, "\n".join([*digests, made_of]).encode())
    write_atomically(path, content)


def is_made_of(path: str | Path, made_of: str) -> bool:
    """Whether a table or a page is sound, and `write_noted` was told that of what it is made."""
    note = _note_of(path)
    told = None if note is None else kept(note)
    return told is not None and made_of == told.decode().split("\n")[-1] and is_sound(path)


def contents_of(paths: Iterable[str | Path]) -> dict[str, str | None]:
    """{path: the digest of what is in it, None without such a file}."""
    found = {str(path): _read(path) for path in paths}
    return {path: None if each is None else _digest(each) for path, each in found.items()}


def as_written(path: str | Path, content: bytes) -> bool | None:
    """Whether a table or a page is as it was written, None when nothing is known of it.

    Parameters
    ----------
    path : path
    content : bytes
        What is in it.
    """
    note = _note_of(path)
    digests = None if note is None else kept(note)
    return None if digests is None else _digest(content).encode() in digests.split(b"\n")


def drop(path: str | Path) -> None:
    """Delete a file that is not as it was written."""
    refuse_folder(path)
    _found.setdefault(str(path), False)
    Path(path).unlink(missing_ok=True)


def is_sound(table: str | Path) -> bool:
    """Whether a table or a page is there, and as it was written last.

    The one before it, whose digest the note has too, may have been brought back from a copy.
    """
    content, note = _read(table), _note_of(table)
    told = None if note is None else kept(note)
    if content is None or told is None:
        return False
    return told.decode().split("\n")[0] == _digest(content)


def discard(*together: Sequence[str]) -> None:
    """Delete what a run would read and what is not as it was written.

    Parameters
    ----------
    *together : sequence of str
        Tables that one job writes, each such set made from the one before: they are made again
        together. One that nothing is known of, as it was copied without .ccdlib, is made again as
        well: it costs little.
    """
    for path in Path(FOLDER).glob("*"):
        # another run may be writing one: this one is refused, and must not disturb it
        if is_part(path.name) or path.name in _MARKS:
            continue
        if path.is_file() and kept(path) is None:
            drop(path)
    sound = True
    for tables in together:
        unsound = [path for path in tables if not is_sound(path)]
        _found.update((path, False) for path in unsound if os.path.exists(path))
        sound = sound and not unsound
        for each in () if sound else tables:
            Path(each).unlink(missing_ok=True)
    _discard_pages()


def _discard_pages():
    """Delete pages that are not as they were written, with what the list of nights says of each.

    Snakemake makes one that is missing only where the first page is missing as well.
    """
    notes = f"{_TABLES}/report"
    found = (Path(path) for folder in (notes, _VERDICTS) for path in files_below(folder))
    known = (path.stem for path in found if not is_part(path.name))
    for night in dict.fromkeys(name for name in known if name != Path(_FIRST_PAGE).stem):
        page, verdict = f"{_PAGES}/{night}.html", f"{_VERDICTS}/{night}.json"
        sound = {path: is_sound(path) for path in (page, verdict)}
        if not all(sound.values()):
            for path in (path for path in sound if not sound[path] and os.path.lexists(path)):
                drop(path)
            # one job writes both, and a night that is no more has no job
            for path in filter(os.path.lexists, (page, verdict, _FIRST_PAGE)):
                refuse_folder(path)
                os.unlink(path)
            if os.path.lexists(note := f"{notes}/{night}.html"):
                with _changing(note):
                    os.unlink(note)
    for path in (_FIRST_PAGE, _LIST):
        if os.path.lexists(path) and not is_sound(path):
            drop(path)


def discarded() -> list[str]:
    """One line for what was not as it was written since this was last asked, none without any."""
    names = sorted(name for name, told in _found.items() if not told)
    _found.update(dict.fromkeys(names, True))
    if not names:
        return []
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    verb = "is" if len(names) == 1 else "are"
    return [f"{shown} {verb} not as a run here wrote it (damaged, edited or copied): made again"]
