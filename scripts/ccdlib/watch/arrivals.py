"""Which raw files are complete, told by looking at their folder again and again.

Looking costs some milliseconds for thousands of files and works on any file system; what tells of
changes by itself is silent on network shares. No clock is compared with another: a file's stat is
the same at two looks, or it is not.

Complete files are linked below the working directory, and the links are the raw folder of the
rounds. A file that is still being written is so never seen by them, and what they make is what a
run over the folder itself makes: names, stats and content of a link are those of its file.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import CcdlibError
from ..files import refuse_no_folder
from ..index.open_raw import open_quickly
from ..raw.frame_names import packed_ending
from ..raw.raw_folder import find_raw_files, stat_of

__all__ = ["SEEN_ONCE", "Arrivals", "Away", "lacks"]

_BLOCK = 2880
# seconds in which a file that ends in zeros has to stay as it is: it may have been given its full
# length before its content
_ZEROS = 10.0
# seconds after which a file that is not whole is taken as it is, so that it is refused by name
_PATIENCE = 60.0

SEEN_ONCE = "seen once"

_Stat = tuple[int, int, int, int]


class Away(CcdlibError):
    """The raw folder cannot be looked at for now, or is empty where it was not."""


def lacks(path: str, file: str) -> str | None:
    """What a raw file lacks to be whole.

    Parameters
    ----------
    path : str
    file : str
        Its name in the answer.

    Returns
    -------
    str or None
        None for a file whose headers are whole, with the data that they announce and with all
        extensions of NEXTEND.
    """
    try:
        with open_quickly(path, file) as hdus:
            announced, found = hdus[0].header.get("NEXTEND", 0), len(hdus) - 1
        if isinstance(announced, int) and announced > found:
            return f"{file}: {found} of {announced} extensions (NEXTEND)"
    except CcdlibError as error:
        return str(error)
    # half a file can raise anything inside a FITS reader
    except Exception as error:
        return f"{file}: {type(error).__name__}: {error}"
    return None


def _ends_in_zeros(path: str, size: int) -> bool:
    """Whether the last block of a plain file is all zeros."""
    if packed_ending(path)[1] in (".gz", ".bz2"):
        return False
    with open(path, "rb") as file:
        file.seek(max(size - _BLOCK, 0))
        return not file.read().strip(b"\0")


@dataclass
class _File:
    """A file as it was at the looks so far: `lacking` is None once it is complete."""

    stat: _Stat
    since: float
    lacking: str | None = SEEN_ONCE
    looked: bool = False


class Arrivals:
    """The complete files of a folder, and links to them.

    Parameters
    ----------
    raw_dir : str
        Absolute.
    links : path
        Where the links are made.
    exclude : sequence of str
        Folders not to enter.
    known : dict
        {name: stat} of files that were complete in a watch before.
    clock : callable
        Seconds that never run back.

    Attributes
    ----------
    latest : float or None
        When a file last became complete, by `clock`.
    """

    def __init__(
        self,
        raw_dir: str,
        links: Path,
        exclude: Sequence[str] = (),
        known: Mapping[str, Sequence[int]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.raw_dir, self.links, self.exclude = raw_dir, links, list(exclude)
        self._known = {name: tuple(stat) for name, stat in (known or {}).items()}
        self._clock = clock
        self._files: dict[str, _File] = {}
        self._linked: dict[str, _Stat] = {}
        self.latest: float | None = None

    def look(self) -> None:
        """Look at the folder once.

        Raises
        ------
        Away
            If it cannot be read, or is empty where it was not: what was seen before stays as it
            was.
        """
        now, found = self._clock(), self._listed()
        kept = {name: file for name, file in self._files.items() if name in found}
        for name, stat in found.items():
            before = kept.get(name)
            if before is None or before.stat != stat:
                kept[name] = _File(stat, now)
                if self._known.get(name) == stat:
                    kept[name].lacking = None
            elif before.lacking is not None:
                self._judge(name, before, now)
        self._files = kept

    def _listed(self) -> dict[str, _Stat]:
        try:
            entries = find_raw_files(self.raw_dir, self.exclude)
        except (CcdlibError, OSError) as error:
            raise Away(str(error)) from None
        found = {name: stat_of(stat) for name, stat in entries if not name.endswith("/")}
        # folders that cannot be read for now: what was in them is as it was
        for folder, _ in entries:
            if folder.endswith("/"):
                within = (each for each in self._files.items() if each[0].startswith(folder))
                found |= {name: file.stat for name, file in within}
        if self._files and not found:
            raise Away(f"{self.raw_dir} is empty, with {len(self._files)} files a moment ago")
        return found

    def _judge(self, name: str, file: _File, now: float) -> None:
        """Whether a file that did not change since the last look is complete."""
        path, quiet = os.path.join(self.raw_dir, name), now - file.since
        if not file.looked:
            file.lacking, file.looked = lacks(path, name), True
            with suppress(OSError):
                if file.lacking is None and _ends_in_zeros(path, file.stat[0]):
                    file.lacking = ""
        # of one that ended in zeros nothing but time can tell
        if file.lacking is not None and quiet >= (_PATIENCE if file.lacking else _ZEROS):
            file.lacking = None
        if file.lacking is None:
            self.latest = now

    @property
    def complete(self) -> dict[str, _Stat]:
        """{name: stat} of the complete files."""
        return {name: file.stat for name, file in self._files.items() if file.lacking is None}

    @property
    def arriving(self) -> dict[str, str]:
        """{name: what it lacks} of the files that are not complete."""
        return {
            name: file.lacking for name, file in self._files.items() if file.lacking is not None
        }

    @property
    def news(self) -> list[str]:
        """Complete files that the last links did not have, or not as they are now."""
        return [name for name, stat in self.complete.items() if self._linked.get(name) != stat]

    @property
    def gone(self) -> list[str]:
        """Files that are linked and no longer there."""
        return [name for name in self._linked if name not in self._files]

    @property
    def changing(self) -> list[str]:
        """Files that are linked and are being written again."""
        return [name for name in self.arriving if name in self._linked]

    def link(self) -> list[str]:
        """Make the links those of the complete files.

        Returns
        -------
        list of str
            The names that are new, or whose files are not what they were.

        Raises
        ------
        CcdlibError
            If something else than links is there: it may be raw frames, and is not deleted.
        """
        complete, news = self.complete, self.news
        refuse_no_folder(self.links)
        wanted = {str(self.links / name): os.path.join(self.raw_dir, name) for name in complete}
        for path in list(files_and_links(self.links)):
            if not os.path.islink(path):
                raise CcdlibError(f"{path} is a file, where a link should be: move it away")
            if path not in wanted or os.readlink(path) != wanted[path]:
                os.unlink(path)
        _remove_empty_folders(self.links)
        for path, target in wanted.items():
            if not os.path.lexists(path):
                os.makedirs(os.path.dirname(path), exist_ok=True)
                os.symlink(target, path)
        self._linked = complete
        return news


def _remove_empty_folders(top):
    """One may have the name that a file has now."""
    for parent, folders, _ in os.walk(top, topdown=False):
        for name in folders:
            with suppress(OSError):
                os.rmdir(os.path.join(parent, name))


def files_and_links(folder: Path) -> Any:
    """Yield the path, as text, of all below a folder that is no folder."""
    for parent, folders, names in os.walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(parent, name))]
        yield from (os.path.join(parent, name) for name in [*names, *links])
