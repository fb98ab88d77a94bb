"""``ccdlib snakefile``: where the Snakefile of this installation is."""

import argparse

from ..pipeline_folder import PIPELINE

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``ccdlib snakefile`` has no options."""


def run(arguments: argparse.Namespace) -> int:
    """Print the path."""
    print(PIPELINE / "Snakefile")
    return 0
