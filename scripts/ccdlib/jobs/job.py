"""Running a rule's script: its log, and one clear message when it refuses."""

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import CcdlibError, in_words
from ..index.ready_masters import is_ready, locate, own_map
from ..limits import keep_freed_memory
from ..lock import at_work
from ..pipeline_folder import package_of
from ..plain_text import ShownStream
from ..products import recipes
from .task import Task

__all__ = ["job", "note_made", "task_of"]


def _check_package(scripts):
    """Refuse to run another ccdlib than the workflow's own, whose digest is in the job's params.

    Snakemake puts the scripts' folder last on the path: one that is installed in the
    environment of the job wins.
    """
    hashed, found = package_of(Path(scripts).parent), Path(__file__).resolve().parents[1]
    # where only rules and scripts were fetched there is no other
    if hashed.is_dir() and hashed.resolve() != found:
        remedy = f"pip install -e {hashed.parents[1]} there"
        if hashed.parent.name != "scripts":
            remedy = "install the same wheel there"
        raise CcdlibError(
            f"the job's environment has the ccdlib of {found}, the workflow's is {hashed}: {remedy}"
        )


@contextmanager
def _quietly() -> Iterator[None]:
    """Ctrl-C before there is a log, or after it is closed, needs no traceback either."""
    try:
        yield
    except KeyboardInterrupt:
        sys.exit(1)


def _start(path: str) -> None:
    """Begin a log; a job that cannot have one ends here, with one line on the terminal."""
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        # the one would be written through, the other waited for
        if os.path.islink(path) or Path(path).is_fifo():
            os.unlink(path)
        Path(path).write_text("")
    except OSError as error:
        sys.exit(f"{path}: the log of a job cannot be written: {error.strerror}")


def _log(path: str, text: str) -> None:
    """Add to a log; on a disk that has become full meanwhile, tell the terminal instead."""
    try:
        with open(path, "a", encoding="utf-8") as file:
            ShownStream(file).write(text)
    except OSError as error:
        # without what of the code stands before it
        last = text.splitlines()[-1]
        ShownStream(sys.stderr).write(f"{path}: cannot be written: {error.strerror}; {last}\n")


@contextmanager
def job(snakemake: Any) -> Iterator[Any]:
    """Send messages to the rule's log; bad input ends the job with its message alone.

    Yields `snakemake`.

    The last line of the log is what the terminal shows of a failed job, so it says what is
    wrong and not where in the code.

    Parameters
    ----------
    snakemake : object
        The one that Snakemake gives to a script.
    """
    keep_freed_memory()
    path = snakemake.log[0]
    with _quietly():
        _start(path)
        try:
            with at_work():
                _check_package(snakemake.scriptdir)
                yield snakemake
        except CcdlibError as error:
            _log(path, f"{' '.join(in_words(error).split())}\n")
            sys.exit(1)
        except KeyboardInterrupt:
            # Ctrl-C reaches the jobs as well
            _log(path, "interrupted\n")
            sys.exit(1)
        except Exception as error:
            last = f"{type(error).__name__}: {' '.join(str(error).split())}\n"
            _log(path, traceback.format_exc() + last)
            sys.exit(1)
        _log(path, "done\n")


def task_of(snakemake: Any) -> Task:
    """The `Task` of a job, from the params that its rule gives every recipe."""
    params, row = snakemake.params, snakemake.params.row
    named, folders = row["masters"], snakemake.config["ready_masters"]
    ready = {
        kind: locate(digest, folders) for kind, (path, digest) in named.items() if is_ready(path)
    }
    ready |= own_map(params.settings, snakemake.config)
    masters = {kind: path for kind, (path, _) in named.items()}
    masters |= {kind: each.path for kind, each in ready.items()}
    return Task(
        output=snakemake.output[0],
        raw_dir=snakemake.config["raw_dir"],
        frames=row["raw"],
        masters=masters,
        settings=params.settings,
        dark_scale=row["dark_scale"],
        recipe=row["recipe"],
        record=snakemake.output.get("record"),
        limits={"memory_mb": snakemake.resources.mem_mb, "threads": snakemake.threads},
        ready=list(ready.values()),
    )


def note_made(snakemake: Any) -> None:
    """Note by which recipe the product of a job was made, and what the job was given."""
    params = {name: snakemake.params[name] for name in ("row", "settings", "code")}
    recipes.note(snakemake.output[0], params["row"]["recipe"], params)
