"""What a recipe makes a product from: paths and plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from ..raw.indexed_file import IndexedFile
    from ..raw.raw_folder import RawDir

__all__ = ["Task"]


@dataclass(frozen=True)
class Task:
    """One product to make.

    Attributes
    ----------
    output : path
        Where it is written.
    raw_dir : str or list of str
        The folders that the raw frames lie in.
    frames : list of dict
        file, sha256 and facts of each raw frame.
    masters : dict
        {kind: path} of what the frames are calibrated with.
    settings : dict
        The sections of the config that the product depends on.
    dark_scale : float
        Factor on the master dark of a single frame.
    recipe : str
        Digest of all that goes into the product, which it carries; empty for none.
    record : str or None
        Where what the report needs is written.
    limits : dict
        memory_mb and threads of the job, on which no result depends.
    ready : list of IndexedFile
        Those of the masters that were there already, and the user's own map of bad pixels.
    """

    output: str | Path
    raw_dir: RawDir
    frames: list[dict[str, Any]]
    masters: dict[str, str | Path]
    settings: dict[str, Any]
    dark_scale: float = 1.0
    recipe: str = ""
    record: str | None = None
    limits: dict[str, Any] = field(default_factory=dict)
    ready: list[IndexedFile] = field(default_factory=list)
