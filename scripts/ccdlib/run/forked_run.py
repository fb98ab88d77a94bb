"""Snakemake in a fork of a process that has imported all of it."""

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from importlib import import_module
from io import StringIO
from typing import NoReturn

from ..files import refuse_folder, refuse_link, refuse_special
from ..kinds import KINDS
from ..pipeline_folder import PIPELINE
from ..rerun.code_digests import kind_digest, rule_digest

__all__ = ["fork_run", "load_run"]

# what a run imports before its first job
_MODULES = (
    "snakemake.cli",
    "snakemake.dag",
    "snakemake.executors.local",
    "snakemake.logging",
    "snakemake.scheduling.job_scheduler",
    "snakemake.storage",
    "snakemake_executor_plugin_warm",
    "snakemake_logger_plugin_ccd",
    "jsonschema",
    "nbformat",
    "packaging.version",
    "smart_open",
    "tomllib",
    "ccdlib.config",
    "ccdlib.plan.nights",
    "ccdlib.rerun.changes",
    "ccdlib.run.begin_and_end",
    "ccdlib.run.current_plan",
    "ccdlib.products.check_stored",
)
# whose code is part of what their jobs are given
_RULES = ("build_index", "make_plan", "masters", "write_night", "write_report", "simulate_demo")


def load_run() -> None:
    """Import what a run needs, plugins too, and digest the code of its jobs."""
    for name in _MODULES:
        import_module(name)
    _read_profile()
    for kind in KINDS.values():
        kind_digest(kind)
    for name in _RULES:
        rule_digest(name)


def _read_profile() -> None:
    """Read the command line once as each run does: its plugins and parsers are imported then."""
    from snakemake.cli import parse_args

    # a dry run needs no warm process, and of a profile of the user's each run says what is wrong
    arguments = ["--dry-run", "--snakefile", str(PIPELINE / "Snakefile"), "--cores", "1"]
    arguments += ["--profile", "none"]
    given, told = sys.argv[:], StringIO()
    sys.argv[:] = ["snakemake", *arguments]
    try:
        # it says which profile it uses, as each run does
        with redirect_stderr(told):
            parse_args(arguments)
    except SystemExit:
        print(told.getvalue(), file=sys.stderr)
        raise
    finally:
        sys.argv[:] = given


def fork_run(
    arguments: Sequence[str],
    folder: str,
    log: str | None,
    first: Callable[[], None],
    anew: bool = True,
) -> int:
    """Run snakemake in a process of its own.

    Parameters
    ----------
    arguments : list of str
        Those of snakemake.
    folder : str
        Where its arguments are relative to.
    log : str or None
        Where its lines are written; None leaves them on the terminal.
    first : callable
        Called in the new process before anything else.
    anew : bool
        Whether the log is begun anew, not added to.

    Returns
    -------
    int
        The number of the process.

    Raises
    ------
    CcdlibError
        If a folder or a link is in the place of the log.
    """
    if log:
        os.makedirs(os.path.dirname(log), exist_ok=True)
        refuse_folder(log)
        refuse_link(log)
        refuse_special(log)
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if anew else os.O_APPEND)
        _be(list(arguments), folder, log and os.path.abspath(log), flags, first)
    return pid


def _be(
    arguments: list[str], folder: str, log: str | None, flags: int, first: Callable[[], None]
) -> NoReturn:
    """What the fork does; it does not return."""
    code = 1
    try:
        first()
        if log:
            written = os.open(log, flags, 0o666)
            os.dup2(written, 1)
            os.dup2(written, 2)
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
        os.chdir(folder)
        sys.argv[:] = ["snakemake", *arguments]
        from snakemake.cli import main

        main(arguments)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        for stream in sys.stdout, sys.stderr:
            stream.flush()
        os._exit(code)
