"""What happens before the first job of a run and after the last."""

import subprocess
import sys
from pathlib import Path

from . import files, lock, software, summary
from .changes import REASONS
from .config import remember
from .dag import PLAN
from .errors import CcdlibError

__all__ = ["begin", "conclude", "last_steps"]


def begin(config, given, is_batch=False):
    """Take the working directory's lock, remove half-written files, compile the kernels.

    Parameters
    ----------
    config, given : dict
        Whole, and what of it the command line gave; kept for the commands that look at the
        products.
    is_batch : bool
        Whether other batches of the same night may be at work beside this one: then half-written
        files may be theirs.

    Returns
    -------
    file
        The lock, to be kept until the run ends.

    Raises
    ------
    CcdlibError
        If another run is at work in the same folder, or the kernels cannot be compiled.
    """
    held = lock.hold(shared=is_batch)
    if not is_batch:
        files.remove_parts("results")
        Path(REASONS).unlink(missing_ok=True)
    remember(config, given)
    software.remember(has_results=Path(PLAN).exists())
    # in a process of its own, as numba takes long to load; once instead of in every first job
    compiled = subprocess.run([sys.executable, "-m", "ccdlib.kernels"]).returncode
    if compiled < 0:
        raise CcdlibError(f"compiling the kernels was ended by signal {-compiled} (out of memory?)")
    if compiled:
        raise CcdlibError(f"compiling the kernels failed with exit code {compiled}, see above")
    return held


def last_steps(config, plan):
    """Targets that are made after all products: one that prunes, one that fails if strict.

    Parameters
    ----------
    config : dict
    plan : callable
        Gives the `Plan`.
    """
    targets = []
    if config["prune"] and plan().orphans():
        targets.append("results/pruned.txt")
    if config["strict"] and summary.refusals(config["products"]["keep"]):
        targets.append("results/nothing_refused")
    return targets


def conclude(config, is_demo, failed):
    """Write the report when a job failed, and return the last lines of the run.

    After a failed job no rule is run that would write it.
    """
    if failed:
        from .report import write_report

        truth = "demo/truth" if is_demo and Path("demo/truth").exists() else None
        write_report("results/report/index.html", config, truth)
    return summary.lines(config["products"]["keep"])
