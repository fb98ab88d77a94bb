"""Snakemake's side of the warm process: starting it, asking it for forks, replacing it."""

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from .warm_process import WarmProcess, die_with

__all__ = [
    *("PRELOAD", "Cold", "Fork", "WarmProcesses", "can_fork", "keep_fork", "keep_one"),
    "start_early",
]

# the module that imports what scripts import, unless another is asked for
PRELOAD = "ccdlib.run.preload"
# libraries that would start threads when they are loaded
_ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "GOTO_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "NUMEXPR_NUM_THREADS",
    ),
    "1",
)
# memory in pages of 2 MB (glibc 2.35 and later; others pass over it), of which a fork copies fewer
# entries and asks the system for far fewer
_TUNABLES, _LARGE_PAGES = "GLIBC_TUNABLES", "glibc.malloc.hugetlb"
# what Snakemake's preamble of a script imports, and to unpickle what the script is given
_PREAMBLE = ("snakemake.logging", "snakemake.iocontainers", "snakemake.io")
# warm processes that are started for one job before it is run without
_TRIES = 5


class Cold(Exception):
    """A job cannot be run by a fork; the reason."""


def _environment() -> dict[str, str]:
    """What the warm process is started with; its jobs have the environment of Snakemake."""
    own = dict(os.environ) | _ONE_THREAD
    given = own.get(_TUNABLES, "")
    if _LARGE_PAGES not in given:
        own[_TUNABLES] = ":".join(filter(None, [given, f"{_LARGE_PAGES}=1"]))
    return own


def can_fork(platform: str = sys.platform) -> bool:
    """Whether a fork of a process that has loaded numpy is safe, and the kernel looks after it.

    On macOS the system's frameworks do not stand it, and elsewhere the kernel does not end a
    fork whose parent was killed.
    """
    return platform == "linux"


class _Process:
    """One warm process."""

    def __init__(self, preload: str) -> None:
        self.preload, self.owner = preload, os.getpid()
        self.environment = _environment()
        self.control, theirs = socket.socketpair()
        with theirs:
            # It stays in Snakemake's process group: from another one of the session, the end of
            # each fork would make the kernel send SIGHUP to the group where a member is stopped.
            # It ignores Ctrl-C, which is for the jobs, and nothing of it comes before it does.
            mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
            try:
                self._start(theirs)
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def _start(self, theirs: socket.socket) -> None:
        script = Path(__file__).with_name("warm_process.py")
        self.process = subprocess.Popen(
            [sys.executable, script, str(theirs.fileno()), *_PREAMBLE, self.preload],
            env=self.environment,
            pass_fds=[theirs.fileno()],
        )

    def _end(self) -> None:
        self.process.kill()
        self.process.wait()

    def connect(self) -> socket.socket:
        """A connection of its own for a job."""
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self.control, [b"."], [theirs.fileno()])
        return ours

    def close(self) -> None:
        """End it, and with it what it has forked, even while it loads something.

        One that was there before this process was forked is for the next run as well.
        """
        self.control.close()
        if self.owner == os.getpid():
            self._end()


class _Forked(_Process):
    """A warm process that is a fork of this one, which has imported all that it needs."""

    def _start(self, theirs: socket.socket) -> None:
        self.pid = os.fork()
        if self.pid == 0:
            self._serve(theirs)

    def _serve(self, theirs: socket.socket) -> NoReturn:
        try:
            # also when it is killed: nobody else ends this one
            die_with(self.owner)
            self.control.close()
            WarmProcess(theirs, [*_PREAMBLE, self.preload]).serve()
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(0)

    def _end(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


_kept: list[_Process] = []
_early: list[_Process] = []


def keep_one(preload: str) -> None:
    """Start a warm process that serves the runs of all forks of this process, one at a time.

    Parameters
    ----------
    preload : str
        Module that it imports.
    """
    _end_kept()
    _kept[:] = [_Process(preload)] if can_fork() else []


@contextmanager
def keep_fork(preload: str) -> Iterator[None]:
    """Have a fork of this process be the warm process of runs that are forks of this process.

    Parameters
    ----------
    preload : str
        Module that it imports, which costs nothing where this process has done so.
    """
    _end_kept()
    _kept[:] = [_Forked(preload)]
    try:
        yield
    finally:
        _end_kept()


def _end_kept() -> None:
    while _kept:
        _kept.pop().close()


def start_early(preload: str = PRELOAD) -> None:
    """Start a warm process that loads while Snakemake does; it ends with Snakemake, used or not.

    Parameters
    ----------
    preload : str
        Module that it imports.
    """
    if not _early and not _kept and can_fork():
        _early.append(_Process(preload))
        atexit.register(_end_early)


def _end_early() -> None:
    while _early:
        _early.pop().close()


def _started_early(preload: str) -> _Process | None:
    """The process that was started early, if it is one as would be started now."""
    if _early and (_early[0].preload, _early[0].environment) == (preload, _environment()):
        return _early.pop()
    _end_early()
    return None


class WarmProcesses:
    """The warm process of a run, started when it is needed and again when it has to be.

    Parameters
    ----------
    preload : str
        Module that it imports.
    """

    def __init__(self, preload: str) -> None:
        self.preload = preload
        self.lock = threading.Lock()
        kept = [process for process in _kept if process.preload == preload]
        self.current: _Process | None = kept[0] if kept else None
        self.forks: set[int] = set()
        self.retired: list[_Process] = []
        self.told: set[str] = set()
        self.given_up = False

    def is_news(self, reason: str) -> bool:
        """Whether a reason is told for the first time."""
        with self.lock:
            new = reason not in self.told
            self.told.add(reason)
            return new

    def start(self) -> _Process | None:
        """The process in use; None where too many have ended."""
        with self.lock:
            if self.current is None and not self.given_up:
                self.current = _started_early(self.preload) or _Process(self.preload)
            return self.current

    def _retire(self, process: _Process) -> None:
        """No more jobs for it; those that it has forked go on."""
        with self.lock:
            if self.current is process:
                self.current = None
                self.retired.append(process)

    def close(self) -> None:
        """End all of them, and the forks of one that is kept."""
        with self.lock:
            for pid in self.forks:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            processes = [*self.retired, *([self.current] if self.current else [])]
            self.current, self.retired = None, []
        for process in processes:
            process.close()

    def _minded(self, fork: "Fork") -> Iterator["Fork"]:
        """A fork that is ended with the run."""
        self.forks.add(fork.pid)
        try:
            yield fork
        finally:
            self.forks.discard(fork.pid)

    @contextmanager
    def fork(self) -> Iterator["Fork"]:
        """A fork that waits to be told what to do.

        Yields
        ------
        Fork

        Raises
        ------
        Cold
            If there is none to be had.
        """
        for _ in range(_TRIES):
            process = self.start()
            if process is None:
                break
            try:
                connection = process.connect()
            except OSError:
                self._retire(process)
                continue
            with connection, connection.makefile("rb") as answers:
                answer = _answer(answers)
                if "cold" in answer:
                    raise Cold(answer["cold"])
                if "pid" in answer:
                    yield from self._minded(Fork(connection, answers, answer["pid"]))
                    return
            # it has ended, or what it holds is no longer what is on the disk
            self._retire(process)
        self.given_up = True
        raise Cold(f"{_TRIES} warm processes in a row ended, or their code changed")


def _answer(answers: BinaryIO) -> dict[str, Any]:
    """The next line, empty if the process was killed."""
    try:
        return json.loads(answers.readline() or "{}")
    except (OSError, ValueError):
        return {}


class Fork:
    """A fork of the warm process.

    Attributes
    ----------
    pid : int
    """

    def __init__(self, connection: socket.socket, answers: BinaryIO, pid: int) -> None:
        self.connection, self.answers, self.pid = connection, answers, pid

    def run(
        self, script: str, environment: dict[str, str], measured: bool
    ) -> tuple[int, dict[str, float]]:
        """Run a script, wait for its end.

        Parameters
        ----------
        script : str
        environment : dict
        measured : bool
            Whether to say more than `cpu` and `rss` of what it used.

        Returns
        -------
        int, dict
            The exit code as subprocess has it, negative for a signal, and what it used in seconds
            and bytes.
        """
        request = {
            "script": script,
            "folder": os.getcwd(),
            "environment": environment,
            "measured": measured,
        }
        try:
            self.connection.sendall(json.dumps(request).encode())
            self.connection.shutdown(socket.SHUT_WR)
        except OSError:
            # killed already: the answer says so
            pass
        used = _answer(self.answers)
        if "status" not in used:
            # with the warm process its forks end
            return -signal.SIGKILL, {}
        return os.waitstatus_to_exitcode(used.pop("status")), used
