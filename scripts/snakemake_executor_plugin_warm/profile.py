"""Which executor profiles/default asks for."""

import argparse
import os
import sys

__all__ = ["executor"]


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
