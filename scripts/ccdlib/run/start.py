"""``python -m ccdlib.run.start ARGS``: snakemake, with one word for Ctrl-C while it is loaded."""

import argparse
import os
import sys
from pathlib import Path

from ..files import can_write
from ..limits import note_interrupts

__all__ = ["keep_caches"]

_HERE = Path(".ccdlib/cache")


def keep_caches(arguments: list[str]) -> str | None:
    """Have caches kept in the working directory where the user's own folder cannot be written.

    Snakemake ends with a traceback there, and numba finds no place for compiled kernels.

    Parameters
    ----------
    arguments : list of str
        Those of snakemake.

    Returns
    -------
    str or None
        A line to say so.
    """
    own = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    if sys.platform != "linux" or can_write(own):
        return None
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("-d", "--directory", default=".")
    folder = Path(parser.parse_known_args(arguments)[0].directory)
    os.environ["XDG_CACHE_HOME"] = str((folder / _HERE).absolute())
    return (
        f"caches, compiled kernels among them, are kept in {folder / _HERE}, once for each working "
        f"directory: {own} cannot be written (XDG_CACHE_HOME names a better place)"
    )


if __name__ == "__main__":
    note_interrupts()
    line = keep_caches(sys.argv[1:])
    if line:
        print(line, file=sys.stderr)
    # takes a second
    from snakemake.cli import main

    sys.argv[0] = "snakemake"
    main()
