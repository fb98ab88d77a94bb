"""One round: snakemake in a fork of a process that has imported all of it."""

import gc
import os
import signal
from collections.abc import Callable, Sequence

from snakemake_executor_plugin_warm.client import keep_one
from snakemake_executor_plugin_warm.warm_process import Files, changed, files_on_disk

from ..pipeline_folder import PIPELINE
from ..run.forked_run import fork_run, load_run
from .ending import Ending, held, let_through

__all__ = ["Loaded", "Round"]

# seconds between two looks at a round, whose end is seen at once
_LOOK = 1.0


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
        # it loads beside this one
        self._start_jobs()
        load_run()
        # a fork copies each page that looking for waste would write to
        gc.freeze()
        self.is_stale = False

    def _start_jobs(self) -> None:
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

        def in_fork() -> None:
            let_through()
            first()

        with held():
            self.pid = fork_run(arguments, folder, log, in_fork)

    def ended(self, wait: bool = False) -> bool:
        """Whether it has ended, waiting for that if asked to."""
        if self.status is None:
            pid, status = os.waitpid(self.pid, 0 if wait else os.WNOHANG)
            self.status = os.waitstatus_to_exitcode(status) if pid else None
        return self.status is not None

    def wait(self, ending: Ending) -> None:
        """Wait until it has ended, which it is told to when this process is."""
        while not self.ended() and not ending.told:
            ending.wait(_LOOK, self.pid)
        self.stop()

    def stop(self) -> None:
        """Have it end, as soon as its jobs have."""
        if not self.ended():
            os.kill(self.pid, signal.SIGTERM)
            self.ended(wait=True)

    def lines(self) -> list[str]:
        """What it wrote so far."""
        with open(self.log or os.devnull, errors="replace") as file:
            return file.read().splitlines()
