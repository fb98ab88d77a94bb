"""One night: its own workflow, run in its own working directory, and what it leaves behind."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from ..errors import CcdlibError, in_words
from ..files import refuse_no_folder, write_if_other
from ..limits import end_with_parent
from ..lock import wait_for_run
from ..pipeline_folder import PIPELINE
from ..rerun import software
from ..state import sealed, unsealed
from .measures import measured
from .status import FORMAT, RECORD, TASK, products_of

__all__ = ["LENT", "read_task", "reduce_night"]

# what the process of a night holds, and what that of its jobs is asked for
_PRELOAD, _JOBS = "ccdlib.archives.preload", "ccdlib.run.preload"

# folder of links to what a night is lent, below its working directory
LENT = "lent"
# what the archive's run was started with is not for that of a night
_PROFILE = "SNAKEMAKE_PROFILE"
_HEAD = "# written by the archive from archive.yaml: change it there\n"


def read_task(name: str) -> dict[str, Any]:
    """What the job of a night is given.

    Raises
    ------
    CcdlibError
        If the run that starts the jobs has not written it.
    """
    path = Path("nights", name, TASK)
    found = unsealed(path)
    if found is None:
        raise CcdlibError(f"{path}: missing or damaged; start the archive's run again")
    return found


def _write_config(work: Path, settings: Mapping[str, Any]) -> None:
    content = _HEAD + yaml.safe_dump(dict(settings), sort_keys=True)
    write_if_other(work / "config/config.yaml", content.encode())


def _link(work: Path, loans: Iterable[Sequence[str]]) -> list[str]:
    """Links to what a night is lent, and to nothing else; those that are not there are returned."""
    folder, missing = work / LENT, []
    refuse_no_folder(folder)
    shutil.rmtree(folder, ignore_errors=True)
    for kind, lender, path in loans:
        if not Path(path).exists():
            missing.append(path)
            continue
        link = folder / lender / kind / os.path.basename(path)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(path, link.parent))
    return missing


def _settings(task: Mapping[str, Any], is_lent: bool) -> dict[str, Any]:
    """What the config.yaml of a night has."""
    given = dict(task["settings"])
    ready = given.get("ready_masters") or []
    folders = ([LENT] if is_lent else []) + ([ready] if isinstance(ready, str) else list(ready))
    return given | ({"ready_masters": folders} if folders else {})


def _run(work: Path, cores: int, mem_mb: int, log: str) -> tuple[int, str]:
    """Run the night's workflow; its exit code and its last line."""
    arguments = ["--snakefile", str(PIPELINE / "Snakefile"), "--directory", str(work)]
    arguments += ["--cores", str(cores), "--resources", f"mem_mb={mem_mb}"]
    code = _forked(arguments, log) if _may_fork() else _started(arguments, log)
    lines = Path(log).read_text(errors="replace").strip().splitlines()
    return code, lines[-1] if lines else ""


def _may_fork() -> bool:
    """Whether a fork of this process can do what a new one could."""
    from snakemake_executor_plugin_warm.client import can_fork

    # a fork has none of the others, which libraries of linear algebra may have started
    return can_fork() and len(os.listdir("/proc/self/task")) == 1


def _forked(arguments: list[str], log: str) -> int:
    """Run snakemake in a fork, whose jobs are forks of another one; its exit code."""
    from snakemake_executor_plugin_warm.client import keep_fork

    from ..run.forked_run import fork_run

    import_module(_PRELOAD)
    parent = os.getpid()

    def first() -> None:
        end_with_parent(parent)
        os.environ.pop(_PROFILE, None)

    with keep_fork(_JOBS):
        pid = fork_run(arguments, os.getcwd(), log, first, anew=False)
        return os.waitstatus_to_exitcode(_ended(pid))


def _ended(pid: int) -> int:
    """The wait status of a process; Ctrl-C, which it has seen as well, waits for it."""
    try:
        return os.waitpid(pid, 0)[1]
    except KeyboardInterrupt:
        os.waitpid(pid, 0)
        raise


def _started(arguments: list[str], log: str) -> int:
    """Run snakemake in a process that imports it; its exit code."""
    command = [sys.executable, "-m", "ccdlib.run.start", *arguments]
    environment = {key: value for key, value in os.environ.items() if key != _PROFILE}
    with open(log, "a") as file:
        return subprocess.run(command, stdout=file, stderr=file, env=environment).returncode


def reduce_night(name: str, cores: int, mem_mb: int, log: str) -> bytes:
    """Reduce a night as its task says.

    Parameters
    ----------
    name : str
    cores, mem_mb : int
        Those of the job, for the night's own jobs.
    log : str
        File that what the night's run prints is added to.

    Returns
    -------
    bytes
        The sealed record: key, failed (None, or why in a few words), missing (masters that it is
        lent and that were not there), nights, lights, refused,
        odd, words, seconds, versions, products (see `products_of`), and what was measured, see
        `measured`.
    """
    task, work = read_task(name), Path("nights", name)
    wait_for_run(work)
    missing = _link(work, task["loans"])
    _write_config(work, _settings(task, len(missing) < len(task["loans"])))
    began = time.monotonic()
    code, last = _run(work, cores, mem_mb, log)
    left, wrong = _left(work, task["nights"])
    failed = f"exit code {code}: {last}" if code else wrong
    record = {
        "format": FORMAT,
        "key": task["key"],
        "failed": failed,
        "missing": missing,
        "camera": task["settings"].get("camera"),
        "counts": task["counts"],
        "nights": task["nights"],
        "lent": [path for *_, path in task["loans"]],
        "seconds": round(time.monotonic() - began, 1),
        "versions": software.present(),
        "products": products_of(name),
    }
    return sealed(record | left, None, work / RECORD)


def _left(work: Path, nights: Iterable[str]) -> tuple[dict[str, Any], str | None]:
    """What the record tells of a night's results, and what is wrong with them."""
    try:
        return _verdict(work, nights) | measured(work), None
    except (CcdlibError, OSError) as error:
        nothing = dict.fromkeys(("lights", "refused", "odd"), 0) | {"words": "", "masters": []}
        return nothing, " ".join(in_words(error).split())


def _verdict(work: Path, nights: Iterable[str]) -> dict[str, Any]:
    """What the night's own report says, summed up where the folder holds several dates."""
    folder = work / "results/qa/report"
    pages = sorted(folder.glob("*.json")) if folder.exists() else []
    known = set(nights)
    found = [unsealed(path) for path in pages if path.stem in known or not known]
    told = [each for each in found if each is not None]
    numbers = {key: sum(each[key] for each in told) for key in ("lights", "refused", "odd")}
    return numbers | {"words": " ".join(each["words"] for each in told)}
