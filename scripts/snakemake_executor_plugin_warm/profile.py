"""Which executor profiles/default asks for."""

import argparse
import os
import re
import sys

from .client import start_early

__all__ = ["executor", "started"]

# of a call that runs no job, has jobs run by another executor, or is itself the job of another
_WITHOUT = re.compile(
    r"-[a-zA-Z]*[neS][a-zA-Z]*|--(dry-?run|executor|mode|unlock|lint|list.*|summary|detailed-summary|"
    r"dag|rulegraph|filegraph|report|touch|cleanup-.*|delete-.*|archive|warm-preload)(=.*)?"
)


def executor(arguments: list[str] | None = None) -> str | None:
    """`warm`, or None where another profile is given, which then decides.

    Of two profiles that name an executor Snakemake takes that of the workflow, so that
    ``--profile profiles/slurm`` would calibrate on the login node.

    Parameters
    ----------
    arguments : list of str, optional
        Those of snakemake's command line.
    """
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--profile", nargs="?", default=os.environ.get("SNAKEMAKE_PROFILE"))
    given = parser.parse_known_args(sys.argv[1:] if arguments is None else arguments)[0].profile
    return "warm" if given in (None, "", "none") else None


def started(chosen: str | None, arguments: list[str] | None = None) -> str | None:
    """The same executor; the process that runs jobs warm loads from here on, beside Snakemake.

    Parameters
    ----------
    chosen : str or None
        From `executor`.
    arguments : list of str, optional
        Those of snakemake's command line.
    """
    given = sys.argv[1:] if arguments is None else arguments
    if chosen == "warm" and not any(map(_WITHOUT.fullmatch, given)):
        start_early()
    return chosen
