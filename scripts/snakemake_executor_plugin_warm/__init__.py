"""Snakemake's local executor, with scripts that start warm.

A job of a Python `script:` is run by a fork of one process that has already imported what the
scripts import. All else is Snakemake's local executor: a job is a job, whatever it is run by.
"""

from dataclasses import dataclass, field
from typing import Any

from snakemake.executors.local import Executor as LocalExecutor
from snakemake.executors.local import common_settings
from snakemake_interface_executor_plugins.settings import ExecutorSettingsBase

from .client import PRELOAD, WarmProcesses, can_fork
from .snakemake_parts import warm_rule, warm_script

__all__ = ["Executor", "ExecutorSettings", "common_settings"]


@dataclass
class ExecutorSettings(ExecutorSettingsBase):
    """Becomes ``--warm-preload``."""

    preload: str = field(
        default=PRELOAD,
        metadata={"help": "Module that imports what scripts import", "metavar": "MODULE"},
    )


class Executor(LocalExecutor):
    """The executor behind ``--executor warm``."""

    def __post_init__(self) -> None:
        super().__post_init__()
        settings = self.executor_settings or ExecutorSettings()
        self.processes = WarmProcesses(settings.preload)
        self.run_script = warm_script(self.processes)
        self.rules: dict[str, Any] = {}

    def job_args_and_prepare(self, job: Any) -> tuple:
        """The arguments of Snakemake's `run_wrapper`, the first of which is the rule."""
        rule, *others = super().job_args_and_prepare(job)
        if can_fork() and job.is_script:
            # it loads while the script is written
            self.processes.start()
            if rule.name not in self.rules:
                self.rules[rule.name] = warm_rule(rule, self.run_script)
            rule = self.rules[rule.name]
        return rule, *others

    def shutdown(self) -> None:
        try:
            super().shutdown()
        finally:
            self.processes.close()

    def cancel(self) -> None:
        try:
            super().cancel()
        finally:
            self.processes.close()
