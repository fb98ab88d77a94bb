"""Whether the kernels are compiled, known without loading numba, which takes a second.

numba keeps what it compiled in files that are good for one state of the modules, one version of
itself and one type of processor. A note in the working directory, and one beside the package for
working directories that are new, says for which these files were there last, and which files they
are; where all is as it was, there is nothing to compile.
"""

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..errors import CcdlibError
from ..files import can_write
from ..raw.raw_folder import stat_of
from ..state import keep_json, kept_json

__all__ = ["COMPILE", "KERNELS", "are_compiled", "compile_beside", "compiling_alone"]
__all__ += ["keep_somewhere", "note_compiled"]

COMPILE = sys.executable, "-m", "ccdlib.run.compile_kernels"

KERNELS = (
    "statistics.combine_kernels",
    "statistics.box_kernels",
    "frame.noise_kernels",
    "frame.step_kernels",
    "frame.lacosmic_kernels",
    "master.gain_kernels",
    "products.word_kernels",
)

_NOTE, _HERE = Path(".ccdlib/kernels.json"), Path(".ccdlib/numba")
_AT_WORK: list[subprocess.Popen] = []
_PACKAGE = Path(__file__).parents[1]
_BESIDE = _PACKAGE / "__pycache__/kernels.json"
# lines of /proc/cpuinfo, on x86 and on ARM; others change from hour to hour
_TYPE = "vendor_id", "cpu family", "model", "flags", "Features", "CPU "


def keep_somewhere() -> list[str]:
    """Have kernels kept in the working directory where numba finds no place of its own.

    Its places are beside the modules and below the user's home. When neither can be written it
    refuses to load them at all.

    Returns
    -------
    list of str
        One line when they are kept in the working directory.
    """
    if _has_place_beside():
        return []
    from numba.misc.appdirs import AppDirs

    home = AppDirs(appname="numba", appauthor=False).user_cache_dir
    if can_write(home):
        return []
    os.environ["NUMBA_CACHE_DIR"] = str(_HERE.absolute())
    return [
        f"compiled kernels are kept in {_HERE}, once for each working directory: neither "
        f"{_PACKAGE} nor {home} can be written (NUMBA_CACHE_DIR names a better place)"
    ]


def _has_place_beside():
    """Whether kernels can be kept beside the modules, or where NUMBA_CACHE_DIR says."""
    beside = {_PACKAGE.joinpath(*name.split(".")[:-1], "__pycache__") for name in KERNELS}
    return bool(os.environ.get("NUMBA_CACHE_DIR")) or all(map(can_write, beside))


@contextmanager
def compiling_alone() -> Iterator[None]:
    """Wait until no other process compiles the kernels of this installation, and keep others out.

    Where the file system knows no locks, or none of files that are only read, two may compile the
    same: a loss of time alone, as numba puts what it compiled into place as a whole.
    """
    with open(__file__) as own:
        with suppress(OSError):
            fcntl.flock(own, fcntl.LOCK_EX)
        yield


def compile_beside() -> bool:
    """Have the kernels compiled while a person reads what comes before the first run.

    A run that comes too early waits for the rest.

    Returns
    -------
    bool
        Whether a process was started for it, which goes on alone.
    """
    if are_compiled() or not _has_place_beside():
        return False
    # one that fails is no loss: the run compiles what it does not find, and tells what is wrong
    process = subprocess.Popen(
        ["nice", *COMPILE],
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    # Python warns of one that is forgotten while it is at work
    _AT_WORK.append(process)
    return True


def _states(paths: Iterable[str | Path]) -> dict[str, list[int]]:
    return {str(path): list(stat_of(os.stat(path))) for path in paths}


def _processor() -> list[str]:
    """Type and features of the first processor; nothing where the system does not say."""
    try:
        with open("/proc/cpuinfo") as file:
            lines = list(iter(file.readline, "\n"))
    except OSError:
        return []
    return [line for line in lines if line.startswith(_TYPE)]


def _conditions() -> dict[str, Any]:
    """What compiled code depends on."""
    sources = [_PACKAGE.joinpath(*name.split(".")).with_suffix(".py") for name in KERNELS]
    return {
        "python": [sys.executable, sys.version],
        "versions": [version(package) for package in ("numba", "llvmlite", "numpy")],
        "settings": {key: os.environ[key] for key in os.environ if key.startswith("NUMBA_")},
        "processor": _processor(),
        "sources": _states(sources),
    }


def are_compiled() -> bool:
    """Whether a note says that the kernels are compiled, and all is as it was then."""
    now = _conditions()
    return bool(now["processor"]) and any(_holds(note, now) for note in (_NOTE, _BESIDE))


def _holds(path, now):
    """Whether a note is of the present conditions, and the files that it names are as they were."""
    note = kept_json(path) or {}
    files = note.pop("files", {})
    try:
        return bool(files) and note == now and files == _states(files)
    except OSError:
        return False


def _compiled_files() -> Iterator[Path]:
    """The files in which numba keeps what it compiled."""
    for name in KERNELS:
        module = import_module(f"ccdlib.{name}")
        # of functions that others call inlined nothing is kept
        kept = [each.stats for each in vars(module).values() if hasattr(each, "stats")]
        for folder in {stats.cache_path for stats in kept if stats.cache_path}:
            yield from Path(folder).glob(f"{name.rpartition('.')[2]}.*.nb[ic]")


def note_compiled() -> None:
    """Note that all kernels are compiled: in a working directory in use, and beside the package."""
    files = sorted(_compiled_files())
    content = _conditions() | {"files": _states(files)}
    if _NOTE.parent.is_dir():
        keep_json(_NOTE, content)
    # files in a user's home are of no use to another user
    if all(path.is_relative_to(_PACKAGE) for path in files):
        with suppress(OSError, CcdlibError):
            keep_json(_BESIDE, content)
