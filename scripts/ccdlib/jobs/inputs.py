"""Reading what a task names: raw frames that are still those of the index, measured detectors."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..camera.amplifiers import amplifiers_from_rows, layout_of
from ..errors import CcdlibError
from ..limits import refuse_without_memory
from ..master.member import Member
from ..plan.job_needs import PIXEL_BYTES
from ..products.check_stored import check_stored
from ..products.master_cards import measured_amplifiers
from ..products.product_files import read_product
from ..products.recipes import refuse_damaged
from ..raw.frame_names import frame_name
from ..raw.indexed_file import IndexedFile
from ..raw.raw_folder import resolve
from ..state import unsealed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .task import Task

__all__ = ["lights_of", "measured_detector", "unchanged"]


def measured_detector(path: str | Path | None) -> tuple[list[dict] | None, str | None]:
    """Gain and read noise of each amplifier, from a detector file or a ready master, and its name.

    Parameters
    ----------
    path : path or None

    Returns
    -------
    amplifiers : list of dict or None
    name : str or None

    Raises
    ------
    CcdlibError
        If the file was damaged since it was written.
    """
    if not path:
        return None, None
    path = Path(path)
    if path.suffix == ".json":
        refuse_damaged(path, check_stored(path))
        return (unsealed(path) or {})["amplifiers"], path.stem
    return measured_amplifiers(read_product(path).header), path.stem


def lights_of(task: Task) -> dict[str, str | Path]:
    """The lights of a task that is made of calibrated ones.

    Parameters
    ----------
    task : Task
        Its masters are calibrated, calibrated_2 ..., in the order of its frames.

    Returns
    -------
    dict
        {FRAME: path}, in that order. Files of two folders may have one name, FRAMEs are unlike.
    """
    frames = [frame_name(frame["file"]) for frame in task.frames]
    names = ["calibrated", *(f"calibrated_{at}" for at in range(2, len(frames) + 1))]
    return {frame: task.masters[name] for frame, name in zip(frames, names, strict=True)}


@contextmanager
def unchanged(task: Task) -> Iterator[list[Member]]:
    """The raw frames of a task; they and its masters are what the plan names while they are read.

    What is made of them is to be written after the block.

    Parameters
    ----------
    task : Task

    Yields
    ------
    list of Member
        One for each raw frame.

    Raises
    ------
    CcdlibError
        If a raw frame or a ready master is gone or not as it was indexed, before it is read or
        after, if one of the run's own masters was replaced meanwhile, or if the machine has not the
        memory for a frame.
    """
    for frame in task.frames[:1]:
        pixels = layout_of(amplifiers_from_rows(frame["facts"]["amplifiers"])).pixels
        what = f"{frame['file']}: a frame of {pixels} pixels"
        refuse_without_memory(pixels * PIXEL_BYTES / 1e6, what)
    indexed = [
        IndexedFile(resolve(task.raw_dir, frame["file"]), frame["file"], frame["sha256"])
        for frame in task.frames
    ]
    before = _written(task)
    try:
        yield [
            Member(each.path, each.name, frame["facts"])
            for each, frame in zip(indexed, task.frames, strict=True)
        ]
    except Exception:
        # it may only say that a file was cut under its reader
        _check([*indexed, *task.ready], task, before)
        raise
    _check([*indexed, *task.ready], task, before)


def _written(task):
    """Size and inode of each master that is there; they are renamed into place, then touched."""
    there = {kind: path for kind, path in task.masters.items() if path and os.path.exists(path)}
    stats = {kind: os.stat(path) for kind, path in there.items()}
    return {kind: (stat.st_size, stat.st_ino) for kind, stat in stats.items()}


def _check(indexed, task, before):
    """Refuse what was read of files that did not stay what they were."""
    for each in indexed:
        each.check()
    for kind, now in _written(task).items():
        if now != before.get(kind):
            raise CcdlibError(f"{task.masters[kind]}: replaced while it was read")
