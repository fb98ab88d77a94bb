"""Whether what a run writes can be written where it belongs.

Snakemake removes a product before its job: where a link leads into the raw folder, that would be a
raw frame. And where a file stands in place of a folder it ends with a traceback.
"""

import os
from collections.abc import Iterable
from glob import glob
from itertools import chain
from pathlib import Path

from ..errors import CcdlibError
from ..files import refuse_folder, refuse_link, refuse_special
from ..kinds import KINDS, kind_of, record_of
from ..lock import JOBS, LOCK
from ..raw.raw_folder import RawDir
from ..rerun.changes import REASONS
from ..rerun.snakemake_internals import OWN_FILES

__all__ = ["UNFINISHED", "check_places", "files_of", "folders"]

# there while a run is at work and after one that was killed or had a failed job; what the pages
# of the report say may then be of another state than the products
UNFINISHED = ".ccdlib/unfinished"

_TABLES = (
    *("results/x", "results/report/x", "results/qa/x", "results/qa/report/x"),
    *(".ccdlib/made/x", ".ccdlib/tables/report/x", ".ccdlib/tables/qa/report/x"),
)
# files that any run writes, and those of the nights that are known by having been written
_FILES = (LOCK, JOBS, UNFINISHED, REASONS, *OWN_FILES)
_WRITTEN = (
    "results/*.csv",
    "results/report/*.html",
    "results/qa/*.csv",
    "results/qa/report/*.json",
)
# rules whose logs lie in folders of frames or nights
_NESTED = {"calibrate_frame", "flatten_light", "reduce_night", "survey_night"}
_RULES = ("build_index", "make_plan", "write_night", "write_report", "masters")


def folders() -> list[str]:
    """A file in each folder that any run writes into."""
    kinds = list(KINDS.values())
    rules = [*_RULES, *(kind.rule for kind in kinds)]
    logs = [f"{folder}/{rule}/x" for rule in rules for folder in ("logs", "benchmarks")]
    return [*_TABLES, *OWN_FILES, *logs, *(kind.path("x") for kind in kinds)]


def files_of(product: str) -> list[str]:
    """What the job of a product writes: the product, its record, its log, its benchmark."""
    kind = kind_of(product)
    name = product.removeprefix(f"{kind.folder}/").removesuffix(kind.ending)
    told = [f"logs/{kind.rule}/{name}.log", f"benchmarks/{kind.rule}/{name}.tsv"]
    return [product, *filter(None, [record_of(product)]), *told]


def check_places(files: Iterable[str], raw_dir: RawDir) -> None:
    """Refuse to write where a file, or a folder of raw frames, stands in the way.

    Parameters
    ----------
    files : iterable of str
        Paths below the working directory.
    raw_dir : str or list of str

    Raises
    ------
    CcdlibError
        If a part of a path is no folder, cannot be written into, or leads into a raw folder by a
        link, or if a folder or a link is where any run writes a file; the message names it.
    """
    given = [raw_dir] if isinstance(raw_dir, (str, os.PathLike)) else raw_dir
    raw = {os.path.realpath(folder) for folder in given}
    for folder in sorted({os.path.dirname(file) for file in files}):
        _check_folders(Path(folder))
        _check_own(folder, raw)
    for path in (*_FILES, *chain(*map(glob, _WRITTEN))):
        refuse_folder(path)
    for path in _FILES:
        refuse_link(path)
        refuse_special(path)
    for folder in ("logs", "benchmarks"):
        _check_told(folder)


def _check_told(folder):
    """What jobs tell of themselves is written in place, by Snakemake too."""
    folders = [folder] if os.path.isdir(folder) else []
    for parent in folders:
        # a night, or a folder of raw frames, may have any name
        is_flat = os.path.dirname(parent) == folder and os.path.basename(parent) not in _NESTED
        for entry in list(os.scandir(parent)):
            if is_flat and entry.name.endswith((".log", ".tsv")):
                refuse_folder(entry.path)
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
            elif entry.is_symlink() and not entry.is_dir():
                refuse_link(entry.path)
            elif entry.name.endswith(".tsv"):
                # a log is begun anew
                refuse_special(entry.path)


def _check_folders(folder):
    """The deepest part of a folder that is there has to be a folder, and one to write into."""
    for part in [folder, *folder.parents]:
        if part.is_dir():
            if not os.access(part, os.W_OK | os.X_OK):
                shown = Path.cwd() if part == Path() else part
                raise CcdlibError(f"{shown} cannot be written into")
            return
        if os.path.lexists(part):
            what = "a link to nowhere" if part.is_symlink() else "a file"
            raise CcdlibError(f"{part} is {what}, where a folder should be: move it away")


def _check_own(folder, raw):
    """A folder that a link leads elsewhere is in no folder of raw frames."""
    real, own = os.path.realpath(folder), os.path.realpath(".")
    for each in raw:
        # the working directory itself may be in one
        is_own = _is_below(own, each) and _is_below(real, own)
        if _is_below(real, each) and not is_own:
            raise CcdlibError(
                f"{folder} leads into raw_dir ({real}): what is made there could replace raw "
                "frames, so give it another place"
            )


def _is_below(path, folder):
    return os.path.commonpath([path, folder]) == folder
