"""What happens before the first job of a run and after the last."""

import gc
import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, TextIO

from .. import files, lock, state
from ..config import is_remembered, old_names, remember
from ..errors import CcdlibError
from ..index import folder_state
from ..index.raw_index import cache_key
from ..index.ready_masters import READY
from ..kinds import FRAME_TYPES
from ..limits import note_interrupts, was_interrupted
from ..plan.plan_tables import INDEX, PLAN, TABLES, Plan, read_plan, recipe_keys
from ..plan.planning import PLANNING
from ..products import recipes
from ..report import last_lines
from ..rerun import software, timestamps
from ..rerun.changes import REASONS
from ..rerun.code_digests import kind_digest, rule_digest
from ..rerun.snakemake_internals import (
    batch,
    end_when_told,
    is_told_to_end,
    say,
    targets,
    unreadable_records,
    without_timers,
)
from . import rounds
from .asked_stacks import settle
from .kernels import COMPILE, are_compiled, keep_somewhere
from .places import UNFINISHED, check_places, folders

__all__ = [
    *("begin", "conclude", "last_steps", "prepare", "ready_kernels", "unfinished"),
    "wait_for_jobs",
]

_UNFINISHED = Path(UNFINISHED)
# seconds in which kernels that were compiled before are found
_FIND_KERNELS = 5
# seconds between two looks whether a run is told to end
_LOOK = 0.2


def unfinished() -> list[str]:
    """The mark of a run that did not end well, as an input of the report's pages."""
    return [str(_UNFINISHED)] if _UNFINISHED.exists() else []


def prepare(config: dict, camera: dict, given: dict, is_demo: bool) -> None:
    """What comes before the DAG is built: tables and times checked, the raw folder looked at.

    Parameters
    ----------
    config, camera, given : dict
        Whole, and what of the config the command line gave.
    is_demo : bool
        Whether the raw folder may be made by the workflow itself.

    Raises
    ------
    CcdlibError
        See `ccdlib.index.folder_state.refresh` and `ccdlib.run.places.check_places`.
    """
    # the objects of a DAG all stay until the end: looking through them for waste is in vain
    gc.disable()
    note_interrupts()
    check_places(folders(), config["raw_dir"])
    for line in [*old_names(given), *keep_somewhere()]:
        say(line)
    index = [*TABLES[:2], *([READY] if config["ready_masters"] else [])]
    state.discard(index, TABLES[2:])
    for path in unreadable_records():
        state.drop(path)
    for line in state.discarded():
        say(line)
    if Path(PLAN).exists() and not is_remembered():
        remember(config, given)
    timestamps.put_in_order([folder_state.TRIGGER, PLANNING.path, *TABLES])
    raw, ready = config["raw_dir"], config["ready_masters"]
    key = cache_key(camera, rule_digest("build_index"))
    folder_state.refresh(raw, folder_state.EXCLUDE, key, is_demo, ready)


@cache
def wait_for_jobs() -> None:
    """Wait, once in a run, for jobs that a killed run left at work."""
    lock.wait_for_jobs(say)
    # a table that one of them wrote meanwhile is newer than what has it made again
    for trigger in (folder_state.INDEX, PLANNING):
        trigger.renew_unmet()


def begin(config: dict, given: dict, workflow: Any) -> TextIO:
    """Take the working directory's lock, remove half-written files, compile the kernels.

    Parameters
    ----------
    config, given : dict
        Whole, and what of it the command line gave; kept for the commands that look at the
        products.
    workflow : Workflow
        Snakemake's. In a batch others of the same night may be at work beside this one, and
        half-written files may be theirs.

    Returns
    -------
    file
        The lock, to be kept until the run ends.

    Raises
    ------
    CcdlibError
        If another run is at work in the same folder, or the kernels cannot be compiled.
    """
    is_batch = bool(batch(workflow))
    held = lock.hold(say, shared=is_batch)
    if not is_batch:
        files.remove_parts("results")
        # `ccdlib verify` may be keeping what it finds
        files.remove_parts(state.FOLDER, but_at_work=True)
        Path(REASONS).unlink(missing_ok=True)
    # also when the DAG grows by what a new plan holds, waste is looked for seldom
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    gc.enable()
    settle(config, given, workflow)
    remember(config, given)
    software.remember(has_results=Path(PLAN).exists())
    without_timers(workflow)
    end_when_told(workflow)
    _UNFINISHED.touch()
    ready_kernels(workflow)
    return held


def ready_kernels(workflow: Any) -> None:
    """Compile the kernels if they are not compiled yet, once instead of in every first job.

    Parameters
    ----------
    workflow : Workflow
        Whose end, when it is told to, is theirs.

    Raises
    ------
    CcdlibError
        If they cannot be compiled.
    """
    if not are_compiled():
        _compile_kernels(lambda: is_told_to_end(workflow))


def _compile_kernels(is_told):
    """Compile them, or find them compiled, once instead of in every first job."""
    # in a process of its own, as numba takes long to load, and in a session that Ctrl-C does not
    # reach, as it would answer with a traceback
    process = subprocess.Popen([*COMPILE, str(os.getpid())], start_new_session=True)
    try:
        code = _wait(process, is_told)
    except KeyboardInterrupt:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise CcdlibError("interrupted while the kernels were being compiled") from None
    if code < 0:
        raise CcdlibError(f"compiling the kernels was ended by signal {-code} (out of memory?)")
    if code:
        raise CcdlibError(f"compiling the kernels failed with exit code {code}, see above")


def _wait(process, is_told):
    """Its exit code; when that takes longer than finding kernels does, say what it does.

    Snakemake only notes a SIGTERM, to look at it between jobs: this looks, too.
    """
    began, is_said = time.monotonic(), False
    while (code := _ended(process)) is None:
        if is_told():
            raise KeyboardInterrupt
        if not is_said and time.monotonic() - began > _FIND_KERNELS:
            say(
                "compiling the kernels (machine code for the sums over pixels): once for each "
                "installation, which takes up to a minute"
            )
            is_said = True
    if is_said:
        say(f"the kernels are compiled, {time.monotonic() - began:.0f} s")
    return code


def _ended(process):
    """Its exit code, waited for for a moment."""
    with suppress(subprocess.TimeoutExpired):
        return process.wait(_LOOK)


def last_steps(config: dict, plan: Callable[[], Plan]) -> list[str]:
    """Targets that are made after all products: one that prunes, one that fails if strict.

    Parameters
    ----------
    config : dict
    plan : callable
        Gives the `Plan`.
    """
    targets = []
    if config["prune"] and plan().orphans():
        targets.append("results/pruned.txt")
    if config["strict"] and last_lines.refusals(config["products"]["keep"]):
        targets.append("results/nothing_refused")
    return targets


def _renew_notes():
    """The products of this run are as Snakemake left them; the next start need not read them.

    They have their names on the disk after it. One line tells of each that is not the one its job
    wrote.
    """
    if not _UNFINISHED.exists():
        return []
    began = _UNFINISHED.stat().st_mtime_ns
    made = list(read_plan().targets(FRAME_TYPES))
    files.names_on_disk({os.path.dirname(product) for product in made}, began)
    return [
        f"{product} was replaced by another process while this run was at work: run again"
        for product in made
        if not recipes.renew_note(product, began)
    ]


def _report(config, is_demo, outdated):
    """Write every page; where that fails, a line: what was refused is to be told all the same."""
    # without an index there is nothing to write of
    if not Path(INDEX).exists():
        return []
    from ..report.write import write_all

    truth = "demo/truth" if is_demo and Path("demo/truth").exists() else None
    try:
        write_all(config, truth, outdated)
    except Exception as error:
        return [f"the report cannot be written: {type(error).__name__}: {error}"]
    return []


def conclude(config: dict, is_demo: bool, failed: bool, workflow: Any) -> list[str]:
    """Write the report when a job failed, and return the last lines of the run.

    After a failed job no rule is run that would write it. A batch leaves it to the run after it,
    and so does a round of `ccdlib watch`, which has a page of its own.
    """
    replaced = _renew_notes()
    asked = targets(workflow)
    if asked in ({rounds.ARRIVED}, {rounds.IMPROVED}):
        (target,), keep = asked, config["products"]["keep"]
        keys = recipe_keys(config, kind_digest)
        # it is not there where the run could not begin
        began = _UNFINISHED.stat().st_mtime_ns if _UNFINISHED.exists() else time.time_ns()
        failed = failed and not was_interrupted()
        rounds.conclude_round(target, failed, read_plan(), keep, keys, began)
        return replaced
    if batch(workflow):
        return replaced + last_lines.lines(config["products"]["keep"])
    outdated: set[str] = set()
    if failed:
        outdated.update(read_plan().outdated(recipe_keys(config, kind_digest)))
        replaced += _report(config, is_demo, outdated)
        _UNFINISHED.touch()
    else:
        _UNFINISHED.unlink(missing_ok=True)
    told = ["interrupted: the next run makes what is missing"] if was_interrupted() else []
    return [*replaced, *last_lines.lines(config["products"]["keep"], failed, outdated), *told]
