"""What happens before the first night of an archive's run and after the last."""

import os
from pathlib import Path
from typing import Any, TextIO

from .. import lock, state
from ..errors import CcdlibError, in_words
from ..files import refuse_folder
from ..limits import note_interrupts, was_interrupted
from ..raw.raw_folder import sha256
from ..rerun.snakemake_internals import end_when_told, is_dry_run, say, without_timers
from ..run.begin_and_end import ready_kernels
from ..run.places import check_places
from . import settings
from .catalogue import CATALOGUE, update
from .loans import LOANS_TABLE, rows_of_loans
from .page import PAGE, write_page
from .reduce import LENT
from .status import Archive
from .table import NIGHTS_TABLE, rows_of_nights

__all__ = ["FILES", "begin", "check_nights", "conclude", "prepare", "write_archive", "write_loans"]

FILES = [NIGHTS_TABLE.path, PAGE]
# what they were made of, and the digest of the catalogue
_WRITTEN = ".ccdlib/archived"
# nights that the last lines name
_SHOWN = 5


def prepare(given: dict[str, Any], workflow: Any) -> Archive:
    """Look at the nights, and say what is to be done and why.

    Parameters
    ----------
    given : dict
        From the command line.
    workflow : Workflow
        Snakemake's.
    """
    note_interrupts()
    archive = Archive(settings.load(given))
    check_places(_written(archive), archive.config["raw_dir"])
    _check_settings(archive)
    for line in archive.summary():
        say(line)
    if is_dry_run(workflow) and archive.to_look_at:
        say("what these nights have and lack is known when they were looked at")
    return archive


def _check_settings(archive):
    """What is wrong with a night's settings is told before any is looked at."""
    for name, night in archive.nights.items():
        try:
            # with its config
            night.camera  # noqa: B018
        except CcdlibError as error:
            raise CcdlibError(f"{error} (settings of night {name})") from None


def _written(archive):
    """A file in each folder that an archive writes into."""
    rules = ("survey_night", "plan_loans", "reduce_night", "write_archive", "check_nights")
    own = [f"{folder}/{rule}/x" for rule in rules for folder in ("logs", "benchmarks")]
    # before the run of a night looks at its folders, there is the look at it
    below = "", f"{state.FOLDER}/", "config/", f"{LENT}/"
    return [*FILES, *own, *(f"nights/{name}/{each}x" for name in archive.nights for each in below)]


def begin(workflow: Any) -> TextIO:
    """Take the archive's lock, and compile the kernels once for all nights.

    Raises
    ------
    CcdlibError
        If another run is at work in the same folder, or the kernels cannot be compiled.
    """
    held = lock.hold(say)
    without_timers(workflow)
    end_when_told(workflow)
    ready_kernels(workflow)
    return held


def write_loans(archive: Archive) -> None:
    """Write which night is lent what, once all nights were looked at."""
    LOANS_TABLE.write(rows_of_loans(archive.nights, archive.loans))


def write_archive(archive: Archive) -> None:
    """Write table, page and catalogue from what the nights' jobs left."""
    records = archive.records_now()
    rows = rows_of_nights(archive.nights, archive.surveys, records)
    write_page(rows, records)
    for path in (CATALOGUE, f"{CATALOGUE}-journal"):
        refuse_folder(path)
    if not _is_sound_catalogue():
        Path(CATALOGUE).unlink(missing_ok=True)
    update(archive.nights, records)
    NIGHTS_TABLE.write(rows)
    written = {"state": state_of(archive, records), "catalogue": sha256(CATALOGUE)}
    state.keep_json(_WRITTEN, written)


def state_of(archive: Archive, records: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What table, page and catalogue are made of, as far as it shows without reading them."""
    problems = {name: found["problem"] for name, found in archive.surveys.items()}
    return {
        "nights": {name: [each["key"], each["failed"]] for name, each in records.items()},
        "all": {name: problems.get(name, "") for name in archive.nights},
    }


def is_written(archive: Archive) -> bool:
    """Whether table, page and catalogue are as they were written, of the nights as they are."""
    sound = all(map(state.is_sound, FILES)) and _is_sound_catalogue()
    return sound and _written_before().get("state") == state_of(archive, archive.records)


def _written_before():
    return state.kept_json(_WRITTEN) or {}


def _is_sound_catalogue():
    """Whether the catalogue is as it was written; it may be large, and is in no table's way."""
    is_there = os.path.isfile(CATALOGUE)
    return is_there and _written_before().get("catalogue") == sha256(CATALOGUE)


def _failed(records):
    """{night: why} of those that failed."""
    return {name: record["failed"] for name, record in records.items() if record["failed"]}


def check_nights(archive: Archive) -> None:
    """End a run with an error when a night failed.

    Raises
    ------
    CcdlibError
        That names them.
    """
    failed = _failed(archive.records_now())
    if failed:
        shown = ", ".join(list(failed)[:_SHOWN])
        more = f" and {len(failed) - _SHOWN} more" if len(failed) > _SHOWN else ""
        raise CcdlibError(f"{len(failed)} of {len(archive.nights)} nights failed: {shown}{more}")


def conclude(archive: Archive, failed: bool) -> list[str]:
    """The last lines of a run; after a failed job no rule writes table and page."""
    worked = bool(archive.to_look_at or archive.to_make)
    if worked:
        archive.look_again()
    lines = []
    if failed:
        try:
            write_archive(archive)
        except (CcdlibError, OSError) as error:
            # what failed before it is told all the same
            lines.append(f"the archive's table and page are not up to date: {in_words(error)}")
    records = archive.records_now() if worked else archive.records
    words = _failed(records)
    for name in list(words)[:_SHOWN]:
        lines.append(f"{name}: {words[name]} (logs/reduce_night/{name}.log)")
    problems = [(name, each["problem"]) for name, each in archive.surveys.items()]
    lines += [f"{name}: {problem}" for name, problem in problems if problem][:_SHOWN]
    lights, refused = (sum(each[key] for each in records.values()) for key in ("lights", "refused"))
    lines.append(
        f"{len(records)} of {len(archive.nights)} nights made, {len(words)} failed, "
        f"{lights} lights calibrated, {refused} refused; to be seen in {PAGE}"
    )
    return lines + (["interrupted: the next run goes on"] if was_interrupted() else [])
