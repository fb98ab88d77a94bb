"""What is used of Snakemake 9 that it does not promise to keep: all of it is here.

Each use has a test that runs against the installed Snakemake and fails when that part moves.
The interface of its plugins is public and is used where it is needed; so are the words of a
Snakefile. Only rules/package.smk stands alone, as it has to run with whatever ccdlib it finds.
"""

import ast
import json
import logging
import math
import os
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import CcdlibError, in_words
from ..plain_text import brief

__all__ = [
    "OWN_FILES",
    "Reason",
    "Selection",
    "allow_empty_shares",
    "as_workflow_errors",
    "batch",
    "end_when_told",
    "force",
    "given_once",
    "in_a_few_words",
    "is_dry_run",
    "is_echo",
    "is_main",
    "is_nothing_to_do",
    "is_outcome",
    "is_told_to_end",
    "looks_at_all",
    "read_reason",
    "say",
    "targets",
    "unreadable_records",
    "until",
    "why_not_measured",
    "why_not_started",
    "without_timers",
]

# the workflow object -------------------------------------------------------------------------


def is_main(workflow: Any) -> bool:
    """Whether this is the process that the user started, not one that runs a job for it."""
    return workflow.is_main_process


def is_dry_run(workflow: Any) -> bool:
    """Whether jobs are only listed."""
    return workflow.dryrun


@contextmanager
def as_workflow_errors() -> Iterator[None]:
    """Turn errors of ours into Snakemake's own, which end a run by their message.

    It is a decorator, too.
    """
    # loading Snakemake's modules takes long and a job has no need of this
    from snakemake.exceptions import WorkflowError

    try:
        yield
    except (CcdlibError, OSError) as error:
        # a disk or a file server that fails is no fault of the code
        raise WorkflowError(in_words(error)) from None
    except KeyboardInterrupt:
        # Snakemake minds Ctrl-C only while jobs are at work
        raise WorkflowError("interrupted") from None


# of these the last one counts, and what the others gave is lost in silence
_CONFIG = re.compile(r"--config(?:=(.*))?|-C(.*)", re.DOTALL)


def given_once(arguments: list[str]) -> None:
    """Refuse a command line of which Snakemake would lose a part of the config in silence.

    Parameters
    ----------
    arguments : list of str
        Of the process, its own name first; those of another program than Snakemake say nothing.

    Raises
    ------
    CcdlibError
        If --config, or a key in it, is there twice.
    """
    if not re.search(r"snakemake(\.exe|/__main__\.py)?$", arguments[0]):
        return
    found: list[list[str]] = []
    inside = False
    for text in arguments[1:]:
        option = _CONFIG.fullmatch(text)
        if option:
            found.append(list(filter(None, option.groups())))
        elif inside and not text.startswith("-"):
            found[-1].append(text)
            continue
        inside = bool(option)
    if len(found) > 1:
        raise CcdlibError(
            f"--config is given {len(found)} times, and Snakemake would take the last alone "
            f"({' '.join(found[-1])}): put all keys behind one --config"
        )
    _refuse_doubles([entry.partition("=") for entries in found for entry in entries])


def _refuse_doubles(entries):
    keys = [key for key, _, _ in entries]
    for key in keys:
        if keys.count(key) > 1:
            values = " and ".join(value for name, _, value in entries if name == key)
            raise CcdlibError(f"--config gives {key} {keys.count(key)} times: {values}")


def batch(workflow: Any) -> Any:
    """The part of a rule's inputs that --batch asks for, None without it."""
    return workflow.dag_settings.batch


def allow_empty_shares(workflow: Any) -> None:
    """Have shares of --batch beyond the last input be empty.

    Snakemake ends each share with an error where they are more than the inputs, those for which
    there is an input, too. How many frames a night has is seldom known to who asks for shares.
    It is for input functions: after them Snakemake looks which inputs are a share's.
    """
    given = batch(workflow)
    if given and not isinstance(given, _share()):
        workflow.dag_settings.batch = _share()(given.rulename, given.idx, given.batches)


@cache
def _share():
    """A Batch that may be empty; made once, as each job's inputs are asked for."""
    from snakemake.settings.types import Batch

    class Share(Batch):
        def get_batch(self, items: list) -> list:
            if len(items) >= self.batches:
                return super().get_batch(items)
            own = sorted(items)[self.idx - 1 : self.idx]
            if not own:
                text = f"{len(items)} input file{'s' * (len(items) != 1)}"
                say(f"share {self.idx} of {self.batches} is empty: {self.rulename} has {text}")
            return own

    return Share


def force(workflow: Any, products: Iterable[str]) -> None:
    """Have products made by this run although they look up to date.

    It is for input functions: after them Snakemake looks which jobs have to run. A product that
    is not in the DAG is not made because of this.
    """
    workflow.dag.forcefiles.update(products)


def looks_at_all(workflow: Any) -> bool:
    """Whether Snakemake is asked for more than to make what is missing or outdated."""
    given = workflow.dag_settings
    asked = given.forcerun, given.forceall, given.forcetargets, given.until, given.omit_from
    # without them it draws, summarises or deletes
    executes = workflow.execution_settings is not None
    return not executes or workflow.touch or any((*asked, given.batch))


def until(workflow: Any) -> set[str]:
    """The rules and files that --until names."""
    return set(workflow.dag_settings.until)


def targets(workflow: Any) -> set[str]:
    """The rules and files that the command line asks for; none for the default target."""
    return set(workflow.dag_settings.targets)


class Selection:
    """Has --until and --omit-from select among jobs that only a checkpoint makes known.

    With --until RULE Snakemake drops each job that does not lead to one of RULE, and does so before
    the checkpoint: nothing is left, not even the checkpoint, and it ends with "Nothing to be done".
    So --until is put aside until the checkpoint is done. Before it nothing runs but what it needs,
    as all else waits for it too.

    And after the checkpoint Snakemake asks of what was dropped whether the files of the jobs that
    are left are missing. So the rules of all jobs become rules that the user asks for.

    Parameters
    ----------
    workflow : Workflow
    rules : iterable of str
        Those that have no job before the checkpoint.
    """

    def __init__(self, workflow: Any, rules: Iterable[str]) -> None:
        self._workflow, self._rules = workflow, set(rules)
        self._until: tuple[set, set] | None = None

    def get(self, checkpoint: Any, file: str) -> None:
        """Have an input function wait for a checkpoint, as the checkpoint's own `get` does.

        Parameters
        ----------
        checkpoint : Checkpoint
        file : str
            One of its outputs. To ask whether it is made is faster than `get` is.

        Raises
        ------
        IncompleteCheckpointException
            When it is not done; for Snakemake.
        """
        if file not in checkpoint.checkpoints.created_output:
            self._wait(checkpoint.rule.name)
            checkpoint.get()
        self._resume()

    def _wait(self, checkpoint):
        dag = self._workflow.dag
        if self._until is None and not self._rules.isdisjoint(dag.untilrules):
            self._until = dag.untilrules, dag.untilfiles
            # a dry run, in which the checkpoint is not done, ends with it
            known = {checkpoint} if is_dry_run(self._workflow) else set()
            dag.untilrules, dag.untilfiles = known, set()

    def _resume(self):
        dag = self._workflow.dag
        if self._until is not None:
            dag.untilrules, dag.untilfiles = self._until
            self._until = None
        if dag.untilrules or dag.untilfiles or dag.omitrules or dag.omitfiles:
            dag.targetrules = dag.rules


def without_timers(workflow: Any) -> None:
    """Lift Snakemake's default limit of 100 jobs a second, which no machine reaches.

    In each round of scheduling it starts a timer that leads to one more round, with a timer of
    its own: the rounds, and the time for them, would grow as the square of the number of jobs.
    """
    scheduler = workflow.scheduler
    limit = getattr(scheduler, "job_rate_limiter", None)
    if limit and limit.max_jobs >= 100 * limit.timespan:
        scheduler.job_rate_limiter = None


def end_when_told(workflow: Any) -> None:
    """Have SIGTERM end a run at whatever it is.

    The main thread runs Snakemake's handler, which takes the scheduler's lock. Where that thread
    holds it already, as after each job, it would wait for itself for ever.
    """
    if workflow.scheduler is not None:
        workflow.scheduler._lock = threading.RLock()


def is_told_to_end(workflow: Any) -> bool:
    """Whether SIGTERM came, which Snakemake heeds between two jobs."""
    return workflow.scheduler is not None and workflow.scheduler._user_kill is not None


# why a job runs ------------------------------------------------------------------------------

_PARAMS = re.compile(
    r"Params have changed since last execution: "
    r"Union of exclusive params before and now across all output: before: (.*) $",
    re.DOTALL,
)
_INPUTS = re.compile(r"(?:Updated input files|Input files updated by another job): ([^;]*)")


@dataclass(frozen=True)
class Reason:
    """Snakemake's reason for a job.

    Attributes
    ----------
    is_missing : bool
        Whether an output is not there.
    params : tuple of two lists, or None
        The values of those that are not the same, then and now; None when all are.
    inputs : list of str
        Those that are newer or are about to be.
    """

    is_missing: bool
    params: tuple[list, list] | None
    inputs: list[str]


def _values(text):
    return [] if text == "<nothing exclusive>" else ast.literal_eval(f"[{text}]")


def _exclusive(text):
    """The two lists of params in the reason; a name in them may hold its separator."""
    parts = text.split(" now: ")
    for number in range(1, len(parts)):
        try:
            then, now = (_values(" now: ".join(part)) for part in (parts[:number], parts[number:]))
        except (SyntaxError, ValueError):
            continue
        return then, now
    return [], []


def read_reason(text: str) -> Reason:
    """The parts of the text that Snakemake gives as the reason of a job."""
    params, inputs = _PARAMS.search(text), _INPUTS.search(text)
    return Reason(
        is_missing="Missing output files" in text,
        params=_exclusive(params[1]) if params else None,
        inputs=inputs[1].split(", ") if inputs else [],
    )


_RECORDS = ".snakemake/metadata"
_IN_PLACE = (_RECORDS, ".snakemake/incomplete", ".snakemake/locks")
_FOLDERS = (
    *("auxiliary", "conda", "conda-archive", "incomplete", "iocache", "locks", "log", "metadata"),
    *("scripts", "shadow", "singularity"),
)
# it deletes the first, and has a folder for each of the others
OWN_FILES = (".snakemake/iocache/latest.pkl", *(f".snakemake/{name}/x" for name in _FOLDERS))


def unreadable_records() -> list[str]:
    """Snakemake's records of jobs that are not what it wrote: it would end with a traceback.

    One that is cut or half-written it passes over by itself. And it writes them in place: through a
    link, to what that leads to.
    """
    found, folders = [], [folder for folder in _IN_PLACE if os.path.isdir(folder)]
    for folder in folders:
        for entry in list(os.scandir(folder)):
            if entry.is_file(follow_symlinks=False):
                readable = not folder.startswith(_RECORDS) or _is_record(
                    Path(entry.path).read_bytes()
                )
            else:
                # of a long name it has folders with an @; a FIFO would be waited for
                is_folder = entry.is_dir(follow_symlinks=False)
                readable = is_folder and entry.name.startswith("@")
                folders += [entry.path] if readable else []
            found += [] if readable else [entry.path]
    return found


def _is_record(content):
    """Whether Snakemake can use a record, or passes over it."""
    # it is loaded in the process that runs the workflow
    from snakemake.persistence import MetadataRecord

    try:
        found = json.loads(content.decode())
    except json.JSONDecodeError:
        return True
    except (ValueError, RecursionError):
        # no text, an integer of thousands of digits, brackets without end
        return False
    if not isinstance(found, dict):
        return False
    try:
        record = MetadataRecord.model_validate(found)
    except ValueError:
        return False
    # it compares them as members of sets and as texts
    texts = [*(record.params or []), *(record.input_checksums or {}).values()]
    return all(isinstance(text, str) for text in texts)


# its messages --------------------------------------------------------------------------------

_NOTHING_TO_DO = "Nothing to be done"
# the last messages of --report and --unlock
_OUTCOMES = ("Report created.", "Unlocked working directory.")
# messages about a failed job whose reason was shown before
_ECHOES = ("At least one job did not complete", "Exiting because a job execution failed")
# comes before the line that reports the failure of a killed job
_KILLED = "CalledProcessError in file"
# an error of ours, or of a disk, that was raised where the inputs of a rule are asked for
_IN_INPUT_FUNCTION = re.compile(
    r"InputFunctionException in .*\n *Error:\n *"
    r"(?:(?:WorkflowError|CcdlibError):\s*|\w+: \[Errno \d+\] )(.*)\n"
)
# comes before it where Snakemake could not write what a job is started with
_NOT_STARTED = re.compile(r"RuleException:\n\w+ in file .*\n\[Errno \d+\] (.*)")
# the same for the benchmark, when the job has ended
_NOT_MEASURED = re.compile(r"WorkflowError:\n\w+: \[Errno \d+\] (.*)\s*")
# what of the system ends a run anywhere in Snakemake; of a time that cannot be set no file is told
_OF_THE_SYSTEM = re.compile(
    r"Traceback \(most recent call last\):\n[\s\S]*, in (\w+)\n[\s\S]*\n\w+: \[Errno \d+\] (.*)\s*"
)
_JOB_EXCEPTIONS = ("CalledProcessError", "RuleException", "NonZeroExit")


def say(text: str) -> None:
    """Put a line on the terminal that the handler in profiles/default shows as it is.

    A header's value in it may be endless, and so may a path.
    """
    told = brief(text, math.inf)
    logging.getLogger("snakemake.logging").info(told, extra={"ccd": True})


def is_nothing_to_do(text: str) -> bool:
    """Whether the message says that no job has to run."""
    return _NOTHING_TO_DO in text


def is_outcome(text: str) -> bool:
    """Whether the message is the result that the user asked for with --report or --unlock."""
    return text in _OUTCOMES


def is_echo(text: str, exception: str, was_reported: bool) -> bool:
    """Whether an error repeats one that is told otherwise.

    Parameters
    ----------
    text, exception : str
        The message, and the name of the exception behind it.
    was_reported : bool
        Whether a failed job has been shown.
    """
    if any(echo in text for echo in _ECHOES):
        return True
    return _KILLED in text or (was_reported and exception in _JOB_EXCEPTIONS)


def why_not_started(text: str) -> str | None:
    """What of the system kept a job from being started, such as a full disk; None for others."""
    found = _NOT_STARTED.match(text)
    return found[1] if found else None


def why_not_measured(text: str) -> str | None:
    """What of the system kept a job's benchmark from being written; None for others."""
    found = _NOT_MEASURED.fullmatch(text)
    return found[1] if found else None


def in_a_few_words(text: str) -> str:
    """An error without the file and line of the Snakefile, or of Snakemake, that found it."""
    first, _, rest = text.partition("\n")
    if found := _OF_THE_SYSTEM.fullmatch(text):
        place, told = found.groups()
        return told if ": '" in told else f"{told} (in {place} of Snakemake)"
    if found := _IN_INPUT_FUNCTION.match(text):
        return found[1]
    if first.startswith(("WorkflowError in", "CcdlibError in")) and rest:
        return rest.splitlines()[0] if "line" in first else text
    return text
