"""Every use that is made of Snakemake's insides, which another release may move.

A job of a rule with ``script:`` calls the function that Snakemake made of the rule, which calls
`snakemake.script.script`, which makes a `PythonScript` and lets it write a file with preamble and
source and execute that file. All of it stays; the executing alone is replaced, by giving copies of
the two functions another name to look up. tests/unit/test_warm.py compares what a job sees then
with what it sees without.
"""

import copy
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from types import FunctionType
from typing import Any

from snakemake.benchmark import BenchmarkRecord, BenchmarkTimer, DaemonTimer
from snakemake.logging import logger
from snakemake.rules import Rule
from snakemake.script import PythonScript, script
from snakemake.shell import shell

from .client import Cold, WarmProcesses

__all__ = ["job_environment", "warm_rule", "warm_script"]

_MEGABYTE = 1024 * 1024
# seconds after which Snakemake looks at a fork for the first time; then every half second
_FIRST_LOOK = 5


def _with_names(function: FunctionType, **names: Any) -> FunctionType:
    """The same function, to which some global names are something else."""
    return FunctionType(
        function.__code__,
        function.__globals__ | names,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )


def warm_script(processes: WarmProcesses) -> FunctionType:
    """Snakemake's `script`, whose Python scripts are run by forks.

    Parameters
    ----------
    processes : WarmProcesses
    """
    return _with_names(script, PythonScript=type("Script", (_Script,), {"processes": processes}))


def warm_rule(rule: Rule, run_script: FunctionType) -> Rule:
    """A copy of a rule that runs its script with `run_script`."""
    warm = copy.copy(rule)
    warm.run_func = _with_names(rule.run_func, script=run_script)
    return warm


class _Script(PythonScript):
    # of a subclass that `warm_script` makes for each run
    processes: WarmProcesses

    def execute_script(self, fname: str, edit: bool = False) -> None:
        if self._needs_a_shell():
            super().execute_script(fname, edit)
            return
        try:
            self._fork(fname)
        except Cold as reason:
            if self.processes.is_news(str(reason)):
                logger.warning(f"jobs are started without the warm process: {reason}")
            super().execute_script(fname, edit)

    def _needs_a_shell(self) -> bool:
        """Whether there is more to do than to start this Python."""
        elsewhere = self.conda_env or self.container_img or self.env_modules or self.shadow_dir
        own_shell = self.resources.get("shell_exec") or shell._process_suffix
        return bool(elsewhere or own_shell or shell._process_prefix is not None)

    def _fork(self, fname: str) -> None:
        with self.processes.fork() as fork:
            record = self.bench_record
            environment = job_environment(self.threads, self.resources)
            with _looked_at(fork.pid, record) if record else nullcontext():
                code, used = fork.run(fname, environment, bool(record))
        if record and used:
            _note(record, used)
        if code:
            raise subprocess.CalledProcessError(code, f"{sys.executable} {fname}")


class _Looks(BenchmarkTimer):
    """Snakemake's looks at a process, the first one late.

    Each look goes through all processes of the machine, and what a job used its fork says itself:
    they are for jobs that hold memory for a while and no longer at their end.
    """

    def start(self) -> None:
        with self._lock:
            self._stopped = False
            self._timer = DaemonTimer(_FIRST_LOOK, self._action)
            self._timer.start()


@contextmanager
def _looked_at(pid: int, record: BenchmarkRecord) -> Iterator[None]:
    """Fill a benchmark's record while a process is at work."""
    began, looks = time.time(), _Looks(pid, record)
    looks.start()
    try:
        yield
    finally:
        looks.cancel()
        record.running_time = time.time() - began


def job_environment(threads: int, resources: Any) -> dict[str, str]:
    """The environment that Snakemake, and its shell, give to a script."""
    names = ("OMP", "GOTO", "OPENBLAS", "MKL", "NUMEXPR")
    environment = dict(os.environ) | {"PWD": os.getcwd()}
    environment |= dict.fromkeys((f"{name}_NUM_THREADS" for name in names), str(threads))
    environment["VECLIB_MAXIMUM_THREADS"] = str(threads)
    if resources.get("tmpdir"):
        environment |= dict.fromkeys(("TMPDIR", "TMP", "TEMPDIR", "TEMP"), resources["tmpdir"])
    return environment


def _note(record: BenchmarkRecord, used: dict[str, float]) -> None:
    """Put into a benchmark what the fork used in all, where Snakemake looked now and then."""
    peaks = {"max_rss": "rss", "max_vms": "vms", "max_uss": "uss", "max_pss": "pss"}
    for column, name in peaks.items():
        if name in used:
            seen = getattr(record, column) or 0
            setattr(record, column, max(seen, used[name] / _MEGABYTE))
    if "read" in used:
        record.io_in, record.io_out = used["read"] / _MEGABYTE, used["written"] / _MEGABYTE
    record.cpu_time = used["cpu"]
    # in percent of a processor times seconds
    record.cpu_usage = 100 * used["cpu"]
    record.data_collected = True
