"""Reading what a task names: raw frames that are still those of the index, measured detectors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import CcdlibError
from ..master.member import Member
from ..products.check_stored import check_stored
from ..products.master_cards import measured_amplifiers
from ..products.product_files import read_product
from ..products.recipes import refuse_damaged
from ..raw.raw_folder import resolve, sha256
from ..state import unsealed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..raw.raw_folder import RawDir
    from .task import Task

__all__ = ["checked_path", "measured_detector", "stack_members"]


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


def checked_path(raw_dir: RawDir, member: Mapping[str, Any]) -> str:
    """The path of a raw file, after a look that it is still the one that was indexed.

    Parameters
    ----------
    raw_dir : str or list of str
    member : dict
        Its file and sha256.

    Raises
    ------
    CcdlibError
        If it is gone or changed.
    """
    path = resolve(raw_dir, member["file"])
    try:
        found = sha256(path)
    except FileNotFoundError:
        raise CcdlibError(f"{member['file']}: gone since it was indexed") from None
    if found != member["sha256"]:
        raise CcdlibError(
            f"{member['file']}: changed since it was indexed, SHA-256 {found} "
            f"instead of {member['sha256']}"
        )
    return path


def stack_members(task: Task) -> list[Member]:
    """A `Member` for each raw frame of a task, after a look that it is still the one indexed."""
    return [
        Member(checked_path(task.raw_dir, frame), frame["file"], frame["facts"])
        for frame in task.frames
    ]
