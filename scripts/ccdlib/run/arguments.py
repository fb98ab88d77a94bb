"""Arguments for which Snakemake would end with a traceback, or never."""

from __future__ import annotations

import argparse
import os
import stat
from pathlib import Path

from ..errors import CcdlibError

__all__ = ["check_arguments"]


def check_arguments(arguments: list[str]) -> None:
    """Check the folder to work in and the config files that Snakemake is given.

    Parameters
    ----------
    arguments : list of str
        Those of snakemake.

    Raises
    ------
    CcdlibError
        If the folder is something else, or a config file is missing, endless or no YAML.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("-d", "--directory")
    parser.add_argument("--configfile", "--configfiles", nargs="+", action="extend", default=[])
    try:
        given = parser.parse_known_args(arguments)[0]
    except argparse.ArgumentError:
        # an option without its value: Snakemake says so
        return
    if given.directory is not None:
        _check_folder(given.directory)
    for path in given.configfile:
        _check_config(path)


def _check_folder(name):
    """Check that a folder is one, or can be made."""
    for path in (Path(name), *Path(name).parents):
        if os.path.lexists(path):
            if not path.is_dir():
                raise CcdlibError(f"--directory {name}: {path} is no folder")
            return


def _check_config(name):
    # takes a quarter of a second
    from ..config import read_yaml

    path = Path(name)
    # of a FIFO, as a shell makes one of <(...), nothing is left for Snakemake once it is read
    if not (path.exists() and stat.S_ISFIFO(path.stat().st_mode)):
        try:
            content = read_yaml(path)
        except (CcdlibError, OSError) as error:
            raise CcdlibError(f"--configfile {error}") from None
        if not content:
            raise CcdlibError(f"--configfile {name}: holds no key")
