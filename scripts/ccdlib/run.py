"""What happens before the first job of a run and after the last."""

import subprocess
import sys
from pathlib import Path

from . import files, lock, software, summary
from .changes import REASONS
from .config import remember
from .dag import PLAN

__all__ = ["begin", "conclude", "last_steps", "unfinished"]

# there while a run is at work and after one that was killed or had a failed job; what the pages
# of the report say may then be of another state than the products
_UNFINISHED = Path(".ccdlib/unfinished")


def unfinished():
    """The mark of a run that did not end well, as an input of the report's pages."""
    return [str(_UNFINISHED)] if _UNFINISHED.exists() else []


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
        If another run is at work in the same folder.
    """
    held = lock.hold(shared=is_batch)
    if not is_batch:
        files.remove_parts("results")
        Path(REASONS).unlink(missing_ok=True)
    remember(config, given)
    software.remember(has_results=Path(PLAN).exists())
    _UNFINISHED.touch()
    # in a process of its own, as numba takes long to load; once instead of in every first job
    subprocess.run([sys.executable, "-m", "ccdlib.kernels"], check=True)
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


def conclude(config, is_demo, failed, is_batch=False):
    """Write the report when a job failed, and return the last lines of the run.

    After a failed job no rule is run that would write it. A batch leaves it to the run after it.
    """
    if is_batch:
        return summary.lines(config["products"]["keep"])
    if failed:
        from .report import write_all

        write_all(config, "demo/truth" if is_demo and Path("demo/truth").exists() else None)
        _UNFINISHED.touch()
    else:
        _UNFINISHED.unlink(missing_ok=True)
    return summary.lines(config["products"]["keep"])
