"""``ccdlib run ARGS``: snakemake with the Snakefile of this installation."""

import argparse
import os
import sys

from ..pipeline_folder import PIPELINE
from ..run.arguments import check_arguments

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """All arguments are Snakemake's."""
    parser.add_argument("arguments", nargs="*")


def run(arguments: argparse.Namespace) -> int:
    """Become snakemake, so that signals and exit code are its own."""
    check_arguments(arguments.arguments)
    command = [sys.executable, "-m", "ccdlib.run.start"]
    command += ["--snakefile", str(PIPELINE / "Snakefile")]
    sys.stdout.flush()
    os.execv(command[0], [*command, *arguments.arguments])
