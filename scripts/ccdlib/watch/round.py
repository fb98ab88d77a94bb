"""One round: snakemake in a fork of a process that has imported all of it."""

import gc
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from importlib import import_module
from io import StringIO
from typing import NoReturn

from snakemake_executor_plugin_warm.warm_process import Files, changed, files_on_disk

from ..kinds import KINDS
from ..pipeline_folder import PIPELINE
from ..rerun.code_digests import kind_digest, rule_digest
from .ending import held, let_through

__all__ = ["Loaded", "Round"]

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


class Loaded:
    """What a round needs, imported, and the process that its jobs are forks of.

    Attributes
    ----------
    is_stale : bool
        Whether the code of ccdlib is no longer what was imported; see `look`.
    """

    def __init__(self) -> None:
        # seen before the import: what changes during it is noticed as well
        self._seen = self._code = _files()
        for name in _MODULES:
            import_module(name)
        self._start_jobs()
        _read_profile()
        for kind in KINDS.values():
            kind_digest(kind)
        for name in _RULES:
            rule_digest(name)
        # a fork copies each page that looking for waste would write to
        gc.freeze()
        self.is_stale = False

    def _start_jobs(self) -> None:
        from snakemake_executor_plugin_warm.client import keep_one

        keep_one("ccdlib.run.preload")

    def look(self) -> None:
        """Look whether code has changed, and have jobs start anew where another package has."""
        now = _files()
        if now == self._seen:
            return
        self.is_stale = changed(_modules(self._code), _modules(now)) is not None
        if not self.is_stale:
            self._start_jobs()
        self._seen = now


def _read_profile() -> None:
    """Read the command line once as each round does: its plugins and parsers are imported then."""
    from snakemake.cli import parse_args

    # it says which profile it uses, as each round does in its log
    with redirect_stderr(StringIO()):
        parse_args(["--snakefile", str(PIPELINE / "Snakefile"), "--cores", "1"])


def _files() -> Files:
    """State of the package, the scripts of the rules and the folders of the path."""
    scripts = (PIPELINE / "scripts").glob("*.py")
    stats = ((str(path), path.stat()) for path in scripts)
    own = {path: (stat.st_mtime_ns, stat.st_size, stat.st_ino) for path, stat in stats}
    return files_on_disk("ccdlib") | own


def _modules(files: Files) -> Files:
    """Those of them that are no folders."""
    return {path: state for path, state in files.items() if path.endswith(".py")}


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
        path = log and os.path.abspath(log)
        with held():
            self.pid = os.fork()
            if self.pid == 0:
                _be(list(arguments), folder, path, first)

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
        let_through()
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
