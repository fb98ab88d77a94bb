"""One round: snakemake in a fork of a process that has imported all of it."""

import gc
import os
import signal
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import NoReturn

__all__ = ["Round", "load"]

# what a run imports before its first job
_MODULES = (
    "snakemake.cli",
    "snakemake.dag",
    "snakemake.executors.local",
    "snakemake.logging",
    "snakemake.scheduling.job_scheduler",
    "snakemake_executor_plugin_warm",
    "snakemake_logger_plugin_ccd",
    "jsonschema",
    "ccdlib.config",
    "ccdlib.plan.nights",
    "ccdlib.rerun.changes",
    "ccdlib.run.begin_and_end",
    "ccdlib.run.current_plan",
    "ccdlib.products.check_stored",
)


def load() -> None:
    """Import what a round needs, and start the process that its jobs are forks of."""
    for name in _MODULES:
        import_module(name)
    from snakemake_executor_plugin_warm.client import keep_one

    keep_one("ccdlib.run.preload")
    # a fork copies each page that looking for waste would write to
    gc.freeze()


class Round:
    """A run of snakemake in a process of its own.

    Parameters
    ----------
    arguments : list of str
        Those of snakemake.
    folder : str
        Where the command was typed, to which its arguments are relative.
    log : str or None
        Where its lines are written, anew each time; None leaves them on the terminal.
    first : callable
        Called in the new process before anything else.

    Attributes
    ----------
    status : int or None
        Its exit code once it has ended, negative for a signal.
    """

    def __init__(
        self, arguments: Sequence[str], folder: str, log: str | None, first: Callable[[], None]
    ) -> None:
        self.log = log
        self.status: int | None = None
        if log:
            os.makedirs(os.path.dirname(log), exist_ok=True)
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            _be(list(arguments), folder, log and os.path.abspath(log), first)

    def ended(self, wait: bool = False) -> bool:
        """Whether it has ended, waiting for that if asked to."""
        if self.status is None:
            pid, status = os.waitpid(self.pid, 0 if wait else os.WNOHANG)
            self.status = os.waitstatus_to_exitcode(status) if pid else None
        return self.status is not None

    def stop(self) -> None:
        """Have it end, as soon as its jobs have."""
        if not self.ended():
            os.kill(self.pid, signal.SIGTERM)
            self.ended(wait=True)

    def lines(self) -> list[str]:
        """What it wrote so far."""
        with open(self.log or os.devnull, errors="replace") as file:
            return file.read().splitlines()


def _be(arguments: list[str], folder: str, log: str | None, first: Callable[[], None]) -> NoReturn:
    """What the fork does; it does not return."""
    code = 1
    try:
        first()
        if log:
            written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
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
