"""``ccdlib watch RAW_DIR --directory WORK``: frames are calibrated as they are read out."""

import argparse
import json
import os
import re
import sys
from typing import NoReturn

from ..errors import CcdlibError
from ..pipeline_folder import PIPELINE

__all__ = ["add_arguments", "run"]

_CORES = ("--cores", "-c", "--jobs", "-j")
# seconds between looks, at most
_LONGEST = 3600
_RAW_DIR = re.compile(r"((--config|-C)=)?raw_dir=")
# what Python's libraries of linear algebra would start threads for, which no fork has
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ccdlib watch``."""
    parser.add_argument("raw_dir", metavar="RAW_DIR", help="folder into which frames are written")
    parser.add_argument(
        "--directory", default=".", metavar="WORK", help="working directory (default: this one)"
    )
    parser.add_argument(
        "--serve", type=int, metavar="PORT", help="serve the live page, to this machine alone"
    )
    parser.add_argument(
        "--final",
        action="store_true",
        help="run once over the whole night, with its report, and end",
    )
    parser.add_argument(
        "--every", type=float, default=0.5, metavar="S", help="seconds between looks (default: 0.5)"
    )
    parser.add_argument("--bell", action="store_true", help="ring the terminal at an alarm")
    parser.epilog = "What follows -- is for snakemake: -- --cores 2 --config camera=NAME"


def run(arguments: argparse.Namespace) -> NoReturn:
    """Become the process that watches, so that signals and exit code are its own."""
    given = arguments.passed_on
    if not 0 < arguments.every <= _LONGEST:
        limits = f"more than 0 and at most {_LONGEST}"
        raise CcdlibError(f"--every {arguments.every:g}: seconds between looks, {limits}")
    if twice := [each for each in given if _RAW_DIR.match(each)]:
        raise CcdlibError(f"{twice[0]}: the raw folder is RAW_DIR, {arguments.raw_dir}")
    cores = [] if any(each.startswith(_CORES) for each in given) else ["--cores", "all"]
    options = {
        "raw_dir": os.path.abspath(arguments.raw_dir),
        "work": os.path.abspath(arguments.directory),
        "typed_in": os.getcwd(),
        "arguments": ["--snakefile", str(PIPELINE / "Snakefile"), *cores, *given],
        "every": arguments.every,
        "bell": arguments.bell,
        "port": arguments.serve,
        "final": arguments.final,
    }
    sys.stdout.flush()
    os.environ.update(_ONE_THREAD)
    os.execv(sys.executable, [sys.executable, "-m", "ccdlib.watch.start", json.dumps(options)])
