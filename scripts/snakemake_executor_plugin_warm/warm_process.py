"""The warm process: it holds what scripts import, and forks once for each job.

`client.WarmProcess` starts it as a script of its own, which needs the standard library alone::

    python warm_process.py CONTROL PRELOAD...

CONTROL is the descriptor of a socket on which a connection arrives for each job; when it ends,
Snakemake has ended, and every fork is killed. PRELOAD are modules to import; the package of the
last one is watched for changes.

A connection is answered with lines of JSON:

======================  ====================================================================
``{"pid": 4711}``       forked; the fork reads what to do from the connection
``{"status": 0, ...}``  the fork ended: its wait status, and what it used
``{"stale": "FILE"}``   not forked, as FILE is not what it was when it was imported
``{"cold": "reason"}``  not forked: the job has to be run in a process of its own
======================  ====================================================================
"""

import atexit
import builtins
import contextlib
import ctypes
import gc
import importlib
import importlib.machinery
import importlib.util
import json
import mmap
import os
import selectors
import signal
import socket
import sys
import tempfile
import threading
import types
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

__all__ = ["WarmProcess", "changed", "die_with", "files_on_disk", "run_as_main", "usage"]

# linux/prctl.h
_SET_PARENT_DEATH_SIGNAL, _SET_NAME = 1, 15
# bytes in which a fork says what it used
_ROOM = 1024
# what sys.exit gives when the output could not be written, as Python does at its end
_NOT_FLUSHED = 120

Files = dict[str, tuple[int, int, int] | None]


def files_on_disk(package: str) -> Files:
    """State of the files that a package is imported from, and of the folders of the path.

    An installed package that is replaced changes the time of the folder that it lies in.

    Parameters
    ----------
    package : str
        Name of a top-level package or module.

    Returns
    -------
    dict
        {path: (time of change, size, inode)}; None for a path that is not there.
    """
    found = importlib.util.find_spec(package)
    files = [found.origin] if found and found.origin else []
    for folder in (found and found.submodule_search_locations) or ():
        for place, _, names in os.walk(folder):
            files += [os.path.join(place, name) for name in names if name.endswith(".py")]
    return {path: _state(path) for path in [*sys.path, *files]}


def _state(path: str) -> tuple[int, int, int] | None:
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def changed(before: Files, now: Files) -> str | None:
    """The first path of two `files_on_disk` that is not the same in both, or None."""
    return next((path for path in before | now if before.get(path) != now.get(path)), None)


class WarmProcess:
    """What listens to Snakemake, forks, and waits for the forks.

    Parameters
    ----------
    control : socket.socket
    preload : list of str
        Modules to import. Of the last, the generator `while_waiting`, if it has one, is run step by
        step until there is a job, and the function `while_idle` is called when the first is at
        work.
    """

    def __init__(self, control: socket.socket, preload: list[str]) -> None:
        self.control, self.pid = control, os.getpid()
        self.package = preload[-1].partition(".")[0]
        self.jobs: dict[int, tuple[socket.socket, mmap.mmap]] = {}
        # why there is no fork any more, and what is to be called once
        self.stale: str | None = None
        self.cold: str | None = None
        self.later: Callable[[], None] | None = None
        self.steps: Iterator[None] | None = None
        self.wakeup, wake = socket.socketpair()
        self.wakeup.setblocking(False)
        wake.setblocking(False)
        self.own: list[Any] = [control, self.wakeup, wake]
        signal.signal(signal.SIGCHLD, lambda *_: None)
        # Ctrl-C is for the jobs; the client blocked it until here
        self.interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        self._load(preload)

    def _load(self, preload: list[str]) -> None:
        # seen before the import: what changes during it is noticed as well
        self.seen = files_on_disk(self.package)
        try:
            for name in preload:
                module = importlib.import_module(name)
        except Exception as error:
            self.cold = f"{name} cannot be imported: {type(error).__name__}: {error}"
            return
        self.later = getattr(module, "while_idle", None)
        self.steps = getattr(module, "while_waiting", lambda: None)()
        gc.freeze()

    def _take_a_step(self) -> None:
        assert self.steps is not None, "asked for while there are some"
        try:
            next(self.steps)
        except StopIteration:
            self.steps = None
        except Exception as error:
            self.steps = None
            self.cold = f"{self.package} cannot be loaded: {type(error).__name__}: {error}"
        gc.freeze()

    def _load_the_rest(self, later: Callable[[], None]) -> None:
        self.later = self.steps = None
        try:
            later()
        except Exception as error:
            self.cold = f"{later.__module__}.while_idle failed: {type(error).__name__}: {error}"
        gc.freeze()

    def serve(self) -> None:
        """Fork for each connection until Snakemake has ended."""
        with selectors.DefaultSelector() as selector:
            self.own.append(selector)
            selector.register(self.control, selectors.EVENT_READ)
            selector.register(self.wakeup, selectors.EVENT_READ)
            while not (self.stale and not self.jobs):
                ready = [key.fileobj for key, _ in selector.select(0 if self.steps else None)]
                if not ready:
                    self._take_a_step()
                    continue
                if self.wakeup in ready:
                    self.wakeup.recv(4096)
                    self._reap()
                if self.control in ready:
                    sent, descriptors, _, _ = socket.recv_fds(self.control, 1, 1)
                    if not sent:
                        self._kill_forks()
                        return
                    # none came along where too many files are open: Snakemake notices
                    for descriptor in descriptors:
                        self._answer(socket.socket(fileno=descriptor))
                if self.later and self.jobs:
                    self._load_the_rest(self.later)

    def _answer(self, connection: socket.socket) -> None:
        """Fork for a connection, or say why not."""
        self.stale = self.stale or changed(self.seen, files_on_disk(self.package))
        threads = len(os.listdir("/proc/self/task"))
        if threads > 1:
            self.cold = f"{threads} threads are alive, which a fork would not have"
        if self.cold or self.stale:
            answer = {"cold": self.cold} if self.cold else {"stale": self.stale}
            _say(connection, answer)
            connection.close()
            return
        with contextlib.suppress(OSError):
            sys.stdout.flush()
        used = mmap.mmap(-1, _ROOM)
        try:
            pid = os.fork()
        except OSError as error:
            _say(connection, {"cold": f"no fork: {error.strerror}"})
            connection.close()
            return
        if pid == 0:
            self._be_a_job(connection, used)
        self.jobs[pid] = connection, used
        _say(connection, {"pid": pid})

    def _reap(self) -> None:
        for pid, (connection, used) in list(self.jobs.items()):
            ended, status, spent = os.wait4(pid, os.WNOHANG)
            if ended:
                del self.jobs[pid]
                # one that was killed may have been about to say it
                said = used[:].rstrip(b"\0") if status == 0 else b""
                answer = {
                    "status": status,
                    "cpu": spent.ru_utime + spent.ru_stime,
                    "rss": spent.ru_maxrss * 1024,
                }
                _say(connection, answer | (json.loads(said) if said else {}))
                connection.close()
                used.close()

    def _kill_forks(self) -> None:
        for pid in self.jobs:
            os.kill(pid, signal.SIGKILL)

    def _be_a_job(self, connection: socket.socket, used: mmap.mmap) -> NoReturn:
        """What the fork does; it does not return."""
        status = 1
        try:
            die_with(self.pid)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, self.interrupt)
            request = _asked(connection)
            # nobody waits for this job
            if request is None:
                _leave(status)
            for each in [*self.own, connection, *(other for other, _ in self.jobs.values())]:
                each.close()
            _as_new(request)
            status = run_as_main(request["script"])
            if request["measured"]:
                said = json.dumps(usage()).encode()
                used[: len(said)] = said
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            _leave(status)


def _asked(connection: socket.socket) -> dict[str, Any] | None:
    """What to do; None when Snakemake was ended before it had said all of it."""
    with connection.makefile("rb") as file:
        try:
            return json.loads(file.read())
        except (ConnectionError, ValueError):
            return None


def _say(connection: socket.socket, answer: dict[str, Any]) -> None:
    """Send a line; a Snakemake that has ended no longer reads it."""
    with contextlib.suppress(OSError):
        connection.sendall(json.dumps(answer).encode() + b"\n")


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent ends, also when that was just now."""
    ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _as_new(request: dict[str, Any]) -> None:
    """Make this process look like one that Python was just started in for a script.

    Parameters
    ----------
    request : dict
        `script`, a path; `folder` to work in; `environment`, whole.
    """
    script = request["script"]
    # what ps and top show
    name = os.path.basename(script).removesuffix(".py").rpartition(".")[2]
    ctypes.CDLL(None).prctl(_SET_NAME, name.encode()[:15])
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    tempfile.tempdir = None
    sys.argv[:] = [script]
    sys.orig_argv[:] = [sys.executable, script]
    if not sys.flags.safe_path:
        sys.path.insert(0, os.path.dirname(os.path.realpath(script)))
    # Python itself does so for its own generator
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()


def run_as_main(path: str) -> int:
    """Run a script as `python SCRIPT` does, and what is to be done at the end of Python.

    Returns
    -------
    int
        The exit status, or -2 where it should end by the signal that interrupted it.
    """
    try:
        status = _run(path)
        # threads that were not waited for; in the end those of leftover pools
        threading._shutdown()  # type: ignore[attr-defined]
    except BaseException as error:
        status = _tell(error)
    atexit._run_exitfuncs()
    for stream in sys.stdout, sys.stderr:
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except OSError:
            status = status or _NOT_FLUSHED
    return status


def _run(path: str) -> int:
    main = types.ModuleType("__main__")
    loader = importlib.machinery.SourceFileLoader("__main__", path)
    main.__dict__.update(
        __file__=path, __cached__=None, __builtins__=builtins, __loader__=loader, __annotations__={}
    )
    sys.modules["__main__"] = main
    with open(path, "rb") as file:
        code = compile(file.read(), path, "exec", dont_inherit=True)
    exec(code, main.__dict__)
    return 0


def _tell(error: BaseException) -> int:
    """The exit status of what a script raised, said on stderr where Python says it."""
    if isinstance(error, SystemExit):
        if error.code is None or isinstance(error.code, int):
            return (error.code or 0) & 0xFF
        print(error.code, file=sys.stderr)
        return 1
    # without the lines of this module
    while error.__traceback__ and error.__traceback__.tb_frame.f_code.co_filename == __file__:
        error.__traceback__ = error.__traceback__.tb_next
    sys.excepthook(type(error), error, error.__traceback__)
    return -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1


def _leave(status: int) -> NoReturn:
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


def usage() -> dict[str, int]:
    """What this process has used so far, in bytes: address space at its peak, memory, disk.

    Returns
    -------
    dict
        `vms`, the peak; `uss` and `pss`, now; `read` and `written`, from and to the disk.
    """
    status, rollup = _fields("status"), _fields("smaps_rollup")
    disk = _fields("io")
    kilobyte = 1024
    return {
        "vms": status["VmPeak"] * kilobyte,
        "uss": (rollup["Private_Clean"] + rollup["Private_Dirty"]) * kilobyte,
        "pss": rollup["Pss"] * kilobyte,
        "read": disk["read_bytes"],
        "written": disk["write_bytes"],
    }


def _fields(name: str) -> dict[str, int]:
    """{field: number} of a file of /proc/self."""
    with open(f"/proc/self/{name}") as file:
        words = [line.split() for line in file]
    return {each[0][:-1]: int(each[1]) for each in words if each[1:] and each[1].isdigit()}


if __name__ == "__main__":
    # the folder of this file, which no script has on its path
    if not sys.flags.safe_path:
        del sys.path[0]
    descriptor, *preload = sys.argv[1:]
    WarmProcess(socket.socket(fileno=int(descriptor)), preload).serve()
