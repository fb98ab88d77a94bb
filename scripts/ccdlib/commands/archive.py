"""``ccdlib archive ARGS``: snakemake with the workflow of an archive of this installation."""

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
    command += ["--snakefile", str(PIPELINE / "workflow/archive.smk")]
    # picked up by itself beside the Snakefile of a night alone
    command += ["--workflow-profile", str(PIPELINE / "profiles/default")]
    # each night is then a fork of a process that has imported all that a night needs
    command += ["--warm-preload", "ccdlib.archives.preload"]
    sys.stdout.flush()
    os.execv(command[0], [*command, *arguments.arguments])
