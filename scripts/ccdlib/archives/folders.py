"""The folders of nights below raw_dir, and whether one changed since it was looked at."""

import glob
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import CcdlibError
from ..raw.raw_folder import find_raw_files, listing_digest, stat_of
from .settings import Night, night_of

__all__ = ["find_nights", "is_as_it_was", "look"]

# seconds: a file that was as young when its night was looked at may still be growing
_YOUNG = 3600.0
# what an archive makes in its own folder
_MADE = ("nights", "archive", "logs", "benchmarks")


def find_nights(config: dict[str, Any]) -> dict[str, Night]:
    """{name: night} of the folders below raw_dir that match a pattern.

    Parameters
    ----------
    config : dict
        From `ccdlib.archives.settings.load`.

    Raises
    ------
    CcdlibError
        If there are none, if one is in another one, or if the archive is in one.
    """
    root, patterns = config["raw_dir"], config["nights"]
    if not Path(root).is_dir():
        raise CcdlibError(f"raw_dir: {root} is not a folder")
    wanted = [patterns] if isinstance(patterns, str) else list(patterns)
    found = {each for pattern in wanted for each in glob.iglob(pattern.strip("/"), root_dir=root)}
    here, real = Path.cwd().resolve(), Path(root).resolve()
    found = {below for below in found if _is_of_others(here, real, below)}
    own = {below for below in found if os.path.isdir(os.path.join(root, below))}
    for below in own:
        above = next((str(part) for part in Path(below).parents if str(part) in own), None)
        if above:
            raise CcdlibError(f"nights: {below} is in {above}, and both match {wanted}")
    if not own:
        raise CcdlibError(f"nights: no folder below {root} matches {' or '.join(wanted)}")
    nights = (night_of(config, below) for below in sorted(own))
    return {night.name: night for night in nights if night is not None}


def _is_of_others(here, root, below):
    """Whether a folder is not the archive's own, nor one of those that it makes."""
    folder = Path(os.path.normpath(root / below))
    if folder in here.parents:
        raise CcdlibError(
            f"nights: {below} holds the archive's own folder {here}, whose results would be taken "
            "for raw frames: make the archive elsewhere, or give a pattern that leaves it out"
        )
    return folder != here and not any(folder.is_relative_to(here / name) for name in _MADE)


def _folders(top: str) -> Iterator[tuple[str, os.stat_result]]:
    """The folder itself and all below it, each once wherever links lead."""
    seen = {os.path.realpath(top)}
    for parent, names, _ in os.walk(top, followlinks=True):
        yield os.path.relpath(parent, top), os.stat(parent)
        real = {name: os.path.realpath(os.path.join(parent, name)) for name in names}
        names[:] = [name for name in sorted(names) if name[0] != "." and real[name] not in seen]
        seen.update(real[name] for name in names)


def _state(found):
    return [found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


def look(folder: str) -> dict[str, Any]:
    """What tells at a later time whether a folder changed.

    Parameters
    ----------
    folder : str

    Returns
    -------
    dict
        folders, the state of each; files, a digest of their stat list; settled, whether none of
        them is so young that it may still be written.
    """
    folders = {name: _state(found) for name, found in _folders(folder)}
    files = find_raw_files(folder)
    latest = [found.st_mtime for _, found in files] + [each[0] / 1e9 for each in folders.values()]
    return {
        "folders": folders,
        "files": listing_digest({name: stat_of(found) for name, found in files}),
        "settled": max(latest) < time.time() - _YOUNG,
    }


def is_as_it_was(folder: str, before: dict[str, Any], scan: bool = False) -> bool:
    """Whether a folder is as `look` found it.

    A stat of each folder tells of files that came, went or were renamed. Of a file that was
    written anew in its place only a look at each file tells.

    Parameters
    ----------
    folder : str
    before : dict
        From `look`.
    scan : bool
        Whether to look at each file in any case; it is done where some were young.
    """
    for name, state in before["folders"].items():
        try:
            found = os.stat(os.path.join(folder, name))
        except OSError:
            return False
        if not stat.S_ISDIR(found.st_mode) or _state(found) != state:
            return False
    if before["settled"] and not scan:
        return True
    try:
        return look(folder)["files"] == before["files"]
    except (CcdlibError, OSError):
        # the look at it, as a job, says what is wrong
        return False
